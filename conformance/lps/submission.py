"""ITI-41: one submission set, its documents, what they replace, and the signature that covers them.

Sources: ITI TF-3 4.2.1.4 (submission), 4.2.3 (attributes), Tables 4.2.5.2-1 and -2 (object identifiers); ITI TF-2 3.41;
CI-SIS, volet Partage de documents de santé, and GIE SESAM-Vitale, DMP-Compatibilité, TD2.1 (signature document).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from conformance.lps.header import Document
from conformance.lps.metadata import Author, Code, Entry, new_oid, xcn, xon
from conformance.lps.mtom import Attachment
from conformance.lps.people import Patient, Person, Sender
from conformance.lps.soap import LCM, RIM, XDS, slot, split_at
from schemas import oids
from schemas.value_sets import ValueSets

STABLE = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"  # DocumentEntry, ITI TF-3 Table 4.2.5.2-1
SUBMISSION_SET = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"  # ITI TF-3 4.2.2.1
RPLC = "urn:ihe:iti:2007:AssociationType:RPLC"  # ITI TF-3 Table 4.2.2.2-1
SIGNS = "urn:ihe:iti:2007:AssociationType:signs"  # ITI TF-3 Table 4.2.2.2-1

ENTRY_AUTHOR = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
ENTRY_CODES = {
    "class_code": "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a",
    "confidentiality_codes": "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f",
    "event_codes": "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4",
    "format_code": "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d",
    "healthcare_facility_type_code": "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1",
    "practice_setting_code": "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead",
    "type_code": "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983",
}
ENTRY_PATIENT_ID = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
ENTRY_UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
SET_AUTHOR = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d"
SET_CONTENT_TYPE = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500"
SET_PATIENT_ID = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
SET_UNIQUE_ID = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"
SET_SOURCE_ID = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832"

# ActCode of the encounter -> contentTypeCode; without one, the consultation. Source: CI-SIS, volet Transmission d'un
# document CDA-R2 en HL7v2 (PV1-2 I, O, E -> 03, 07, 07).
CONTENT_TYPE_OF_ENCOUNTER = {"IMP": "03", "ACUTE": "03", "NONAC": "03", "SS": "04", "AMB": "07", "EMER": "07"}
CONSULTATION = "07"

# The DMP's signature document. Source: GIE SESAM-Vitale, DMP-Compatibilité, TD2.1.
SIGNATURE_CLASS = Code(oids.DSG_CLASS_CODE, "URN", "Digital Signature")
SIGNATURE_TYPE = Code("E1762", "ASTM", "Full Document")
SIGNATURE_FORMAT = Code("http://www.w3.org/2000/09/xmldsig#", "URN", "Default Signature Style")
SIGNATURE_PURPOSE = "1.2.840.10065.1.12.1.14"  # ASTM E1762 source signature
SIGNATURE_EVENT = Code(SIGNATURE_PURPOSE, "1.2.840.10065.1.12", "Source")


@dataclass(frozen=True, slots=True)
class Signature:
    """The signature document of a submission: its entry and its bytes."""

    entry: Entry
    content: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """What one ITI-41 carries. `replaces` maps an entryUUID of `documents` to the entryUUID that it replaces."""

    patient: Patient
    documents: Sequence[Document]
    author: Author
    content_type: Code
    source_id: str
    unique_id: str
    submission_time: str
    replaces: Mapping[str, str]
    signature: Signature | None = None

    @property
    def entries(self) -> list[Entry]:
        """Every DocumentEntry, the signature's last."""
        signed = [self.signature.entry] if self.signature else []
        return [*(document.entry for document in self.documents), *signed]


def content_type(encounter_code: str, values: ValueSets, code: str | None = None) -> Code:
    """The contentTypeCode: the one asked for, else that of the encounter."""
    chosen = code or CONTENT_TYPE_OF_ENCOUNTER.get(encounter_code, CONSULTATION)
    return Code(chosen, oids.CONTENT_TYPE, values.label("content_type", chosen, oids.CONTENT_TYPE) or chosen)


def source_oid(sender: Sender) -> str:
    """The software of a structure as a source: its own arc under 2.25, always the same. Source: ITI TF-3 4.2.3.3.9."""
    return f"{oids.UUID_ARC}.{uuid.uuid5(uuid.NAMESPACE_OID, sender.structure_id).int}"


