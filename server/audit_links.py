"""The ways to an audit repository, each of which knows when what it sent has arrived.

Syslog over TLS has no acknowledgement. What is sent counts as arrived when the connection ended in order: our
close_notify went out while the other end had not ended, it was acknowledged with everything before it, and then the
other end closed without a reset. A kernel resets a connection whose process leaves bytes unread; so the process has
read everything up to our close_notify. A message that is too long for a datagram is left out and counted.

Source: ITI TF-2 3.20.4.1 (syslog), 3.20.4.2 (FHIR Feed); RFC 5425 §4.4 (closure); RFC 5426; RFC 9293 §3.6, RFC 2525
§2.17 (a close with unread data is a reset); HL7 FHIR R4, http.html#batch.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import socket
import ssl
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog

from audit.store import AuditRecord
from audit.syslog import write_frame, write_syslog
from ihe.reply import Address
from schemas.errors import UnexpectedError
from server import metrics
from server.audit_settings import Repository, Way

APP = "open-dmp"
TIMEOUT_SECONDS = 20.0  # for each step: connecting, writing a batch, waiting for the end
ACKNOWLEDGED_SECONDS = 5.0  # how long the last acknowledgement may take after the other end has closed
SIOCOUTQ = 0x5411  # Linux tcp(7): bytes that were sent and not acknowledged
FHIR_JSON = "application/fhir+json"
BUNDLE = 50  # events in one batch
MAX_ANSWER_BYTES = 4 * 1024 * 1024

Context = Callable[[], ssl.SSLContext]
Describe = Callable[[AuditRecord], dict[str, Any]]  # the FHIR AuditEvent of a record
_log = structlog.get_logger("dmp.audit.outlets")


class LinkError(UnexpectedError):
    """Something that keeps events from arriving; `arrived` of those that were sent last are there all the same."""

    def __init__(self, expected: str, got: str, arrived: int = 0) -> None:
        super().__init__(expected, got)
        self.arrived = arrived


class Link(Protocol):
    """A way to one repository. Every method raises LinkError, OSError or HTTPException; then `close` it."""

    def send(self, records: Sequence[AuditRecord]) -> None:
        """Sends them, in order."""

    def confirm(self) -> None:
        """Returns when everything sent since the last time has arrived."""

    def close(self) -> None:
        """Gives up what is under way."""


def link_to(repository: Repository, *, host: str, context: Context, udp_bytes: int, describe: Describe) -> Link:
    """The way to that repository. `host` is this machine's name; `context` makes the TLS context of a connection."""
    match repository.way:
        case Way.TLS:
            return TlsLink(repository.url, host, context)
        case Way.UDP:
            return UdpLink(repository.url, host, udp_bytes)
        case Way.FHIR:
            return FhirLink(repository.url, context, describe)


def syslog_of(record: AuditRecord, host: str) -> bytes:
    """The syslog message of a record: sent a second time it is the same, byte by byte."""
    return write_syslog(record.message, instant=record.instant, host=host, app=APP)


class TlsLink:
    """ATX: TLS Syslog."""

    def __init__(self, url: Address, host: str, context: Context) -> None:
        self._url, self._host, self._context = url, host, context
        self._socket: ssl.SSLSocket | None = None

    def send(self, records: Sequence[AuditRecord]) -> None:
        if self._socket is None:
            plain = socket.create_connection((self._url.host, self._url.port), TIMEOUT_SECONDS)
            try:
                self._socket = self._context().wrap_socket(
                    plain, server_hostname=self._url.host, suppress_ragged_eofs=False
                )
            except BaseException:
                plain.close()
                raise
        check_open(self._socket)
        self._socket.sendall(b"".join(write_frame(syslog_of(record, self._host)) for record in records))

    def confirm(self) -> None:
        if self._socket is not None:
            try:
                end(self._socket)
            finally:
                self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def check_open(connection: ssl.SSLSocket) -> None:
    """Raises LinkError or OSError when the other end, which has nothing to say, has ended or says something."""
    connection.setblocking(False)
    try:
        said = connection.recv(1)
    except ssl.SSLWantReadError:
        return
    finally:
        connection.settimeout(TIMEOUT_SECONDS)
    raise LinkError("an open connection", "data" if said else "its end")


