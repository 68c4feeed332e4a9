"""The inlet: one process that takes the audit messages of other nodes by syslog (ITI-20, as repository).

What a sender is told has arrived is in the log: the end of a connection is answered when all of it is stored. Whoever
is cut off (a message that is none, one that is too long or does not come to its end, our own stop) sees a reset or no
answer, and sends again what was under way; so a message may be stored twice, and none is lost that somebody was told is
here. While the log cannot be written nothing more is read.

Source: ITI TF-2 3.20.4.1.3; RFC 5425 §4.3 and §4.4; RFC 5426 §3.
"""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial

import structlog
from cryptography import x509

from audit.errors import AuditError
from audit.received import Received, read_received, read_syslog_received
from audit.syslog import Frames, SyslogError
from dmp.audit_feed import keep_received
from habilitations.decision import Tables
from registry.errors import RegistryError
from server import logging as technical
from server import metrics
from server.audit_settings import AuditSettings
from server.database import TROUBLE
from server.house import House, now
from server.settings import Settings
from server.tls import Contexts, syslog_context
from server.tls_failures import Failures

LOOK_SECONDS = 0.5  # how long one waits before looking whether to stop
MESSAGE_SECONDS = 60.0  # from the first byte of a message to its last
IDLE_SECONDS = 3600.0  # between two messages: senders keep a connection open
END_SECONDS = 5.0
RETRY_SECONDS = 1.0  # while the log cannot be written
READ_BYTES = 64 * 1024
BATCH_BYTES = 512 * 1024  # stored in one transaction, give or take a message
BATCH_DATAGRAMS = 500
MAX_DATAGRAM = 65535
DATAGRAM_BUFFER = 4 * 1024 * 1024
DEAD_SECONDS = 120  # a peer that says nothing is asked whether it is alive: tcp(7)
RESET, IN_ORDER = struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)  # SO_LINGER: how a close looks to the other end

Keep = Callable[[Sequence[Received]], object]
_TROUBLE = (*TROUBLE, AuditError, RegistryError, OSError)  # RegistryError: XDSRegistryBusy
_log = structlog.get_logger("dmp.audit.inlet")


