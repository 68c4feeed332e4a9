"""The div of a narrative: text in JSON, elements of XHTML in XML.

What comes in is taken as it is, since nothing of it is kept. What goes out in XML stands where a browser would run it:
only what FHIR lets a narrative have is written as XHTML, anything else as the text that it is.

Source: HL7 FHIR R4, narrative.html 2.4.0 (txt-1: HTML 4.0, chapters 7 to 11 but for 9.4, and 15; a; img; style).
"""

from __future__ import annotations

import re

from lxml import etree

from pdsm.errors import ContentError
from schemas import xml
from schemas.xml import XmlError

XHTML = "http://www.w3.org/1999/xhtml"
MAX_DEPTH = 50
_ELEMENTS = re.compile(
    "a|abbr|acronym|address|b|bdo|big|blockquote|br|caption|cite|code|col|colgroup|dd|dfn|div|dl|dt|em|h[1-6]|hr|i|img"
    "|kbd|li|ol|p|pre|q|samp|small|span|strong|su[bp]|table|tbody|td|tfoot|th|thead|tr|tt|ul|var"
)
_ATTRIBUTES = re.compile(
    "abbr|align|alt|axis|border|cellpadding|cellspacing|char|charoff|charset|cite|class|colspan|dir|frame|headers"
    "|height|href|hreflang|id|lang|longdesc|name|rel|rev|rowspan|rules|scope|span|src|style|summary|title|type|valign"
    "|width"
)
_ADDRESSES = frozenset({"cite", "href", "longdesc", "src"})
_HARMLESS = re.compile(r"(https?|mailto|tel|urn):|data:image/(png|jpeg|gif);|[^:]*$|#", re.ASCII | re.IGNORECASE)
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 5th edition §2.2
_SPECIAL = {
    each: f"&#{ord(each)};" if each in "\t\n\r" else entity
    for each, entity in zip('&<>"\t\n\r', ("&amp;", "&lt;", "&gt;", "&quot;", "", "", ""), strict=True)
}
_UNUSUAL = re.compile('[&<>"\x00-\x1f\ud800-\udfff\ufffe\uffff]')
_SPECIALS = re.compile('[&<>"\t\n\r]')


def escaped(text: str) -> str:
    """`text` as the value of an attribute; a character that XML cannot have is U+FFFD."""
    if not _UNUSUAL.search(text):
        return text
    return _SPECIALS.sub(lambda found: _SPECIAL[found[0]], _ILLEGAL.sub("\ufffd", text))


def read_div(element: etree._Element) -> str:
    """The text that JSON has for a div. Raises ContentError."""
    if element.tag != f"{{{XHTML}}}div":
        raise ContentError("Narrative.div: a div of XHTML", "another element")
    return _written(element)


def write_div(text: str) -> str:
    """The div that stands for a text of JSON."""
    try:
        element = xml.parse(text.encode())
    except XmlError:
        element = None
    if element is not None and element.tag == f"{{{XHTML}}}div" and all(map(_is_harmless, element.iter())):
        return _written(element)
    return f'<div xmlns="{XHTML}">{escaped(text)}</div>'


def _is_harmless(element: etree._Element) -> bool:
    if not isinstance(element.tag, str):
        return True  # a comment, or an instruction: left out
    known = element.tag.startswith(f"{{{XHTML}}}") and _ELEMENTS.fullmatch(xml.local_name(element.tag))
    return bool(known) and all(_is_plain(str(name), value) for name, value in element.attrib.items())


def _is_plain(name: str, value: str) -> bool:
    if name in _ADDRESSES:
        return bool(_HARMLESS.match(value.strip()))
    return name == _XML_LANG or bool(_ATTRIBUTES.fullmatch(name))


def _written(element: etree._Element, depth: int = 0) -> str:
    """XHTML as text, in the one way that this house writes it."""
    if not isinstance(element.tag, str):
        return ""
    if depth > MAX_DEPTH:
        raise ContentError(f"Narrative.div: at most {MAX_DEPTH} elements inside each other", "more")
    if not element.tag.startswith(f"{{{XHTML}}}"):
        raise ContentError("Narrative.div: elements of XHTML", "another")
    name = xml.local_name(element.tag)
    attributes = "".join(f' {_name(key)}="{escaped(value)}"' for key, value in element.attrib.items())
    start = f"<{name}{attributes}" if depth else f'<{name} xmlns="{XHTML}"{attributes}'
    inside = _text(element.text) + "".join(_written(each, depth + 1) + _text(each.tail) for each in element)
    return f"{start}>{inside}</{name}>" if inside else f"{start}/>"


def _name(attribute: str | bytes) -> str:
    name = str(attribute)
    if name.startswith("{") and name != _XML_LANG:
        raise ContentError("Narrative.div: attributes of XHTML", "another")
    return "xml:lang" if name == _XML_LANG else name


def _text(text: str | None) -> str:
    return escaped(text).replace("&#9;", "\t").replace("&#10;", "\n").replace("&quot;", '"') if text else ""