def end(connection: ssl.SSLSocket) -> None:
    """Ends a connection in order, and returns when the other end has read everything. Raises LinkError or OSError."""
    check_open(connection)
    try:
        plain: socket.socket = connection.unwrap()
    except ssl.SSLEOFError:  # it closed without a close_notify of its own, as some do: RFC 5425 §4.4 wants one
        _check_acknowledged(connection)
        return
    with plain:
        plain.shutdown(socket.SHUT_WR)
        if plain.recv(1):
            raise LinkError("the end of a connection", "data")
        _check_acknowledged(plain)


def _check_acknowledged(connection: socket.socket) -> None:
    give_up = time.monotonic() + ACKNOWLEDGED_SECONDS
    while struct.unpack("i", fcntl.ioctl(connection.fileno(), SIOCOUTQ, bytes(4)))[0]:
        if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or time.monotonic() > give_up:
            raise LinkError("everything acknowledged", "an end before that")
        time.sleep(0.01)
    if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise LinkError("the end of a connection", "a reset")


class UdpLink:
    """Syslog over UDP: what is sent counts as arrived."""

    def __init__(self, url: Address, host: str, most_bytes: int) -> None:
        self._url, self._host, self._most = url, host, most_bytes
        self._socket: socket.socket | None = None

    def send(self, records: Sequence[AuditRecord]) -> None:
        if self._socket is None:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self._url.host, self._url.port, type=socket.SOCK_DGRAM
            )[0]
            self._socket = socket.socket(family, kind, protocol)
            self._socket.settimeout(TIMEOUT_SECONDS)
            self._socket.connect(address)
        for record in records:
            message = syslog_of(record, self._host)
            if len(message) <= self._most:
                self._socket.send(message)
            else:
                metrics.count_left_out(str(Repository(Way.UDP, self._url)))
                _log.error("too long for a datagram: not sent", id=record.id, bytes=len(message), most=self._most)

    def confirm(self) -> None:
        """Nobody says anything."""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class FhirLink:
    """ATX: FHIR Feed: AuditEvents, one by itself, several in a batch."""

    def __init__(self, url: Address, context: Context, describe: Describe) -> None:
        self._url, self._context, self._describe = url, context, describe
        self._connection: http.client.HTTPConnection | None = None

    def send(self, records: Sequence[AuditRecord]) -> None:
        for start in range(0, len(records), BUNDLE):
            try:
                self._post([self._describe(record) for record in records[start : start + BUNDLE]])
            except LinkError as error:
                raise LinkError(error.expected, error.got, start + error.arrived) from None
            except (OSError, http.client.HTTPException) as error:
                raise LinkError("an answer", type(error).__name__, start) from error

    def confirm(self) -> None:
        """Each answer has."""

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, events: list[dict[str, Any]]) -> None:
        base = self._url.path.rstrip("/")
        if len(events) == 1:
            self._ask(f"{base}/AuditEvent", events[0])
            return
        requests = [{"resource": event, "request": {"method": "POST", "url": "AuditEvent"}} for event in events]
        answer = self._ask(base or "/", {"resourceType": "Bundle", "type": "batch", "entry": requests})
        for arrived, status in enumerate(_statuses(answer, len(events))):
            if not status.startswith("2"):
                raise LinkError("2xx for every event", status[:3], arrived)

    def _ask(self, target: str, resource: dict[str, Any]) -> bytes:
        """The answer to a POST. Raises LinkError when it is not 2xx."""
        if self._connection is None:
            self._connection = self._connect()
        body = json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": FHIR_JSON, "Accept": FHIR_JSON}
        self._connection.request("POST", target, body=body, headers=headers)
        response = self._connection.getresponse()
        answer = response.read(MAX_ANSWER_BYTES)
        if not response.isclosed():
            self.close()
        if not 200 <= response.status < 300:
            raise LinkError("2xx", str(response.status))
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._url.host, self._url.port
        if self._url.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=self._context())


def _statuses(answer: bytes, count: int) -> list[str]:
    """The status of each entry of a batch-response. Raises LinkError."""
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        statuses = [str(entry["response"]["status"]) for entry in json.loads(answer)["entry"]]
        if len(statuses) == count:
            return statuses
    raise LinkError(f"a batch-response of {count} entries", "another answer")
