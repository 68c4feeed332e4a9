"""What a stored query finds, and nothing that the Scope hides: not even that it is there.

An association is seen when both its ends are; a submission set or folder when one of its documents is, or when it has
none and the requester reaches every document (`registry.store.seeing`).

Source: ITI TF-2 3.18.4.1.2.3.7 (queries); ITI TF-3 Table 4.2.4.1-2 (XDSTooManyResults).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from registry.errors import ErrorCode, RegistryError
from registry.metadata import DocumentEntry
from registry.scope import Custody, Scope
from registry.store import told
from registry.store.dossiers import limit_dossiers
from registry.store.finding import Finder
from registry.store.getting import Getter, uuids
from registry.store.identifiers import among
from registry.store.seeing import Sight
from registry.store.tables import CUSTODY, ENTRY, PERSON
from registry.store.told import Found
from registry.store.visibility import PATIENT, ScopeShape, scope_clause
from registry.stored_query import (
    DocumentCriteria,
    FindSubmissionSets,
    FolderCriteria,
    GetAll,
    GetAssociations,
    GetDocuments,
    GetDocumentsAndAssociations,
    GetFolderAndContents,
    GetFolders,
    GetFoldersForDocument,
    GetRelatedDocuments,
    GetSubmissionSetAndContents,
    GetSubmissionSets,
    ReturnType,
    StoredQuery,
    Told,
)

Most = Mapping[ReturnType, int]  # results of one answer; more is XDSTooManyResults
MOST: Most = {ReturnType.LEAF_CLASS: 10_000, ReturnType.OBJECT_REF: 100_000}


class Reader:
    """The reads of one request, within one Scope."""

    def __init__(self, connection: sa.Connection, scope: Scope, most: Most = MOST) -> None:
        self._connection, self._scope, self._most = connection, scope, most

    def find(self, query: StoredQuery) -> tuple[Told, ...]:
        """What `query` finds: whole objects, or references when it asks for these. Raises RegistryError.

        Of a multi-patient query, what this one dossier has of it.
        """
        found = self._found(query)
        _limit(query, len(found), self._most)
        return tuple(found.objects() if query.return_type is ReturnType.LEAF_CLASS else found.references())

    def entries_by_unique_id(self, unique_ids: Sequence[str]) -> tuple[DocumentEntry, ...]:
        return tuple(map(told.document_entry, self._sight().entries("unique_id", unique_ids)))

    def hidden(
        self, unique_ids: Sequence[str], entry_uuids: Sequence[str]
    ) -> tuple[tuple[DocumentEntry, Custody], ...]:
        """The patient's entries of these identifiers that the Scope does not permit, with their custody.

        An older version that is hidden with the newest is told by the newest.
        """
        named = self._hidden("unique_id", unique_ids) | self._hidden("entry_uuid", uuids(entry_uuids))
        older = [entry.logical_id for entry, custody in named.values() if self._scope.permits(entry, custody)]
        named |= self._hidden("logical_id", older)
        return tuple(each for each in named.values() if not self._scope.permits(*each))

    def _hidden(self, column: str, identifiers: Sequence[str]) -> dict[int, tuple[DocumentEntry, Custody]]:
        """Entries that are hidden, and their custody, by key."""
        sight = self._sight()
        rows = sight.rows(_hidden_statement(sight.shape, column), identifiers)
        entries = {row.id: told.document_entry(row) for row in rows}
        persons: dict[int, set[str]] = {key: set() for key in entries}
        structures: dict[int, set[str]] = {key: set() for key in entries}
        for row in sight.rows(_CUSTODY, tuple(entries)):
            (persons if row.kind == PERSON else structures)[row.entry].add(row.identifier)
        return {
            key: (entry, Custody(frozenset(persons[key]), frozenset(structures[key]))) for key, entry in entries.items()
        }

    def _found(self, query: StoredQuery) -> Found:
        sight = self._sight(query)
        finder = Finder(sight, self._most[query.return_type])
        getter = Getter(sight, finder)
        match query:
            case DocumentCriteria():
                return finder.documents(query)
            case FindSubmissionSets():
                return finder.submission_sets(query)
            case FolderCriteria():
                return finder.folders(query)
            case GetAll():
                return finder.all(query)
            case GetDocuments():
                return getter.documents(query)
            case GetFolders():
                return getter.folders(query)
            case GetAssociations():
                return getter.associations(query)
            case GetDocumentsAndAssociations():
                return getter.documents_and_associations(query)
            case GetSubmissionSets():
                return getter.submission_sets(query)
            case GetSubmissionSetAndContents():
                return getter.submission_set_and_contents(query)
            case GetFolderAndContents():
                return getter.folder_and_contents(query)
            case GetFoldersForDocument():
                return getter.folders_for_document(query)
            case GetRelatedDocuments():
                return getter.related_documents(query)
            case _:
                raise TypeError(f"no such stored query: {type(query).__name__}")

    def _sight(self, query: StoredQuery | None = None) -> Sight:
        return Sight(self._connection, self._scope, query)


def find_across(
    connection: sa.Connection, query: StoredQuery, scopes: Iterable[Scope], most: Most = MOST
) -> tuple[Told, ...]:
    """What `query` finds in several dossiers, within the Scope of each, one after the other.

    Whole objects of two patients are told only when a multi-patient query asks for them. Raises RegistryError
    XDSResultNotSinglePatient or XDSTooManyResults, as soon as either is certain.
    Source: ITI TF-2 3.18.4.1.2.3.7.5 to 3.18.4.1.2.3.7.11 (same Patient ID).
    """
    single = query.return_type is ReturnType.LEAF_CLASS and not query.multi_patient
    results: list[Told] = []
    for number, scope in enumerate(scopes, start=1):
        limit_dossiers(number)
        answer = Reader(connection, scope, most).find(query)
        if answer and results and single:
            expected = "a result about one patient, or returnType ObjectRef"
            code = ErrorCode.XDSResultNotSinglePatient
            raise RegistryError.single(code, "query", expected=expected, got="more than one patient")
        results += answer
        _limit(query, len(results), most)
    return tuple(results)


def _limit(query: StoredQuery, count: int, most: Most) -> None:
    """Raises RegistryError XDSTooManyResults when `count` results are more than an answer to `query` holds."""
    limit = most[query.return_type]
    if count > limit:
        expected = f"at most {limit} results"
        raise RegistryError.single(ErrorCode.XDSTooManyResults, "query", expected=expected, got="more")


# --- Statements -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=128)
def _hidden_statement(shape: ScopeShape, column: str) -> sa.Select[Any]:
    """Entries that are hidden; what names no single version stands for the newest."""
    statement = (
        sa.select(ENTRY.c.id, ENTRY.c.body, ENTRY.c.availability_status)
        .where(ENTRY.c.patient == PATIENT, among(ENTRY.c[column]), sa.not_(scope_clause(shape)))
        .order_by(ENTRY.c.id)
    )
    return statement if column == "entry_uuid" else statement.where(ENTRY.c.latest)


_CUSTODY = sa.select(CUSTODY.c.entry, CUSTODY.c.kind, CUSTODY.c.identifier).where(
    CUSTODY.c.patient == PATIENT, among(CUSTODY.c.entry)
)
