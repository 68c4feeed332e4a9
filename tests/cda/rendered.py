"""Small documents to render, and what may stand in a page: a reader that knows nothing of how pages are made."""

from __future__ import annotations

import base64
import re
from collections import Counter
from html.parser import HTMLParser

from cda.rendering.page import render
from cda.rendering.style import POLICY, STYLE


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


ELEMENTS = frozenset(
    words(
        "html head meta title style body div header footer nav main section h1 h2 h3 h4 h5 h6 p span a ul ol li dl dt "
        "dd table caption colgroup col thead tfoot tbody tr th td sub sup br ins del strong code pre details summary "
        "figure figcaption img object svg title desc rect line polyline polygon circle ellipse image text"
    )
)
VOID = frozenset({"meta", "br", "col", "img"})
ATTRIBUTES = frozenset(
    words(
        "id class lang href rel referrerpolicy download title src alt type data role tabindex scope headers rowspan "
        "colspan span value charset http-equiv content name aria-label aria-labelledby aria-level viewbox x y x1 x2 y1 "
        "y2 cx cy r rx ry dy width height points transform"
    )
)
ADDRESS = re.compile(
    r"#\S+|https?://[^\s\"'<>]+|mailto:[^\s\"'<>]+|data:(?:application/pdf|image/(?:png|jpeg|gif));base64,[A-Za-z0-9+/=]*(?:#\S*)?",
    re.IGNORECASE,
)


class Page(HTMLParser):
    """A page as a browser takes it apart: its elements, and what people read."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.source = page.decode()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(self.source)
        self.close()
        assert self._open == [], "elements left open"

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, {key: value or "" for key, value in attributes}))
        if name not in VOID:
            self._open.append(name)

    def handle_endtag(self, name: str) -> None:
        if name not in VOID:
            assert self._open.pop() == name

    def handle_data(self, text: str) -> None:
        if "style" not in self._open[-1:]:
            self.texts.append(text)
        else:
            assert text == STYLE

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def count(self, name: str) -> int:
        return Counter(element for element, _ in self.elements)[name]

    def all(self, name: str) -> list[dict[str, str]]:
        return [attributes for element, attributes in self.elements if element == name]

    def check(self) -> Page:
        """Nothing in it runs, loads from elsewhere, or has two meanings."""
        ids = [attributes["id"] for _, attributes in self.elements if "id" in attributes]
        assert len(ids) == len(set(ids)), "an id twice"
        for name, attributes in self.elements:
            assert name in ELEMENTS, name
            assert attributes.keys() <= ATTRIBUTES, (name, attributes.keys())
            for key in ("href", "src", "data"):
                assert key not in attributes or ADDRESS.fullmatch(attributes[key]), attributes[key][:80]
            if attributes.get("href", "").startswith("#"):
                assert attributes["href"][1:] in ids, attributes["href"]
        policies = [each["content"] for each in self.all("meta") if each.get("http-equiv") == "Content-Security-Policy"]
        assert policies == [POLICY]
        assert self.source.startswith("<!DOCTYPE html>")
        return self


def shown(document: str | bytes, *others: str | bytes) -> Page:
    """The page of a document, checked."""
    return Page(render([_bytes(document)], [[_bytes(other)] for other in others])).check()


def _bytes(document: str | bytes) -> bytes:
    return document.encode() if isinstance(document, str) else document


def document(body: str, header: str = "") -> str:
    """A document with that component."""
    return (
        '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"{header}<component>{body}</component></ClinicalDocument>"
    )


def structured(*sections: str, header: str = "") -> str:
    """A document of these sections."""
    return document(
        f"<structuredBody>{''.join(f'<component>{each}</component>' for each in sections)}</structuredBody>", header
    )


def section(text: str = "", *, title: str = "Section", inside: str = "", template: str = "") -> str:
    """A section with that narrative; `inside` stands behind it."""
    said = f"<text>{text}</text>" if text else ""
    marked = f'<templateId root="{template}"/>' if template else ""
    return f"<section>{marked}<title>{title}</title>{said}{inside}</section>"


def narrative(text: str, inside: str = "") -> Page:
    """The page of a document with that narrative."""
    return shown(structured(section(text, inside=inside)))


def file(content: bytes, media_type: str) -> str:
    """A document of level 1."""
    encoded = base64.b64encode(content).decode()
    return document(f'<nonXMLBody><text mediaType="{media_type}" representation="B64">{encoded}</text></nonXMLBody>')


def media(name: str, content: bytes, media_type: str) -> str:
    """An entry that carries a file."""
    encoded = base64.b64encode(content).decode()
    return (
        f'<entry><observationMedia classCode="OBS" moodCode="EVN" ID="{name}"><value mediaType="{media_type}" '
        f'representation="B64">{encoded}</value></observationMedia></entry>'
    )
