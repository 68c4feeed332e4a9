"""What a stored query finds, and nothing that the Scope hides: not even that it is there.

An association is seen when both its ends are; a submission set or folder when one of its documents is, or when it has
none and the requester reaches every document.

Source: ITI TF-2 3.18.4.1.2.3.7 (queries); ITI TF-3 Table 4.2.4.1-2 (XDSTooManyResults).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from registry.body import from_json
from registry.errors import ErrorCode, RegistryError
from registry.existing import canonical_id, is_uuid
from registry.metadata import Association, AssociationType, DocumentEntry, RegistryObject, SubmissionSet
from registry.scope import Custody, Reach, Scope
from registry.store.find_documents import find_documents, matches
from registry.store.identifiers import among, chunks
from registry.store.tables import ASSOCIATION, AUTHOR, CUSTODY, ENTRY, FOLDER, PERSON, SUBMISSION_SET
from registry.store.visibility import PATIENT, ScopeShape, scope_clause, scope_shape, scope_values
from registry.stored_query import (
    FindDocuments,
    GetAssociations,
    GetDocuments,
    GetRelatedDocuments,
    GetSubmissionSets,
    StoredQuery,
)

MAX_RESULTS = 10_000  # objects of one answer; more is XDSTooManyResults


class Reader:
    """The reads of one request, within one Scope."""

    def __init__(self, connection: sa.Connection, scope: Scope) -> None:
        self._connection, self._scope = connection, scope
        self._values = scope_values(scope)
        self._shape = scope_shape(scope)

    def find(self, query: StoredQuery) -> tuple[RegistryObject, ...]:
        """What `query` finds. Raises RegistryError XDSTooManyResults."""
        found: tuple[RegistryObject, ...]
        match query:
            case FindDocuments():
                found = self._find_documents(query)
            case GetDocuments(entry_uuids=uuids, unique_ids=unique_ids):
                found = (*self.entries_by_uuid(uuids), *self.entries_by_unique_id(unique_ids))
            case GetAssociations(uuids=uuids):
                found = self._seen(self._associations_at(_uuids(uuids)))
            case GetSubmissionSets(uuids=uuids):
                found = self._submission_sets(_uuids(uuids))
            case GetRelatedDocuments():
                found = self._related(query)
            case _:
                raise TypeError(f"no such stored query: {type(query).__name__}")
        if len(found) > MAX_RESULTS:
            expected = f"at most {MAX_RESULTS} results"
            raise RegistryError.single(ErrorCode.XDSTooManyResults, "query", expected=expected, got="more")
        return found

    def entries_by_uuid(self, uuids: Sequence[str]) -> tuple[DocumentEntry, ...]:
        return self._entries(_entries_statement(self._shape, "entry_uuid"), _uuids(uuids))

    def entries_by_unique_id(self, unique_ids: Sequence[str]) -> tuple[DocumentEntry, ...]:
        return self._entries(_entries_statement(self._shape, "unique_id"), unique_ids)

    def hidden(
        self, unique_ids: Sequence[str], entry_uuids: Sequence[str]
    ) -> tuple[tuple[DocumentEntry, Custody], ...]:
        """The patient's entries of these identifiers that the Scope does not permit, with their custody."""
        rows = [
            *self._rows(_hidden_statement(self._shape, "unique_id"), unique_ids),
            *self._rows(_hidden_statement(self._shape, "entry_uuid"), _uuids(entry_uuids)),
        ]
        entries = {row.id: _entry(row) for row in rows}
        persons: dict[int, set[str]] = {key: set() for key in entries}
        structures: dict[int, set[str]] = {key: set() for key in entries}
        for row in self._rows(_CUSTODY, tuple(entries)):
            (persons if row.kind == PERSON else structures)[row.entry].add(row.identifier)
        return tuple(
            (entry, Custody(frozenset(persons[key]), frozenset(structures[key]))) for key, entry in entries.items()
        )

    # --- Queries ------------------------------------------------------------------------------------------------------

    def _find_documents(self, query: FindDocuments) -> tuple[DocumentEntry, ...]:
        persons: list[str] = []
        if query.author_persons:
            known = self._connection.execute(_PERSONS, self._values).scalars()
            persons = [person for person in known if any(matches(each, person) for each in query.author_persons)]
        statement, values = find_documents(query, self._scope, persons, MAX_RESULTS + 1)
        return tuple(_entry(row) for row in self._connection.execute(statement, values))

    def _submission_sets(self, uuids: Sequence[str]) -> tuple[RegistryObject, ...]:
        """The sets that hold one of `uuids`, and the HasMember that say so."""
        held = [item for item in self._associations_at(uuids, "target") if item.type is AssociationType.HAS_MEMBER]
        sources = tuple(dict.fromkeys(item.source for item in held))
        sets = {row.entry_uuid: from_json(SubmissionSet, row.body) for row in self._rows(_SUBMISSION_SETS, sources)}
        memberships = self._seen([item for item in held if item.source in sets])
        seen = {item.source for item in memberships}
        return (*(item for uuid, item in sets.items() if uuid in seen), *memberships)

    def _related(self, query: GetRelatedDocuments) -> tuple[RegistryObject, ...]:
        """The given document, those at the other end of its associations, and these associations."""
        given = self.entries_by_uuid((query.entry_uuid,)) if query.entry_uuid else ()
        given += self.entries_by_unique_id((query.unique_id,)) if query.unique_id else ()
        uuids = [entry.entry_uuid for entry in given]
        wanted = [item for item in self._associations_at(uuids) if item.type in query.association_types]
        ends = tuple(dict.fromkeys(end for item in wanted for end in (item.source, item.target)))
        entries = {
            entry.entry_uuid: entry for entry in self.entries_by_uuid(ends) if entry.object_type in query.object_types
        }
        related = [item for item in wanted if item.source in entries and item.target in entries]
        joined = {end for item in related for end in (item.source, item.target)}
        return (*(entry for uuid, entry in entries.items() if uuid in joined), *related)

    # --- Visibility ---------------------------------------------------------------------------------------------------

    def _seen(self, associations: Sequence[Association]) -> tuple[Association, ...]:
        visible = self._visible({end for item in associations for end in (item.source, item.target)})
        return tuple(item for item in associations if item.source in visible and item.target in visible)

    def _visible(self, uuids: Collection[str]) -> set[str]:
        """Those of `uuids`, objects of any kind, that may be seen."""
        ordered = sorted(uuids)
        visible = {row.entry_uuid for row in self._rows(_entries_statement(self._shape, "entry_uuid"), ordered)}
        rest = [uuid for uuid in ordered if uuid not in visible]
        packages = {row.entry_uuid for row in self._rows(_PACKAGES, rest)}
        seen = {row.source for row in self._rows(_members_statement(self._shape), sorted(packages))}
        if self._scope.reach is Reach.ALL:
            filled = {row.source for row in self._rows(_MEMBERS, sorted(packages))}
            seen |= packages - filled
        members = [_association(row) for row in self._rows(_ASSOCIATIONS, rest)]
        return visible | seen | {item.entry_uuid for item in (self._seen(members) if members else ())}

    # --- Rows ---------------------------------------------------------------------------------------------------------

    def _entries(self, statement: sa.Select[Any], identifiers: Sequence[str]) -> tuple[DocumentEntry, ...]:
        return tuple(_entry(row) for row in self._rows(statement, identifiers))

    def _associations_at(self, uuids: Sequence[str], *ends: str) -> list[Association]:
        """The associations with one of `uuids` at one of these ends (any end by default), each once, oldest first."""
        rows = {row.id: row for end in ends or ("source", "target") for row in self._rows(_AT[end], uuids)}
        return [_association(rows[key]) for key in sorted(rows)]

    def _rows(self, statement: sa.Executable, identifiers: Sequence[Any]) -> Iterator[Any]:
        """The rows of `statement` for `identifiers`, each once, in chunks."""
        for chunk in chunks(identifiers):
            yield from self._connection.execute(statement, {**self._values, "identifiers": chunk})


