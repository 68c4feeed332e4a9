"""The courier: one process of a home that delivers what is in its outbox.

A delivery is one HTTP POST, straight to an address of the operator's list: no proxy, no redirect, over TLS with the
server's own certificate. Anything but 2xx is tried again later, for about 17 hours (`RETRY_SECONDS`); then the message
is given up and the log says so. What was under way when the courier died is delivered again: at least once, that is,
not exactly once.
"""

from __future__ import annotations

import fcntl
import http.client
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ssl import SSLContext

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ihe.reply import Address
from server import logging as technical
from server.database import BusyError, connect
from server.outbox import Letter, Outbox
from server.settings import Settings
from server.tls import outgoing_context

DELIVERIES = 4  # at once: a receiver that is slow does not hold up the others
TIMEOUT_SECONDS = 60.0  # for each step: connecting, writing a block, reading the answer
POLL_SECONDS = 0.1
LISTEN_SECONDS = 2.0  # after which the database is asked even when nobody rang
SWEEP_SECONDS = 3600.0
BLOCK_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 1024 * 1024  # of a receiver's answer, which is read and forgotten

_TROUBLE = (BusyError, SQLAlchemyError, OSError)  # of our own database and disk
_log = structlog.get_logger("dmp.courier")


def deliver(settings: Settings) -> None:
    """Delivers until SIGTERM. One courier works for a home; a second one waits for its turn."""
    technical.configure(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    outbox = Outbox.of(settings, connect(settings.database_url, threads=DELIVERIES + 1))
    outbox.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (outbox.folder / "courier").open("wb") as turn:
        while not stop.is_set():
            try:
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                stop.wait(LISTEN_SECONDS)
            else:
                Courier(outbox, lambda: outgoing_context(settings)).run(stop)


class Courier:
    """Delivers the messages of one outbox. `context` makes the TLS context of a connection."""

    def __init__(self, outbox: Outbox, context: Callable[[], SSLContext]) -> None:
        self._outbox, self._context = outbox, context
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._rung: int | None = None
        self._listened = self._swept = 0.0
        self._next: int | None = None

    def run(self, stop: threading.Event) -> None:
        """Delivers until `stop` is set; ends when what is under way then has ended."""
        with ThreadPoolExecutor(DELIVERIES) as pool:
            while not stop.wait(POLL_SECONDS):
                try:
                    self._dispatch(pool)
                except _TROUBLE as error:
                    _log.warning("outbox not read", error=type(error).__name__)

    def _dispatch(self, pool: ThreadPoolExecutor) -> None:
        with self._lock:
            busy = set(self._busy)
        if len(busy) >= DELIVERIES or not self._called():
            return
        letters, self._next = self._outbox.due(busy, DELIVERIES - len(busy))
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
            self.carry(letter)
        except _TROUBLE as error:  # the next look at the outbox finds the letter again
            _log.error("delivery not recorded", message=letter.id, error=type(error).__name__)
        finally:
            with self._lock:
                self._busy.discard(letter.id)
                self._rung = None

    def carry(self, letter: Letter) -> bool:
        """Makes one attempt, and notes how it went. The log says to whom, never what."""
        destination = self._outbox.destination(letter.address)
        if destination is None:  # the list has changed since
            self._outbox.delivered(letter)
            _log.error("given up: the address is no longer allowed", message=letter.id)
            return False
        got = self._attempt(destination, letter)
        told = {"message": letter.id, "to": destination.base, "got": got, "attempt": letter.attempts + 1}
        if got.startswith("2"):
            self._outbox.delivered(letter)
            _log.info("delivered", **told)
            return True
        if self._outbox.failed(letter):
            _log.warning("not delivered: trying again later", **told)
        else:
            _log.error("given up: not delivered", **told)
        return False

    def _attempt(self, destination: Address, letter: Letter) -> str:
        """The status of the receiver's answer, or the name of what went wrong."""
        connection = self._connection(destination)
        headers = {"Content-Type": letter.content_type, "Content-Length": str(letter.file.stat().st_size)}
        try:
            with letter.file.open("rb") as body:
                connection.request("POST", destination.target, body=body, headers=headers)
                response = connection.getresponse()
                response.read(MAX_ANSWER_BYTES)
                return str(response.status)
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        finally:
            connection.close()

    def _connection(self, destination: Address) -> http.client.HTTPConnection:
        host, port = destination.host, destination.port
        if destination.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS, blocksize=BLOCK_BYTES)
        context = self._context()
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context, blocksize=BLOCK_BYTES)
