"""Queries by identifier: what they name, and what associations lead to from there.

Objects that are reached and not named are told in their latest version only, unless the query asks for every version.

Source: ITI TF-2 3.18.4.1.2.3.7.5 to 3.18.4.1.2.3.7.13; XDS Metadata Update 3.18.4.1.2.3.5.1.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from registry.existing import canonical_id, is_uuid
from registry.metadata import AssociationType
from registry.store.finding import Finder
from registry.store.seeing import SOURCE, TARGET, Sight
from registry.store.told import Found, Rows
from registry.stored_query import (
    GetAssociations,
    GetDocuments,
    GetDocumentsAndAssociations,
    GetFolderAndContents,
    GetFolders,
    GetFoldersForDocument,
    GetRelatedDocuments,
    GetSubmissionSetAndContents,
    GetSubmissionSets,
)

HAS_MEMBER = (AssociationType.HAS_MEMBER,)
_UUID, _UNIQUE_ID, _LOGICAL_ID = "entry_uuid", "unique_id", "logical_id"


class Getter:
    """Gets of one dossier; no more than the Scope of `sight` lets be seen."""

    def __init__(self, sight: Sight, finder: Finder) -> None:
        self._sight, self._finder = sight, finder

    def documents(self, query: GetDocuments) -> Found:
        latest = not query.every_version
        named = self._documents(query.entry_uuids, query.unique_ids, latest)
        return Found(entries=[*named, *self._sight.entries(_LOGICAL_ID, uuids(query.logical_ids), latest=latest)])

    def folders(self, query: GetFolders) -> Found:
        latest = not query.every_version
        named = self._folders(query.entry_uuids, query.unique_ids, latest)
        return Found(folders=[*named, *self._sight.folders(_LOGICAL_ID, uuids(query.logical_ids), latest=latest)])

    def associations(self, query: GetAssociations) -> Found:
        return Found(associations=self._sight.seen(self._sight.associations_at(uuids(query.uuids))))

    def documents_and_associations(self, query: GetDocumentsAndAssociations) -> Found:
        found = Found(entries=self._documents(query.entry_uuids, query.unique_ids, not query.every_version))
        told = found.uuids
        found.associations = self._sight.seen(self._sight.associations_at(told), told)
        return found

    def submission_sets(self, query: GetSubmissionSets) -> Found:
        """The sets that hold one of the objects, and the HasMember that say so."""
        held = self._sight.associations_at(uuids(query.uuids), TARGET, types=HAS_MEMBER)
        sets = {row.entry_uuid for row in self._sight.sets(_UUID, _ends(held, SOURCE))}
        memberships = self._sight.seen([row for row in held if row.source in sets], sets)
        return Found(sets=self._sight.sets(_UUID, _ends(memberships, SOURCE)), associations=memberships)

    def submission_set_and_contents(self, query: GetSubmissionSetAndContents) -> Found:
        """The set, its documents as limited, its folders, its associations between these, and the HasMember of each."""
        sets = [
            *self._sight.sets(_UUID, uuids([query.entry_uuid])),
            *self._sight.sets(_UNIQUE_ID, filter(None, [query.unique_id])),
        ]
        held = self._sight.associations_at([row.entry_uuid for row in sets], SOURCE, types=HAS_MEMBER)
        members = _ends(held, TARGET)
        found = Found(
            sets=sets,
            entries=self._finder.among(query, members),
            folders=self._sight.folders(_UUID, members, latest=not query.every_version),
        )
        told = found.uuids
        between = [row for row in self._sight.associations(members) if row.source in told and row.target in told]
        own = {row.entry_uuid for row in between}
        held = [row for row in held if row.target in told | own and row.entry_uuid not in own]
        found.associations = [*between, *held]
        return found

    def folder_and_contents(self, query: GetFolderAndContents) -> Found:
        """The folder, its documents as limited, and the HasMember of each."""
        folders = self._folders([query.entry_uuid], [query.unique_id], not query.every_version)
        held = self._sight.associations_at([row.entry_uuid for row in folders], SOURCE, types=HAS_MEMBER)
        entries = self._finder.among(query, _ends(held, TARGET))
        told = {row.entry_uuid for row in entries}
        return Found(entries=entries, folders=folders, associations=[row for row in held if row.target in told])

    def folders_for_document(self, query: GetFoldersForDocument) -> Found:
        latest = not query.every_version
        documents = self._documents([query.entry_uuid], [query.unique_id], latest)
        held = self._sight.associations_at([row.entry_uuid for row in documents], TARGET, types=HAS_MEMBER)
        return Found(folders=self._sight.folders(_UUID, _ends(held, SOURCE), latest=latest))

    def related_documents(self, query: GetRelatedDocuments) -> Found:
        """The document, those at the other end of its associations, and these associations: nothing if it has none."""
        named = self._documents([query.entry_uuid], [query.unique_id], not query.every_version)
        given = [row.entry_uuid for row in named]
        at = self._sight.associations_at(given, types=query.association_types)
        rows = {row.entry_uuid: row for row in self._finder.among(query, {*_ends(at, SOURCE), *_ends(at, TARGET)})}
        related = [row for row in at if row.source in rows and row.target in rows]
        joined = {*_ends(related, SOURCE), *_ends(related, TARGET)}
        return Found(entries=[row for uuid, row in rows.items() if uuid in joined], associations=related)

    def _documents(self, entry_uuids: Sequence[str], unique_ids: Sequence[str], latest: bool) -> Rows:
        by_unique_id = self._sight.entries(_UNIQUE_ID, filter(None, unique_ids), latest=latest)
        return [*self._sight.entries(_UUID, uuids(entry_uuids)), *by_unique_id]

    def _folders(self, entry_uuids: Sequence[str], unique_ids: Sequence[str], latest: bool) -> Rows:
        by_unique_id = self._sight.folders(_UNIQUE_ID, filter(None, unique_ids), latest=latest)
        return [*self._sight.folders(_UUID, uuids(entry_uuids)), *by_unique_id]


def uuids(texts: Iterable[str]) -> tuple[str, ...]:
    """What may be looked up: anything that is no UUID is an id that no object has."""
    return tuple(filter(is_uuid, map(canonical_id, texts)))


def _ends(associations: Iterable[Any], end: str) -> list[str]:
    """What stands at that end of `associations`, each once."""
    return list(dict.fromkeys(getattr(row, end) for row in associations))
