"""Who may enter, in which emergencies, and whether the DMP is open at all: what the patient decides.

Source: public guides of the DMP (gestion des autorisations, accès bloqués, fermer le DMP).
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Response

from dmp.autorisations import Mode
from dmp.errors import GestionError
from dmp.volontes import (
    Authorise,
    Block,
    Close,
    EndMedecinTraitant,
    NameMedecinTraitant,
    Reopen,
    RequestDestruction,
    Revoke,
    SetSwitches,
    Unblock,
    Wish,
)
from habilitations.statement import Switches
from identities.dossier import DossierStatus
from portal.errors import UnreadableError
from portal.patient_door import PatientDoor
from portal.patient_visit import Visit

ABOUT_SOMEBODY: dict[str, Callable[[str], Wish]] = {
    "autoriser": Authorise,
    "retirer": Revoke,
    "bloquer": Block,
    "debloquer": Unblock,
    "medecin-traitant": NameMedecinTraitant,
    "fin-medecin-traitant": EndMedecinTraitant,
}
ABOUT_THE_DMP: dict[str, Callable[[], Wish]] = {
    "fermer": Close,
    "rouvrir": Reopen,
    "detruire": RequestDestruction,
}
_UNREADABLE = "Cette demande n'a pas pu être comprise."


class RightsPages:
    """The pages, bound to the ports of a door."""

    def __init__(self, door: PatientDoor) -> None:
        self._door = door

    def people(self, visit: Visit) -> Response:
        """Whom the patient lets in and shuts out; a form for each decision."""
        problem = ""
        if visit.posted:
            act = ABOUT_SOMEBODY.get(visit.given.get("acte", ""))
            if act is None:
                raise UnreadableError("form: expected a decision about somebody, got another", _UNREADABLE)
            if not (problem := self._expressed(visit, act("".join(visit.given.get("qui", "").split())))):
                return visit.go("autorisations")
        holders = self._door.holders(visit.requester, visit.asks("TD1.6"))
        active, blocked = ([each for each in holders if each.mode is mode] for mode in (Mode.ACTIVE, Mode.INTERDITE))
        status = 400 if problem else 200
        return visit.show("autorisations.html", status, problem=problem, active=active, blocked=blocked)

    def emergencies(self, visit: Visit) -> Response:
        """In which emergencies the DMP opens."""
        return self._emergencies(visit, "urgence.html", ("urgence",))

    def first_emergencies(self, visit: Visit) -> Response:
        """The same, at the first connection."""
        return self._emergencies(visit, "premiere_urgence.html", ())

    def state(self, visit: Visit) -> Response:
        """Closing the DMP, opening it again, asking for its destruction."""
        problem = ""
        if visit.posted:
            act = ABOUT_THE_DMP.get(visit.given.get("acte", ""))
            if act is None or "confirme" not in visit.given:
                raise UnreadableError("form: expected a confirmed decision about the DMP, got another", _UNREADABLE)
            if not (problem := self._expressed(visit, act())):
                return visit.go()
        closed = self._door.status(visit.requester, visit.asks("TD0.2")) is DossierStatus.CLOSED
        return visit.show("etat.html", 400 if problem else 200, problem=problem, closed=closed)

    def _emergencies(self, visit: Visit, template: str, then: tuple[str, ...]) -> Response:
        problem = ""
        if visit.posted:
            said = (name in visit.given for name in ("centre_15", "bris_de_glace", "masques_en_urgence"))
            if not (problem := self._expressed(visit, SetSwitches(Switches(*said)))):
                return visit.go(*then)
        switches = self._door.standing(visit.requester, visit.asks("TD1.6")).switches
        return visit.show(template, 400 if problem else 200, problem=problem, switches=switches)

    def _expressed(self, visit: Visit, wish: Wish) -> str:
        """What stands against `wish`; '' once it is carried out."""
        try:
            self._door.express(visit.requester, visit.asks(wish.action.value), wish)
        except GestionError as error:
            return str(error)
        return ""
