"""Media as a stranger makes them: a ZIP put together by hand, file by file."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from registry.metadata import DocumentEntry, Submission
from tests.connectathon import document, new_patient, submission, submit_objects

HELLO = b"hello"
PATIENT = new_patient()


def on_media(
    name: str = "Document01", content: bytes = HELLO, uri: str = "DOC00001.TXT", **changes: Any
) -> DocumentEntry:
    """An entry that describes `content` in the file `uri`."""
    sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return replace(document(PATIENT, name, hash=sha1, size=len(content), uri=uri), **changes)


def metadata(*entries: DocumentEntry, **changes: Any) -> bytes:
    return submit_objects(submission(*(entries or (on_media(),)), **changes)).encode()


def metadata_of(submitted: Submission) -> bytes:
    return submit_objects(submitted).encode()


def zipped(files: Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    """A ZIP of these files in this order, whatever their names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    file.seek(0)
    return file


def medium(*more: tuple[str | zipfile.ZipInfo, bytes], xml: bytes | None = None, content: bytes = HELLO) -> io.BytesIO:
    """A medium in order with one document, and more files."""
    return zipped(
        [
            ("INDEX.HTM", b"<html/>"),
            ("README.TXT", b"read me"),
            ("IHE_XDM/SUBSET01/METADATA.XML", metadata() if xml is None else xml),
            ("IHE_XDM/SUBSET01/DOC00001.TXT", content),
            *more,
        ]
    )