def sender_author(sender: Sender, values: ValueSets) -> Author:
    """The author of the SubmissionSet: who sends. Source: CI-SIS, Partage de documents, SubmissionSet.author."""
    institution = (
        (xon(sender.structure_name or sender.structure_id, sender.structure_id),) if sender.structure_id else ()
    )
    if sender.user is None:
        return Author(xcn(sender.name_id, sender.subject, "", system=True), institution)
    user = sender.user
    return Author(xcn(user.id_nat, user.family or user.name, user.given), institution, (), _specialty(user, values))


def _specialty(person: Person, values: ValueSets) -> tuple[str, ...]:
    if not person.profession.isdigit():
        return ()
    code = f"G15_{person.profession}" + (f"/{person.specialty}" if person.specialty else "")
    label = values.label("author_specialty", code, oids.AUTHOR_SPECIALTY) or code
    return (f"{code}^{label}^{oids.AUTHOR_SPECIALTY}",)


def signature_entry(documents: Sequence[Document], patient: Patient, author: Author, now: datetime) -> Entry:
    """The DocumentEntry of the signature document. Source: GIE SESAM-Vitale, DMP-Compatibilité, TD2.1."""
    first, time = documents[0].entry, dtm(now)
    hidden = (Code(code, oids.CONFIDENTIALITE_CISIS, code) for code in ("MASQUE_PS", "INVISIBLE_PATIENT"))
    return Entry(
        entry_uuid=uuid.uuid4().urn,
        unique_id=new_oid(),
        patient_id=patient.cx,
        mime_type="text/xml",
        class_code=SIGNATURE_CLASS,
        type_code=SIGNATURE_TYPE,
        format_code=SIGNATURE_FORMAT,
        healthcare_facility_type_code=first.healthcare_facility_type_code,
        practice_setting_code=first.practice_setting_code,
        confidentiality_codes=(Code("N", oids.HL7_CONFIDENTIALITY, "Normal"), *hidden),
        creation_time=time,
        language_code="art",
        source_patient_id=first.source_patient_id,
        authors=(author,),
        event_codes=(SIGNATURE_EVENT,),
        source_patient_info=first.source_patient_info,
        title="Source",
        legal_authenticator=author.person,
        service_start_time=time,
        service_stop_time=time,
    )


def dtm(instant: datetime) -> str:
    """An aware instant as UTC DTM, to the second."""
    return instant.astimezone(UTC).strftime("%Y%m%d%H%M%S")


def write_request(submission: Submission) -> list[bytes | Attachment]:
    """The ProvideAndRegisterDocumentSetRequest, an Attachment wherever a document goes. Source: ITI TF-2 3.41.4."""
    root = etree.Element(f"{{{XDS}}}ProvideAndRegisterDocumentSetRequest", nsmap={"xds": XDS, "lcm": LCM, "rim": RIM})
    root.append(write_metadata(submission))
    marker = f"document-{uuid.uuid4().hex}"
    attachments: list[Attachment] = []
    for document in submission.documents:
        _document(root, document.entry, marker)
        size = document.entry.size
        attachments.append(Attachment(document.path, document.entry.mime_type, size if size is not None else 0))
    if submission.signature:
        _document(root, submission.signature.entry, marker)
        content = submission.signature.content
        attachments.append(Attachment(content, "text/xml", len(content)))
    pieces = split_at(root, marker)
    body: list[bytes | Attachment] = [pieces[0]]
    for attachment, piece in zip(attachments, pieces[1:], strict=True):
        body += [attachment, piece]
    return body


def _document(root: etree._Element, entry: Entry, marker: str) -> None:
    etree.SubElement(root, f"{{{XDS}}}Document", id=entry.entry_uuid).text = marker


def write_metadata(submission: Submission) -> etree._Element:
    """The lcm:SubmitObjectsRequest. Source: ITI TF-3 4.2.1.4."""
    root = etree.Element(f"{{{LCM}}}SubmitObjectsRequest", nsmap={"lcm": LCM, "rim": RIM})
    objects = etree.SubElement(root, f"{{{RIM}}}RegistryObjectList")
    for entry in submission.entries:
        _extrinsic_object(objects, entry)
    set_id = uuid.uuid4().urn
    registry_package(objects, set_id, submission)
    for entry in submission.entries:
        member = association(objects, HAS_MEMBER, set_id, entry.entry_uuid)
        slot(member, "SubmissionSetStatus", ["Original"])
    for new, old in submission.replaces.items():
        association(objects, RPLC, new, old)
    if submission.signature:
        association(objects, SIGNS, submission.signature.entry.entry_uuid, set_id)
    return root


