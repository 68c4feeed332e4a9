"""Where a page of a search goes on, in the address that leads there: signed, so that it means what was handed out.

A cursor belongs to one search. Nothing is kept of it here.

Source: HL7 FHIR R4, Search 3.1.1.5 (the server's links are opaque to the client); RFC 2104.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from audit.trace import Place
from pdsm.errors import ParameterError

SIGNATURE_BYTES = 16


def write_cursor(place: Place, parameters: Iterable[tuple[str, str]], key: bytes) -> str:
    """The cursor that goes on behind `place` in the search of `parameters`."""
    instant, sequence = place
    said = json.dumps([instant.isoformat(), sequence]).encode()
    return base64.urlsafe_b64encode(_signature(said, parameters, key) + said).decode().rstrip("=")


def read_cursor(name: str, text: str, parameters: Iterable[tuple[str, str]], key: bytes) -> Place:
    """The place that a cursor of this search goes on behind. Raises ParameterError."""
    instant, sequence = json.loads(_said(name, text, parameters, key))
    return datetime.fromisoformat(instant), sequence


def write_mark(mark: Sequence[str], parameters: Iterable[tuple[str, str]], key: bytes) -> str:
    """The cursor that goes on behind what is sorted by `mark`, as `write_cursor`."""
    said = json.dumps([*mark]).encode()
    return base64.urlsafe_b64encode(_signature(said, parameters, key) + said).decode().rstrip("=")


def read_mark(name: str, text: str, parameters: Iterable[tuple[str, str]], key: bytes) -> tuple[str, ...]:
    """What a cursor of this search goes on behind. Raises ParameterError."""
    return tuple(json.loads(_said(name, text, parameters, key)))


def _said(name: str, text: str, parameters: Iterable[tuple[str, str]], key: bytes) -> bytes:
    """What a cursor of this search says. Raises ParameterError."""
    try:
        whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        whole = b""
    signature, said = whole[:SIGNATURE_BYTES], whole[SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(said, parameters, key)):
        raise ParameterError(name, "one that this server gave for this search", "another")
    return said


def _signature(said: bytes, parameters: Iterable[tuple[str, str]], key: bytes) -> bytes:
    search = json.dumps([*map(list, parameters)]).encode()
    return hmac.new(key, hashlib.sha256(search).digest() + said, hashlib.sha256).digest()[:SIGNATURE_BYTES]
