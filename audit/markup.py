"""XML written straight to text: the bytes that lxml gives for the same elements, in a fraction of its time.

Source: XML 1.0 §2.4 and §3.3.3 (what is escaped in text, and in attribute values).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>\n"
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_VALUE = str.maketrans(_ENTITIES)
_TEXT = str.maketrans({each: _ENTITIES[each] for each in "&<>\r"})
_SPECIAL = re.compile('[&<>"\t\n\r]')


class Element:
    """An element without namespace: attributes in the order they are given, then what it is given to hold."""

    __slots__ = ("_inside", "_name", "_start")

    def __init__(self, name: str, attributes: Mapping[str, str] | None = None) -> None:
        said = [f' {key}="{_value(value)}"' for key, value in attributes.items()] if attributes else ()
        self._name, self._start, self._inside = name, f"<{name}{''.join(said)}", list[Element | str]()

    def child(self, name: str, attributes: Mapping[str, str] | None = None) -> Element:
        """A new element in this one."""
        made = Element(name, attributes)
        self._inside.append(made)
        return made

    def say(self, text: str) -> None:
        """Text in this element."""
        self._inside.append(text.translate(_TEXT))

    def hold(self, written: str) -> None:
        """Elements that are written already."""
        self._inside.append(written)

    def __str__(self) -> str:
        if not self._inside:
            return f"{self._start}/>"
        return f"{self._start}>{''.join(map(str, self._inside))}</{self._name}>"

    def document(self) -> bytes:
        """The element as a document, UTF-8."""
        return f"{DECLARATION}{self}".encode()


def _value(text: str) -> str:
    return text.translate(_VALUE) if _SPECIAL.search(text) else text
