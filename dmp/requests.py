"""What a door hands to the hall, and what it gets back.

Source: ITI TF-2 3.41 (Provide and Register), 3.43 (Retrieve Document Set).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dmp.ports import Staged
from registry.errors import Finding
from registry.metadata import Submission


@dataclass(frozen=True, slots=True)
class Lot:
    """A submission as it arrived: metadata, documents by entry id, and what the door already found wrong.

    `extra_parts` names the documents that no entry describes.
    """

    submission: Submission
    documents: Mapping[str, Staged]
    findings: tuple[Finding, ...] = ()
    extra_parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentRequest:
    """One document asked for by ITI-43, or to be removed by ITI-86."""

    repository_unique_id: str
    document_unique_id: str
    home_community_id: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """One document that may be read. `size` is in bytes; `chunks` yields exactly that many.

    A document made on demand has an identifier of its own, and a repository where it is kept ('' when it is not).
    Source: ITI TF-2 3.43.4.2.2.
    """

    request: DocumentRequest
    mime_type: str
    size: int
    chunks: Iterator[bytes]
    new_repository_unique_id: str = ""
    new_document_unique_id: str = ""
