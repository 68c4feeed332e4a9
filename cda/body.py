"""The file inside a CDA document of level 1, however large: read from a stream, written to one.

Source: IHE ITI XDS-SD; CI-SIS, volet Structuration minimale (nonXMLBody, representation B64).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable

from cda.errors import CdaError
from schemas import xml

PLACE = "component/nonXMLBody/text"
_TEXT = ("component", "nonXMLBody", "text")


def read_file(chunks: Iterable[bytes], write: Callable[[bytes], object]) -> str:
    """Writes the file that the document of `chunks` carries, and gives its media type; '' where it carries none.

    What was written counts only when this returns. Raises CdaError.
    """
    found = _File(write)
    try:
        xml.condense(chunks, keep=_leads_there, text_sink=found.sink)
    except xml.XmlError as error:
        raise CdaError(error.expected, error.got, "document") from None
    found.finish()
    return found.media_type


def _leads_there(path: xml.Path) -> bool:
    """Whether the file stands in that element, or deeper."""
    if "ClinicalDocument" not in path:
        return True
    inside = path[path.index("ClinicalDocument") + 1 :]
    return inside == _TEXT[: len(inside)]


class _File:
    """Text in, bytes out; base64 in groups of four characters."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.media_type = ""
        self._write, self._rest, self._encoded, self._wrong = write, "", True, False

    def sink(self, path: xml.Path, attributes: dict[str, str]) -> xml.TextSink | None:
        """Takes the text of the body, and lets other texts go by."""
        if path[-3:] != _TEXT:
            return xml.drop
        self.media_type = attributes.get("mediaType", "text/plain")
        self._encoded = attributes.get("representation", "TXT") == "B64"
        return self._take

    def finish(self) -> None:
        """The end. Raises CdaError for what was no base64."""
        if self._wrong or self._rest:
            raise CdaError("base64", "something else", PLACE)

    def _take(self, text: str) -> None:
        if not self._encoded:
            self._write(text.encode())
            return
        text = self._rest + "".join(text.split())
        whole = len(text) - len(text) % 4
        self._rest = text[whole:]
        self._decode(text[:whole])

    def _decode(self, text: str) -> None:
        try:
            self._write(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            self._wrong = True
