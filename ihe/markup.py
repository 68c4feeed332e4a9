"""Escaping for XML that is written by hand. Source: XML 1.0 5th edition §2.2, §2.4, §2.11 and §3.3.3.

What no XML can hold (a control character of a MIME header that a fault quotes) is written as U+FFFD.
"""

from __future__ import annotations

import re

_NOT_CHAR = "\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"
_TEXT = re.compile(f"[&<>\r{_NOT_CHAR}]")
_ATTRIBUTE = re.compile(f'[&<>"\t\n\r{_NOT_CHAR}]')
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def text(value: str) -> str:
    """`value` as character data."""
    return _TEXT.sub(lambda match: _ENTITIES.get(match[0], "\ufffd"), value)


def attribute(value: str) -> str:
    """`value` as the inside of a double-quoted attribute; white space survives normalisation."""
    return _ATTRIBUTE.sub(lambda match: _ENTITIES.get(match[0], "\ufffd"), value)
