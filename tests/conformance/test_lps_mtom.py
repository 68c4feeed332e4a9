"""MTOM packages: what is sent, what is received, in constant memory."""

from __future__ import annotations

import base64
import hashlib
import io
import tracemalloc
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import HTTP
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lps_fakes import mtom, retrieve_response

from conformance.lps import LpsUsageError
from conformance.lps.mtom import Attachment, Package, Received, receive
from conformance.lps.soap import LpsError, read_body
from schemas.xml import parse

MESSAGE_ID = "urn:uuid:1"
MEBIBYTE = 1 << 20


def written(package: Package) -> Message:
    """The package as the standard library reads it."""
    data = b"".join(package)
    assert len(data) == len(package)
    return message_from_bytes(b"Content-Type: " + package.content_type.encode() + b"\r\n\r\n" + data, policy=HTTP)


def test_a_package_as_rfc_2387_and_xop_have_it(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(b"<a/>\r\n--x\r\n")
    file, signature = Attachment(path, "text/xml", 11), Attachment(b"<s/>", "text/xml", 4)
    message = written(Package([b"<e>", file, b"|", signature, b"</e>"], "urn:action"))
    assert message.get_content_type() == "multipart/related"
    assert message.get_param("type") == "application/xop+xml"
    assert message.get_param("start-info") == "application/soap+xml"
    assert message.get_param("action") == "urn:action"
    root, first, second = message.get_payload()
    assert root["Content-ID"] == message.get_param("start") == "<root.message@lps>"
    assert root.get_content_type() == "application/xop+xml"
    includes = [element.get("href") for element in parse(root.get_payload(decode=True))]
    assert includes == [f"cid:{file.content_id}", f"cid:{signature.content_id}"]
    assert [part["Content-ID"] for part in (first, second)] == [f"<{file.content_id}>", f"<{signature.content_id}>"]
    assert first["Content-Transfer-Encoding"] == "binary"
    assert first.get_payload(decode=True) == path.read_bytes()
    assert second.get_payload(decode=True) == b"<s/>"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 98303, 98304, 98305, 200_000])
def test_inline_is_canonical_base64_of_the_announced_length(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(index % 251 for index in range(size)))
    message = written(Package([b"<e>", Attachment(path, "text/xml", size), b"</e>"], "urn:a", inline=True))
    (root,) = message.get_payload()
    assert root.get_payload(decode=True) == b"<e>" + base64.b64encode(path.read_bytes()) + b"</e>"


def test_a_file_that_changes_while_it_is_sent_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    for size in (4, 6):
        with pytest.raises(LpsUsageError, match="changed while sent"):
            b"".join(Package([Attachment(path, "text/xml", size)], "urn:a"))


