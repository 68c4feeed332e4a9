"""How a stored query is coded in slots: read and written by the rows of `registry.stored_query_table`.

Source: ITI TF-2 3.18.4.1.2.3 (coding) and 3.18.4.1.3 (errors).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

from registry.errors import ErrorCode, Finding, RegistryError, finding
from registry.existing import canonical_id
from registry.metadata import DtmError
from registry.stored_query import ANY_TIME, ReturnType, StoredQuery, TimeRange
from registry.stored_query_table import ROWS, STATUS, Many, Parameter, Row

MAX_VALUES = 10_000  # of one query: as many as one answer has objects; databases limit the values of a statement
MAX_SLOTS = 32  # of one name: each is a condition of the statement

_BY_ID = {row.id: row for row in ROWS}
_BY_CLASS = {row.query: row for row in ROWS}

Slot = tuple[str, Sequence[str]]


# --- Reading ----------------------------------------------------------------------------------------------------------


def read_stored_query(
    query_id: str, slots: Sequence[Slot], return_type: ReturnType, *, multi_patient: bool = False
) -> StoredQuery:
    """The query that `slots` code: (name, texts of the Value elements), in message order; a name may come again.

    `multi_patient` says that ITI-51 asks, which has queries of its own. Parameters that the query does not have
    (`$homeCommunityId`, the separate code scheme slots of XDS.a) are left aside. Raises RegistryError with every fault
    found: XDSUnknownStoredQuery, XDSStoredQueryMissingParam, XDSStoredQueryParamNumber, or XDSRegistryError for a value
    that is not coded as it must.
    Source: ITI TF-2 3.18.4.1.2.3, 3.18.4.1.3, 3.51.4.1.2.
    """
    row = _BY_ID.get(canonical_id(query_id))
    if row is None or row.query.multi_patient is not multi_patient:
        code = ErrorCode.XDSUnknownStoredQuery
        known = ", ".join(item.query.__name__ for item in ROWS if item.query.multi_patient is multi_patient)
        got = row.query.__name__ if row else query_id[:64]
        raise RegistryError.single(code, "AdhocQuery/@id", expected=f"one of {known}", got=got)
    if findings := _too_much(slots):
        raise RegistryError(findings)
    given = {name for name, values in slots if any(map(_says_something, values))}
    findings += _wrong_together(row, given)
    read_fields: dict[str, Any] = {}
    for parameter in row.parameters:
        read = _read_parameter(parameter, [values for name, values in slots if name == parameter.slot], findings)
        if parameter.side and read:
            sides = {parameter.side: read}
            before: TimeRange = read_fields.get(parameter.field, ANY_TIME)
            read_fields[parameter.field] = TimeRange(
                start=sides.get("start", before.start), stop=sides.get("stop", before.stop)
            )
        elif read is not None:
            read_fields[parameter.field] = read
    if findings:
        raise RegistryError(findings)
    return row.query(return_type=return_type, **read_fields)


def _too_much(slots: Sequence[Slot]) -> list[Finding]:
    """What no statement could hold. Commas are counted, before anything is read of the values."""
    code, names = ErrorCode.XDSStoredQueryParamNumber, Counter(name for name, _ in slots)
    many = {name[:64]: count for name, count in names.items() if count > MAX_SLOTS}
    found = [finding(code, name, expected=f"at most {MAX_SLOTS} slots", got=str(many[name])) for name in many]
    values = sum(1 + value.count(",") for _, texts in slots for value in texts)
    if values > MAX_VALUES:
        found.append(finding(code, "AdhocQuery", expected=f"at most {MAX_VALUES} values", got=str(values)))
    return found


def _wrong_together(row: Row, given: Collection[str]) -> list[Finding]:
    """What is wrong with the parameters that are there, beside any single one."""
    number, missing = ErrorCode.XDSStoredQueryParamNumber, ErrorCode.XDSStoredQueryMissingParam
    found = []
    named = [slot for slot in row.either if slot in given]
    if row.either and len(named) != 1:
        got = " and ".join(named) or "none"
        code = number if named else missing
        found.append(finding(code, " or ".join(row.either), expected="one of them", got=got))
    if row.some and not any(slot in given for slot in row.some):
        found.append(finding(missing, " or ".join(row.some), expected="one of them at least", got="none"))
    for pair in row.apart:
        if all(slot in given for slot in pair):
            found.append(finding(number, " or ".join(pair), expected="one of them", got="both"))
    return found


def _read_parameter(parameter: Parameter, given: list[Sequence[str]], findings: list[Finding]) -> Any:
    """The field's value, or None when the parameter is not there or at fault."""
    faults = len(findings)
    if len(given) > 1 and parameter.many is not Many.ALL:
        findings.append(_wrong_number(parameter, "one slot", f"{len(given)} slots"))
        return None
    alternatives = [_read_values(parameter, values, findings) for values in given]
    if len(findings) > faults:
        return None
    read = [tuple(item for item in values if item is not None) for values in alternatives]
    if parameter.required and not any(read):
        code = ErrorCode.XDSStoredQueryMissingParam
        expected = f"a slot with {parameter.kind.expected}"
        got = "only values that are not known" if any(alternatives) else "none"
        findings.append(finding(code, parameter.slot, expected=expected, got=got))
        return None
    if not any(alternatives):
        return None
    if parameter.many is Many.ALL:
        return tuple(group for group in read if group)
    if parameter.many is Many.ANY:
        return None if parameter.kind is STATUS and not read[0] else read[0]
    if len(read[0]) > 1:
        findings.append(_wrong_number(parameter, "one value", f"{len(read[0])}"))
        return None
    return read[0][0] if read[0] else None


