"""A document of level 1 from a file and a short form: PDF, text, RTF, JPEG or TIFF inside a header of the CI-SIS.

Source: CI-SIS, volet Structuration minimale de documents de santé (documents de niveau 1: formats of a nonXMLBody,
PDF/A-1); IHE ITI XDS-SD.
"""

from __future__ import annotations

from dataclasses import dataclass

from cda import pdf, pdf_a
from cda.builders.document import Context, Kind, clinical_document, non_xml_body
from cda.errors import CdaError
from cda.rendering.images import image_type, size_of
from cda.rendering.rtf import is_rtf
from registry.metadata import Code

_SHOWN = ("image/jpeg", "image/tiff")


@dataclass(frozen=True, slots=True)
class Form:
    """What must be known of a file: who, about whom, where and when; its type and title; the act, the type for none."""

    context: Context
    type: Code
    title: str
    act: Code | None = None


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A document, the media type of the file in it, and what its author should know, in French."""

    document: bytes
    media_type: str
    notes: tuple[str, ...] = ()


def wrap(form: Form, content: bytes, *, strict: bool = False) -> Wrapped:
    """The document. Raises CdaError for a file of another format, and for a PDF that could act when it is opened.

    A PDF that departs from PDF/A-1 goes in with a note for each departure; when `strict` it is refused for them.
    """
    content, media_type, notes = _checked(content)
    if strict and notes and media_type == "application/pdf":
        raise CdaError("PDF/A-1 (ISO 19005-1): convert it before", " ".join(notes), "nonXMLBody")
    kind = Kind(form.type, form.title, form.act or form.type)
    return Wrapped(clinical_document(form.context, kind, non_xml_body(content, media_type)), media_type, notes)


def _checked(content: bytes) -> tuple[bytes, str, tuple[str, ...]]:
    """The content as it goes in, what it is by its bytes, and notes."""
    if not content.strip():
        raise CdaError("a file", "an empty one", "nonXMLBody")
    if pdf.is_pdf(content):
        if pdf.active_content(content):
            raise CdaError("a PDF that only shows something", "scripts, forms or hidden objects", "nonXMLBody")
        return (
            content,
            "application/pdf",
            tuple(f"Le PDF n'est pas un PDF/A-1 : {each}." for each in pdf_a.departures(content)),
        )
    if (kind := image_type(content)) in _SHOWN:
        if size_of(content) is None:
            raise CdaError(f"an image ({kind}) of a usual size", "one that cannot be read", "nonXMLBody")
        return content, kind, ()
    if is_rtf(content):
        return content, "text/rtf", ()
    text, converted = _text(content)
    return text.encode(), "text/plain", ("Le texte a été converti en UTF-8.",) if converted else ()


def _text(content: bytes) -> tuple[str, bool]:
    """Text, and whether it was in another encoding. Raises CdaError for bytes that are none."""
    for encoding, converted in (("utf-8-sig", content.startswith(b"\xef\xbb\xbf")), ("cp1252", True)):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not any(ord(letter) < 32 and letter not in "\t\n\r\f" for letter in text):
            return text, converted
    raise CdaError("PDF, text, RTF, JPEG or TIFF", "another format", "nonXMLBody")
