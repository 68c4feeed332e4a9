"""multipart/related on the wire: parts in, one after the other, chunk by chunk; parts out, with a known length.

Source: RFC 2045, RFC 2046 §5.1 (multipart), RFC 2387 (multipart/related).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

CHUNK_BYTES = 64 * 1024
SOAP_XML = "application/soap+xml"
XOP_XML = "application/xop+xml"
MULTIPART = "multipart/related"
MAX_BOUNDARY = 70  # RFC 2046 §5.1.1


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


_END = object()
_Event = dict[str, str] | bytes | object


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
    events = _events(boundary, stream, limits)
    for count, event in enumerate(iter(lambda: next(events, _END), _END)):
        if not isinstance(event, dict):
            raise PackageError("headers before the bytes of a part", "bytes")
        if count > limits.documents:
            raise PackageError(f"at most {limits.documents} documents", "more")
        chunks = _until_end(events)
        yield Part(event, chunks)
        for _ in chunks:  # what the consumer left
            pass


def _until_end(events: Iterator[_Event]) -> Iterator[bytes]:
    for event in events:
        if not isinstance(event, bytes):
            return
        yield event


def _events(boundary: str, stream: Readable, limits: Limits) -> Iterator[_Event]:
    """Headers, then bytes, then the end of the part, for each part."""
    collector = _Collector()
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": collector.part_begin,
            "on_header_field": collector.header_field,
            "on_header_value": collector.header_value,
            "on_header_end": collector.header_end,
            "on_headers_finished": collector.headers_finished,
            "on_part_data": collector.part_data,
            "on_part_end": collector.part_end,
            "on_end": collector.end,
        },
        max_header_count=limits.headers,
        max_header_size=limits.header_bytes,
    )
    for piece in pieces(stream, limits):
        try:
            parser.write(piece)
        except FormParserError:
            raise PackageError("multipart/related with the boundary of Content-Type", "malformed MIME") from None
        yield from collector.taken()
    if not collector.ended:
        raise PackageError("a closing boundary at the end of the body", "a truncated body")


class _Collector:
    """Callbacks of the parser in, events out."""

    def __init__(self) -> None:
        self.ended = False
        self._events: list[_Event] = []
        self._headers: dict[str, str] = {}
        self._name, self._value = bytearray(), bytearray()

    def taken(self) -> list[_Event]:
        events, self._events = self._events, []
        return events

    def part_begin(self) -> None:
        self._headers = {}

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        name = self._name.decode("latin-1").lower()
        if name in self._headers:
            raise PackageError("every header of a part once", f"{name[:40]} twice")
        self._headers[name] = self._value.decode("latin-1").strip()
        self._name.clear()
        self._value.clear()

    def headers_finished(self) -> None:
        self._events.append(self._headers)

    def part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def part_end(self) -> None:
        self._events.append(_END)

    def end(self) -> None:
        self.ended = True


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
