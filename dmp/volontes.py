"""What the patient decides of their own DMP: who enters, who does not, what is fed, whether it is open at all.

A decision is a value, such as `Block("899...")`. The patient or a legal representative expresses it, and the médecin
traitant at the patient's request as far as the rights let him (`express`); an operator records it for a patient who
said so (`record_for`). The same rules hold whoever speaks. Persons are named by PS_IdNat, structures by Struct_IdNat.

Source: CSP L.1111-14 to L.1111-19, R.1111-26 to R.1111-46; public guides of the DMP; GIE SESAM-Vitale, TD0.3, TD1.2,
TD1.4 and TD1.6, PDT-INF-527 v1.7 §2.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from audit.event import AuditObject, Call, ObjectKind
from dmp.administration import AdministrativeData, administrative_data, amended
from dmp.errors import GestionError
from dmp.gate import Gate
from dmp.gestion import AUTHORISATION_LENGTH, known_dossier, operator_call
from dmp.patients import alone
from dmp.ports import Rooms
from habilitations.action import Action
from habilitations.column import MEDECIN
from habilitations.statement import Switches
from habilitations.wishes import (
    CONSENTEMENT_REACTIVATION,
    OPPOSITION_ALIMENTATION,
    OPPOSITION_BRIS_DE_GLACE,
    OPPOSITION_CENTRE_15,
    PERSON,
    STRUCTURE,
    Consent,
    Wishes,
)
from identities.dossier import Dossier, DossierStatus, Traits
from identities.id_nat import is_national
from identities.professional import Professional, Structure
from identities.requester import Authentication, PatientId, Requester
from schemas import oids

BY_THE_PATIENT = "FERMETURE_DEMANDE_PATIENT"  # GIE SESAM-Vitale, TD1.4, detectedIssueEvent


@dataclass(frozen=True, slots=True)
class Said:
    """Who said something of which dossier, and when. `by` is an identifier, or the account of an operator.

    `objects` is what the audit event will name.
    """

    rooms: Rooms
    dossier: Dossier
    instant: datetime
    by: str
    by_professional: bool
    objects: list[AuditObject]

    def about(self, identifier: str) -> Professional | Structure | None:
        """Whom this is about, as far as the directory knows them; the audit event names them.

        Somebody who came with a card that the directory does not know can be shut out, too. Raises GestionError.
        """
        found = self.rooms.identities.professional(identifier) or self.rooms.identities.structure(identifier)
        if found is None and not is_national(identifier):
            raise GestionError(
                "Attendu l'identifiant national d'un professionnel ou d'une structure ; reçu autre chose."
            )
        self.objects.append(AuditObject(ObjectKind.USER, identifier))
        return found

    def wishes(self) -> Wishes:
        """What the patient said so far."""
        return self.rooms.rights.wishes(self.dossier.key)

    def note(self, answers: Mapping[str, bool]) -> None:
        """Keeps what the patient answered, by code, beside what stands now."""
        for code, given in answers.items():
            self.rooms.rights.record_consent(self.dossier.key, Consent(code, given, self.instant, self.by))


class Wish(Protocol):
    """A decision of the patient. `carry_out` raises GestionError when things stand against it."""

    @property
    def action(self) -> Action: ...

    def carry_out(self, said: Said) -> None: ...


def express(gate: Gate, requester: Requester, call: Call, wish: Wish) -> None:
    """Carries out `wish` on the dossier of the requester's patient. Raises AccessRefused, GestionError.

    Raises RegistryError XDSRegistryBusy when another request changed the dossier meanwhile.
    """
    with gate.passage(requester, wish.action, None, call) as passage, alone():
        by_professional = requester.authentication.french
        dossier, objects = passage.opened, passage.objects
        wish.carry_out(Said(passage.rooms, dossier, passage.now, requester.id_nat, by_professional, objects))


def record_for(gate: Gate, operator: str, patient: PatientId, wish: Wish) -> None:
    """Carries out `wish` on the dossier of `patient`, who told the operator. Raises GestionError."""
    objects: list[AuditObject] = []
    with gate.operator(operator, wish.action.value, patient, operator_call(), objects) as rooms:
        wish.carry_out(Said(rooms, known_dossier(rooms, patient), gate.now(), operator, False, objects))


def standing(gate: Gate, requester: Requester, call: Call) -> Wishes:
    """What the patient of the requester decided so far (TD1.6). Raises AccessRefused.

    A legal representative does not learn of whom a minor let in by a secret connection.
    """
    asked = AuditObject(ObjectKind.QUERY, call.request_id)
    with gate.passage(requester, Action.TD1_6, None, call, asked=[asked]) as passage:
        wishes = passage.rooms.rights.wishes(passage.opened.key)
        represents = requester.authentication is Authentication.REPRESENTANT
        return wishes.for_representative() if represents else wishes


def own_data(gate: Gate, requester: Requester, call: Call) -> AdministrativeData:
    """The administrative data of the requester's patient (TD1.3a). Raises AccessRefused."""
    with gate.passage(requester, Action.TD1_3A, None, call) as passage:
        return administrative_data(passage)


