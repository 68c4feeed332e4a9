"""A lot by itself: its documents held against its metadata, and what the repository adds to these.

Source: ITI TF-2 3.41.4.1.3 (expected actions of a Content Receiver and of a Document Repository).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from dmp.requests import Lot
from registry.errors import ErrorCode, Finding, finding
from registry.lifecycle import identified
from registry.metadata import DocumentEntry, Folder, Submission, SubmissionSet
from repository.content import Content
from schemas.domain import Domain

Identified = TypeVar("Identified", DocumentEntry, Folder, SubmissionSet)
_NOTHING = "0" * 40  # the hash of a document that did not come: that it is missing is told, its hash is not


def completed(submission: Submission, contents: Mapping[str, Content], domain: Domain) -> Submission:
    """The metadata with what the repository adds; `contents` are by entry id."""

    def complete(entry: DocumentEntry) -> DocumentEntry:
        content = contents.get(entry.entry_uuid)
        return replace(
            entry,
            repository_unique_id=domain.repository_unique_id,
            hash=content.sha1 if content else entry.hash or _NOTHING,
            size=content.size if content else entry.size or 0,
        )

    whole = replace(submission, entries=tuple(complete(entry) for entry in submission.entries))
    return _of_one_patient(whole) if domain.metadata.limited and submission.limited else whole


def _of_one_patient(submission: Submission) -> Submission:
    """Limited metadata may leave the patient out of some objects: a submission has only one.

    Source: ITI TF-2 3.41.4.1.3.1 (the identity of the patient determined through other means).
    """
    patient = next((item.patient_id for item in identified(submission) if item.patient_id), "")

    def named(item: Identified) -> Identified:
        anonymous = not item.patient_id and item.entry_uuid in submission.limited
        return replace(item, patient_id=patient) if anonymous else item

    return replace(
        submission,
        submission_set=named(submission.submission_set),
        entries=tuple(map(named, submission.entries)),
        folders=tuple(map(named, submission.folders)),
    )


def documents_and_entries(lot: Lot) -> list[Finding]:
    """One document for each entry, one entry for each document."""
    missing = [
        finding(
            ErrorCode.XDSMissingDocument,
            "Document",
            expected=f"a document for the DocumentEntry {entry.entry_uuid}",
            got="none",
            location=entry.entry_uuid,
        )
        for entry in lot.submission.entries
        if entry.entry_uuid not in lot.documents
    ]
    extra = [
        finding(
            ErrorCode.XDSMissingDocumentMetadata,
            "DocumentEntry",
            expected=f"metadata for the document {document}",
            got="none",
            location=document,
        )
        for document in lot.extra_parts
    ]
    return missing + extra


def hash_and_size(submission: Submission, contents: Mapping[str, Content]) -> list[Finding]:
    """What the source said of its bytes must be true of what came."""
    error = ErrorCode.XDSRepositoryMetadataError
    wrong: list[Finding] = []
    for entry in submission.entries:
        content = contents.get(entry.entry_uuid)
        if content is None:
            continue
        if entry.hash and entry.hash.lower() != content.sha1:
            name, got = f"DocumentEntry.hash of {entry.unique_id}", entry.hash[:64]
            wrong.append(finding(error, name, expected=content.sha1, got=got, location=entry.entry_uuid))
        if entry.size is not None and entry.size != content.size:
            name, got = f"DocumentEntry.size of {entry.unique_id}", str(entry.size)
            wrong.append(finding(error, name, expected=str(content.size), got=got, location=entry.entry_uuid))
    return wrong
