"""The parameters of each stored query: their slots, how often each may come, how each is coded.

Source: ITI TF-2 3.18.4.1.2.3.7 and 3.51.4.1.2.1; XDS Metadata Update 3.18.4.1.2.3.5.1 ($MetadataLevel), 3.18.4.1.2.3.7
($XDSAssociationStatus, logicalID); CP-ITI-1323 (FindDocumentsExclude).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from registry.existing import canonical_id
from registry.metadata import AssociationType, AvailabilityStatus, Code, ObjectType, dtm_floor
from registry.stored_query import (
    EVERY_VERSION,
    FindDocuments,
    FindDocumentsByReferenceId,
    FindDocumentsByReferenceIdForMultiplePatients,
    FindDocumentsExclude,
    FindDocumentsForMultiplePatients,
    FindFolders,
    FindFoldersForMultiplePatients,
    FindSubmissionSets,
    GetAll,
    GetAssociations,
    GetDocuments,
    GetDocumentsAndAssociations,
    GetFolderAndContents,
    GetFolders,
    GetFoldersForDocument,
    GetRelatedDocuments,
    GetSubmissionSetAndContents,
    GetSubmissionSets,
    StoredQuery,
)

_OLD_STATUS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:"  # in the standard's own samples
_STATUS = "urn:oasis:names:tc:ebxml-regrep:StatusType:"


class Many(Enum):
    """How often a parameter may come."""

    ONE = auto()  # one value
    ANY = auto()  # several values, any of which matches
    ALL = auto()  # as ANY, and the slot may be repeated: each must match


@dataclass(frozen=True, slots=True)
class Kind:
    """How one value of a parameter is coded. `read` gives None for a value that the standard lets us ignore."""

    read: Callable[[str], Any]
    write: Callable[[Any], str]
    expected: str
    bare: bool = False  # digits, written without quotes


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a query: its slot, the field it fills, how it is coded. Each side of a time range has a slot."""

    slot: str
    field: str
    kind: Kind
    many: Many = Many.ANY
    required: bool = False
    side: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One query. `either`: slots of which exactly one must be there. `some`: of which one at least must be.

    `apart`: pairs of which no more than one may be.
    """

    id: str
    query: type[StoredQuery]
    parameters: tuple[Parameter, ...]
    either: tuple[str, ...] = ()
    some: tuple[str, ...] = ()
    apart: tuple[tuple[str, str], ...] = ()


# --- How values are coded ---------------------------------------------------------------------------------------------


def _read_code(text: str) -> Code:
    code, _, rest = text.partition("^")
    empty, caret, scheme = rest.partition("^")
    if not (code and caret and scheme) or empty or "^" in scheme:
        raise ValueError
    return Code(code, scheme)


def _member(kind: type[Enum]) -> Callable[[str], Enum | None]:
    known: Mapping[str, Enum] = {item.value: item for item in kind}
    return known.get


def _read_status(text: str) -> AvailabilityStatus | None:
    text = _STATUS + text.removeprefix(_OLD_STATUS) if text.startswith(_OLD_STATUS) else text
    try:
        return AvailabilityStatus(text)
    except ValueError:
        return None


def _read_level(text: str) -> int:
    if text not in ("1", str(EVERY_VERSION)):
        raise ValueError
    return int(text)


def _value(item: Enum) -> str:
    return str(item.value)


TEXT = Kind(lambda text: text or None, str, "a text")
UUID = Kind(lambda text: canonical_id(text) or None, str, "a UUID")
CODE = Kind(_read_code, lambda code: f"{code.code}^^{code.scheme}", "a code^^scheme")
DTM = Kind(dtm_floor, str, "a time YYYY[MM[DD[hh[mm[ss]]]]]", bare=True)
STATUS = Kind(_read_status, _value, "an availabilityStatus")
OBJECT_TYPE = Kind(_member(ObjectType), _value, "an objectType")
ASSOCIATION_TYPE = Kind(_member(AssociationType), _value, "an association type")
LEVEL = Kind(_read_level, str, f"1 or {EVERY_VERSION}", bare=True)


# --- Parameters of several queries ------------------------------------------------------------------------------------


def _times(slot: str, field: str) -> tuple[Parameter, Parameter]:
    start = Parameter(f"{slot}From", field, DTM, Many.ONE, side="start")
    return start, Parameter(f"{slot}To", field, DTM, Many.ONE, side="stop")


def _one_of(prefix: str) -> tuple[Parameter, Parameter]:
    """One object, by entryUUID or uniqueId."""
    uuid = Parameter(f"{prefix}EntryUUID", "entry_uuid", UUID, Many.ONE)
    return uuid, Parameter(f"{prefix}UniqueId", "unique_id", TEXT, Many.ONE)


def _several_of(prefix: str) -> tuple[Parameter, Parameter]:
    """Objects, by entryUUID or uniqueId."""
    return Parameter(f"{prefix}EntryUUID", "entry_uuids", UUID), Parameter(f"{prefix}UniqueId", "unique_ids", TEXT)


_ENTRY, _SET, _FOLDER = "$XDSDocumentEntry", "$XDSSubmissionSet", "$XDSFolder"
_EXCLUDE = "Exclude"

_LEVEL = Parameter("$MetadataLevel", "metadata_level", LEVEL, Many.ONE)
_ASSOCIATION_STATUS = Parameter("$XDSAssociationStatus", "association_statuses", STATUS)
_TYPE = Parameter(f"{_ENTRY}Type", "object_types", OBJECT_TYPE)
_FORMAT = Parameter(f"{_ENTRY}FormatCode", "format_codes", CODE)
_CONFIDENTIALITY = Parameter(f"{_ENTRY}ConfidentialityCode", "confidentiality_codes", CODE, Many.ALL)
_REFERENCE_IDS = Parameter(f"{_ENTRY}ReferenceIdList", "reference_ids", TEXT, Many.ALL)
_NEEDED_REFERENCE_IDS = Parameter(f"{_ENTRY}ReferenceIdList", "reference_ids", TEXT, Many.ALL, required=True)
_UUIDS = Parameter("$uuid", "uuids", UUID, required=True)

# What FindDocumentsExclude can also exclude.
_EXCLUDABLE = (
    Parameter(f"{_ENTRY}ClassCode", "class_codes", CODE),
    Parameter(f"{_ENTRY}TypeCode", "type_codes", CODE),
    Parameter(f"{_ENTRY}PracticeSettingCode", "practice_setting_codes", CODE),
    Parameter(f"{_ENTRY}HealthcareFacilityTypeCode", "healthcare_facility_type_codes", CODE),
    Parameter(f"{_ENTRY}EventCodeList", "event_codes", CODE, Many.ALL),
    _CONFIDENTIALITY,
    Parameter(f"{_ENTRY}AuthorPerson", "author_persons", TEXT),
    _FORMAT,
    _TYPE,
)
_DOCUMENTS = (
    *_EXCLUDABLE,
    *_times(f"{_ENTRY}CreationTime", "creation_time"),
    *_times(f"{_ENTRY}ServiceStartTime", "service_start_time"),
    *_times(f"{_ENTRY}ServiceStopTime", "service_stop_time"),
    Parameter(f"{_ENTRY}Status", "statuses", STATUS, required=True),
    _LEVEL,
)
_DOCUMENT_PATIENT = Parameter(f"{_ENTRY}PatientId", "patient_id", TEXT, Many.ONE, required=True)
_DOCUMENT_PATIENTS = Parameter(f"{_ENTRY}PatientId", "patient_ids", TEXT)
_FOLDERS = (
    *_times(f"{_FOLDER}LastUpdateTime", "last_update_time"),
    Parameter(f"{_FOLDER}CodeList", "codes", CODE, Many.ALL),
    Parameter(f"{_FOLDER}Status", "statuses", STATUS, required=True),
    _LEVEL,
)
_CONTENTS = (_FORMAT, _CONFIDENTIALITY, _TYPE, _LEVEL, _ASSOCIATION_STATUS)


def _excluding(parameter: Parameter) -> Parameter:
    slot, field = parameter.slot + _EXCLUDE, f"excluded_{parameter.field}"
    return Parameter(slot, field, parameter.kind, parameter.many)


def _slots(parameters: tuple[Parameter, ...]) -> tuple[str, ...]:
    return tuple(parameter.slot for parameter in parameters)


# --- The queries ------------------------------------------------------------------------------------------------------

_DOCUMENT_LOGICAL_IDS = Parameter(f"{_ENTRY}LogicalID", "logical_ids", UUID)
_FOLDER_LOGICAL_IDS = Parameter(f"{_FOLDER}LogicalID", "logical_ids", UUID)
_ONE_DOCUMENT, _ONE_FOLDER, _ONE_SET = _one_of(_ENTRY), _one_of(_FOLDER), _one_of(_SET)
_SEVERAL_DOCUMENTS = _several_of(_ENTRY)
_NAMED_DOCUMENTS = (*_SEVERAL_DOCUMENTS, _DOCUMENT_LOGICAL_IDS)
_NAMED_FOLDERS = (*_several_of(_FOLDER), _FOLDER_LOGICAL_IDS)

ROWS = (
    Row("urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d", FindDocuments, (_DOCUMENT_PATIENT, *_DOCUMENTS)),
    Row(
        "urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9",
        FindSubmissionSets,
        (
            Parameter(f"{_SET}PatientId", "patient_id", TEXT, Many.ONE, required=True),
            Parameter(f"{_SET}SourceId", "source_ids", TEXT),
            *_times(f"{_SET}SubmissionTime", "submission_time"),
            Parameter(f"{_SET}AuthorPerson", "author_person", TEXT, Many.ONE),
            Parameter(f"{_SET}ContentType", "content_types", CODE),
            Parameter(f"{_SET}Status", "statuses", STATUS, required=True),
            _LEVEL,
        ),
    ),
    Row(
        "urn:uuid:958f3006-baad-4929-a4de-ff1114824431",
        FindFolders,
        (Parameter(f"{_FOLDER}PatientId", "patient_id", TEXT, Many.ONE, required=True), *_FOLDERS),
    ),
    Row(
        "urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3",
        GetAll,
        (
            Parameter("$patientId", "patient_id", TEXT, Many.ONE, required=True),
            Parameter(f"{_ENTRY}Status", "document_statuses", STATUS, required=True),
            Parameter(f"{_SET}Status", "submission_set_statuses", STATUS, required=True),
            Parameter(f"{_FOLDER}Status", "folder_statuses", STATUS, required=True),
            *_CONTENTS,
        ),
    ),
    Row(
        "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4",
        GetDocuments,
        (*_NAMED_DOCUMENTS, _LEVEL),
        either=_slots(_NAMED_DOCUMENTS),
    ),
    Row(
        "urn:uuid:5737b14c-8a1a-4539-b659-e03a34a5e1e4",
        GetFolders,
        (*_NAMED_FOLDERS, _LEVEL),
        either=_slots(_NAMED_FOLDERS),
    ),
    Row("urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155", GetAssociations, (_UUIDS, _LEVEL, _ASSOCIATION_STATUS)),
    Row(
        "urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a",
        GetDocumentsAndAssociations,
        (*_SEVERAL_DOCUMENTS, _LEVEL, _ASSOCIATION_STATUS),
        either=_slots(_SEVERAL_DOCUMENTS),
    ),
    Row("urn:uuid:51224314-5390-4169-9b91-b1980040715a", GetSubmissionSets, (_UUIDS, _LEVEL)),
    Row(
        "urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83",
        GetSubmissionSetAndContents,
        (*_ONE_SET, *_CONTENTS),
        either=_slots(_ONE_SET),
    ),
    Row(
        "urn:uuid:b909a503-523d-4517-8acf-8e5834dfc4c7",
        GetFolderAndContents,
        (*_ONE_FOLDER, *_CONTENTS),
        either=_slots(_ONE_FOLDER),
    ),
    Row(
        "urn:uuid:10cae35a-c7f9-4cf5-b61e-fc3278ffb578",
        GetFoldersForDocument,
        (*_ONE_DOCUMENT, _LEVEL, _ASSOCIATION_STATUS),
        either=_slots(_ONE_DOCUMENT),
    ),
    Row(
        "urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6",
        GetRelatedDocuments,
        (
            *_ONE_DOCUMENT,
            Parameter("$AssociationTypes", "association_types", ASSOCIATION_TYPE, required=True),
            _TYPE,
            _LEVEL,
            _ASSOCIATION_STATUS,
        ),
        either=_slots(_ONE_DOCUMENT),
    ),
    Row(
        "urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492",
        FindDocumentsByReferenceId,
        (_DOCUMENT_PATIENT, _NEEDED_REFERENCE_IDS, *_DOCUMENTS),
    ),
    Row(
        "urn:uuid:4308b1df-36de-4bef-8e2e-ba91f593c435",
        FindDocumentsExclude,
        (_DOCUMENT_PATIENT, *_DOCUMENTS, _REFERENCE_IDS, *map(_excluding, (*_EXCLUDABLE, _REFERENCE_IDS))),
        apart=tuple((slot, slot + _EXCLUDE) for slot in _slots((*_EXCLUDABLE, _REFERENCE_IDS))),
    ),
    # Of ITI-51
    Row(
        "urn:uuid:3d1bdb10-39a2-11de-89c2-2f44d94eaa9f",
        FindDocumentsForMultiplePatients,
        (_DOCUMENT_PATIENTS, *_DOCUMENTS),
        some=tuple(
            f"{_ENTRY}{attribute}"
            for attribute in ("PatientId", "ClassCode", "EventCodeList", "HealthcareFacilityTypeCode")
        ),
    ),
    Row(
        "urn:uuid:50d3f5ac-39a2-11de-a1ca-b366239e58df",
        FindFoldersForMultiplePatients,
        (Parameter(f"{_FOLDER}PatientId", "patient_ids", TEXT), *_FOLDERS),
        some=(f"{_FOLDER}PatientId", f"{_FOLDER}CodeList"),
    ),
    Row(
        "urn:uuid:1191642d-86c4-42d8-b784-f95445f9f0d5",
        FindDocumentsByReferenceIdForMultiplePatients,
        (_DOCUMENT_PATIENTS, _NEEDED_REFERENCE_IDS, *_DOCUMENTS),
    ),
)
