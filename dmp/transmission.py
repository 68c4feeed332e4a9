"""Documents that a structure replaces or deletes by their uniqueId, as software without ITI-18 knows them.

Which entry that is, is looked up among the documents of the requester and his structure; what is not there for him is
asked for all the same, under a name that nobody has. So the gate decides and records once, and the registry answers as
it does to ITI-41 and ITI-57.

Source: CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2 (replacement and deletion, errors 900 and 901,
MODIF_CONF_CODE); GIE SESAM-Vitale, TD2.1b and TD3.3c.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from audit.event import Call
from dmp.alimentation import Alimentation
from dmp.attributs import Attributs
from dmp.requests import Lot
from habilitations.decision import own_documents
from identities.requester import PatientId, Requester
from registry.errors import ErrorCode, Finding, RegistryError, finding
from registry.metadata import (
    Association,
    AssociationType,
    AvailabilityStatus,
    Code,
    DocumentEntry,
    Submission,
    SubmissionSet,
)
from registry.scope import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS
from registry.stored_query import GetDocuments, ReturnType
from registry.update_operations import NEW_STATUS, ORIGINAL_STATUS

PARTIAL = "Résultats partiels"  # DocumentEntry.comments of a report that is to be completed
_MARKS = (MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX)


@dataclass(frozen=True, slots=True)
class Versions:
    """How far the versions of one document have come: the number of the last (0 for none), whether it stands, and
    whether it says that it is `PARTIAL`."""

    last: int = 0
    stands: bool = False
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Transmissions:
    """The use case, over those of every submission and update."""

    alimentation: Alimentation
    attributs: Attributs

    def provide(self, requester: Requester, call: Call, lot: Lot) -> tuple[Finding, ...]:
        """As TD2.1 has it. Raises AccessRefused, RegistryError."""
        return self.alimentation.provide(requester, call, lot)

    def replace(
        self,
        requester: Requester,
        call: Call,
        lot: Lot,
        patient: PatientId,
        former: Mapping[str, str],
        *,
        marks_change: bool,
    ) -> tuple[Finding, ...]:
        """`lot` in the place of `former`: by entryUUID of the lot, the uniqueId of what it replaces.

        Unless `marks_change`, the marks of visibility that stand stay, beside those of the lot. Raises AccessRefused,
        RegistryError.
        """
        standing = self._standing(requester, call, patient, tuple(former.values()))
        submission, entries, associations = lot.submission, [], list(lot.submission.associations)
        for entry in submission.entries:
            found = standing.get(former.get(entry.entry_uuid, ""))
            target = found.entry_uuid if found else uuid.uuid4().urn
            associations.append(Association(uuid.uuid4().urn, AssociationType.RPLC, entry.entry_uuid, target))
            entries.append(entry if marks_change or found is None else _as_marked(entry, found))
        changed = replace(submission, entries=tuple(entries), associations=tuple(associations))
        return self.alimentation.provide(requester, call, replace(lot, submission=changed))

    def delete(
        self, requester: Requester, call: Call, own: SubmissionSet, patient: PatientId, unique_ids: Sequence[str]
    ) -> tuple[Finding, ...]:
        """Deletes the documents of those uniqueIds, as TD3.3c has it. Raises AccessRefused, RegistryError."""
        standing = self._standing(requester, call, patient, unique_ids)
        asked = tuple(_deletion(own, standing.get(unique_id)) for unique_id in unique_ids)
        try:
            return self.attributs.update(requester, call, Submission(own, associations=asked), ())
        except RegistryError as error:
            raise RegistryError([*_of_numbers(standing, unique_ids)] or error.findings) from None

    def versions(self, requester: Requester, call: Call, patient: PatientId, unique_ids: Sequence[str]) -> Versions:
        """Which of `unique_ids`, those of all versions in order, the requester or his structure has sent."""
        standing = self._standing(requester, call, patient, unique_ids)
        last = max((number for number, each in enumerate(unique_ids, 1) if each in standing), default=0)
        if not last:
            return Versions()
        newest = standing[unique_ids[last - 1]]
        return Versions(last, _stands(newest), newest.comments == PARTIAL)

    def _standing(
        self, requester: Requester, call: Call, patient: PatientId, unique_ids: Sequence[str]
    ) -> Mapping[str, DocumentEntry]:
        """The newest metadata of those documents, by uniqueId, as far as they are the requester's or his structure's.

        A standing version is preferred to one that is not.
        """
        gate = self.alimentation.gate
        with gate.identification(call, requester) as attempt:
            dossier = attempt.rooms.identities.dossier(patient)
            if dossier is None or not unique_ids:
                return {}
            query = GetDocuments(return_type=ReturnType.LEAF_CLASS, unique_ids=tuple(unique_ids))
            told = attempt.rooms.registry.find(query, own_documents(requester, dossier.key))
        entries = [each for each in told if isinstance(each, DocumentEntry)]
        entries.sort(key=lambda each: (_stands(each), each.version or 0))
        return {entry.unique_id: entry for entry in entries}


def _of_numbers(standing: Mapping[str, DocumentEntry], unique_ids: Sequence[str]) -> Iterator[Finding]:
    """What keeps the documents of those numbers from being deleted, in the words of who knows numbers alone."""
    for unique_id in unique_ids:
        if unique_id not in standing:
            code, expected, got = ErrorCode.UnresolvedReferenceException, "a document of the sender's", "none"
        elif not _stands(standing[unique_id]):
            code, expected, got = ErrorCode.XDSRegistryDeprecatedDocumentError, "the version that stands", "another"
        else:
            continue
        yield finding(code, "DocumentEntry.uniqueId", expected=expected, got=got)


def _stands(entry: DocumentEntry) -> bool:
    return entry.availability_status in (AvailabilityStatus.APPROVED, AvailabilityStatus.ARCHIVED)


def _as_marked(entry: DocumentEntry, former: DocumentEntry) -> DocumentEntry:
    """`entry` with the marks of `former` beside its own."""
    own = {(code.code, code.scheme) for code in entry.confidentiality_codes}
    marked = {(code.code, code.scheme) for code in former.confidentiality_codes}
    kept = tuple(Code(*mark) for mark in _MARKS if mark in marked - own)
    return replace(entry, confidentiality_codes=(*entry.confidentiality_codes, *kept))


def _deletion(own: SubmissionSet, standing: DocumentEntry | None) -> Association:
    """The operation of ITI-57; on a document that is not there for the requester, as if it stood."""
    target = standing.entry_uuid if standing else uuid.uuid4().urn
    status = standing.availability_status if standing else AvailabilityStatus.APPROVED
    kind = AssociationType.UPDATE_AVAILABILITY_STATUS
    slots = ((ORIGINAL_STATUS, (status.value,)), (NEW_STATUS, (AvailabilityStatus.DELETED.value,)))
    return Association(uuid.uuid4().urn, kind, own.entry_uuid, target, extra_slots=slots)
