"""Files inside a document: each is shown if a browser can without anything running, else said to be there.

Source: CI-SIS, volet Structuration minimale (formats of a nonXMLBody, and of observationMedia); HL7 CDA R2 §4.3.5.9
(renderMultiMedia), §4.3.6.10 (regionOfInterest).
"""

from __future__ import annotations

import base64
import math

from lxml import etree

from cda import pdf
from cda.rendering import images
from cda.rendering.markup import Content, note, tag
from cda.rendering.reading import HL7, Source, attribute, child, children, name_of
from cda.rendering.rtf import is_rtf, text_of_rtf
from cda.rendering.values import code_text

MAX_LINKED = 12 * 1024 * 1024  # bytes of a file that stands in the page a second time, for being kept
_NAMES = {"application/pdf": "PDF", "image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/tiff": "TIFF"}


class Media:
    """The files of one document, each shown once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._shown: dict[etree._Element, str] = {}

    def referenced(self, name: str, captions: Content = ()) -> Content:
        """What a renderMultiMedia refers to: an observationMedia, or a region of one."""
        found = self._source.identified.get(name)
        if found is None:
            return note(f"Contenu multimédia « {name} » absent du document.")
        if name_of(found) == "regionOfInterest":
            inside = next(found.iter(f"{HL7}observationMedia"), None)
            above = next(found.iterancestors(f"{HL7}observationMedia"), None)
            return self._observed(inside if inside is not None else above, captions, found)
        return self._observed(found, captions)

    def is_shown(self, media: etree._Element) -> bool:
        """Whether the file of an observationMedia stands on the page."""
        return media in self._shown

    def observed(self, media: etree._Element) -> Content:
        """The file of an observationMedia."""
        return self._observed(media, ())

    def file(self, element: etree._Element, title: str, captions: Content = ()) -> Content:
        """What an element of type ED carries."""
        if child(element, "reference") is not None and element not in self._source.encoded:
            return note(f"Fichier extérieur au document, non chargé : {attribute(element, 'value', 'reference')}")
        data = self._source.file(element)
        kind = element.get("mediaType", "text/plain").partition(";")[0].strip().lower()
        if data is None:
            return note(f"Le fichier joint ({kind}) est endommagé : son contenu ne peut être lu.")
        if not data.strip():
            return note("Le fichier joint est vide.")
        return _shown(data, kind, title, captions, attribute(element, "charset"))

    def _observed(
        self, media: etree._Element | None, captions: Content, region: etree._Element | None = None
    ) -> Content:
        value = child(media, "value")
        if media is None or value is None:
            return note("Contenu multimédia sans fichier.")
        if media in self._shown and region is None:
            return tag("p", tag("a", "Voir le fichier affiché plus haut", href=f"#{self._shown[media]}"))
        anchor = None if media in self._shown else f"media-{len(self._shown) + 1}"
        self._shown.setdefault(media, anchor or "")
        if region is not None:
            return tag("div", self._with_region(value, region, captions), class_="media", id=anchor)
        title = code_text(child(media, "code"), self._source) or "Fichier joint"
        return tag("div", self.file(value, title, captions), class_="media", id=anchor)

    def _with_region(self, value: etree._Element, region: etree._Element, captions: Content) -> Content:
        data = self._source.file(value) or b""
        size, kind = images.size_of(data), images.image_type(data)
        points = [attribute(each, "value") for each in children(region, "value")]
        shape = _shape(
            attribute(region, "code", "code"), [int(each) for each in points if each.lstrip("-").isdecimal()]
        )
        if size is None or kind == "image/tiff" or shape is None:
            return [self.file(value, "Image", captions), note("La zone d'intérêt désignée ne peut être tracée.")]
        width, height = map(str, size)
        whole = tag("image", href=_address(data, kind), width=width, height=height)
        drawn = tag("svg", whole, shape, viewBox=f"0 0 {width} {height}", role="img", class_="image")
        drawn.set("aria-label", "Image et zone d'intérêt")
        return tag("figure", drawn, tag("figcaption", captions) if captions else None)


def _shown(data: bytes, kind: str, title: str, captions: Content, charset: str) -> Content:
    """A file by what it is, whatever it is said to be."""
    legend = tag("figcaption", captions) if captions else None
    seen = images.image_type(data)
    if pdf.is_pdf(data):
        return _pdf(data, title, legend)
    if seen == "image/tiff":
        return _tiff(data, title, legend)
    if seen:
        return tag("figure", tag("img", src=_address(data, seen), alt=title, class_="image"), legend)
    if is_rtf(data):
        lines = text_of_rtf(data).split("\n")
        return [tag("div", [tag("p", line) for line in lines if line.strip()], class_="brut"), legend]
    if kind in ("text/plain", "text/rtf", "application/rtf"):
        return [tag("pre", _decoded(data, charset), class_="brut"), legend]
    return note(f"Le fichier joint ({kind}, {_size(data)}) n'est pas d'un format qui puisse être affiché ici.")


def _pdf(data: bytes, title: str, legend: etree._Element | None) -> Content:
    """A PDF in the browser's own viewer, unless something in it could act."""
    address, active = _address(data, "application/pdf"), pdf.active_content(data)
    link = tag("a", f"Enregistrer le PDF ({_size(data)})", href=address, download="document.pdf")
    if active:
        told = f"Ce PDF contient {', '.join(active)} : il n'est pas affiché ici."
        return [note(told), tag("p", link), legend]
    viewer = tag(
        "object", type="application/pdf", data=f"{address}#navpanes=0", class_="pdf", aria_label=f"{title} (PDF)"
    )
    viewer.append(tag("p", "Ce navigateur n'affiche pas les PDF."))
    printed = tag("p", "Le PDF s'imprime à part, depuis sa visionneuse.", class_="imprime")
    kept = tag("p", link, class_="garder") if len(data) <= MAX_LINKED else None
    return tag("figure", viewer, kept, printed, legend)


