"""TD3.3 for whoever says what shall change of a document, and has not read it: it is looked up, then it is ITI-57.

The document is looked for among what the requester finds by TD3.1, and among those that he may delete as his own, which
a structure may that reads nothing. What shall change becomes the message that software would send, and goes through its
use case: there the gate decides and records, once. A document that he may read and may not touch is refused to him.

Source: GIE SESAM-Vitale, TD3.3a to TD3.3d; ITI TF-2 3.57; ANS, PDSm 3.1.1, Flux 03.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from audit.event import Call
from cda.hl7 import escape
from dmp.consultation import patients_of
from dmp.errors import AccessRefused
from dmp.gate import Attempt, Gate
from dmp.gestes import Update
from habilitations.action import Action
from identities.requester import Authentication, PatientId, Requester
from registry.errors import ErrorCode, Finding, RegistryError
from registry.metadata import (
    Association,
    AssociationType,
    Author,
    AvailabilityStatus,
    Code,
    DocumentEntry,
    Submission,
    SubmissionSet,
)
from registry.relationships import ORIGINAL, PREVIOUS_VERSION
from registry.scope import Scope
from registry.stored_query import EVERY_VERSION, GetAssociations, GetDocuments, ReturnType, StoredQuery
from registry.update_operations import NEW_STATUS, ORIGINAL_STATUS
from schemas import oids
from schemas.value_sets import ValueSets

NOT_HIS = Finding(ErrorCode.DMPAccessDeniedByRightsService, "Accès refusé : ce document ne peut être modifié par vous.")
CONSULTATION = "07"  # ANS, TRE_R209: as the volet HL7v2 has it where nothing else is said
_UNTOUCHED = frozenset({ErrorCode.XDSMetadataVersionError, ErrorCode.XDSMetadataUpdateError})
_CHANGING = frozenset({AvailabilityStatus.APPROVED, AvailabilityStatus.ARCHIVED})


@dataclass(frozen=True, slots=True)
class Standing:
    """A document as it stands: its newest version, what relates it, when that was registered, in which dossier.

    `told` says whether the requester may be told of it, beside changing it.
    """

    entry: DocumentEntry
    associations: tuple[Association, ...] = ()
    received: datetime | None = None
    dossier: str = ""
    told: bool = True


@dataclass(frozen=True, slots=True)
class Modifications:
    """The use case, over that of every update. `source_id` is the source of the submission sets that it makes."""

    gate: Gate
    update: Update
    source_id: str

    def standing(self, requester: Requester, call: Call, query: StoredQuery) -> tuple[Standing, ...]:
        """The documents of `query`, as far as they are there for the requester: nothing is told of them yet.

        Raises RegistryError for a query that cannot be answered.
        """
        patients, _ = patients_of(query)
        patient = patients[0] if patients else requester.patient
        with self.gate.identification(call, requester) as attempt:
            found: dict[str, Standing] = {}
            for scope, told in self._scopes(attempt, requester, patient):
                entries = attempt.rooms.registry.find(query, scope)
                for entry in entries:
                    deleted = isinstance(entry, DocumentEntry) and entry.availability_status.name == "DELETED"
                    if isinstance(entry, DocumentEntry) and (told or not deleted):
                        found.setdefault(entry.logical_id, _standing(attempt, entry, scope, told=told))
            return tuple(found.values())

    def modify(
        self,
        requester: Requester,
        call: Call,
        standing: Standing,
        codes: tuple[Code, ...],
        status: AvailabilityStatus,
    ) -> DocumentEntry:
        """Gives a document these codes of confidentiality and this status; it as it stands then.

        Raises AccessRefused, RegistryError.
        """
        entry = standing.entry
        own = self._submission_set(requester, entry)
        marked = codes != entry.confidentiality_codes
        new = replace(entry, entry_uuid=uuid.uuid4().urn, confidentiality_codes=codes) if marked else entry
        entries = (new,) if marked else ()
        submission = Submission(own, entries, associations=tuple(_operations(own, entry, new, status)))
        try:
            self.update(requester, call, submission, ())
        except RegistryError as error:
            if self._stands(requester, call, standing, error):
                raise AccessRefused(NOT_HIS) from None
            raise
        return replace(new, version=entry.version + 1 if marked else entry.version, availability_status=status)

    def _scopes(
        self, attempt: Attempt, requester: Requester, patient: PatientId | None
    ) -> Iterator[tuple[Scope, bool]]:
        """Where the requester finds documents, and whether he may be told of them."""
        identities = attempt.rooms.identities
        dossier = identities.dossier(patient) if patient else None
        bound = identities.dossier(requester.patient) if requester.patient else dossier
        if dossier is None or bound is None or bound.key != dossier.key:
            return
        for action in (Action.TD3_1, Action.TD3_3C):
            decision = self.gate.foreseen(attempt.rooms, requester, action, dossier, attempt.now)
            if decision and decision.granted and decision.scope:
                yield decision.scope, action is Action.TD3_1

    def _stands(self, requester: Requester, call: Call, standing: Standing, error: RegistryError) -> bool:
        """Whether nothing is wrong with an update but that the document is not there to be changed by him."""
        if not {found.code for found in error.findings} <= _UNTOUCHED:
            return False
        if standing.entry.availability_status not in _CHANGING:
            return False
        query = GetDocuments(return_type=ReturnType.LEAF_CLASS, logical_ids=(standing.entry.logical_id,))
        return [each.entry for each in self.standing(requester, call, query)] == [standing.entry]

    def _submission_set(self, requester: Requester, entry: DocumentEntry) -> SubmissionSet:
        label = ValueSets.load().label("content_type", CONSULTATION, oids.CONTENT_TYPE) or CONSULTATION
        return SubmissionSet(
            entry_uuid=uuid.uuid4().urn,
            unique_id=f"{oids.UUID_ARC}.{uuid.uuid4().int}",
            patient_id=entry.patient_id,
            source_id=self.source_id,
            submission_time=f"{self.gate.now():%Y%m%d%H%M%S}",
            content_type_code=Code(CONSULTATION, oids.CONTENT_TYPE, label),
            authors=(_author(requester),),
        )


def _author(requester: Requester) -> Author:
    name = escape(requester.name or requester.id_nat or requester.client_id)
    if requester.authentication is Authentication.DIRECTE and requester.id_nat:
        return Author(person=f"{escape(requester.id_nat)}^{name}^^^^^^^&{oids.PS_ID_NAT}&ISO^D^^^IDNPS")
    return Author(person=f"^{name}")


def _operations(
    own: SubmissionSet, entry: DocumentEntry, new: DocumentEntry, status: AvailabilityStatus
) -> Iterator[Association]:
    """A new version where there is one, then the change of status."""
    if new is not entry:
        slots = ((PREVIOUS_VERSION, (str(entry.version),)),)
        kind = AssociationType.HAS_MEMBER
        yield Association(uuid.uuid4().urn, kind, own.entry_uuid, new.entry_uuid, ORIGINAL, extra_slots=slots)
    if status is not entry.availability_status:
        before = AvailabilityStatus.APPROVED if new is not entry else entry.availability_status
        changes = ((ORIGINAL_STATUS, (before.value,)), (NEW_STATUS, (status.value,)))
        kind = AssociationType.UPDATE_AVAILABILITY_STATUS
        yield Association(uuid.uuid4().urn, kind, own.entry_uuid, new.entry_uuid, extra_slots=changes)


def _standing(attempt: Attempt, entry: DocumentEntry, scope: Scope, *, told: bool) -> Standing:
    registry, uuids = attempt.rooms.registry, (entry.entry_uuid,)
    query = GetAssociations(return_type=ReturnType.LEAF_CLASS, uuids=uuids, metadata_level=EVERY_VERSION)
    associations = tuple(each for each in registry.find(query, scope) if isinstance(each, Association))
    return Standing(entry, associations, registry.received(uuids).get(entry.entry_uuid), scope.patient, told)
