"""LIKE patterns, matched here and not by the database, whose LIKE differ in case and in escapes.

Source: ITI TF-2 3.18.4.1.2.3.5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from registry.errors import ErrorCode, RegistryError
from registry.hl7_types import MAX_VALUE

WILDCARDS = frozenset("%_")
MAX_PATTERNS = 500  # of one parameter: each is read into an expression of its own
MAX_COMPARISONS = 50_000  # of one parameter in one dossier: a twentieth of a second, and at the very worst a few

_RUN = re.compile("[%_]+")
Matches = Callable[[str], object]


def matcher(pattern: str) -> Matches:
    """Whether a text is matched by SQL LIKE without escape character: `%` any text, `_` one character, all else itself.

    What stands between two `%` is looked for once, from left to right, and never again: no pattern takes long.
    """
    if len(pattern.replace("%", "")) > MAX_VALUE:
        return lambda _text: None  # longer than any value
    first, *rest = _RUN.sub(_singles_first, pattern).split("%")
    if not rest:
        return re.compile(_literally(first), re.DOTALL).fullmatch
    *between, last = rest
    searched = "".join(f"(?>.*?{_literally(part)})" for part in between)
    return re.compile(f"{_literally(first)}{searched}.*{_literally(last)}", re.DOTALL).fullmatch


def matched(patterns: Collection[str], texts: Collection[str], place: str) -> list[str]:
    """Those of `texts` that one of `patterns` matches; what is no pattern matches itself.

    Raises RegistryError XDSTooManyResults for more comparisons than an answer is worth. `place` says of what.
    """
    exact = {pattern for pattern in patterns if not is_pattern(pattern)}
    wild = {pattern for pattern in patterns if is_pattern(pattern)}
    most = max(1, min(MAX_PATTERNS, MAX_COMPARISONS // max(1, len(texts))))
    if len(wild) > most:
        expected, code = f"at most {most} values with % or _", ErrorCode.XDSTooManyResults
        raise RegistryError.single(code, place, expected=expected, got=str(len(wild)))
    matchers = [matcher(pattern) for pattern in sorted(wild)]
    return [text for text in texts if text in exact or any(matches(text) for matches in matchers)]


def is_pattern(text: str) -> bool:
    """Whether `text` may match something else than itself."""
    return not WILDCARDS.isdisjoint(text)


def _singles_first(run: re.Match[str]) -> str:
    """A run of wildcards as the same number of `_`, and one `%` where there was one."""
    return "_" * run[0].count("_") + ("%" if "%" in run[0] else "")


def _literally(part: str) -> str:
    return "".join("." if character == "_" else re.escape(character) for character in part)
