"""The files inside a document, in base64: what each is said to be, and what its bytes are, however large.

Source: HL7 V3 data types, ED (mediaType, representation); CI-SIS, volet Structuration minimale (media types of a
nonXMLBody).
"""

from __future__ import annotations

import base64
import binascii

_KEPT = 1024  # bytes of the beginning, which tell formats apart
# media type -> what files of it begin with. Source: ISO 32000-1 §7.5.2 (PDF); ISO/IEC 10918-1 B.1.1.3 (JPEG); TIFF 6.0
# §2; RTF 1.9.1, Header; PNG §5.2.
_BEGINNINGS = {
    "application/pdf": (b"%PDF-",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/jpg": (b"\xff\xd8\xff",),
    "image/tiff": (b"II*\x00", b"MM\x00*"),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "text/rtf": (b"{\\rtf",),
    "application/rtf": (b"{\\rtf",),
}
_PDF_MAY_BEGIN_WITHIN = 1024  # readers look that far for %PDF-


class EnclosedFile:
    """One file, decoded as its text comes and not kept."""

    def __init__(self, media_type: str) -> None:
        self.media_type = media_type
        self.size = 0
        self.is_base64 = True
        self._beginning, self._rest = b"", ""

    def take(self, text: str) -> None:
        """The next characters of it."""
        text = self._rest + "".join(text.split())
        whole = len(text) - len(text) % 4
        self._rest = text[whole:]
        try:
            decoded = base64.b64decode(text[:whole], validate=True)
        except (binascii.Error, ValueError):
            self.is_base64 = False
            return
        self.size += len(decoded)
        if len(self._beginning) < _KEPT:
            self._beginning += decoded[: _KEPT - len(self._beginning)]

    def finish(self) -> None:
        """The file ends here."""
        self.is_base64 = self.is_base64 and not self._rest

    @property
    def is_what_it_says(self) -> bool:
        """Whether it begins as files of its media type do; true for a type of which nothing is known."""
        beginnings = _BEGINNINGS.get(self.media_type.lower().strip())
        if beginnings is None:
            return True
        if self.media_type.lower().strip() == "application/pdf":
            return beginnings[0] in self._beginning[:_PDF_MAY_BEGIN_WITHIN]
        return self._beginning.startswith(beginnings)
