"""A large document by FHIR goes in, in base64, and comes out, and never sits whole in the server's memory."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server.demo import background
from tests.connectathon import Node, new_patient
from tests.journeys.sharing_client import FHIR_JSON, ask
from tests.journeys.test_document_providing_journey import bundle_of, described, entry, provide, publish
from tests.journeys.test_memory_journey import MEGABYTE, _watched

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux: /proc/PID/clear_refs")

SMALL, LARGE = 12 * MEGABYTE, 60 * MEGABYTE
ALLOWED = 100 * MEGABYTE
NOISE = random.Random(3).randbytes(3 * MEGABYTE)
PLACE = "TEhFUkU="  # where the document goes in a message that was made without it


def _body(path: str) -> tuple[bytes, bytes]:
    """A sound message of one document, before and behind it."""
    item = entry(new_patient())
    if path == "/fhir":
        message = bundle_of(item, base64.b64decode(PLACE))
    else:
        message = described(item)
        message["content"][0]["attachment"]["data"] = PLACE
    head, _, tail = json.dumps(message).encode().partition(PLACE.encode())
    return head, tail


def _sent(node: Node, path: str, size: int, spell: Callable[[bytes], bytes]) -> tuple[str, str]:
    """Provides a document of that many bytes; where it is to be had, and its SHA-256."""
    head, tail = _body(path)
    digest = hashlib.sha256()
    pieces = [NOISE] * (size // len(NOISE))
    text = spell(base64.b64encode(NOISE))
    length = len(head) + len(text) * len(pieces) + len(tail)

    def stream() -> Iterator[bytes]:
        yield head
        for piece in pieces:
            digest.update(piece)
            yield text
        yield tail

    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=120)
    try:
        headers = {"Content-Type": FHIR_JSON, "Content-Length": str(length)}
        connection.request("POST", path, body=stream(), headers=headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert response.status in (200, 201), answer
    finally:
        connection.close()
    if path == "/fhir":
        return answer["entry"][2]["response"]["location"], digest.hexdigest()
    return answer["content"][0]["attachment"]["url"], digest.hexdigest()


def _opened(node: Node, location: str) -> tuple[str, int]:
    """The SHA-256 and the size of what ITI-68 gives, read as it comes."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=120)
    try:
        connection.request("GET", location.removeprefix(f"http://127.0.0.1:{node.port}"))
        response = connection.getresponse()
        digest, size = hashlib.sha256(), 0
        while chunk := response.read(1 << 16):
            digest.update(chunk)
            size += len(chunk)
        return digest.hexdigest(), size
    finally:
        connection.close()


def _warm(node: Node) -> None:
    """Workers load and fill their caches on the first requests; idle is what they take after these."""
    for _ in range(4):
        location = provide(node, entry(new_patient())).resource["entry"][2]["response"]["location"]
        assert ask(node, location).content == b"hello"
        assert publish(node, entry(new_patient())).status == 201


def _goes_and_comes(node: Node, path: str, size: int, spell: Callable[[bytes], bytes], allowed: int) -> None:
    _warm(node)
    pid = background.running(node.home.parent)
    assert pid is not None
    with _watched(pid) as peak:
        location, sha256 = _sent(node, path, size, spell)
        located = location if location.startswith("http") else f"/fhir/{location}"
        assert _opened(node, located) == (sha256, size)
    assert peak.bytes < allowed


def as_it_is(text: bytes) -> bytes:
    return text


def with_escapes(text: bytes) -> bytes:
    """As encoders write it that escape every solidus."""
    return text.replace(b"/", b"\\/")


@pytest.mark.parametrize(("path", "spell"), [("/fhir", as_it_is), ("/fhir/DocumentReference", with_escapes)])
def test_12_mb_take_no_more_than_themselves(node: Node, path: str, spell: Callable[[bytes], bytes]) -> None:
    _goes_and_comes(node, path, SMALL, spell, SMALL)


@pytest.mark.long
@pytest.mark.parametrize("path", ["/fhir", "/fhir/DocumentReference"])
def test_60_mb_stay_under_100_mb_above_idle(node: Node, path: str) -> None:
    _goes_and_comes(node, path, LARGE, with_escapes, ALLOWED)


def test_a_document_that_is_too_large_and_one_that_is_none_leave_nothing(node: Node) -> None:
    incoming = node.home / "documents" / "incoming"
    for data, status in (("AAAA" * 100_000 + "?", 400), ("AAA", 400), ("AB==AAAA", 400)):
        head, tail = _body("/fhir")
        reply = ask(node, "/fhir", "POST", head + data.encode() + tail, Content_Type=FHIR_JSON)
        assert (reply.status, reply.resource["resourceType"]) == (status, "OperationOutcome"), reply.content
        assert "data: base64" in reply.resource["issue"][0]["diagnostics"]
        assert not list(incoming.iterdir())
