"""DocumentEntries by their attributes, as SQL: one statement for each combination of filters, built once.

Source: ITI TF-2 3.18.4.1.2.3.7.1 and 3.18.4.1.2.3.7.14; CP-ITI-1323.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from registry.errors import ErrorCode, RegistryError
from registry.metadata import AvailabilityStatus, Code, ObjectType
from registry.scope import Scope
from registry.store.identifiers import among
from registry.store.tables import AUTHOR, CODE, ENTRY
from registry.store.told import columns
from registry.store.visibility import PATIENT, ScopeShape, scope_clause, scope_shape, scope_values
from registry.stored_query import TimeRange

EVENT_CODES = "event_codes"
CONFIDENTIALITY_CODES = "confidentiality_codes"
REFERENCE_IDS = "reference_ids"

SINGLE_CODES: Mapping[str, sa.Column[str]] = {
    "type_codes": ENTRY.c.type_code,
    "class_codes": ENTRY.c.class_code,
    "format_codes": ENTRY.c.format_code,
    "healthcare_facility_type_codes": ENTRY.c.healthcare_facility_type_code,
    "practice_setting_codes": ENTRY.c.practice_setting_code,
}
SEVERAL_CODES = (EVENT_CODES, CONFIDENTIALITY_CODES, REFERENCE_IDS)
_TIMES: Mapping[str, sa.Column[str]] = {
    "creation_time": ENTRY.c.creation_time,
    "service_start_time": ENTRY.c.service_start_time,
    "service_stop_time": ENTRY.c.service_stop_time,
}
_PERSONS = "author_persons"
MAX_STATEMENT_VALUES = 30_000  # SQLite takes 32,766 parameters, PostgreSQL 65,535


class Wanted(NamedTuple):
    """What limits the documents, beside the Scope.

    `criteria` is a query, or part of one: attributes that it lacks limit nothing. `persons` and `references` are what
    the dossier has of the patterns given: they turn authorPerson patterns, and referenceIdList patterns, into values.
    """

    criteria: Any
    persons: Callable[[Sequence[str]], list[str]]
    references: Callable[[Sequence[str]], list[str]]
    statuses: tuple[AvailabilityStatus, ...] | None = None
    latest: bool = True


class _Filter(NamedTuple):
    """One condition. `part` is the side of a time range, or the number among slots that all must match."""

    attribute: str
    part: str = ""
    excluded: bool = False

    @property
    def parameter(self) -> str:
        return f"{'not' if self.excluded else 'is'}_{self.attribute}_{self.part}"


class _Shape(NamedTuple):
    """What changes the SQL."""

    scope: ScopeShape
    filters: tuple[_Filter, ...]
    whole: bool
    by_status: bool
    latest: bool
    on_demand: bool
    keyed: bool


def code_key(code: Code) -> str:
    """A code in one column, as a query codes it."""
    return f"{code.code}^^{code.scheme}"


def documents(
    wanted: Wanted, scope: Scope, whole: bool, limit: int | None = None
) -> tuple[sa.Select[Any], dict[str, Any]]:
    """The statement for what is `wanted` within `scope`, and its values.

    Oldest first and at most `limit`; without a limit, those of the parameter `identifiers`, entryUUIDs.
    """
    filters: dict[_Filter, Any] = {}
    for excluded in (False, True):
        filters.update(_filters(wanted, excluded))
    types = _object_types(wanted.criteria)
    shape = _Shape(
        scope=scope_shape(scope),
        filters=tuple(filters),
        whole=whole,
        by_status=wanted.statuses is not None,
        latest=wanted.latest,
        on_demand=ObjectType.ON_DEMAND in types,
        keyed=limit is None,
    )
    values = {each.parameter: value for each, value in filters.items()}
    limit_values(values)
    values |= scope_values(scope) | {"statuses": wanted.statuses or (), "object_types": types, "limit": limit or 0}
    return _statement(shape), values


def limit_values(values: Mapping[str, Any]) -> None:
    """Raises RegistryError XDSTooManyResults when patterns match more than one statement holds."""
    count = sum(len(value) for value in values.values() if isinstance(value, Sequence) and not isinstance(value, str))
    if count > MAX_STATEMENT_VALUES:
        expected = f"patterns that match at most {MAX_STATEMENT_VALUES} values"
        raise RegistryError.single(ErrorCode.XDSTooManyResults, "query", expected=expected, got=f"{count}")


def _filters(wanted: Wanted, excluded: bool) -> Iterable[tuple[_Filter, Any]]:
    def given(attribute: str) -> Any:
        return getattr(wanted.criteria, f"excluded_{attribute}" if excluded else attribute, ())

    for name in SINGLE_CODES:
        if codes := given(name):
            yield _Filter(name, excluded=excluded), [code_key(code) for code in codes]
    for name in (EVENT_CODES, CONFIDENTIALITY_CODES):
        for number, codes in enumerate(given(name)):
            yield _Filter(name, str(number), excluded), [code_key(code) for code in codes]
    for number, patterns in enumerate(given(REFERENCE_IDS)):
        yield _Filter(REFERENCE_IDS, str(number), excluded), wanted.references(patterns)
    if patterns := given(_PERSONS):
        yield _Filter(_PERSONS, excluded=excluded), wanted.persons(patterns)
    if excluded:
        return
    for name in _TIMES:
        limits: TimeRange = given(name) or TimeRange()
        for side in ("start", "stop"):
            if bound := getattr(limits, side):
                yield _Filter(name, side), bound


def _object_types(criteria: Any) -> tuple[ObjectType, ...]:
    excluded = getattr(criteria, "excluded_object_types", ())
    return tuple(kind for kind in ObjectType if kind not in excluded) if excluded else criteria.object_types


# --- Statements -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _statement(shape: _Shape) -> sa.Select[Any]:
    conditions = [
        ENTRY.c.object_type.in_(_many("object_types", ENTRY.c.object_type.type)),
        scope_clause(shape.scope, latest=shape.latest),
    ]
    if shape.by_status:
        conditions.append(ENTRY.c.availability_status.in_(_many("statuses", ENTRY.c.availability_status.type)))
    conditions += [_condition(each, shape.on_demand) for each in shape.filters if not each.excluded]
    for attribute in dict.fromkeys(each.attribute for each in shape.filters if each.excluded):
        slots = [each for each in shape.filters if each.excluded and each.attribute == attribute]
        conditions.append(sa.not_(sa.and_(*(_condition(each, shape.on_demand) for each in slots))))
    statement = sa.select(*columns(ENTRY, shape.whole))
    if shape.keyed:
        return statement.where(among(ENTRY.c.entry_uuid), *conditions).order_by(ENTRY.c.id)
    limit = sa.bindparam("limit", type_=sa.Integer)
    return statement.where(*conditions).order_by(ENTRY.c.creation_time, ENTRY.c.id).limit(limit)


def _many(name: str, type_: Any = sa.Text) -> sa.BindParameter[Any]:
    return sa.bindparam(name, expanding=True, type_=type_)


def _condition(each: _Filter, on_demand: bool) -> sa.ColumnElement[bool]:
    if each.attribute in SINGLE_CODES:
        return SINGLE_CODES[each.attribute].in_(_many(each.parameter))
    if each.attribute in _TIMES:
        return _bound(each, on_demand)
    if each.attribute == _PERSONS:
        entries = sa.select(AUTHOR.c.entry).where(AUTHOR.c.person.in_(_many(each.parameter)))
        return ENTRY.c.id.in_(entries.where(AUTHOR.c.patient == PATIENT))
    entries = sa.select(CODE.c.entry).where(CODE.c.attribute == each.attribute, CODE.c.code.in_(_many(each.parameter)))
    return ENTRY.c.id.in_(entries.where(CODE.c.patient == PATIENT))


def _bound(each: _Filter, on_demand: bool) -> sa.ColumnElement[bool]:
    """From <= time < To. A service time that is not there excludes nothing; creationTime is no matter of On-Demand."""
    column, bound = _TIMES[each.attribute], sa.bindparam(each.parameter, type_=sa.Text)
    within = column >= bound if each.part == "start" else column < bound
    if each.attribute != "creation_time":
        return sa.or_(column.is_(None), within)
    return sa.or_(ENTRY.c.object_type == ObjectType.ON_DEMAND, within) if on_demand else within
