"""An inlet around a log that can be broken, and senders of it."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from audit.errors import AuditUnavailable
from audit.message import write_message
from audit.received import Received
from audit.syslog import write_frame, write_syslog
from conformance.pki import Pki
from server.audit_inlet import Inlet
from server.audit_links import LinkError, end
from server.audit_settings import AuditSettings
from server.house import now, own_event
from server.settings import load
from server.tls import syslog_context
from server.tls_failures import Failure
from tests.audit_peers import SITE, client_context

LIMITS = AuditSettings(syslog_bytes=64 * 1024, syslog_connections=4)


@dataclass
class Kept:
    """What the inlet stored; it cannot while `broken`."""

    port: int = 0
    datagrams: int = 0
    messages: list[Received] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    broken: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    refused: list[Failure] = field(default_factory=list)

    def keep(self, messages: Sequence[Received]) -> None:
        if self.broken:
            raise AuditUnavailable("a log", "none")
        self.messages += messages
        self.batches.append(len(messages))

    def wait(self, count: int) -> list[bytes]:
        until(lambda: len(self.messages) >= count)
        return [each.message for each in self.messages]


def until(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.02)


@contextmanager
def inlet(pki: Pki, limits: AuditSettings = LIMITS) -> Iterator[Kept]:
    kept = Kept()
    settings = load({"home": pki.folder}, {})
    listener = socket.create_server(("127.0.0.1", 0))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    kept.port, kept.datagrams = listener.getsockname()[1], datagrams.getsockname()[1]
    made = Inlet(kept.keep, limits, kept.stop)
    threads = [
        threading.Thread(target=made.listen, args=(listener, lambda: syslog_context(settings, kept.refused.append))),
        threading.Thread(target=made.collect, args=(datagrams,)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield kept
    finally:
        kept.stop.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()


def connected(pki: Pki, port: int, name: str | None = "somebody") -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port), 10)
    return client_context(pki.folder, name).wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)


def audit_message(number: int = 0) -> bytes:
    """A message as one of our own kind would send it."""
    event = own_event("application-start", "application-start", f"operator {number}")
    return write_message(event, site=SITE)


def framed(message: bytes) -> bytes:
    return write_frame(write_syslog(message, instant=now(), host="h", app="a"))


def cut_off(connection: ssl.SSLSocket) -> bool:
    """Whether the other end resets the connection, or ends it without an answer to our end."""
    try:
        end(connection)
    except (OSError, LinkError):
        return True
    return False


def refused(connection: ssl.SSLSocket, data: bytes) -> bool:
    """Whether whoever sends that is cut off, while sending it or after."""
    try:
        connection.sendall(data)
    except OSError:
        return True
    return cut_off(connection)
