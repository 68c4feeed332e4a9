"""MTOM packages: documents beside the envelope or inside it, and the ways of getting that wrong."""

from __future__ import annotations

import io
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ihe_wire import (
    BOUNDARY,
    ROOT_HEADERS,
    Sink,
    Trickle,
    content_type,
    envelope,
    inline,
    package,
    part,
    provide,
    root,
    xop,
)
from lxml import etree

from ihe.mime import Limits, OutgoingPart, PackageError
from ihe.mtom import TREE_BYTES, Package, read_package, write_package
from schemas.base64_stream import Base64Error
from schemas.xml import XmlError

SOAP = "application/soap+xml; charset=UTF-8"
DOCUMENT = b"<ClinicalDocument/>\r\n--not the boundary\r\n"


def read(
    body: bytes, header: str | None = None, *, limits: Limits | None = None, piece: int = 1 << 20
) -> Package[Sink]:
    stream = Trickle(body, piece)
    return read_package(header or content_type(), stream, Sink, limits or Limits(), lambda _root: None)


def contents(found: Package[Sink]) -> dict[str, bytes]:
    return {name: bytes(sink) for name, sink in found.documents.items()}


def refused(body: bytes, header: str | None = None, limits: Limits | None = None) -> PackageError:
    with pytest.raises(PackageError) as caught:
        read(body, header, limits=limits)
    return caught.value


# --- What is accepted -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [1, 7, 64, 1000, 1 << 20])
def test_a_document_beside_the_envelope(piece: int) -> None:
    found = read(package(root(provide(xop("Document01", "cid:d1%40test"))), part("d1@test", DOCUMENT)), piece=piece)
    assert contents(found) == {"Document01": DOCUMENT}
    assert found.packaged


def test_documents_inside_and_beside_in_the_order_of_the_request() -> None:
    message = provide(inline("a", b"first"), xop("b", "cid:b"), inline("c", b""), xop("d", "cid:d"))
    found = read(package(root(message), part("d", b"fourth"), part("b", b"second")))
    assert list(contents(found).items()) == [("a", b"first"), ("b", b"second"), ("c", b""), ("d", b"fourth")]


def test_the_tree_keeps_no_document() -> None:
    found = read(package(root(provide(inline("a", b"secret" * 100)))))
    assert b"c2VjcmV0" not in etree.tostring(found.root)


def test_simple_soap() -> None:
    found = read(provide(inline("a", b"first")), SOAP)
    assert (contents(found), found.packaged) == ({"a": b"first"}, False)


def test_an_envelope_without_documents() -> None:
    assert contents(read(envelope("urn:a", "<b/>"), SOAP)) == {}


def test_the_root_part_may_come_later_when_start_names_it() -> None:
    found = read(package(part("d1", DOCUMENT), root(provide(xop("Document01", "cid:d1")))))
    assert contents(found) == {"Document01": DOCUMENT}


def test_without_start_the_first_part_is_the_root() -> None:
    body = package(root(provide(xop("a", "cid:d1")), content_id=""), part("d1", b"x"))
    assert contents(read(body, content_type(start=None))) == {"a": b"x"}


def test_white_space_after_a_boundary_and_an_epilogue() -> None:
    body = package(root(provide(xop("a", "cid:d1"))), part("d1", b"x")) + b"epilogue"
    second = body.index(f"--{BOUNDARY}".encode(), 10) + len(BOUNDARY) + 2
    assert contents(read(body[:second] + b"  " + body[second:])) == {"a": b"x"}


def test_the_envelope_is_shown_before_any_document_is_staged() -> None:
    staged: list[Sink] = []

    def stage() -> Sink:
        staged.append(Sink())
        return staged[-1]

    def refuse(_root: etree._Element) -> None:
        raise PermissionError

    for message in (provide(xop("a", "cid:d1")), provide(inline("a", b"x")), provide(inline("a", bytes(TREE_BYTES)))):
        stream = Trickle(package(root(message), part("d1", b"x")), 1 << 16)
        with pytest.raises(PermissionError):
            read_package(content_type(), stream, stage, Limits(), refuse)
    assert staged == []


# --- Long envelopes ---------------------------------------------------------------------------------------------------


