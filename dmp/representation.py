"""Who acts for a patient, and the patient's situation that it hangs on, as the operator records them.

Each act stands on a document that the operator saw, such as a judgment or the birth certificate: the audit log keeps
which. A representative of a minor acts until majority or emancipation; no act ends it then.

Source: Code civil, art. 371-1, 388, 393, 413-1 to 413-6, 425 to 443; public guide of the DMP (minors, guardians).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from dmp.errors import GestionError
from dmp.gate import Gate
from dmp.gestion import known_dossier, operator_call
from dmp.ports import Rooms
from identities.dossier import Dossier
from identities.representation import Representative, in_office, is_minor
from identities.requester import PatientId

REPRESENTATION, SITUATION = "representation", "situation"  # acts, in the audit log


def add_representative(
    gate: Gate, operator: str, patient: PatientId, representative: Representative, *, proof: str
) -> Representative:
    """Adds a representative, in office from now on unless `since` says another day; theirs is a new `id`.

    Raises GestionError: who is over a minor represents no adult.
    """
    with _act(gate, operator, REPRESENTATION, patient, proof) as (rooms, dossier):
        minor = is_minor(dossier.traits.birth_date, dossier.emancipated, gate.now())
        if representative.capacity.of_minors and not minor:
            raise GestionError("Un parent ou un tuteur de mineur ne représente ni un majeur ni un mineur émancipé.")
        added = replace(representative, id=uuid.uuid4().hex, since=representative.since or gate.now())
        rooms.identities.save_representative(dossier.key, added)
        return added


def end_representation(gate: Gate, operator: str, patient: PatientId, representative: str, *, proof: str) -> None:
    """Ends an office now. Raises GestionError when nobody of that id is in office."""
    with _act(gate, operator, REPRESENTATION, patient, proof) as (rooms, dossier):
        known = rooms.identities.representatives(dossier.key)
        if representative not in {each.id for each in known if each.ended is None}:
            raise GestionError("Aucun représentant en exercice sous cet identifiant dans ce DMP.")
        rooms.identities.end_representation(dossier.key, representative, instant=gate.now())


def representatives_of(
    gate: Gate, operator: str, patient: PatientId
) -> tuple[tuple[Representative, ...], frozenset[str]]:
    """Everybody who is or was a representative, the oldest first, and the ids of those who act now."""
    with gate.operator(operator, "TD1.3a", patient, operator_call()) as rooms:
        dossier = known_dossier(rooms, patient)
        known = rooms.identities.representatives(dossier.key)
        return known, frozenset(each.id for each in in_office(known, dossier, gate.now()))


def record_situation(
    gate: Gate,
    operator: str,
    patient: PatientId,
    *,
    attached_to_mes: bool | None = None,
    deceased: bool | None = None,
    emancipated: bool | None = None,
    proof: str = "",
) -> Dossier:
    """What is now known of the patient; None leaves what was. Raises GestionError: only minors are emancipated."""
    with _act(gate, operator, SITUATION, patient, proof) as (rooms, dossier):
        if emancipated and not is_minor(dossier.traits.birth_date, False, gate.now()):
            raise GestionError("Seul un mineur peut être émancipé.")
        rooms.identities.set_situation(
            dossier.key, attached_to_mes=attached_to_mes, deceased=deceased, emancipated=emancipated
        )
        return known_dossier(rooms, patient)


@contextmanager
def _act(gate: Gate, operator: str, act: str, patient: PatientId, proof: str) -> Iterator[tuple[Rooms, Dossier]]:
    explanation = f"Justificatif : {proof}" if proof else ""
    with gate.operator(operator, act, patient, operator_call(), explanation=explanation) as rooms:
        yield rooms, known_dossier(rooms, patient)
