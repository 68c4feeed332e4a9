"""Metadata updates as a node sends them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from registry.metadata import (
    Association,
    AssociationType,
    DocumentEntry,
    Folder,
    Submission,
)
from tests.connectathon import (
    APPROVED,
    DEPRECATED,
    Answer,
    Node,
    association,
    document,
    folder,
    submission,
)

GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
GET_FOLDERS = "urn:uuid:5737b14c-8a1a-4539-b659-e03a34a5e1e4"
GET_ASSOCIATIONS = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155"
GET_FOLDER_AND_CONTENTS = "urn:uuid:b909a503-523d-4517-8acf-8e5834dfc4c7"
GET_RELATED = "urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6"
HAS_MEMBER, APND = AssociationType.HAS_MEMBER, AssociationType.APND
SUBMIT, UPDATE_STATUS = AssociationType.SUBMIT_ASSOCIATION, AssociationType.UPDATE_AVAILABILITY_STATUS
SET = "SubmissionSet01"
MODES = pytest.mark.parametrize("restricted", [False, True], ids=["ITI-57", "ITI-92"])


def revision(*items: DocumentEntry | Folder | Association, propagation: str = "", **changes: Any) -> Submission:
    """An update: each document or folder is the version after `item.version`; other associations as they stand."""
    versions = {item.entry_uuid: item.version for item in items if not isinstance(item, Association)}
    sent = submission(*items, **changes)

    def slots(item: Association) -> Association:
        if item.source != SET or item.target not in versions:
            return item
        added = [("PreviousVersion", (str(versions[item.target]),))]
        added += [("AssociationPropagation", (propagation,))] if propagation else []
        return replace(item, extra_slots=tuple(added))

    return replace(sent, associations=tuple(map(slots, sent.associations)))


def successor(registered: DocumentEntry, **changes: Any) -> DocumentEntry:
    """The version after a registered one."""
    return replace(registered, entry_uuid="Document01", logical_id=registered.logical_id, **changes)


def status_change(target: str, original: str = APPROVED, new: str = DEPRECATED) -> Association:
    slots = (("OriginalStatus", (original,)), ("NewStatus", (new,)))
    return association(UPDATE_STATUS, SET, target, extra_slots=slots)


def every_version(node: Node, unique_id: str, query: str = GET_DOCUMENTS, name: str = "DocumentEntry") -> Answer:
    return node.query(query, {f"$XDS{name}UniqueId": [f"('{unique_id}')"], "$MetadataLevel": ["2"]})


def registered(node: Node, patient: str, **changes: Any) -> DocumentEntry:
    """A document that is there, as it is found."""
    sent = document(patient, **changes)
    answer = node.register(submission(sent))
    assert answer.success, answer.errors
    (found,) = node.query(GET_DOCUMENTS, {"$XDSDocumentEntryUniqueId": [f"('{sent.unique_id}')"]}).entries
    return found


def registered_folder(node: Node, patient: str, **changes: Any) -> Folder:
    sent = folder(patient, **changes)
    assert node.register(submission(sent)).success
    return folders(every_version(node, sent.unique_id, GET_FOLDERS, "Folder"))[0]


def folders(answer: Answer) -> list[Folder]:
    return [item for item in answer.objects if isinstance(item, Folder)]


def associations(answer: Answer) -> list[Association]:
    return [item for item in answer.objects if isinstance(item, Association)]


def updated(node: Node, sent: Submission, *, restricted: bool = False) -> Answer:
    answer = node.update(sent, restricted=restricted)
    assert answer.success, answer.errors
    return answer


def in_a_folder(node: Node, patient: str) -> tuple[Folder, list[DocumentEntry]]:
    """A folder that holds two documents, as they are found."""
    kept, one, two = folder(patient), document(patient), document(patient, "Document02")
    members = [association(HAS_MEMBER, "Folder01", each.entry_uuid) for each in (one, two)]
    assert node.register(submission(kept, one, two, *members)).success
    found = every_version(node, kept.unique_id, GET_FOLDERS, "Folder")
    return folders(found)[0], sorted(node.find_documents(patient).entries, key=lambda entry: entry.entry_uuid)
