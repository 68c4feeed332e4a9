"""Metadata from ebRIM. Reports everything that is structurally wrong, not only the first.

Attributes that are absent come out empty: whether they are required is the registry's rule, not the wire's.

Source: ITI TF-3 4.2.1.4 (submission request), 4.2.2 (associations), 4.2.3 (attributes); ebRIM 3.0.
"""

from __future__ import annotations

import re

from lxml import etree

from ihe import identifiers as ids
from ihe.ebrim_object import CLASSIFICATION, MAX_VALUE, EbrimObject, check_id, slots
from ihe.identifiers import LCM, RIM
from registry.errors import ErrorCode, Finding, RegistryError, finding
from registry.metadata import (
    Association,
    AssociationType,
    AvailabilityStatus,
    Code,
    DocumentEntry,
    Folder,
    ObjectType,
    RegistryObject,
    Submission,
    SubmissionSet,
)
from schemas.xml import local_name

__all__ = ["read_objects", "read_submission", "slots"]

REGISTRY_OBJECT_LIST = f"{{{RIM}}}RegistryObjectList"
SUBMIT_OBJECTS_REQUEST = f"{{{LCM}}}SubmitObjectsRequest"

_EXTRINSIC_OBJECT = f"{{{RIM}}}ExtrinsicObject"
_REGISTRY_PACKAGE = f"{{{RIM}}}RegistryPackage"
_ASSOCIATION = f"{{{RIM}}}Association"
_OBJECT_REF = f"{{{RIM}}}ObjectRef"
_PACKAGE_NODES = frozenset({ids.SUBMISSION_SET_NODE, ids.FOLDER_NODE})
_STATUSES = {status.value: status for status in AvailabilityStatus}
_OBJECT_TYPES = {kind.value: kind for kind in ObjectType}
_ASSOCIATION_TYPES: dict[str, AssociationType | None] = {kind.value: kind for kind in AssociationType}
_NO_CODE = Code("", "")
_SIZE = re.compile(r"\d{1,18}\Z", re.ASCII)
_URI_PIECE = re.compile(r"(\d{1,4})\|(.*)\Z", re.ASCII | re.DOTALL)


def read_submission(request: etree._Element) -> tuple[Submission, tuple[Finding, ...]]:
    """The submission in a SubmitObjectsRequest, and everything wrong with its structure, warnings included.

    Raises RegistryError, with every finding, when there is not exactly one SubmissionSet.
    """
    registry_objects = request.find(REGISTRY_OBJECT_LIST)
    if request.tag != SUBMIT_OBJECTS_REQUEST or registry_objects is None:
        expected, got = "lcm:SubmitObjectsRequest with a rim:RegistryObjectList", local_name(request.tag)[:64]
        code = ErrorCode.XDSRegistryMetadataError
        raise RegistryError.single(code, "SubmitObjectsRequest", expected=expected, got=got)
    objects, findings = read_objects(registry_objects)
    sets = [found for found in objects if isinstance(found, SubmissionSet)]
    if len(sets) != 1:
        code = ErrorCode.XDSRegistryMetadataError
        wrong = finding(code, "SubmissionSet", expected="exactly one in a submission", got=str(len(sets)))
        raise RegistryError([*findings, wrong])
    submission = Submission(
        submission_set=sets[0],
        entries=tuple(found for found in objects if isinstance(found, DocumentEntry)),
        folders=tuple(found for found in objects if isinstance(found, Folder)),
        associations=tuple(found for found in objects if isinstance(found, Association)),
        limited=_limited(registry_objects),
    )
    return submission, findings


def _limited(registry_objects: etree._Element) -> frozenset[str]:
    """The ids of the objects flagged limitedMetadata, inside them or beside. Source: ITI TF-3 4.2.3.2.29."""
    return frozenset(
        classification.get("classifiedObject", "")
        for classification in registry_objects.iter(CLASSIFICATION)
        if classification.get("classificationNode") in ids.LIMITED_NODES
    )


def read_objects(registry_objects: etree._Element) -> tuple[tuple[RegistryObject, ...], tuple[Finding, ...]]:
    """The objects of a rim:RegistryObjectList in its order, and what is structurally wrong with them."""
    findings: list[Finding] = []
    nodes = _package_nodes(registry_objects, findings)
    found = (_read_object(element, nodes, findings) for element in registry_objects)
    return tuple(item for item in found if item is not None), tuple(findings)


def _wrong(findings: list[Finding], attribute: str, expected: str, got: str) -> None:
    findings.append(finding(ErrorCode.XDSRegistryMetadataError, attribute, expected=expected, got=got))


