"""The synthesis of a dossier: what its level-3 documents say, as far as the requester may open them.

Whoever reads it has read those documents: each that a line comes from is an object of the event.

Source: ITI TF-2 3.43.6.1 (documents that are given); CI-SIS, volets de contenu (level 3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from audit.event import AuditObject, Call, ObjectKind
from cda.errors import CdaError
from cda.synthesis.facts import Fact, facts
from cda.synthesis.lines import Line, gathered
from dmp.gate import Gate, Passage
from dmp.ports import Files
from habilitations.action import Action
from identities.ins import write_cx
from identities.requester import PatientId, Requester
from registry.document_kinds import is_signature
from registry.metadata import AvailabilityStatus, DocumentEntry, ObjectType
from registry.scope import Scope
from registry.stored_query import FindDocuments, ReturnType

MAX_DOCUMENTS = 200  # the newest
MAX_BYTES = 64 * 1024 * 1024  # of all of them
CDA_FORMATS = ("text/xml", "application/xslt+xml")
_LEVEL_1 = ("urn:ihe:iti:xds-sd:", "urn:ihe:iti-fr:xds-sd:")  # ITI TF-3 5.8: a file in a header


@dataclass(frozen=True, slots=True)
class Synthesis:
    """Lines, the documents that they come from, the newest first, and how many documents could not be read."""

    lines: tuple[Line, ...]
    documents: tuple[DocumentEntry, ...]
    unread: int = 0


def synthesis(gate: Gate, requester: Requester, call: Call, patient: PatientId) -> Synthesis:
    """What the current documents of a dossier say. Raises AccessRefused, RegistryError for too many documents."""
    with gate.passage(requester, Action.TD3_2, patient, call) as passage:
        scope = passage.decision.scope
        if scope is None:
            return Synthesis((), ())
        query = FindDocuments(
            return_type=ReturnType.LEAF_CLASS,
            patient_id=write_cx(patient),
            statuses=(AvailabilityStatus.APPROVED,),
            object_types=(ObjectType.STABLE,),
        )
        found = passage.registry.find(query, scope)
        entries = [each for each in found if isinstance(each, DocumentEntry) and not is_signature(each)]
        return read(passage, gate.files, scope, entries)


def read(passage: Passage, files: Files, scope: Scope, entries: Iterable[DocumentEntry]) -> Synthesis:
    """The synthesis of these documents, all within `scope`; those that gave a line are noted as read."""
    structured = sorted(
        filter(_is_structured, entries), key=lambda each: (each.creation_time, each.unique_id), reverse=True
    )
    told: list[tuple[DocumentEntry, tuple[Fact, ...]]] = []
    room, unread = MAX_BYTES, 0
    for number, entry in enumerate(structured):
        content = passage.documents.content(scope.patient, entry.unique_id)
        if content is None or number >= MAX_DOCUMENTS or content.size > room:
            unread += 1
            continue
        room -= content.size
        try:
            told.append((entry, facts(files.chunks(content))))
        except CdaError:
            unread += 1
    given = tuple(entry for entry, said in told if said)
    for entry in given:
        passage.objects.append(AuditObject(ObjectKind.DOCUMENT, entry.unique_id, entry.repository_unique_id))
    lines = gathered((entry.unique_id, said) for entry, said in told)
    return Synthesis(lines, given, unread)


def _is_structured(entry: DocumentEntry) -> bool:
    return entry.mime_type in CDA_FORMATS and not entry.format_code.code.startswith(_LEVEL_1)
