"""The outlets: one process of a home that sends every event of its audit log to the repositories of the settings.

The log itself is the outbox (`server.audit_cursors`). Each repository gets the events that were recorded here, in
order, at its own pace; what is not confirmed is sent again, and is then the same, byte by byte. An audit event is never
given up.

Source: ITI TF-2 3.20.4.1.1 (every event is sent, to one repository or several).
"""

from __future__ import annotations

import fcntl
import http.client
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from audit.audit_event import Record, audit_event
from audit.errors import AuditError
from audit.store import AuditRecord
from server import logging as technical
from server import metrics
from server.audit_cursors import Cursors
from server.audit_links import Link, LinkError, link_to
from server.database import TROUBLE, connect
from server.house import now
from server.settings import Settings
from server.tls import outgoing_context

LOCK = "audit-outlets.lock"
READ_AT_ONCE = 200  # events: reading holds up those who write a SQLite file
CONFIRM_AFTER = 1000  # events sent, or as soon as there are no more
POLL_SECONDS = 1.0
TURN_SECONDS = 2.0
RETRY_SECONDS = (1, 5, 15, 60, 300)  # and so on for ever

_OUR_TROUBLE = (*TROUBLE, AuditError)
_THEIR_TROUBLE = (LinkError, OSError, http.client.HTTPException)
_log = structlog.get_logger("dmp.audit.outlets")


def send_out(settings: Settings) -> None:
    """Sends until SIGTERM. One process works for a home; a second one waits for its turn."""
    technical.configure(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with (settings.home / LOCK).open("wb") as turn:
        while not stop.is_set():
            try:
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                stop.wait(TURN_SECONDS)
            else:
                _run_all(settings, stop)


def _run_all(settings: Settings, stop: threading.Event) -> None:
    repositories = settings.audit.repositories
    cursors = Cursors(connect(settings.database_url, threads=len(repositories)))
    make = partial(
        link_to,
        host=socket.gethostname(),
        context=partial(outgoing_context, settings),
        udp_bytes=settings.audit.udp_bytes,
        describe=_described,
    )
    outlets = [Outlet(cursors, str(each), make(each)) for each in repositories]
    with ThreadPoolExecutor(len(outlets)) as pool:
        for done in as_completed([pool.submit(outlet.run, stop) for outlet in outlets]):
            done.result()


class Outlet:
    """Sends the events of one log to one repository."""

    def __init__(self, cursors: Cursors, destination: str, link: Link, clock: Callable[[], datetime] = now) -> None:
        self.destination = destination
        self._cursors, self._link, self._clock = cursors, link, clock
        self._sent: int | None = None  # the last sequence number that was looked at; None: ask the cursor
        self._confirmed = self._waiting = 0

    def run(self, stop: threading.Event) -> None:
        """Sends until `stop` is set, and then confirms what it can."""
        failures = 0
        while not stop.is_set():
            try:
                more = self.step()
            except _OUR_TROUBLE as error:
                _log.warning("audit log not read", to=self.destination, error=type(error).__name__)
                stop.wait(RETRY_SECONDS[0])
            except _THEIR_TROUBLE as error:
                self._failed(error, failures)
                stop.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1
            else:
                failures = 0
                if not more:
                    stop.wait(POLL_SECONDS)
        try:
            self._confirm()
        except (*_OUR_TROUBLE, *_THEIR_TROUBLE) as error:
            _log.warning("sent and not confirmed", to=self.destination, got=_named(error))
        self._link.close()

    def step(self) -> bool:
        """Sends the next events, or confirms the last; whether there may be more at once."""
        if self._sent is None:
            self._sent = self._confirmed = self._cursors.get(self.destination).sequence
            self._waiting = 0
        found, last = self._cursors.after(self._sent, READ_AT_ONCE)
        metrics.observe_outlet(self.destination, last - self._confirmed)
        own = [record for record in found if not record.origin]
        if own:
            try:
                self._link.send(own)
            except LinkError as error:
                if error.arrived:
                    self._cursors.confirm(self.destination, own[error.arrived - 1].sequence, self._clock())
                raise
        if found:
            self._sent = found[-1].sequence
            self._waiting += len(own)
        if self._waiting >= CONFIRM_AFTER or not found:
            self._confirm()
        return len(found) == READ_AT_ONCE

    def _confirm(self) -> None:
        if self._sent is not None and self._sent > self._confirmed:
            self._link.confirm()
            self._cursors.confirm(self.destination, self._sent, self._clock())
            self._confirmed, self._waiting = self._sent, 0

    def _failed(self, error: Exception, failures: int) -> None:
        """Forgets what was under way: the next attempt begins after what is confirmed."""
        self._link.close()
        self._sent = None
        _log.warning("not delivered: trying again", to=self.destination, got=_named(error), attempt=failures + 1)
        try:
            self._cursors.failed(self.destination, _named(error), self._clock())
        except _OUR_TROUBLE as trouble:
            _log.warning("attempt not recorded", to=self.destination, error=type(trouble).__name__)


def _described(record: AuditRecord) -> dict[str, Any]:
    return audit_event(Record(record.id, record.message, record.format, record.origin, record.recorded))


def _named(error: Exception) -> str:
    """What went wrong, in our own words: nothing that a receiver wrote."""
    return str(error) if isinstance(error, LinkError) else type(error).__name__