def _read_object(element: etree._Element, nodes: dict[str, set[str]], findings: list[Finding]) -> RegistryObject | None:
    match element.tag:
        case str() as tag if tag == _EXTRINSIC_OBJECT:
            return _document_entry(EbrimObject(element, "DocumentEntry", findings))
        case str() as tag if tag == _REGISTRY_PACKAGE:
            return _package(element, nodes, findings)
        case str() as tag if tag == _ASSOCIATION:
            return _association(EbrimObject(element, "Association", findings, _nameless(element)))
        case str() as tag if tag not in (CLASSIFICATION, _OBJECT_REF):
            expected = "ExtrinsicObject, RegistryPackage, Association, Classification or ObjectRef"
            _wrong(findings, "RegistryObjectList", expected, local_name(tag)[:64])
    return None


def _nameless(element: etree._Element) -> str:
    """What to call an Association without id: the standard requires one, and its examples have none.

    Source: ITI TF-3 4.2.2 and 4.2.2.1.1.
    """
    parent = element.getparent()
    return f"Association[{parent.index(element) + 1 if parent is not None else 1}]"


def _package_nodes(registry_objects: etree._Element, findings: list[Finding]) -> dict[str, set[str]]:
    """What each RegistryPackage is, by its id: the Classification may stand inside it or beside it.

    Source: ITI TF-3 4.2.1.1 and 4.2.1.3.
    """
    packages = {package.get("id", "") for package in registry_objects.iterfind(_REGISTRY_PACKAGE)}
    nodes: dict[str, set[str]] = {}
    for classification in registry_objects.iterfind(CLASSIFICATION):
        classified = classification.get("classifiedObject", "")
        if classified not in packages:
            expected = "the id of a RegistryPackage in the same message"
            _wrong(findings, "Classification.classifiedObject", expected, classified[:64] or "none")
        nodes.setdefault(classified, set()).add(classification.get("classificationNode", ""))
    return nodes


def _package(
    element: etree._Element, nodes: dict[str, set[str]], findings: list[Finding]
) -> SubmissionSet | Folder | None:
    inside = {child.get("classificationNode", "") for child in element.iterfind(CLASSIFICATION)}
    found = (nodes.get(element.get("id", ""), set()) | inside) & _PACKAGE_NODES
    if found == {ids.SUBMISSION_SET_NODE}:
        return _submission_set(EbrimObject(element, "SubmissionSet", findings))
    if found == {ids.FOLDER_NODE}:
        return _folder(EbrimObject(element, "Folder", findings))
    got = "both" if found else "neither"
    _wrong(findings, "RegistryPackage.classificationNode", "that of a SubmissionSet or of a Folder", got)
    return None


def _document_entry(raw: EbrimObject) -> DocumentEntry:
    """Source: ITI TF-3 Table 4.2.3.2-1."""
    return DocumentEntry(
        entry_uuid=raw.id,
        unique_id=raw.identifier(ids.DOCUMENT_ENTRY_UNIQUE_ID, "uniqueId"),
        patient_id=raw.identifier(ids.DOCUMENT_ENTRY_PATIENT_ID, "patientId"),
        mime_type=raw.element.get("mimeType", ""),
        class_code=raw.code(ids.DOCUMENT_ENTRY_CLASS_CODE, "classCode") or _NO_CODE,
        type_code=raw.code(ids.DOCUMENT_ENTRY_TYPE_CODE, "typeCode") or _NO_CODE,
        format_code=raw.code(ids.DOCUMENT_ENTRY_FORMAT_CODE, "formatCode") or _NO_CODE,
        healthcare_facility_type_code=raw.code(
            ids.DOCUMENT_ENTRY_HEALTHCARE_FACILITY_TYPE_CODE, "healthcareFacilityTypeCode"
        )
        or _NO_CODE,
        practice_setting_code=raw.code(ids.DOCUMENT_ENTRY_PRACTICE_SETTING_CODE, "practiceSettingCode") or _NO_CODE,
        confidentiality_codes=raw.codes(ids.DOCUMENT_ENTRY_CONFIDENTIALITY_CODE, "confidentialityCode"),
        creation_time=raw.one("creationTime"),
        language_code=raw.one("languageCode"),
        source_patient_id=raw.one("sourcePatientId"),
        authors=raw.authors(ids.DOCUMENT_ENTRY_AUTHOR),
        event_codes=raw.codes(ids.DOCUMENT_ENTRY_EVENT_CODE, "eventCodeList"),
        reference_ids=raw.many(ids.REFERENCE_ID_LIST),
        source_patient_info=raw.many("sourcePatientInfo"),
        title=raw.title(),
        comments=raw.comments(),
        legal_authenticator=raw.one("legalAuthenticator"),
        service_start_time=raw.one("serviceStartTime"),
        service_stop_time=raw.one("serviceStopTime"),
        hash=raw.one("hash"),
        size=_size(raw),
        uri=_uri(raw),
        repository_unique_id=raw.one("repositoryUniqueId"),
        home_community_id=raw.element.get("home", ""),
        document_availability=raw.one("documentAvailability"),
        object_type=raw.member("objectType", raw.element.get("objectType", ""), _OBJECT_TYPES, ObjectType.STABLE),
        availability_status=_status(raw),
        logical_id=raw.element.get("lid", ""),
        version=raw.version(),
        extra_slots=raw.rest(),
    )


