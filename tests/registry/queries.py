"""Stored queries made from the rows of the table: any that can be asked, of values that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from registry.stored_query import ANY_TIME, ReturnType, StoredQuery
from registry.stored_query_table import Many, Parameter, Row

Pick = Callable[[Sequence[Any]], Any]


def made(
    row: Row, value: Callable[[Parameter], Any], pick: Pick, optional: Sequence[bool] = (False, True)
) -> StoredQuery:
    """A query of `row`: `value` gives one value of a parameter, `pick` chooses among several things.

    What `pick` takes of `optional` says whether a parameter comes that need not.
    """
    absent = set(row.either) - {pick(row.either)} if row.either else set()
    absent |= {pick(pair) for pair in row.apart}
    present = {pick(row.either)} if row.either else set()
    present |= {pick(row.some)} if row.some else set()
    fields: dict[str, Any] = {}
    for parameter in row.parameters:
        needed = parameter.required or parameter.slot in present or parameter.slot in row.either
        if parameter.slot in absent or not (needed or pick(optional)):
            continue
        content = _content(parameter, value, pick)
        if parameter.side:
            content = replace(fields.get(parameter.field, ANY_TIME), **{parameter.side: content})
        fields[parameter.field] = content
    return row.query(return_type=pick(tuple(ReturnType)), **fields)


def _content(parameter: Parameter, value: Callable[[Parameter], Any], pick: Pick) -> Any:
    if parameter.many is Many.ONE:
        return value(parameter)
    if parameter.many is Many.ANY:
        return _several(parameter, value, pick)
    return tuple(_several(parameter, value, pick) for _ in range(pick((1, 1, 2))))


def _several(parameter: Parameter, value: Callable[[Parameter], Any], pick: Pick) -> tuple[Any, ...]:
    return tuple(value(parameter) for _ in range(pick((1, 2, 3))))
