"""The registered documents and folders that a submission names, as far as they are there for the requester."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from dmp.gate import Passage
from habilitations.decision import own_documents
from registry.existing import Existing, RegisteredEntry, RegisteredFolder, canonical_id
from registry.metadata import Submission
from registry.relationships import REPLACING
from registry.scope import Scope
from registry.stored_query import GetDocuments, GetFolders, ReturnType, StoredQuery


def as_seen_by(passage: Passage, submission: Submission, existing: Existing) -> Existing:
    """`existing` without what is not there for the requester: what he names of it is unresolved.

    A document is replaced by its author, or by the structure it came from; other associations may name what the
    requester can find, too. A document of another dossier is there for those who wrote it. A folder is there for whom
    one of its documents is.
    Source: GIE SESAM-Vitale, TD2.1b; CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2, error 901.
    """
    named: dict[str, bool] = {}  # entryUUID -> whether it is to be replaced
    for association in submission.associations:
        for end in map(canonical_id, (association.source, association.target)):
            if end in existing.entries or end in existing.folders:
                named[end] = named.get(end, False) or association.type in REPLACING
    if not named:
        return existing
    registered: dict[str, RegisteredEntry | RegisteredFolder] = {**existing.entries, **existing.folders}
    there = {
        uuid
        for patient in {registered[uuid].patient for uuid in named}
        for uuid in _found(passage, own_documents(passage.requester, patient), existing, named)
    }
    reads = passage.reads()
    if reads is not None:
        read = [uuid for uuid, replaced in named.items() if not replaced]
        there |= set(_found(passage, reads, existing, read))
    gone = named.keys() - there
    return replace(
        existing,
        entries={uuid: entry for uuid, entry in existing.entries.items() if uuid not in gone},
        folders={uuid: folder for uuid, folder in existing.folders.items() if uuid not in gone},
    )


def _found(passage: Passage, scope: Scope, existing: Existing, uuids: Collection[str]) -> Iterator[str]:
    """Those of `uuids`, documents and folders of `existing`, that are within `scope`."""
    folders = tuple(uuid for uuid in uuids if uuid in existing.folders)
    entries = tuple(uuid for uuid in uuids if uuid in existing.entries)
    references = ReturnType.OBJECT_REF
    if entries:
        query: StoredQuery = GetDocuments(return_type=references, entry_uuids=entries)
        yield from (found.entry_uuid for found in passage.registry.find(query, scope))
    if folders:
        query = GetFolders(return_type=references, entry_uuids=folders)
        yield from (found.entry_uuid for found in passage.registry.find(query, scope))