def _entry(row: Any) -> DocumentEntry:
    return from_json(DocumentEntry, row.body, {"availability_status": row.availability_status})


def _association(row: Any) -> Association:
    return from_json(Association, row.body)


def _uuids(texts: Sequence[str]) -> tuple[str, ...]:
    """What may be looked up: anything that is no UUID is an id that no object has."""
    return tuple(filter(is_uuid, map(canonical_id, texts)))


# --- Statements -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _entries_statement(shape: ScopeShape, column: str) -> sa.Select[Any]:
    return (
        sa.select(ENTRY.c.entry_uuid, ENTRY.c.body, ENTRY.c.availability_status)
        .where(among(ENTRY.c[column]), scope_clause(shape))
        .order_by(ENTRY.c.id)
    )


@lru_cache(maxsize=128)
def _hidden_statement(shape: ScopeShape, column: str) -> sa.Select[Any]:
    return (
        sa.select(ENTRY.c.id, ENTRY.c.body, ENTRY.c.availability_status)
        .where(ENTRY.c.patient == PATIENT, among(ENTRY.c[column]), sa.not_(scope_clause(shape)))
        .order_by(ENTRY.c.id)
    )


_MEMBERS = (
    sa.select(ASSOCIATION.c.source)
    .distinct()
    .join(ENTRY, sa.and_(ENTRY.c.patient == ASSOCIATION.c.patient, ENTRY.c.entry_uuid == ASSOCIATION.c.target))
    .where(
        ASSOCIATION.c.patient == PATIENT,
        ASSOCIATION.c.type == AssociationType.HAS_MEMBER,
        among(ASSOCIATION.c.source),
    )
)


@lru_cache(maxsize=128)
def _members_statement(shape: ScopeShape) -> sa.Select[Any]:
    return _MEMBERS.where(scope_clause(shape))


_PACKAGES = sa.union_all(
    *(
        sa.select(table.c.entry_uuid).where(table.c.patient == PATIENT, among(table.c.entry_uuid))
        for table in (SUBMISSION_SET, FOLDER)
    )
)
_SUBMISSION_SETS = (
    sa.select(SUBMISSION_SET.c.entry_uuid, SUBMISSION_SET.c.body)
    .where(SUBMISSION_SET.c.patient == PATIENT, among(SUBMISSION_SET.c.entry_uuid))
    .order_by(SUBMISSION_SET.c.id)
)
_ASSOCIATIONS = sa.select(ASSOCIATION.c.body).where(ASSOCIATION.c.patient == PATIENT, among(ASSOCIATION.c.entry_uuid))
_AT = {
    end: sa.select(ASSOCIATION.c.id, ASSOCIATION.c.body).where(
        ASSOCIATION.c.patient == PATIENT, among(ASSOCIATION.c[end])
    )
    for end in ("source", "target")
}
_PERSONS = sa.select(AUTHOR.c.person).distinct().where(AUTHOR.c.patient == PATIENT)
_CUSTODY = sa.select(CUSTODY.c.entry, CUSTODY.c.kind, CUSTODY.c.identifier).where(
    CUSTODY.c.patient == PATIENT, among(CUSTODY.c.entry)
)
