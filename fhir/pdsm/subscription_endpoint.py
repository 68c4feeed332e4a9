"""The addresses of subscriptions, below /fhir/Subscription: ITI-110 and ITI-113.

Source: IHE DSUBm 1.0, 2:3.110 and 2:3.113; HL7 FHIR R4, http.html (create, update, search, operations).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from audit.event import Call
from identities.requester import Requester
from identities.subscription import Status, Subscription
from pdsm.asked import read_asked
from pdsm.errors import ParameterError
from pdsm.http import BASE, FORM, JSON_TYPES, MAX_FORM_BYTES, body, parameters_of, url
from pdsm.iti110 import read_change, read_subscription, write_subscription
from pdsm.iti112 import write_events, write_statuses
from pdsm.iti113 import SUBSCRIPTION, asked_statuses, read_events, write_found
from pdsm.sharing_door import Sharing
from pdsm.sharing_endpoint import address, answer, known, strict
from pdsm.subscription_door import Subscribing
from schemas import strict_json
from schemas.errors import UnexpectedError

MAX_BYTES = 64 * 1024  # of a Subscription
SUBSCRIBE, ASK = "ITI-110", "ITI-113"
METHODS = ["GET", "POST", "PUT"]
T = TypeVar("T")

_PATH = f"{BASE}/Subscription"


def add_subscriptions(routes: Blueprint, door: Sharing, ports: Subscribing) -> None:
    """The routes of subscriptions, bound to their ports."""
    serving = _Subscriptions(door, ports)
    for path, serve, methods in (
        ("", serving.create, ["POST"]),
        ("", serving.search, ["GET"]),
        ("/_search", serving.search, ["POST"]),
        ("/$status", serving.statuses, ["GET"]),
        ("/<id_>", serving.read, ["GET"]),
        ("/<id_>", serving.update, ["PUT"]),
        ("/<id_>/$status", serving.status, ["GET"]),
        ("/<id_>/$events", serving.events, ["GET"]),
    ):
        routes.add_url_rule(f"{_PATH}{path}", f"subscription {serve.__name__}", serve, methods=methods)


class _Subscriptions:
    """Subscription, created, updated, read and searched."""

    def __init__(self, door: Sharing, ports: Subscribing) -> None:
        self._door, self._ports = door, ports

    def create(self) -> Response:
        """ITI-110, a new subscription: kept as requested, active when its endpoint has answered."""
        requester, call = known(self._door, SUBSCRIBE)

        def asked(resource: Any) -> Subscription:
            return read_subscription(resource, requester, address(), self._door.now(), self._ports.permitted)

        made = self._ports.subscribe(call, self._understood(requester, call, asked))
        where = f"{address()}/Subscription/{made.id}"
        return _told(made, 201, Location=f"{where}/_history/{made.version}")

    def update(self, id_: str) -> Response:
        """ITI-110: switched off, or tried again."""
        requester, call = known(self._door, SUBSCRIBE)
        (found,) = self._ports.mine(requester, replace(call, transaction=ASK), id_) or (None,)
        if found is None:
            raise NotFound
        status, end = self._understood(requester, call, lambda resource: read_change(resource, found, self._door.now()))
        if status is not Status.OFF:
            return _told(self._ports.reactivate(requester, call, replace(found, end=end)))
        off = self._ports.unsubscribe(requester, call, id_)
        if off is None:
            raise NotFound
        return _told(off)

    def read(self, id_: str) -> Response:
        """One of the requester's."""
        return _told(self._one(*known(self._door, ASK), id_))

    def search(self) -> Response:
        """Those of the requester that are asked for."""
        requester, call = known(self._door, ASK)
        form = body({FORM}, MAX_FORM_BYTES) if request.method == "POST" else b""
        query = b"&".join(filter(None, (request.query_string, form)))
        asked = self._asked(requester, call, lambda: read_asked(SUBSCRIPTION, parameters_of(query), strict=strict()))
        mine = self._ports.mine(requester, call)
        return answer(write_found(asked, mine, f"{address()}/Subscription", self._door.key))

    def statuses(self) -> Response:
        """$status of several."""
        requester, call = known(self._door, ASK)
        given = self._asked(requester, call, lambda: parameters_of(request.query_string))
        return answer(write_statuses(asked_statuses(given, self._ports.mine(requester, call)), url()))

    def status(self, id_: str) -> Response:
        """$status of one."""
        return answer(write_statuses([self._one(*known(self._door, ASK), id_)], url()))

    def events(self, id_: str) -> Response:
        """$events: what was told of, as it may be seen now."""
        requester, call = known(self._door, ASK)
        found = self._one(requester, call, id_)
        numbers, content = self._asked(
            requester, call, lambda: read_events(parameters_of(request.query_string), found.payload)
        )
        told = self._ports.events(requester, call, found, numbers)
        return answer(write_events(found, told, content, self._door.now()))

    def _one(self, requester: Requester, call: Call, id_: str) -> Subscription:
        for found in self._ports.mine(requester, call, id_):
            return found
        raise NotFound

    def _asked(self, requester: Requester, call: Call, read: Callable[[], T]) -> T:
        try:
            return read()
        except ParameterError as error:
            self._door.refused(call, error.diagnostics(), requester)
            raise

    def _understood(self, requester: Requester, call: Call, read: Callable[[Any], T]) -> T:
        """What a body says. Raises UnexpectedError for one that cannot be understood, which is recorded here."""
        try:
            return read(strict_json.read(body(JSON_TYPES, MAX_BYTES), max_bytes=MAX_BYTES))
        except UnexpectedError as error:
            self._door.refused(call, error.diagnostics(), requester)
            raise


def _told(subscription: Subscription, status: int = 200, **headers: str) -> Response:
    tag = f'W/"{subscription.version}"'
    return answer(write_subscription(subscription), status, {"ETag": tag, **headers})
