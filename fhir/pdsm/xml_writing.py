"""A resource as XML, from what JSON has of it.

Source: HL7 FHIR R4, xml.html 2.6.1 and json.html 2.6.2 (what each has of the same resource).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from pdsm.elements import Content, Definition, Definitions, elements, resource_elements
from pdsm.errors import ContentError, FormError
from pdsm.narrative import escaped, write_div

FHIR = "http://hl7.org/fhir"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_DECLARED = f' xmlns="{FHIR}"'


def write_xml(resource: Mapping[str, Any]) -> bytes:
    """The form in XML of a resource in order. Raises FormError for what the definition of its type does not foresee."""
    written = [_DECLARATION]
    try:
        _resource(resource, written, _DECLARED)
    except (ContentError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise FormError("a resource that the definitions of FHIR R4 foresee, to be told in XML", "another") from None
    return "".join(written).encode()


def _resource(resource: Mapping[str, Any], written: list[str], declared: str = "") -> None:
    kind = resource["resourceType"]
    definitions = resource_elements(kind)
    written.append(f"<{kind}{declared}>")
    _inside({name: value for name, value in resource.items() if name != "resourceType"}, definitions, written)
    written.append(f"</{kind}>")


def _inside(element: Mapping[str, Any], definitions: Definitions, written: list[str]) -> None:
    """What stands between the tags of an element, in order. Raises LookupError for what has no definition."""
    for name in sorted({each.removeprefix("_") for each in element}, key=lambda each: definitions[each].place):
        definition = definitions[name]
        value, beside = element.get(name), element.get(f"_{name}")
        if definition.attribute or (value is None and beside is None):
            continue
        if not definition.many:
            _one(name, definition, value, beside, written)
            continue
        for each, other in zip_longest(_listed(value), _listed(beside)):
            _one(name, definition, each, other, written)


def _listed(value: Any) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise TypeError
    return value or []


def _one(name: str, definition: Definition, value: Any, beside: Any, written: list[str]) -> None:
    match definition.content:
        case Content.RESOURCE:
            written.append(f"<{name}>")
            _resource(value, written)
            written.append(f"</{name}>")
        case Content.ELEMENTS:
            definitions = elements(definition.type)
            written.append(f"<{name}{_attributes(value, definitions)}>")
            _inside(value, definitions, written)
            written.append(f"</{name}>")
        case Content.XHTML:
            written.append(write_div(value))
        case _ if beside is not None:
            _extended(name, value, beside, written)
        case _ if value is not None:
            written.append(f'<{name} value="{escaped(_text(value))}"/>')


def _extended(name: str, value: Any, beside: Mapping[str, Any], written: list[str]) -> None:
    """A primitive with what JSON has beside it."""
    definitions = elements("Element")
    said = "" if value is None else f' value="{escaped(_text(value))}"'
    inside: list[str] = []
    _inside(beside, definitions, inside)
    start = f"<{name}{_attributes(beside, definitions)}{said}"
    written.append(f"{start}>{''.join(inside)}</{name}>" if inside else f"{start}/>")


def _attributes(element: Mapping[str, Any], definitions: Definitions) -> str:
    """The attributes of an element; only `id` and `url` are ever any."""
    named = (name for name in ("id", "url") if name in element and definitions[name].attribute)
    return "".join(f' {name}="{escaped(_text(element[name]))}"' for name in named)


def _text(value: Any) -> str:
    """A primitive as text. Source: HL7 FHIR R4, datatypes.html (boolean, integer, decimal)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise TypeError
    return str(value)
