"""Documents on portable media: what of a dossier goes on one, and what comes from one.

Who is given a copy gets what he may find and open, no more: a professional by TD3.1 and TD3.2, a patient by what he may
see of his own dossier, both as a Scope of `habilitations.decision`. Nothing is disclosed before the audit event is
durable: the bytes are read after the passage has closed.

Source: ITI TF-1 16 and TF-2 3.32 (XDM); GIE SESAM-Vitale, DMP-Compatibilité, TD3.1 and TD3.2; public guides of the DMP
(patients download their documents).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import TypeVar

from audit.event import AuditObject, Call, ObjectKind
from dmp.alimentation import Alimentation
from dmp.errors import GestionError
from dmp.gate import Gate
from dmp.media_sets import Found, LeftOut, Selection, apart, in_order, restorable, together, unsigned
from dmp.ports import Rooms
from dmp.requests import Lot
from habilitations.action import Action
from habilitations.decision import patient_copy, whole_dossier
from identities.dossier import Dossier
from identities.requester import PatientId, Requester
from registry.errors import ErrorCode, Finding, RegistryError
from registry.hl7_types import cx_key
from registry.metadata import (
    Association,
    Author,
    Code,
    DocumentEntry,
    Submission,
    SubmissionSet,
)
from registry.scope import Scope
from registry.stored_query import FindDocuments, GetAssociations, GetSubmissionSets, ReturnType, Told
from repository.content import Content

EXPORT = "ITI-32/export"  # Call.transaction of a Portable Media Creator
IMPORT = "ITI-32/import"  # and of a Portable Media Importer
EXPORT_ACT = "xdm.export"  # an operator's act

_TITLE = "Copie de documents du dossier"
_MAX_NAME = 128  # characters of an institution: a slot value holds 256
_BATCH = 1_000  # documents asked about at once: their sets and associations must fit in one answer

Kind = TypeVar("Kind", DocumentEntry, SubmissionSet, Association)


class Recipient(Enum):
    """For whom the operator makes a copy, which decides what is on it."""

    PATIENT = "patient"
    REPRESENTANT = "representant"
    EXPLOITANT = "exploitant"  # moving a dossier to another server


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes media here. Source: ITI TF-2 3.32.4.1.2.2 (README.TXT)."""

    institution: str
    contact: str
    source_id: str  # SubmissionSet.sourceId of what is put together here


@dataclass(frozen=True, slots=True)
class Stored:
    """The bytes of a document: how many, their SHA-1 in hex, and where they come from, each time anew."""

    size: int
    sha1: str
    chunks: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Medium:
    """What goes on a medium. `documents` are by entry id; an id names one entry of all the submissions."""

    dossier: Dossier
    submissions: tuple[Submission, ...]
    documents: Mapping[str, Stored]
    left_out: tuple[LeftOut, ...]


def export_media(
    gate: Gate,
    requester: Requester,
    call: Call,
    patient: PatientId,
    selection: Selection,
    maker: Maker,
    action: Action = Action.TD3_2,
) -> Medium:
    """What `requester` may find and open of a patient's dossier, for a medium; by VD_COPIE where it is their own.

    Raises AccessRefused; RegistryError XDSUnknownPatientId, or XDSTooManyResults when it is more than one answer holds.
    """
    with gate.passage(requester, action, patient, call) as passage:
        if passage.dossier is None:
            code, expected = ErrorCode.XDSUnknownPatientId, "the identifier of a dossier"
            raise RegistryError.single(code, "patientId", expected=expected, got="an unknown one")
        found, reads = _found(passage.rooms, passage.scope, passage.dossier, selection), passage.reads()
        listed = _entries(passage.rooms, reads, passage.dossier, selection) if reads else ()
        findable = {entry.entry_uuid for entry in listed}
        found = replace(found, entries=tuple(each for each in found.entries if each.entry_uuid in findable))
        medium = _medium(gate, passage.rooms, passage.dossier, found, selection, maker)
        passage.objects += _objects(medium)
    return medium


def copy_media(
    gate: Gate,
    operator: str,
    patient: PatientId,
    selection: Selection,
    maker: Maker,
    recipient: Recipient = Recipient.PATIENT,
) -> Medium:
    """The operator's way: a copy for the patient, a representative, or for moving the dossier, closed or open.

    Raises GestionError when there is no such dossier, RegistryError XDSTooManyResults.
    """
    objects: list[AuditObject] = []
    call = Call(transaction=EXPORT, request_id=uuid.uuid4().hex)
    with gate.operator(operator, EXPORT_ACT, patient, call, objects) as rooms:
        dossier = rooms.identities.dossier(patient)
        if dossier is None:
            raise GestionError("Aucun DMP pour cet identifiant.")
        found = _found(rooms, _copy_scope(dossier, recipient), dossier, selection)
        medium = _medium(gate, rooms, dossier, found, selection, maker)
        objects += _objects(medium)
    return medium


def import_media(
    alimentation: Alimentation, requester: Requester, call: Call, lots: Sequence[Lot]
) -> tuple[Finding, ...]:
    """Registers the submissions of a medium, all about one patient, as ITI-41 would: all of them or none.

    Returns the warnings. Raises AccessRefused, or RegistryError with every fault found.
    """
    by_set = {id(lot.submission): lot for lot in lots}
    ordered = [by_set[id(submission)] for submission in in_order(lot.submission for lot in lots)]
    return alimentation.provide_all(requester, call, ordered)


