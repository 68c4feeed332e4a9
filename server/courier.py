"""The courier: one process of a home that delivers what is in its outbox.

SOAP messages are posted to an address of the operator's list, over TLS with the server's own certificate; mail goes to
the operator's SMTP server, SMS to his gateway, notifications of subscriptions to their endpoints, HL7 v2 messages by
MLLP to senders of the settings. What fails is tried again later, for about 17 hours (`RETRY_SECONDS`); then, or when it
is refused for good, the message is given up and the log says so. What was under way when the courier died is delivered
again: at least once, that is, not exactly once.
"""

from __future__ import annotations

import fcntl
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ssl import SSLContext

import structlog

from server import logging as technical
from server.channels import SmsGateway, Smtp
from server.database import TROUBLE, connect
from server.delivery import Attempt, Outcome, post_mllp, post_sms, post_soap
from server.hl7_settings import Hl7Settings
from server.hooks import Hooks
from server.house import House
from server.mail import send_mail
from server.outbox import FOLDER, Kind, Letter, Outbox
from server.settings import Settings
from server.tls import outgoing_context

DELIVERIES = 4  # at once, of each kind: a receiver that is slow does not hold up the others
AT_ONCE = DELIVERIES * len(Kind)
POLL_SECONDS = 0.1
LISTEN_SECONDS = 2.0  # after which the database is asked even when nobody rang
SWEEP_SECONDS = 3600.0

_TROUBLE = (*TROUBLE, OSError)  # of our own database and disk
_log = structlog.get_logger("dmp.courier")


def courier_needed(settings: Settings) -> bool:
    """Whether there is something to deliver, or to give up because the settings no longer let it leave."""
    return settings.sends or (settings.home / FOLDER).is_dir()


def deliver(settings: Settings) -> None:
    """Delivers until SIGTERM. One courier works for a home; a second one waits for its turn."""
    technical.configure(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    outbox = Outbox.of(settings, connect(settings.database_url, threads=AT_ONCE + 1))
    outbox.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (outbox.folder / "courier").open("wb") as turn:
        while not stop.is_set():
            try:
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                stop.wait(LISTEN_SECONDS)
            else:
                context = partial(outgoing_context, settings)
                ways = (settings.smtp, settings.sms_gateway, _hooks(settings), settings.hl7)
                Courier(outbox, context, *ways).run(stop)


def _hooks(settings: Settings) -> Hooks | None:
    """What tells subscriptions; None where the operator lets no notification leave."""
    return Hooks(House.build(settings, anchors=False).gate) if settings.subscription_endpoints else None


class Courier:
    """Delivers the messages of one outbox. `context` makes the TLS context of a connection for SOAP."""

    def __init__(
        self,
        outbox: Outbox,
        context: Callable[[], SSLContext],
        smtp: Smtp | None = None,
        gateway: SmsGateway | None = None,
        hooks: Hooks | None = None,
        hl7: Hl7Settings | None = None,
    ) -> None:
        self._outbox, self._context, self._smtp, self._gateway = outbox, context, smtp, gateway
        self._hooks, self._hl7 = hooks, hl7 or Hl7Settings()
        self._busy: set[str] = set()
        self._done: set[str] = set()  # arrived or given up, and the database has not taken note yet
        self._lock = threading.Lock()
        self._rung: int | None = None
        self._listened = self._swept = 0.0
        self._next: int | None = None

    def run(self, stop: threading.Event) -> None:
        """Delivers until `stop` is set; ends when what is under way then has ended."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while not stop.wait(POLL_SECONDS):
                try:
                    self._dispatch(pool)
                except _TROUBLE as error:
                    _log.warning("outbox not read", error=type(error).__name__)

    def _dispatch(self, pool: ThreadPoolExecutor) -> None:
        with self._lock:
            busy = set(self._busy)
        if len(busy) >= AT_ONCE or not self._called():
            return
        if self._hooks is not None:
            self._hooks.look()
        letters, self._next = self._outbox.due(busy, DELIVERIES)
        if letters:
            self._rung = None  # there may be more
        for letter in letters:
            with self._lock:
                self._busy.add(letter.id)
            pool.submit(self._handle, letter)
        if time.monotonic() - self._swept > SWEEP_SECONDS:
            self._swept = time.monotonic()
            self._outbox.sweep()

    def _called(self) -> bool:
        """Whether the database is worth asking: somebody rang, something waits for this moment, or it has been long."""
        rung = self._outbox.folder.stat().st_mtime_ns
        waiting = self._next is not None and time.time() * 1000 >= self._next
        long_ago = time.monotonic() - self._listened > LISTEN_SECONDS
        if rung == self._rung and not waiting and not long_ago:
            return False
        self._rung, self._listened = rung, time.monotonic()
        return True

    def _handle(self, letter: Letter) -> None:
        try:
            if letter.id in self._done:
                self._settle(letter)
            else:
                self.carry(letter)
        except _TROUBLE as error:  # a later look at the outbox finds the letter again
            _log.error("delivery not recorded", message=letter.id, error=type(error).__name__)
        else:
            self._rung = None
        finally:
            with self._lock:
                self._busy.discard(letter.id)

    def carry(self, letter: Letter) -> bool:
        """Makes one attempt, and notes how it went. The log says by whom, never to whom or what."""
        way = self._way(letter)
        if way is None:
            self._settle(letter)
            _log.error("given up: the settings no longer let it leave", message=letter.id, kind=letter.kind.value)
            return False
        to, attempt = way[0], way[1]()
        told = {"message": letter.id, "to": to, "got": attempt.got, "attempt": letter.attempts + 1}
        if attempt.outcome is Outcome.ARRIVED:
            self._settle(letter)
            _log.info("delivered", **told)
        elif attempt.outcome is Outcome.REFUSED:
            self._settle(letter)
            _log.error("given up: refused", **told)
        elif self._outbox.failed(letter):
            _log.warning("not delivered: trying again later", **told)
        else:
            _log.error("given up: not delivered", **told)
        return attempt.outcome is Outcome.ARRIVED

    def _way(self, letter: Letter) -> tuple[str, Callable[[], Attempt]] | None:
        """The server that a letter goes to, and how it is handed over; None when the settings have no such any more."""
        match letter.kind:
            case Kind.MAIL if self._smtp is not None:
                return self._smtp.base, partial(send_mail, self._smtp, letter)
            case Kind.SMS if self._gateway is not None:
                return self._gateway.url.base, partial(post_sms, self._gateway, letter)
            case Kind.MLLP if receiver := self._hl7.at(letter.address):
                return receiver.address, partial(post_mllp, receiver, letter, self._context)
            case Kind.SOAP if destination := self._outbox.destination(letter.address):
                return destination.base, partial(post_soap, destination, letter, self._context)
            case Kind.HOOK if self._hooks is not None and (hook := self._outbox.hook(letter.address)):
                return hook.base, partial(self._hooks.carry, hook, letter, self._context)
        return None

    def _settle(self, letter: Letter) -> None:
        """Has the database note the end of a letter. While it cannot, the letter leaves no second time."""
        self._done.add(letter.id)
        self._outbox.settle(letter)
        self._done.discard(letter.id)
