"""LIKE patterns, matched here and not by the database, whose LIKE differ in case and in escapes.

Source: ITI TF-2 3.18.4.1.2.3.5.
"""

from __future__ import annotations

from collections.abc import Iterable

WILDCARDS = frozenset("%_")


def matches(pattern: str, text: str) -> bool:
    """SQL LIKE without escape character: `%` any text, `_` one character, all else itself. Linear in most cases."""
    at, here, star, retry = 0, 0, -1, 0
    while here < len(text):
        if at < len(pattern) and pattern[at] == "%":
            star, retry, at = at, here, at + 1
        elif at < len(pattern) and pattern[at] in ("_", text[here]):
            at, here = at + 1, here + 1
        elif star >= 0:
            retry += 1
            at, here = star + 1, retry
        else:
            return False
    return all(character == "%" for character in pattern[at:])


def matches_any(patterns: Iterable[str], text: str) -> bool:
    """Whether one of `patterns` matches."""
    return any(matches(pattern, text) for pattern in patterns)


def is_pattern(text: str) -> bool:
    """Whether `text` may match something else than itself."""
    return not WILDCARDS.isdisjoint(text)
