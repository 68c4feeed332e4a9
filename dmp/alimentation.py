"""TD2: provide and replace documents.

A lot is admitted whole or not at all, and every fault found in it is reported at once. Bytes become durable first, then
rows and audit event in one transaction: a crash leaves at worst bytes that no row names.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD2.1 and TD2.2; ITI TF-2 3.41 and 3.42; CI-SIS, Structuration minimale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from audit.event import AuditObject, Call, ObjectKind
from cda.agreement import disagreements
from cda.document import read_document
from cda.errors import CdaError
from cda.header import Header, read_header
from cda.metadata import document_version
from dmp.gate import Gate, Passage
from dmp.lots import completed, documents_and_entries, hash_and_size
from dmp.named_documents import as_seen_by
from dmp.requests import Lot
from dmp.submissions import custody_of, held, opened, patient_of, unknown_patient
from habilitations.action import Action
from habilitations.decision import is_health_professional
from identities.dossier import Dossier, DossierStatus
from identities.requester import Authentication, Requester
from registry.document_kinds import is_signature
from registry.errors import ErrorCode, Finding, RegistryError, Severity, finding
from registry.existing import DocumentVersion, canonical_id
from registry.kinds import SubmissionKind
from registry.lifecycle import Effects, admit
from registry.metadata import Code, DocumentEntry, Submission
from registry.scope import Custody
from registry.validation import validate
from repository.content import Content
from schemas import oids
from schemas.domain import Domain

CDA_MEDIA_TYPES = frozenset({"text/xml", "application/xslt+xml"})
_REGISTERING = {SubmissionKind.REGISTER: Action.ITI_42, SubmissionKind.REGISTER_ON_DEMAND: Action.ITI_61}


@dataclass(frozen=True, slots=True)
class Alimentation:
    """The use case, with what it needs of the affinity domain."""

    gate: Gate
    domain: Domain
    is_code: Callable[[str, Code], bool]
    verify_signature: Callable[[Requester, Lot], tuple[Finding, ...]]

    def provide(self, requester: Requester, call: Call, lot: Lot) -> tuple[Finding, ...]:
        """Stores the documents of `lot` and registers them; returns the warnings.

        Raises AccessRefused, or RegistryError with every fault of the lot. On any failure nothing of it is visible.
        """
        return self.provide_all(requester, call, (lot,))

    def provide_all(self, requester: Requester, call: Call, lots: Sequence[Lot]) -> tuple[Finding, ...]:
        """Several lots about one patient, at least one, in this order, all of them or none; otherwise as `provide`."""
        action = _action(requester)
        with self.gate.preparation(requester, action, call):
            prepared = [self._prepared(requester, lot) for lot in lots]
        asked = [each.set_object for each in prepared]
        with self.gate.passage(requester, action, patient_of(prepared[0].submission), call, asked=asked) as passage:
            if len(prepared) > 1:
                _check_together(passage, prepared)
            return tuple(warning for each in prepared for warning in self._admit(passage, each))

    def _prepared(self, requester: Requester, lot: Lot) -> _Prepared:
        contents = {entry_id: staged.finish() for entry_id, staged in lot.documents.items()}
        submission = completed(lot.submission, contents, self.domain)
        return _Prepared(lot, submission, contents, self._examine(requester, lot, submission, contents))

    def register(
        self, requester: Requester, call: Call, submission: Submission, findings: tuple[Finding, ...]
    ) -> tuple[Finding, ...]:
        """Registers documents that another repository keeps (ITI-42); `findings` is what the door found wrong.

        Returns the warnings. Raises AccessRefused, or RegistryError with every fault of the submission.
        """
        return self._register(requester, SubmissionKind.REGISTER, call, submission, findings)

    def register_on_demand(
        self, requester: Requester, call: Call, submission: Submission, findings: tuple[Finding, ...]
    ) -> tuple[Finding, ...]:
        """Registers documents that are made when they are retrieved (ITI-61); otherwise as `register`."""
        return self._register(requester, SubmissionKind.REGISTER_ON_DEMAND, call, submission, findings)

    def _register(
        self,
        requester: Requester,
        kind: SubmissionKind,
        call: Call,
        submission: Submission,
        findings: tuple[Finding, ...],
    ) -> tuple[Finding, ...]:
        action = _REGISTERING[kind]
        with self.gate.preparation(requester, action, call):
            examined = _Examined((*findings, *validate(submission, self.domain, self.is_code, kind)), {})
        prepared = _Prepared(Lot(submission, {}), submission, {}, examined, kind)
        asked = [prepared.set_object]
        with self.gate.passage(requester, action, patient_of(submission), call, asked=asked) as passage:
            return self._admit(passage, prepared)

    def _examine(
        self, requester: Requester, lot: Lot, submission: Submission, contents: Mapping[str, Content]
    ) -> _Examined:
        """Everything that can be judged of a lot by itself, before any decision and outside any transaction."""
        findings = [*lot.findings, *documents_and_entries(lot), *hash_and_size(lot.submission, contents)]
        findings += validate(submission, self.domain, self.is_code, SubmissionKind.PROVIDE)
        findings += self.verify_signature(requester, lot)
        headers: dict[str, Header] = {}
        for entry in submission.entries:
            staged = lot.documents.get(entry.entry_uuid)
            if staged is None or not self.domain.cda_agreement or not _is_cda(entry):
                continue
            try:
                headers[entry.entry_uuid] = read_header(read_document(staged.chunks()))
            except CdaError as error:
                context = f"{entry.unique_id}: {error.place}: expected {error.expected}, got {error.got}"
                findings.append(Finding(ErrorCode.InvalidDocumentContent, context, location=entry.entry_uuid))
        return _Examined(tuple(findings), headers)

    def _admit(self, passage: Passage, prepared: _Prepared) -> tuple[Finding, ...]:
        submission, examined = prepared.submission, prepared.examined
        patient = patient_of(submission)
        dossier = passage.dossier = held(passage, patient) or opened(passage, self.domain, patient)
        findings = [*examined.findings]
        if dossier is None:
            findings += unknown_patient(submission, findings)
        else:
            findings += [*_closed(dossier), *_disagreements(submission, examined.headers, dossier)]
        key = dossier.key if dossier else ""
        effects = self._effects(passage, prepared, key, findings)
        entries = {entry.entry_uuid: entry for entry in effects.submission.entries}
        for entry_id, content in prepared.contents.items():
            _record(passage, effects, entries[effects.ids[canonical_id(entry_id)]], content, key)
        for staged in prepared.lot.documents.values():
            staged.keep()  # after the row, which holds off whoever removes the same bytes; before both are committed
        custody = {entry.entry_uuid: custody_of(entry, passage.requester) for entry in effects.submission.entries}
        passage.registry.save(effects, key, custody, passage.now)
        _note(passage, effects, custody)
        return (*(found for found in findings if found.severity is Severity.WARNING), *effects.warnings)

    def _effects(
        self,
        passage: Passage,
        prepared: _Prepared,
        key: str,
        findings: list[Finding],
    ) -> Effects:
        """What the submission does to the dossier. Raises RegistryError when this or anything before is wrong."""
        submission, headers = prepared.submission, prepared.examined.headers
        versions = {entry_id: version for entry_id, header in headers.items() if (version := _version(header))}
        existing = passage.registry.existing(submission, key, versions)
        try:
            effects = admit(
                submission,
                as_seen_by(passage, submission, existing),
                versions=versions,
                same_unique_id=self.domain.same_unique_id,
                received=passage.now,
                kind=prepared.kind,
                references_across=self.domain.metadata.references_across,
            )
        except RegistryError as error:
            raise RegistryError([*findings, *error.findings]) from None
        if any(found.severity is Severity.ERROR for found in findings):
            raise RegistryError(findings)
        return effects


@dataclass(frozen=True, slots=True)
class _Examined:
    """What is wrong with a lot by itself, and the CDA headers by entry id."""

    findings: tuple[Finding, ...]
    headers: Mapping[str, Header]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A lot with all that can be known of it before its passage; `contents` are by entry id."""

    lot: Lot
    submission: Submission
    contents: Mapping[str, Content]
    examined: _Examined
    kind: SubmissionKind = SubmissionKind.PROVIDE

    @property
    def set_object(self) -> AuditObject:
        """What the audit event names, whatever becomes of the lot."""
        return AuditObject(ObjectKind.SUBMISSION_SET, self.submission.submission_set.unique_id)