def _wrong_number(parameter: Parameter, expected: str, got: str) -> Finding:
    return finding(ErrorCode.XDSStoredQueryParamNumber, parameter.slot, expected=expected, got=got)


def _read_values(parameter: Parameter, values: Sequence[str], findings: list[Finding]) -> list[Any]:
    read: list[Any] = []
    for value in values:
        texts = _split(value)
        if texts is None:
            findings.append(_miscoded(parameter, "'...' or ('...','...')"))
            continue
        for text in texts:
            try:
                read.append(parameter.kind.read(text))
            except (DtmError, ValueError):
                findings.append(_miscoded(parameter, parameter.kind.expected))
    return read


def _miscoded(parameter: Parameter, expected: str) -> Finding:
    return finding(ErrorCode.XDSRegistryError, parameter.slot, expected=expected, got="a value coded otherwise")


_LITERAL = r"(?:'(?:[^']|'')*'|[0-9]+)"
_LIST = re.compile(rf"\s*(?:{_LITERAL}|\(\s*{_LITERAL}(?:\s*,\s*{_LITERAL})*\s*\))\s*\Z")
_LITERALS = re.compile(_LITERAL)


def _split(value: str) -> list[str] | None:
    """The literals of one Value: a quoted text, a number, or a list of them in parentheses; None for anything else."""
    if not value.strip():
        return []
    if not _LIST.match(value):
        return None
    return [item[1:-1].replace("''", "'") if item.startswith("'") else item for item in _LITERALS.findall(value)]


def _says_something(value: str) -> bool:
    """Whether there is more to a Value than blanks and empty literals."""
    return bool(value.strip(" \t\r\n()',")) or any(_split(value) or ())


# --- Writing ----------------------------------------------------------------------------------------------------------


def write_stored_query(query: StoredQuery) -> tuple[str, list[tuple[str, list[str]]]]:
    """The query's id and the slots that code it, one literal to a Value, so that each Value stays short.

    What stands at its default is not said. Source: ITI TF-2 3.18.4.1.2.3.
    """
    row = _BY_CLASS[type(query)]
    slots: list[tuple[str, list[str]]] = []
    said = {field.name for field in fields(query) if getattr(query, field.name) != field.default}
    for parameter in (each for each in row.parameters if each.field in said):
        content = getattr(query, parameter.field)
        if parameter.side:
            content = getattr(content, parameter.side)
        if parameter.many is Many.ONE:
            groups = [[_literal(parameter, content)]] if content else []
        elif parameter.many is Many.ANY:
            groups = [[f"({_literal(parameter, item)})" for item in content]] if content else []
        else:
            groups = [[f"({_literal(parameter, item)})" for item in group] for group in content]
        slots += [(parameter.slot, values) for values in groups]
    return row.id, slots


def _literal(parameter: Parameter, item: Any) -> str:
    text = parameter.kind.write(item)
    return text if parameter.kind.bare else "'" + text.replace("'", "''") + "'"
