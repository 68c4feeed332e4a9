"""MTOM/XOP packages, streamed both ways: a document never sits whole in memory.

Sources: ITI TF-2 Appendix V.3.6 (MTOM); XOP 1.0 4.1; RFC 2046 5.1 (multipart); RFC 2387 (multipart/related).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import quote, unquote

from lxml import etree

from conformance.lps import LpsUsageError
from conformance.lps.soap import XDS, XOP, LpsError
from schemas.xml import TextSink, XmlError, condense

CHUNK = 3 << 15  # a multiple of 3, so that base64 chunks join without padding
ENVELOPE_LIMIT = 8 << 20  # an envelope above this carries documents inline: they are streamed out of it
_MAX_HEADER = 16 << 10
_MAX_PARTS = 1000
_BLANKS = re.compile(r"[ \t\r\n]+")


class Readable(Protocol):
    """Where an answer is read from."""

    def read(self, amount: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Attachment:
    """A document to send: a file or bytes, with its media type. `size` is in bytes."""

    source: Path | bytes
    media_type: str
    size: int
    content_id: str = field(default_factory=lambda: f"{uuid.uuid4()}@lps")

    def chunks(self) -> Iterator[bytes]:
        """The bytes. Raises LpsUsageError when a file no longer has the announced size."""
        if isinstance(self.source, bytes):
            yield self.source
            return
        sent = 0
        with self.source.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                sent += len(chunk)
                if sent > self.size:
                    break
                yield chunk
        if sent != self.size:
            raise LpsUsageError(f"{self.source}: expected {self.size} bytes, got another size: it changed while sent")


class Package:
    """A multipart/related body: the envelope, then the attachments it includes (or none of them, when `inline`).

    Iterating gives the bytes, as often as one likes; `len` their number; `content_type` the header to send.
    """

    def __init__(self, envelope: Sequence[bytes | Attachment], action: str, *, inline: bool = False) -> None:
        self._boundary = f"lps-{uuid.uuid4().hex}"
        self._inline = inline
        self._attachments = [piece for piece in envelope if isinstance(piece, Attachment)]
        self._envelope = envelope
        root = "root.message@lps"
        self.content_type = (
            f'multipart/related; type="application/xop+xml"; start="<{root}>"; start-info="application/soap+xml"; '
            f'boundary="{self._boundary}"; action="{action}"'
        )
        self._root_head = self._part_head('application/xop+xml; charset=UTF-8; type="application/soap+xml"', root)

    def _part_head(self, media_type: str, content_id: str) -> bytes:
        return (
            f"--{self._boundary}\r\nContent-Type: {media_type}\r\n"
            f"Content-Transfer-Encoding: binary\r\nContent-ID: <{content_id}>\r\n\r\n"
        ).encode()

    def _pieces(self) -> Iterator[bytes | Attachment | _Base64]:
        yield self._root_head
        for piece in self._envelope:
            if isinstance(piece, bytes):
                yield piece
            elif self._inline:
                yield _Base64(piece)
            else:
                yield f'<xop:Include xmlns:xop="{XOP}" href="cid:{quote(piece.content_id, safe="@")}"/>'.encode()
        for attachment in () if self._inline else self._attachments:
            yield b"\r\n" + self._part_head(attachment.media_type, attachment.content_id)
            yield attachment
        yield f"\r\n--{self._boundary}--\r\n".encode()

    def __len__(self) -> int:
        return sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in self._pieces())

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces():
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from piece.chunks()


@dataclass(frozen=True, slots=True)
class _Base64:
    """An attachment as canonical base64 text, without white space. Source: XOP 1.0 3.1."""

    attachment: Attachment

    @property
    def size(self) -> int:
        return 4 * ((self.attachment.size + 2) // 3)

    def chunks(self) -> Iterator[bytes]:
        return map(base64.b64encode, self.attachment.chunks())


@dataclass(frozen=True, slots=True)
class Stored:
    """A document received to a file. `size` is in bytes, `sha1` hexadecimal."""

    path: Path
    size: int
    sha1: str


@dataclass(frozen=True, slots=True)
class Received:
    """An answer: the envelope, the parts by Content-ID, and the documents streamed out of a long envelope, in order."""

    envelope: bytes
    parts: dict[str, Stored]
    inline: tuple[Stored, ...] = ()

    def documents(self, response: etree._Element, folder: Path) -> list[Stored | None]:
        """For each Document of a RetrieveDocumentSetResponse where it was stored; None when its part did not come."""
        found: list[Stored | None] = []
        for number, document in enumerate(response.iter(f"{{{XDS}}}Document")):
            include = document.find(f"{{{XOP}}}Include")
            if include is not None:
                found.append(self.parts.get(unquote(str(include.get("href") or "").removeprefix("cid:"))))
            elif self.inline:
                found.append(self.inline[number])
            else:
                writer = _Writer(folder)
                writer.base64(document.text or "")
                found.append(writer.close())
        return found


def receive(
    stream: Readable, content_type: str, folder: Path, *, progress: Callable[[int], None] = lambda _bytes: None
) -> Received:
    """Reads an answer, simple SOAP or MTOM; documents go to files in `folder`. Raises LpsError when it is neither.

    `progress` is told the number of bytes as they come.
    """
    header = Message()
    header["Content-Type"] = content_type
    chunks = _chunks(stream, progress)
    if header.get_content_type() != "multipart/related":
        return _received(chunks, {}, folder)
    boundary = header.get_boundary()
    if not boundary:
        raise LpsError("Transport", "expected a boundary in multipart/related, got none", "Content-Type")
    start = str(header.get_param("start") or "").strip("<>")
    parts: dict[str, Stored] = {}
    received: Received | None = None
    for content_id, body in _Multipart(chunks, boundary.encode()).parts():
        if received is None and start in ("", content_id):
            received = _received(body, parts, folder)
        else:
            writer = _Writer(folder)
            for chunk in body:
                writer.write(chunk)
            parts[content_id] = writer.close()
    for _ in chunks:
        pass  # the epilogue: a connection can serve again only when its answer was read to the end
    if received is None:
        raise LpsError("Transport", "expected the start part of multipart/related, got none", "MIME")
    return received


def _chunks(stream: Readable, progress: Callable[[int], None]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        progress(len(chunk))
        yield chunk


def _received(chunks: Iterable[bytes], parts: dict[str, Stored], folder: Path) -> Received:
    with tempfile.SpooledTemporaryFile(max_size=ENVELOPE_LIMIT, dir=str(folder)) as spool:
        for chunk in chunks:
            spool.write(chunk)
        size = spool.tell()
        spool.seek(0)
        if size <= ENVELOPE_LIMIT:
            return Received(spool.read(), parts)
        return _long_envelope(spool, parts, folder)


def _long_envelope(spool: Readable, parts: dict[str, Stored], folder: Path) -> Received:
    writers: list[_Writer] = []

    def sink(path: tuple[str, ...], _attributes: dict[str, str]) -> TextSink | None:
        if path[-2:] != ("DocumentResponse", "Document"):
            return None
        writers.append(_Writer(folder))
        return writers[-1].base64

    try:
        envelope = condense(iter(lambda: spool.read(CHUNK), b""), keep=lambda _path: True, text_sink=sink)
    except XmlError as error:
        raise LpsError("Transport", f"expected a SOAP envelope, got {error.got}", "XML") from None
    return Received(envelope, parts, tuple(writer.close() for writer in writers))


class _Writer:
    """A file being received, with its digest."""

    def __init__(self, folder: Path) -> None:
        descriptor, name = tempfile.mkstemp(prefix="document-", dir=folder)
        self._path = Path(name)
        self._file: BinaryIO = open(descriptor, "wb")  # noqa: PTH123, SIM115 (the descriptor of mkstemp)
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._size = 0
        self._rest = ""

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._sha1.update(data)
        self._size += len(data)

    def base64(self, text: str) -> None:
        """Text of xs:base64Binary, in pieces of any length, with white space. Source: XML Schema Part 2 3.2.16."""
        self._rest += _BLANKS.sub("", text)
        whole = len(self._rest) // 4 * 4
        try:
            self.write(base64.b64decode(self._rest[:whole], validate=True))
        except (binascii.Error, ValueError):
            raise LpsError("Transport", "expected base64 in a Document, got something else", "XML") from None
        self._rest = self._rest[whole:]

    def close(self) -> Stored:
        self._file.close()
        if self._rest:
            raise LpsError("Transport", "expected base64 in a Document, got a truncated text", "XML")
        return Stored(self._path, self._size, self._sha1.hexdigest())


class _Multipart:
    """Pulls the parts of a multipart body out of chunks. A body that was not read is skipped before the next part."""

    def __init__(self, chunks: Iterator[bytes], boundary: bytes) -> None:
        self._chunks = chunks
        self._delimiter = b"\r\n--" + boundary
        self._buffer = b"\r\n"  # so that a boundary on the very first line is one like the others

    def parts(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The Content-ID (without brackets) and the body of each part."""
        self._skip(self._until_delimiter())
        for _ in range(_MAX_PARTS):
            if self._closes():
                return
            self._line()
            headers = self._headers()
            encoding = headers.get("content-transfer-encoding", "binary").lower()
            if encoding not in ("binary", "8bit", "7bit"):
                raise LpsError("Transport", f"expected binary parts, got {encoding[:40]}", "MIME")
            body = self._until_delimiter()
            yield headers.get("content-id", "").strip("<>"), body
            self._skip(body)
        raise LpsError("Transport", f"expected at most {_MAX_PARTS} parts, got more", "MIME")

    @staticmethod
    def _skip(body: Iterator[bytes]) -> None:
        for _ in body:
            pass

    def _fill(self) -> None:
        chunk = next(self._chunks, b"")
        if not chunk:
            raise LpsError("Transport", "expected the closing boundary, got the end of the answer", "MIME")
        self._buffer += chunk

    def _until_delimiter(self) -> Iterator[bytes]:
        keep = len(self._delimiter) - 1
        while (found := self._buffer.find(self._delimiter)) < 0:
            if len(self._buffer) > keep:
                ready, self._buffer = self._buffer[:-keep], self._buffer[-keep:]
                yield ready
            self._fill()
        ready, self._buffer = self._buffer[:found], self._buffer[found + len(self._delimiter) :]
        if ready:
            yield ready

    def _closes(self) -> bool:
        while len(self._buffer) < 2:
            self._fill()
        return self._buffer.startswith(b"--")

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _MAX_HEADER:
                raise LpsError("Transport", f"expected a MIME line of at most {_MAX_HEADER} bytes, got more", "MIME")
            self._fill()
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        return line

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
            if len(headers) > 50:
                raise LpsError("Transport", "expected at most 50 headers in a part, got more", "MIME")
        return headers
