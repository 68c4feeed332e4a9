"""ITI-18: stored queries out, entries and associations in.

Sources: ITI TF-2 3.18.4.1.2.3 (coding of parameters), 3.18.4.1.2.3.7 (the queries); ITI TF-3 4.2.3 (attributes).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from conformance.lps.metadata import Author, Code, Entry
from conformance.lps.soap import QUERY, RIM, slot, slots
from conformance.lps.submission import (
    ENTRY_AUTHOR,
    ENTRY_CODES,
    ENTRY_PATIENT_ID,
    ENTRY_UNIQUE_ID,
    SET_PATIENT_ID,
    SET_SOURCE_ID,
    SET_UNIQUE_ID,
)

# ITI TF-2 3.18.4.1.2.4
FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
GET_ASSOCIATIONS = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155"
GET_SUBMISSION_SETS = "urn:uuid:51224314-5390-4169-9b91-b1980040715a"
GET_RELATED_DOCUMENTS = "urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6"

STATUSES = {  # ITI TF-3 4.2.3.2.2; JDV_J52
    "approved": "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved",
    "deprecated": "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated",
    "archived": "urn:asip:ci-sis:2010:StatusType:Archived",
    "deleted": "urn:asip:ci-sis:2010:StatusType:Deleted",
}
_MAX_VALUE = 256  # characters of one Value, ITI TF-2 3.18.4.1.2.3.5

Parameter = tuple[str, list[str]]


@dataclass(frozen=True, slots=True)
class Filters:
    """The parameters of FindDocuments. Times are UTC DTM; `From` is included, `To` excluded.

    `event_codes` and `confidentiality_codes` are lists of alternatives that must all be met (AND of ORs).
    """

    statuses: Sequence[str] = (STATUSES["approved"],)
    class_codes: Sequence[Code] = ()
    type_codes: Sequence[Code] = ()
    practice_setting_codes: Sequence[Code] = ()
    healthcare_facility_type_codes: Sequence[Code] = ()
    format_codes: Sequence[Code] = ()
    event_codes: Sequence[Sequence[Code]] = ()
    confidentiality_codes: Sequence[Sequence[Code]] = ()
    author_persons: Sequence[str] = ()
    object_types: Sequence[str] = ()
    creation_time_from: str = ""
    creation_time_to: str = ""
    service_start_time_from: str = ""
    service_start_time_to: str = ""
    service_stop_time_from: str = ""
    service_stop_time_to: str = ""


@dataclass(frozen=True, slots=True)
class Association:
    """An association as found."""

    entry_uuid: str
    type: str
    source: str
    target: str
    submission_set_status: str = ""


@dataclass(frozen=True, slots=True)
class SubmissionSet:
    """A SubmissionSet as found."""

    entry_uuid: str
    unique_id: str
    source_id: str
    patient_id: str
    submission_time: str
    title: str = ""
    availability_status: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a query gave: objects for LeafClass, their ids for ObjectRef."""

    entries: tuple[Entry, ...] = ()
    submission_sets: tuple[SubmissionSet, ...] = ()
    associations: tuple[Association, ...] = ()
    references: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def text(value: str) -> str:
    """A string parameter. Source: ITI TF-2 3.18.4.1.2.3.5."""
    return "'" + value.replace("'", "''") + "'"


def lists(values: Sequence[str]) -> list[str]:
    """A multi-valued parameter as Values of at most 256 characters, split only between values. Same source."""
    packed: list[str] = []
    for value in map(text, values):
        if packed and len(packed[-1]) + len(value) + 3 <= _MAX_VALUE:
            packed[-1] += f",{value}"
        else:
            packed.append(value)
    return [f"({value})" for value in packed]


def _codes(codes: Sequence[Code]) -> list[str]:
    return lists([f"{code.code}^^{code.scheme}" for code in codes])


