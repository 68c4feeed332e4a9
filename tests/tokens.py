"""An authorisation server of tests: its keys, the tokens that it signs, and where it publishes what verifies them."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

ISSUER, AUDIENCE, CLIENT = "https://issuer.example", "https://dmp.example/fhir", "app-1"
KEYS: dict[str, RSAKey | ECKey] = {}  # made once: RSA keys are slow to make


def key_for(algorithm: str) -> RSAKey | ECKey:
    """A private key that signs so."""
    family = "ES" if algorithm == "ES256" else "RS"
    if family not in KEYS:
        said: Any = {"kid": family, "use": "sig"}
        if family == "ES":
            KEYS[family] = ECKey.generate_key("P-256", parameters=said)
        else:
            KEYS[family] = RSAKey.generate_key(2048, parameters=said)
    return KEYS[family]


def public(*keys: RSAKey | ECKey) -> bytes:
    """The JWK Set that publishes them."""
    return json.dumps({"keys": [each.as_dict(private=False) for each in keys]}).encode()


def claims(now: float, **changes: Any) -> dict[str, Any]:
    """Those of a token in order, issued now; None takes one away."""
    usual = {
        "iss": ISSUER,
        "sub": "somebody",
        "client_id": CLIENT,
        "aud": AUDIENCE,
        "jti": str(uuid.uuid4()),
        "iat": int(now),
        "exp": int(now) + 300,
        "scope": "ITI-67 ITI-81",
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def sign(said: Mapping[str, Any], algorithm: str = "ES256", **header: Any) -> str:
    """A token of those claims."""
    key = key_for(algorithm)
    protected = {"alg": algorithm, "typ": "at+jwt", "kid": key.kid, **header}
    known = {name: value for name, value in protected.items() if value is not None}
    return jws.serialize_compact(known, json.dumps(dict(said)).encode(), key, algorithms=[algorithm])


@dataclass
class Published:
    """What an issuer answers who asks for its keys, and how often it was asked."""

    body: bytes
    status: int = 200
    asked: int = 0
    address: str = field(default="")


@contextmanager
def publishing(body: bytes) -> Iterator[Published]:
    """A server on loopback that publishes keys."""
    published = Published(body)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            published.asked += 1
            self.send_response(published.status)
            self.send_header("Content-Length", str(len(published.body)))
            self.end_headers()
            self.wfile.write(published.body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    published.address = f"http://127.0.0.1:{server.server_port}/certs"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield published
    finally:
        server.shutdown()
        server.server_close()