def own_status(gate: Gate, requester: Requester, call: Call) -> DossierStatus:
    """Whether the DMP of the requester's patient is open (TD0.2). Raises AccessRefused."""
    asked = AuditObject(ObjectKind.QUERY, call.request_id)
    with gate.passage(requester, Action.TD0_2, None, call, asked=[asked]) as passage:
        return passage.opened.status


# --- Who enters -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Authorise:
    """Lets a health professional or a structure in, for a year; anew when they were."""

    holder: str
    action = Action.VD_AUTORISER

    def carry_out(self, said: Said) -> None:
        found = said.about(self.holder)
        if found is None or not found.active:
            raise GestionError("L'annuaire ne connaît sous cet identifiant ni professionnel ni structure en exercice.")
        if isinstance(found, Professional) and found.profession_system != oids.PROFESSION:
            raise GestionError("Seuls les professionnels de santé et les structures reçoivent une autorisation.")
        if self.holder in said.wishes().blocked:
            raise GestionError("Ce professionnel, ou cette structure, est bloqué : débloquez-le d'abord.")
        kind = PERSON if isinstance(found, Professional) else STRUCTURE
        end = said.instant + AUTHORISATION_LENGTH
        said.rooms.rights.authorise(said.dossier.key, self.holder, kind=kind, start=said.instant, end=end)


@dataclass(frozen=True, slots=True)
class Revoke:
    """Ends an authorisation, and the status of médecin traitant with it."""

    holder: str
    action = Action.VD_AUTORISER

    def carry_out(self, said: Said) -> None:
        said.about(self.holder)
        said.rooms.rights.revoke(said.dossier.key, self.holder)


@dataclass(frozen=True, slots=True)
class Block:
    """Shuts a professional or a structure out, and ends their authorisation; a médecin traitant cannot be blocked."""

    holder: str
    action = Action.VD_BLOQUER

    def carry_out(self, said: Said) -> None:
        said.about(self.holder)
        if self.holder in said.wishes().medecins_traitants:
            raise GestionError("Un médecin traitant DMP ne peut pas être bloqué : retirez-lui d'abord ce statut.")
        said.rooms.rights.block(said.dossier.key, self.holder, start=said.instant)


@dataclass(frozen=True, slots=True)
class Unblock:
    """Ends a blocking. What it ended does not come back: entering again takes a new authorisation."""

    holder: str
    action = Action.VD_BLOQUER

    def carry_out(self, said: Said) -> None:
        said.about(self.holder)
        said.rooms.rights.unblock(said.dossier.key, self.holder)


@dataclass(frozen=True, slots=True)
class NameMedecinTraitant:
    """Makes a médecin who is authorised already a médecin traitant of the DMP; there may be several."""

    id_nat: str
    action = Action.VD_MEDECIN_TRAITANT

    def carry_out(self, said: Said) -> None:
        found = said.about(self.id_nat)
        if not isinstance(found, Professional) or not (found.active and found.exercises(MEDECIN, oids.PROFESSION, "")):
            raise GestionError("Seul un médecin en exercice, connu de l'annuaire, peut être médecin traitant DMP.")
        if not _authorised(found, said.wishes(), said.instant):
            raise GestionError("Ce médecin n'est pas autorisé à accéder à ce DMP : autorisez-le d'abord.")
        said.rooms.rights.set_medecin_traitant(said.dossier.key, self.id_nat, True)


