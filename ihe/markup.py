"""Escaping for XML that is written by hand. Source: XML 1.0 5th edition §2.4, §2.11 and §3.3.3."""

from __future__ import annotations

import re

_TEXT = re.compile(r"[&<>\r]")
_ATTRIBUTE = re.compile(r'[&<>"\t\n\r]')
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def text(value: str) -> str:
    """`value` as character data."""
    return _TEXT.sub(lambda match: _ENTITIES[match[0]], value)


def attribute(value: str) -> str:
    """`value` as the inside of a double-quoted attribute; white space survives normalisation."""
    return _ATTRIBUTE.sub(lambda match: _ENTITIES[match[0]], value)
