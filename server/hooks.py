"""Notifications of subscriptions on their way: the courier's part of `dmp.diffusion`.

A letter says which message of which subscription it is, no more: what the message says is written for each attempt, of
what its subscriber may see then. So no health data lies in the outbox, and what is masked between two attempts stays
silent. Nothing that goes wrong with one change or one message ends the courier.

Source: IHE DSUBm 1.0, 2:3.112 (Resource Notify) and 2:3.112.4.9 (Handling Errors in Notification).
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from ssl import SSLContext
from typing import Any

import structlog

from audit.errors import AuditUnavailable
from dmp import diffusion
from dmp.diffusion import Wanted
from dmp.errors import ServiceUnavailable
from dmp.gate import Gate
from identities.subscription import Message, Subscription
from ihe.reply import Address
from pdsm.forms import Form
from pdsm.iti110 import form_of, matches, triggers
from pdsm.iti112 import write_notification
from pdsm.xml_writing import write_xml
from registry.errors import RegistryError
from schemas.errors import UnexpectedError
from server.database import TROUBLE
from server.delivery import Attempt, Outcome, post_content
from server.outbox import RETRY_SECONDS, Letter

_WANTED = Wanted(triggers, matches)
_LATER = (*TROUBLE, OSError, AuditUnavailable, ServiceUnavailable, RegistryError)  # of our own database and disk
_UNFORESEEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)  # of one change
_OVER = Attempt(Outcome.REFUSED, "no longer awaited")
_log = structlog.get_logger("dmp.hooks")


def letter_body(subscription: Subscription, message: Message, event: int) -> bytes:
    """What lies in the outbox of a message."""
    return json.dumps({"subscription": subscription.id, "message": message.value, "event": event}).encode()


class Hooks:
    """Subscriptions of one home, told through the gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def look(self) -> None:
        """Has those told who subscribed to what happened, and to hear that nothing did."""
        try:
            diffusion.keep_time(self._gate)
            while diffusion.tell(self._gate, _WANTED):
                pass
        except _LATER as error:
            _log.warning("subscriptions not told", error=type(error).__name__)
        except _UNFORESEEN as error:
            _log.error("a change was not told of", error=type(error).__name__)
            with suppress(*_LATER):
                diffusion.drop(self._gate)

    def carry(self, destination: Address, letter: Letter, context: Callable[[], SSLContext]) -> Attempt:
        """One attempt to deliver a message, noted in its subscription."""
        try:
            said = json.loads(letter.file.read_bytes())
            id_, message, event = said["subscription"], Message(said["message"]), said["event"]
            waiting = diffusion.to_send(self._gate, id_, message, event)
            if waiting is None:
                return _OVER
            subscription, told = waiting
            bundle = write_notification(subscription, message, told, self._gate.now())
            form = form_of(subscription)
            attempt = _posted(destination, _written(bundle, form), form.value, context)
            last = message is not Message.EVENT or letter.attempts >= len(RETRY_SECONDS)
            arrived = attempt.outcome is Outcome.ARRIVED
            diffusion.sent(self._gate, id_, message, arrived=arrived, last=last)
        except (*_LATER, *_UNFORESEEN, UnexpectedError) as error:
            return Attempt(Outcome.FAILED, type(error).__name__)
        if message is not Message.EVENT and not arrived:
            return Attempt(Outcome.REFUSED, attempt.got)  # a handshake is tried again when the subscriber asks for it
        return attempt


def _written(bundle: Mapping[str, Any], form: Form) -> bytes:
    if form is Form.XML:
        return write_xml(bundle)
    return json.dumps(bundle, ensure_ascii=False, separators=(",", ":")).encode()


def _posted(destination: Address, content: bytes, content_type: str, context: Callable[[], SSLContext]) -> Attempt:
    try:
        status = post_content(destination, content, content_type, context)
    except (OSError, http.client.HTTPException) as error:
        return Attempt(Outcome.FAILED, type(error).__name__)
    return Attempt(Outcome.ARRIVED if 200 <= status < 300 else Outcome.FAILED, str(status))
