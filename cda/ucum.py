"""Units of laboratories as UCUM codes, where they are the same thing and nothing has to be guessed.

A unit that is printed like a UCUM code is one. Symbols that mean something else in UCUM than in a laboratory (`G/L` is
gauss for each litre there, `T/L` tesla) are not read as such.

Source: The Unified Code for Units of Measure, case sensitive: §2 (grammar), tables 1, 2 and 4.
"""

from __future__ import annotations

import re

_PREFIX = "(?:da|[kdcmunpfhMGT])"
_METRIC = r"(?:mol|osm|bar|cal|eq|Hz|Pa|Cel|kat|m\[Hg\]|\[[iI]U\]|m|g|l|L|s|U)"
_PLAIN = r"(?:%|\[(?:pH|ppth|ppm|ppb|pptr|drp|HPF|LPF|CFU|PFU)\]|10[*^]|min|h|d|wk|mo|a)"
_ATOM = rf"(?:(?:{_PREFIX}?{_METRIC}|{_PLAIN})(?:[+-]?[0-9]+)?|[0-9]+)"
_ANNOTATION = r"\{[\x21-\x7a\x7c\x7e]*\}"
_COMPONENT = rf"(?:{_ATOM}(?:{_ANNOTATION})?|{_ANNOTATION})"
_UNIT = re.compile(rf"/?{_COMPONENT}(?:[./]{_COMPONENT})*")
_CODE = re.compile(r"[\x21-\x7e]{1,100}")
_MICRO = str.maketrans("µμ", "uu")


def is_code(text: str) -> bool:
    """Whether `text` may be a UCUM code, as its author says that it is."""
    return bool(_CODE.fullmatch(text))


def code_of(printed: str) -> str:
    """The UCUM code that a printed unit is; '' for one that is none."""
    text = printed.translate(_MICRO)
    return text if _UNIT.fullmatch(text) else ""
