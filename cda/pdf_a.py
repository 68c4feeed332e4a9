"""Whether a PDF keeps to PDF/A-1, as far as its structure shows it: what departs from it, in French.

A file of PDF/A-1 hides nothing: it has neither object streams nor encryption, and its metadata are plain, so that its
own bytes tell. What only a renderer could judge (colours of images, glyphs of fonts) is not looked at; a file without a
departure is one that says it is PDF/A-1 and is built like one.

Source: ISO 19005-1 §6.1 (file structure), §6.3.4 (fonts), §6.4 (transparency), §6.6 (actions), §6.7 (metadata).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cda.pdf import active_content

_END = rb"(?![A-Za-z0-9_])"
_FORBIDDEN = (
    (rb"/Encrypt", "il est chiffré (6.1.3)"),
    (rb"/LZWDecode", "il comprime par LZW (6.1.10)"),
    (rb"/(?:ObjStm|XRef)", "il a des flux d'objets (6.1.4)"),
    (rb"/EmbeddedFiles", "il contient des fichiers (6.1.11)"),
    (rb"/AA", "il a des actions déclenchées (6.6.2)"),
)
_OBJECT = re.compile(rb"obj\b(.*?)(?:\bstream\b|\bendobj\b)", re.DOTALL)
_TRANSPARENT = re.compile(rb"/(?:CA|ca)\s+0?\.[0-9]|/SMask\s+[0-9]+\s+[0-9]+\s+R|/SMask\s*<<")
_PART = re.compile(rb"pdfaid:part(?:\s*=\s*[\"']|>)\s*1")
_CONFORMANCE = re.compile(rb"pdfaid:conformance(?:\s*=\s*[\"']|>)\s*[ABab]")


def departures(data: bytes) -> tuple[str, ...]:
    """What keeps a PDF from being PDF/A-1; empty where nothing does."""
    return tuple(_found(data))


def _found(data: bytes) -> Iterator[str]:
    if not re.match(rb"%PDF-1\.[0-7]", data):
        yield "il ne commence pas par %PDF-1.n (6.1.2)"
    if not (_PART.search(data) and _CONFORMANCE.search(data)):
        yield "ses métadonnées ne disent pas PDF/A-1 (6.7.11)"
    if b"/GTS_PDFA1" not in data:
        yield "il n'a pas d'intention de sortie (6.2.2)"
    if not re.search(rb"/ID\s*\[", data):
        yield "il n'a pas d'identifiant de fichier (6.1.3)"
    for pattern, said in _FORBIDDEN:
        if re.search(pattern + _END, data):
            yield said
    for active in active_content(data):
        yield f"il contient {active} (6.6.1)"
    objects = [found[1] for found in _OBJECT.finditer(data)]
    if any(_TRANSPARENT.search(each) for each in objects):
        yield "il a de la transparence (6.4)"
    if any(_lacks_font(each) for each in objects):
        yield "il n'inclut pas toutes ses polices (6.3.4)"


def _lacks_font(dictionary: bytes) -> bool:
    """A descriptor without its font, or a font of the fourteen that readers have and that stand without descriptor."""
    if re.search(rb"/Type\s*/FontDescriptor", dictionary):
        return b"/FontFile" not in dictionary
    if not re.search(rb"/Type\s*/Font(?![A-Za-z])", dictionary) or re.search(
        rb"/Subtype\s*/(?:Type3|Type0)", dictionary
    ):
        return False
    return b"/FontDescriptor" not in dictionary
