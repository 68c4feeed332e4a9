"""Metadata as ebRIM, as fast as text can be put together: a search answers with hundreds of these.

Every attribute that is optional in a submission and required in an answer is there: objectType, status, lid, version,
and an id on each Classification and ExternalIdentifier.

Source: ITI TF-2 3.18.4.1.2.6 (returned metadata); ITI TF-3 4.2.3; ebRIM 3.0 schema for the order of elements.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from functools import lru_cache

from ihe import identifiers as ids
from ihe.ebrim_object import MAX_VALUE
from ihe.markup import attribute, text
from registry.metadata import (
    Association,
    Author,
    Code,
    DocumentEntry,
    Folder,
    RegistryObject,
    Slots,
    SubmissionSet,
)
from registry.stored_query import Told

_PARTS = uuid.UUID("7c0e6f5a-9d0b-5c55-8a4b-3a1f6f0c9b11")  # ours: name space of the ids of Classifications and such
_URI_PIECE = MAX_VALUE - 6


def write_objects(objects: Iterable[RegistryObject]) -> bytes:
    """The content of a rim:RegistryObjectList, whole objects (LeafClass); the prefix `rim` must be bound."""
    return "".join(map(write_object, objects)).encode()


def write_references(objects: Iterable[Told]) -> bytes:
    """The content of a rim:RegistryObjectList, ids only (ObjectRef)."""
    return "".join(
        f'<rim:ObjectRef id="{attribute(found.entry_uuid)}"'
        f"{_home('' if isinstance(found, Association) else found.home_community_id)}/>"
        for found in objects
    ).encode()


def write_object(found: RegistryObject) -> str:
    """One object as ebRIM text; the prefix `rim` must be bound."""
    match found:
        case DocumentEntry():
            return _document_entry(found)
        case SubmissionSet():
            return _submission_set(found)
        case Folder():
            return _folder(found)
        case Association():
            return _association(found)


class _Parts:
    """The Classifications and ExternalIdentifiers of one object, each with an id of its own, the same every time."""

    def __init__(self, owner: str) -> None:
        self._owner, self._count = attribute(owner), 0
        self._stem = str(uuid.uuid5(_PARTS, owner))[:-4]  # of this owner alone; the last digits count its parts
        self._pieces: list[str] = []

    def code(self, scheme: str, code: Code | None) -> None:
        if code is None or not (code.code or code.scheme):
            return
        self._classification(scheme, attribute(code.code), _coded(code.scheme, code.display))

    def codes(self, scheme: str, codes: Iterable[Code]) -> None:
        for code in codes:
            self.code(scheme, code)

    def authors(self, scheme: str, authors: Iterable[Author]) -> None:
        for author in authors:
            slots = (
                _slot("authorPerson", (author.person,) if author.person else ())
                + _slot("authorInstitution", author.institutions)
                + _slot("authorRole", author.roles)
                + _slot("authorSpecialty", author.specialties)
                + _slot("authorTelecommunication", author.telecommunications)
                + _extra(author.extra_slots)
            )
            self._classification(scheme, "", slots)

    def node(self, node: str) -> None:
        self._pieces.append(
            f'<rim:Classification id="{self._id()}" objectType="{ids.CLASSIFICATION_TYPE}" '
            f'classifiedObject="{self._owner}" classificationNode="{node}"/>'
        )

    def identifier(self, scheme: str, value: str, name: str) -> None:
        if value:
            self._pieces.append(
                f'<rim:ExternalIdentifier id="{self._id()}" objectType="{ids.EXTERNAL_IDENTIFIER_TYPE}" '
                f'registryObject="{self._owner}" identificationScheme="{scheme}" value="{attribute(value)}">'
                f"{_localized('Name', name)}</rim:ExternalIdentifier>"
            )

    def written(self) -> str:
        return "".join(self._pieces)

    def _classification(self, scheme: str, node: str, content: str) -> None:
        self._pieces.append(
            f'<rim:Classification id="{self._id()}" objectType="{ids.CLASSIFICATION_TYPE}" '
            f'classificationScheme="{scheme}" classifiedObject="{self._owner}" nodeRepresentation="{node}">'
            f"{content}</rim:Classification>"
        )

    def _id(self) -> str:
        self._count += 1
        return f"urn:uuid:{self._stem}{self._count:04x}"


def _document_entry(entry: DocumentEntry) -> str:
    parts = _Parts(entry.entry_uuid)
    parts.authors(ids.DOCUMENT_ENTRY_AUTHOR, entry.authors)
    parts.code(ids.DOCUMENT_ENTRY_CLASS_CODE, entry.class_code)
    parts.codes(ids.DOCUMENT_ENTRY_CONFIDENTIALITY_CODE, entry.confidentiality_codes)
    parts.codes(ids.DOCUMENT_ENTRY_EVENT_CODE, entry.event_codes)
    parts.code(ids.DOCUMENT_ENTRY_FORMAT_CODE, entry.format_code)
    parts.code(ids.DOCUMENT_ENTRY_HEALTHCARE_FACILITY_TYPE_CODE, entry.healthcare_facility_type_code)
    parts.code(ids.DOCUMENT_ENTRY_PRACTICE_SETTING_CODE, entry.practice_setting_code)
    parts.code(ids.DOCUMENT_ENTRY_TYPE_CODE, entry.type_code)
    parts.identifier(ids.DOCUMENT_ENTRY_PATIENT_ID, entry.patient_id, "XDSDocumentEntry.patientId")
    parts.identifier(ids.DOCUMENT_ENTRY_UNIQUE_ID, entry.unique_id, "XDSDocumentEntry.uniqueId")
    slots = (
        _single("creationTime", entry.creation_time)
        + _single("documentAvailability", entry.document_availability)
        + _single("hash", entry.hash)
        + _single("languageCode", entry.language_code)
        + _single("legalAuthenticator", entry.legal_authenticator)
        + _slot(ids.REFERENCE_ID_LIST, entry.reference_ids)
        + _single("repositoryUniqueId", entry.repository_unique_id)
        + _single("serviceStartTime", entry.service_start_time)
        + _single("serviceStopTime", entry.service_stop_time)
        + _single("size", "" if entry.size is None else str(entry.size))
        + _single("sourcePatientId", entry.source_patient_id)
        + _slot("sourcePatientInfo", entry.source_patient_info)
        + _slot("URI", _uri(entry.uri))
        + _extra(entry.extra_slots)
    )
    lid = entry.logical_id or entry.entry_uuid
    return (
        f'<rim:ExtrinsicObject id="{attribute(entry.entry_uuid)}"{_home(entry.home_community_id)} '
        f'lid="{attribute(lid)}" objectType="{entry.object_type.value}" status="{entry.availability_status.value}" '
        f'mimeType="{attribute(entry.mime_type)}" isOpaque="false">{slots}'
        f"{_described(entry.title, entry.comments, entry.version)}{parts.written()}</rim:ExtrinsicObject>"
    )


def _submission_set(found: SubmissionSet) -> str:
    parts = _Parts(found.entry_uuid)
    parts.node(ids.SUBMISSION_SET_NODE)
    parts.authors(ids.SUBMISSION_SET_AUTHOR, found.authors)
    parts.code(ids.SUBMISSION_SET_CONTENT_TYPE_CODE, found.content_type_code)
    parts.identifier(ids.SUBMISSION_SET_PATIENT_ID, found.patient_id, "XDSSubmissionSet.patientId")
    parts.identifier(ids.SUBMISSION_SET_SOURCE_ID, found.source_id, "XDSSubmissionSet.sourceId")
    parts.identifier(ids.SUBMISSION_SET_UNIQUE_ID, found.unique_id, "XDSSubmissionSet.uniqueId")
    slots = (
        _slot("intendedRecipient", found.intended_recipients)
        + _single("submissionTime", found.submission_time)
        + _extra(found.extra_slots)
    )
    return _package(found, found.entry_uuid, slots + _described(found.title, found.comments, 1) + parts.written())


def _folder(found: Folder) -> str:
    parts = _Parts(found.entry_uuid)
    parts.node(ids.FOLDER_NODE)
    parts.codes(ids.FOLDER_CODE, found.codes)
    parts.identifier(ids.FOLDER_PATIENT_ID, found.patient_id, "XDSFolder.patientId")
    parts.identifier(ids.FOLDER_UNIQUE_ID, found.unique_id, "XDSFolder.uniqueId")
    slots = _single("lastUpdateTime", found.last_update_time) + _extra(found.extra_slots)
    content = slots + _described(found.title, found.comments, found.version) + parts.written()
    return _package(found, found.logical_id or found.entry_uuid, content)


def _package(found: SubmissionSet | Folder, lid: str, content: str) -> str:
    return (
        f'<rim:RegistryPackage id="{attribute(found.entry_uuid)}"{_home(found.home_community_id)} '
        f'lid="{attribute(lid)}" objectType="{ids.REGISTRY_PACKAGE_TYPE}" '
        f'status="{found.availability_status.value}">{content}</rim:RegistryPackage>'
    )


def _association(found: Association) -> str:
    parts = _Parts(found.entry_uuid)
    parts.code(ids.ASSOCIATION_DOCUMENTATION, found.documentation)
    identifier = attribute(found.entry_uuid)
    return (
        f'<rim:Association id="{identifier}" lid="{identifier}" objectType="{ids.ASSOCIATION_TYPE}" '
        f'status="{found.availability_status.value}" associationType="{found.type.value}" '
        f'sourceObject="{attribute(found.source)}" targetObject="{attribute(found.target)}">'
        f"{_single('SubmissionSetStatus', found.submission_set_status)}{_extra(found.extra_slots)}"
        f'<rim:VersionInfo versionName="1"/>{parts.written()}</rim:Association>'
    )


@lru_cache(maxsize=4096)
def _coded(scheme: str, display: str) -> str:
    """What stands in the Classification of a code: the same few codes come over and over."""
    return _slot("codingScheme", (scheme,)) + _localized("Name", display)


def _home(home: str) -> str:
    return f' home="{attribute(home)}"' if home else ""


def _described(title: str, comments: str, version: int) -> str:
    name, description = _localized("Name", title), _localized("Description", comments)
    return f'{name}{description}<rim:VersionInfo versionName="{version}"/>'


def _localized(element: str, value: str) -> str:
    if not value:
        return ""
    return f'<rim:{element}><rim:LocalizedString value="{attribute(value)}"/></rim:{element}>'


def _single(name: str, value: str) -> str:
    return _slot(name, (value,)) if value else ""


def _slot(name: str, values: tuple[str, ...]) -> str:
    return _written_slot(name, values) if values else ""


def _extra(slots: Slots) -> str:
    return "".join(_written_slot(attribute(name), values) for name, values in slots)


def _written_slot(name: str, values: tuple[str, ...]) -> str:
    written = "".join(f"<rim:Value>{text(value)}</rim:Value>" for value in values)
    return f'<rim:Slot name="{name}"><rim:ValueList>{written}</rim:ValueList></rim:Slot>'


def _uri(uri: str) -> tuple[str, ...]:
    """A long URI goes in numbered pieces. Source: ITI TF-3 4.2.3.2.28."""
    if len(uri) <= MAX_VALUE:
        return (uri,) if uri else ()
    starts = range(0, len(uri), _URI_PIECE)
    return tuple(f"{number}|{uri[start : start + _URI_PIECE]}" for number, start in enumerate(starts, start=1))
