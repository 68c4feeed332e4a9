"""FindDocuments as SQL: one statement for each combination of filters, built once.

Source: ITI TF-2 3.18.4.1.2.3.7.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from registry.metadata import Code, ObjectType
from registry.scope import Scope
from registry.store.tables import AUTHOR, CODE, ENTRY
from registry.store.visibility import PATIENT, ScopeShape, scope_clause, scope_shape, scope_values
from registry.stored_query import FindDocuments

EVENT_CODES = "event_codes"
CONFIDENTIALITY_CODES = "confidentiality_codes"
REFERENCE_IDS = "reference_ids"

_SINGLE_CODES = (
    ("type_codes", ENTRY.c.type_code),
    ("class_codes", ENTRY.c.class_code),
    ("format_codes", ENTRY.c.format_code),
    ("healthcare_facility_type_codes", ENTRY.c.healthcare_facility_type_code),
    ("practice_setting_codes", ENTRY.c.practice_setting_code),
)
_TIMES = (
    ("creation_time", ENTRY.c.creation_time),
    ("service_start_time", ENTRY.c.service_start_time),
    ("service_stop_time", ENTRY.c.service_stop_time),
)


def code_key(code: Code) -> str:
    """A code in one column, as a query codes it."""
    return f"{code.code}^^{code.scheme}"


def find_documents(
    query: FindDocuments, scope: Scope, persons: Iterable[str], limit: int
) -> tuple[sa.Select[Any], dict[str, Any]]:
    """The statement for `query` within `scope`, and its values; rows are (body, availability_status).

    `persons` are the authorPerson values of the patient that the query's patterns match.
    """
    values: dict[str, Any] = {
        **scope_values(scope),
        "statuses": query.statuses,
        "object_types": query.object_types,
        "limit": limit,
    }
    filters = []
    for name, _ in _SINGLE_CODES:
        if codes := getattr(query, name):
            values[name] = [code_key(code) for code in codes]
            filters.append(name)
    for name, _ in _TIMES:
        for side in ("start", "stop"):
            if bound := getattr(getattr(query, name), side):
                values[f"{name}_{side}"] = bound
                filters.append(f"{name}_{side}")
    for attribute in (EVENT_CODES, CONFIDENTIALITY_CODES):
        for number, codes in enumerate(getattr(query, attribute)):
            values[f"{attribute}_{number}"] = [code_key(code) for code in codes]
            filters.append(f"{attribute}_{number}")
    if ObjectType.ON_DEMAND in query.object_types:
        filters.append("on_demand")
    if query.author_persons:
        values["persons"] = list(persons)
        filters.append("persons")
    return _statement(scope_shape(scope), tuple(filters)), values


@lru_cache(maxsize=1024)
def _statement(shape: ScopeShape, filters: tuple[str, ...]) -> sa.Select[Any]:
    conditions = [
        ENTRY.c.availability_status.in_(_many("statuses", ENTRY.c.availability_status.type)),
        ENTRY.c.object_type.in_(_many("object_types", ENTRY.c.object_type.type)),
        scope_clause(shape),
    ]
    conditions += [column.in_(_many(name)) for name, column in _SINGLE_CODES if name in filters]
    conditions += [
        _bound(column, name, side, "on_demand" in filters)
        for name, column in _TIMES
        for side in ("start", "stop")
        if f"{name}_{side}" in filters
    ]
    for name in filters:
        attribute = name.rpartition("_")[0]
        if attribute in (EVENT_CODES, CONFIDENTIALITY_CODES):
            conditions.append(_has_code(attribute, name))
    if "persons" in filters:
        of_person = sa.select(AUTHOR.c.entry).where(AUTHOR.c.patient == PATIENT, AUTHOR.c.person.in_(_many("persons")))
        conditions.append(ENTRY.c.id.in_(of_person))
    return (
        sa.select(ENTRY.c.body, ENTRY.c.availability_status)
        .where(*conditions)
        .order_by(ENTRY.c.creation_time, ENTRY.c.id)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


def _many(name: str, type_: Any = sa.Text) -> sa.BindParameter[Any]:
    return sa.bindparam(name, expanding=True, type_=type_)


def _bound(column: sa.ColumnElement[str], name: str, side: str, on_demand: bool) -> sa.ColumnElement[bool]:
    """From <= time < To. A service time that is not there excludes nothing; creationTime is no matter of On-Demand."""
    bound = sa.bindparam(f"{name}_{side}", type_=sa.Text)
    within = column >= bound if side == "start" else column < bound
    if name != "creation_time":
        return sa.or_(column.is_(None), within)
    return sa.or_(ENTRY.c.object_type == ObjectType.ON_DEMAND, within) if on_demand else within


def _has_code(attribute: str, name: str) -> sa.ColumnElement[bool]:
    entries = sa.select(CODE.c.entry).where(
        CODE.c.patient == PATIENT, CODE.c.attribute == attribute, CODE.c.code.in_(_many(name))
    )
    return ENTRY.c.id.in_(entries)


def matches(pattern: str, text: str) -> bool:
    """SQL LIKE without escape character: `%` any text, `_` one character, all else itself. Linear in most cases.

    Matched here and not by the database, whose LIKE differ in case and in escapes. Source: ITI TF-2 3.18.4.1.2.3.7.1.
    """
    at, here, star, retry = 0, 0, -1, 0
    while here < len(text):
        if at < len(pattern) and pattern[at] == "%":
            star, retry, at = at, here, at + 1
        elif at < len(pattern) and pattern[at] in ("_", text[here]):
            at, here = at + 1, here + 1
        elif star >= 0:
            retry += 1
            at, here = star + 1, retry
        else:
            return False
    return all(character == "%" for character in pattern[at:])
