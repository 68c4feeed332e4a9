"""A resource as XML, from what JSON has of it.

Source: HL7 FHIR R4, xml.html 2.6.1 and json.html 2.6.2 (what each has of the same resource).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    try:
        return "".join([_DECLARATION, *_resource(resource, _DECLARED)]).encode()
    except (ContentError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise FormError("a resource that the definitions of FHIR R4 foresee, to be told in XML", "another") from None


def _resource(resource: Mapping[str, Any], declared: str = "") -> Iterator[str]:
    kind = resource["resourceType"]
    definitions = resource_elements(kind)
    yield f"<{kind}{declared}>"
    yield from _inside({name: value for name, value in resource.items() if name != "resourceType"}, definitions)
    yield f"</{kind}>"


def _inside(element: Mapping[str, Any], definitions: Definitions) -> Iterator[str]:
    """What stands between the tags of an element. Raises LookupError for what has no definition."""
    if unknown := [name for name in element if name.removeprefix("_") not in definitions]:
        raise LookupError(unknown)
    for name, definition in definitions.items():
        value, beside = element.get(name), element.get(f"_{name}")
        if definition.attribute or (value is None and beside is None):
            continue
        if not definition.many:
            yield from _one(name, definition, value, beside)
            continue
        for each, other in zip_longest(_listed(value), _listed(beside)):
            yield from _one(name, definition, each, other)


def _listed(value: Any) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise TypeError
    return value or []


def _one(name: str, definition: Definition, value: Any, beside: Any) -> Iterator[str]:
    match definition.content:
        case Content.RESOURCE:
            yield f"<{name}>"
            yield from _resource(value)
            yield f"</{name}>"
        case Content.ELEMENTS:
            definitions = elements(definition.type)
            yield f"<{name}{_attributes(value, definitions)}>"
            yield from _inside(value, definitions)
            yield f"</{name}>"
        case Content.XHTML:
            yield write_div(value)
        case _ if value is not None or beside is not None:
            yield from _primitive(name, value, beside or {})


def _primitive(name: str, value: Any, beside: Mapping[str, Any]) -> Iterator[str]:
    definitions = elements("Element")
    said = "" if value is None else f' value="{escaped(_text(value))}"'
    inside = "".join(_inside(beside, definitions))
    start = f"<{name}{_attributes(beside, definitions)}{said}"
    yield f"{start}>{inside}</{name}>" if inside else f"{start}/>"


def _attributes(element: Mapping[str, Any], definitions: Definitions) -> str:
    named = (name for name, definition in definitions.items() if definition.attribute and name in element)
    return "".join(f' {name}="{escaped(_text(element[name]))}"' for name in named)


def _text(value: Any) -> str:
    """A primitive as text. Source: HL7 FHIR R4, datatypes.html (boolean, integer, decimal)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise TypeError
    return str(value)
