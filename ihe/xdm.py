"""What the files of an XDM medium are called, and what can be wrong with a medium.

Source: ITI TF-2 3.32.4.1.2 (content organisation); ISO 9660:1988 §7.5 and §10.1 (level 1 names); DICOM PS3.12 Annex V.
"""

from __future__ import annotations

from schemas.errors import UnexpectedError

ROOT = "IHE_XDM"
METADATA = "METADATA.XML"
INDEX = "INDEX.HTM"
README = "README.TXT"
MULTIPART = "multipart/related"

MAX_SUBSETS = MAX_DOCUMENTS = 99_999  # what five digits number

# File name extensions by media type, as media players and desks know them.
_EXTENSIONS = {
    "application/dicom": "DCM",
    "application/fhir+json": "JSN",
    "application/json": "JSN",
    "application/msword": "DOC",
    "application/pdf": "PDF",
    "application/rtf": "RTF",
    "application/xhtml+xml": "HTM",
    "application/xml": "XML",
    "application/zip": "ZIP",
    "image/bmp": "BMP",
    "image/gif": "GIF",
    "image/jpeg": "JPG",
    "image/png": "PNG",
    "image/svg+xml": "SVG",
    "image/tiff": "TIF",
    MULTIPART: "MHT",
    "text/csv": "CSV",
    "text/html": "HTM",
    "text/rtf": "RTF",
    "text/xml": "XML",
    "video/mp4": "MP4",
    "video/mpeg": "MPG",
}


class MediaError(UnexpectedError):
    """A medium that cannot be read: not a ZIP, not an XDM medium, or one made to hurt."""


def subset_name(number: int, count: int) -> str:
    """The directory of the submission set of that number, from 1: `SUBSET01`, or `SUB00001` where there are many."""
    return f"SUBSET{number:02d}" if count < 100 else f"SUB{number:05d}"


def document_name(number: int, mime_type: str) -> str:
    """The file of the document of that number in its directory, from 1: `DOC00001.XML`."""
    return f"DOC{number:05d}.{extension(mime_type)}"


def extension(mime_type: str) -> str:
    """The extension for a media type; BIN for one that nobody would open by its name."""
    essence = mime_type.partition(";")[0].strip().lower()
    if essence in _EXTENSIONS:
        return _EXTENSIONS[essence]
    if essence.endswith("+xml"):
        return "XML"
    return "TXT" if essence.startswith("text/") else "BIN"