def _copy_scope(dossier: Dossier, recipient: Recipient) -> Scope:
    if recipient is Recipient.EXPLOITANT:
        return whole_dossier(dossier.key)
    return patient_copy(dossier.key, for_representative=recipient is Recipient.REPRESENTANT)


def _entries(rooms: Rooms, scope: Scope, dossier: Dossier, selection: Selection) -> tuple[DocumentEntry, ...]:
    query = FindDocuments(return_type=ReturnType.LEAF_CLASS, patient_id=str(dossier.ins), statuses=selection.statuses)
    return _of(DocumentEntry, rooms.registry.find(query, scope))


def _found(rooms: Rooms, scope: Scope, dossier: Dossier, selection: Selection) -> Found:
    """The documents in `scope`, the sets that hold them, and their associations."""
    entries = _entries(rooms, scope, dossier, selection)
    related: dict[str, Told] = {}
    for uuids in _batches([entry.entry_uuid for entry in entries]):
        for query in (
            GetSubmissionSets(return_type=ReturnType.LEAF_CLASS, uuids=uuids),
            GetAssociations(return_type=ReturnType.LEAF_CLASS, uuids=uuids),
        ):
            related |= {item.entry_uuid: item for item in rooms.registry.find(query, scope)}
    return Found(entries, _of(SubmissionSet, related.values()), _of(Association, related.values()))


def _of(kind: type[Kind], objects: Iterable[Told]) -> tuple[Kind, ...]:
    return tuple(item for item in objects if isinstance(item, kind))


def _batches(items: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return (tuple(items[start : start + _BATCH]) for start in range(0, len(items), _BATCH))


def _medium(gate: Gate, rooms: Rooms, dossier: Dossier, found: Found, selection: Selection, maker: Maker) -> Medium:
    """The medium that `found` makes. Hash and size are those of the bytes that go on it."""
    contents = {
        entry.unique_id: content
        for entry in found.entries
        if (content := rooms.documents.content(dossier.key, entry.unique_id))
    }
    entries, left_out = restorable(found, contents)
    if not selection.by_submission:
        entries, signatures = unsigned(found, entries)
        left_out += signatures
    patient_id = _patient_id(dossier, entries)
    if not entries:
        submissions: tuple[Submission, ...] = ()
    elif selection.by_submission:
        submissions = apart(found, entries, patient_id)
    else:
        submissions = (together(entries, found.associations, _own_set(gate, found, maker, patient_id)),)
    submissions = tuple(_measured(submission, contents) for submission in submissions)
    documents = {
        entry.entry_uuid: _stored(gate, contents[entry.unique_id])
        for submission in submissions
        for entry in submission.entries
    }
    return Medium(dossier, submissions, documents, left_out)


def _measured(submission: Submission, contents: Mapping[str, Content]) -> Submission:
    def measured(entry: DocumentEntry) -> DocumentEntry:
        content = contents[entry.unique_id]
        return replace(entry, hash=content.sha1, size=content.size)

    return replace(submission, entries=tuple(map(measured, submission.entries)))


def _stored(gate: Gate, content: Content) -> Stored:
    return Stored(content.size, content.sha1, partial(gate.files.chunks, content))


def _patient_id(dossier: Dossier, entries: Sequence[DocumentEntry]) -> str:
    """The patient as the medium names them: by the current identifier, as documents have it where one does."""
    current = str(dossier.ins)
    written = (entry.patient_id for entry in entries if cx_key(entry.patient_id) == cx_key(current))
    return next(written, current)


def _own_set(gate: Gate, found: Found, maker: Maker, patient_id: str) -> SubmissionSet:
    """The set of a copy: ours, but for the kind of activity, which is that of the newest set copied."""
    newest = max(found.sets, key=lambda own: own.submission_time, default=None)
    return SubmissionSet(
        entry_uuid="SubmissionSet01",
        unique_id=f"2.25.{uuid.uuid4().int}",  # ISO/IEC 9834-8, UUID-based OID
        patient_id=patient_id,
        source_id=maker.source_id,
        submission_time=gate.now().strftime("%Y%m%d%H%M%S"),
        content_type_code=newest.content_type_code if newest else Code("", ""),
        authors=(Author(institutions=(_xon(maker.institution),)),),
        title=_TITLE,
    )


def _xon(name: str) -> str:
    """XON.1, its delimiters left out. Source: ITI TF-3 Table 4.2.3.1.7-2 (XON)."""
    return name.translate(dict.fromkeys(map(ord, "^&|~\\"), " "))[:_MAX_NAME]


def _objects(medium: Medium) -> list[AuditObject]:
    """What the audit event names: each set, each document. Source: ITI TF-2 3.32.5.1.1."""
    sets = [
        AuditObject(ObjectKind.SUBMISSION_SET, submission.submission_set.unique_id) for submission in medium.submissions
    ]
    return sets + [
        AuditObject(ObjectKind.DOCUMENT, entry.unique_id, entry.repository_unique_id)
        for submission in medium.submissions
        for entry in submission.entries
    ]
