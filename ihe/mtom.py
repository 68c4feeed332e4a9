"""MTOM messages: a SOAP envelope with its documents beside it (XOP) or inside it (base64), in constant memory.

Documents go chunk by chunk into sinks that the caller provides; only the envelope without them becomes a tree. Nothing
is ever put back into the tree, so an xop:Include costs what its part costs, once.

Source: ITI TF-2 Appendix V.3.6; XOP 1.0 §4 and §5; MTOM §3; RFC 2387 (multipart/related); RFC 2392 (cid).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Generic, Protocol, TypeVar

from lxml import etree

from ihe.identifiers import XDS, XOP
from ihe.mime import (
    MULTIPART,
    SOAP_XML,
    XOP_XML,
    Limits,
    Outgoing,
    OutgoingPart,
    PackageError,
    Part,
    Readable,
    content_type,
    decoded,
    parts,
    pieces,
    write_related,
)
from ihe.soap import BODY
from schemas.base64_stream import Base64Decoder
from schemas.xml import Path, TextSink, condense, parse

TREE_BYTES = 1024 * 1024  # a longer envelope is condensed before it becomes a tree
ROOT_CONTENT_ID = "envelope@open-dmp"

_INCLUDE = f"{{{XOP}}}Include"
_DOCUMENT_PATH = ("Envelope", "Body", "ProvideAndRegisterDocumentSetRequest", "Document")
_DOCUMENTS = f"{BODY}/{{{XDS}}}ProvideAndRegisterDocumentSetRequest/{{{XDS}}}Document"
_BODY_START = re.compile(rb"<((?:[A-Za-z_][\w.-]*:)?)Body[\s/>]")
_CHARSETS = frozenset({"utf-8", "us-ascii", "utf-16", "utf-16le", "utf-16be"})
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")


class Sink(Protocol):
    """Where the bytes of one document go."""

    def write(self, chunk: bytes, /) -> None: ...


S = TypeVar("S", bound=Sink)


@dataclass(frozen=True, slots=True)
class Package(Generic[S]):
    """An envelope without its documents, and the sinks that took them, by Document/@id, in the order of the request."""

    root: etree._Element
    documents: dict[str, S]
    packaged: bool  # MTOM, not simple SOAP


def read_package(
    header: str,
    stream: Readable,
    stage: Callable[[], S],
    limits: Limits,
    on_root: Callable[[etree._Element], None],
) -> Package[S]:
    """Reads one request body, MTOM or simple SOAP, to its end; `header` is its Content-Type.

    `on_root` is called once with the envelope, before any document of an envelope that comes first is staged; the body
    it shows is empty when the envelope is longer than TREE_BYTES. What it raises ends the reading.
    Raises PackageError, XmlError, and whatever a sink raises; the caller discards what was staged.
    """
    media_type, parameters = content_type(header)
    assembly = _Assembly(stage, limits, on_root)
    if media_type == SOAP_XML:
        _check_charset(parameters)
        assembly.read_root(pieces(stream, limits))
    elif media_type == MULTIPART:
        _read_related(parameters, stream, limits, assembly)
    else:
        raise PackageError(f"Content-Type {MULTIPART} or {SOAP_XML}", media_type[:80] or "none", 415)
    return assembly.package(packaged=media_type == MULTIPART)


def is_packaged(header: str) -> bool:
    """Whether a Content-Type announces MTOM."""
    return content_type(header)[0] == MULTIPART


def write_package(boundary: str, root: bytes, documents: Sequence[OutgoingPart] = ()) -> Outgoing:
    """An MTOM answer: the envelope, then its documents. `boundary` must be unpredictable."""
    kind = f'{XOP_XML}; charset=UTF-8; type="{SOAP_XML}"'
    parameters = f'type="{XOP_XML}"; start="<{ROOT_CONTENT_ID}>"; start-info="{SOAP_XML}"'
    envelope = OutgoingPart(ROOT_CONTENT_ID, kind, len(root), iter([root]))
    return write_related(boundary, parameters, [envelope, *documents])


def _read_related(parameters: dict[str, str], stream: Readable, limits: Limits, assembly: _Assembly[S]) -> None:
    _check_parameters(parameters)
    start = _content_id(parameters["start"]) if "start" in parameters else None
    for part in parts(parameters["boundary"], stream, limits):
        name = _content_id(part.headers.get("content-id", ""))
        is_root = not assembly.has_root and (start is None or name == start)
        assembly.claim(name, is_root=is_root)
        chunks = decoded(part)
        if is_root:
            _check_root(part)
            assembly.read_root(chunks)
        else:
            assembly.read_part(name, chunks)


def _check_parameters(parameters: dict[str, str]) -> None:
    """Source: RFC 2387 §3; ITI TF-2 V.3.6; XOP 1.0 §5."""
    if not parameters.get("boundary"):
        raise PackageError("a boundary in Content-Type", "none")
    kind = parameters.get("type", "none").lower()
    if kind != XOP_XML:
        raise PackageError(f'type="{XOP_XML}" in Content-Type', kind[:80], 415)
    info = _media_type(parameters.get("start-info", SOAP_XML))
    if info != SOAP_XML:
        raise PackageError(f'start-info="{SOAP_XML}" in Content-Type', info[:80], 415)


def _check_root(part: Part) -> None:
    media_type, parameters = content_type(part.headers.get("content-type", ""))
    inner = _media_type(parameters.get("type", SOAP_XML))
    if (media_type, inner) != (XOP_XML, SOAP_XML):
        raise PackageError(f'{XOP_XML}; type="{SOAP_XML}" as root part', f"{media_type}; {inner}"[:120])
    _check_charset(parameters)


def _check_charset(parameters: dict[str, str]) -> None:
    """The encodings that every XML processor reads; which one it is, the bytes say.

    Source: SOAP 1.2 Part 1 §5 (infoset), RFC 7303 §3 (a byte order mark comes before charset).
    """
    charset = parameters.get("charset", "utf-8").strip().lower()
    if charset not in _CHARSETS:
        raise PackageError("charset UTF-8 or UTF-16 for an envelope", charset[:40], 415)


def _media_type(value: str) -> str:
    return value.partition(";")[0].strip().lower()


def _content_id(header: str) -> str:
    """A Content-ID without its angle brackets."""
    return header.strip().removeprefix("<").removesuffix(">")


def _without_body(head: bytearray) -> bytes:
    """The start of a long envelope, closed where its body begins.

    When this parses, the header it shows is the one of the whole envelope: a `<Body` inside a comment, a CDATA section
    or a processing instruction would leave that unclosed.
    """
    found = _BODY_START.search(head)
    if found is None:
        raise PackageError(f"a SOAP Body within the first {TREE_BYTES} bytes, in UTF-8", "none")
    prefix = found[1]
    return bytes(head[: found.start()]) + b"<%bBody/></%bEnvelope>" % (prefix, prefix)


class _Bounded:
    """A sink that takes so many bytes and no more."""

    def __init__(self, sink: Sink, limit: int) -> None:
        self._sink, self._left, self._limit = sink, limit, limit

    def write(self, chunk: bytes) -> None:
        self._left -= len(chunk)
        if self._left < 0:
            raise PackageError(f"documents of at most {self._limit} bytes", "a longer one", 413)
        self._sink.write(chunk)


@dataclass(slots=True)
class _Assembly(Generic[S]):
    """What has been read so far of one package. No document is staged once `on_root` has refused."""

    stage: Callable[[], S]
    limits: Limits
    on_root: Callable[[etree._Element], None]
    root: etree._Element | None = None
    names: dict[str, str] = field(default_factory=dict)  # Document/@id -> Content-ID, '' when inline
    inline: dict[str, S] = field(default_factory=dict)  # by Document/@id
    parts: dict[str, S] = field(default_factory=dict)  # by Content-ID
    content_ids: set[str] = field(default_factory=set)
    before_root: int = 0

    @property
    def has_root(self) -> bool:
        return self.root is not None

    def claim(self, content_id: str, *, is_root: bool) -> None:
        """Notes one more part. Raises PackageError for a Content-ID repeated, missing, or referred to nowhere."""
        if not content_id and not is_root:
            raise PackageError("a Content-ID on every part", "none")
        if content_id in self.content_ids:
            raise PackageError("a different Content-ID on every part", "the same one twice")
        if self.has_root and content_id not in self.names.values():
            raise PackageError("parts that an xop:Include refers to", "another part")
        self.content_ids.add(content_id)

    def read_part(self, content_id: str, chunks: Iterable[bytes]) -> None:
        """Stages one document part."""
        self.parts[content_id] = sink = self.stage()
        bounded = _Bounded(sink, self.limits.document_bytes)
        for chunk in chunks:
            if not self.has_root:
                self.before_root += len(chunk)
                if self.before_root > self.limits.before_root_bytes:
                    raise PackageError(f"at most {self.limits.before_root_bytes} bytes before the root", "more", 413)
            bounded.write(chunk)

    def read_root(self, chunks: Iterable[bytes]) -> None:
        """Reads the envelope and takes the documents out of it."""
        rest = iter(chunks)
        head = bytearray()
        for chunk in rest:
            head += chunk
            if len(head) > TREE_BYTES:
                self.on_root(parse(_without_body(head)))
                self.root = self._condensed(chain([bytes(head)], rest))
                break
        else:
            self.root = parse(bytes(head))
            self.on_root(self.root)
        self._read_documents(self.root)

    def package(self, *, packaged: bool) -> Package[S]:
        """The whole package. Raises PackageError when references and parts do not match one to one."""
        if self.root is None:
            raise PackageError("the part that start names", "none")
        if self.parts.keys() - set(self.names.values()):
            raise PackageError("parts that an xop:Include refers to", "another part")
        documents: dict[str, S] = {}
        for name, content_id in self.names.items():
            if content_id and content_id not in self.parts:
                raise PackageError("a part for every xop:Include", "an href that no Content-ID matches")
            documents[name] = self.parts[content_id] if content_id else self.inline[name]
        return Package(self.root, documents, packaged)

    def _condensed(self, chunks: Iterable[bytes]) -> etree._Element:
        """A long envelope as a tree, its inline documents decoded into sinks on the way."""
        decoders: list[Base64Decoder] = []

        def text_sink(path: Path, attributes: dict[str, str]) -> TextSink | None:
            if path != _DOCUMENT_PATH:
                return None
            decoders.append(self._decoder(attributes.get("id", "")))
            return decoders[-1].feed

        kept = condense(chunks, keep=lambda _path: True, text_sink=text_sink, max_kept=self.limits.root_bytes)
        for decoder in decoders:
            decoder.close()
        return parse(kept)

    def _decoder(self, name: str) -> Base64Decoder:
        """Where the text of one more inline document goes."""
        if name in self.inline:
            raise PackageError("a different id on every Document", "the same one twice")
        bounded: _Bounded | None = None

        def write(chunk: bytes) -> None:
            """Stages the document with its first bytes: one that an xop:Include stands for has none here."""
            nonlocal bounded
            if bounded is None:
                if len(self.inline) >= self.limits.documents:
                    raise PackageError(f"at most {self.limits.documents} documents", "more")
                self.inline[name] = sink = self.stage()
                bounded = _Bounded(sink, self.limits.document_bytes)
            bounded.write(chunk)

        return Base64Decoder(write)

    def _read_documents(self, root: etree._Element) -> None:
        """Notes every Document of the request; decodes those whose text is still in the tree."""
        for document in root.findall(_DOCUMENTS):
            name = document.get("id", "")
            if not name or name in self.names:
                raise PackageError("a different id on every Document", "the same one twice" if name else "none")
            if len(self.names) >= self.limits.documents:
                raise PackageError(f"at most {self.limits.documents} documents", "more")
            include = document.find(_INCLUDE)
            self.names[name] = "" if include is None else self._reference(document, include)
            if include is None and name not in self.inline:
                self._decode(document, name)
        includes = sum(1 for _ in root.iter(_INCLUDE))
        if includes != sum(1 for content_id in self.names.values() if content_id):
            raise PackageError("xop:Include in Document elements only", "one elsewhere")

    def _reference(self, document: etree._Element, include: etree._Element) -> str:
        """The Content-ID that an xop:Include stands for. Source: XOP 1.0 §4.1; RFC 2392 §2."""
        text = document.get("id") in self.inline or (document.text or "").strip()
        if len(document) != 1 or text or (include.tail or "").strip():
            raise PackageError("base64 text or one xop:Include in Document", "both")
        href = include.get("href", "").strip()
        scheme, _, escaped = href.partition(":")
        content_id = _PERCENT.sub(lambda escape: chr(int(escape[1], 16)), escaped)
        if scheme.lower() != "cid" or not content_id:
            raise PackageError("an href cid: in xop:Include", href[:40] or "none")
        if content_id in self.names.values():
            raise PackageError("a different href in every xop:Include", "the same one twice")
        return content_id

    def _decode(self, document: etree._Element, name: str) -> None:
        if len(document):
            raise PackageError("base64 text or one xop:Include in Document", "another element")
        decoder = self._decoder(name)
        decoder.feed(document.text or "")
        decoder.close()
        document.text = None
        if name not in self.inline:
            self.inline[name] = self.stage()  # a document of no bytes
