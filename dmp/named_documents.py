"""The registered documents that a submission names, as far as they are there for the requester."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from dmp.gate import Passage
from habilitations.decision import own_documents
from registry.existing import Existing, canonical_id
from registry.metadata import Submission
from registry.relationships import REPLACING
from registry.scope import Scope
from registry.stored_query import GetDocuments, ReturnType


def as_seen_by(passage: Passage, submission: Submission, existing: Existing) -> Existing:
    """`existing` without the documents that are not there for the requester: what he names of them is unresolved.

    A document is replaced by its author, or by the structure it came from; other associations may name what the
    requester can find, too. A document of another dossier is there for those who wrote it.
    Source: GIE SESAM-Vitale, TD2.1b; CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2, error 901.
    """
    named: dict[str, bool] = {}  # entryUUID -> whether it is to be replaced
    for association in submission.associations:
        for end in map(canonical_id, (association.source, association.target)):
            if end in existing.entries:
                named[end] = named.get(end, False) or association.type in REPLACING
    if not named:
        return existing
    there = {
        uuid
        for patient in {existing.entries[uuid].patient for uuid in named}
        for uuid in _found(passage, own_documents(passage.requester, patient), named)
    }
    reads = passage.reads()
    if reads is not None:
        there |= set(_found(passage, reads, [uuid for uuid, replaced in named.items() if not replaced]))
    gone = named.keys() - there
    return replace(existing, entries={uuid: entry for uuid, entry in existing.entries.items() if uuid not in gone})


def _found(passage: Passage, scope: Scope, uuids: Iterable[str]) -> Iterator[str]:
    """Those of `uuids` that are within `scope`."""
    query = GetDocuments(return_type=ReturnType.LEAF_CLASS, entry_uuids=tuple(uuids))
    return (found.entry_uuid for found in passage.registry.find(query, scope))
