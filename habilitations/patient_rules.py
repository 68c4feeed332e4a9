"""What the patient said, applied: existence and state of the dossier, blocking, emergency switches, authorisation.

Source: CSP L.1111-14 to L.1111-19, R.1111-46; GIE SESAM-Vitale, DMP-Compatibilité, droits d'accès.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from habilitations.action import Demand
from habilitations.column import is_medecin
from habilitations.statement import Statement, Switches
from identities.requester import Authentication, ModeAcces, Requester


class Autorisation(Enum):
    """How a requester stands with a patient. Source: GIE SESAM-Vitale, TD0.2, attentionLine AUTORISATION."""

    VALIDE = "VALIDE"
    NON_EXISTE = "NON_EXISTE"
    EXPIRE = "EXPIRE"
    INTERDIT = "INTERDIT"


@dataclass(frozen=True, slots=True)
class No:
    """A refusal: the rule, what was expected and what came."""

    rule: str
    expected: str
    got: str


def patient_refuses(demand: Demand, mode: ModeAcces, requester: Requester, statement: Statement | None) -> No | None:
    """Why the dossier of `statement` (None: there is none) is closed to an action of that demand, or None.

    `mode` is the access mode as the column has it: normal where a column has none. A médecin traitant cannot be blocked
    and needs no other authorisation.
    """
    represents = requester.authentication is Authentication.REPRESENTANT
    if represents and statement is not None and not statement.representing:
        return No("representation_terminee", "un représentant légal en exercice", "un autre requérant")
    if demand is Demand.NOTHING:
        return None
    if demand is Demand.FEEDING:
        opposed = statement is not None and statement.opposed_to_feeding
        return No("opposition_alimentation", "non-opposition", "opposition") if opposed else None
    if statement is None:
        return No("dossier_inconnu", "un DMP ouvert", "aucun DMP")
    if not statement.open and demand is not Demand.KNOWN:
        return No("dossier_ferme", "un DMP ouvert", "un DMP fermé")
    medecin_traitant = acts_as_medecin_traitant(requester, statement)
    if demand is not Demand.DOSSIER and statement.blocked and not medecin_traitant:
        return No("blocage", "aucun blocage", "blocage")
    if demand is Demand.MANAGED and statement.attached_to_mes:
        return No("rattachement_mes", "un DMP non rattaché à Mon espace santé", "un DMP rattaché")
    if demand is not Demand.AUTHORISATION:
        return None
    if mode is not ModeAcces.NORMAL:
        lets_in = emergency_switch(statement.switches, mode)
        return None if lets_in else No(f"opposition_{mode.value}", "non-opposition", "opposition")
    if statement.authorised or medecin_traitant:
        return None
    if statement.expired:
        return No("autorisation_expiree", "une autorisation en cours", "une autorisation expirée")
    return No("autorisation_absente", "une autorisation en cours", "aucune")


def emergency_switch(switches: Switches, mode: ModeAcces) -> bool:
    """Whether the patient lets this emergency mode in; normal mode is none."""
    if mode is ModeAcces.CENTRE_15:
        return switches.centre_15
    return mode is ModeAcces.BRIS_DE_GLACE and switches.bris_de_glace


def acts_as_medecin_traitant(requester: Requester, statement: Statement) -> bool:
    """Whether the requester is médecin traitant of the dossier: a physician whom the patient declared as such."""
    return statement.medecin_traitant and is_medecin(requester)


def autorisation(requester: Requester, statement: Statement | None) -> Autorisation:
    """How the requester stands with the patient, whether the dossier is open or closed (None: there is none)."""
    if statement is None:
        return Autorisation.NON_EXISTE
    if acts_as_medecin_traitant(requester, statement):
        return Autorisation.VALIDE
    if statement.blocked:
        return Autorisation.INTERDIT
    if statement.authorised:
        return Autorisation.VALIDE
    return Autorisation.EXPIRE if statement.expired else Autorisation.NON_EXISTE
