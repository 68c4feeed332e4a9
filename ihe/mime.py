"""multipart/related on the wire: parts in, one after the other, chunk by chunk; parts out, with a known length.

Source: RFC 2045 (headers, transfer encodings), RFC 2046 §5.1 (multipart), RFC 2387 (multipart/related), RFC 5322 §2.2.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from python_multipart.multipart import parse_options_header

from schemas.base64_stream import Base64Decoder

CHUNK_BYTES = 64 * 1024
SOAP_XML = "application/soap+xml"
XOP_XML = "application/xop+xml"
MULTIPART = "multipart/related"
MAX_BOUNDARY = 70  # RFC 2046 §5.1.1
MAX_PREAMBLE_BYTES = 4096
MAX_QUOTED_LINE_BYTES = 4096  # RFC 2045 §6.7 has them end after 76 characters

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]*[0-9A-Za-z'()+_,./:=?-]")  # RFC 2046 §5.1.1, bchars
_FIELD_NAME = re.compile(rb"[!-9;-~]+")  # RFC 5322 §2.2
_FOLD = re.compile(rb"\r\n([ \t])")  # RFC 5322 §2.2.3
_MALFORMED = ("multipart/related with the boundary of Content-Type", "malformed MIME")


class PackageError(Exception):
    """A request body that is not what its Content-Type says, or too large. Quotes no content."""

    def __init__(self, expected: str, got: str, http_status: int = 400) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected, self.got, self.http_status = expected, got, http_status

    def diagnostics(self) -> str:
        """One line for an operator."""
        return str(self)


class Readable(Protocol):
    """Where a request body comes from."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of one request is read. Sizes are in bytes; `headers` and `header_bytes` hold for each part."""

    total_bytes: int = 320 * 1024 * 1024
    document_bytes: int = 150 * 1024 * 1024
    root_bytes: int = 8 * 1024 * 1024  # the envelope without its documents
    before_root_bytes: int = 1024 * 1024  # of documents that come before anybody is authenticated
    documents: int = 200
    headers: int = 16
    header_bytes: int = 4096


@dataclass(frozen=True, slots=True)
class Part:
    """One part: headers by lower-case name, and its bytes, to be read before the next part is asked for."""

    headers: dict[str, str]
    chunks: Iterator[bytes]


def content_type(header: str) -> tuple[str, dict[str, str]]:
    """Media type and parameters, in lower case but for the values of parameters."""
    media_type, parameters = parse_options_header(header)
    return media_type.decode("latin-1").strip(), {
        name.decode("latin-1").strip(): value.decode("latin-1") for name, value in parameters.items()
    }


def pieces(stream: Readable, limits: Limits) -> Iterator[bytes]:
    """The bytes of `stream`, in chunks. Raises PackageError (413) beyond the limit."""
    total = 0
    while chunk := stream.read(CHUNK_BYTES):
        total += len(chunk)
        if total > limits.total_bytes:
            raise PackageError(f"a body of at most {limits.total_bytes} bytes", "more", 413)
        yield chunk


def parts(boundary: str, stream: Readable, limits: Limits) -> Iterator[Part]:
    """The parts of a multipart body. Raises PackageError for anything malformed, truncated or beyond the limits."""
    if len(boundary) > MAX_BOUNDARY:
        raise PackageError(f"a boundary of at most {MAX_BOUNDARY} characters", str(len(boundary)))
    if not _BOUNDARY.fullmatch(boundary):
        raise PackageError("a boundary in the characters of RFC 2046", "others")
    reader = _Reader(boundary, pieces(stream, limits))
    for _ in reader.until_delimiter(MAX_PREAMBLE_BYTES):  # a preamble means nothing
        pass
    count = 0
    while reader.another_part():
        if count > limits.documents:
            raise PackageError(f"at most {limits.documents} documents", "more")
        chunks = reader.until_delimiter()
        yield Part(reader.headers(limits), chunks)
        for _ in chunks:  # what the consumer left
            pass
        count += 1
    reader.drain()