@dataclass(frozen=True, slots=True)
class EndMedecinTraitant:
    """Takes the status of médecin traitant back; the authorisation stays. A médecin traitant only gives it."""

    id_nat: str
    action = Action.VD_MEDECIN_TRAITANT

    def carry_out(self, said: Said) -> None:
        if said.by_professional:
            raise GestionError("Ce statut n'est retiré que par le patient, ou rendu par le médecin lui-même (TD0.3).")
        said.about(self.id_nat)
        said.rooms.rights.set_medecin_traitant(said.dossier.key, self.id_nat, False)


def _authorised(found: Professional, wishes: Wishes, instant: datetime) -> bool:
    """Whether a professional is let in at that instant, by name or with a structure of theirs, and not blocked."""
    if found.id_nat in wishes.blocked:
        return False
    holders = {found.id_nat, *found.structures - set(wishes.blocked)}
    return any(each.holder in holders and each.start <= instant < each.end for each in wishes.authorisations)


# --- Emergencies and feeding ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetSwitches:
    """Says in which emergencies the DMP opens, and whether masked documents do then."""

    switches: Switches
    action = Action.VD_URGENCE

    def carry_out(self, said: Said) -> None:
        switches = self.switches
        if switches.masques_en_urgence and not (switches.centre_15 or switches.bris_de_glace):
            raise GestionError(
                "Les documents masqués ne s'ouvrent en urgence que si l'un des accès en urgence est permis."
            )
        said.rooms.rights.set_switches(said.dossier.key, switches)
        said.note(
            {
                OPPOSITION_CENTRE_15: not switches.centre_15,
                OPPOSITION_BRIS_DE_GLACE: not switches.bris_de_glace,
                "ACCES_MASQUES_EN_URGENCE": switches.masques_en_urgence,  # this house's own code
            }
        )


@dataclass(frozen=True, slots=True)
class OpposeFeeding:
    """Says that nothing more is to be put into the DMP, or that it may be again."""

    opposed: bool
    action = Action.VD_OPPOSITION

    def carry_out(self, said: Said) -> None:
        said.rooms.rights.oppose_feeding(said.dossier.key, self.opposed)
        said.note({OPPOSITION_ALIMENTATION: self.opposed})


# --- Identity, open, closed, destroyed --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Amend:
    """Says anew what name the patient uses, and where they are reached; the traits of the INS stay as they are."""

    traits: Traits
    action = Action.TD1_3B

    def carry_out(self, said: Said) -> None:
        said.rooms.identities.set_traits(said.dossier.key, amended(said.dossier.traits, self.traits))


@dataclass(frozen=True, slots=True)
class Close:
    """Closes the DMP: nothing is erased, nothing accessible."""

    reason: str = "demande du patient"
    action = Action.TD1_4

    def carry_out(self, said: Said) -> None:
        if said.dossier.status is not DossierStatus.OPEN:
            raise GestionError("Ce DMP est déjà fermé.")
        said.rooms.identities.close(said.dossier.key, instant=said.instant, reason=self.reason, code=BY_THE_PATIENT)


@dataclass(frozen=True, slots=True)
class Reopen:
    """Opens a closed DMP again, with all that was in it and all that was said; a request of destruction ends."""

    action = Action.TD1_2

    def carry_out(self, said: Said) -> None:
        if said.dossier.status is not DossierStatus.CLOSED:
            raise GestionError("Ce DMP est déjà ouvert.")
        said.rooms.identities.reopen(said.dossier.key, instant=said.instant)
        said.note({CONSENTEMENT_REACTIVATION: True})


@dataclass(frozen=True, slots=True)
class RequestDestruction:
    """Asks that a closed DMP be destroyed before its ten years are over; reopening takes it back."""

    action = Action.VD_DESTRUCTION

    def carry_out(self, said: Said) -> None:
        if said.dossier.status is not DossierStatus.CLOSED:
            raise GestionError("Seul un DMP fermé peut être détruit : fermez-le d'abord.")
        if said.dossier.destruction_requested is None:
            said.rooms.identities.request_destruction(said.dossier.key, said.instant)
