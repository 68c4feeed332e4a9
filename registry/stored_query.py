"""Registry stored queries: what may be asked, each as a frozen dataclass. `registry.stored_query_coding` reads them.

Alternatives within a slot are OR; a slot repeated is AND, for the attributes that allow it: a tuple of tuples.

Source: ITI TF-2 3.18.4.1.2.3.7 (queries and parameters), 3.51.4.1.2.1 (multi-patient queries); XDS Metadata Update
3.18.4.1.2.3.5.1 ($MetadataLevel).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from registry.metadata import AssociationType, AvailabilityStatus, Code, ObjectType, RegistryObject

EVERY_VERSION = 2  # the $MetadataLevel of a consumer that knows of metadata update


class ReturnType(Enum):
    """Source: ITI TF-2 3.18.4.1.2.3.1."""

    LEAF_CLASS = "LeafClass"
    OBJECT_REF = "ObjectRef"


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """What an ObjectRef answer tells of an object. Source: ITI TF-2 3.18.4.1.2.3.1."""

    entry_uuid: str
    home_community_id: str = ""


Told = RegistryObject | ObjectReference


@dataclass(frozen=True, slots=True)
class TimeRange:
    """`start` <= time < `stop`, as DTM of 14 digits; '' leaves a side open. Source: ITI TF-2 3.18.4.1.2.3.3."""

    start: str = ""
    stop: str = ""


ANY_TIME = TimeRange()
Codes = tuple[Code, ...]  # any of them
Statuses = tuple[AvailabilityStatus, ...]
STABLE_ONLY = (ObjectType.STABLE,)  # ITI TF-2 3.18.4.1.2.3.6.2: what no value means


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredQuery:
    """One stored query.

    Below `EVERY_VERSION`, a DocumentEntry or Folder that is not the latest version is not told, unless its entryUUID is
    asked for, nor a Deprecated Association. Source: XDS Metadata Update 3.18.4.1.2.3.5.1.1.
    """

    multi_patient: ClassVar[bool] = False  # a query of ITI-51, not of ITI-18

    return_type: ReturnType
    metadata_level: int = 1
    association_statuses: Statuses = (AvailabilityStatus.APPROVED,)

    @property
    def patient(self) -> str | None:
        """The patient of the query as a CX, where the query names one."""
        return None

    @property
    def every_version(self) -> bool:
        return self.metadata_level >= EVERY_VERSION

    @property
    def told_statuses(self) -> Statuses:
        """The statuses of the Associations that may be told."""
        return self.association_statuses if self.every_version else (AvailabilityStatus.APPROVED,)


# --- By attributes ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentCriteria(StoredQuery):
    """What FindDocuments and its variants filter by. `author_persons` and `reference_ids` are LIKE patterns."""

    statuses: Statuses
    class_codes: Codes = ()
    type_codes: Codes = ()
    practice_setting_codes: Codes = ()
    healthcare_facility_type_codes: Codes = ()
    format_codes: Codes = ()
    event_codes: tuple[Codes, ...] = ()
    confidentiality_codes: tuple[Codes, ...] = ()
    creation_time: TimeRange = ANY_TIME  # of Stable entries
    service_start_time: TimeRange = ANY_TIME
    service_stop_time: TimeRange = ANY_TIME
    author_persons: tuple[str, ...] = ()
    reference_ids: tuple[tuple[str, ...], ...] = ()  # of the queries that have it
    object_types: tuple[ObjectType, ...] = STABLE_ONLY


@dataclass(frozen=True, slots=True, kw_only=True)
class FindDocuments(DocumentCriteria):
    """DocumentEntries of a patient. Source: ITI TF-2 3.18.4.1.2.3.7.1."""

    patient_id: str

    @property
    def patient(self) -> str | None:
        return self.patient_id


@dataclass(frozen=True, slots=True, kw_only=True)
class FindDocumentsByReferenceId(FindDocuments):
    """DocumentEntries of a patient by `reference_ids`. Source: ITI TF-2 3.18.4.1.2.3.7.14."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindDocumentsExclude(FindDocuments):
    """DocumentEntries of a patient that have none of what is excluded: each criterion is given, or its opposite.

    Source: CP-ITI-1323 (ITI TF-2 3.18.4.1.2.3.7.15).
    """

    excluded_class_codes: Codes = ()
    excluded_type_codes: Codes = ()
    excluded_practice_setting_codes: Codes = ()
    excluded_healthcare_facility_type_codes: Codes = ()
    excluded_format_codes: Codes = ()
    excluded_event_codes: tuple[Codes, ...] = ()
    excluded_confidentiality_codes: tuple[Codes, ...] = ()
    excluded_author_persons: tuple[str, ...] = ()
    excluded_reference_ids: tuple[tuple[str, ...], ...] = ()
    excluded_object_types: tuple[ObjectType, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FindDocumentsForMultiplePatients(DocumentCriteria):
    """DocumentEntries of these patients, or of every patient. Source: ITI TF-2 3.51.4.1.2.1.1."""

    multi_patient: ClassVar[bool] = True

    patient_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FindDocumentsByReferenceIdForMultiplePatients(FindDocumentsForMultiplePatients):
    """The same by `reference_ids`. Source: ITI TF-2 3.51.4.1.2.1 and 3.18.4.1.2.3.7.14."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSubmissionSets(StoredQuery):
    """SubmissionSets of a patient. `author_person` is a LIKE pattern. Source: ITI TF-2 3.18.4.1.2.3.7.2."""

    patient_id: str
    statuses: Statuses
    source_ids: tuple[str, ...] = ()
    submission_time: TimeRange = ANY_TIME
    author_person: str = ""
    content_types: Codes = ()

    @property
    def patient(self) -> str | None:
        return self.patient_id


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderCriteria(StoredQuery):
    """What FindFolders and its variant filter by."""

    statuses: Statuses
    last_update_time: TimeRange = ANY_TIME
    codes: tuple[Codes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FindFolders(FolderCriteria):
    """Folders of a patient. Source: ITI TF-2 3.18.4.1.2.3.7.3."""

    patient_id: str

    @property
    def patient(self) -> str | None:
        return self.patient_id


@dataclass(frozen=True, slots=True, kw_only=True)
class FindFoldersForMultiplePatients(FolderCriteria):
    """Folders of these patients, or of every patient. Source: ITI TF-2 3.51.4.1.2.1.2."""

    multi_patient: ClassVar[bool] = True

    patient_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAll(StoredQuery):
    """All that is registered of a patient, by status, and the Associations that touch it.

    Source: ITI TF-2 3.18.4.1.2.3.7.4.
    """

    patient_id: str
    document_statuses: Statuses
    submission_set_statuses: Statuses
    folder_statuses: Statuses
    format_codes: Codes = ()
    confidentiality_codes: tuple[Codes, ...] = ()
    object_types: tuple[ObjectType, ...] = STABLE_ONLY

    @property
    def patient(self) -> str | None:
        return self.patient_id


MultiPatientQuery = FindDocumentsForMultiplePatients | FindFoldersForMultiplePatients


# --- By identifier ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDocuments(StoredQuery):
    """DocumentEntries by entryUUID, by uniqueId or by logicalID. Source: ITI TF-2 3.18.4.1.2.3.7.5; Metadata Update."""

    entry_uuids: tuple[str, ...] = ()
    unique_ids: tuple[str, ...] = ()
    logical_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFolders(StoredQuery):
    """Folders by entryUUID, by uniqueId or by logicalID. Source: ITI TF-2 3.18.4.1.2.3.7.6; Metadata Update."""

    entry_uuids: tuple[str, ...] = ()
    unique_ids: tuple[str, ...] = ()
    logical_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAssociations(StoredQuery):
    """Associations that have one of `uuids` at an end. Source: ITI TF-2 3.18.4.1.2.3.7.7."""

    uuids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDocumentsAndAssociations(StoredQuery):
    """DocumentEntries, and the Associations that have one at an end. Source: ITI TF-2 3.18.4.1.2.3.7.8."""

    entry_uuids: tuple[str, ...] = ()
    unique_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSubmissionSets(StoredQuery):
    """SubmissionSets that hold one of `uuids`, and the HasMember that say so. Source: ITI TF-2 3.18.4.1.2.3.7.9."""

    uuids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetContents(StoredQuery):
    """A package and what it holds; the other attributes limit its documents, not what else it holds."""

    entry_uuid: str = ""
    unique_id: str = ""
    format_codes: Codes = ()
    confidentiality_codes: tuple[Codes, ...] = ()
    object_types: tuple[ObjectType, ...] = STABLE_ONLY


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSubmissionSetAndContents(GetContents):
    """Source: ITI TF-2 3.18.4.1.2.3.7.10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFolderAndContents(GetContents):
    """Source: ITI TF-2 3.18.4.1.2.3.7.11."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFoldersForDocument(StoredQuery):
    """The Folders that hold a document. Source: ITI TF-2 3.18.4.1.2.3.7.12."""

    entry_uuid: str = ""
    unique_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRelatedDocuments(StoredQuery):
    """A document and those one association away from it. Source: ITI TF-2 3.18.4.1.2.3.7.13."""

    association_types: tuple[AssociationType, ...]
    entry_uuid: str = ""
    unique_id: str = ""
    object_types: tuple[ObjectType, ...] = STABLE_ONLY
