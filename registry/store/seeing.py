"""What of a dossier one Scope lets be seen, object by object: no row leaves here that it hides.

An association is seen when both its ends are; a submission set or folder when one of its documents is, or when it has
none and the requester reaches every document.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from registry.metadata import AssociationType
from registry.scope import Reach, Scope
from registry.store.identifiers import among, chunks
from registry.store.tables import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET
from registry.store.told import Rows, columns
from registry.store.visibility import PATIENT, ScopeShape, scope_clause, scope_shape, scope_values
from registry.stored_query import ReturnType, StoredQuery

SOURCE, TARGET = "source", "target"
_DEPTH = 2  # a submission set holds associations; these stand between objects


def package_clause(shape: ScopeShape, package: sa.Table) -> sa.ColumnElement[bool]:
    """Which rows of `package`, the table of SubmissionSets or that of Folders, a Scope of that shape lets be seen."""
    member = _members(package, sa.literal(1))
    seen: sa.ColumnElement[bool] = sa.exists(member.where(scope_clause(shape)))
    if shape.reach is Reach.ALL:
        seen = sa.or_(seen, sa.not_(sa.exists(member)))
    return sa.and_(package.c.patient == PATIENT, seen)


def folder_time(shape: ScopeShape) -> sa.ColumnElement[str]:
    """When a folder last changed, as a Scope of that shape lets it be seen: what is hidden in it changed nothing."""
    came = _members(FOLDER, sa.func.max(ASSOCIATION.c.received)).where(scope_clause(shape))
    hides = sa.exists(_members(FOLDER, sa.literal(1)).where(sa.not_(scope_clause(shape))))
    return sa.case((hides, came.scalar_subquery()), else_=FOLDER.c.last_update_time)


def _members(package: sa.Table, told: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """`told` of the documents of each row of `package`."""
    return (
        sa.select(told)
        .select_from(ASSOCIATION)
        .join(ENTRY, sa.and_(ENTRY.c.patient == ASSOCIATION.c.patient, ENTRY.c.entry_uuid == ASSOCIATION.c.target))
        .where(
            ASSOCIATION.c.patient == PATIENT,
            ASSOCIATION.c.type == AssociationType.HAS_MEMBER,
            ASSOCIATION.c.source == package.c.entry_uuid,
        )
        .correlate(package)
    )


def package_columns(shape: ScopeShape, package: sa.Table, whole: bool) -> tuple[sa.ColumnElement[Any], ...]:
    """What is read of a row of `package` to tell it."""
    time = (folder_time(shape).label("last_update_time"),) if whole and package is FOLDER else ()
    return (*columns(package, whole), *time)


class Sight:
    """The rows of one dossier that one Scope lets be seen, read as one answer needs them."""

    def __init__(self, connection: sa.Connection, scope: Scope, query: StoredQuery | None = None) -> None:
        """`query` says whether bodies are read, and which associations count; by default all is read."""
        self.connection, self.scope = connection, scope
        self.values, self.shape = scope_values(scope), scope_shape(scope)
        self.whole = query is None or query.return_type is ReturnType.LEAF_CLASS
        self._statuses = query.told_statuses if query else None

    def entries(self, column: str, identifiers: Iterable[str], *, latest: bool = False) -> Rows:
        """The DocumentEntries that have one of `identifiers` in `column`, oldest first."""
        return self._sorted(_entries(self.shape, column, self.whole, latest), identifiers)

    def sets(self, column: str, identifiers: Iterable[str]) -> Rows:
        """The SubmissionSets that have one of `identifiers` in `column`, oldest first."""
        return self._sorted(_packages(self.shape, SUBMISSION_SET, column, self.whole, latest=False), identifiers)

    def folders(self, column: str, identifiers: Iterable[str], *, latest: bool = False) -> Rows:
        """The Folders that have one of `identifiers` in `column`, oldest first."""
        return self._sorted(_packages(self.shape, FOLDER, column, self.whole, latest), identifiers)

    def associations_at(self, uuids: Collection[str], *ends: str, types: Sequence[AssociationType] = ()) -> list[Any]:
        """Associations with one of `uuids` at one of these ends (any end by default), each once, oldest first.

        Not yet those that may be seen: `seen` tells.
        """
        rows = {}
        for end in ends or (SOURCE, TARGET):
            for row in self.rows(_associations(end, self.whole, self._statuses is not None), uuids):
                if not types or row.type in types:
                    rows[row.id] = row
        return [rows[key] for key in sorted(rows)]

    def associations(self, uuids: Iterable[str]) -> Rows:
        """The associations of these entryUUIDs, as `associations_at`."""
        return self._sorted(_associations("entry_uuid", self.whole, self._statuses is not None), uuids)

    def all_associations(self) -> Rows:
        """The associations of the dossier, as `associations_at`."""
        values = {**self.values, "told": self._statuses or ()}
        statement = _associations("", self.whole, self._statuses is not None)
        return self.connection.execute(statement, values).all()

    def seen(self, associations: Sequence[Any], known: Collection[str] = frozenset()) -> list[Any]:
        """Those of `associations` that may be seen; objects of `known` are seen already."""
        return self._seen(associations, known, _DEPTH)

    def rows(
        self, statement: sa.Executable, identifiers: Iterable[Any], more: Mapping[str, Any] | None = None
    ) -> Iterator[Any]:
        """The rows of `statement` for `identifiers`, each once, in chunks; `more` are its values beside the Scope's."""
        values = {**self.values, "told": self._statuses or (), **(more or {})}
        for chunk in chunks(identifiers):
            yield from self.connection.execute(statement, {**values, "identifiers": chunk})

    def _sorted(self, statement: sa.Executable, identifiers: Iterable[str]) -> Rows:
        return sorted(self.rows(statement, identifiers), key=lambda row: int(row.id))

    def _seen(self, associations: Sequence[Any], known: Collection[str], depth: int) -> list[Any]:
        ends = {end for row in associations for end in (row.source, row.target)}
        visible = self._visible(ends.difference(known), depth).union(known)
        return [row for row in associations if row.source in visible and row.target in visible]

    def _visible(self, uuids: Collection[str], depth: int) -> set[str]:
        """Those of `uuids`, objects of any kind, that may be seen."""
        rest, visible = sorted(uuids), set()
        for statement in (
            _entries(self.shape, "entry_uuid", whole=False, latest=False),
            _packages(self.shape, SUBMISSION_SET, "entry_uuid", whole=False, latest=False),
            _packages(self.shape, FOLDER, "entry_uuid", whole=False, latest=False),
        ):
            visible |= {row.entry_uuid for row in self.rows(statement, rest)}
            rest = [uuid for uuid in rest if uuid not in visible]
        nested = list(self.rows(_associations("entry_uuid", whole=False, told=False), rest)) if depth else []
        return visible | {row.entry_uuid for row in (self._seen(nested, visible, depth - 1) if nested else ())}