def find_documents(patient_cx: str, filters: Filters) -> list[Parameter]:
    """The slots of FindDocuments. Source: ITI TF-2 3.18.4.1.2.3.7.1."""
    prefix = "$XDSDocumentEntry"
    parameters: list[Parameter] = [
        (f"{prefix}PatientId", [text(patient_cx)]),
        (f"{prefix}Status", lists(filters.statuses)),
        (f"{prefix}ClassCode", _codes(filters.class_codes)),
        (f"{prefix}TypeCode", _codes(filters.type_codes)),
        (f"{prefix}PracticeSettingCode", _codes(filters.practice_setting_codes)),
        (f"{prefix}HealthcareFacilityTypeCode", _codes(filters.healthcare_facility_type_codes)),
        (f"{prefix}FormatCode", _codes(filters.format_codes)),
        (f"{prefix}AuthorPerson", lists(filters.author_persons)),
        (f"{prefix}Type", lists(filters.object_types)),
    ]
    for name, value in (
        ("CreationTimeFrom", filters.creation_time_from),
        ("CreationTimeTo", filters.creation_time_to),
        ("ServiceStartTimeFrom", filters.service_start_time_from),
        ("ServiceStartTimeTo", filters.service_start_time_to),
        ("ServiceStopTimeFrom", filters.service_stop_time_from),
        ("ServiceStopTimeTo", filters.service_stop_time_to),
    ):
        parameters.append((prefix + name, [value] if value else []))
    parameters += [(f"{prefix}EventCodeList", _codes(codes)) for codes in filters.event_codes]
    parameters += [(f"{prefix}ConfidentialityCode", _codes(codes)) for codes in filters.confidentiality_codes]
    return [parameter for parameter in parameters if parameter[1]]


def get_documents(identifiers: Sequence[str]) -> list[Parameter]:
    """The slots of GetDocuments, for entryUUIDs or for uniqueIds (not both). Source: ITI TF-2 3.18.4.1.2.3.7.5."""
    return [(_document_parameter(identifiers[0]), lists(identifiers))]


def get_by_uuid(uuids: Sequence[str]) -> list[Parameter]:
    """The slots of GetAssociations and GetSubmissionSets. Source: ITI TF-2 3.18.4.1.2.3.7.7 and .9."""
    return [("$uuid", lists(uuids))]


def get_related_documents(identifier: str, association_types: Sequence[str]) -> list[Parameter]:
    """The slots of GetRelatedDocuments. Source: ITI TF-2 3.18.4.1.2.3.7.13."""
    return [(_document_parameter(identifier), [text(identifier)]), ("$AssociationTypes", lists(association_types))]


def is_entry_uuid(identifier: str) -> bool:
    """Whether an identifier is an entryUUID; a uniqueId otherwise."""
    return identifier.lower().startswith("urn:uuid:")


def _document_parameter(identifier: str) -> str:
    return f"$XDSDocumentEntry{'EntryUUID' if is_entry_uuid(identifier) else 'UniqueId'}"


def write_query(query_id: str, parameters: Sequence[Parameter], *, object_refs: bool = False) -> bytes:
    """The query:AdhocQueryRequest. Source: ITI TF-2 3.18.4.1.2."""
    root = etree.Element(f"{{{QUERY}}}AdhocQueryRequest", nsmap={"query": QUERY, "rim": RIM})
    return_type = "ObjectRef" if object_refs else "LeafClass"
    etree.SubElement(root, f"{{{QUERY}}}ResponseOption", returnComposedObjects="true", returnType=return_type)
    query = etree.SubElement(root, f"{{{RIM}}}AdhocQuery", id=query_id)
    for name, values in parameters:
        slot(query, name, values)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=False)


def read_response(response: etree._Element, warnings: Sequence[str] = ()) -> Found:
    """What an AdhocQueryResponse carries. Source: ITI TF-2 3.18.4.1.2.6, 3.18.4.1.3."""
    objects = response.find(f"{{{RIM}}}RegistryObjectList")
    if objects is None:
        return Found(warnings=tuple(warnings))
    return Found(
        entries=tuple(read_entry(item) for item in objects.iterfind(f"{{{RIM}}}ExtrinsicObject")),
        submission_sets=tuple(_submission_set(item) for item in objects.iterfind(f"{{{RIM}}}RegistryPackage")),
        associations=tuple(_association(item) for item in objects.iterfind(f"{{{RIM}}}Association")),
        references=tuple(str(item.get("id")) for item in objects.iterfind(f"{{{RIM}}}ObjectRef")),
        warnings=tuple(warnings),
    )


def recency(entry: Entry) -> tuple[int, bool]:
    """What orders the versions of one document, the newest last."""
    return entry.version or 0, entry.availability_status == STATUSES["approved"]


