"""VD/recueil: what an establishment collected of a patient at its counter, opposition to feeding and consent.

| said | what it does |
|---|---|
| opposed to feeding | the DMP is fed by nobody any more, as when the patient says so (VD/opposition) |
| not opposed | ends an opposition that the same establishment collected, no other |
| consents to consultation | authorises the establishment for a year from that day, as TD0.3 does |
| does not consent | ends the authorisation of the establishment |

An establishment repeats the last that it knows with every admission: what is not newer than what was said since is kept
from doing anything. What was collected is noted in any case that is new.

Source: IHE France, PAM national extension 2.11.2, 6.14; CSP L.1111-14 to L.1111-17, R.1111-46 and R.1111-47.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from audit.event import AuditObject, Call, ObjectKind
from dmp.gate import ACCESS_REFUSED, Gate, Passage
from dmp.gestion import AUTHORISATION_LENGTH
from dmp.patients import alone
from habilitations.action import Action
from habilitations.wishes import CONSENTEMENT_CONSULTATION, OPPOSITION_ALIMENTATION, STRUCTURE, Consent
from identities.requester import PatientId, Requester
from registry.errors import RegistryError


@dataclass(frozen=True, slots=True)
class Answer:
    """A yes or no of the patient, and when it was collected."""

    given: bool
    instant: datetime


@dataclass(frozen=True, slots=True)
class Collected:
    """What one message says: whether the patient is opposed to feeding, and consents; None where nobody asked.

    `message_id` names the message.
    """

    opposition: Answer | None
    consentement: Answer | None
    message_id: str


def collect(gate: Gate, requester: Requester, call: Call, patient: PatientId, said: Collected) -> None:
    """Keeps what the establishment of `requester` collected of `patient`, and does what it says.

    Raises AccessRefused; RegistryError with the same words where the patient blocked the establishment that now claims
    consent, and XDSRegistryBusy when another request changed the dossier meanwhile.
    """
    message = AuditObject(ObjectKind.MESSAGE, said.message_id)
    with gate.passage(requester, Action.VD_RECUEIL, patient, call, asked=[message]) as passage, alone():
        passage.rooms.identities.lock([passage.opened.key])
        kept = passage.rooms.rights.consents(passage.opened.key)
        if said.opposition is not None:
            _oppose(passage, said.opposition, [each for each in kept if each.code == OPPOSITION_ALIMENTATION])
        if said.consentement is not None:
            _consent(passage, said.consentement, [each for each in kept if each.code == CONSENTEMENT_CONSULTATION])


def _oppose(passage: Passage, answer: Answer, kept: list[Consent]) -> None:
    if _known(answer, kept):
        return
    rights, key = passage.rooms.rights, passage.opened.key
    opposed = next((each for each in reversed(kept) if each.given), None)
    if answer.given or (opposed is not None and opposed.collector == passage.requester.structure_id):
        rights.oppose_feeding(key, answer.given)
    _note(passage, OPPOSITION_ALIMENTATION, answer)


def _consent(passage: Passage, answer: Answer, kept: list[Consent]) -> None:
    structure = passage.requester.structure_id
    passage.objects.append(AuditObject(ObjectKind.USER, structure))
    if _known(answer, [each for each in kept if each.collector == structure]):
        return
    if answer.given:
        _authorise(passage, structure, answer.instant + AUTHORISATION_LENGTH)
    else:
        passage.rooms.rights.revoke(passage.opened.key, structure)
    _note(passage, CONSENTEMENT_CONSULTATION, answer)


def _authorise(passage: Passage, structure: str, end: datetime) -> None:
    """Authorises the structure until `end`, where that is later than its authorisation runs. Raises RegistryError."""
    rights, key = passage.rooms.rights, passage.opened.key
    wishes = rights.wishes(key)
    if structure in wishes.blocked:
        raise RegistryError([ACCESS_REFUSED])
    standing = (each.end for each in wishes.authorisations if (each.kind, each.holder) == (STRUCTURE, structure))
    if end > max((passage.now, *standing)):
        rights.authorise(key, structure, kind=STRUCTURE, start=passage.now, end=end)


def _known(answer: Answer, kept: Iterable[Consent]) -> bool:
    """Whether as much, or more, was said already at that time or since."""
    return any(each.instant >= answer.instant for each in kept)


def _note(passage: Passage, code: str, answer: Answer) -> None:
    collector = passage.requester.structure_id
    passage.rooms.rights.record_consent(passage.opened.key, Consent(code, answer.given, answer.instant, collector))
