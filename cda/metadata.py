"""XDS metadata from a CDA header: one attribute, one rule.

| attribute | where it comes from |
|---|---|
| uniqueId | id: an OID, 2.25.<decimal> for a UUID, OID^extension |
| typeCode, title, creationTime, languageCode | code, title, effectiveTime (UTC), languageCode |
| classCode | typeCode, by ASS_X16 and ASS_X04 |
| formatCode | templateId and the media type of a nonXMLBody, by ASS_A11; else `FORMAT_OUTSIDE_PROFILES` |
| mimeType | text/xml, application/xslt+xml for a document that presents itself |
| confidentialityCode | confidentialityCode, then the visibility codes of the submitter |
| patientId | recordTarget, the INS; sourcePatientId its IPP, or the INS; sourcePatientInfo its birth traits |
| author, legalAuthenticator | author, legalAuthenticator |
| serviceStartTime, serviceStopTime, practiceSettingCode | documentationOf of the principal act |
| healthcareFacilityTypeCode | componentOf/encompassingEncounter/location/healthCareFacility/code |
| eventCodeList | documentationOf: acts (CCAM), diagnoses (CIM-10), modalities, anatomy of imaging reports |
| referenceIdList | inFulfillmentOf: orders and accession numbers; the study of imaging reports |

hash and size belong to the repository.

Source: CI-SIS, volet Partage de documents de santé, correspondance CDA - XDS; CI-SIS, volet Transmission d'un document
CDA-R2 en HL7v2, Mapping XDS.
"""

from __future__ import annotations

from collections.abc import Iterable

from cda.document import BodyKind, Wrapper
from cda.errors import CdaError
from cda.header import Header, InstanceId, Participant
from cda.hl7 import INS_AUTHORITIES, cx, cxi, escape, oid_of, xcn, xon
from identities.requester import PatientId
from registry.metadata import Author, Code, DocumentEntry
from schemas import oids
from schemas.value_sets import ValueSets

FORMAT_OUTSIDE_PROFILES = Code(
    "urn:asipSante:modelesHorsProfils:2011",  # ANS, TRE_A06: document outside IHE's and the CI-SIS's profiles
    oids.FORMAT_CODE_CISIS,
    "Document non référencé IHE ou CI-SIS",
)
MIME_CDA = "text/xml"
MIME_SELF_PRESENTING = "application/xslt+xml"
LANGUAGE = "fr-FR"

# Source: ITI TF-3 4.2.3.2.28 (referenceIdList); ANS, JDV_J231-XdsTypesIdentifiantsReferenceId-DMP.
REFERENCE_ORDER = "urn:ihe:iti:xds:2013:order"
REFERENCE_ACCESSION = "urn:ihe:iti:xds:2013:accession"
REFERENCE_STUDY = "urn:ihe:iti:xds:2016:studyInstanceUID"

_EVENT_SYSTEMS = frozenset({oids.CCAM, oids.CCAM_XDS, oids.CIM_10, oids.DICOM_DCM})


def document_entry(
    header: Header,
    *,
    entry_uuid: str = "",
    patient: PatientId | None = None,
    visibility: Iterable[Code] = (),
    comments: str = "",
    value_sets: ValueSets | None = None,
) -> DocumentEntry:
    """The DocumentEntry of a document, every attribute but hash and size derived from its header.

    `patient` is the identifier the document is registered under (default: the INS of the header), `visibility` the
    codes MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX that no header carries. Raises CdaError for a
    required attribute that the header does not give.
    """
    tables = value_sets or ValueSets.load()
    start = service_start_time(header)
    return DocumentEntry(
        entry_uuid=entry_uuid,
        unique_id=unique_id(header.id),
        patient_id=cx(patient.value, patient.authority, "NH") if patient else patient_id(header),
        mime_type=mime_type(header),
        class_code=class_code(header, tables),
        type_code=labelled(header.code, "type_document", tables),
        format_code=format_code(header, tables),
        healthcare_facility_type_code=healthcare_facility_type_code(header, tables),
        practice_setting_code=practice_setting_code(header, tables),
        confidentiality_codes=(labelled(header.confidentiality, "confidentiality", tables), *visibility),
        creation_time=header.effective_time,
        language_code=header.language or LANGUAGE,
        source_patient_id=source_patient_id(header),
        authors=authors(header),
        event_codes=event_codes(header),
        reference_ids=reference_ids(header),
        source_patient_info=source_patient_info(header),
        title=header.title,
        comments=comments,
        legal_authenticator=legal_authenticator(header),
        service_start_time=start,
        service_stop_time=header.principal_event.stop if header.principal_event else "",
    )


