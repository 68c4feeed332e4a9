"""The one place where XML is parsed.

Two readers, both without DTD, entities, network or unbounded depth:

- `parse` builds a tree from bytes of a known, modest size;
- `condense` reads a stream of any size in constant memory, hands the text of chosen elements to a sink, drops the
  subtrees nobody asked for, and returns what is left as a small document that `parse` accepts.

What a parser keeps is bounded on every side: bytes, depth, length of a name and of a tag, attributes of an element,
different names (a parser remembers each, lxml for the life of the thread), elements and attributes in all.

Source: OWASP XML External Entity Prevention; XML 1.0 5th edition §2.8 (a document type declaration is refused).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from xml.parsers import expat

from lxml import etree

from schemas.errors import UnexpectedError

MAX_TREE_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 200
MAX_ATTRIBUTES = 200
MAX_NAME = 1000  # characters of an element's or attribute's name, prefix included
MAX_NAMES = 10_000  # different ones in a document
MAX_NODES = 500_000  # elements and attributes in a tree: 16 MB of `<a/>` would take 500 MB
MAX_TOKEN_BYTES = 1024 * 1024  # a start tag, a comment, an instruction: expat holds one whole
LONG_BYTES = 10_000_000  # a longer document can hold values that lxml refuses by itself
CHECKED_BYTES = 128 * 1024  # a shorter document can hold nothing that hurts
ENCODINGS = frozenset({"UTF-8", "UTF-16", "UTF-16LE", "UTF-16BE", "US-ASCII", "ASCII", "ISO-8859-1", "ISO-8859-15"})

Path = tuple[str, ...]
TextSink = Callable[[str], None]

_parsers = threading.local()


def drop(_text: str) -> None:
    """A sink for text that nobody wants: it does not even become a string."""


class XmlError(UnexpectedError):
    """The bytes are not XML that this house reads. `line` is where, 1 for what is wrong with the whole."""

    line = 1


def local_name(tag: object) -> str:
    """The name without its namespace, for `{ns}name` and `prefix:name` alike ('' for a comment or an instruction)."""
    if not isinstance(tag, str):
        return ""
    return tag.rpartition("}")[2].rpartition(":")[2]


def parse(data: bytes, *, max_bytes: int = MAX_TREE_BYTES, long_values: bool = False) -> etree._Element:
    """The root element of `data`. Raises XmlError for anything malformed, oversized, with a DTD, or too deep.

    With `long_values` an attribute or a text may be as long as the document: FHIR has documents in attributes.
    """
    if len(data) > max_bytes:
        raise XmlError(f"at most {max_bytes} bytes of XML", f"{len(data)} bytes")
    if len(data) > CHECKED_BYTES:
        _Checker().read(data)
    try:
        root = etree.fromstring(data, _long_parser() if long_values and len(data) > LONG_BYTES else _parser())
    except etree.XMLSyntaxError as error:
        raise _syntax_error(*error.position) from None
    except (ValueError, LookupError):
        raise XmlError("XML in a known encoding", "bytes that cannot be decoded") from None
    info = root.getroottree().docinfo
    if info.internalDTD is not None:
        raise XmlError("XML without a document type declaration", "a DOCTYPE")
    _check_encoding(info.encoding)
    return root


def violations(data: bytes, schema: etree.XMLSchema) -> etree._ListErrorLog | None:
    """What in `data`, which `parse` accepts, a schema does not allow, without places; None when it allows everything.

    The time that it takes grows with the document alone, however many violations there are.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, schema=schema)
    try:
        etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        return parser.error_log
    return None


def _syntax_error(line: int, column: int) -> XmlError:
    error = XmlError("well-formed XML", f"a syntax error at line {line}, column {column}")
    error.line = line
    return error


def _check_encoding(encoding: str | None) -> None:
    if (encoding or "UTF-8").upper() not in ENCODINGS:
        raise XmlError(f"an encoding among {', '.join(sorted(ENCODINGS))}", str(encoding)[:40])


def _parser() -> etree.XMLParser:
    """One parser for each thread: lxml serialises calls on a shared one."""
    parser: etree.XMLParser | None = getattr(_parsers, "parser", None)
    if parser is None:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        _parsers.parser = parser
    return parser


