"""JSON in pieces: the strings of one name leave as they come, so that a document never stands whole in memory.

What is kept is the same JSON with a number in the place of each such string. Whether it is JSON at all is judged of
what is kept (`schemas.strict_json`): a string that is cut out is held here to what a string may be.

Source: RFC 8259 §7 (strings); a string before a colon is a name (§4), so nothing else of the text need be understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Protocol

from schemas.strict_json import JsonError

_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)  # up to its end, or to a backslash that is the last byte
_CONTROL = re.compile(rb"[\x00-\x1f]")
_BLANKS = b" \t\r\n"
_ESCAPE_BYTES = 6  # the longest way to write one character that is cut in two: \uXXXX
_HALF_ESCAPE = re.compile(rb"\\u[0-9A-Fa-f]{0,3}\Z")


class TextSink(Protocol):
    """Where the text of one string goes."""

    def feed(self, text: str, /) -> None: ...

    def close(self) -> None: ...


class StringsApart:
    """Bytes of JSON in; the strings named `name` to the sinks that `open_` gives, one for each that is not empty.

    `open_` is called with the number that stands for the string. All else, at most `max_kept` bytes, is `kept`.
    """

    def __init__(self, name: str, open_: Callable[[str], TextSink], max_kept: int) -> None:
        self._name, self._open, self._max_kept = name, open_, max_kept
        self._longest = _ESCAPE_BYTES * len(name)  # bytes of a string that can be that name
        self._kept, self._rest = bytearray(), b""
        self._between, self._last = b"", b""  # what stands between two strings, blanks apart; the string before
        self._inside = self._apart = False
        self._sink: TextSink | None = None
        self._opened = 0

    def feed(self, chunk: bytes) -> None:
        """The next bytes. Raises JsonError, and whatever a sink raises."""
        data, self._rest, place = self._rest + chunk, b"", 0
        while place < len(data):
            if not self._inside:
                place = self._outside(data, place)
            else:
                end = _STRING.match(data, place).end()  # type: ignore[union-attr]  # it matches nothing, too
                closed = end < len(data) and data[end] == ord('"')
                if not closed and self._apart:
                    half = _HALF_ESCAPE.search(data, max(place, end - _ESCAPE_BYTES), end)
                    end = half.start() if half else end
                self._take(data[place:end])
                if not closed:
                    self._rest = data[end:]
                    return
                self._close()
                place = end + 1

    def close(self) -> bytes:
        """What was kept. Raises JsonError when a string that leaves has no end."""
        if self._inside and self._apart:
            raise JsonError("JSON", "a string without an end")
        self._keep(self._rest)
        return bytes(self._kept)

    def _outside(self, data: bytes, place: int) -> int:
        """What stands before the next string; where that begins."""
        quote = data.find(b'"', place)
        between = data[place : quote if quote >= 0 else len(data)]
        self._keep(between)
        self._between = (self._between + between.strip(_BLANKS))[:2]
        if quote < 0:
            return len(data)
        self._apart = self._between == b":" and self._is_name(self._last)
        self._inside, self._between, self._last = True, b"", b""
        self._keep(b'"')
        return quote + 1

    def _is_name(self, string: bytes) -> bool:
        if len(string) > self._longest:
            return False
        try:
            return bool(json.loads(b'"%b"' % string) == self._name)
        except ValueError:
            return False

    def _take(self, piece: bytes) -> None:
        if not self._apart:
            self._keep(piece)
            self._last = (self._last + piece)[: self._longest + 1]
        elif piece:
            if self._sink is None:
                self._opened += 1
                number = f"{self._opened:08}"
                self._sink = self._open(number)
                self._keep(number.encode())
            self._sink.feed(_text(piece))

    def _close(self) -> None:
        if self._sink is not None:
            self._sink.close()
        self._inside, self._sink = False, None
        self._keep(b'"')

    def _keep(self, piece: bytes) -> None:
        if len(self._kept) + len(piece) > self._max_kept:
            raise JsonError(f"at most {self._max_kept} bytes of JSON beside documents", "more")
        self._kept += piece


def _text(piece: bytes) -> str:
    """The text of a piece of a string that leaves: base64 has no character beyond ASCII. Raises JsonError."""
    try:
        text = piece.decode("ascii")
        if _CONTROL.search(piece):
            raise ValueError
        return str(json.loads(f'"{text}"')) if "\\" in text else text
    except ValueError:
        raise JsonError("base64 in a string of JSON", "something else") from None
