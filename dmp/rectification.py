"""Rectification: the patient asks the author of a document to put it right, and the author finds what was asked.

Nobody changes a document but its author, who replaces (TD2.1b) or deletes it (TD3.3c).

Source: CSP R.1111-26 to R.1111-46; Règlement (UE) 2016/679, art. 16; public guide of the DMP (droit de rectification).
"""

from __future__ import annotations

import uuid

from audit.event import AuditObject, Call, ObjectKind
from audit.transactions import EventAction
from dmp.errors import GestionError
from dmp.gate import Gate, Passage
from habilitations.action import Action
from habilitations.wishes import Rectification
from identities.requester import Requester
from registry.metadata import DocumentEntry

MAX_REASON = 1000  # characters, as a comment


def request_rectification(gate: Gate, requester: Requester, call: Call, unique_id: str, reason: str) -> Rectification:
    """Asks the authors of a document that the requester sees to put it right, in words of his own.

    Raises AccessRefused, GestionError: a document that stays hidden is none.
    """
    with gate.passage(requester, Action.VD_RECTIFICATION, None, call) as passage:
        if not 0 < len(reason.strip()) <= MAX_REASON:
            raise GestionError(f"Attendu un motif de 1 à {MAX_REASON} caractères, reçu {len(reason.strip())}.")
        entry = _current(passage, unique_id)
        passage.objects.append(AuditObject(ObjectKind.DOCUMENT, entry.unique_id, entry.repository_unique_id))
        persons = {author.person_id for author in entry.authors}
        institutions = {each for author in entry.authors for each in author.institution_ids}
        if requester.id_nat in persons:
            raise GestionError("Vous êtes l'auteur de ce document : remplacez-le, ou supprimez-le.")
        asked = Rectification(
            id=uuid.uuid4().hex,
            document=entry.unique_id,
            reason=reason.strip(),
            addressees=tuple(sorted((persons | institutions) - {""})),
            instant=passage.now,
            requester=requester.id_nat,
        )
        passage.rooms.rights.request_rectification(passage.scope.patient, asked)
        return asked


def rectifications_for(gate: Gate, requester: Requester, call: Call) -> tuple[Rectification, ...]:
    """What the patient of the requester asked of him, or of his structure; for the patient, all that was asked.

    Raises AccessRefused.
    """
    with gate.passage(requester, Action.VD_RECTIFICATION, None, call) as passage:
        passage.event_action = EventAction.READ.value
        every = passage.rooms.rights.rectifications(passage.scope.patient)
        if not requester.authentication.french:
            seen = {entry.unique_id for entry in passage.registry.entries([e.document for e in every], passage.scope)}
            return tuple(each for each in every if each.document in seen)
        mine = {passage.requester.id_nat, passage.requester.structure_id} - {""}
        return tuple(each for each in every if mine & set(each.addressees))


def _current(passage: Passage, unique_id: str) -> DocumentEntry:
    found = passage.registry.entries([unique_id], passage.scope)
    if not found:
        raise GestionError("Aucun document de ce DMP ne vous est visible sous cet identifiant.")
    return found[-1]