def _extrinsic_object(parent: etree._Element, entry: Entry) -> None:
    element = etree.SubElement(
        parent, f"{{{RIM}}}ExtrinsicObject", id=entry.entry_uuid, mimeType=entry.mime_type, objectType=STABLE
    )
    slot_values = {
        "creationTime": [entry.creation_time],
        "languageCode": [entry.language_code],
        "serviceStartTime": [entry.service_start_time],
        "serviceStopTime": [entry.service_stop_time],
        "sourcePatientId": [entry.source_patient_id],
        "sourcePatientInfo": list(entry.source_patient_info),
        "legalAuthenticator": [entry.legal_authenticator],
        "hash": [entry.hash],
        "size": ["" if entry.size is None else str(entry.size)],
        "urn:ihe:iti:xds:2013:referenceIdList": list(entry.reference_ids),  # ITI TF-3 4.2.3.2.28
    }
    for name, values in slot_values.items():
        if any(values):
            slot(element, name, values)
    _localized(element, "Name", entry.title)
    if entry.comments:
        _localized(element, "Description", entry.comments)
    for author in entry.authors:
        _author(element, ENTRY_AUTHOR, author)
    for attribute, scheme in ENTRY_CODES.items():
        value = getattr(entry, attribute)
        for code in (value,) if isinstance(value, Code) else value:
            coded(element, scheme, code)
    _external_identifier(element, ENTRY_PATIENT_ID, "XDSDocumentEntry.patientId", entry.patient_id)
    _external_identifier(element, ENTRY_UNIQUE_ID, "XDSDocumentEntry.uniqueId", entry.unique_id)


def registry_package(parent: etree._Element, set_id: str, submission: Submission) -> None:
    """Adds the SubmissionSet, known as `set_id` in this message. Source: ITI TF-3 4.2.3.3."""
    element = etree.SubElement(parent, f"{{{RIM}}}RegistryPackage", id=set_id)
    slot(element, "submissionTime", [submission.submission_time])
    _localized(element, "Name", submission.content_type.display)
    _author(element, SET_AUTHOR, submission.author)
    coded(element, SET_CONTENT_TYPE, submission.content_type)
    _external_identifier(element, SET_PATIENT_ID, "XDSSubmissionSet.patientId", submission.patient.cx)
    _external_identifier(element, SET_SOURCE_ID, "XDSSubmissionSet.sourceId", submission.source_id)
    _external_identifier(element, SET_UNIQUE_ID, "XDSSubmissionSet.uniqueId", submission.unique_id)
    etree.SubElement(
        parent,
        f"{{{RIM}}}Classification",
        id=uuid.uuid4().urn,
        classifiedObject=set_id,
        classificationNode=SUBMISSION_SET,
    )


def _localized(parent: etree._Element, name: str, value: str) -> None:
    element = etree.SubElement(parent, f"{{{RIM}}}{name}")
    etree.SubElement(element, f"{{{RIM}}}LocalizedString", charset="UTF-8", value=value)


def _classification(parent: etree._Element, scheme: str, node: str) -> etree._Element:
    return etree.SubElement(
        parent,
        f"{{{RIM}}}Classification",
        id=uuid.uuid4().urn,
        classificationScheme=scheme,
        classifiedObject=str(parent.get("id")),
        nodeRepresentation=node,
    )


def coded(parent: etree._Element, scheme: str, code: Code) -> etree._Element:
    """Adds the Classification of a coded attribute. Source: ITI TF-3 4.2.3.1.2."""
    element = _classification(parent, scheme, code.code)
    slot(element, "codingScheme", [code.scheme])
    _localized(element, "Name", code.display or code.code)
    return element


def _author(parent: etree._Element, scheme: str, author: Author) -> None:
    element = _classification(parent, scheme, "")
    slot(element, "authorPerson", [author.person])
    for name, values in (
        ("authorInstitution", author.institutions),
        ("authorRole", author.roles),
        ("authorSpecialty", author.specialties),
    ):
        if values:
            slot(element, name, list(values))


def _external_identifier(parent: etree._Element, scheme: str, name: str, value: str) -> None:
    element = etree.SubElement(
        parent,
        f"{{{RIM}}}ExternalIdentifier",
        id=uuid.uuid4().urn,
        registryObject=str(parent.get("id")),
        identificationScheme=scheme,
        value=value,
    )
    _localized(element, "Name", name)


def association(parent: etree._Element, kind: str, source: str, target: str) -> etree._Element:
    """Adds an Association. Source: ITI TF-3 4.2.2."""
    return etree.SubElement(
        parent,
        f"{{{RIM}}}Association",
        id=uuid.uuid4().urn,
        associationType=kind,
        sourceObject=source,
        targetObject=target,
    )
