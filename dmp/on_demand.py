"""On-Demand documents: what a retrieve makes of an On-Demand entry, a summary of what the requester may read.

The summary tells what the level-3 documents within this requester's Scope say and lists every document in it, no more,
and must tell nobody else what he may not read:

- Where whoever reads a document of a dossier may read them all (an IHE domain, and a Scope that hides nothing), the
  summary is kept: a Stable entry of its own, IsSnapshotOf the On-Demand entry, in the place of the snapshot before it
  (RPLC). It has every confidentiality code of what it lists, so that a flag on a document holds for the summary.
- Elsewhere, and under the rights of the DMP always, where each profession reads other types and a patient may mask a
  document tomorrow, it is made for this answer alone and kept nowhere: the answer then has no NewRepositoryUniqueId.

A kept summary is made anew only when it would say something else than the last one: the same content has the same
bytes but for their date, so the new content under the old date and identifier has the old hash, or has changed.

Source: ITI TF-2 3.43.4.2.2, 3.43.4.2.3 (Persistence of Retrieved Documents Option); ITI TF-3 4.2.2.2.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from audit.event import AuditObject, ObjectKind
from cda.header import Device, InstanceId, Participant
from cda.hl7 import xcn
from cda.summary import LANGUAGE, MIME_TYPE, SOFTWARE, Listed, Summary, write_summary
from dmp.gate import Gate, Passage
from dmp.synthese import Synthesis, read
from identities.dossier import Dossier
from registry.document_kinds import is_signature
from registry.errors import ErrorCode, RegistryError
from registry.existing import Existing
from registry.lifecycle import admit
from registry.metadata import (
    Association,
    AssociationType,
    Author,
    AvailabilityStatus,
    Code,
    DocumentEntry,
    ObjectType,
    Submission,
    SubmissionSet,
)
from registry.relationships import ORIGINAL
from registry.scope import EVERY_TYPE, Custody, Reach, Scope
from registry.stored_query import FindDocuments, GetAssociations, GetDocuments, GetSubmissionSets, ReturnType
from repository.content import Content
from schemas import oids
from schemas.domain import SameUniqueId

TITLE = "Synthèse des documents"
NORMAL = Code("N", oids.HL7_CONFIDENTIALITY, "Normal")
LEVELS = ("U", "L", "M", "N", "R", "V")  # HL7 Confidentiality, from open to very restricted

_ALL = ReturnType.LEAF_CLASS


@dataclass(frozen=True, slots=True)
class Made:
    """A summary: kept in the repository of that identifier, or ('') the bytes alone."""

    unique_id: str
    content: Content | bytes
    repository_unique_id: str = ""


def make(passage: Passage, gate: Gate, scope: Scope, entry: DocumentEntry, repository_unique_id: str) -> Made:
    """The document of `entry`, an On-Demand entry within `scope`, for the requester of `passage`, now.

    Raises RegistryError when there is too much to list.
    """
    kept = _may_be_kept(passage, scope, entry)
    if kept:
        passage.registry.lock((entry.entry_uuid,), scope.patient)
    source = _source(passage, gate, scope, entry, repository_unique_id)
    if not kept:
        summary = source.summary(_oid(), source.now)
        return Made(summary.unique_id, write_summary(summary))
    current = source.snapshots()
    for snapshot in current:
        same = write_summary(source.summary(snapshot.unique_id, snapshot.creation_time))
        content = passage.documents.content(scope.patient, snapshot.unique_id)
        alike = set(snapshot.confidentiality_codes) == set(source.confidentiality)
        if alike and content is not None and content.sha1 == hashlib.sha1(same, usedforsecurity=False).hexdigest():
            return Made(snapshot.unique_id, content, repository_unique_id)
    return _kept(gate, source, current)


def _may_be_kept(passage: Passage, scope: Scope, entry: DocumentEntry) -> bool:
    """Whether no right that differs between requesters stands behind the summary, and the entry may have a snapshot."""
    flags = (scope.reach, scope.masked, scope.invisible_patient, scope.invisible_representatives)
    alike = scope.types == EVERY_TYPE and all(reach is Reach.ALL for reach in flags)
    approved = entry.availability_status is AvailabilityStatus.APPROVED
    return alike and approved and not passage.requester.authentication.french


@dataclass(frozen=True, slots=True)
class _Source:
    """What one summary is made of, read within one Scope. `listed` are the documents that it tells of."""

    passage: Passage
    scope: Scope
    entry: DocumentEntry
    repository: str
    dossier: Dossier
    listed: tuple[DocumentEntry, ...]
    said: Synthesis

    @property
    def now(self) -> str:
        return self.passage.now.strftime("%Y%m%d%H%M%S")

    @property
    def confidentiality(self) -> tuple[Code, ...]:
        """All the codes of all that it tells of; of HL7's levels, the most restrictive."""
        codes = dict.fromkeys(code for each in (self.entry, *self.listed) for code in each.confidentiality_codes)
        levels = [code for code in codes if code.scheme == oids.HL7_CONFIDENTIALITY]
        others = tuple(code for code in codes if code.scheme != oids.HL7_CONFIDENTIALITY)
        return ((max(levels, key=_level),) if levels else ()) + others

    def summary(self, unique_id: str, made: str) -> Summary:
        """The summary of that identifier and date."""
        return Summary(
            unique_id=unique_id,
            title=self.entry.title or TITLE,
            code=self.entry.type_code,
            made=made,
            confidentiality=next((code for code in self.confidentiality if code.code in LEVELS), NORMAL),
            patient=self.dossier.ins,
            traits=self.dossier.traits,
            device=self.repository,
            documents=tuple(
                Listed(each.unique_id, each.class_code, each.type_code, each.title, each.creation_time, each.authors)
                for each in self.listed
            ),
            lines=self.said.lines,
            unread=self.said.unread,
        )

    def snapshots(self) -> tuple[DocumentEntry, ...]:
        """The current snapshots of the entry, the newest first: one, but for what other sources registered."""
        uuids = tuple(sorted(_snapshots_of(self.passage, self.scope, [self.entry.entry_uuid])))
        query = GetDocuments(return_type=_ALL, entry_uuids=uuids)
        found = self.passage.registry.find(query, self.scope) if uuids else ()
        current = [
            each
            for each in found
            if isinstance(each, DocumentEntry) and each.availability_status is AvailabilityStatus.APPROVED
        ]
        return tuple(sorted(current, key=lambda each: (each.creation_time, each.unique_id), reverse=True))

    def content_type(self) -> Code:
        """What the submission set of the entry was: a snapshot is more of it."""
        query = GetSubmissionSets(return_type=_ALL, uuids=(self.entry.entry_uuid,))
        found = self.passage.registry.find(query, self.scope)
        sets = (each.content_type_code for each in found if isinstance(each, SubmissionSet))
        return next(sets, self.entry.class_code)


