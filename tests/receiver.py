"""Somebody at the other end of an asynchronous exchange: an HTTP server that notes what is posted to it."""

from __future__ import annotations

import hashlib
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEPT_BYTES = 1024 * 1024  # of a body: of a longer one, its start and its digest


@dataclass(frozen=True)
class Posted:
    """One POST, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    size: int
    sha256: str
    certificate: dict[str, Any] | None  # of a TLS client

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")


@dataclass
class Receiver:
    """`answers` are the statuses to give, in turn, and then 202; `location` goes with them."""

    port: int
    scheme: str = "http"
    posted: list[Posted] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    location: str = ""
    delay: float = 0.0

    @property
    def url(self) -> str:
        host = "127.0.0.1" if self.scheme == "http" else "localhost"
        return f"{self.scheme}://{host}:{self.port}"

    def wait(self, count: int = 1, seconds: float = 30.0) -> list[Posted]:
        """What came, once there are so many; newest last."""
        give_up = time.monotonic() + seconds
        while len(self.posted) < count:
            assert time.monotonic() < give_up, f"{len(self.posted)} of {count} came"
            time.sleep(0.02)
        return self.posted

    def clear(self) -> None:
        self.posted.clear()
        self.answers.clear()
        self.location = ""


@contextmanager
def receiving(port: int = 0, context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on loopback; over TLS when there is a context."""
    receiver = Receiver(port, "https" if context else "http")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            time.sleep(receiver.delay)
            digest, kept, left = hashlib.sha256(), bytearray(), int(self.headers["Content-Length"])
            size = left
            while left and (chunk := self.rfile.read(min(left, 65536))):
                left -= len(chunk)
                digest.update(chunk)
                kept += chunk[: max(0, KEPT_BYTES - len(kept))]
            status = receiver.answers.pop(0) if receiver.answers else 202
            certificate = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
            receiver.posted.append(
                Posted(self.path, dict(self.headers), bytes(kept), size - left, digest.hexdigest(), certificate)
            )
            self.send_response(status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            receiver.posted.append(Posted(self.path, dict(self.headers), b"GET", 0, "", None))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
