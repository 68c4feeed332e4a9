"""The body of a document: a file, or sections inside sections, the PDF copy before all others.

Source: HL7 CDA R2 §4.3; CI-SIS, Modèles de contenus CDA (FR-Document-PDF-copie is displayed first).
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from cda.rendering import parties
from cda.rendering.entries import Entries
from cda.rendering.markup import Content, note, tag
from cda.rendering.media import Media
from cda.rendering.narrative import Narrative
from cda.rendering.reading import HL7, Source, attribute, child, children, has_template, text_of
from cda.rendering.values import code_text
from schemas import oids

_TOP, _DEEPEST = 2, 6  # levels of headings
_CONFIDENTIALITY = {"R": "restreint", "V": "très restreint"}  # HL7 Confidentiality


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page: where it is, what it is called, and itself."""

    anchor: str
    title: str
    shown: etree._Element


class Body:
    """The body of one document."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._media = Media(source)
        self._narrative = Narrative(source, self._media)
        self._entries = Entries(source, self._media, self._narrative)
        called = (each.get("referencedObject", "") for each in source.root.iter(f"{HL7}renderMultiMedia"))
        self._called = frozenset(name for names in called for name in names.split())
        self._count = 0

    def parts(self) -> list[Part]:
        """What the page shows of the body, in its order; something is always said."""
        files = children(self._source.root, "component", "nonXMLBody", "text")
        sections = children(self._source.root, "component", "structuredBody", "component", "section")
        copies = [each for each in self._source.root.iter(f"{HL7}section") if _is_copy(each)]
        others = [each for each in sections if each not in copies]
        return [*map(self._file, files), *map(self._part, copies + others)] or [self._nothing()]

    def _part(self, section: etree._Element) -> Part:
        title = "Copie PDF du document" if _is_copy(section) else _title(section, self._source)
        made = self._section(section, _TOP, title)
        return Part(made.get("id", ""), title, made)

    def _section(self, section: etree._Element, level: int, title: str) -> etree._Element:
        """A section and those inside, each under a heading one level down."""
        self._count += 1
        heading = tag(f"h{min(level, _DEEPEST)}", title)
        if level > _DEEPEST:
            heading.set("aria-level", str(level))
        name = section.get("ID", "")
        made = tag(
            "section",
            tag("span", id=f"n-{name}") if name and not any(each.isspace() for each in name) else None,
            heading,
            id=f"section-{self._count}",
            lang=_language(section),
        )
        for each in (self._said_by(section), self._text(section), self._files(section), self._coded(section)):
            for content in each:
                made.append(content)
        for inner in children(section, "component", "section"):
            if not _is_copy(inner):
                made.append(self._section(inner, level + 1, _title(inner, self._source)))
        return made

    def _said_by(self, section: etree._Element) -> list[etree._Element]:
        """Who answers for this section alone, and how confidential it is."""
        authors = [parties.who_and_where(each, self._source) for each in children(section, "author", "assignedAuthor")]
        said = [tag("p", f"Rédigé par {', '.join(filter(None, authors))}", class_="discret")] if any(authors) else []
        if level := _CONFIDENTIALITY.get(attribute(section, "code", "confidentialityCode")):
            said.append(tag("p", f"Accès {level}", class_="discret"))
        return said

    def _text(self, section: etree._Element) -> list[etree._Element]:
        """The narrative; the entries where there is none."""
        text = child(section, "text")
        if text is not None and _says_something(text):
            return self._narrative.block(text)
        listed = self._entries.listed(section, coded=False)
        if listed is not None:
            return [tag("p", "Section sans texte : données transmises.", class_="discret"), listed]
        return [] if children(section, "component", "section") else [note("Cette section est vide.")]

    def _files(self, section: etree._Element) -> list[etree._Element]:
        """Files that no narrative shows."""
        shown = tag("div")
        for media in (each for entry in children(section, "entry") for each in entry.iter(f"{HL7}observationMedia")):
            if media.get("ID", "") not in self._called and not self._media.is_shown(media):
                content = self._media.observed(media)
                shown.append(tag("div", content))
        return list(shown)

    def _coded(self, section: etree._Element) -> list[etree._Element]:
        """The entries behind the narrative, to be unfolded."""
        text = child(section, "text")
        if text is None or not _says_something(text) or _is_copy(section):
            return []
        listed = self._entries.listed(section, coded=True)
        if listed is None:
            return []
        return [tag("details", tag("summary", "Données codées"), listed, class_="codes")]

    def _file(self, text: etree._Element) -> Part:
        """The file that a document of level 1 is."""
        title = text_of(self._source.root, "title") or "Document"
        content: Content = self._media.file(text, title)
        heading = tag("h2", "Document")
        shown = tag("section", heading, content, id="fichier")
        return Part("fichier", "Document", shown)

    def _nothing(self) -> Part:
        heading = tag("h2", "Contenu")
        told = note("Ce document n'a pas de contenu : ni fichier, ni section.")
        return Part("vide", "Contenu", tag("section", heading, told, id="vide"))


def _title(section: etree._Element, source: Source) -> str:
    return text_of(section, "title") or code_text(child(section, "code"), source) or "Section sans titre"


def _is_copy(section: etree._Element) -> bool:
    return has_template(section, oids.TEMPLATE_FR_DOCUMENT_PDF_COPIE)


def _says_something(text: etree._Element) -> bool:
    return bool(text_of(text)) or next(text.iter(f"{HL7}renderMultiMedia"), None) is not None


def _language(section: etree._Element) -> str | None:
    code = attribute(section, "code", "languageCode")
    return code if code and code.replace("-", "").isalnum() and code.isascii() else None
