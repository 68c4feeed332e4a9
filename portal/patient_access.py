"""Connecting, the first connection, one's account, and leaving.

Source: public guides of the DMP (connexion, première connexion, mes informations).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flask import Response

from dmp.errors import AccessRefused, AuthenticationRefused
from identities.account import Channel, PasswordError
from identities.passwords import PasswordsBusyError
from portal.errors import of_finding
from portal.patient_door import PatientDoor
from portal.patient_visit import Visit
from registry.errors import RegistryError

BUSY = "Le service est très demandé : réessayez dans quelques instants."
NOWHERE = "Donnez un numéro de téléphone mobile ou une adresse électronique."
TWICE = "Les deux saisies du nouveau mot de passe sont différentes."


class AccessPages:
    """The pages, bound to the ports of a door."""

    def __init__(self, door: PatientDoor) -> None:
        self._door = door

    def connect(self, visit: Visit) -> Response:
        """First step: login and password; then the page for the code."""
        if not visit.posted:
            return visit.show("connexion.html", problem="")
        channel = _channel(visit.given.get("canal", ""))
        login, password = visit.given.get("identifiant", ""), visit.given.get("mot_de_passe", "")
        try:
            sent = self._door.connexion.begin(visit.call, login, password, channel)
        except AuthenticationRefused as no:
            return visit.show("connexion.html", 401, problem=no.sentence)
        except PasswordsBusyError:
            return visit.show("connexion.html", 503, problem=BUSY)
        return visit.show("code.html", problem="", challenge=sent.challenge, sent=sent)

    def confirm(self, visit: Visit) -> Response:
        """Second step: the code. Who is known is known under another token than who was not."""
        challenge = visit.given.get("demande", "")
        try:
            connected = self._door.connexion.confirm(visit.call, challenge, visit.given.get("code", ""))
        except AuthenticationRefused as no:
            return visit.show("code.html", 401, problem=no.sentence, challenge=challenge, sent=None)
        inside = replace(visit, token=connected.token, connected=connected)
        return inside.go("premiere-connexion") if connected.provisional else inside.go()

    def create(self, visit: Visit) -> Response:
        """The account of who brings a creation code; login and first password are shown once."""
        if not visit.posted:
            return visit.show("creation.html", problem="", access=None)
        channel = _channel(visit.given.get("canal", ""))
        try:
            code, ins, address = (visit.given.get(name, "") for name in ("code", "ins", "adresse"))
            access = self._door.activate(visit.call, ins, code, channel, address)
        except AuthenticationRefused as no:
            return visit.show("creation.html", 401, problem=no.sentence, access=None)
        except RegistryError as error:
            return visit.show("creation.html", 400, problem=of_finding(error.findings[0]).sentence, access=None)
        return visit.show("creation.html", problem="", access=access)

    def first(self, visit: Visit) -> Response:
        """First connection: a password of one's own."""
        return self._password(visit, "premiere_connexion.html", ("premiere-connexion", "coordonnees"))

    def password(self, visit: Visit) -> Response:
        """Another password."""
        return self._password(visit, "mot_de_passe.html", ("informations",))

    def first_reach(self, visit: Visit) -> Response:
        """First connection: where codes go."""

        def show(status: int, problem: str) -> Response:
            return visit.show("coordonnees.html", status, problem=problem)

        return self._reach(visit, show, ("premiere-connexion", "urgence"))

    def account(self, visit: Visit) -> Response:
        """Who one is, as an open DMP has it, and one's account: where codes go."""

        def show(status: int, problem: str) -> Response:
            try:
                data = self._door.data(visit.requester, visit.asks("TD1.3a"))
            except AccessRefused:  # of a closed DMP the account alone is shown
                data = None
            return visit.show("informations.html", status, problem=problem, data=data)

        return self._reach(visit, show, ("informations",))

    def leave(self, visit: Visit) -> Response:
        """Leaves."""
        self._door.connexion.leave(visit.call, visit.who)
        return visit.go("connexion")

    def _password(self, visit: Visit, template: str, then: tuple[str, ...]) -> Response:
        if not visit.posted:
            return visit.show(template, problem="")
        former, new, again = (visit.given.get(name, "") for name in ("ancien", "nouveau", "encore"))
        if new != again:
            return visit.show(template, 400, problem=TWICE)
        try:
            connected = self._door.connexion.change_password(visit.call, visit.who, former, new)
        except PasswordError as error:
            return visit.show(template, 400, problem=str(error))
        except AuthenticationRefused as no:
            return visit.show(template, 401, problem=no.sentence)
        except PasswordsBusyError:
            return visit.show(template, 503, problem=BUSY)
        return replace(visit, token=connected.token, connected=connected).go(*then)

    def _reach(self, visit: Visit, show: Callable[[int, str], Response], then: tuple[str, ...]) -> Response:
        if not visit.posted:
            return show(200, "")
        typed = {Channel.SMS: visit.given.get("sms", ""), Channel.EMAIL: visit.given.get("courriel", "")}
        addresses = {channel: address for channel, address in typed.items() if address.strip()}
        if not addresses:
            return show(400, NOWHERE)
        try:
            self._door.reach(visit.requester, visit.asks("TD1.5b"), addresses)
        except RegistryError as error:
            return show(400, of_finding(error.findings[0]).sentence)
        return visit.go(*then)


def _channel(text: str) -> Channel:
    """What was chosen; SMS is recommended."""
    return Channel.EMAIL if text == Channel.EMAIL.value else Channel.SMS
