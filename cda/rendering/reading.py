"""Reading a whole document for showing it: its elements as a tree, and beside it the files that it carries.

A file in base64 may have 100 MB, so it never stands in the tree.

Source: HL7 CDA R2 §4.1; HL7 V3 data types §2.4 (ED: representation, compression).
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lxml import etree

from cda.document import HL7_V3
from cda.errors import CdaError
from schemas import xml

HL7 = f"{{{HL7_V3}}}"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
MAX_FILE_BYTES = 256 * 1024 * 1024  # of one file, decompressed

_WINDOW = {"DF": -zlib.MAX_WBITS, "ZL": zlib.MAX_WBITS, "GZ": zlib.MAX_WBITS | 16}  # HL7 CompressionAlgorithm


@dataclass(frozen=True, slots=True)
class Source:
    """A document read. `identified` are its elements by their ID, the first of each."""

    root: etree._Element
    identified: Mapping[str, etree._Element]
    encoded: Mapping[etree._Element, list[str]] = field(repr=False)

    def file(self, element: etree._Element) -> bytes | None:
        """The bytes that an element of type ED carries; None for what is no base64 or cannot be decompressed."""
        if element not in self.encoded:
            return "".join(map(str, element.itertext())).encode()
        try:
            data = base64.b64decode("".join("".join(self.encoded[element]).split()), validate=True)
            return _decompressed(data, element.get("compression", ""))
        except (binascii.Error, ValueError, zlib.error):
            return None


def read(chunks: Iterable[bytes]) -> Source:
    """The document that `chunks` carry, whatever envelope it is in. Raises CdaError."""
    encoded: list[list[str]] = []

    def sink(_path: xml.Path, attributes: dict[str, str]) -> xml.TextSink | None:
        if attributes.get("representation") != "B64":
            return None
        encoded.append([])
        return encoded[-1].append

    try:
        root = xml.parse(xml.condense(chunks, keep=lambda _path: True, text_sink=sink))
    except xml.XmlError as error:
        raise CdaError(error.expected, error.got, "document") from None
    in_base64 = [element for element in root.iter() if element.get("representation") == "B64"]
    found = list(root.iter(f"{HL7}ClinicalDocument"))
    if len(found) != 1:
        raise CdaError("one ClinicalDocument", str(len(found)), "document")
    identified: dict[str, etree._Element] = {}
    for element in found[0].iter():
        if (name := element.get("ID", "")) and name not in identified:
            identified[name] = element
    return Source(found[0], identified, dict(zip(in_base64, encoded, strict=True)))


def child(element: etree._Element | None, *path: str) -> etree._Element | None:
    """The first element at the end of `path`, names of CDA's namespace."""
    return next(iter(children(element, *path)), None)


def children(element: etree._Element | None, *path: str) -> list[etree._Element]:
    """The elements at the end of `path`; `*` is any name."""
    if element is None:
        return []
    return element.findall("/".join(f"{HL7}{name}" for name in path))


def attribute(element: etree._Element | None, name: str, *path: str) -> str:
    """An attribute of the first element at the end of `path`, '' where there is none."""
    found = child(element, *path) if path else element
    return "" if found is None else found.get(name, "").strip()


def text_of(element: etree._Element | None, *path: str) -> str:
    """The text of the first element at the end of `path`, white space made single."""
    found = child(element, *path) if path else element
    return "" if found is None else " ".join("".join(map(str, found.itertext())).split())


def name_of(element: etree._Element) -> str:
    """The name of an element of CDA's namespace; '' for others."""
    tag = element.tag
    return tag[len(HL7) :] if isinstance(tag, str) and tag.startswith(HL7) else ""


def has_template(element: etree._Element, *roots: str) -> bool:
    """Whether an element says that it follows one of these templates."""
    return any(each.get("root") in roots for each in children(element, "templateId"))


def _decompressed(data: bytes, algorithm: str) -> bytes:
    """Raises ValueError or zlib.error."""
    if not algorithm:
        return data
    if algorithm not in _WINDOW:
        raise ValueError(algorithm)
    machine = zlib.decompressobj(_WINDOW[algorithm])
    whole = machine.decompress(data, MAX_FILE_BYTES)
    if not machine.eof:
        raise ValueError(algorithm)
    return whole
