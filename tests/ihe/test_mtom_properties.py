"""MTOM packages of any shape that the standards allow, and damaged ones. Source: RFC 2045, 2046, 2387; XOP 1.0."""

from __future__ import annotations

import base64
import random
from contextlib import suppress

from hypothesis import assume, given
from hypothesis import strategies as st
from ihe_wire import ROOT_HEADERS, content_type, inline, package, part, provide, root, xop
from test_mtom import DOCUMENT, contents, read

from ihe.mime import PackageError
from schemas.base64_stream import Base64Error
from schemas.xml import XmlError


def _quoted(content: bytes) -> bytes:
    """Every byte escaped, with soft line breaks. Source: RFC 2045 §6.7."""
    escaped = [b"=%02X" % byte for byte in content]
    return b"=\r\n".join(b"".join(escaped[start : start + 20]) for start in range(0, len(escaped), 20))


@given(payloads=st.lists(st.binary(max_size=200), min_size=1, max_size=4), piece=st.integers(1, 97))
def test_any_bytes_survive_any_chunking(payloads: list[bytes], piece: int) -> None:
    names = [f"d{number}" for number in range(len(payloads))]
    message = provide(*(xop(name, f"cid:{name}") for name in names), submission="<x/>")
    parts = [part(name, content) for name, content in zip(names, payloads, strict=True)]
    found = read(package(root(message), *parts), piece=piece)
    assert list(contents(found).values()) == payloads


BOUNDARIES = st.from_regex(r"[0-9A-Za-z'()+_,./:=? -]{0,60}[0-9A-Za-z'()+_,./:=?-]", fullmatch=True)
ENCODINGS = {"binary": bytes, "base64": base64.encodebytes, "quoted-printable": _quoted}


@given(
    payloads=st.lists(st.tuples(st.binary(max_size=200), st.sampled_from(sorted(ENCODINGS))), max_size=4),
    before=st.integers(0, 4),
    shuffle=st.randoms(),
    boundary=BOUNDARIES,
    around=st.tuples(st.binary(max_size=50), st.sampled_from([b"", b" ", b"\t "]), st.binary(max_size=50)),
    newline=st.sampled_from([b"\r\n", b"\n"]),
    piece=st.integers(1, 97),
)
def test_any_package_of_the_standard_is_read(
    payloads: list[tuple[bytes, str]],
    before: int,
    shuffle: random.Random,
    boundary: str,
    around: tuple[bytes, bytes, bytes],
    newline: bytes,
    piece: int,
) -> None:
    """Any order, transfer encodings, boundary, preamble, padding and epilogue, in pieces of any size; and with the
    lines of NIST's PnrXop and PnrNoXop, which end in LF alone."""
    dashes, (preamble, padding, epilogue) = b"--" + boundary.encode(), around
    assume(not any(dashes in content for content, _ in payloads))
    assume(dashes not in preamble)
    names = [f"d{number}@test" for number in range(len(payloads))]
    message = provide(*(xop(name, f"cid:{name}") for name in names), submission="<x/>")
    written = [
        _headers(f"Content-ID: <{name}>\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n", newline)
        + ENCODINGS[encoding](content)
        for name, (content, encoding) in zip(names, payloads, strict=True)
    ]
    shuffle.shuffle(written)
    written.insert(before, _headers(f"{ROOT_HEADERS}Content-ID: <root@test>\r\n\r\n", newline) + message)
    body = b"".join(b"".join((dashes, padding, newline, each, newline)) for each in written)
    whole = (preamble + newline if preamble else b"") + body + dashes + b"--" + padding + newline + epilogue
    found = read(whole, content_type(boundary=boundary), piece=piece)
    assert list(contents(found).values()) == [content for content, _ in payloads]


def _headers(text: str, newline: bytes) -> bytes:
    return text.encode().replace(b"\r\n", newline)


@given(at=st.integers(0, 900), removed=st.integers(0, 40), added=st.binary(max_size=40))
def test_a_damaged_package_is_read_or_refused(at: int, removed: int, added: bytes) -> None:
    """Whatever happens to its bytes: nothing but the errors that the door can tell."""
    body = package(root(provide(xop("a", "cid:d1"), inline("b", b"x"), submission="<x/>")), part("d1", DOCUMENT))
    with suppress(PackageError, XmlError, Base64Error):
        read(body[:at] + added + body[at + removed :])
