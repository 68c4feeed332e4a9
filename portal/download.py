"""A document on its way to somebody's disk: to be kept, and not to be run by whatever opens it.

Source: RFC 6266 (Content-Disposition); W3C Content Security Policy 3 (sandbox).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import IO

from flask import Response

# What a document is downloaded as; other formats as bytes of no known kind.
EXTENSIONS = {
    "text/xml": "xml",
    "application/xslt+xml": "xml",
    "application/dicom": "dcm",
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/rtf": "rtf",
    "image/jpeg": "jpg",
    "image/tiff": "tif",
}
CHUNK = 64 * 1024
_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def download(chunks: Iterator[bytes], size: int, mime_type: str, unique_id: str) -> Response:
    """The bytes of a document, `size` of them, as a file that is named after its uniqueId."""
    extension = EXTENSIONS.get(mime_type, "bin")
    kind = mime_type if mime_type in EXTENSIONS else "application/octet-stream"
    name = re.sub(r"[^0-9.]", "_", unique_id)
    return _attached(chunks, size, kind, f"document-{name}.{extension}")


def archive(file: IO[bytes], name: str) -> Response:
    """A ZIP file, whole and from its beginning; it is closed afterwards."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return _attached(reading(file), size, "application/zip", name)


def attached(content: bytes, kind: str, name: str) -> Response:
    """A file that was made here."""
    return _attached(iter([content]), len(content), kind, name)


def reading(file: IO[bytes]) -> Iterator[bytes]:
    """The rest of a file, which is closed afterwards."""
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


def _attached(chunks: Iterator[bytes], size: int, kind: str, name: str) -> Response:
    named = {"Content-Disposition": f'attachment; filename="{name}"'}
    response = Response(chunks, content_type=kind, headers={**_HEADERS, **named}, direct_passthrough=True)
    response.content_length = size
    return response