def _submission_set(raw: EbrimObject) -> SubmissionSet:
    """Source: ITI TF-3 Table 4.2.3.3-1."""
    return SubmissionSet(
        entry_uuid=raw.id,
        unique_id=raw.identifier(ids.SUBMISSION_SET_UNIQUE_ID, "uniqueId"),
        patient_id=raw.identifier(ids.SUBMISSION_SET_PATIENT_ID, "patientId"),
        source_id=raw.identifier(ids.SUBMISSION_SET_SOURCE_ID, "sourceId"),
        submission_time=raw.one("submissionTime"),
        content_type_code=raw.code(ids.SUBMISSION_SET_CONTENT_TYPE_CODE, "contentTypeCode") or _NO_CODE,
        authors=raw.authors(ids.SUBMISSION_SET_AUTHOR),
        intended_recipients=raw.many("intendedRecipient"),
        title=raw.title(),
        comments=raw.comments(),
        home_community_id=raw.element.get("home", ""),
        availability_status=_status(raw),
        extra_slots=raw.rest(),
    )


def _folder(raw: EbrimObject) -> Folder:
    """Source: ITI TF-3 Table 4.2.3.4-1."""
    return Folder(
        entry_uuid=raw.id,
        unique_id=raw.identifier(ids.FOLDER_UNIQUE_ID, "uniqueId"),
        patient_id=raw.identifier(ids.FOLDER_PATIENT_ID, "patientId"),
        codes=raw.codes(ids.FOLDER_CODE, "codeList"),
        title=raw.title(),
        comments=raw.comments(),
        last_update_time=raw.one("lastUpdateTime"),
        home_community_id=raw.element.get("home", ""),
        availability_status=_status(raw),
        logical_id=raw.element.get("lid", ""),
        version=raw.version(),
        extra_slots=raw.rest(),
    )


def _association(raw: EbrimObject) -> Association | None:
    """Source: ITI TF-3 4.2.2. None, and a finding, for a type that this registry does not know."""
    ends = {}
    for end in ("sourceObject", "targetObject"):
        ends[end] = raw.element.get(end, "")
        if got := check_id(ends[end]):
            raw.wrong(end, "urn:uuid: and a lower-case UUID, or a symbolic id", got)
    kind = raw.member("associationType", raw.element.get("associationType", ""), _ASSOCIATION_TYPES, None)
    if kind is None:
        return None
    return Association(
        entry_uuid=raw.id,
        type=kind,
        source=ends["sourceObject"],
        target=ends["targetObject"],
        submission_set_status=raw.one("SubmissionSetStatus"),
        documentation=raw.code(ids.ASSOCIATION_DOCUMENTATION, "documentation"),
        availability_status=_status(raw),
        extra_slots=raw.rest(),
    )


def _status(raw: EbrimObject) -> AvailabilityStatus:
    """What a submission says of it counts for nothing. Source: ITI TF-3 4.2.3.2.2."""
    return _STATUSES.get(raw.element.get("status", ""), AvailabilityStatus.APPROVED)


def _size(raw: EbrimObject) -> int | None:
    """Source: ITI TF-3 4.2.3.2.25."""
    given = raw.one("size")
    if not given:
        return None
    if not _SIZE.match(given):
        raw.wrong("size", "a number of bytes", given[:32])
        return None
    return int(given)


def _uri(raw: EbrimObject) -> str:
    """A long URI comes in several values, `1|...`, `2|...`. Source: ITI TF-3 4.2.3.2.28."""
    values = raw.many("URI")
    longest = max(map(len, values), default=0)
    if longest > MAX_VALUE:
        raw.wrong("URI", f"values of at most {MAX_VALUE} characters", str(longest))
    if len(values) < 2:
        return values[0] if values else ""
    pieces = [_URI_PIECE.match(value) for value in values]
    numbered = sorted((int(piece[1]), piece[2]) for piece in pieces if piece)
    if [number for number, _ in numbered] != list(range(1, len(values) + 1)):
        raw.wrong("URI", "values numbered 1| 2| ...", "others")
    return "".join(text for _, text in numbered)