def _source(passage: Passage, gate: Gate, scope: Scope, entry: DocumentEntry, repository: str) -> _Source:
    """Finds the current documents of the dossier, each once; what was made on demand is none. Raises RegistryError."""
    on_demand = _find(passage, scope, entry, ObjectType.ON_DEMAND, AvailabilityStatus)
    made = _snapshots_of(passage, scope, [each.entry_uuid for each in on_demand])
    stable = _find(passage, scope, entry, ObjectType.STABLE, (AvailabilityStatus.APPROVED,))
    listed = {each.unique_id: each for each in stable if each.entry_uuid not in made and not is_signature(each)}
    dossier = passage.rooms.identities.dossier_of_key(scope.patient)
    if dossier is None:
        raise LookupError("expected the dossier of the entry, got none")
    documents = tuple(listed.values())
    return _Source(passage, scope, entry, repository, dossier, documents, read(passage, gate.files, scope, documents))


def _find(
    passage: Passage, scope: Scope, entry: DocumentEntry, kind: ObjectType, statuses: Iterable[AvailabilityStatus]
) -> tuple[DocumentEntry, ...]:
    query = FindDocuments(return_type=_ALL, patient_id=entry.patient_id, statuses=tuple(statuses), object_types=(kind,))
    try:
        found = passage.registry.find(query, scope)
    except RegistryError:
        code, document = ErrorCode.XDSRepositoryError, entry.unique_id
        expected = "no more documents than one answer holds"
        raise RegistryError.single(code, "summary", expected=expected, got="more", location=document) from None
    return tuple(each for each in found if isinstance(each, DocumentEntry))


