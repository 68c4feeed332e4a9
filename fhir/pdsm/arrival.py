"""A body on its way in: its documents are decoded and staged as they come, the rest is read at the end.

Source: HL7 FHIR R4, Binary.data and Attachment.data (base64Binary), the only strings of that name in what comes in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dmp.ports import Staged
from pdsm.errors import ContentError
from pdsm.json_stream import StringsApart
from schemas import strict_json
from schemas.base64_stream import Base64Decoder, Base64Error

DATA = "data"
MAX_DOCUMENTS = 1000
MAX_JSON_BYTES = 8 * 1024 * 1024  # of a body without its documents


@dataclass(frozen=True, slots=True)
class Arrived:
    """A body: what its JSON stands for, and its documents by what stands there in the place of each.

    `content` is that JSON: the body itself where it has no document.
    """

    resource: Any
    content: bytes
    documents: Mapping[str, Staged]


class _Document:
    """One document: base64 in, bytes to where it is staged."""

    def __init__(self, staged: Staged) -> None:
        self._staged, self._decoder = staged, Base64Decoder(staged.write)

    def feed(self, text: str) -> None:
        try:
            self._decoder.feed(text)
        except Base64Error as error:
            raise _no_document(error) from None

    def close(self) -> None:
        try:
            self._decoder.close()
        except Base64Error as error:
            raise _no_document(error) from None
        self._staged.finish()


def _no_document(error: Base64Error) -> ContentError:
    return ContentError("data: base64", error.got)


def read_arriving(chunks: Iterable[bytes], stage: Callable[[], Staged], staged: dict[str, Staged]) -> Arrived:
    """A body as it comes; `staged` gets its documents as they do, for whoever has to discard them.

    Raises ContentError, JsonError, and whatever reading and staging raise.
    """

    def open_(number: str) -> _Document:
        if len(staged) >= MAX_DOCUMENTS:
            raise ContentError(f"at most {MAX_DOCUMENTS} documents", "more", status=413)
        staged[number] = stage()
        return _Document(staged[number])

    apart = StringsApart(DATA, open_, MAX_JSON_BYTES)
    for chunk in chunks:
        apart.feed(chunk)
    content = apart.close()
    return Arrived(strict_json.read(content, max_bytes=MAX_JSON_BYTES), content, staged)