def take_in(settings: Settings, tables: Tables, addresses: Sequence[socket.socket]) -> None:
    """Takes audit messages at these bound sockets, of TCP or UDP, until SIGTERM."""
    technical.configure(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    house = House.build(settings, anchors=False, tables=tables)
    inlet = Inlet(partial(keep_received, house.gate), settings.audit, stop)
    contexts = Contexts(settings, partial(syslog_context, refused=Failures(house.append, now).note))
    works = [
        partial(inlet.listen, each, contexts) if each.type is socket.SOCK_STREAM else partial(inlet.collect, each)
        for each in addresses
    ]
    with ThreadPoolExecutor(len(works)) as pool:
        try:
            for done in as_completed([pool.submit(work) for work in works]):
                done.result()
        finally:
            stop.set()
    house.database.dispose()


class Inlet:
    """Takes messages until `stop` is set. `keep` stores some, all or none."""

    def __init__(self, keep: Keep, limits: AuditSettings, stop: threading.Event) -> None:
        self._keep, self._limits, self._stop = keep, limits, stop
        self._free = threading.BoundedSemaphore(limits.syslog_connections)

    def listen(self, listener: socket.socket, context: Callable[[], ssl.SSLContext]) -> None:
        """Takes connections: as many at once as the limit says, the others wait. Returns when all have ended."""
        listener.settimeout(LOOK_SECONDS)
        connections: set[threading.Thread] = set()
        while not self._stop.is_set():
            connections = {thread for thread in connections if thread.is_alive()}
            if not self._free.acquire(timeout=LOOK_SECONDS):
                continue
            try:
                plain, _ = listener.accept()
            except OSError as error:
                self._free.release()
                if not isinstance(error, TimeoutError):
                    self._stop.wait(LOOK_SECONDS)
                continue
            thread = threading.Thread(target=self._attend, args=(plain, context))
            connections.add(thread)
            thread.start()
        listener.close()
        for thread in connections:
            thread.join()

    def _attend(self, plain: socket.socket, context: Callable[[], ssl.SSLContext]) -> None:
        try:
            _watch_over(plain)
            connection = context().wrap_socket(plain, server_side=True, suppress_ragged_eofs=False)
        except (OSError, ValueError):
            plain.close()
            metrics.count_received("tls", "handshake failed")
            return
        else:
            with connection:
                self._take(connection)
        finally:
            self._free.release()

    def _take(self, connection: ssl.SSLSocket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)  # unless it ends in order; at a kill, too
        origin = _subject(connection)
        frames = Frames(most_bytes=self._limits.syslog_bytes, newline=self._limits.syslog_newline)
        give_up = time.monotonic() + IDLE_SECONDS
        while True:
            begun = frames.begun
            data, ended = self._read(connection, give_up)
            whole, error = frames.feed(data)
            stored = self._store([read_frame(each, origin) for each in whole], "tls")
            if whole or not begun:
                give_up = time.monotonic() + (MESSAGE_SECONDS if frames.begun else IDLE_SECONDS)
            ended = ended or self._stop.is_set() or time.monotonic() > give_up
            if not stored or error is not None or (ended and frames.begun):
                metrics.count_received("tls", "cut off")
                _log.warning("cut off", sender=origin, expected=error.expected if error else "whole messages, stored")
                return
            if ended:
                _end(connection)
                return

    def _read(self, connection: ssl.SSLSocket, give_up: float) -> tuple[bytes, bool]:
        """What is there, at least something before `give_up`; and whether that is the end: the sender's, or ours."""
        read = bytearray()
        connection.settimeout(LOOK_SECONDS)
        while len(read) < BATCH_BYTES:
            try:
                data = connection.recv(READ_BYTES)
            except (TimeoutError, ssl.SSLWantReadError):
                if read or self._stop.is_set() or time.monotonic() > give_up:
                    return bytes(read), not read
            except OSError:  # it broke off
                return bytes(read), True
            else:
                if not data:
                    return bytes(read), True
                read += data
                connection.setblocking(False)
        return bytes(read), False

    def _store(self, messages: Sequence[Received], transport: str) -> bool:
        """Stores them all, however long that takes; False when this process must stop and could not."""
        while messages:
            try:
                self._keep(messages)
            except _TROUBLE as error:
                _log.error("audit messages not stored: trying again", error=type(error).__name__)
                if self._stop.wait(RETRY_SECONDS):
                    return False
            else:
                break
        for message in messages:
            metrics.count_received(transport, message.format)
        return True

    def collect(self, datagrams: socket.socket) -> None:
        """Takes datagrams, each of them one message."""
        datagrams.setblocking(False)
        datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, DATAGRAM_BUFFER)
        while not self._stop.is_set():
            if select.select([datagrams], [], [], LOOK_SECONDS)[0]:
                self._store(_messages_in(datagrams), "udp")
        self._store(_messages_in(datagrams), "udp")
        datagrams.close()


def read_frame(frame: bytes, origin: str) -> Received:
    """The audit message in what a known node sent: MSG, or all of it when it is no syslog message."""
    try:
        return read_syslog_received(frame, origin=origin, recorded=now())
    except SyslogError:
        return read_received(frame, origin=origin, recorded=now())


def _messages_in(datagrams: socket.socket) -> list[Received]:
    """What has come, up to a limit. Strangers send datagrams: what is no syslog message is not kept."""
    found = []
    for _ in range(BATCH_DATAGRAMS):
        try:
            data, address = datagrams.recvfrom(MAX_DATAGRAM)
        except OSError:  # there is no more
            break
        try:
            message = read_syslog_received(data, origin=address[0], recorded=now())
        except SyslogError:
            metrics.count_received("udp", "no syslog message")
        else:
            found.append(message)
    return found


def _watch_over(connection: socket.socket) -> None:
    """Has the kernel find out when the other machine is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, DEAD_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, DEAD_SECONDS // 4)


def _subject(connection: ssl.SSLSocket) -> str:
    """The RFC 4514 subject of the client's certificate, which the handshake verified."""
    certificate = connection.getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(certificate).subject.rfc4514_string() if certificate else ""


def _end(connection: ssl.SSLSocket) -> None:
    """Says the end, in answer to the sender's or first: all that was read is stored. Source: RFC 5425 §4.4."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, IN_ORDER)
    connection.settimeout(END_SECONDS)
    with contextlib.suppress(OSError):
        connection.unwrap().close()