class Dribble(io.RawIOBase):
    """A stream that gives as few bytes at a time as it likes."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data, self._step = io.BytesIO(data), step

    def read(self, amount: int = -1) -> bytes:
        return self._data.read(min(self._step, amount))


@given(st.lists(st.binary(max_size=60) | st.just(b"\r\n--b+\r\n--b"), max_size=4), st.integers(1, 50))
def test_parts_come_back_byte_for_byte_however_they_arrive(
    tmp_path_factory: pytest.TempPathFactory, documents: list[bytes], step: int
) -> None:
    folder = tmp_path_factory.mktemp("received")
    header, data = mtom(retrieve_response(MESSAGE_ID, len(documents)), documents)
    received = receive(Dribble(data, step), header, folder)
    stored = received.documents(read_body(received.envelope, 200, MESSAGE_ID), folder)
    assert [item.path.read_bytes() for item in stored if item] == documents
    assert [(item.size, item.sha1) for item in stored if item] == [
        (len(document), hashlib.sha1(document).hexdigest()) for document in documents
    ]


def test_simple_soap_with_base64_and_white_space(tmp_path: Path) -> None:
    data = retrieve_response(MESSAGE_ID, 1, inline=" SGVs\n bG8= ")
    received = receive(io.BytesIO(data), "application/soap+xml; charset=UTF-8", tmp_path)
    (stored,) = received.documents(read_body(received.envelope, 200, MESSAGE_ID), tmp_path)
    assert stored is not None
    assert stored.path.read_bytes() == b"Hello"


def test_a_missing_part_is_none(tmp_path: Path) -> None:
    received = Received(retrieve_response(MESSAGE_ID, 1), {})
    assert received.documents(read_body(received.envelope, 200, MESSAGE_ID), tmp_path) == [None]


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        ("multipart/related", b"", "boundary"),
        ('multipart/related; boundary="b"', b"--b\r\n\r\n<a/>", "closing boundary"),
        ('multipart/related; boundary="b"; start="<r>"', b"--b\r\nContent-ID: <x>\r\n\r\n<a/>\r\n--b--", "start part"),
        ('multipart/related; boundary="b"', b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\nAA==\r\n--b--", "binary"),
        ('multipart/related; boundary="b"', b"--b\r\n" + b"a: b" * 9000, "MIME line"),
    ],
)
def test_answers_that_are_no_mime(tmp_path: Path, header: str, data: bytes, message: str) -> None:
    with pytest.raises(LpsError, match=message):
        receive(io.BytesIO(data), header, tmp_path)


@pytest.mark.parametrize("inline", ["****", "SGVsbG8", "é"])
def test_text_that_is_no_base64(tmp_path: Path, inline: str) -> None:
    received = Received(retrieve_response(MESSAGE_ID, 1, inline=inline), {})
    with pytest.raises(LpsError, match="base64"):
        received.documents(read_body(received.envelope, 200, MESSAGE_ID), tmp_path)


class Generated:
    """A long answer that is never whole in memory."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def read(self, amount: int, /) -> bytes:
        while len(self._rest) < amount and (chunk := next(self._chunks, b"")):
            self._rest += chunk
        taken, self._rest = self._rest[:amount], self._rest[amount:]
        return taken


def peak(received: Generated, header: str, folder: Path) -> tuple[Received, int]:
    tracemalloc.start()
    try:
        answer = receive(received, header, folder)
        return answer, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_long_part_is_received_in_constant_memory(tmp_path: Path) -> None:
    header, data = mtom(retrieve_response(MESSAGE_ID, 1), [b"#"])
    before, _, after = data.partition(b"\r\n\r\n#\r\n")
    block = b"x" * MEBIBYTE

    def chunks() -> Iterator[bytes]:
        yield before + b"\r\n\r\n"
        for _ in range(32):
            yield block
        yield b"\r\n" + after

    answer, memory = peak(Generated(chunks()), header, tmp_path)
    assert answer.parts["part+0@x"].size == 32 * MEBIBYTE
    assert memory < 6 * MEBIBYTE


def test_a_long_document_inside_the_envelope_is_received_in_bounded_memory(tmp_path: Path) -> None:
    before, _, after = retrieve_response(MESSAGE_ID, 2, inline="#").partition(b"#")
    block = base64.b64encode(b"y" * (3 << 18))

    def chunks() -> Iterator[bytes]:
        yield before
        for _ in range(40):
            yield block
        yield after.replace(b"#", b"SGVsbG8=")

    answer, memory = peak(Generated(chunks()), "application/soap+xml", tmp_path)
    stored = answer.documents(read_body(answer.envelope, 200, MESSAGE_ID), tmp_path)
    assert [item.size for item in stored if item] == [40 * (3 << 18), 5]
    assert memory < 20 * MEBIBYTE


def test_a_long_document_is_sent_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "long"
    with path.open("wb") as file:
        file.truncate(32 * MEBIBYTE)
    for inline in (False, True):
        package = Package([b"<e>", Attachment(path, "text/xml", 32 * MEBIBYTE), b"</e>"], "urn:a", inline=inline)
        tracemalloc.start()
        try:
            sent = sum(map(len, package))
            memory = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert sent == len(package)
        assert memory < 2 * MEBIBYTE
