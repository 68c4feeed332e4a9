"""Peers of the audit feeds: events written as the server writes them, and repositories that behave well or badly."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from audit.message import AuditSource
from audit.store import AuditRecord, AuditStore
from audit.syslog import Frames, read_syslog
from audit.trail import AuditTrail
from server.database import Database
from server.house import own_event

SITE = AuditSource("source", "host")
RESET = struct.pack("ii", 1, 0)


def write_events(database: Database, count: int) -> list[str]:
    """Appends so many events of this server; their ids."""
    events = [own_event("application-start", "application-start", "test") for _ in range(count)]
    with database.transaction() as connection:
        trail = AuditTrail(AuditStore(connection), SITE)
        for event in events:
            trail.append(event)
    return [event.id for event in events]


def all_events(database: Database) -> tuple[AuditRecord, ...]:
    """Every event of a log, oldest first."""
    with database.transaction() as connection:
        return AuditStore(connection).after(0, limit=1_000_000)


def server_context(folder: Path) -> ssl.SSLContext:
    """A repository's: it asks for the sender's certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / "server.pem", folder / "server.key")
    made.load_verify_locations(folder / "ca.pem")
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def client_context(folder: Path, name: str | None = None) -> ssl.SSLContext:
    """A sender's: the certificate of one of the people, or the server's own."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(folder / "ca.pem")
    own = folder / "pki" / name if name else folder
    stem = "auth" if name else "server"
    made.load_cert_chain(own / f"{stem}.pem", own / f"{stem}.key")
    return made


# What a repository does with a connection: it gets the connection and a function that reads one piece, b"" at the end.
Behaviour = Callable[["Repository", ssl.SSLSocket], None]


def orderly(repository: Repository, connection: ssl.SSLSocket) -> None:
    """Reads to the end and answers it. Source: RFC 5425 §4.4."""
    repository.read_all(connection)
    connection.unwrap().close()


def silent(repository: Repository, connection: ssl.SSLSocket) -> None:
    """Reads to the end and closes without a word, as rsyslog does."""
    repository.read_all(connection)
    socket.socket(fileno=connection.detach()).close()


def early(repository: Repository, connection: ssl.SSLSocket) -> None:
    """Closes in order, of its own accord, when it has read the first piece."""
    repository.read_some(connection)
    with suppress(OSError):
        connection.unwrap().close()


def careless(repository: Repository, connection: ssl.SSLSocket) -> None:
    """Reads the first piece and dies: what lies unread makes the kernel send a reset."""
    repository.read_some(connection)
    socket.socket(fileno=connection.detach()).close()


def resetting(repository: Repository, connection: ssl.SSLSocket) -> None:
    """Reads everything and resets the connection."""
    repository.read_all(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    socket.socket(fileno=connection.detach()).close()


@dataclass
class Repository:
    """An audit repository: `behaviours` are what it does with each connection in turn, and then `orderly`."""

    port: int
    messages: list[bytes] = field(default_factory=list)
    behaviours: list[Behaviour] = field(default_factory=list)
    certificates: list[str] = field(default_factory=list)
    connections: int = 0
    _frames: Frames = field(default_factory=lambda: Frames(most_bytes=10**6))

    def read_some(self, connection: ssl.SSLSocket) -> bool:
        data = connection.recv(16384)
        whole, error = self._frames.feed(data)
        assert error is None
        self.messages += [read_syslog(each).message for each in whole]
        return bool(data)

    def read_all(self, connection: ssl.SSLSocket) -> None:
        while self.read_some(connection):
            pass

    def attend(self, connection: ssl.SSLSocket) -> None:
        self.connections += 1
        self._frames = Frames(most_bytes=10**6)
        behaviour = self.behaviours.pop(0) if self.behaviours else orderly
        with suppress(OSError):
            behaviour(self, connection)


@contextmanager
def repository(context: ssl.SSLContext, port: int = 0) -> Iterator[Repository]:
    """A repository on loopback that takes one connection after another."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        there = Repository(listener.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                try:
                    connection = context.wrap_socket(plain, server_side=True)
                except OSError:
                    plain.close()
                    continue
                with connection:
                    there.attend(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield there
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def in_order(found: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether every one of `wanted` was found, and the first of each in that order: what came again does not count."""
    return [each for each in dict.fromkeys(found) if each in set(wanted)] == list(wanted)
