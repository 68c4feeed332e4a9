"""Reading a CDA R2 document of any size: its whole header, and of its body only what kind it is.

The bytes stream through `schemas.xml.condense`; neither the sections nor the enclosed PDF ever stand in memory. The
document may be enveloped: `ds:Signature` around a signed one, `xsl:stylesheet` around one that presents itself.

Source: CI-SIS, volet Structuration minimale de documents de santé; HL7 CDA R2 §4.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from lxml import etree

from cda.errors import CdaError
from schemas import xml

HL7_V3 = "urn:hl7-org:v3"
MAX_HEADER_BYTES = 2 * 1024 * 1024

CLINICAL_DOCUMENT = f"{{{HL7_V3}}}ClinicalDocument"
_NON_XML_BODY = f"{{{HL7_V3}}}component/{{{HL7_V3}}}nonXMLBody"
_STRUCTURED_BODY = f"{{{HL7_V3}}}component/{{{HL7_V3}}}structuredBody"
_ENVELOPES = ("Signature", "stylesheet")
_MAX_ENVELOPES = 4  # xsl:stylesheet/data/ClinicalDocument, ds:Signature/Object/ClinicalDocument


class Wrapper(Enum):
    """The root element of the bytes. Source: CI-SIS, Structuration minimale (documents signés, autoprésentables)."""

    CLINICAL_DOCUMENT = CLINICAL_DOCUMENT
    SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"
    STYLESHEET = "{http://www.w3.org/1999/XSL/Transform}stylesheet"


class BodyKind(Enum):
    """Level 1 (a file in another format) or level 2 and 3 (sections)."""

    NON_XML = "nonXMLBody"
    STRUCTURED = "structuredBody"


@dataclass(frozen=True, slots=True)
class Body:
    """What is known of the body. `media_type` is that of a nonXMLBody, '' for a structured one."""

    kind: BodyKind
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class CdaDocument:
    """A document read: its root, its body in brief, and the `ClinicalDocument` element with its header alone."""

    wrapper: Wrapper
    body: Body
    clinical_document: etree._Element


def read_document(chunks: Iterable[bytes]) -> CdaDocument:
    """The document that `chunks` carry. The stream is read to its end, so all of it is known to be well-formed.

    Raises CdaError: not XML, with a DTD, too deep or with too large a header, another root, no ClinicalDocument or
    several, no body or two.
    """
    try:
        condensed = xml.condense(chunks, keep=_keeps, text_sink=_drops, max_kept=MAX_HEADER_BYTES)
        root = xml.parse(condensed)
    except xml.XmlError as error:
        raise CdaError(error.expected, error.got, "document") from None
    try:
        wrapper = Wrapper(root.tag)
    except ValueError:
        expected = "ClinicalDocument of urn:hl7-org:v3, ds:Signature or xsl:stylesheet"
        raise CdaError(expected, _brief(root), "root element") from None
    found = list(root.iter(CLINICAL_DOCUMENT))
    if len(found) != 1:
        raise CdaError("one ClinicalDocument", str(len(found)), "document")
    return CdaDocument(wrapper, _body(found[0]), found[0])


def _keeps(path: xml.Path) -> bool:
    """The header, its envelopes, and of the body the two elements that say what it is."""
    if "ClinicalDocument" not in path:
        return len(path) == 1 or (path[0] in _ENVELOPES and len(path) <= _MAX_ENVELOPES)
    inside = path[path.index("ClinicalDocument") + 1 :]
    if inside[:1] != ("component",):
        return True
    return len(inside) <= 2 or inside == ("component", "nonXMLBody", "text")


def _drops(path: xml.Path, _attributes: dict[str, str]) -> xml.TextSink | None:
    """Lets the text of a nonXMLBody go by."""
    return xml.drop if path[-3:] == ("component", "nonXMLBody", "text") else None


def _body(document: etree._Element) -> Body:
    non_xml, structured = document.findall(_NON_XML_BODY), document.findall(_STRUCTURED_BODY)
    if len(non_xml) + len(structured) != 1:
        got = f"{len(non_xml)} nonXMLBody and {len(structured)} structuredBody"
        raise CdaError("one nonXMLBody or one structuredBody", got, "ClinicalDocument/component")
    if structured:
        return Body(BodyKind.STRUCTURED)
    text = non_xml[0].find(f"{{{HL7_V3}}}text")
    media_type = "" if text is None else text.get("mediaType", "")
    if not media_type:
        raise CdaError("text with a mediaType", "none", "ClinicalDocument/component/nonXMLBody")
    return Body(BodyKind.NON_XML, media_type)


def _brief(root: etree._Element) -> str:
    """The name of an element that was not expected, short and without its content."""
    name = etree.QName(root)
    return f"{name.localname[:40]} of {(name.namespace or 'no namespace')[:60]}"
