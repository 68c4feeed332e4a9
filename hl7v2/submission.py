"""From a transmission to a submission set: documents decoded and staged, metadata derived from their CDA headers.

| attribute of SubmissionSet | where it comes from |
|---|---|
| author | PRT of participation SB; else the software of the structure |
| contentTypeCode | PV1-2 |
| patientId | the INS of the document |
| sourceId | the structure, always the same |
| submissionTime | the present |

Those of DocumentEntry come from the header of the document (`cda.metadata`), its marks of visibility from the flags.

Source: CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2, Mapping XDS; ITI TF-3 4.2.3.3.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from cda.document import read_document
from cda.errors import CdaError
from cda.header import Header as CdaHeader
from cda.header import InstanceId, Name, Organization, Participant, read_header
from cda.hl7 import INS_AUTHORITIES, xcn, xon
from cda.metadata import document_entry, unique_id
from dmp.ports import Staged
from dmp.requests import Lot
from hl7v2.base64_field import Base64Error, decode
from hl7v2.er7 import Syntax
from hl7v2.errors import ANOTHER, INCOMPLETE_INS, NO_INS, OTHER_INS, Condition, Hl7Error, Location
from hl7v2.transmission import (
    INVISIBLE_PATIENT,
    INVISIBLE_REP_LEGAUX,
    MASQUE_PS,
    Encapsulated,
    Transmission,
)
from identities.requester import PatientId, Requester
from registry.metadata import Association, AssociationType, Author, Code, Submission, SubmissionSet
from registry.relationships import ORIGINAL
from schemas import oids
from schemas.value_sets import ValueSets

# PV1-2 -> contentTypeCode; any other is a consultation. Source: the volet, Mapping XDS.
_CONTENT_TYPES = {"I": "03", "O": "07", "E": "07"}
_CONSULTATION = "07"
_MARKS = {  # flag -> confidentialityCode, ANS TRE_A07
    MASQUE_PS: "MASQUE_PS",
    INVISIBLE_PATIENT: "INVISIBLE_PATIENT",
    INVISIBLE_REP_LEGAUX: "INVISIBLE_REPRESENTANTS_LEGAUX",
}


@dataclass(frozen=True, slots=True)
class Received:
    """One document: staged, and its CDA header."""

    staged: Staged
    header: CdaHeader
    location: Location

    @property
    def unique_id(self) -> str:
        return unique_id(self.header.id)

    @property
    def replaced(self) -> tuple[str, ...]:
        """What it says that it replaces."""
        related = (each for each in self.header.related_documents if each.type_code == "RPLC")
        return tuple(unique_id(found) for each in related for found in each.ids)


def receive(document: Encapsulated, syntax: Syntax, stage: Callable[[], Staged]) -> Received:
    """Decodes a document to a staged file and reads its header. Raises Hl7Error; nothing stays staged then."""
    with ExitStack() as undone:
        staged = stage()
        undone.callback(staged.discard)
        header = _decoded(document, syntax, staged)
        undone.pop_all()
    return Received(staged, header, document.location)


def _decoded(document: Encapsulated, syntax: Syntax, staged: Staged) -> CdaHeader:
    """The header of a document that is decoded to `staged`. Raises Hl7Error."""
    try:
        for piece in decode(document.data, syntax):
            staged.write(piece)
        staged.finish()
        return read_header(read_document(staged.chunks()))
    except Base64Error as error:
        raise Hl7Error.single(Condition.DATA_TYPE, error.expected, error.got, document.location) from None
    except CdaError as error:
        expected = f"{error.place}: {error.expected}"
        raise Hl7Error.single(Condition.APPLICATION, expected, error.got, document.location, ANOTHER) from None


def check_patient(received: Received, transmission: Transmission) -> PatientId:
    """The INS that the document is about: that of the message, with all of its traits. Raises Hl7Error.

    Source: the volet, applicationErrorCode 903 to 905.
    """
    patient, where = received.header.patient, received.location
    ins = next((PatientId(each.extension, each.root) for each in patient.ids if each.root in INS_AUTHORITIES), None)
    if ins is None:
        raise Hl7Error.single(Condition.APPLICATION, "an INS in recordTarget", "none", where, NO_INS)
    said = [each for each in transmission.patients if each.authority in INS_AUTHORITIES]
    if said and ins not in said:
        raise Hl7Error.single(Condition.APPLICATION, "the INS of PID-3 in recordTarget", "another", where, OTHER_INS)
    traits = (
        patient.birth_name.family,
        patient.birth_name.given,
        patient.birth_date,
        patient.sex,
        patient.birth_place,
    )
    if not all(traits):
        raise Hl7Error.single(Condition.APPLICATION, "every trait of the INS", "some", where, INCOMPLETE_INS)
    return ins


def lot_of(transmission: Transmission, documents: list[Received], requester: Requester, now: datetime) -> Lot:
    """The documents as one submission set of `requester`. Raises Hl7Error for a header that is not enough."""
    tables = ValueSets.load()
    visibility = [Code(mark, oids.CONFIDENTIALITE_CISIS) for flag, mark in _MARKS.items() if flag in transmission.flags]
    entries = []
    for document in documents:
        try:
            identifier = uuid.uuid4().urn
            entry = document_entry(document.header, entry_uuid=identifier, visibility=visibility, value_sets=tables)
        except CdaError as error:
            expected = f"{error.place}: {error.expected}"
            raise Hl7Error.single(Condition.APPLICATION, expected, error.got, document.location, ANOTHER) from None
        entries.append(entry)
    own = submission_set(transmission, requester, entries[0].patient_id, now)
    members = tuple(
        Association(uuid.uuid4().urn, AssociationType.HAS_MEMBER, own.entry_uuid, entry.entry_uuid, ORIGINAL)
        for entry in entries
    )
    submission = Submission(own, tuple(entries), associations=members)
    return Lot(submission, {entry.entry_uuid: each.staged for entry, each in zip(entries, documents, strict=True)})


def submission_set(transmission: Transmission, requester: Requester, patient_id: str, now: datetime) -> SubmissionSet:
    """What `requester` asks of the registry, as a submission set."""
    code = _CONTENT_TYPES.get(transmission.patient_class, _CONSULTATION)
    label = ValueSets.load().label("content_type", code, oids.CONTENT_TYPE) or code
    source = uuid.uuid5(uuid.NAMESPACE_OID, requester.structure_id or requester.certificate_subject).int
    return SubmissionSet(
        entry_uuid=uuid.uuid4().urn,
        unique_id=f"{oids.UUID_ARC}.{uuid.uuid4().int}",
        patient_id=patient_id,
        source_id=f"{oids.UUID_ARC}.{source}",
        submission_time=f"{now.astimezone(UTC):%Y%m%d%H%M%S}",
        content_type_code=Code(code, oids.CONTENT_TYPE, label),
        authors=(_author(transmission, requester),),
    )


def _author(transmission: Transmission, requester: Requester) -> Author:
    sent_by = transmission.sent_by
    person = sent_by is not None and bool(sent_by.person_id)
    name = Name(sent_by.family, sent_by.given) if sent_by is not None and person else Name(requester.name)
    root = oids.PS_ID_NAT if requester.id_nat else ""
    participant = Participant(ids=(InstanceId(root, requester.id_nat),) if root else (), name=name)
    structure = Organization(
        ids=(InstanceId(oids.STRUCT_ID_NAT, requester.structure_id),),
        name=sent_by.structure_name if sent_by is not None else "",
    )
    institutions = (xon(structure),) if requester.structure_id else ()
    return Author(person=xcn(participant, system=not person), institutions=institutions)