def _long_parser() -> etree.XMLParser:
    """One without the limits of lxml itself, for what `_Checker` has read: no DTD, and the limits above."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)


def condense(
    chunks: Iterable[bytes],
    *,
    keep: Callable[[Path], bool],
    text_sink: Callable[[Path, dict[str, str]], TextSink | None] = lambda _path, _attributes: None,
    max_kept: int = MAX_TREE_BYTES,
    lines: list[int] | None = None,
) -> bytes:
    """What is left of a long document when only the elements whose path `keep` accepts are kept, as UTF-8 bytes.

    A path is the local names from the root. Where `text_sink` returns a sink for an element, the text directly in it
    goes there, chunk by chunk, and the element stays without. The whole stream is checked for well-formedness.
    `lines` receives the line of each element that is left, in their order.

    Raises XmlError.
    """
    condenser = _Condenser(keep, text_sink, max_kept, [] if lines is None else lines)
    for chunk in chunks:
        condenser.feed(chunk)
    condenser.close()
    return condenser.kept()


class _Checker:
    """Expat, and the limits that it does not know. Keeps nothing but the names that it has seen."""

    def __init__(self) -> None:
        self._depth = self._nodes = self._fed = self._known_names = 0
        self._names: dict[str, str] = {}
        self._prefixes: list[frozenset[str]] = [frozenset({"xml"})]  # declared for each open element
        self._expat = expat.ParserCreate(intern=self._names)
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.StartDoctypeDeclHandler = self._doctype
        self._expat.XmlDeclHandler = self._declaration

    def read(self, data: bytes) -> None:
        """Reads a whole document. Raises XmlError."""
        self.feed(data)
        self.close()

    def feed(self, chunk: bytes) -> None:
        """Reads the next bytes. Raises XmlError, as soon as a token is longer than MAX_TOKEN_BYTES."""
        self._parse(chunk, final=False)
        self._fed += len(chunk)
        if self._fed - self._expat.CurrentByteIndex > MAX_TOKEN_BYTES:
            raise XmlError(f"tags, comments and instructions of at most {MAX_TOKEN_BYTES} bytes", "a longer one")

    def close(self) -> None:
        """The document ends here. Raises XmlError when it is not complete."""
        self._parse(b"", final=True)

    def _parse(self, chunk: bytes, *, final: bool) -> None:
        try:
            self._expat.Parse(chunk, final)
        except expat.ExpatError as error:
            raise _syntax_error(error.lineno, error.offset) from None
        except XmlError as error:  # of a handler
            error.line = self._expat.CurrentLineNumber
            raise
        except (ValueError, LookupError):
            raise XmlError("XML in a known encoding", "bytes that cannot be decoded") from None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._enter(name, attributes)
        self._count(attributes)

    def _enter(self, name: str, attributes: dict[str, str]) -> None:
        """Judges a start tag by itself."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise XmlError(f"at most {MAX_DEPTH} nested elements", "more")
        if len(attributes) > MAX_ATTRIBUTES:
            raise XmlError(f"at most {MAX_ATTRIBUTES} attributes on an element", "more")
        if len(self._names) > self._known_names:
            self._check_names(name, attributes)
        if ":" in name or ":" in "".join(attributes):
            self._declare(name, attributes)
        else:
            self._prefixes.append(self._prefixes[-1])

    def _check_names(self, name: str, attributes: dict[str, str]) -> None:
        """Names are judged when they are new."""
        self._known_names = len(self._names)
        if len(name) > MAX_NAME or any(len(attribute) > MAX_NAME for attribute in attributes):
            raise XmlError(f"names of at most {MAX_NAME} characters", "a longer one")
        if self._known_names > MAX_NAMES:
            raise XmlError(f"at most {MAX_NAMES} different names", "more")

    def _declare(self, name: str, attributes: dict[str, str]) -> None:
        """Every prefix in use is declared: where nothing is kept, no later reader would find out.

        Source: Namespaces in XML 1.0 3rd edition §5 (NSC: Prefix Declared).
        """
        declared = self._prefixes[-1]
        prefixed = [qualified.split(":", 1) for qualified in (name, *attributes) if ":" in qualified]
        if new := {local for prefix, local in prefixed if prefix == "xmlns"}:
            declared |= new
        self._prefixes.append(declared)
        if any(prefix != "xmlns" and prefix not in declared for prefix, _ in prefixed):
            raise XmlError("declared namespace prefixes", "another")

    def _count(self, attributes: dict[str, str]) -> None:
        """Notes an element that a tree would hold."""
        self._nodes += 1 + len(attributes)
        if self._nodes > MAX_NODES:
            raise XmlError(f"at most {MAX_NODES} elements and attributes", "more")

    def _end(self, _name: str) -> None:
        self._depth -= 1
        self._prefixes.pop()

    def _doctype(self, *_: object) -> None:
        raise XmlError("XML without a document type declaration", "a DOCTYPE")

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        _check_encoding(encoding)


class _Condenser(_Checker):
    """Expat events in, a smaller document out. Names and namespace declarations pass through as they were written."""

    def __init__(
        self,
        keep: Callable[[Path], bool],
        text_sink: Callable[[Path, dict[str, str]], TextSink | None],
        max_kept: int,
        lines: list[int],
    ) -> None:
        super().__init__()
        self._keep, self._text_sink, self._max_kept, self._lines = keep, text_sink, max_kept, lines
        self._path: Path = ()
        self._skipped = 0
        self._sinks: list[TextSink | None] = []  # of the open elements
        self._output = bytearray()
        self._expat.buffer_text = True
        self._expat.buffer_size = 65536
        self._expat.CharacterDataHandler = self._text

    def kept(self) -> bytes:
        """The document that is left, as UTF-8."""
        return bytes(self._output)

    def _emit(self, piece: str) -> None:
        self._output += piece.encode()
        if len(self._output) > self._max_kept:
            raise XmlError(f"at most {self._max_kept} bytes of XML outside document bodies", "more")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._enter(name, attributes)
        if self._skipped:
            self._skipped += 1
            return
        path = (*self._path, local_name(name))
        if not self._keep(path):
            self._skipped = 1
            self._expat.CharacterDataHandler = None
            return
        self._count(attributes)
        self._lines.append(self._expat.CurrentLineNumber)
        self._path = path
        self._sinks.append(self._text_sink(path, attributes))
        self._listen()
        written = "".join(f' {key}="{_escape_attribute(value)}"' for key, value in attributes.items())
        self._emit(f"<{name}{written}>")

    def _end(self, name: str) -> None:
        super()._end(name)
        if self._skipped:
            self._skipped -= 1
        else:
            self._path = self._path[:-1]
            self._sinks.pop()
            self._emit(f"</{name}>")
        if not self._skipped:
            self._listen()

    def _listen(self) -> None:
        """Hears the text of the open element, unless it is dropped."""
        wanted = bool(self._sinks) and self._sinks[-1] is not drop
        self._expat.CharacterDataHandler = self._text if wanted else None

    def _text(self, data: str) -> None:
        sink = self._sinks[-1]
        if sink is not None:
            sink(data)
        else:
            self._emit(data.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;"))


def _escape_attribute(value: str) -> str:
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return escaped.replace("\t", "&#9;").replace("\n", "&#10;").replace("\r", "&#13;")
