"""Reading a whole CDA R2 document: every element of it, with its line; of each enclosed file, only what it is.

A document of ordinary size is parsed as it stands. A longer one streams through `schemas.xml.condense`: the base64 of
enclosed files is decoded as it goes by and dropped, so that 100 MB need no more memory than the rest of the document.
Nothing is executed: in a document inside its own style sheet, only the ClinicalDocument is looked at.

Source: CI-SIS, volet Structuration minimale (documents signés, autoprésentables); HL7 CDA R2 §4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from lxml import etree

from cda.document import CLINICAL_DOCUMENT, HL7_V3, Wrapper
from cda.enclosed import EnclosedFile
from cda.reading_errors import in_french
from schemas import xml

MAX_PARSED = 4 * 1024 * 1024
MAX_BYTES = 150 * 1024 * 1024  # 100 MB of file are 134 MB of base64
_MAX_LINE = 65_000  # a tree counts no further
MAX_ATTRIBUTE = 100_000  # characters of a value: lists of codes are judged item by item
MAX_WIDTH = 100_000_000  # see `is_wide`
_FEW_ELEMENTS = 5_000
_LONG_ATTRIBUTE = etree.XPath(f"(//@*[string-length() > {MAX_ATTRIBUTE}])[1]/..")


class UnreadableError(ValueError):
    """A document that is none: what was expected, what came, and where."""

    def __init__(self, expected: str, got: str, line: int = 1, path: str = "/") -> None:
        super().__init__(f"line {line}: expected {expected}, got {got}")
        self.expected, self.got, self.line, self.path = expected, got, line, path


@dataclass(frozen=True, slots=True)
class Whole:
    """A document read. `files` are the elements whose text is base64, by element."""

    wrapper: Wrapper
    clinical_document: etree._Element
    files: Mapping[etree._Element, EnclosedFile]
    _lines: Mapping[etree._Element, int] | None = None
    _steps: dict[etree._Element, str] = field(
        default_factory=dict
    )  # names of elements among their siblings, once known

    def is_wide(self) -> bool:
        """Whether telling the place of every element would take too long: each counts what stands before it.

        A validation by libxml2 tells the place of each violation so, on every level, and anything may be one.
        """
        elements = list(self.clinical_document.iter(etree.Element))
        if len(elements) <= _FEW_ELEMENTS:
            return False
        before: dict[etree._Element, int] = {}
        places = Counter[etree._Element | None]()
        for element in elements:
            parent = element.getparent()
            places[parent] += 1
            before[element] = places[parent] + (before.get(parent, 0) if parent is not None else 0)
        return sum(before.values()) > MAX_WIDTH

    def line(self, element: etree._Element) -> int:
        """Where the element begins, in the bytes that were read."""
        if self._lines is not None:
            return self._lines.get(element, 1)
        return element.sourceline or 1

    def path(self, element: etree._Element) -> str:
        """An XPath of the element from ClinicalDocument on; a name without prefix is of HL7 V3."""
        steps = []
        for each in chain((element,), element.iterancestors()):
            steps.append(self._step(each))
            if each is self.clinical_document:
                break
        return "/" + "/".join(reversed(steps))

    def _step(self, element: etree._Element) -> str:
        """The name of an element, and which of its siblings of that name it is where there are several."""
        if element not in self._steps:
            parent = element.getparent()
            siblings = [element] if parent is None else list(parent.iterchildren(etree.Element))
            names = [_name(each) for each in siblings]
            several, met = Counter(names), Counter[str]()
            for each, name in zip(siblings, names, strict=True):
                met[name] += 1
                self._steps[each] = f"{name}[{met[name]}]" if several[name] > 1 else name
        return self._steps[element]


def read_whole(chunks: Iterable[bytes]) -> Whole:
    """The document that `chunks` carry. Raises UnreadableError."""
    stream = iter(chunks)
    beginning = bytearray()
    for chunk in stream:
        beginning += chunk
        if len(beginning) > MAX_PARSED:
            break
    try:
        if len(beginning) <= MAX_PARSED and beginning.count(b"\n") < _MAX_LINE:
            whole = _parsed(bytes(beginning))
        else:
            whole = _streamed(_limited(chain((bytes(beginning),), stream)))
    except xml.XmlError as error:
        raise UnreadableError(*in_french(error), error.line) from None
    for element in _LONG_ATTRIBUTE(whole.clinical_document):
        expected = f"des attributs d'au plus {MAX_ATTRIBUTE} caractères"
        raise UnreadableError(expected, "un plus long", whole.line(element), whole.path(element))
    return whole


def _parsed(data: bytes) -> Whole:
    root = xml.parse(data)
    wrapper, document = _clinical_document(root)
    lines = None
    if document is not root:  # by itself, with the namespaces that it inherits
        places = [each.sourceline or 1 for each in document.iter(etree.Element)]
        document = xml.parse(etree.tostring(document, with_tail=False))
        lines = dict(zip(document.iter(etree.Element), places, strict=True))
    files = {}
    for element in document.iter(etree.Element):
        if element.get("representation") == "B64":
            files[element] = file = EnclosedFile(element.get("mediaType", "text/plain"))
            file.take(element.text or "")
            file.finish()
    return Whole(wrapper, document, files, lines)


def _streamed(chunks: Iterable[bytes]) -> Whole:
    lines: list[int] = []
    found: dict[int, EnclosedFile] = {}
    number = -1

    def sink(_path: xml.Path, attributes: dict[str, str]) -> xml.TextSink | None:
        nonlocal number
        number += 1
        if attributes.get("representation") != "B64":
            return None
        found[number] = EnclosedFile(attributes.get("mediaType", "text/plain"))
        return found[number].take

    root = xml.parse(xml.condense(chunks, keep=lambda _path: True, text_sink=sink, lines=lines))
    wrapper, document = _clinical_document(root)
    elements = list(root.iter(etree.Element))
    inside = elements.index(document)
    if document is not root:
        document = xml.parse(etree.tostring(document, with_tail=False))
        elements[inside:] = []
        elements += document.iter(etree.Element)
    for file in found.values():
        file.finish()
    files = {elements[place]: file for place, file in found.items() if inside <= place < len(elements)}
    return Whole(wrapper, document, files, dict(zip(elements, lines, strict=False)))


def _clinical_document(root: etree._Element) -> tuple[Wrapper, etree._Element]:
    try:
        wrapper = Wrapper(root.tag)
    except ValueError:
        expected = "ClinicalDocument de urn:hl7-org:v3, ds:Signature ou xsl:stylesheet"
        raise UnreadableError(expected, _name(root)[:100], root.sourceline or 1) from None
    found = list(root.iter(CLINICAL_DOCUMENT))
    if len(found) != 1:
        raise UnreadableError("un ClinicalDocument", str(len(found)), root.sourceline or 1)
    return wrapper, found[0]


def _limited(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks, as long as they are no more than MAX_BYTES. Raises XmlError."""
    read = 0
    for chunk in chunks:
        read += len(chunk)
        if read > MAX_BYTES:
            raise xml.XmlError(f"at most {MAX_BYTES} bytes", "more")
        yield chunk


def _name(element: etree._Element) -> str:
    name = etree.QName(element)
    return f"{element.prefix}:{name.localname}" if element.prefix and name.namespace != HL7_V3 else name.localname
