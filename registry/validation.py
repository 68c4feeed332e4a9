"""Whether the metadata of a submission are in order by themselves: what must be there, in which form, in which codes.

Run on complete metadata: after the repository has set hash, size and repositoryUniqueId. Display names are never
judged. Of identifying attributes the shape is told, not the value.

Where the domain wants CDA header and metadata to agree, what every CDA header of the CI-SIS has is required here as
well: authors, a legal authenticator, a title, the start of the service.

Source: ITI TF-3 Tables 4.2.3.2-1, 4.2.3.3-1, 4.2.3.4-1 (attributes) and 4.3.1.1-3 (optionality); CI-SIS, volet Partage
de documents de santé, for the French domain.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from registry.errors import ErrorCode, Finding, finding
from registry.hl7_types import (
    MAX_VALUE,
    cx_fault,
    cx_key,
    dtm_fault,
    oid_fault,
    shape,
    unique_id_fault,
    xcn_fault,
    xon_fault,
)
from registry.metadata import Author, Code, DocumentEntry, Folder, ObjectType, Slots, Submission, SubmissionSet
from schemas.domain import Domain, SameUniqueId

IsCode = Callable[[str, Code], bool]

MAX_CONFIDENTIALITY_CODES = 4  # CI-SIS, Partage de documents: N, R or V, and the three visibility codes

_SHA1 = re.compile(r"[0-9a-fA-F]{40}\Z")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z")  # RFC 5646 §2.1
_MIME_TYPE = re.compile(r"[!#$&^_.+A-Za-z0-9-]+/[!#$&^_.+A-Za-z0-9-]+\Z")  # RFC 6838 §4.2


def validate(submission: Submission, domain: Domain, is_code: IsCode) -> tuple[Finding, ...]:
    """Every fault of the metadata of `submission`, or nothing.

    `is_code(attribute, code)` says whether the domain's tables have that code for that attribute (`type_code` ...); it
    is asked of the attributes that `domain.codes` names.
    """
    return (
        *_SetReport(submission.submission_set, domain, is_code).findings(),
        *(found for entry in submission.entries for found in _EntryReport(entry, domain, is_code).findings()),
        *(found for folder in submission.folders for found in _FolderReport(folder, domain, is_code).findings()),
        *(
            found
            for item in submission.associations
            for found in _repeated_slots("Association", item.extra_slots, item.entry_uuid)
        ),
    )


class _Report:
    """The faults of one object; `kind` is its name as printed, `location` its id."""

    def __init__(self, kind: str, location: str, domain: Domain, is_code: IsCode) -> None:
        self.kind, self.location, self.domain, self.is_code = kind, location, domain, is_code

    def fault(
        self, attribute: str, expected: str, got: str, code: ErrorCode = ErrorCode.XDSRegistryMetadataError
    ) -> Finding:
        got = got[:80] or "nothing"
        return finding(code, f"{self.kind}.{attribute}", expected=expected, got=got, location=self.location)

    def form(self, attribute: str, value: str, expected: str | None) -> Iterator[Finding]:
        """A fault when a form was expected of `value`."""
        if expected is not None:
            yield self.fault(attribute, expected, value)

    def person_form(self, attribute: str, value: str, expected: str | None) -> Iterator[Finding]:
        """The same for an attribute that identifies somebody."""
        if expected is not None:
            yield self.fault(attribute, expected, shape(value))

    def lengths(self, attribute: str, values: Iterable[str]) -> Iterator[Finding]:
        """A Value is a LongName. Source: ebRIM 3.0 §2.8."""
        for value in values:
            if len(value) > MAX_VALUE:
                yield self.fault(attribute, f"at most {MAX_VALUE} characters", str(len(value)))

    def code(self, attribute: str, printed: str, code: Code) -> Iterator[Finding]:
        yield from self.lengths(printed, (code.code, code.scheme))
        got = f"{code.code} of {code.scheme}"
        if not code.code or not code.scheme:
            yield self.fault(printed, "a code and its scheme", got)
        elif attribute in self.domain.codes and not self.is_code(attribute, code):
            yield self.fault(printed, f"a code of {', '.join(self.domain.codes[attribute])}", got)

    def patient(self, value: str) -> Iterator[Finding]:
        expected = cx_fault(value)
        yield from self.person_form("patientId", value, expected)
        authority = cx_key(value)[1]
        known = self.domain.patient_authorities
        if expected is None and known and authority not in known:
            code = ErrorCode.XDSUnknownPatientId
            yield self.fault("patientId", f"an issuing authority among {', '.join(sorted(known))}", authority, code)

    def authors(self, authors: tuple[Author, ...]) -> Iterator[Finding]:
        """Source: ITI TF-3 4.2.3.1.4; CI-SIS: an author, with a person."""
        if not authors and self.domain.cda_agreement:
            yield self.fault("author", "at least one", "none")
        for author in authors:
            if not (author.person or author.institutions or author.telecommunications):
                expected = "an authorPerson, authorInstitution or authorTelecommunication"
                yield self.fault("author", expected, "none")
            if author.person:
                yield from self.person_form("author.authorPerson", author.person, xcn_fault(author.person))
            elif self.domain.cda_agreement:
                yield self.fault("author.authorPerson", "an XCN", "none")
            for institution in author.institutions:
                yield from self.person_form("author.authorInstitution", institution, xon_fault(institution))
            values = (*author.institutions, *author.roles, *author.specialties, *author.telecommunications)
            yield from self.lengths("author", (author.person, *values))
            yield from _repeated_slots(f"{self.kind}.author", author.extra_slots, self.location)


class _EntryReport(_Report):
    """Source: ITI TF-3 Table 4.2.3.2-1."""

    def __init__(self, entry: DocumentEntry, domain: Domain, is_code: IsCode) -> None:
        super().__init__("DocumentEntry", entry.entry_uuid, domain, is_code)
        self.entry = entry

    def findings(self) -> Iterator[Finding]:
        yield from self._identification()
        yield from self._content()
        yield from self._codes()
        yield from self._times()
        yield from self._people()
        yield from _repeated_slots(self.kind, self.entry.extra_slots, self.location)

    def _identification(self) -> Iterator[Finding]:
        entry = self.entry
        extension = self.domain.same_unique_id is not SameUniqueId.REFUSE
        yield from self.form("uniqueId", entry.unique_id, unique_id_fault(entry.unique_id, extension=extension))
        yield from self.form("repositoryUniqueId", entry.repository_unique_id, oid_fault(entry.repository_unique_id))
        yield from self.patient(entry.patient_id)
        yield from self.person_form("sourcePatientId", entry.source_patient_id, cx_fault(entry.source_patient_id))
        if entry.object_type is not ObjectType.STABLE:
            yield self.fault("objectType", ObjectType.STABLE.value, entry.object_type.value)

    def _content(self) -> Iterator[Finding]:
        entry, domain = self.entry, self.domain
        if domain.mime_types and entry.mime_type not in domain.mime_types:
            yield self.fault("mimeType", f"one of {', '.join(sorted(domain.mime_types))}", entry.mime_type)
        elif not _MIME_TYPE.match(entry.mime_type):
            yield self.fault("mimeType", "a media type", entry.mime_type)
        if domain.languages and entry.language_code not in domain.languages:
            yield self.fault("languageCode", f"one of {', '.join(sorted(domain.languages))}", entry.language_code)
        elif not _LANGUAGE.match(entry.language_code):
            yield self.fault("languageCode", "a language tag of RFC 5646", entry.language_code)
        if not _SHA1.match(entry.hash):
            yield self.fault("hash", "a SHA-1 in hexadecimal", entry.hash)
        if entry.size is None or entry.size < 0:
            yield self.fault("size", "a number of bytes", "none" if entry.size is None else str(entry.size))
        if not entry.title and domain.cda_agreement:
            yield self.fault("title", "a title", "none")

    def _codes(self) -> Iterator[Finding]:
        entry = self.entry
        yield from self.code("class_code", "classCode", entry.class_code)
        yield from self.code("type_code", "typeCode", entry.type_code)
        yield from self.code("format_code", "formatCode", entry.format_code)
        yield from self.code(
            "healthcare_facility_type_code", "healthcareFacilityTypeCode", entry.healthcare_facility_type_code
        )
        yield from self.code("practice_setting_code", "practiceSettingCode", entry.practice_setting_code)
        count = len(entry.confidentiality_codes)
        if not count:
            yield self.fault("confidentialityCode", "at least one", "none")
        elif count > MAX_CONFIDENTIALITY_CODES and self.domain.cda_agreement:
            yield self.fault("confidentialityCode", f"at most {MAX_CONFIDENTIALITY_CODES}", str(count))
        for code in entry.confidentiality_codes:
            yield from self.code("confidentiality_codes", "confidentialityCode", code)
        for code in entry.event_codes:
            yield from self.code("event_codes", "eventCodeList", code)

    def _times(self) -> Iterator[Finding]:
        entry = self.entry
        start, stop = entry.service_start_time, entry.service_stop_time
        yield from self.form("creationTime", entry.creation_time, dtm_fault(entry.creation_time))
        if start or self.domain.cda_agreement:
            yield from self.form("serviceStartTime", start, dtm_fault(start))
        if stop:
            yield from self.form("serviceStopTime", stop, dtm_fault(stop))
        precision = min(len(start), len(stop))
        if start[:precision] > stop[:precision]:
            yield self.fault("serviceStopTime", f"serviceStartTime {start} or later", stop)

    def _people(self) -> Iterator[Finding]:
        yield from self.authors(self.entry.authors)
        authenticator = self.entry.legal_authenticator
        if authenticator or self.domain.cda_agreement:
            yield from self.person_form("legalAuthenticator", authenticator, xcn_fault(authenticator))
        yield from self.lengths("legalAuthenticator", (authenticator,))
        yield from self.lengths("sourcePatientId", (self.entry.source_patient_id,))
        yield from self.lengths("sourcePatientInfo", self.entry.source_patient_info)
        yield from self.lengths("referenceIdList", self.entry.reference_ids)


class _SetReport(_Report):
    """Source: ITI TF-3 Table 4.2.3.3-1."""

    def __init__(self, submission_set: SubmissionSet, domain: Domain, is_code: IsCode) -> None:
        super().__init__("SubmissionSet", submission_set.entry_uuid, domain, is_code)
        self.submission_set = submission_set

    def findings(self) -> Iterator[Finding]:
        own = self.submission_set
        yield from self.form("uniqueId", own.unique_id, oid_fault(own.unique_id))
        yield from self.form("sourceId", own.source_id, oid_fault(own.source_id))
        yield from self.patient(own.patient_id)
        yield from self.form("submissionTime", own.submission_time, dtm_fault(own.submission_time))
        yield from self.code("content_type_code", "contentTypeCode", own.content_type_code)
        yield from self.authors(own.authors)
        yield from self.lengths("intendedRecipient", own.intended_recipients)
        yield from _repeated_slots(self.kind, own.extra_slots, self.location)


class _FolderReport(_Report):
    """Source: ITI TF-3 Table 4.2.3.4-1."""

    def __init__(self, folder: Folder, domain: Domain, is_code: IsCode) -> None:
        super().__init__("Folder", folder.entry_uuid, domain, is_code)
        self.folder = folder

    def findings(self) -> Iterator[Finding]:
        folder = self.folder
        yield from self.form("uniqueId", folder.unique_id, oid_fault(folder.unique_id))
        yield from self.patient(folder.patient_id)
        if not folder.codes:
            yield self.fault("codeList", "at least one code", "none")
        for code in folder.codes:
            yield from self.code("folder_codes", "codeList", code)
        if not folder.title:
            yield self.fault("title", "a title", "none")
        yield from _repeated_slots(self.kind, folder.extra_slots, self.location)


def _repeated_slots(kind: str, slots: Slots, location: str) -> Iterator[Finding]:
    """A slot's name is unique within its object. Source: ITI TF-3 4.2.3.1.1; ebRIM 3.0 §2.8."""
    for name, count in Counter(name for name, _ in slots).items():
        if count > 1:
            expected, got = "one slot of a name", f"{count} named {name[:64]}"
            code = ErrorCode.XDSRegistryMetadataError
            yield finding(code, f"{kind}/Slot", expected=expected, got=got, location=location)
