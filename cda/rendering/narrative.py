"""The narrative block: what a section says to people, element by element.

Of each element its text is kept, whatever the element is; of its attributes those that are named here. A target of a
link, or of an entry, keeps its ID behind a prefix, so that nothing of the page can be taken for it.

Source: HL7 CDA R2 §4.3.5 (Narrative Block), NarrativeBlock.xsd.
"""

from __future__ import annotations

import re

from lxml import etree

from cda.rendering.markup import add_text, append, hidden, tag
from cda.rendering.media import Media
from cda.rendering.reading import HL7, Source, children, name_of, text_of

_INLINE = {"sub": "sub", "sup": "sup", "content": "span", "caption": "span", "item": "li"}
_TABLE = {name: name for name in ("thead", "tfoot", "tbody", "tr", "colgroup", "col", "td", "th")}
_BLOCKS = tuple(HL7 + name for name in ("paragraph", "list", "table", "renderMultiMedia", "footnote"))
_STYLES = {  # styleCode, in lower case: CDA R2 §4.3.5.11, and those of the CI-SIS
    "bold": "gras",
    "italics": "italique",
    "bolditalics": "gras italique",
    "emphasis": "accent",
    "underline": "souligne",
    "lrule": "trait-g",
    "rrule": "trait-d",
    "toprule": "trait-h",
    "botrule": "trait-b",
    "arabic": "arabe",
    "littleroman": "romain-min",
    "bigroman": "romain-maj",
    "littlealpha": "lettre-min",
    "bigalpha": "lettre-maj",
    "disc": "disque",
    "circle": "cercle",
    "square": "carre",
}
_ALIGNED = {"left": "a-gauche", "center": "a-centre", "right": "a-droite", "justify": "a-justifie"}
_VALIGNED = {"top": "v-haut", "middle": "v-milieu", "bottom": "v-bas"}
_MANY_COLUMNS = 7
_SPAN = re.compile("[1-9][0-9]{0,2}")
_OUTSIDE = re.compile(r"(?:https?://|mailto:)[^\x00-\x20\x7f<>\"'`\\]+", re.IGNORECASE)
_LANGUAGE = re.compile("[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


class Narrative:
    """The narrative of one document: its targets and footnotes are the whole document's."""

    def __init__(self, source: Source, media: Media) -> None:
        self._source, self._media = source, media
        notes = [note for text in source.root.iter(f"{HL7}text") for note in text.iter(f"{HL7}footnote")]
        self._numbers = {note: number for number, note in enumerate(dict.fromkeys(notes), 1)}
        self._shown: set[str] = set()
        self._called: set[int] = set()
        self._tables = 0

    def block(self, text: etree._Element) -> list[etree._Element]:
        """The text of a section, and its footnotes below."""
        block = tag("div", class_="texte")
        self._fill(block, text)
        notes = [self._footnote(each) for each in text.iter(f"{HL7}footnote")]
        return [block, tag("ol", notes, class_="notes", aria_label="Notes")] if notes else [block]

    def anchor(self, name: str) -> str | None:
        """Where a narrative element of that ID can be reached, None when it is not on the page."""
        return f"#n-{name}" if name in self._shown else None

    def _fill(self, parent: etree._Element, element: etree._Element) -> None:
        """Text and children of an element, in their order."""
        if element.text:
            add_text(parent, element.text)
        for each in element:
            if isinstance(each.tag, str):
                self._add(parent, each)
            if each.tail:
                add_text(parent, each.tail)

    def _add(self, parent: etree._Element, element: etree._Element) -> None:
        """One element of the narrative behind what `parent` holds."""
        match name_of(element):
            case "br":
                append(parent, tag("br"))
            case "paragraph":
                self._element(parent, element, "div" if _has_blocks(element) else "p")
            case "list":
                self._list(parent, element)
            case "table":
                self._table(parent, element)
            case "linkHtml":
                self._link(parent, element)
            case "footnote":
                append(parent, self._call(element))
            case "footnoteRef":
                note = self._source.identified.get(element.get("IDREF", ""))
                append(parent, self._call(note) if note in self._numbers else None)
            case "renderMultiMedia":
                self._multimedia(parent, element)
            case "content":
                self._content(parent, element)
            case name if name in _TABLE:
                self._cell(parent, element, name)
            case name:
                self._element(parent, element, _INLINE.get(name, "div" if _has_blocks(element) else "span"))

    def _element(self, parent: etree._Element, element: etree._Element, name: str) -> etree._Element:
        made = tag(name)
        self._mark(made, element)
        append(parent, made)
        if name_of(element) == "caption":
            made.set("class", " ".join(filter(None, (made.get("class"), "legende"))))
        self._fill(made, element)
        return made

    def _content(self, parent: etree._Element, element: etree._Element) -> None:
        """Content, with what a revision added or took away. Source: CDA R2 §4.3.5.1."""
        name = {"insert": "ins", "delete": "del"}.get(element.get("revised", ""))
        if name is None:
            self._element(parent, element, "div" if _has_blocks(element) else "span")
            return
        revised = tag(name, hidden("Ajouté : " if name == "ins" else "Supprimé : "))
        append(parent, revised)
        self._element(revised, element, "div" if _has_blocks(element) else "span")

    def _list(self, parent: etree._Element, element: etree._Element) -> None:
        for caption in children(element, "caption"):
            self._element(parent, caption, "p")
        made = tag("ol" if element.get("listType") == "ordered" else "ul")
        self._mark(made, element)
        append(parent, made)
        for item in element:
            if isinstance(item.tag, str) and name_of(item) != "caption":
                self._element(made, item, "li")

    def _table(self, parent: etree._Element, element: etree._Element) -> None:
        """A table that scrolls by itself where it is wider than the page."""
        self._tables += 1
        made = tag("table")
        self._mark(made, element)
        caption = text_of(element, "caption") or f"Tableau {self._tables}"
        append(parent, tag("div", made, class_="defile", role="group", tabindex="0", aria_label=caption[:120]))
        for each in children(element, "caption"):
            self._element(made, each, "caption")
        for each in element:
            if isinstance(each.tag, str) and name_of(each) != "caption":
                self._add(made, each)
        if any(len(row) >= _MANY_COLUMNS for row in made.iter("tr")):
            made.set("class", f"{made.get('class', '')} large".strip())
        _link_headers(made)

    def _cell(self, parent: etree._Element, element: etree._Element, name: str) -> None:
        """Rows, cells and columns. A heading without text is an empty cell."""
        heading = name == "th" and (text_of(element) or element.find(f".//{HL7}renderMultiMedia") is not None)
        made = tag("td" if name == "th" and not heading else name)
        self._mark(made, element)
        if name in ("td", "th"):
            for span in ("rowspan", "colspan"):
                if _SPAN.fullmatch(element.get(span, "")):
                    made.set(span, element.get(span, ""))
            if headers := element.get("headers"):
                made.set("headers", " ".join(f"n-{each}" for each in headers.split()))
        if name in ("col", "colgroup") and _SPAN.fullmatch(element.get("span", "")):
            made.set("span", element.get("span", ""))
        if heading:
            made.set("scope", _scope(element))
        append(parent, made)
        self._fill(made, element)

    def _link(self, parent: etree._Element, element: etree._Element) -> None:
        """A link, if it leads to the web, to a mailbox or into the document, and stands in no other link."""
        address = element.get("href", "").strip()
        target = self._target(address)
        nested = any(name_of(each) == "linkHtml" for each in element.iterancestors())
        if nested or (target is None and not _OUTSIDE.fullmatch(address)):
            made = tag("span", class_="lien-inerte", title="Lien désactivé")
        elif target is not None:
            made = tag("a", href=f"#n-{address[1:]}")
        else:
            made = tag("a", href=address, rel="noopener noreferrer nofollow external", referrerpolicy="no-referrer")
        self._mark(made, element)
        append(parent, made)
        self._fill(made, element)
        if not text_of(element):
            append(made, address or "lien")

    def _target(self, address: str) -> etree._Element | None:
        """What a link into the document leads to: a part of the narrative, or a section."""
        found = self._source.identified.get(address[1:]) if address.startswith("#") else None
        if found is None or name_of(found) == "section":
            return found
        return found if any(name_of(each) == "text" for each in found.iterancestors()) else None

    def _call(self, note: etree._Element) -> etree._Element:
        number = self._numbers[note]
        made = tag("sup", tag("a", hidden("Note "), str(number), href=f"#note-{number}"), class_="appel")
        if number not in self._called:
            self._called.add(number)
            made.set("id", f"appel-{number}")
        return made

    def _footnote(self, note: etree._Element) -> etree._Element:
        number = self._numbers[note]
        made = tag("li", self._inline(note), id=f"note-{number}", value=str(number))
        if number in self._called:
            back = tag("a", "↩", href=f"#appel-{number}", aria_label=f"Retour à l'appel de la note {number}")
            append(made, [" ", back])
        return made

    def _multimedia(self, parent: etree._Element, element: etree._Element) -> None:
        captions = [self._inline(each) for each in children(element, "caption")]
        for name in element.get("referencedObject", "").split():
            append(parent, self._media.referenced(name, captions))
            captions = []
        append(parent, captions)

    def _inline(self, element: etree._Element) -> etree._Element:
        made = tag("div" if _has_blocks(element) else "span")
        self._mark(made, element)
        self._fill(made, element)
        return made

    def _mark(self, made: etree._Element, element: etree._Element) -> None:
        """ID, language, styles and alignment."""
        if not element.attrib:
            return
        name = element.get("ID", "")
        if name and name not in self._shown and not re.search(r"\s", name):
            self._shown.add(name)
            made.set("id", f"n-{name}")
        if _LANGUAGE.fullmatch(language := element.get("language", "")):
            made.set("lang", language)
        styles = [_STYLES.get(each.lower(), "") for each in element.get("styleCode", "").split()]
        aligned = _ALIGNED.get(element.get("align", "").lower(), "")
        valigned = _VALIGNED.get(element.get("valign", "").lower(), "")
        if said := " ".join(filter(None, (*styles, aligned, valigned))):
            made.set("class", said)


def _has_blocks(element: etree._Element) -> bool:
    """Whether something stands inside that a paragraph or a span of text cannot hold."""
    return any(each is not element for each in element.iter(*_BLOCKS))


def _scope(element: etree._Element) -> str:
    """What a heading is about: as it says, else its column in a row of headings, else its row."""
    if element.get("scope") in ("row", "col", "rowgroup", "colgroup"):
        return element.get("scope", "")
    row = element.getparent()
    inside = row is not None and row.getparent() is not None and name_of(row.getparent()) == "thead"  # type: ignore[arg-type]
    alone = row is not None and all(name_of(each) == "th" for each in row)
    return "col" if inside or alone else "row"


def _link_headers(table: etree._Element) -> None:
    """Keeps of `headers` what is a cell of the same table. Source: HTML §4.9.11."""
    cells = {cell.get("id") for cell in table.iter("th", "td")}
    for cell in table.iter("th", "td"):
        if "headers" in cell.attrib:
            kept = [each for each in cell.get("headers", "").split() if each in cells and each != cell.get("id")]
            cell.set("headers", " ".join(kept))
            if not kept:
                del cell.attrib["headers"]
