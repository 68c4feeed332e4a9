"""HTML as a tree. Whatever a document says becomes text or the value of an attribute that is named here: never markup.

Source: WHATWG HTML, Living Standard; WAI-ARIA 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

from lxml import etree

Content: TypeAlias = "str | etree._Element | Iterable[Content] | None"

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 §2.2, Char

_VOID = frozenset({"br", "col", "img", "meta"})  # WHATWG HTML §13.1.2


def tag(kind: str, *content: Content, **attributes: str | None) -> etree._Element:
    """An element. `class_` stands for class, `aria_label` for aria-label; an attribute that is None is left out."""
    element = etree.Element(kind)
    for key, value in attributes.items():
        if value is not None:
            element.set(key.rstrip("_").replace("_", "-"), printable(value))
    append(element, content)
    return element


def append(parent: etree._Element, content: Content) -> None:
    """Puts text, elements, or any nesting of them behind what `parent` holds."""
    if content is None:
        return
    if isinstance(content, str):
        add_text(parent, printable(content))
    elif isinstance(content, etree._Element):
        parent.append(content)
    else:
        for each in content:
            append(parent, each)


def add_text(parent: etree._Element, text: str) -> None:
    """Puts text that comes out of XML behind what `parent` holds."""
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text


def printable(text: str) -> str:
    """`text` without the characters that XML has not."""
    return _NOT_XML.sub("\ufffd", text)


def listed(terms: Iterable[tuple[str, Content]]) -> etree._Element | None:
    """A description list of the terms that have a value; None where none has."""
    pairs = [(term, value) for term, value in terms if not _is_empty(value)]
    return tag("dl", [(tag("dt", term), tag("dd", value)) for term, value in pairs]) if pairs else None


def _is_empty(value: Content) -> bool:
    return value is None or (not isinstance(value, etree._Element) and not value)


def hidden(text: str) -> etree._Element:
    """Text for those who listen to the page."""
    return tag("span", text, class_="lu")


def note(text: str) -> etree._Element:
    """What the reader is told of something that cannot be shown."""
    return tag("p", text, class_="avis")


def write(page: etree._Element) -> bytes:
    """The page, UTF-8. Every element is closed where it ends, so that no parser of HTML has to guess."""
    for element in page.iter():
        if element.tag not in _VOID and not len(element) and element.text is None:
            element.text = ""
    return etree.tostring(page, encoding="unicode", doctype="<!DOCTYPE html>").encode()
