"""Which dossiers a query comes upon that names no patient. Dossier keys only: what is in them, a Scope must say.

Source: ITI TF-2 3.18.4.1.2.3.7 (queries by identifier), 3.51.4.1.2.1 (queries for multiple patients).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from registry.errors import ErrorCode, RegistryError
from registry.existing import canonical_id, is_uuid
from registry.store.find_documents import EVENT_CODES, REFERENCE_IDS, code_key
from registry.store.identifiers import among, chunks
from registry.store.like import is_pattern
from registry.store.tables import ASSOCIATION, CODE, ENTRY, FOLDER, FOLDER_CODE, SUBMISSION_SET
from registry.stored_query import (
    FindDocumentsForMultiplePatients,
    FindFoldersForMultiplePatients,
    GetAssociations,
    GetDocuments,
    GetDocumentsAndAssociations,
    GetFolderAndContents,
    GetFolders,
    GetFoldersForDocument,
    GetRelatedDocuments,
    GetSubmissionSetAndContents,
    GetSubmissionSets,
    StoredQuery,
)

MAX_DOSSIERS = 2_000  # of one answer: each is decided by itself, in a second or two for all

_ANY = (ENTRY, SUBMISSION_SET, FOLDER, ASSOCIATION)
_ESCAPE = "\\"  # LIKE of the database, where `\` has no meaning in a query's pattern


def dossiers_of(connection: sa.Connection, query: StoredQuery) -> tuple[str, ...]:
    """The keys of the dossiers that hold an object which `query` names, or may hold one that it finds; in order.

    Raises RegistryError XDSTooManyResults.
    """
    match query:
        case GetAssociations() | GetSubmissionSets():
            found = _holding(connection, _ANY, "entry_uuid", _uuids(query.uuids))
        case GetDocuments():
            found = _of_objects(connection, ENTRY, query.entry_uuids, query.unique_ids, query.logical_ids)
        case GetDocumentsAndAssociations():
            found = _of_objects(connection, ENTRY, query.entry_uuids, query.unique_ids)
        case GetFoldersForDocument() | GetRelatedDocuments():
            found = _of_objects(connection, ENTRY, [query.entry_uuid], [query.unique_id])
        case GetFolders():
            found = _of_objects(connection, FOLDER, query.entry_uuids, query.unique_ids, query.logical_ids)
        case GetFolderAndContents():
            found = _of_objects(connection, FOLDER, [query.entry_uuid], [query.unique_id])
        case GetSubmissionSetAndContents():
            found = _of_objects(connection, SUBMISSION_SET, [query.entry_uuid], [query.unique_id])
        case FindDocumentsForMultiplePatients():
            found = _of_documents(connection, query)
        case FindFoldersForMultiplePatients():
            found = _of_folders(connection, query)
        case _:
            raise TypeError(f"{type(query).__name__} names its patient")
    limit_dossiers(len(found))
    return tuple(sorted(found))


def limit_dossiers(count: int) -> None:
    """Raises RegistryError XDSTooManyResults when `count` dossiers are more than one answer is about."""
    if count > MAX_DOSSIERS:
        expected = f"results of at most {MAX_DOSSIERS} patients"
        raise RegistryError.single(ErrorCode.XDSTooManyResults, "query", expected=expected, got="more")


def _of_objects(
    connection: sa.Connection,
    table: sa.Table,
    entry_uuids: Sequence[str],
    unique_ids: Sequence[str],
    logical_ids: Sequence[str] = (),
) -> set[str]:
    return (
        _holding(connection, (table,), "entry_uuid", _uuids(entry_uuids))
        | _holding(connection, (table,), "unique_id", filter(None, unique_ids))
        | (_holding(connection, (table,), "logical_id", _uuids(logical_ids)) if logical_ids else set())
    )


def _holding(
    connection: sa.Connection, tables: Sequence[sa.Table], column: str, identifiers: Iterable[str]
) -> set[str]:
    found: set[str] = set()
    for chunk in chunks(identifiers):
        for table in tables:
            found.update(connection.execute(_by(table, column), {"identifiers": chunk}).scalars())
    return found


def _uuids(texts: Iterable[str]) -> list[str]:
    return [uuid for uuid in map(canonical_id, texts) if is_uuid(uuid)]


@lru_cache(maxsize=16)
def _by(table: sa.Table, column: str) -> sa.Select[Any]:
    return sa.select(table.c.patient).distinct().where(among(table.c[column]))


# --- Every dossier ----------------------------------------------------------------------------------------------------


def _of_documents(connection: sa.Connection, query: FindDocumentsForMultiplePatients) -> set[str]:
    """By the attributes of which ITI-51 demands one when it names no patient; the other ones, each dossier will see."""
    conditions: list[sa.ColumnElement[bool]] = [
        column.in_([code_key(code) for code in codes])
        for column, codes in (
            (ENTRY.c.class_code, query.class_codes),
            (ENTRY.c.healthcare_facility_type_code, query.healthcare_facility_type_codes),
        )
        if codes
    ]
    conditions += [
        _has(EVENT_CODES, CODE.c.code.in_([code_key(code) for code in codes])) for codes in query.event_codes
    ]
    conditions += [
        _has(REFERENCE_IDS, sa.or_(*(_like(CODE.c.code, pattern) for pattern in patterns)))
        for patterns in query.reference_ids
    ]
    return _distinct(connection, ENTRY, conditions)


def _of_folders(connection: sa.Connection, query: FindFoldersForMultiplePatients) -> set[str]:
    conditions = []
    for codes in query.codes:
        held = sa.select(FOLDER_CODE.c.folder).where(FOLDER_CODE.c.code.in_([code_key(code) for code in codes]))
        conditions.append(FOLDER.c.id.in_(held))
    return _distinct(connection, FOLDER, conditions)


def _has(attribute: str, code: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return ENTRY.c.id.in_(sa.select(CODE.c.entry).where(CODE.c.attribute == attribute, code))


def _like(column: sa.Column[str], pattern: str) -> sa.ColumnElement[bool]:
    """At least what `pattern` matches: some databases do not tell capitals here, each dossier's answer will."""
    if not is_pattern(pattern):
        return column == pattern
    return column.like(pattern.replace(_ESCAPE, _ESCAPE * 2), escape=_ESCAPE)


def _distinct(connection: sa.Connection, table: sa.Table, conditions: Sequence[sa.ColumnElement[bool]]) -> set[str]:
    """The dossiers with a row of `table` that meets `conditions`. A rare query: its statement is not kept."""
    if not conditions:
        raise ValueError("expected a condition on the objects of every dossier, got none")
    statement = sa.select(table.c.patient).distinct().where(*conditions).limit(MAX_DOSSIERS + 1)
    return set(connection.execute(statement).scalars())
