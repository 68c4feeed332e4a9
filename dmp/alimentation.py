"""TD2: provide and replace documents.

A lot is admitted whole or not at all, and every fault found in it is reported at once. Bytes become durable first, then
rows and audit event in one transaction: a crash leaves at worst bytes that no row names.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD2.1 and TD2.2; ITI TF-2 3.41 and 3.42; CI-SIS, Structuration minimale.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from audit.event import AuditObject, Call, ObjectKind
from cda.agreement import disagreements
from cda.document import read_document
from cda.errors import CdaError
from cda.header import Header, read_header
from cda.metadata import document_version
from dmp.gate import Gate, Passage
from dmp.requests import Lot
from habilitations.action import Action
from habilitations.decision import is_health_professional, own_documents
from identities.dossier import Dossier, DossierStatus, Traits
from identities.ins import InsError, read_cx
from identities.requester import Authentication, PatientId, Requester
from registry.errors import ErrorCode, Finding, RegistryError, Severity, finding
from registry.existing import DocumentVersion, Existing, canonical_id
from registry.lifecycle import Effects, admit
from registry.metadata import Code, DocumentEntry, Submission
from registry.relationships import REPLACING
from registry.scope import Custody, Scope
from registry.stored_query import GetDocuments, ReturnType
from registry.validation import validate
from repository.content import Content
from schemas import oids
from schemas.domain import Domain, UnknownPatient

CDA_MEDIA_TYPES = frozenset({"text/xml", "application/xslt+xml"})
UNKNOWN_PATIENT = finding(
    ErrorCode.XDSUnknownPatientId, "patientId", expected="the INS of a dossier", got="an unknown identifier"
)


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
        action = _action(requester)
        with self.gate.preparation(requester, action, call):
            contents = {entry_id: staged.finish() for entry_id, staged in lot.documents.items()}
            submission = self._completed(lot.submission, contents)
            examined = self._examine(requester, lot, submission, contents)
        with self.gate.passage(requester, action, _patient(submission), call) as passage:
            return self._admit(passage, lot, submission, examined, contents)

    def register(
        self, requester: Requester, call: Call, submission: Submission, findings: tuple[Finding, ...]
    ) -> tuple[Finding, ...]:
        """Registers documents that another repository keeps (ITI-42); `findings` is what the door found wrong.

        Returns the warnings. Raises AccessRefused, or RegistryError with every fault of the submission.
        """
        return self._register(requester, Action.ITI_42, call, submission, findings)

    def register_on_demand(
        self, requester: Requester, call: Call, submission: Submission, findings: tuple[Finding, ...]
    ) -> tuple[Finding, ...]:
        """Registers documents that are made when they are retrieved (ITI-61); otherwise as `register`."""
        return self._register(requester, Action.ITI_61, call, submission, findings)

    def _register(
        self,
        requester: Requester,
        action: Action,
        call: Call,
        submission: Submission,
        findings: tuple[Finding, ...],
    ) -> tuple[Finding, ...]:
        with self.gate.preparation(requester, action, call):
            examined = _Examined((*findings, *validate(submission, self.domain, self.is_code)), {})
        with self.gate.passage(requester, action, _patient(submission), call) as passage:
            return self._admit(passage, Lot(submission, {}), submission, examined, {})

    def _completed(self, submission: Submission, contents: Mapping[str, Content]) -> Submission:
        """What the repository adds to the metadata. Source: ITI TF-2 3.41.4.1.3."""

        def complete(entry: DocumentEntry) -> DocumentEntry:
            content = contents.get(entry.entry_uuid)
            if content is None:
                return entry
            return replace(
                entry,
                repository_unique_id=self.domain.repository_unique_id,
                hash=content.sha1,
                size=content.size,
            )

        return replace(submission, entries=tuple(complete(entry) for entry in submission.entries))

    def _examine(
        self, requester: Requester, lot: Lot, submission: Submission, contents: Mapping[str, Content]
    ) -> _Examined:
        """Everything that can be judged of a lot by itself, before any decision and outside any transaction."""
        findings = [*lot.findings, *_documents_and_entries(lot), *_hash_and_size(lot.submission, contents)]
        findings += validate(submission, self.domain, self.is_code)
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

    def _admit(
        self,
        passage: Passage,
        lot: Lot,
        submission: Submission,
        examined: _Examined,
        contents: Mapping[str, Content],
    ) -> tuple[Finding, ...]:
        passage.objects.append(AuditObject(ObjectKind.SUBMISSION_SET, submission.submission_set.unique_id))
        dossier = passage.dossier = passage.dossier or self._opened(passage, submission)
        if dossier is None:
            raise RegistryError([*examined.findings, UNKNOWN_PATIENT])
        findings = [*examined.findings, *_closed(dossier), *_disagreements(submission, examined.headers, dossier)]
        effects = self._effects(passage, submission, examined.headers, dossier, findings)
        for staged in lot.documents.values():
            staged.keep()
        entries = {entry.entry_uuid: entry for entry in effects.submission.entries}
        for entry_id, content in contents.items():
            entry = entries[effects.ids[canonical_id(entry_id)]]
            passage.documents.record(dossier.key, entry.unique_id, content, entry.mime_type)
        custody = {entry.entry_uuid: _custody(entry, passage.requester) for entry in effects.submission.entries}
        passage.registry.save(effects, dossier.key, custody, passage.now)
        return (*(found for found in findings if found.severity is Severity.WARNING), *effects.warnings)

    def _opened(self, passage: Passage, submission: Submission) -> Dossier | None:
        """A new dossier for a patient whom nobody told us of, where the domain has it so."""
        patient, identities = _patient(submission), passage.rooms.identities
        if patient is None or self.domain.unknown_patient is UnknownPatient.REFUSE:
            return None
        if identities.fed(patient.authority) or identities.subsumed(patient):
            return None
        dossier = Dossier(
            key=uuid.uuid4().hex,
            identifiers=(patient,),
            traits=Traits(birth_family="", birth_given="", birth_date=None, sex="U"),
            status=DossierStatus.OPEN,
            opened=passage.now,
        )
        identities.open(dossier)
        return dossier

    def _effects(
        self,
        passage: Passage,
        submission: Submission,
        headers: Mapping[str, Header],
        dossier: Dossier,
        findings: list[Finding],
    ) -> Effects:
        """What the submission does to the registry. Raises RegistryError when this or anything before is wrong."""
        versions = {entry_id: version for entry_id, header in headers.items() if (version := _version(header))}
        existing = passage.registry.existing(submission, dossier.key, versions)
        try:
            effects = admit(
                submission,
                _as_seen_by(passage, submission, existing),
                versions=versions,
                same_unique_id=self.domain.same_unique_id,
                received=passage.now,
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


def _action(requester: Requester) -> Action:
    """A secretary with a CPE feeds by TD2.2, imputed to the structure; everybody else by TD2.1."""
    if requester.authentication is Authentication.DIRECTE and not is_health_professional(requester):
        return Action.TD2_2
    return Action.TD2_1


def _patient(submission: Submission) -> PatientId | None:
    """The patient of the submission set; None, the assertion's patient then, when it cannot be read (a finding)."""
    try:
        return read_cx(submission.submission_set.patient_id)
    except InsError:
        return None


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


