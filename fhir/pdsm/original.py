"""What an element of FHIR does not say of its attribute of XDS, beside it: the attribute as it was printed.

An attribute is written as FHIR has it. Where reading that again would give something else, an extension has the
original, and reading takes it from there: so nothing is lost on the way to FHIR and back.

Source: HL7 FHIR R4, extensibility.html and json.html 2.6.2.3 (extensions of primitive values).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pdsm.errors import ContentError

Element = dict[str, Any]

ORIGINAL = "urn:open-dmp:xds:original"
_ABSENT = object()


def faithful(element: Element, attribute: Any, read: Callable[[Element], Any]) -> Element:
    """`element`, which stands for `attribute`, in lists and texts, with the original where `read` gives another."""
    return element if read(element) == attribute else extended(element, attribute)


def extended(element: Element, attribute: Any) -> Element:
    """`element` with the original beside it."""
    text = json.dumps(attribute, separators=(",", ":"))
    return {**element, "extension": [*element.get("extension", ()), extension(ORIGINAL, valueString=text)]}


def original(element: Element, kind: Callable[[Any], Any] = str) -> Any:
    """What the extension of `element` has, made by `kind`; None where there is none. Raises ContentError."""
    text = value_of(element, ORIGINAL, "valueString")
    if text is None:
        return None
    try:
        return kind(json.loads(text))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise ContentError(f"{ORIGINAL}: an attribute as this server writes it", "something else") from None


def put_text(element: Element, name: str, value: str) -> None:
    """A text; one of blanks alone is none in FHIR."""
    if value.strip():
        element[name] = value
    elif value:
        element[f"_{name}"] = extended({}, value)


def take_text(element: Element, name: str) -> str:
    """A text, '' where there is none."""
    kept = original(element.get(f"_{name}", {}), text)
    return str(kept) if kept is not None else str(element.get(name, ""))


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts. Raises TypeError."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError
    return tuple(value)


def text(value: Any) -> str:
    """A text. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError
    return value


def extension(url: str, **value: Any) -> Element:
    """An Extension of that address; its value by the name of its type."""
    return {"url": url, **value}


def extensions(element: Element, url: str) -> list[Element]:
    """The extensions of `element` of that address."""
    return [each for each in element.get("extension", ()) if each.get("url") == url]


def value_of(element: Element, url: str, name: str) -> Any:
    """The value of the first extension of that address, None where there is none."""
    found = next((each.get(name, _ABSENT) for each in extensions(element, url)), _ABSENT)
    return None if found is _ABSENT else found
