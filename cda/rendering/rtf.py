"""The text of an RTF file, paragraph by paragraph: its letters, and nothing of what it embeds or how it looks.

Source: Microsoft, Rich Text Format Specification 1.9.1 (groups, destinations, \\'hh, \\u and \\uc).
"""

from __future__ import annotations

import codecs
import re

MAX_GROUPS = 1000  # one in another

_TOKEN = re.compile(
    rb"\\([a-z]{1,32})(-?[0-9]{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|([^\\{}\r\n]+)|[\r\n]+|\\", re.DOTALL
)
_BREAKS = {b"par": "\n", b"line": "\n", b"sect": "\n", b"page": "\n", b"row": "\n", b"cell": "\t", b"tab": "\t"}
_LETTERS = {
    b"emdash": "—",
    b"endash": "–",
    b"lquote": "‘",
    b"rquote": "’",
    b"ldblquote": "“",
    b"rdblquote": "”",
    b"bullet": "•",
    b"emspace": " ",
    b"enspace": " ",
}
_SYMBOLS = {b"~": "\u00a0", b"_": "\u2011", b"{": "{", b"}": "}", b"\\": "\\", b"\n": "\n", b"\r": "\n"}
_UNSEEN = frozenset(
    b"fonttbl colortbl stylesheet info pict object header headerl headerr headerf footer footerl footerr footerf "
    b"listtable listoverridetable revtbl rsidtbl generator xmlnstbl themedata datastore latentstyles fldinst "
    b"filetbl bkmkstart bkmkend".split()
)


def is_rtf(data: bytes) -> bool:
    """Whether the bytes are RTF."""
    return data.lstrip()[:5] == b"{\\rtf"


def text_of_rtf(data: bytes) -> str:
    """The text; '' where there is none. Whatever the bytes are, something is given."""
    reader = _Reader()
    for found in _TOKEN.finditer(data):
        reader.take(found)
    return "".join(reader.said).strip()


class _Reader:
    """Tokens in, text out. Of each open group it knows whether it is seen, and how long the stand-in of a \\u is."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._groups: list[tuple[bool, int]] = []
        self._seen, self._stand_in, self._skip, self._deep = True, 1, 0, 0
        self._encoding = "cp1252"

    def take(self, found: re.Match[bytes]) -> None:
        """One token."""
        word, number, code, symbol, brace, letters = found.groups()
        if brace:
            self._brace(brace)
        elif word:
            self._word(word, int(number) if number else None)
        elif code:
            self._write(bytes([int(code, 16)]).decode(self._encoding, "replace"))
        elif symbol == b"*":
            self._seen = False
        elif symbol:
            self._write(_SYMBOLS.get(symbol, ""))
        elif letters:
            self._write(letters.decode(self._encoding, "replace"))

    def _brace(self, brace: bytes) -> None:
        self._skip = 0
        if brace == b"{":
            if len(self._groups) < MAX_GROUPS:
                self._groups.append((self._seen, self._stand_in))
            else:
                self._deep += 1
        elif self._deep:
            self._deep -= 1
        elif self._groups:
            self._seen, self._stand_in = self._groups.pop()

    def _word(self, word: bytes, number: int | None) -> None:
        if word in _UNSEEN:
            self._seen = False
        elif word == b"ansicpg":
            self._encoding = _known(f"cp{number}")
        elif word == b"uc":
            self._stand_in = min(max(number or 0, 0), 100)
        elif word == b"u" and number is not None:
            self._write(chr(number % 0x10000))
            self._skip = self._stand_in
        else:
            self._write(_BREAKS.get(word) or _LETTERS.get(word, ""))

    def _write(self, text: str) -> None:
        """Text of a group that is seen, less the letters that stand in for the character before."""
        kept = text[self._skip :]
        self._skip = max(0, self._skip - len(text))
        if self._seen and kept:
            self.said.append(kept)


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return "cp1252"
