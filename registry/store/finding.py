"""Queries by attributes: what of one dossier has them.

Source: ITI TF-2 3.18.4.1.2.3.7.1 to 3.18.4.1.2.3.7.4, 3.18.4.1.2.3.7.14, 3.51.4.1.2.1; CP-ITI-1323.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from registry.metadata import AvailabilityStatus
from registry.store import find_packages
from registry.store.find_documents import REFERENCE_IDS, Wanted, documents
from registry.store.like import is_pattern, matched, matcher
from registry.store.seeing import Sight
from registry.store.tables import AUTHOR, CODE, SUBMISSION_SET
from registry.store.told import Found, Rows
from registry.store.visibility import PATIENT
from registry.stored_query import DocumentCriteria, FindFolders, FindSubmissionSets, FolderCriteria, GetAll, StoredQuery


class Finder:
    """Finds in one dossier. Every answer stops one row after `most`, so that whoever counts sees that it is too long.

    No more can be told than the Scope of `sight` lets be seen.
    """

    def __init__(self, sight: Sight, most: int) -> None:
        self._sight, self._limit = sight, most + 1

    def documents(self, query: DocumentCriteria) -> Found:
        return Found(entries=self._documents(query, query, query.statuses))

    def submission_sets(self, query: FindSubmissionSets) -> Found:
        known: list[str] = []
        if query.author_person:
            every = self._known(_AUTHOR_PERSONS)
            matches = matcher(query.author_person)
            known = [each for each in every if any(map(matches, json.loads(each)))]
        sight = self._sight
        statement, values = find_packages.submission_sets(query, sight.scope, known, sight.whole, self._limit)
        return Found(sets=self._rows(statement, values))

    def folders(self, query: FolderCriteria) -> Found:
        sight = self._sight
        statement, values = find_packages.folders(query, sight.scope, sight.whole, self._limit)
        return Found(folders=self._rows(statement, values))

    def all(self, query: GetAll) -> Found:
        """What is registered, and the associations that touch it, whether or not their other end is told."""
        kind, level = query.return_type, query.metadata_level
        sets = FindSubmissionSets(
            return_type=kind, metadata_level=level, patient_id="", statuses=query.submission_set_statuses
        )
        folders = FindFolders(return_type=kind, metadata_level=level, patient_id="", statuses=query.folder_statuses)
        found = Found(
            sets=self.submission_sets(sets).sets,
            entries=self._documents(query, query, query.document_statuses),
            folders=self.folders(folders).folders,
        )
        if len(found) < self._limit:
            told = found.uuids
            touching = [row for row in self._sight.all_associations() if row.source in told or row.target in told]
            found.associations = self._sight.seen(touching, told)
        return found

    def among(self, query: StoredQuery, uuids: Iterable[str]) -> Rows:
        """The documents of these entryUUIDs that the query's codes and types let through, oldest first."""
        statement, values = documents(self._wanted(query, query, None), self._sight.scope, self._sight.whole)
        rows = self._sight.rows(statement, uuids, values)
        return sorted(rows, key=lambda row: int(row.id))

    def _documents(self, query: StoredQuery, criteria: Any, statuses: tuple[AvailabilityStatus, ...]) -> Rows:
        wanted = self._wanted(query, criteria, statuses)
        return self._rows(*documents(wanted, self._sight.scope, self._sight.whole, self._limit))

    def _wanted(self, query: StoredQuery, criteria: Any, statuses: tuple[AvailabilityStatus, ...] | None) -> Wanted:
        return Wanted(criteria, self._persons, self._references, statuses, latest=not query.every_version)

    def _persons(self, patterns: Sequence[str]) -> list[str]:
        """The authorPerson values of the dossier that one of `patterns` matches."""
        return matched(patterns, self._known(_PERSONS), "authorPerson")

    def _references(self, patterns: Sequence[str]) -> list[str]:
        """The referenceIdList values that one of `patterns` matches."""
        if not any(map(is_pattern, patterns)):
            return list(patterns)
        return matched(patterns, self._known(_REFERENCES), "referenceIdList")

    def _known(self, statement: sa.Select[Any]) -> list[str]:
        return list(self._sight.connection.execute(statement, self._sight.values).scalars())

    def _rows(self, statement: sa.Select[Any], values: dict[str, Any]) -> Rows:
        return self._sight.connection.execute(statement, values).all()


_PERSONS = sa.select(AUTHOR.c.person).distinct().where(AUTHOR.c.patient == PATIENT)
_REFERENCES = sa.select(CODE.c.code).distinct().where(CODE.c.patient == PATIENT, CODE.c.attribute == REFERENCE_IDS)
_AUTHOR_PERSONS = sa.select(SUBMISSION_SET.c.author_persons).distinct().where(SUBMISSION_SET.c.patient == PATIENT)
