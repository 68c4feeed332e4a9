"""The removal of objects, with all that the registry keeps of them.

What a removal names and what it leaves behind are locked while it is judged: of a submission and a removal that meet,
or of two removals, the second sees what the first did. (SQLite lets in one writing transaction at a time.)

Source: ITI TF-2 3.62.4.1.3 (Remove Metadata and Documents).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from registry.existing import canonical_id, is_uuid
from registry.metadata import AssociationType
from registry.removal import Around, Tie
from registry.scope import Scope
from registry.store.identifiers import among, chunks
from registry.store.seeing import Sight
from registry.store.tables import ABOUT, ASSOCIATION, ENTRY, FOLDER, METADATA, SUBMISSION_SET, UNIQUE_ID
from registry.store.visibility import PATIENT


def lock(connection: sa.Connection, patient: str, uuids: Iterable[str]) -> None:
    """Nobody else changes these objects of the dossier `patient` before the transaction ends."""
    for statement in _LOCK:
        for _ in _rows(connection, statement, patient, uuids):
            pass


class Remover:
    """Looks at, and removes, what one request names."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def dossiers(self, uuids: Sequence[str]) -> tuple[str, ...]:
        """The keys of the dossiers that hold an object of these entryUUIDs; each must then be decided."""
        wanted = sorted(set(filter(is_uuid, map(canonical_id, uuids))))
        return tuple(sorted({row.patient for statement in _DOSSIERS for row in self._rows(statement, "", wanted)}))

    def around(self, uuids: Sequence[str], scopes: Iterable[Scope]) -> Around:
        """What stands around the objects `uuids` that one of `scopes`, each of another dossier, lets be found."""
        wanted = sorted(set(filter(is_uuid, map(canonical_id, uuids))))
        patients: dict[str, str] = {}
        ties: dict[str, Tie] = {}
        for scope in scopes:
            lock(self._connection, scope.patient, wanted)
            found = _seen(Sight(self._connection, scope), wanted)
            patients.update(dict.fromkeys(found, scope.patient))
            ties.update((tie.entry_uuid, tie) for tie in self._ties(scope.patient, found))
        return Around(patients, tuple(ties.values()))

    def remove(self, uuids: Iterable[str], patient: str) -> None:
        """Removes these objects of the dossier `patient`, every row of them; their uniqueIds may be used again."""
        named = sorted(set(uuids))
        unique_ids: set[str] = set()
        logical_ids: dict[str, set[str]] = {table.name: set() for table in _VERSIONED}
        for table in _OBJECTS:
            for row in self._rows(_NAMED[table.name], patient, named):
                unique_ids.update({row.unique_id} if "unique_id" in table.c else ())
                if table in _VERSIONED:
                    logical_ids[table.name].add(row.logical_id)
            for statement in _DELETE[table.name]:
                self._execute(statement, patient, named)
        for table in _VERSIONED:
            self._execute(_MAKE_LATEST[table.name], patient, logical_ids[table.name])
        self._release(unique_ids)

    def erase(self, patient: str) -> None:
        """Removes every object of the dossier `patient`, as `remove` does."""
        statements = (sa.select(table.c.entry_uuid).where(table.c.patient == PATIENT) for table in _OBJECTS)
        uuids = [
            row.entry_uuid for each in statements for row in self._connection.execute(each, {"of_patient": patient})
        ]
        self.remove(uuids, patient)

    def _ties(self, patient: str, found: Sequence[str]) -> Iterator[Tie]:
        by_name = [_tie(row) for row in self._rows(_TIES["entry_uuid"], patient, found)]
        ends = {end for tie in by_name for end in (tie.source, tie.target)}
        lock(self._connection, patient, ends)
        yield from by_name
        for end in ("source", "target"):
            yield from map(_tie, self._rows(_TIES[end], patient, found))
        undone = [tie for tie in by_name if tie.of_set]
        yield from map(_tie, self._rows(_TIES["source"], patient, {tie.source for tie in undone}))
        yield from map(_tie, self._rows(_TIES["target"], patient, {tie.target for tie in undone}))

    def _release(self, unique_ids: Iterable[str]) -> None:
        """Forgets the uniqueIds that nothing has any more; one that another dossier has too is noted there."""
        gone = set(unique_ids)
        holders: dict[str, set[str]] = {}
        for statement in _HOLDERS:
            for row in self._rows(statement, "", gone):
                holders.setdefault(row.unique_id, set()).add(row.patient)
        self._execute(_FORGET, "", gone - holders.keys())
        for row in self._rows(_CLAIMS, "", holders):
            if row.patient not in holders[row.unique_id]:
                values = {"claimed": row.unique_id, "holder": min(holders[row.unique_id])}
                self._connection.execute(_MOVE_CLAIM, values)

    def _execute(self, statement: sa.Executable, patient: str, identifiers: Iterable[str]) -> None:
        for chunk in chunks(sorted(identifiers)):
            self._connection.execute(statement, {"of_patient": patient, "identifiers": chunk})

    def _rows(self, statement: sa.Executable, patient: str, identifiers: Iterable[str]) -> list[Any]:
        return _rows(self._connection, statement, patient, identifiers)