def _documents_and_entries(lot: Lot) -> list[Finding]:
    """One document for each entry, one entry for each document. Source: ITI TF-2 3.41.4.1.3."""
    missing = [
        finding(
            ErrorCode.XDSMissingDocument,
            "Document",
            expected=f"a document for the DocumentEntry {entry.entry_uuid}",
            got="none",
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
        )
        for document in lot.extra_parts
    ]
    return missing + extra


def _hash_and_size(submission: Submission, contents: Mapping[str, Content]) -> list[Finding]:
    """What the source said of its bytes must be true of what came. Source: ITI TF-2 3.41.4.1.3."""
    wrong: list[Finding] = []
    for entry in submission.entries:
        content = contents.get(entry.entry_uuid)
        if content is None:
            continue
        if entry.hash and entry.hash.lower() != content.sha1:
            error = ErrorCode.XDSRepositoryMetadataError
            wrong.append(finding(error, f"hash of {entry.unique_id}", expected=content.sha1, got=entry.hash[:64]))
        if entry.size is not None and entry.size != content.size:
            error = ErrorCode.XDSRepositoryMetadataError
            wrong.append(finding(error, f"size of {entry.unique_id}", expected=str(content.size), got=str(entry.size)))
    return wrong


def _as_seen_by(passage: Passage, submission: Submission, existing: Existing) -> Existing:
    """`existing` without the documents that are not there for the requester: what he names of them is unresolved.

    A document is replaced by its author, or by the structure it came from; other associations may name what the
    requester can find, too. A document of another dossier is there for those who wrote it.
    Source: GIE SESAM-Vitale, TD2.1b; CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2, error 901.
    """
    named: dict[str, bool] = {}  # entryUUID -> whether it is to be replaced
    for association in submission.associations:
        for end in map(canonical_id, (association.source, association.target)):
            if end in existing.entries:
                named[end] = named.get(end, False) or association.type in REPLACING
    if not named:
        return existing
    there = {
        uuid
        for patient in {existing.entries[uuid].patient for uuid in named}
        for uuid in _found(passage, own_documents(passage.requester, patient), named)
    }
    reads = passage.reads()
    if reads is not None:
        there |= set(_found(passage, reads, [uuid for uuid, replaced in named.items() if not replaced]))
    gone = named.keys() - there
    return replace(existing, entries={uuid: entry for uuid, entry in existing.entries.items() if uuid not in gone})


def _found(passage: Passage, scope: Scope, uuids: Iterable[str]) -> Iterator[str]:
    """Those of `uuids` that are within `scope`."""
    query = GetDocuments(return_type=ReturnType.LEAF_CLASS, entry_uuids=tuple(uuids))
    return (found.entry_uuid for found in passage.registry.find(query, scope))


def _custody(entry: DocumentEntry, requester: Requester) -> Custody:
    """Those who may later treat the document as theirs: its authors, and who deposited it."""
    persons = {author.person_id for author in entry.authors} | {requester.id_nat}
    structures = {institution for author in entry.authors for institution in author.institution_ids}
    structures.add(requester.structure_id)
    return Custody(frozenset(persons - {""}), frozenset(structures - {""}))
