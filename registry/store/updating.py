"""What a metadata update touches, and its effects written.

What is updated, named or linked is locked while it is judged. A version is superseded only while it is the newest one:
of two updates of one version that meet, exactly one wins. (SQLite lets in one writing transaction at a time.)

Source: XDS Metadata Update, ITI TF-2 3.57.4.1.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from registry.body import from_json
from registry.errors import ErrorCode, Finding, RegistryError, finding
from registry.existing import is_uuid
from registry.lifecycle import objects
from registry.metadata import Association, AssociationType, AvailabilityStatus, DocumentEntry, Folder, Submission
from registry.relationships import OPERATIONS, REPLACING
from registry.scope import Custody
from registry.store.identifiers import among, chunks
from registry.store.looking import Looker
from registry.store.tables import ASSOCIATION, CUSTODY, ENTRY, FOLDER, PERSON, SUBMISSION_SET, UNIQUE_ID, VERSION
from registry.store.visibility import PATIENT
from registry.store.writing import Writer
from registry.update import NewStatus, NewVersion, UpdateEffects, canonical_update
from registry.update_operations import versions_of
from registry.versions import RegisteredAssociation, RegisteredVersion, Versions

_MEANWHILE = "one that another submission changed meanwhile"
_SUPERSEDED = finding(ErrorCode.XDSMetadataVersionError, "version", expected="the newest version", got=_MEANWHILE)
_VERSION_TAKEN = finding(
    ErrorCode.XDSRegistryMetadataError,
    "setId, versionNumber",
    expected="a version that no other document of the patient has",
    got="one that another document has",
)


class UpdateLooker:
    """Reads what one update touches."""

    def __init__(self, connection: sa.Connection, patient: str) -> None:
        self._connection, self._patient = connection, patient

    def versions(self, submission: Submission) -> Versions:
        """Raises RegistryError XDSRegistryBusy when another submission waits for what this one has."""
        try:
            return self._versions(canonical_update(submission))
        except sa.exc.OperationalError:
            expected, got = "objects that nobody else is changing", "some that are being changed"
            code = ErrorCode.XDSRegistryBusy
            raise RegistryError.single(code, "submission", expected=expected, got=got) from None

    def _versions(self, submission: Submission) -> Versions:
        own = {item.entry_uuid for item in objects(submission)}
        named = {end for item in submission.associations for end in (item.source, item.target)} - own
        added = [item for item in submission.associations if item.type not in OPERATIONS]
        newest = self._newest({item.logical_id for item in versions_of(submission)})
        there = self._objects(named)
        associations = {row.entry_uuid: _association(row) for row in self._rows(_NAMED_ASSOCIATIONS, named)}
        pairs = {end for item in added for end in (item.source, item.target)} & there.keys()
        ends = {end for each in associations.values() for end in (each.item.source, each.item.target)}
        attached = self._attached(
            newest.values(), pairs | ends, (*newest.values(), *there.values(), *associations.values())
        )
        linked = {end for each in attached for end in (each.item.source, each.item.target)} | ends
        looker = Looker(self._connection, self._patient)
        replaced = [item.target for item in added if item.type in REPLACING and item.target in there]
        appends = any(item.type is AssociationType.APND for item in added)
        unique_id = [submission.submission_set.unique_id]
        return Versions(
            patient=self._patient,
            newest=newest,
            named=there,
            named_associations=associations,
            named_sets=self._sets(named),
            attached=attached,
            neighbours=self._objects(linked),
            neighbour_sets=self._sets(linked),
            taken_unique_ids=frozenset(row.unique_id for row in self._rows(_UNIQUE_IDS, unique_id, of_uuids=False)),
            entry_uuids=looker.taken(own),
            derived={target: looker.derived(target) for target in replaced},
            transformations=looker.transformations(there) if appends else frozenset(),
        )

    def _rows(self, statement: sa.Select[Any], identifiers: Iterable[str], *, of_uuids: bool = True) -> list[Any]:
        wanted = sorted(filter(is_uuid, identifiers) if of_uuids else identifiers)
        rows: list[Any] = []
        for chunk in chunks(wanted):
            rows += self._connection.execute(statement, {"identifiers": chunk})
        return rows

    def _newest(self, logical_ids: Iterable[str]) -> dict[str, RegisteredVersion]:
        """Older versions are read too: of one that was superseded while we waited, they tell that it is not newest."""
        rows = [row for statement in _BY_LOGICAL_ID for row in self._rows(statement, logical_ids)]
        return {row.logical_id: _version(row) for row in sorted(rows, key=lambda row: int(row.version))}

    def _objects(self, uuids: Iterable[str]) -> dict[str, RegisteredVersion]:
        return {row.entry_uuid: _version(row) for statement in _BY_UUID for row in self._rows(statement, uuids)}

    def _sets(self, uuids: Iterable[str]) -> frozenset[str]:
        return frozenset(row.entry_uuid for row in self._rows(_SUBMISSION_SETS, uuids))

    def _attached(
        self,
        updated: Iterable[RegisteredVersion],
        between: set[str],
        known: Iterable[RegisteredVersion | RegisteredAssociation],
    ) -> tuple[RegisteredAssociation, ...]:
        """The associations at what is `updated`, and those from one of `between` to another; oldest first."""
        hubs = {each.item.entry_uuid for each in updated}
        rows: dict[int, Any] = {}
        for patient in {each.patient for each in known}:
            for end, uuids in (("source", hubs), ("target", hubs | between)):
                for chunk in chunks(sorted(uuids)):
                    found = self._connection.execute(_AT[end], {"of_patient": patient, "identifiers": chunk})
                    rows.update(
                        (row.id, row) for row in found if {row.source, row.target} & hubs or row.source in between
                    )
        return tuple(_association(rows[key]) for key in sorted(rows))


class UpdateWriter:
    """Writes the effects of one update."""

    def __init__(self, connection: sa.Connection, patient: str) -> None:
        self._connection, self._patient = connection, patient
        self._writer = Writer(connection, patient)

    def save(self, effects: UpdateEffects, custody: Mapping[str, Custody], received: datetime) -> None:
        self._writer.claim_set(effects.submission_set)
        for version in effects.versions:
            self._supersede(version)
            if isinstance(version.item, DocumentEntry):
                self._save_entry(version.item, version.previous, custody[version.item.entry_uuid], received)
            else:
                self._writer.save_folder(version.item)
        self._writer.save_set(effects.submission_set, received)
        self._writer.save_associations(effects.associations, received)
        self._writer.deprecate(effects.replaced)
        for status in effects.statuses:
            self._change(status)
        self._writer.update_folders(effects.updated_folders, effects.last_update_time)

    def _supersede(self, version: NewVersion) -> None:
        registered = version.previous.item
        values = {
            "superseded": registered.entry_uuid,
            "was": registered.availability_status,
            "of_patient": version.previous.patient,
        }
        if self._connection.execute(_SUPERSEDE[type(registered)], values).rowcount != 1:
            raise RegistryError([_SUPERSEDED])

    def _save_entry(
        self, entry: DocumentEntry, previous: RegisteredVersion, custody: Custody, received: datetime
    ) -> None:
        """Those who stood behind the version before stand behind this one; a CDA version is that of the newest."""
        at = {"before": previous.item.entry_uuid}
        rows = self._connection.execute(_CUSTODY, at).all()
        persons = {row.identifier for row in rows if row.kind == PERSON}
        structures = {row.identifier for row in rows if row.kind != PERSON}
        both = Custody(custody.persons | persons, custody.structures | structures)
        key = self._writer.save_entry(entry, both, received)
        try:
            self._connection.execute(_MOVE_VERSION, {**at, "after": key, "into": self._patient})
        except sa.exc.IntegrityError:
            raise RegistryError([_VERSION_TAKEN]) from None

    def _change(self, status: NewStatus) -> None:
        values = {
            "changed": status.entry_uuid,
            "was": status.original,
            "becomes": status.new,
            "of_patient": self._patient,
        }
        if self._connection.execute(_CHANGE[status.kind], values).rowcount != 1:
            raise RegistryError([_changed(status)])


def _changed(status: NewStatus) -> Finding:
    code, expected = ErrorCode.XDSMetadataUpdateError, f"an object that is {status.original.name.capitalize()}"
    return finding(code, "OriginalStatus", expected=expected, got=_MEANWHILE, location=status.entry_uuid)


def _version(row: Any) -> RegisteredVersion:
    current = {"availability_status": row.availability_status}
    item: DocumentEntry | Folder
    if row.last_update_time is None:
        item = from_json(DocumentEntry, row.body, current)
    else:
        item = from_json(Folder, row.body, {**current, "last_update_time": row.last_update_time})
    return RegisteredVersion(item, row.patient, row.latest)


def _association(row: Any) -> RegisteredAssociation:
    item = from_json(Association, row.body, {"availability_status": row.availability_status})
    return RegisteredAssociation(item, row.patient)


# --- Statements -------------------------------------------------------------------------------------------------------


_TABLES = {DocumentEntry: ENTRY, Folder: FOLDER, Association: ASSOCIATION}


def _select(table: sa.Table, column: str) -> sa.Select[Any]:
    """Versions of one table, locked; an entry has no last_update_time."""
    names = ("entry_uuid", "logical_id", "version", "patient", "latest", "availability_status", "body")
    time = table.c.last_update_time if table is FOLDER else sa.null().label("last_update_time")
    chosen = sa.select(*(table.c[name] for name in names), time)
    return chosen.where(among(table.c[column])).order_by(table.c.id).with_for_update()


_BY_LOGICAL_ID = tuple(_select(table, "logical_id") for table in (ENTRY, FOLDER))
_BY_UUID = tuple(_select(table, "entry_uuid") for table in (ENTRY, FOLDER))
_ASSOCIATION_COLUMNS = tuple(
    ASSOCIATION.c[name] for name in ("id", "entry_uuid", "source", "target", "patient", "availability_status", "body")
)
_NAMED_ASSOCIATIONS = (
    sa.select(*_ASSOCIATION_COLUMNS).where(among(ASSOCIATION.c.entry_uuid)).order_by(ASSOCIATION.c.id).with_for_update()
)
_AT = {
    end: sa.select(*_ASSOCIATION_COLUMNS).where(ASSOCIATION.c.patient == PATIENT, among(ASSOCIATION.c[end]))
    for end in ("source", "target")
}
_SUBMISSION_SETS = sa.select(SUBMISSION_SET.c.entry_uuid).where(among(SUBMISSION_SET.c.entry_uuid))
_UNIQUE_IDS = sa.select(UNIQUE_ID.c.unique_id).where(among(UNIQUE_ID.c.unique_id))

_WAS = sa.bindparam("was", type_=ENTRY.c.availability_status.type)
_BEFORE = sa.select(ENTRY.c.id).where(ENTRY.c.entry_uuid == sa.bindparam("before", type_=ENTRY.c.entry_uuid.type))
_SUPERSEDE = {
    kind: table.update()
    .where(
        table.c.patient == PATIENT,
        table.c.entry_uuid == sa.bindparam("superseded", type_=table.c.entry_uuid.type),
        table.c.latest,
        table.c.availability_status == _WAS,
    )
    .values(latest=False, availability_status=AvailabilityStatus.DEPRECATED)
    for kind, table in ((DocumentEntry, ENTRY), (Folder, FOLDER))
}
_CHANGE = {
    kind: table.update()
    .where(
        table.c.patient == PATIENT,
        table.c.entry_uuid == sa.bindparam("changed", type_=table.c.entry_uuid.type),
        table.c.availability_status == _WAS,
        *([table.c.latest] if "latest" in table.c else []),
    )
    .values(availability_status=sa.bindparam("becomes", type_=table.c.availability_status.type))
    for kind, table in _TABLES.items()
}
_CUSTODY = sa.select(CUSTODY.c.kind, CUSTODY.c.identifier).where(CUSTODY.c.entry.in_(_BEFORE))
_MOVE_VERSION = (
    VERSION.update()
    .where(VERSION.c.entry.in_(_BEFORE))
    .values(entry=sa.bindparam("after", type_=VERSION.c.entry.type), patient=sa.bindparam("into", type_=sa.Text))
)
