"""SubmissionSets and Folders by their attributes, as SQL: one statement for each combination of filters, built once.

Source: ITI TF-2 3.18.4.1.2.3.7.2 and 3.18.4.1.2.3.7.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from registry.scope import Scope
from registry.store.find_documents import code_key, limit_values
from registry.store.seeing import folder_time, package_clause, package_columns
from registry.store.tables import FOLDER, FOLDER_CODE, SUBMISSION_SET
from registry.store.visibility import ScopeShape, scope_shape, scope_values
from registry.stored_query import FindSubmissionSets, FolderCriteria, TimeRange

Bound = tuple[sa.Select[Any], dict[str, Any]]

_SET_COLUMNS = {
    "source_ids": SUBMISSION_SET.c.source_id,
    "content_types": SUBMISSION_SET.c.content_type_code,
    "author_persons": SUBMISSION_SET.c.author_persons,
}


def submission_sets(
    query: FindSubmissionSets, scope: Scope, author_persons: Sequence[str], whole: bool, limit: int
) -> Bound:
    """The statement for `query` within `scope`, and its values.

    `author_persons` are the values of that column in the dossier that hold a person whom the query's pattern matches.
    """
    values: dict[str, Any] = {}
    if query.source_ids:
        values["source_ids"] = query.source_ids
    if query.content_types:
        values["content_types"] = [code_key(code) for code in query.content_types]
    if query.author_person:
        values["author_persons"] = author_persons
    limit_values(values)
    values |= _sides(query.submission_time)
    statement = _submission_sets(scope_shape(scope), tuple(values), whole)
    return statement, {**values, **scope_values(scope), "statuses": query.statuses, "limit": limit}


def folders(query: FolderCriteria, scope: Scope, whole: bool, limit: int) -> Bound:
    """The statement for `query` within `scope`, and its values."""
    values: dict[str, Any] = {
        f"codes_{number}": [code_key(code) for code in codes] for number, codes in enumerate(query.codes)
    }
    values |= _sides(query.last_update_time)
    statement = _folders(scope_shape(scope), tuple(values), whole, not query.every_version)
    return statement, {**values, **scope_values(scope), "statuses": query.statuses, "limit": limit}


def _sides(limits: TimeRange) -> dict[str, str]:
    return {side: bound for side in ("start", "stop") if (bound := getattr(limits, side))}


@lru_cache(maxsize=256)
def _submission_sets(shape: ScopeShape, filters: tuple[str, ...], whole: bool) -> sa.Select[Any]:
    conditions = _times(SUBMISSION_SET.c.submission_time, filters)
    conditions += [column.in_(_many(name)) for name, column in _SET_COLUMNS.items() if name in filters]
    return _statement(shape, SUBMISSION_SET, conditions, SUBMISSION_SET.c.submission_time, whole)


@lru_cache(maxsize=256)
def _folders(shape: ScopeShape, filters: tuple[str, ...], whole: bool, latest: bool) -> sa.Select[Any]:
    time = folder_time(shape)
    conditions = _times(time, filters)
    for name in filters:
        if name.startswith("codes_"):
            held = sa.select(FOLDER_CODE.c.folder).where(FOLDER_CODE.c.code.in_(_many(name)))
            conditions.append(sa.exists(held.where(FOLDER_CODE.c.folder == FOLDER.c.id).correlate(FOLDER)))
    if latest:
        conditions.append(FOLDER.c.latest)
    return _statement(shape, FOLDER, conditions, time, whole)


def _statement(
    shape: ScopeShape,
    table: sa.Table,
    conditions: Sequence[sa.ColumnElement[bool]],
    time: sa.ColumnElement[str],
    whole: bool,
) -> sa.Select[Any]:
    """The rows of `table` that `conditions` and the Scope let through, oldest first."""
    statuses = table.c.availability_status.in_(_many("statuses", table.c.availability_status.type))
    return (
        sa.select(*package_columns(shape, table, whole))
        .where(statuses, *conditions, package_clause(shape, table))
        .order_by(time, table.c.id)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


def _many(name: str, type_: Any = sa.Text) -> sa.BindParameter[Any]:
    return sa.bindparam(name, expanding=True, type_=type_)


def _times(column: sa.ColumnElement[str], filters: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
    """From <= time < To. Source: ITI TF-2 3.18.4.1.2.3.3."""
    conditions = []
    if "start" in filters:
        conditions.append(column >= sa.bindparam("start", type_=sa.Text))
    if "stop" in filters:
        conditions.append(column < sa.bindparam("stop", type_=sa.Text))
    return conditions
