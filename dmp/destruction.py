"""A dossier destroyed for good: documents and their bytes, what the patient said, identity. Only the audit log stays.

A closed DMP is kept for ten years, or until its patient asks that it be destroyed.

Source: CSP L.1111-18 and R.1111-26 to R.1111-40 (kept ten years after closing); public guide of the DMP.
"""

from __future__ import annotations

from datetime import datetime

from dmp.errors import GestionError
from dmp.gate import Gate
from dmp.gestion import operator_call
from identities.dossier import Dossier, DossierStatus
from identities.representation import PARIS

KEPT_YEARS = 10
TOO_OLD = "Dix ans écoulés depuis la fermeture."
ASKED_FOR = "Destruction demandée."


def kept_since(instant: datetime) -> datetime:
    """What was closed before that is not kept any more: midnight in Paris, ten years ago."""
    today = instant.astimezone(PARIS).replace(hour=0, minute=0, second=0, microsecond=0)
    if (today.month, today.day) == (2, 29):
        today = today.replace(day=28)
    return today.replace(year=today.year - KEPT_YEARS)


def reason_to_destroy(dossier: Dossier, instant: datetime) -> str:
    """Why a dossier is to be destroyed, in French; '' when it is not."""
    if dossier.status is not DossierStatus.CLOSED or dossier.closed is None:
        return ""
    if dossier.destruction_requested is not None:
        return ASKED_FOR
    return TOO_OLD if dossier.closed < kept_since(instant) else ""


def destroy(gate: Gate, operator: str, dossier: Dossier) -> None:
    """Destroys a closed dossier that is not kept any more. Raises GestionError when it is, as after a reopening.

    Rows go in one transaction with the audit event; then the bytes that no other dossier has.
    """
    why = reason_to_destroy(dossier, gate.now())
    with gate.operator(operator, "destruction", dossier.ins, operator_call(), explanation=why) as rooms:
        rooms.identities.lock([dossier.key])
        standing = rooms.identities.dossier_of_key(dossier.key)
        if standing is None or not reason_to_destroy(standing, gate.now()):
            raise GestionError("Ce DMP n'est pas à détruire.")
        rooms.registry.erase(dossier.key)
        gone = rooms.documents.erase(dossier.key)
        rooms.rights.erase(dossier.key)
        rooms.subscriptions.erase(standing.identifiers)
        rooms.identities.erase(dossier.key)
    gate.destroy(gone)