def test_a_long_envelope_is_condensed_and_its_header_shown_first() -> None:
    content = bytes(range(256)) * (TREE_BYTES // 256)
    shown: list[bytes] = []
    stream = Trickle(provide(inline("a", content), inline("b", b"second")), 1 << 16)
    found = read_package(SOAP, stream, Sink, Limits(), lambda top: shown.append(etree.tostring(top)))
    assert contents(found) == {"a": content, "b": b"second"}
    assert len(shown) == 1
    assert b"MessageID" in shown[0]
    assert b"SubmitObjectsRequest" not in shown[0]
    assert found.root.find("{*}Body/{*}ProvideAndRegisterDocumentSetRequest/{*}SubmitObjectsRequest") is not None


@pytest.mark.parametrize(
    "disguise", ["<!-- <s:Body> -->", "<![CDATA[<s:Body>]]>", "<?pi <s:Body> ?>"], ids=["comment", "cdata", "pi"]
)
def test_a_false_body_start_in_a_long_envelope_shows_nothing(disguise: str) -> None:
    shown: list[etree._Element] = []
    stream = Trickle(provide(inline("a", bytes(TREE_BYTES)), blocks=f"<x>{disguise}</x>"), 1 << 16)
    with pytest.raises(XmlError):
        read_package(SOAP, stream, Sink, Limits(), shown.append)
    assert shown == []


def test_a_long_envelope_without_body_in_sight_is_refused() -> None:
    assert "SOAP Body within" in str(refused(b"<x>" + b"a" * TREE_BYTES * 2 + b"</x>", SOAP))


def _generated(size: int, before: bytes, chunk: bytes, after: bytes) -> Iterator[bytes]:
    yield before
    for _ in range(size // len(chunk)):
        yield chunk
    yield after


class _Generated(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces

    def read(self, size: int = -1) -> bytes:
        return next(self._pieces, b"")


class _Counter:
    def __init__(self) -> None:
        self.size = 0

    def write(self, chunk: bytes) -> None:
        self.size += len(chunk)


SIZE = 32 * 1024 * 1024


@pytest.mark.parametrize("inside", [False, True], ids=["beside", "inside"])
def test_a_long_document_never_sits_in_memory(inside: bool) -> None:
    if inside:
        before, _, after = provide(inline("a", "SPLIT")).partition(b"SPLIT")
        header, chunk, expected = SOAP, b"QUJD" * 16384, SIZE // 4 * 3
    else:
        body = package(root(provide(xop("a", "cid:d1"))), part("d1", b"SPLIT"))
        before, _, after = body.partition(b"SPLIT")
        header, chunk, expected = content_type(), b"\r\n--almost" * 6553 + b"12", SIZE // 65532 * 65532
    stream = _Generated(_generated(SIZE, before, chunk, after))
    tracemalloc.start()
    try:
        found = read_package(header, stream, _Counter, Limits(), lambda _root: None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.documents["a"].size == expected
    assert peak < 8 * 1024 * 1024


# --- What is refused --------------------------------------------------------------------------------------------------

TWO = provide(xop("a", "cid:d1"), xop("b", "cid:d2"))
ONE = provide(xop("a", "cid:d1"))
ELSEWHERE = xop("a", "cid:d1").replace("xds:Document", "Slot")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (package(root(TWO), part("d1", b"x")), "a part for every xop:Include"),
        (package(root(ONE), part("d1", b"x"), part("d2", b"y")), "parts that an xop:Include refers to"),
        (package(part("d2", b"y"), root(ONE), part("d1", b"x")), "parts that an xop:Include refers to"),
        (package(root(ONE), part("d1", b"x"), part("d1", b"y")), "a different Content-ID"),
        (package(root(ONE), part("", b"x")), "a Content-ID on every part"),
        (package(root(provide(xop("a", "cid:d1"), xop("b", "cid:d1"))), part("d1", b"x")), "a different href"),
        (package(root(provide(xop("a", "cid:d1"), inline("a", b"x"))), part("d1", b"x")), "a different id"),
        (package(root(provide(inline("", b"x")))), "a different id on every Document"),
        (package(root(provide(xop("a", "http://elsewhere.example/x")))), "an href cid:"),
        (package(root(provide(xop("a", "cid:")))), "an href cid:"),
        (
            package(root(provide(xop("a", "cid:d1").replace("</xds", "QQ==</xds"))), part("d1", b"x")),
            "base64 text or one",
        ),
        (package(root(provide('<xds:Document id="a"><x/></xds:Document>'))), "base64 text or one"),
        (package(root(provide(blocks=ELSEWHERE)), part("d1", b"x")), "in Document elements only"),
        (package(root(provide(submission=ELSEWHERE)), part("d1", b"x")), "in Document elements only"),
        (package(root(ONE, content_id="other@test"), part("d1", b"x")), "the part that start names"),
        (package(root(ONE), part("d1", b"x"))[:-6], "a closing boundary"),
        (package(root(ONE), part("d1", b"x"))[:-60], "a closing boundary"),
        (b"", "a closing boundary"),
        (b"--wrong\r\n\r\n--wrong--\r\n", "a closing boundary"),
        (f"--{BOUNDARY}--\r\n".encode(), "the part that start names"),
        (package(root(ONE), part("d1", b"x", headers="Content-Transfer-Encoding: uuencode\r\n")), "of RFC 2045"),
        (package(root(ONE, headers="Content-Type: text/xml\r\n")), "as root part"),
        (package(root(ONE, headers=ROOT_HEADERS + "Content-Type: text/xml\r\n")), "every header of a part once"),
        (
            package(root(ONE, headers=ROOT_HEADERS + "".join(f"X-{n}: y\r\n" for n in range(20)))),
            "at most 16 headers",
        ),
        (package(root(ONE, headers=ROOT_HEADERS + "X: " + "y" * 5000 + "\r\n")), "lines of at most 4096 bytes"),
        (package(root(ONE, headers=ROOT_HEADERS + "X" * 5000)), "lines of at most 4096 bytes"),
        (package(root(ONE, headers=ROOT_HEADERS + "X: y\r\n" + " z\r\n" * 2000)), "headers of at most 4096 bytes"),
        (package(root(ONE, headers=ROOT_HEADERS + "no colon\r\n")), "malformed MIME"),
        (b"x" * 5000 + package(root(ONE), part("d1", b"x")), "malformed MIME"),
        (package(root(ONE), part("d1", b"x")).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n", 1), "lines of at most"),
        (
            package(root(ONE), part("d1", b"x")).replace(BOUNDARY.encode() + b"\r", BOUNDARY.encode() + b"x\r"),
            "malformed",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_broken_packages(body: bytes, expected: str) -> None:
    error = refused(body)
    assert expected in str(error)
    assert error.http_status == 400


@pytest.mark.parametrize(
    ("header", "status", "expected"),
    [
        ("", 415, "Content-Type"),
        ("text/xml", 415, "Content-Type"),
        ("multipart/form-data; boundary=b", 415, "Content-Type"),
        ('multipart/related; type="application/xop+xml"', 400, "a boundary"),
        (f"multipart/related; boundary={BOUNDARY}", 415, "type="),
        (f'multipart/related; boundary={BOUNDARY}; type="text/xml"', 415, "type="),
        (content_type().replace("soap+xml", "xml"), 415, "start-info"),
        (content_type(boundary="b" * 71), 400, "a boundary of at most 70"),
    ],
)
def test_content_types_that_are_not_mtom(header: str, status: int, expected: str) -> None:
    error = refused(package(root(ONE), part("d1", b"x")), header or "-")
    assert (error.http_status, expected in str(error)) == (status, True)


@pytest.mark.parametrize("text", ["not base64!", "QQ==QQ==", "QQ"])
@pytest.mark.parametrize("long", [False, True])
def test_inline_documents_must_be_base64(text: str, long: bool) -> None:
    others = [inline("long", bytes(TREE_BYTES))] if long else []
    with pytest.raises(Base64Error):
        read(provide(*others, inline("a", text)), SOAP)


@pytest.mark.parametrize("name", ["", "long"])
def test_long_inline_documents_need_different_ids(name: str) -> None:
    assert "a different id" in str(refused(provide(inline("long", bytes(TREE_BYTES)), inline(name, b"x")), SOAP))


@pytest.mark.parametrize(
    ("body", "limits"),
    [
        (package(root(ONE), part("d1", b"x" * 5000)), Limits(total_bytes=4000)),
        (package(root(ONE), part("d1", b"x" * 5000)), Limits(document_bytes=4999)),
        (package(root(provide(inline("a", b"x" * 5000)))), Limits(document_bytes=4999)),
        (package(root(provide(inline("a", b"x" * TREE_BYTES)))), Limits(document_bytes=4999)),
        (package(part("d1", b"x" * 5000), root(ONE)), Limits(before_root_bytes=4999)),
    ],
)
def test_too_much_is_413(body: bytes, limits: Limits) -> None:
    assert refused(body, limits=limits).http_status == 413


@pytest.mark.parametrize(
    "body",
    [
        package(root(provide(*(xop(f"d{n}", f"cid:d{n}") for n in range(4))))),
        package(*(part(f"d{n}", b"") for n in range(6)), root(ONE)),
        package(root(provide(*(inline(f"d{n}", b"x") for n in range(4))))),
        package(root(provide(inline("d", bytes(TREE_BYTES)), *(inline(f"d{n}", b"x") for n in range(4))))),
    ],
    ids=["includes", "parts", "inline", "long"],
)
def test_too_many_documents(body: bytes) -> None:
    assert "at most 3 documents" in str(refused(body, limits=Limits(documents=3)))


def test_too_much_envelope_outside_documents() -> None:
    message = provide(inline("a", b"x"), blocks=f"<x>{'y' * 900_000}</x>", submission=f"<x>{'y' * 900_000}</x>")
    with pytest.raises(XmlError, match="outside document bodies"):
        read(message, SOAP, limits=Limits(root_bytes=1_000_000))


@pytest.mark.parametrize("message", [b"<a", b"", b"<!DOCTYPE a><a/>", ONE.replace(b"</s:Body>", b"")])
def test_an_envelope_that_is_no_xml(message: bytes) -> None:
    with pytest.raises(XmlError):
        read(package(root(message)))


# --- What is written --------------------------------------------------------------------------------------------------


@given(payloads=st.lists(st.binary(max_size=100), max_size=3))
def test_a_written_package_reads_back(payloads: list[bytes]) -> None:
    names = [f"document-{number}@open-dmp" for number in range(len(payloads))]
    message = provide(*(xop(name, f"cid:{name}") for name in names), submission="<x/>")
    documents = [
        OutgoingPart(name, "text/xml", len(content), iter([content]))
        for name, content in zip(names, payloads, strict=True)
    ]
    outgoing = write_package("uuid-1", message, documents)
    body = b"".join(outgoing.chunks)
    assert len(body) == outgoing.length
    assert list(contents(read(body, outgoing.content_type)).values()) == payloads


# --- Real messages ----------------------------------------------------------------------------------------------------


@pytest.mark.reference
def test_a_real_message_of_axis2(reference: Path) -> None:
    """The file has line feeds and spaces at the ends of lines, which the wire had not."""
    raw = (reference / "ihe" / "samples" / "nist-http" / "http-mtom-pnr.txt").read_text("utf-8")
    head, _, body = raw.partition("\n\n")
    header = next(line for line in head.splitlines() if line.startswith("Content-Type:")).partition(":")[2].strip()
    body = re.sub(r"^((?:--|Content-).*?) *\n", r"\1\r\n", body, flags=re.M)
    body = re.sub(r"(Content-ID: .*\r\n)\n", r"\1\r\n", body).replace("\n--MIMEBoundary", "\r\n--MIMEBoundary")
    (content,) = contents(read(body.encode(), header)).values()
    assert content.startswith(b"Four score and seven years ago")


@pytest.mark.reference
@pytest.mark.parametrize("name", ["provideandregister.xop", "retrievedocument.xop"])
def test_real_messages_of_the_german_epa(reference: Path, name: str) -> None:
    folder = reference / "ihe" / "samples" / "gematik-epa" / "ePA_1_Beispielnachrichten_PS_-_Konnektor" / "Requests"
    raw = (folder / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    header = content_type(boundary="_MIME_MTOM_Boundary_", start="<Start@Request.konlan>")
    found = read(raw, header)
    assert len(found.documents) == (1 if name.startswith("provide") else 0)
    assert all(sink.startswith(b"<") or len(sink) > 100 for sink in found.documents.values())
