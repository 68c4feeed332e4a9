"""JSON from outside, read once and for all or not at all.

Whatever two readers could understand in two ways is refused: a key that stands twice, numbers that are none, text that
no encoding can hold. Depth and size are bounded.

Source: RFC 8259 §4, §6, §8.1 and §8.2; RFC 7493 (I-JSON) §2.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from schemas.errors import UnexpectedError

MAX_DEPTH = 50
NOT_TEXT = "\0"


class JsonError(UnexpectedError):
    """The bytes are not JSON that this house reads."""


def read(data: bytes, *, max_bytes: int) -> Any:
    """What `data` stands for. Raises JsonError."""
    if len(data) > max_bytes:
        raise JsonError(f"at most {max_bytes} bytes of JSON", f"{len(data)} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise JsonError("JSON in UTF-8", "bytes that are not UTF-8") from None
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
    except RecursionError:
        raise JsonError(f"at most {MAX_DEPTH} nested values", "more") from None
    except ValueError as error:
        where = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise JsonError("JSON", f"a syntax error{where}") from None
    _check(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonError("each key once in an object", "one that stands twice")
    return found


def _constant(_name: str) -> NoReturn:
    raise JsonError("numbers", "NaN or an infinity")


def _float(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise JsonError("numbers that a double can hold", "a greater one")
    return found


def _check(value: Any) -> None:
    """Holds depth and text to their bounds, without descending by recursion."""
    left = [(value, 1)]
    while left:
        found, depth = left.pop()
        if isinstance(found, str):
            _check_text(found)
        elif isinstance(found, dict | list):
            if depth > MAX_DEPTH:
                raise JsonError(f"at most {MAX_DEPTH} nested values", "more")
            inside = found if isinstance(found, list) else [*found.keys(), *found.values()]
            left += [(each, depth + 1) for each in inside]


def _check_text(text: str) -> None:
    if NOT_TEXT in text:
        raise JsonError("text without U+0000", "one with it")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise JsonError("whole Unicode characters", "half of a surrogate pair") from None
