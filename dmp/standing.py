"""What stands between a requester and a dossier, before anything is decided.

Source: CSP R.1111-26 to R.1111-46 (who acts for a patient, what a patient said).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dmp.ports import Rooms
from habilitations.statement import Statement
from identities.dossier import Dossier
from identities.representation import in_office
from identities.requester import Authentication, PatientId, Requester


def said_of(rooms: Rooms, dossier: Dossier, requester: Requester, instant: datetime) -> Statement:
    """What stands between the requester and the dossier: what the patient said, and what the law says of who acts."""
    statement = rooms.rights.statement(dossier, requester, instant)
    if requester.authentication is not Authentication.REPRESENTANT:
        return statement
    acting = in_office(rooms.identities.representatives(dossier.key), dossier, instant)
    return replace(statement, representing=any(each.id == requester.id_nat for each in acting))


def same_patient(rooms: Rooms, requester: Requester, patient: PatientId | None, dossier: Dossier | None) -> bool:
    """Whether message and assertion speak of one patient: any INS of a dossier's history stands for it.

    Who asks as a patient, or for one, asks for that one alone.
    """
    claimed = requester.patient
    if claimed is None and requester.authentication in (Authentication.PATIENT, Authentication.REPRESENTANT):
        return False
    if claimed is None or patient is None or claimed == patient:
        return True
    other = rooms.identities.dossier(claimed)
    return dossier is not None and other is not None and other.key == dossier.key