def read_entry(element: etree._Element) -> Entry:
    """What a rim:ExtrinsicObject says of a document. Source: ITI TF-3 4.2.3.2."""
    values = dict(slots(element))
    codes = {attribute: tuple(_read_codes(element, scheme)) for attribute, scheme in ENTRY_CODES.items()}
    nothing = (Code("", ""),)
    size, version = _one(values, "size"), element.find(f"{{{RIM}}}VersionInfo")
    version_name = str(version.get("versionName") or "") if version is not None else ""
    return Entry(
        entry_uuid=str(element.get("id")),
        unique_id=_identifier(element, ENTRY_UNIQUE_ID),
        patient_id=_identifier(element, ENTRY_PATIENT_ID),
        mime_type=str(element.get("mimeType") or ""),
        class_code=(codes["class_code"] or nothing)[0],
        type_code=(codes["type_code"] or nothing)[0],
        format_code=(codes["format_code"] or nothing)[0],
        healthcare_facility_type_code=(codes["healthcare_facility_type_code"] or nothing)[0],
        practice_setting_code=(codes["practice_setting_code"] or nothing)[0],
        confidentiality_codes=codes["confidentiality_codes"],
        creation_time=_one(values, "creationTime"),
        language_code=_one(values, "languageCode"),
        source_patient_id=_one(values, "sourcePatientId"),
        authors=tuple(_read_authors(element)),
        event_codes=codes["event_codes"],
        reference_ids=tuple(values.get("urn:ihe:iti:xds:2013:referenceIdList", ())),
        source_patient_info=tuple(values.get("sourcePatientInfo", ())),
        title=_read_localized(element, "Name"),
        comments=_read_localized(element, "Description"),
        legal_authenticator=_one(values, "legalAuthenticator"),
        service_start_time=_one(values, "serviceStartTime"),
        service_stop_time=_one(values, "serviceStopTime"),
        hash=_one(values, "hash"),
        size=int(size) if size.isdigit() else None,
        repository_unique_id=_one(values, "repositoryUniqueId"),
        object_type=str(element.get("objectType") or ""),
        availability_status=str(element.get("status") or ""),
        logical_id=str(element.get("lid") or ""),
        version=int(version_name) if version_name.isdigit() else None,
    )


def _submission_set(element: etree._Element) -> SubmissionSet:
    return SubmissionSet(
        entry_uuid=str(element.get("id")),
        unique_id=_identifier(element, SET_UNIQUE_ID),
        source_id=_identifier(element, SET_SOURCE_ID),
        patient_id=_identifier(element, SET_PATIENT_ID),
        submission_time=_one(dict(slots(element)), "submissionTime"),
        title=_read_localized(element, "Name"),
        availability_status=str(element.get("status") or ""),
    )


def _association(element: etree._Element) -> Association:
    return Association(
        entry_uuid=str(element.get("id")),
        type=str(element.get("associationType")),
        source=str(element.get("sourceObject")),
        target=str(element.get("targetObject")),
        submission_set_status=_one(dict(slots(element)), "SubmissionSetStatus"),
    )


def _one(values: dict[str, list[str]], name: str) -> str:
    return (values.get(name) or [""])[0]


def _identifier(element: etree._Element, scheme: str) -> str:
    for item in element.iterfind(f"{{{RIM}}}ExternalIdentifier"):
        if item.get("identificationScheme") == scheme:
            return str(item.get("value") or "")
    return ""


def _classifications(element: etree._Element, scheme: str) -> Iterator[etree._Element]:
    for item in element.iterfind(f"{{{RIM}}}Classification"):
        if item.get("classificationScheme") == scheme:
            yield item


def _read_codes(element: etree._Element, scheme: str) -> Iterator[Code]:
    for item in _classifications(element, scheme):
        yield read_code(item)


def read_code(classification: etree._Element) -> Code:
    """What a rim:Classification says. Source: ITI TF-3 4.2.3.1.2."""
    coding_scheme = _one(dict(slots(classification)), "codingScheme")
    code = str(classification.get("nodeRepresentation") or "")
    return Code(code, coding_scheme, _read_localized(classification, "Name"))


def _read_authors(element: etree._Element) -> Iterator[Author]:
    for item in _classifications(element, ENTRY_AUTHOR):
        values = dict(slots(item))
        yield Author(
            person=_one(values, "authorPerson"),
            institutions=tuple(values.get("authorInstitution", ())),
            roles=tuple(values.get("authorRole", ())),
            specialties=tuple(values.get("authorSpecialty", ())),
        )


def _read_localized(element: etree._Element, name: str) -> str:
    found = element.find(f"{{{RIM}}}{name}/{{{RIM}}}LocalizedString")
    return str(found.get("value") or "") if found is not None else ""