def unique_id(found: InstanceId) -> str:
    """The uniqueId of a document with that id. Source: ITI TF-3 4.2.3.2.26."""
    root = oid_of(found.root)
    return f"{root}^{found.extension}" if found.extension else root


def unique_id_forms(found: InstanceId) -> frozenset[str]:
    """Every way of writing that id as a uniqueId: the one of `unique_id`, and a UUID root as it stands or as a URN."""
    forms = {unique_id(found)}
    if not found.extension and oid_of(found.root) != found.root:
        for text in (found.root, found.root.lower(), found.root.upper()):
            forms |= {text, f"urn:uuid:{text}"}
    return frozenset(forms)


def document_version(header: Header) -> tuple[str, int] | None:
    """The set of versions the document belongs to and its number in it, None when the header does not say both.

    Source: CI-SIS, Structuration minimale: the same setId and versionNumber twice is refused, the highest is current.
    """
    if header.set_id is None or header.version_number is None:
        return None
    return unique_id(header.set_id), header.version_number


def mime_type(header: Header) -> str:
    """text/xml, or application/xslt+xml for a document inside its own style sheet."""
    return MIME_SELF_PRESENTING if header.wrapper is Wrapper.STYLESHEET else MIME_CDA


def class_code(header: Header, tables: ValueSets) -> Code:
    """The class of the document's type. Raises CdaError when no association has the type."""
    concept = tables.class_for_type(header.code.code, header.code.scheme)
    if concept is None:
        raise CdaError("a document type that has a class", f"{header.code.code} ({header.code.scheme})", "code")
    return Code(concept.code, concept.scheme, concept.label)


def format_code(header: Header, tables: ValueSets) -> Code:
    """The format of the document's templates; `FORMAT_OUTSIDE_PROFILES` when ASS_A11 has none of them.

    A nonXMLBody decides by its media type, whether or not the header claims the XDS-SD template.
    """
    if header.body.kind is BodyKind.NON_XML:
        concept = tables.format_for_templates((oids.TEMPLATE_XDS_SD,), header.body.media_type)
    else:
        concept = tables.format_for_templates(header.template_ids)
    return Code(concept.code, concept.scheme, concept.label) if concept else FORMAT_OUTSIDE_PROFILES


def practice_setting_code(header: Header, tables: ValueSets) -> Code:
    """The cadre d'exercice of the principal act. Raises CdaError when it has none."""
    event = header.principal_event
    if event is None or event.practice_setting is None:
        place = (
            "documentationOf/serviceEvent/performer/assignedEntity/representedOrganization/standardIndustryClassCode"
        )
        raise CdaError("a practice setting", "none", place)
    return labelled(event.practice_setting, "practice_setting", tables)


def healthcare_facility_type_code(header: Header, tables: ValueSets) -> Code:
    """The secteur d'activité of the place. Raises CdaError when there is none."""
    if header.healthcare_facility is None:
        raise CdaError("a facility type", "none", "componentOf/encompassingEncounter/location/healthCareFacility/code")
    return labelled(header.healthcare_facility, "healthcare_facility_type", tables)