def _check_together(passage: Passage, prepared: Sequence[_Prepared]) -> None:
    """Lots that come together are about one patient, and what is wrong with each is told at once."""
    findings = [found for each in prepared for found in each.examined.findings]
    patients = {patient_of(each.submission) for each in prepared}
    dossiers = {passage.rooms.identities.dossier(patient) for patient in patients if patient}
    if len(patients) > 1 and (None in patients or None in dossiers or len({each.key for each in dossiers if each}) > 1):
        error = ErrorCode.XDSPatientIdDoesNotMatch
        findings.append(finding(error, "SubmissionSet.patientId", expected="one patient", got="several"))
    if any(found.severity is Severity.ERROR for found in findings):
        raise RegistryError(findings)


def _action(requester: Requester) -> Action:
    """A secretary with a CPE feeds by TD2.2, imputed to the structure; everybody else by TD2.1."""
    if requester.authentication is Authentication.DIRECTE and not is_health_professional(requester):
        return Action.TD2_2
    return Action.TD2_1


def _record(passage: Passage, effects: Effects, entry: DocumentEntry, content: Content, key: str) -> None:
    """What the uniqueId of `entry` stands for, unless that is known. Source: ITI TF-2 3.41.4.1.3.2."""
    first = entry.unique_id in effects.new_unique_ids
    known = None if first else passage.documents.content(key, entry.unique_id)
    if known is None:
        passage.documents.record(key, entry.unique_id, content, entry.mime_type, first=first)
    elif known != content:  # of one SHA-1 and size
        error, expected = ErrorCode.XDSNonIdenticalHash, f"the bytes under which {entry.unique_id} is registered"
        raise RegistryError.single(error, "Document", expected=expected, got="others", location=entry.entry_uuid)


