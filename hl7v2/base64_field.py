r"""Base64 in a field (ED.5), decoded piece by piece, however large.

White space and escaped line breaks inside are left out; padding may be missing, where what it stands for is certain.

Source: HL7 v2.5 2.A.24 (ED), HL7 table 0299; RFC 4648 §3.2, §4 and §3.3 (characters of no alphabet).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from hl7v2.er7 import Raw, Syntax

PIECE = 256 * 1024
_WHITE_SPACE = b" \t\r\n"


class Base64Error(ValueError):
    """Text that is no base64. `got` quotes none of it."""

    def __init__(self, got: str) -> None:
        super().__init__(f"expected base64, got {got}")
        self.expected, self.got = "base64", got


def decode(value: Raw, syntax: Syntax) -> Iterator[bytes]:
    """The bytes that `value` stands for, piece by piece. Raises Base64Error, when it comes there."""
    rest, ended = b"", False
    for piece in _pieces(value, syntax):
        pending = rest + piece
        whole = len(pending) // 4 * 4
        rest = pending[whole:]
        if whole:
            if ended:
                raise Base64Error("characters after the padding")
            yield _decoded(pending[:whole])
            ended = pending[:whole].endswith(b"=")
    if rest:
        if ended or len(rest) == 1:
            raise Base64Error("a last group of one character")
        yield _decoded(rest.rstrip(b"=") + b"=" * (4 - len(rest.rstrip(b"="))))


def _pieces(value: Raw, syntax: Syntax) -> Iterator[bytes]:
    escape = syntax.escape.encode()
    pattern = re.escape(escape) + rb"(?:\.br|X(?:0[AaDd])+)" + re.escape(escape)
    if re.search(pattern, value):
        value = re.sub(pattern, b"", value)
    for start in range(0, len(value), PIECE):
        yield bytes(value[start : start + PIECE]).translate(None, _WHITE_SPACE)


def _decoded(groups: bytes) -> bytes:
    try:
        return binascii.a2b_base64(groups, strict_mode=True)
    except binascii.Error:
        raise Base64Error("a character outside the alphabet or misplaced padding") from None