class _Reader:
    """The bytes of a multipart body, in the order in which they come. Holds a chunk and little more.

    A delimiter is the line break before a boundary, too: the body is read as if it began with one. Lines end in CRLF
    (RFC 2046 §4.1.1), or in LF alone where the first delimiter does: NIST's PnrXop and PnrNoXop are sent so.
    """

    def __init__(self, boundary: str, source: Iterator[bytes]) -> None:
        self._boundary = f"--{boundary}".encode("ascii")
        self._newline, self._told = b"\n", False  # LF is found in both, until the first delimiter tells
        self._source = source
        self._held = bytearray(b"\n")

    def until_delimiter(self, limit: int | None = None) -> Iterator[bytes]:
        """What stands before the next delimiter, which is consumed. Raises PackageError beyond `limit` bytes."""
        delimiter = self._newline + self._boundary
        total = 0
        while True:
            found = self._held.find(delimiter)
            end = found if found >= 0 else max(0, len(self._held) - len(delimiter) + 1)
            total += end
            if limit is not None and total > limit:
                raise PackageError(*_MALFORMED)
            if end:
                yield bytes(self._held[:end])
            if found >= 0:
                del self._held[: found + len(delimiter)]
                return
            del self._held[:end]
            self._more()

    def another_part(self) -> bool:
        """Whether a part follows the delimiter just consumed. Source: RFC 2046 §5.1.1 (transport-padding)."""
        if self._starts_with(b"--"):
            return False
        line = self._line(CHUNK_BYTES)
        if not self._told:
            self._newline, self._told = (b"\r\n" if line.endswith(b"\r") else b"\n"), True
            line = line.removesuffix(b"\r")
        if line.strip(b" \t"):
            raise PackageError(*_MALFORMED)
        return True

    def headers(self, limits: Limits) -> dict[str, str]:
        """The header fields of a part, by lower-case name, unfolded, and the empty line after them."""
        found: dict[str, str] = {}
        while line := self._field(limits.header_bytes):
            name, colon, value = line.partition(b":")
            if not colon or not _FIELD_NAME.fullmatch(name.rstrip(b" \t")):
                raise PackageError(*_MALFORMED)
            key = name.rstrip(b" \t").decode("ascii").lower()
            if key in found:
                raise PackageError("every header of a part once", f"{key[:40]} twice")
            if len(found) >= limits.headers:
                raise PackageError(f"at most {limits.headers} headers on a part", "more")
            found[key] = value.decode("latin-1").strip()
        if self._starts_with(self._boundary):
            self._held[:0] = self._newline  # a part without a body: the empty line is the delimiter's own line break
        return found

    def drain(self) -> None:
        """Reads the epilogue, which means nothing, to its end."""
        self._held.clear()
        for _ in self._source:
            pass

    def _field(self, limit: int) -> bytes:
        """A header line with those that continue it; b'' for the empty line after the last."""
        field = self._line(limit)
        while field and (self._starts_with(b" ") or self._starts_with(b"\t")):
            field += b"\r\n" + self._line(limit)
            if len(field) > limit:
                raise PackageError(f"headers of at most {limit} bytes", "a longer one")
        return _FOLD.sub(rb"\1", field)

    def _line(self, limit: int) -> bytes:
        """The next line, without its line break."""
        start = 0
        while (found := self._held.find(self._newline, start)) < 0:
            if len(self._held) > limit:
                raise PackageError(f"lines of at most {limit} bytes outside the bytes of parts", "a longer one")
            start = max(0, len(self._held) - 1)
            self._more()
        if found > limit:
            raise PackageError(f"lines of at most {limit} bytes outside the bytes of parts", "a longer one")
        line = bytes(self._held[:found])
        del self._held[: found + len(self._newline)]
        return line

    def _starts_with(self, prefix: bytes) -> bool:
        while len(self._held) < len(prefix) and prefix.startswith(self._held):
            self._more()
        return self._held.startswith(prefix)

    def _more(self) -> None:
        piece = next(self._source, b"")
        if not piece:
            raise PackageError("a closing boundary at the end of the body", "a truncated body")
        self._held += piece


def decoded(part: Part) -> Iterator[bytes]:
    """The bytes of a part, its transfer encoding undone. Raises PackageError, Base64Error. Source: RFC 2045 §6."""
    encoding = part.headers.get("content-transfer-encoding", "binary").lower()
    if encoding in ("binary", "8bit", "7bit"):
        return part.chunks
    if encoding == "base64":
        return _from_base64(part.chunks)
    if encoding == "quoted-printable":
        return _from_quoted_printable(part.chunks)
    raise PackageError("a Content-Transfer-Encoding of RFC 2045", encoding[:40])


def _from_base64(chunks: Iterator[bytes]) -> Iterator[bytes]:
    ready: list[bytes] = []
    take: Callable[[bytes], None] = ready.append
    decoder = Base64Decoder(take)
    for chunk in chunks:
        decoder.feed(chunk.decode("latin-1"))
        yield from ready
        ready.clear()
    decoder.close()


def _from_quoted_printable(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Line by line: an escape never goes over the end of one. Source: RFC 2045 §6.7."""
    held = b""
    for chunk in chunks:
        whole, newline, held = (held + chunk).rpartition(b"\n")
        if len(held) > MAX_QUOTED_LINE_BYTES:
            raise PackageError(f"quoted-printable lines of at most {MAX_QUOTED_LINE_BYTES} bytes", "a longer one")
        if newline:
            yield binascii.a2b_qp(whole + newline)
    yield binascii.a2b_qp(held)


@dataclass(frozen=True, slots=True)
class OutgoingPart:
    """One part to send: `size` is what `chunks` yields, in bytes. The header values must be free of line breaks."""

    content_id: str
    content_type: str
    size: int
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A response body and its headers; `chunks` yields `length` bytes."""

    content_type: str
    length: int
    chunks: Iterator[bytes]


def write_related(boundary: str, parameters: str, outgoing: Sequence[OutgoingPart]) -> Outgoing:
    """A multipart/related body of these parts; `parameters` follow the boundary in Content-Type."""
    heads = [
        f"{'' if number == 0 else chr(13) + chr(10)}--{boundary}\r\nContent-Type: {part.content_type}\r\n"
        f"Content-Transfer-Encoding: binary\r\nContent-ID: <{part.content_id}>\r\n\r\n".encode()
        for number, part in enumerate(outgoing)
    ]
    tail = f"\r\n--{boundary}--\r\n".encode()

    def chunks() -> Iterator[bytes]:
        for head, part in zip(heads, outgoing, strict=True):
            yield head
            yield from part.chunks
        yield tail

    length = sum(map(len, heads)) + sum(part.size for part in outgoing) + len(tail)
    return Outgoing(f'{MULTIPART}; boundary="{boundary}"; {parameters}', length, chunks())
