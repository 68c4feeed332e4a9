"""HTTP to one server: mutual TLS, connections kept and reused, bodies streamed both ways.

Source: ITI TF-2 Appendix V.3.2 (SOAP 1.2 over HTTP); RFC 9112 9.3 (persistence); DMP-Compatibilité (TLS 1.2, mutual).
"""

from __future__ import annotations

import http.client
import select
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import urlsplit

from conformance.lps import LpsUsageError
from conformance.lps.people import Keys
from conformance.lps.soap import LpsError


def client_context(keys: Keys | None, ca: str | None) -> ssl.SSLContext:
    """TLS 1.2 or better, the server checked against `ca` (a PEM file), the client known by its authentication key.

    Raises LpsUsageError when a PEM file cannot be used.
    """
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if keys is not None:
            context.load_cert_chain(keys.auth_cert, keys.auth_key)
    except OSError as error:  # ssl.SSLError is one
        raise LpsUsageError(f"TLS: expected PEM certificates and a key that fits, got {error}") from None
    return context


class Transport:
    """Connections to one address. Thread-safe: each exchange has a connection of its own, taken from the idle ones."""

    def __init__(self, address: str, context: ssl.SSLContext | None, timeout: float) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise LpsUsageError(f"server: expected https://HOST:PORT, got {address}")
        self._host, self._port, self._base = parts.hostname, parts.port, parts.path.rstrip("/")
        self._context = context if parts.scheme == "https" else None
        self._secure = parts.scheme == "https"
        self._timeout = timeout
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def post(
        self,
        path: str,
        content_type: str,
        length: int,
        body: Iterable[bytes],
        progress: Callable[[int], None] = lambda _bytes: None,
    ) -> AbstractContextManager[http.client.HTTPResponse]:
        """Sends `length` bytes and gives the answer to read. Raises LpsError `Transport` when the exchange breaks.

        Nothing is sent twice: a connection that the server has closed meanwhile is seen before it is used.
        `progress` is told the number of bytes as they go.
        """
        headers = {"Content-Type": content_type, "Content-Length": str(length)}
        return self._exchange("POST", path, headers, _counted(body, progress))

    def get(self, path: str) -> AbstractContextManager[http.client.HTTPResponse]:
        """Asks for a page and gives the answer to read. Raises as `post`."""
        return self._exchange("GET", path, {}, None)

    @contextmanager
    def _exchange(
        self, method: str, path: str, headers: dict[str, str], body: Iterable[bytes] | None
    ) -> Iterator[http.client.HTTPResponse]:
        connection = self._take()
        healthy = False
        try:
            response = self._send(connection, method, path, headers, body)
            yield response
            healthy = response.isclosed() and not response.will_close
        except (OSError, http.client.HTTPException) as error:
            raise LpsError("Transport", f"{type(error).__name__}: {error}", f"{self._host}:{self._port}") from error
        finally:
            if healthy:
                with self._lock:
                    self._idle.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Closes the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> http.client.HTTPConnection:
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if _alive(connection):
                    return connection
                connection.close()
        if self._secure:
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._context)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: dict[str, str],
        body: Iterable[bytes] | None,
    ) -> http.client.HTTPResponse:
        headers = {**headers, "Accept-Encoding": "identity"}
        try:
            connection.request(method, self._base + path, body=body, headers=headers)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            # The server answered before it had read everything (a body refused as too large): the answer is there.
            return connection.getresponse()
        return connection.getresponse()


def _alive(connection: http.client.HTTPConnection) -> bool:
    """Whether an idle connection is still open: anything to read on it is the end, or data nobody asked for."""
    if connection.sock is None:
        return False
    poller = select.poll()  # select.select stops at 1024 descriptors
    poller.register(connection.sock, select.POLLIN)
    return not poller.poll(0)


def _counted(body: Iterable[bytes], progress: Callable[[int], None]) -> Iterator[bytes]:
    for chunk in body:
        yield chunk
        progress(len(chunk))