def service_start_time(header: Header) -> str:
    """When the principal act began. Raises CdaError when nobody said."""
    event = header.principal_event
    if event is None or not event.start:
        raise CdaError("the beginning of the act documented", "none", "documentationOf/serviceEvent/effectiveTime/low")
    return event.start


def labelled(code: Code, table: str, tables: ValueSets) -> Code:
    """`code` with the label of the table: headers call the same code by many names."""
    return Code(code.code, code.scheme, tables.label(table, code.code, code.scheme) or code.display)


def patient_id(header: Header) -> str:
    """The INS. Raises CdaError when recordTarget has none."""
    ins = next((found for found in header.patient.ids if found.root in INS_AUTHORITIES), None)
    if ins is None:
        raise CdaError("an INS", "other identifiers", "recordTarget/patientRole/id")
    return cx(ins.extension, ins.root, "NH")


def source_patient_id(header: Header) -> str:
    """The patient's number at the source (IPP): the first identifier that is no INS; else the INS."""
    own = [found for found in header.patient.ids if not _is_ins(found) and found.extension]
    found = next(iter(own), header.patient.ids[0])
    return cx(found.extension or found.root, oid_of(found.root), "PI" if own else "NH")


def _is_ins(found: InstanceId) -> bool:
    """Whether the identifier is an INS of any generation."""
    return found.root in INS_AUTHORITIES or found.root in (oids.INS_A, oids.INS_C)


def source_patient_info(header: Header) -> tuple[str, ...]:
    """The traits of birth, as fields of PID. Source: ITI TF-3 4.2.3.2.23."""
    patient = header.patient
    name = patient.birth_name if patient.birth_name.family else patient.used_name
    fields = {
        "PID-5": f"{escape(name.family)}^{escape(name.given)}^^^^^L" if name.family or name.given else "",
        "PID-7": patient.birth_date,
        "PID-8": patient.sex,
    }
    return tuple(f"{field}|{value}" for field, value in fields.items() if value)


def authors(header: Header) -> tuple[Author, ...]:
    """Everybody and everything that wrote the document, in its order."""
    return tuple(map(_author, header.authors))


def _author(author: Participant) -> Author:
    specialty = author.specialty
    return Author(
        person=xcn(author),
        institutions=tuple(filter(None, (xon(author.organization),))) if author.organization else (),
        roles=(escape(author.function),) if author.function else (),
        specialties=(
            (f"{escape(specialty.code)}^{escape(specialty.display)}^{specialty.scheme}",) if specialty else ()
        ),
    )


def legal_authenticator(header: Header) -> str:
    """Who answers for the document: a system when it is one of the devices that wrote it."""
    signer = header.legal_authenticator
    if signer is None:
        return ""
    devices = {found for author in header.authors if author.device for found in author.ids}
    return xcn(signer, system=not devices.isdisjoint(signer.ids))


def event_codes(header: Header) -> tuple[Code, ...]:
    """The acts and diagnoses that documentationOf names, each once."""
    systems = _EVENT_SYSTEMS | {oids.SNOMED_CT} if _is_imaging_report(header) else _EVENT_SYSTEMS
    codes = (code for event in header.service_events for code in event.codes if code.scheme in systems)
    return tuple(dict.fromkeys(codes))


def reference_ids(header: Header) -> tuple[str, ...]:
    """Orders, accession numbers and studies, each once. Source: ITI TF-3 4.2.3.2.28."""
    orders = [cxi(found, REFERENCE_ORDER) for order in header.orders for found in order.ids]
    accessions = [cxi(found, REFERENCE_ACCESSION) for order in header.orders for found in order.accession_numbers]
    events = header.service_events if _is_imaging_report(header) else ()
    studies = [cxi(found, REFERENCE_STUDY) for event in events for found in event.ids if not found.extension]
    return tuple(dict.fromkeys(orders + accessions + studies))


def _is_imaging_report(header: Header) -> bool:
    return oids.TEMPLATE_IMAGING_REPORT in header.template_ids
