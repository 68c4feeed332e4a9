"""Where values stand in a JSON text: what is kept as evidence is kept as it came, byte for byte.

The text was read before, and is sound (`schemas.strict_json`): here it is only walked through.

Source: RFC 8259 §2 to §5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")

Span = tuple[int, int]
"""From the first character of a value to behind its last."""


def members(text: str, start: int) -> Iterator[tuple[str, Span]]:
    """The keys and values of the object that begins at `start`."""
    here = _after(text, start)
    while text[here] != "}":
        key, end = _DECODER.raw_decode(text, here)
        value, end = _value(text, _behind_space(text, end) + 1)
        yield key, (value, end)
        here = _following(text, end)


def items(text: str, start: int) -> Iterator[Span]:
    """The values of the array that begins at `start`."""
    here = _after(text, start)
    while text[here] != "]":
        value, end = _value(text, here)
        yield value, end
        here = _following(text, end)


def member(text: str, start: int, name: str) -> Span | None:
    """Where the value of that key stands in the object that begins at `start`."""
    return next((span for key, span in members(text, start) if key == name), None)


def _value(text: str, start: int) -> Span:
    begin = _behind_space(text, start)
    return begin, _DECODER.raw_decode(text, begin)[1]


def _after(text: str, start: int) -> int:
    """The first character inside the brackets that open at `start`."""
    return _behind_space(text, _behind_space(text, start) + 1)


def _following(text: str, end: int) -> int:
    """The next member, or the bracket that closes."""
    here = _behind_space(text, end)
    return _behind_space(text, here + 1) if text[here] == "," else here


def _behind_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start
