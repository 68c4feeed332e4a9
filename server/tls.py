"""The TLS listener: TLS 1.2 at least, forward secrecy, client certificates optional but never unverified.

Source: PDT-INF-579 v4 (suites of LPS and DMP); ITI TF-2 3.19 (ATNA secure node); RFC 9325.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.settings import Settings
from server.tls_failures import Failure

HANDSHAKE_SECONDS = 5.0
IDLE_SECONDS = 60.0  # between two pieces of a request or of an answer


class ServerContext(ssl.SSLContext):
    """A context whose failed handshakes are told to `refused`."""

    refused: Callable[[Failure], None] | None = None


class BoundedSocket(ssl.SSLSocket):
    """A server's TLS socket on which nothing waits for ever: neither the handshake nor a read.

    `shown` is the certificate (DER) that the client sent, believed or not.
    """

    shown: bytes = b""

    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(HANDSHAKE_SECONDS)
        try:
            super().do_handshake(block)
        except ssl.SSLError as error:
            if isinstance(self.context, ServerContext) and self.context.refused is not None:
                self.context.refused(_failure(self, error))
            raise
        self.settimeout(IDLE_SECONDS)

    def setblocking(self, flag: bool) -> None:
        self.settimeout(IDLE_SECONDS if flag else 0.0)


def context(settings: Settings, refused: Callable[[Failure], None] | None = None) -> ssl.SSLContext:
    """A server context: a client that shows a certificate must be known to the anchors and not revoked.

    `refused` is told of handshakes that fail.
    """
    made = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    made.sslsocket_class, made.refused = BoundedSocket, refused
    # A certificate that is refused is nowhere to be had afterwards: OpenSSL's messages are the one place to see it.
    made._msg_callback = _note_certificate  # type: ignore[attr-defined]
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(settings.tls_ciphers)
    made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    made.set_alpn_protocols(["http/1.1"])
    made.load_cert_chain(settings.server_certificate, settings.server_key)
    made.load_verify_locations(settings.ca)
    made.load_verify_locations(settings.crl)
    made.verify_mode = ssl.CERT_OPTIONAL
    made.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN | ssl.VERIFY_X509_STRICT
    return made


def syslog_context(settings: Settings, refused: Callable[[Failure], None] | None = None) -> ssl.SSLContext:
    """A server context for syslog: every client shows a certificate. Some clients never read: none is sent a ticket.

    Source: RFC 5425 §4.2 (mutual authentication); ITI TF-2 3.19.
    """
    made = context(settings, refused)
    made.verify_mode = ssl.CERT_REQUIRED
    made.num_tickets = 0
    return made


def outgoing_context(settings: Settings) -> ssl.SSLContext:
    """A client context: the receiver must be known to the anchors, not revoked, and have the name it is called by.

    Source: ITI TF-2 3.19 (both ends of a connection are secure nodes).
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(settings.tls_ciphers)
    made.load_cert_chain(settings.server_certificate, settings.server_key)
    made.load_verify_locations(settings.ca)
    made.load_verify_locations(settings.crl)
    made.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN | ssl.VERIFY_X509_STRICT
    return made


class Contexts:
    """The context for each new connection: made again when one of its files changed, so a new CRL counts at once."""

    def __init__(self, settings: Settings, make: Callable[[Settings], ssl.SSLContext] = context) -> None:
        self._settings, self._make = settings, make
        self._files = (settings.ca, settings.crl, settings.server_certificate, settings.server_key)
        self._lock = threading.Lock()
        self._seen: tuple[tuple[int, int], ...] = ()
        self._context: ssl.SSLContext | None = None

    def __call__(self, _config: Any = None, _default: Callable[[], ssl.SSLContext] | None = None) -> ssl.SSLContext:
        """The context now (the arguments are those of gunicorn's hook `ssl_context`)."""
        with self._lock:
            seen = tuple(_stamp(file) for file in self._files)
            if self._context is None or seen != self._seen:
                self._context, self._seen = self._make(self._settings), seen
            return self._context


def _note_certificate(connection: Any, direction: str, version: Any, _content: Any, message: Any, data: bytes) -> None:
    """Keeps the first certificate of a Certificate message. Source: RFC 5246 §7.4.2; RFC 8446 §4.4.2."""
    if direction != "read" or getattr(message, "name", "") != "CERTIFICATE":
        return
    start = 4 + (1 + data[4] if version is ssl.TLSVersion.TLSv1_3 and len(data) > 4 else 0) + 3
    length = int.from_bytes(data[start : start + 3], "big")
    connection.shown = data[start + 3 : start + 3 + length]


def _failure(connection: BoundedSocket, error: ssl.SSLError) -> Failure:
    host, port, *_ = connection.getsockname()
    try:
        address = str(connection.getpeername()[0])
    except OSError:  # it has left
        address = ""
    endpoint = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    return Failure(error, address, endpoint, connection.shown)


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size