def _tiff(data: bytes, title: str, legend: etree._Element | None) -> Content:
    pages = images.pages_of(data)
    if not pages:
        return note("L'image TIFF ne peut être lue.")
    shown = [
        tag("img", src=_address(page, "image/png"), alt=f"{title}, page {number} sur {len(pages)}", class_="image")
        for number, page in enumerate(pages, 1)
    ]
    limit = (
        note(f"Seules les {images.MAX_PAGES} premières pages sont affichées.")
        if len(pages) == images.MAX_PAGES
        else None
    )
    return tag("figure", shown, limit, legend)


def _shape(code: str, numbers: list[int]) -> etree._Element | None:
    """A region in pixels, from its upper left corner. Source: HL7 ROIOverlayShape."""
    points = list(zip(numbers[::2], numbers[1::2], strict=False))
    if not points:
        return None
    (x, y), *others = points
    if code == "POINT":
        return tag("circle", cx=str(x), cy=str(y), r="8", class_="zone")
    if code == "CIRCLE" and others:
        radius = round(math.dist((x, y), others[0]))
        return tag("circle", cx=str(x), cy=str(y), r=str(radius), class_="zone")
    if code == "ELLIPSE" and len(points) == 4:
        return _ellipse(points)
    if code == "POLY" and others:
        return tag("polygon", points=" ".join(f"{left},{top}" for left, top in points), class_="zone")
    return None


def _ellipse(points: list[tuple[int, int]]) -> etree._Element:
    """By the ends of its first axis, then of its second."""
    (left, top), (right, bottom), *second = points
    x, y = (left + right) / 2, (top + bottom) / 2
    radius, other = math.dist(points[0], points[1]) / 2, math.dist(*second) / 2
    angle = math.degrees(math.atan2(bottom - top, right - left))
    drawn = tag("ellipse", cx=f"{x:g}", cy=f"{y:g}", rx=f"{radius:.1f}", ry=f"{other:.1f}", class_="zone")
    drawn.set("transform", f"rotate({angle:.1f} {x:g} {y:g})")
    return drawn


def _address(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _decoded(data: bytes, charset: str) -> str:
    for encoding in (charset, "utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding or "utf-8-sig")
        except (LookupError, UnicodeError, ValueError):
            continue
    return data.decode("latin-1")


def _size(data: bytes) -> str:
    kilobytes = len(data) / 1024
    said = f"{kilobytes / 1024:.1f} Mo" if kilobytes >= 1024 else f"{max(1, round(kilobytes))} Ko"
    return said.replace(".", ",")
