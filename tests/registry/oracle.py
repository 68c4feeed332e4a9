"""Small registries made by chance, and what each stored query finds in one: said over in plain loops, without SQL.

Source: ITI TF-2 3.18.4.1.2.3.7, 3.51.4.1.2.1; XDS Metadata Update 3.18.4.1.2.3.5.1.1; CP-ITI-1323.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from registry.metadata import Association, AssociationType, DocumentEntry, Folder, ObjectType, SubmissionSet, dtm_floor
from registry.scope import Custody, Reach, Scope
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
    StoredQuery,
    TimeRange,
)

HAS_MEMBER = AssociationType.HAS_MEMBER
Object = DocumentEntry | SubmissionSet | Folder | Association


@dataclass
class World:
    """What is registered: objects by entryUUID, each in a dossier."""

    objects: dict[str, Object] = field(default_factory=dict)
    dossiers: dict[str, str] = field(default_factory=dict)
    custody: dict[str, Custody] = field(default_factory=dict)
    superseded: set[str] = field(default_factory=set)  # not the latest version
    received: str = "20260301120030"  # when all of it was registered

    def put(self, dossier: str, item: Object) -> None:
        self.objects[item.entry_uuid], self.dossiers[item.entry_uuid] = item, dossier


class Oracle:
    """What one Scope lets be found in one dossier of `world`."""

    def __init__(self, world: World, scope: Scope) -> None:
        self.world, self.scope = world, scope
        own = [item for uuid, item in world.objects.items() if world.dossiers[uuid] == scope.patient]
        self.there = {item.entry_uuid: item for item in own}
        self.associations = [item for item in own if isinstance(item, Association)]
        self.entries = [item for item in own if isinstance(item, DocumentEntry) and self.sees(item.entry_uuid)]
        self.sets = [item for item in own if isinstance(item, SubmissionSet) and self.sees(item.entry_uuid)]
        self.folders = [self._dated(item) for item in own if isinstance(item, Folder) and self.sees(item.entry_uuid)]

    def sees(self, uuid: str) -> bool:
        item = self.there.get(uuid)
        if item is None:
            return False
        if isinstance(item, DocumentEntry):
            versions = [item, *(self._newest(item) if uuid in self.world.superseded else ())]
            return all(self.scope.permits(each, self.world.custody[each.entry_uuid]) for each in versions)
        if isinstance(item, Association):
            return self.sees(item.source) and self.sees(item.target)
        documents = self._documents(uuid)
        return any(map(self.sees, documents)) or (not documents and self.scope.reach is Reach.ALL)

    def _documents(self, package: str) -> list[str]:
        members = [each.target for each in self.associations if each.type is HAS_MEMBER and each.source == package]
        return [each for each in members if isinstance(self.there.get(each), DocumentEntry)]

    def _dated(self, folder: Folder) -> Folder:
        """A folder that holds what is hidden last changed when the last of what is not came into it."""
        hides = not all(map(self.sees, self._documents(folder.entry_uuid)))
        return replace(folder, last_update_time=self.world.received) if hides else folder

    def _newest(self, item: DocumentEntry) -> list[DocumentEntry]:
        """What is not superseded of the logical object."""
        return [
            each
            for each in self.there.values()
            if isinstance(each, DocumentEntry)
            and each.logical_id == item.logical_id
            and each.entry_uuid not in self.world.superseded
        ]

    def find(self, query: StoredQuery) -> set[str]:
        """The entryUUIDs of what `query` finds."""
        return {item.entry_uuid for item in self._found(query)}

    def _found(self, query: StoredQuery) -> Iterable[Object]:
        match query:
            case DocumentCriteria():
                return [
                    entry
                    for entry in self._current(query, self.entries)
                    if entry.availability_status in query.statuses and suits(query, entry)
                ]
            case FindSubmissionSets():
                return [each for each in self.sets if _suits_set(query, each)]
            case FolderCriteria():
                return [each for each in self._current(query, self.folders) if _suits_folder(query, each)]
            case GetAll():
                told: list[Object] = [
                    each for each in self.sets if each.availability_status in query.submission_set_statuses
                ]
                told += [
                    each
                    for each in self._current(query, self.entries)
                    if each.availability_status in query.document_statuses and suits(query, each)
                ]
                told += [
                    each
                    for each in self._current(query, self.folders)
                    if each.availability_status in query.folder_statuses
                ]
                return [*told, *self._at(query, {each.entry_uuid for each in told})]
            case GetDocuments() | GetFolders():
                of = self.entries if isinstance(query, GetDocuments) else self.folders
                current = self._current(query, of)
                return [
                    *(each for each in of if each.entry_uuid in query.entry_uuids),
                    *(each for each in current if each.unique_id in query.unique_ids),
                    *(each for each in current if each.logical_id in query.logical_ids),
                ]
            case GetAssociations():
                return self._at(query, query.uuids)
            case GetDocumentsAndAssociations():
                named = self._named(query, self.entries, query.entry_uuids, query.unique_ids)
                return [*named, *self._at(query, {each.entry_uuid for each in named})]
            case GetSubmissionSets():
                held = [each for each in self._held(query) if each.target in query.uuids]
                sets = {each.entry_uuid: each for each in self.sets}
                used = [each for each in held if each.source in sets and self.sees(each.target)]
                return [*(sets[each.source] for each in used), *used]
            case GetSubmissionSetAndContents():
                named = self._named(query, self.sets, [query.entry_uuid], [query.unique_id])
                return self._contents(query, named, self._current(query, self.folders))
            case GetFolderAndContents():
                return self._contents(
                    query, self._named(query, self.folders, [query.entry_uuid], [query.unique_id]), []
                )
            case GetFoldersForDocument():
                named = self._named(query, self.entries, [query.entry_uuid], [query.unique_id])
                uuids = {each.entry_uuid for each in named}
                holding = {each.source for each in self._held(query) if each.target in uuids}
                return [each for each in self._current(query, self.folders) if each.entry_uuid in holding]
            case GetRelatedDocuments():
                named = self._named(query, self.entries, [query.entry_uuid], [query.unique_id])
                entries = {e.entry_uuid: e for e in self._current(query, self.entries) if suits(query, e)}
                related = [
                    each
                    for each in self._at(query, {each.entry_uuid for each in named})
                    if each.type in query.association_types and each.source in entries and each.target in entries
                ]
                return [*related, *(entries[end] for each in related for end in (each.source, each.target))]
        raise AssertionError(query)

    def _contents(self, query: Any, packages: Sequence[Object], folders: Sequence[Folder]) -> list[Object]:
        uuids = {each.entry_uuid for each in packages}
        held = [each for each in self._held(query) if each.source in uuids]
        members = {each.target for each in held}
        told: list[Object] = [*packages]
        told += [e for e in self._current(query, self.entries) if e.entry_uuid in members and suits(query, e)]
        told += [each for each in folders if each.entry_uuid in members]
        inside = {each.entry_uuid for each in told}
        if isinstance(query, GetSubmissionSetAndContents):
            told += [
                each
                for each in self.associations
                if each.entry_uuid in members
                and each.availability_status in query.told_statuses
                and {each.source, each.target} <= inside
            ]
        inside = {each.entry_uuid for each in told} - uuids
        return [*told, *(each for each in held if each.target in inside)] if packages else []

    def _named(
        self, query: StoredQuery, of: Sequence[Any], uuids: Collection[str], unique_ids: Collection[str]
    ) -> list[Any]:
        return [
            *(each for each in of if each.entry_uuid in uuids),
            *(each for each in self._current(query, of) if each.unique_id in unique_ids),
        ]

    def _current(self, query: StoredQuery, of: Sequence[Any]) -> list[Any]:
        return [each for each in of if query.every_version or each.entry_uuid not in self.world.superseded]

    def _at(self, query: StoredQuery, uuids: Collection[str]) -> list[Association]:
        return [
            each
            for each in self.associations
            if each.availability_status in query.told_statuses
            and (each.source in uuids or each.target in uuids)
            and self.sees(each.entry_uuid)
        ]

    def _held(self, query: StoredQuery) -> list[Association]:
        return [
            each
            for each in self.associations
            if each.type is HAS_MEMBER and each.availability_status in query.told_statuses
        ]


# --- Attributes -------------------------------------------------------------------------------------------------------


def suits(query: Any, entry: DocumentEntry) -> bool:
    """Whether `entry` has what `query` asks of a document; attributes that the query lacks ask nothing."""

    def asked(name: str) -> Any:
        return getattr(query, name, ())

    if asked("excluded_object_types"):
        if entry.object_type in asked("excluded_object_types"):
            return False
    elif entry.object_type not in query.object_types:
        return False
    has = {
        "class_codes": {entry.class_code},
        "type_codes": {entry.type_code},
        "practice_setting_codes": {entry.practice_setting_code},
        "healthcare_facility_type_codes": {entry.healthcare_facility_type_code},
        "format_codes": {entry.format_code},
    }
    several = {"event_codes": set(entry.event_codes), "confidentiality_codes": set(entry.confidentiality_codes)}
    for name, codes in has.items():
        if asked(name) and not codes & set(asked(name)):
            return False
        if asked(f"excluded_{name}") and codes & set(asked(f"excluded_{name}")):
            return False
    for name, codes in several.items():
        if not all(codes & set(group) for group in asked(name)):
            return False
        if asked(f"excluded_{name}") and all(codes & set(group) for group in asked(f"excluded_{name}")):
            return False
    persons = [author.person for author in entry.authors if author.person]
    patterns = asked("author_persons"), asked("excluded_author_persons")
    if (patterns[0] and not _like(patterns[0], persons)) or (patterns[1] and _like(patterns[1], persons)):
        return False
    groups = asked("reference_ids"), asked("excluded_reference_ids")
    if not all(_like(group, entry.reference_ids) for group in groups[0]):
        return False
    if groups[1] and all(_like(group, entry.reference_ids) for group in groups[1]):
        return False
    stable = entry.object_type is ObjectType.STABLE
    return (
        (not stable or _within(asked("creation_time"), entry.creation_time))
        and (not entry.service_start_time or _within(asked("service_start_time"), entry.service_start_time))
        and (not entry.service_stop_time or _within(asked("service_stop_time"), entry.service_stop_time))
    )


def _suits_set(query: FindSubmissionSets, each: SubmissionSet) -> bool:
    persons = [author.person for author in each.authors if author.person]
    return (
        each.availability_status in query.statuses
        and (not query.source_ids or each.source_id in query.source_ids)
        and _within(query.submission_time, each.submission_time)
        and (not query.author_person or _like([query.author_person], persons))
        and (not query.content_types or each.content_type_code in query.content_types)
    )


def _suits_folder(query: FolderCriteria, each: Folder) -> bool:
    return (
        each.availability_status in query.statuses
        and _within(query.last_update_time, each.last_update_time)
        and all(set(each.codes) & set(group) for group in query.codes)
    )


def _within(limits: TimeRange | tuple[()], time: str) -> bool:
    if not limits:
        return True
    return (not limits.start or limits.start <= dtm_floor(time)) and (not limits.stop or dtm_floor(time) < limits.stop)


def _like(patterns: Iterable[str], texts: Iterable[str]) -> bool:
    coded = [
        "".join({"%": ".*", "_": "."}.get(character, re.escape(character)) for character in pattern)
        for pattern in patterns
    ]
    return any(re.fullmatch(pattern, text, re.DOTALL) for pattern in coded for text in texts)
