"""Document metadata: what the registry knows of documents, submissions, folders and how they relate.

Frozen values in the words of the standard. Time attributes keep the HL7 DTM text of the submitter (UTC, partial
precision allowed); `dtm_floor` gives the instant to compare by. Slots that this house does not know survive in
`extra_slots`.

Source: ITI TF-3 4.2 (metadata in Document Sharing profiles); CI-SIS, volet Partage de documents de santé, for the
French bindings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

Slots = tuple[tuple[str, tuple[str, ...]], ...]

_DTM = re.compile(r"\d{4}(\d{2}(\d{2}(\d{2}(\d{2}(\d{2})?)?)?)?)?\Z", re.ASCII)
_DTM_FLOOR = "00000101000000"


class AvailabilityStatus(Enum):
    """Source: ITI TF-3 4.2.3.2.2; CI-SIS JDV_J52 for Archived and Deleted."""

    APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
    DEPRECATED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"
    ARCHIVED = "urn:asip:ci-sis:2010:StatusType:Archived"
    DELETED = "urn:asip:ci-sis:2010:StatusType:Deleted"


class ObjectType(Enum):
    """Source: ITI TF-3 4.2.5.2."""

    STABLE = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
    ON_DEMAND = "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248"


class AssociationType(Enum):
    """Source: ITI TF-3 4.2.2.2 and 4.2.2.1; the last two, which tell what to do: XDS Metadata Update 3.57.4.1.3.1."""

    HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
    RPLC = "urn:ihe:iti:2007:AssociationType:RPLC"
    APND = "urn:ihe:iti:2007:AssociationType:APND"
    XFRM = "urn:ihe:iti:2007:AssociationType:XFRM"
    XFRM_RPLC = "urn:ihe:iti:2007:AssociationType:XFRM_RPLC"
    SIGNS = "urn:ihe:iti:2007:AssociationType:signs"
    IS_SNAPSHOT_OF = "urn:ihe:iti:2010:AssociationType:IsSnapshotOf"
    UPDATE_AVAILABILITY_STATUS = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus"
    SUBMIT_ASSOCIATION = "urn:ihe:iti:2010:AssociationType:SubmitAssociation"


class DtmError(ValueError):
    """A time attribute that is no HL7 DTM."""


def dtm_floor(text: str) -> str:
    """The first second of a DTM of partial precision, as 14 digits: `2021` gives `20210101000000`.

    Raises DtmError when `text` is not YYYY[MM[DD[hh[mm[ss]]]]].
    Source: ITI TF-3 Table 4.2.3.1.7-2 (DTM).
    """
    if not _DTM.match(text):
        raise DtmError("YYYY[MM[DD[hh[mm[ss]]]]]")
    return text + _DTM_FLOOR[len(text) :]


@dataclass(frozen=True, slots=True)
class Code:
    """A coded attribute. Two codes are the same when code and scheme are; the label says nothing."""

    code: str
    scheme: str
    display: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Author:
    """One author. `person` is an XCN, `institutions` are XON, `telecommunications` XTN, as printed in HL7.

    Source: ITI TF-3 4.2.3.1.4.
    """

    person: str = ""
    institutions: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    specialties: tuple[str, ...] = ()
    telecommunications: tuple[str, ...] = ()
    extra_slots: Slots = ()

    @property
    def person_id(self) -> str:
        """XCN.1: the identifier of the person ('' when there is none)."""
        return self.person.partition("^")[0]

    @property
    def institution_ids(self) -> tuple[str, ...]:
        """XON.10 of each institution that has one."""
        fields = (institution.split("^") for institution in self.institutions)
        return tuple(parts[9] for parts in fields if len(parts) > 9 and parts[9])


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """One DocumentEntry. Source: ITI TF-3 4.2.3.2."""

    entry_uuid: str
    unique_id: str
    patient_id: str
    mime_type: str
    class_code: Code
    type_code: Code
    format_code: Code
    healthcare_facility_type_code: Code
    practice_setting_code: Code
    confidentiality_codes: tuple[Code, ...]
    creation_time: str
    language_code: str
    source_patient_id: str
    authors: tuple[Author, ...] = ()
    event_codes: tuple[Code, ...] = ()
    reference_ids: tuple[str, ...] = ()
    source_patient_info: tuple[str, ...] = ()
    title: str = ""
    comments: str = ""
    legal_authenticator: str = ""
    service_start_time: str = ""
    service_stop_time: str = ""
    hash: str = ""
    size: int | None = None
    uri: str = ""
    repository_unique_id: str = ""
    home_community_id: str = ""
    document_availability: str = ""
    object_type: ObjectType = ObjectType.STABLE
    availability_status: AvailabilityStatus = AvailabilityStatus.APPROVED
    logical_id: str = ""
    version: int = 1
    extra_slots: Slots = ()


@dataclass(frozen=True, slots=True)
class SubmissionSet:
    """One SubmissionSet. Source: ITI TF-3 4.2.3.3."""

    entry_uuid: str
    unique_id: str
    patient_id: str
    source_id: str
    submission_time: str
    content_type_code: Code
    authors: tuple[Author, ...] = ()
    intended_recipients: tuple[str, ...] = ()
    title: str = ""
    comments: str = ""
    home_community_id: str = ""
    availability_status: AvailabilityStatus = AvailabilityStatus.APPROVED
    extra_slots: Slots = ()


@dataclass(frozen=True, slots=True)
class Folder:
    """One Folder. Source: ITI TF-3 4.2.3.4."""

    entry_uuid: str
    unique_id: str
    patient_id: str
    codes: tuple[Code, ...]
    title: str = ""
    comments: str = ""
    last_update_time: str = ""
    home_community_id: str = ""
    availability_status: AvailabilityStatus = AvailabilityStatus.APPROVED
    logical_id: str = ""
    version: int = 1
    extra_slots: Slots = ()


@dataclass(frozen=True, slots=True)
class Association:
    """One Association, between entryUUIDs, or symbolic ids in a submission. Source: ITI TF-3 4.2.2."""

    entry_uuid: str
    type: AssociationType
    source: str
    target: str
    submission_set_status: str = ""  # "Original" or "Reference" on SubmissionSet HasMember, else ""
    documentation: Code | None = None  # ITI TF-3 4.2.2.2.7
    availability_status: AvailabilityStatus = AvailabilityStatus.APPROVED
    extra_slots: Slots = ()


RegistryObject = DocumentEntry | SubmissionSet | Folder | Association


@dataclass(frozen=True, slots=True)
class Submission:
    """What one SubmitObjectsRequest carries, with its symbolic ids not yet resolved. Source: ITI TF-3 4.2.1.4."""

    submission_set: SubmissionSet
    entries: tuple[DocumentEntry, ...] = ()
    folders: tuple[Folder, ...] = ()
    associations: tuple[Association, ...] = ()
    limited: frozenset[str] = frozenset()  # ids of the objects flagged limitedMetadata (ITI TF-3 4.2.3.2.29)
