"""Who did what in the DMP, what one is told of, and what one takes away.

Source: public guides of the DMP (historique des accès, alertes, téléchargement du DMP).
"""

from __future__ import annotations

from functools import partial

from flask import Response

from dmp.copie import Part
from dmp.preferences import AlertsError, read_change
from portal.download import archive
from portal.history import FORMS, KINDS, OUTCOMES, tell
from portal.patient_door import PatientDoor
from portal.patient_visit import Visit


class HistoryPages:
    """The pages, bound to the ports of a door."""

    def __init__(self, door: PatientDoor) -> None:
        self._door = door

    def history(self, visit: Visit, form: str = "") -> Response:
        """The history, newest first, or in one of FORMS to be taken away."""
        ask = partial(self._door.history, visit.requester, visit.asks("HA"))
        told = tell(visit.given, form, ask, self._door.print_history)
        if isinstance(told, Response):
            return told
        shown = {"told": told, "kinds": KINDS, "outcomes": OUTCOMES, "forms": FORMS}
        return visit.show("historique.html", told.status, **shown)

    def alerts(self, visit: Visit) -> Response:
        """What one is told of, and where."""
        problem = ""
        if visit.posted:
            email, sms = visit.given.get("courriel", ""), visit.given.get("sms", "")
            try:
                change = read_change(documents="documents" in visit.given, email=email, sms=sms)
                self._door.change_alerts(visit.requester, visit.asks("VD/alertes"), change)
                return visit.go("alertes")
            except AlertsError as error:
                problem = str(error)
        wish = self._door.alerts(visit.requester, visit.asks("VD/alertes"))
        return visit.show("alertes.html", 400 if problem else 200, problem=problem, wish=wish)

    def copy(self, visit: Visit) -> Response:
        """What one takes away: one ZIP file."""
        if not visit.posted:
            return visit.show("telechargement.html", problem="")
        parts = [each for each in Part if each.value in visit.given]
        if not parts:
            return visit.show("telechargement.html", 400, problem="Choisissez ce que vous voulez télécharger.")
        file = self._door.copy(visit.requester, visit.asks("VD/copie"), parts)
        return archive(file, "dmp.zip")