# --- Statements -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _entries(shape: ScopeShape, column: str, whole: bool, latest: bool) -> sa.Select[Any]:
    return sa.select(*columns(ENTRY, whole)).where(among(ENTRY.c[column]), scope_clause(shape, latest=latest))


@lru_cache(maxsize=512)
def _packages(shape: ScopeShape, table: sa.Table, column: str, whole: bool, latest: bool) -> sa.Select[Any]:
    seen = package_clause(shape, table)
    statement = sa.select(*package_columns(shape, table, whole)).where(among(table.c[column]), seen)
    return statement.where(table.c.latest) if latest else statement


@lru_cache(maxsize=16)
def _associations(end: str, whole: bool, told: bool) -> sa.Select[Any]:
    """Associations of the dossier by an end, by entryUUID, or all; `told`: only of the statuses that may be told."""
    statement = sa.select(*columns(ASSOCIATION, whole)).where(ASSOCIATION.c.patient == PATIENT)
    if end:
        statement = statement.where(among(ASSOCIATION.c[end]))
    if told:
        statuses = sa.bindparam("told", expanding=True, type_=ASSOCIATION.c.availability_status.type)
        statement = statement.where(ASSOCIATION.c.availability_status.in_(statuses))
    return statement if end else statement.order_by(ASSOCIATION.c.id)