def _rows(connection: sa.Connection, statement: sa.Executable, patient: str, identifiers: Iterable[str]) -> list[Any]:
    return [
        row
        for chunk in chunks(sorted(identifiers))
        for row in connection.execute(statement, {"of_patient": patient, "identifiers": chunk})
    ]


def _seen(sight: Sight, uuids: Sequence[str]) -> list[str]:
    """Those of `uuids` that may be seen, objects of any kind."""
    by = "entry_uuid"
    found = (sight.entries(by, uuids), sight.sets(by, uuids), sight.folders(by, uuids))
    associations = sight.seen(sight.associations(uuids))
    return sorted({row.entry_uuid for rows in (*found, associations) for row in rows})


def _tie(row: Any) -> Tie:
    of_set = row.type is AssociationType.HAS_MEMBER and row.of_set is not None
    return Tie(row.entry_uuid, row.source, row.target, of_set)


# --- Statements -------------------------------------------------------------------------------------------------------


_OBJECTS = (ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET)
_IDENTIFIED = (ENTRY, FOLDER, SUBMISSION_SET)
_VERSIONED = (ENTRY, FOLDER)


def _these(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.patient == PATIENT, among(table.c.entry_uuid))


def _deletes(table: sa.Table) -> Iterator[sa.Delete]:
    """The rows of every table that are about a row of `table`, then those of `table` itself."""
    these = sa.select(table.c.id).where(_these(table))
    for behind in METADATA.sorted_tables:
        for column in behind.c:
            if column.info.get(ABOUT) == table.name or any(key.column.table is table for key in column.foreign_keys):
                of_patient = [behind.c.patient == PATIENT] if "patient" in behind.c else []
                yield behind.delete().where(column.in_(these), *of_patient)
    yield table.delete().where(_these(table))


def _make_latest(table: sa.Table) -> sa.Update:
    """The newest version that is left has none after it."""
    other = table.alias()
    newest = sa.select(sa.func.max(other.c.version)).where(other.c.logical_id == table.c.logical_id).scalar_subquery()
    return table.update().where(among(table.c.logical_id), table.c.version == newest).values(latest=True)


_DELETE = {table.name: tuple(_deletes(table)) for table in _OBJECTS}
_MAKE_LATEST = {table.name: _make_latest(table) for table in _VERSIONED}
_NAMED = {table.name: sa.select(table).where(_these(table)) for table in _OBJECTS}
_DOSSIERS = tuple(sa.select(table.c.patient).distinct().where(among(table.c.entry_uuid)) for table in _OBJECTS)
_EVERY = tuple(sa.select(table.c.entry_uuid).where(table.c.patient == PATIENT) for table in _OBJECTS)
_LOCK = tuple(sa.select(table.c.id).where(_these(table)).order_by(table.c.id).with_for_update() for table in _OBJECTS)
_TIES = {
    column: sa.select(
        ASSOCIATION.c.entry_uuid,
        ASSOCIATION.c.type,
        ASSOCIATION.c.source,
        ASSOCIATION.c.target,
        SUBMISSION_SET.c.id.label("of_set"),
    )
    .outerjoin(
        SUBMISSION_SET,
        sa.and_(SUBMISSION_SET.c.patient == ASSOCIATION.c.patient, SUBMISSION_SET.c.entry_uuid == ASSOCIATION.c.source),
    )
    .where(among(ASSOCIATION.c[column]), *([ASSOCIATION.c.patient == PATIENT] if column != "target" else []))
    for column in ("entry_uuid", "source", "target")  # of another patient, a SubmissionSet may hold a document, too
}
_HOLDERS = tuple(
    sa.select(table.c.unique_id, table.c.patient).distinct().where(among(table.c.unique_id)) for table in _IDENTIFIED
)
_CLAIMS = sa.select(UNIQUE_ID.c.unique_id, UNIQUE_ID.c.patient).where(among(UNIQUE_ID.c.unique_id))
_FORGET = UNIQUE_ID.delete().where(among(UNIQUE_ID.c.unique_id))
_MOVE_CLAIM = (
    UNIQUE_ID.update().where(UNIQUE_ID.c.unique_id == sa.bindparam("claimed")).values(patient=sa.bindparam("holder"))
)
