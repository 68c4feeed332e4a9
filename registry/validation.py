"""Whether the metadata of a submission are in order by themselves: what must be there, in which form, in which codes.

Run on complete metadata: after the repository has set hash, size and repositoryUniqueId. Display names are never
judged. Of identifying attributes the shape is told, not the value.

Source: ITI TF-3 Tables 4.2.3.2-1, 4.2.3.3-1, 4.2.3.4-1 (attributes) and 4.3.1-3 (optionality); ITI TF-2 3.42.4.1.3.3;
CI-SIS, volet Partage de documents de santé, for the French domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from registry.errors import ErrorCode, Finding, finding
from registry.hl7_types import cxi_fault, dtm_fault, identifier_fault, recipient_fault
from registry.kinds import SubmissionKind
from registry.metadata import DocumentEntry, Folder, ObjectType, Submission, SubmissionSet
from registry.object_report import IsCode, ObjectReport, language_fault, mime_type_fault, sha1_fault, slot_faults
from registry.optionality import NOT_OF_ON_DEMAND, required
from schemas.domain import Domain, UniqueIdForm

__all__ = ["IsCode", "validate"]


def validate(
    submission: Submission, domain: Domain, is_code: IsCode, kind: SubmissionKind | None = None
) -> tuple[Finding, ...]:
    """Every fault of the metadata of `submission`, or nothing.

    `is_code(attribute, code)` says whether the domain's tables have that code for that attribute (`type_code` ...); it
    is asked of the attributes that `domain.codes` names. `kind` is None for a metadata update, which has documents of
    any type.
    """
    limited = submission.limited if domain.metadata.limited and kind is SubmissionKind.PROVIDE else frozenset()
    reports: list[_SetReport | _EntryReport | _FolderReport] = [
        _SetReport(submission.submission_set, domain, is_code, limited),
        *(_EntryReport(entry, domain, is_code, limited) for entry in submission.entries),
        *(_FolderReport(folder, domain, is_code, limited) for folder in submission.folders),
    ]
    return (
        *(found for report in reports for found in report.findings()),
        *_associations(submission, domain, is_code),
        *_flags(submission, limited),
        *(_types(submission, kind) if kind is not None else ()),
    )


def _flags(submission: Submission, accepted: frozenset[str]) -> Iterator[Finding]:
    """limitedMetadata is for those who say so to who takes it. Source: ITI TF-3 Table 4.3.1-3 (limitedMetadata, X)."""
    for name in sorted(submission.limited - accepted):
        code = ErrorCode.XDSRegistryMetadataError
        yield finding(code, "limitedMetadata", expected="complete metadata", got="limitedMetadata", location=name)


def _types(submission: Submission, kind: SubmissionKind) -> Iterator[Finding]:
    """Documents of one type in each transaction. Source: ITI TF-2 3.42.4.1.2 and 3.61.4.1.2."""
    code, expected = ErrorCode.XDSRegistryMetadataError, kind.object_type.value
    for entry in submission.entries:
        if entry.object_type is not kind.object_type:
            got = entry.object_type.value
            yield finding(code, "DocumentEntry.objectType", expected=expected, got=got, location=entry.entry_uuid)
    if kind is SubmissionKind.REGISTER_ON_DEMAND and not submission.entries:
        location = submission.submission_set.entry_uuid
        yield finding(code, "DocumentEntry", expected="at least one that is on demand", got="none", location=location)


def _associations(submission: Submission, domain: Domain, is_code: IsCode) -> Iterator[Finding]:
    """Source: ITI TF-3 4.2.2.2 (association documentation), 4.2.3.1.6 (extra metadata)."""
    for item in submission.associations:
        report = ObjectReport("Association", item.entry_uuid, domain, is_code, frozenset())
        if item.documentation is not None:
            yield from report.code_list("documentation", "documentation", (item.documentation,))
        yield from slot_faults("Association", item.extra_slots, item.entry_uuid)


class _EntryReport(ObjectReport):
    """Source: ITI TF-3 Table 4.2.3.2-1."""

    def __init__(self, entry: DocumentEntry, domain: Domain, is_code: IsCode, limited: Iterable[str]) -> None:
        self.on_demand = entry.object_type is ObjectType.ON_DEMAND
        names = required(domain.metadata, limited=entry.entry_uuid in limited, on_demand=self.on_demand)
        super().__init__("DocumentEntry", entry.entry_uuid, domain, is_code, names)
        self.entry = entry

    def findings(self) -> Iterator[Finding]:
        yield from self._identification()
        yield from self._content()
        yield from self._codes()
        yield from self._times()
        yield from self._people()
        yield from slot_faults(self.kind, self.entry.extra_slots, self.location)

    def _identification(self) -> Iterator[Finding]:
        entry = self.entry
        opaque = self.rules.unique_id is UniqueIdForm.IDENTIFIER
        yield from self.form("uniqueId", entry.unique_id, identifier_fault if opaque else self.oid)
        yield from self.form("repositoryUniqueId", entry.repository_unique_id, self.oid)
        yield from self.home(entry.home_community_id)
        yield from self.patient(entry.patient_id)
        yield from self.private("sourcePatientId", entry.source_patient_id, self.cx)

    def _content(self) -> Iterator[Finding]:
        entry, domain = self.entry, self.domain
        yield from self.member("mimeType", entry.mime_type, domain.mime_types, mime_type_fault)
        yield from self.member("languageCode", entry.language_code, domain.languages, language_fault)
        yield from self.lengths("languageCode", (entry.language_code,))
        yield from self.lengths("documentAvailability", (entry.document_availability,))
        if self.wanted("title") and not entry.title:
            yield self.fault("title", "a title", "none")
        given = {"creationTime": entry.creation_time, "hash": entry.hash, "size": entry.size}
        if self.on_demand:
            for attribute, value in given.items():
                if f"{self.kind}.{attribute}" in NOT_OF_ON_DEMAND and value not in ("", None):
                    yield self.fault(attribute, "none in a document on demand", str(value))
            return
        yield from self.form("hash", entry.hash, sha1_fault)
        if entry.size is None or entry.size < 0:
            yield self.fault("size", "a number of bytes", "none" if entry.size is None else str(entry.size))
        yield from self.form("creationTime", entry.creation_time, dtm_fault)

    def _codes(self) -> Iterator[Finding]:
        entry = self.entry
        yield from self.code("class_code", "classCode", entry.class_code)
        yield from self.code("type_code", "typeCode", entry.type_code)
        yield from self.code("format_code", "formatCode", entry.format_code)
        yield from self.code(
            "healthcare_facility_type_code", "healthcareFacilityTypeCode", entry.healthcare_facility_type_code
        )
        yield from self.code("practice_setting_code", "practiceSettingCode", entry.practice_setting_code)
        yield from self.code_list("confidentiality_codes", "confidentialityCode", entry.confidentiality_codes)
        most = self.rules.max_confidentiality_codes
        if most and len(entry.confidentiality_codes) > most:
            yield self.fault("confidentialityCode", f"at most {most}", str(len(entry.confidentiality_codes)))
        yield from self.code_list("event_codes", "eventCodeList", entry.event_codes)

    def _times(self) -> Iterator[Finding]:
        start, stop = self.entry.service_start_time, self.entry.service_stop_time
        yield from self.form("serviceStartTime", start, dtm_fault)
        yield from self.form("serviceStopTime", stop, dtm_fault)
        precision = min(len(start), len(stop))
        if start[:precision] > stop[:precision]:
            yield self.fault("serviceStopTime", f"serviceStartTime {start} or later", stop)

    def _people(self) -> Iterator[Finding]:
        entry = self.entry
        yield from self.authors(entry.authors)
        yield from self.private("legalAuthenticator", entry.legal_authenticator, self.xcn)
        yield from self.lengths("legalAuthenticator", (entry.legal_authenticator,))
        yield from self.lengths("sourcePatientId", (entry.source_patient_id,))
        yield from self.lengths("sourcePatientInfo", entry.source_patient_info)
        yield from self.lengths("referenceIdList", entry.reference_ids)
        yield from self.each("referenceIdList", entry.reference_ids, cxi_fault)


class _SetReport(ObjectReport):
    """Source: ITI TF-3 Table 4.2.3.3-1."""

    def __init__(self, own: SubmissionSet, domain: Domain, is_code: IsCode, limited: Iterable[str]) -> None:
        names = required(domain.metadata, limited=own.entry_uuid in limited)
        super().__init__("SubmissionSet", own.entry_uuid, domain, is_code, names)
        self.own = own

    def findings(self) -> Iterator[Finding]:
        own = self.own
        yield from self.form("uniqueId", own.unique_id, self.oid)
        yield from self.form("sourceId", own.source_id, self.oid)
        yield from self.home(own.home_community_id)
        yield from self.patient(own.patient_id)
        yield from self.form("submissionTime", own.submission_time, dtm_fault)
        yield from self.code("content_type_code", "contentTypeCode", own.content_type_code)
        yield from self.authors(own.authors)
        yield from self.each("intendedRecipient", own.intended_recipients, self.recipient)
        yield from self.lengths("intendedRecipient", own.intended_recipients)
        yield from slot_faults(self.kind, own.extra_slots, self.location)

    def recipient(self, text: str) -> str | None:
        return recipient_fault(text, extra=self.rules.extra_components)


class _FolderReport(ObjectReport):
    """Source: ITI TF-3 Table 4.2.3.4-1."""

    def __init__(self, folder: Folder, domain: Domain, is_code: IsCode, limited: Iterable[str]) -> None:
        names = required(domain.metadata, limited=folder.entry_uuid in limited)
        super().__init__("Folder", folder.entry_uuid, domain, is_code, names)
        self.folder = folder

    def findings(self) -> Iterator[Finding]:
        folder = self.folder
        yield from self.form("uniqueId", folder.unique_id, self.oid)
        yield from self.home(folder.home_community_id)
        yield from self.patient(folder.patient_id)
        yield from self.code_list("folder_codes", "codeList", folder.codes)
        if self.wanted("title") and not folder.title:
            yield self.fault("title", "a title", "none")
        yield from slot_faults(self.kind, folder.extra_slots, self.location)
