"""Signed tree heads: what the log was at one moment, in a form that others keep.

A head is a checkpoint: the name of the log, the number of records, the root over them, and one line of our own with the
number of the head and when it was signed. Heads are numbered without gaps, so that none can be taken away unseen.

Source: C2SP tlog-checkpoint; RFC 9162 §4.10 (tree heads).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from audit.merkle import HASH_BYTES
from audit.notes import NoteError, Signer, Verifier

_TEXT = re.compile(
    r"(?P<origin>\S+)\n(?P<size>0|[1-9][0-9]{0,18})\n(?P<root>[A-Za-z0-9+/]{43}=)\n"
    r"head (?P<number>[1-9][0-9]{0,18}) (?P<instant>\S+)\n"
)


@dataclass(frozen=True, slots=True)
class TreeHead:
    """The root over the first `size` records, as it was at `instant` (ISO 8601, UTC)."""

    origin: str
    size: int
    root: bytes
    number: int
    instant: str

    def text(self) -> str:
        """What is signed."""
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\nhead {self.number} {self.instant}\n"

    def note(self, signer: Signer) -> str:
        """The head, signed."""
        return signer.sign(self.text())


def read_head(note: str, verifier: Verifier) -> TreeHead:
    """The head of a note that this key signed. Raises NoteError."""
    return read_head_text(verifier.open(note))


def read_head_text(text: str) -> TreeHead:
    """The head of a text, whoever says so. Raises NoteError."""
    match = _TEXT.fullmatch(text)
    root = base64.b64decode(match["root"]) if match else b""
    if match is None or len(root) != HASH_BYTES:
        raise NoteError("head: expected origin, size, root, and a line with number and instant")
    return TreeHead(match["origin"], int(match["size"]), root, int(match["number"]), match["instant"])
