"""A document of 100 MB leaves by an answer of its own, and never sits whole in the server's memory."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.demo import background
from tests.connectathon import (
    REPOSITORY_PATH,
    XDS,
    Node,
    connectathon,
    document,
    new_patient,
    submission,
    submit_objects,
)
from tests.journeys.test_async_journey import PROVIDE, RETRIEVE, ask, retrieve
from tests.journeys.test_memory_journey import ALLOWED_BYTES, MEGABYTE, _watched
from tests.receiver import Receiver, receiving

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux: /proc/PID/clear_refs")

CONTENT = random.Random(1).randbytes(MEGABYTE) * 100


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Receiver, int]]:
    folder = tmp_path_factory.mktemp("memory")
    with receiving() as receiver, connectathon(folder, reply_to=[receiver.url]) as node:
        pid = background.running(folder)
        assert pid is not None
        yield node, receiver, pid


@pytest.mark.parametrize("mtom", [True, False], ids=["mtom", "inline"])
def test_100_mb_leave_under_150_mb_above_idle(place: tuple[Node, Receiver, int], mtom: bool) -> None:
    node, receiver, pid = place
    for _ in range(4):
        small = _provide(node, b"hello")
        assert ask(node, REPOSITORY_PATH, RETRIEVE, retrieve(small), reply_to=receiver.url, mtom=mtom).accepted
    receiver.wait(4)
    receiver.clear()
    with _watched(pid) as peak:
        large = _provide(node, CONTENT)
        assert ask(node, REPOSITORY_PATH, RETRIEVE, retrieve(large), reply_to=receiver.url, mtom=mtom).accepted
        (posted,) = receiver.wait(1, seconds=120)
    assert posted.size > len(CONTENT) * (1 if mtom else 4 / 3)
    assert str(posted.size) == posted.headers["Content-Length"]
    assert peak.bytes < ALLOWED_BYTES
    receiver.clear()


def _provide(node: Node, content: bytes) -> str:
    """Provides one document by MTOM; its uniqueId."""
    entry = document(new_patient(), repository_unique_id="", hash=hashlib.sha1(content).hexdigest(), size=len(content))
    include = '<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:d"/>'
    envelope = node.envelope(
        PROVIDE,
        f'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="{XDS}">{submit_objects(submission(entry))}'
        f'<xds:Document id="{entry.entry_uuid}">{include}</xds:Document></xds:ProvideAndRegisterDocumentSetRequest>',
    )
    head = b'--b\r\nContent-Type: application/xop+xml; type="application/soap+xml"\r\nContent-ID: <r>\r\n\r\n'
    body = b"".join((head, envelope, b"\r\n--b\r\nContent-ID: <d>\r\n\r\n", content, b"\r\n--b--\r\n"))
    header = (
        'multipart/related; boundary="b"; type="application/xop+xml"; start="<r>"; start-info="application/soap+xml"'
    )
    status, _, answer = node.post(REPOSITORY_PATH, body, header)
    assert (status, b"ResponseStatusType:Success" in answer) == (200, True), answer
    return entry.unique_id
