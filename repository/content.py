"""The content of a document, described: where its bytes are, how many, and what they hash to.

Source: ITI TF-3 4.2.3.2.10 (hash: SHA-1 of the bytes) and 4.2.3.2.25 (size).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that the repository holds or has staged. `sha256` addresses them, `sha1` is the XDS hash; both in hex."""

    sha256: str
    sha1: str
    size: int