def _note(passage: Passage, effects: Effects, custody: Mapping[str, Custody]) -> None:
    """The documents that came in, for the audit log and for who wants to know. A signature is no document of care."""
    for entry in effects.submission.entries:
        if not is_signature(entry):
            passage.objects.append(AuditObject(ObjectKind.DOCUMENT, entry.unique_id, entry.repository_unique_id))
            passage.added.append((entry, custody[entry.entry_uuid]))


def _is_cda(entry: DocumentEntry) -> bool:
    return entry.mime_type in CDA_MEDIA_TYPES and entry.format_code.code != oids.DSG_FORMAT_CODE


def _closed(dossier: Dossier) -> list[Finding]:
    """Source: CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2, ERR-5."""
    return [Finding(ErrorCode.DMPClosed, "DMP fermé")] if dossier.status is DossierStatus.CLOSED else []


def _disagreements(submission: Submission, headers: Mapping[str, Header], dossier: Dossier) -> list[Finding]:
    """Where documents and their metadata differ; any identifier of the dossier's history is the patient's."""
    return [
        found
        for entry in submission.entries
        if entry.entry_uuid in headers
        for found in disagreements(headers[entry.entry_uuid], entry, identifiers=dossier.identifiers)
    ]


def _version(header: Header) -> DocumentVersion | None:
    version = document_version(header)
    return DocumentVersion(*version) if version else None
