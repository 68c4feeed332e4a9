"""base64Binary text in pieces, decoded and encoded in constant memory.

Source: XML Schema Part 2 §3.2.16 (base64Binary: RFC 2045 alphabet, white space allowed, canonical padding).
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterator

_WHITE_SPACE = {ord(character): None for character in " \t\r\n"}


class Base64Error(Exception):
    """Text that is no base64Binary. `got` quotes none of it."""

    def __init__(self, got: str) -> None:
        super().__init__(f"expected base64Binary, got {got}")
        self.expected, self.got = "base64Binary", got


class Base64Decoder:
    """Text in, bytes out to `write`. Call `close` at the end: it finds an incomplete last group."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._rest = ""
        self._padded = False

    def feed(self, text: str) -> None:
        """Decodes as many whole groups of four as there are so far. Raises Base64Error."""
        pending = self._rest + text.translate(_WHITE_SPACE)
        whole = len(pending) // 4 * 4
        self._rest = pending[whole:]
        if whole:
            self._decode(pending[:whole])

    def close(self) -> None:
        """Raises Base64Error when the text ended inside a group."""
        if self._rest:
            raise Base64Error("a last group of less than four characters")

    def _decode(self, groups: str) -> None:
        if self._padded:
            raise Base64Error("characters after the padding")
        try:
            decoded = binascii.a2b_base64(groups.encode("ascii"), strict_mode=True)
        except UnicodeEncodeError:
            raise Base64Error("a character outside the alphabet") from None
        except binascii.Error:
            raise Base64Error("a character outside the alphabet or misplaced padding") from None
        if groups.endswith("="):
            self._padded = True
            if binascii.b2a_base64(binascii.a2b_base64(groups[-4:]), newline=False).decode() != groups[-4:]:
                raise Base64Error("a last group with bits that stand for nothing")
        self._write(decoded)


def encoded_length(size: int) -> int:
    """How many characters `size` bytes take in base64."""
    return (size + 2) // 3 * 4


def encode(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The base64 text of `chunks`, as ASCII, chunk by chunk."""
    rest = b""
    for chunk in chunks:
        pending = rest + chunk
        whole = len(pending) // 3 * 3
        rest = pending[whole:]
        if whole:
            yield binascii.b2a_base64(memoryview(pending)[:whole], newline=False)
    if rest:
        yield binascii.b2a_base64(rest, newline=False)