def _snapshots_of(passage: Passage, scope: Scope, on_demand: Sequence[str]) -> set[str]:
    """The entryUUIDs of all snapshots of these entries."""
    query = GetAssociations(return_type=_ALL, uuids=tuple(on_demand))
    found = passage.registry.find(query, scope) if on_demand else ()
    kind = AssociationType.IS_SNAPSHOT_OF
    return {each.source for each in found if isinstance(each, Association) and each.type is kind}


def _kept(gate: Gate, source: _Source, before: Sequence[DocumentEntry]) -> Made:
    """A new snapshot, registered in the place of those `before` it. Its bytes become durable last, before the rows."""
    passage, patient = source.passage, source.scope.patient
    summary = source.summary(_oid(), source.now)
    staged = gate.stage()
    try:
        staged.write(write_summary(summary))
        content = staged.finish()
        submission = _submission(source, summary, content, before)
        existing: Existing = passage.registry.existing(submission, patient, {})
        effects = admit(submission, existing, versions={}, same_unique_id=SameUniqueId.REFUSE, received=passage.now)
        passage.documents.record(patient, summary.unique_id, content, MIME_TYPE, first=True)
        staged.keep()
    finally:
        staged.discard()
    behind = Custody(frozenset({passage.requester.id_nat} - {""}))
    custody = {entry.entry_uuid: behind for entry in effects.submission.entries}
    passage.registry.save(effects, patient, custody, passage.now)
    passage.objects.append(AuditObject(ObjectKind.DOCUMENT, summary.unique_id, source.repository))
    return Made(summary.unique_id, content, source.repository)


def _submission(source: _Source, summary: Summary, content: Content, before: Sequence[DocumentEntry]) -> Submission:
    """Source: ITI TF-2 3.43.4.2.3 (what the registration of a snapshot includes)."""
    system = Participant((InstanceId(source.repository),), device=Device(SOFTWARE, SOFTWARE))
    authors = (Author(person=xcn(system)),)
    entry = replace(
        source.entry,
        entry_uuid="Snapshot",
        logical_id="",
        version=1,
        object_type=ObjectType.STABLE,
        unique_id=summary.unique_id,
        mime_type=MIME_TYPE,
        language_code=LANGUAGE,
        creation_time=summary.made,
        title=summary.title,
        hash=content.sha1,
        size=content.size,
        repository_unique_id=source.repository,
        confidentiality_codes=source.confidentiality,
        authors=authors,
        legal_authenticator="",
        uri="",
        document_availability="",
        extra_slots=(),
    )
    own = SubmissionSet(
        entry_uuid="SubmissionSet",
        unique_id=_oid(),
        patient_id=entry.patient_id,
        source_id=source.repository,
        submission_time=summary.made,
        content_type_code=source.content_type(),
        authors=authors,
        title=summary.title,
        home_community_id=entry.home_community_id,
    )
    held = Association(
        "HasMember", AssociationType.HAS_MEMBER, own.entry_uuid, entry.entry_uuid, submission_set_status=ORIGINAL
    )
    of = Association("IsSnapshotOf", AssociationType.IS_SNAPSHOT_OF, entry.entry_uuid, source.entry.entry_uuid)
    replaced = (
        Association(f"RPLC-{number}", AssociationType.RPLC, entry.entry_uuid, each.entry_uuid)
        for number, each in enumerate(before)
    )
    return Submission(own, (entry,), (), (held, of, *replaced))


def _level(code: Code) -> int:
    """What is no level of HL7's is taken as most restrictive."""
    return LEVELS.index(code.code) if code.code in LEVELS else len(LEVELS)


def _oid() -> str:
    """A new identifier. Source: ITU-T X.667 §7."""
    return f"{oids.UUID_ARC}.{uuid.uuid4().int}"
