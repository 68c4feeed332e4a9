"""A resource of XML as JSON has it.

Elements are taken in any order, as those of JSON are; what the definition does not foresee is refused. What is said of
values is said by the models, which see the same resource whatever its form.

Source: HL7 FHIR R4, xml.html 2.6.1 and json.html 2.6.2 (what each has of the same resource), datatypes.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from lxml import etree

from pdsm.elements import Content, Definition, Definitions, elements, resource_elements
from pdsm.errors import ContentError
from pdsm.narrative import XHTML, read_div
from pdsm.original import Element
from pdsm.xml_writing import FHIR
from schemas import xml
from schemas.xml import local_name

MAX_DEPTH = 50
_SCHEMA = "{http://www.w3.org/2001/XMLSchema-instance}"  # xml.html 2.6.1: where a schema is, for editors
_BOOLEANS = {"true": True, "false": False}
_INTEGER = re.compile(r"0|[-+]?[1-9][0-9]{0,18}", re.ASCII)
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?", re.ASCII)
MAX_DIGITS = 4000  # of a decimal; Python reads no integer that is much longer


def read_xml(data: bytes, *, max_bytes: int) -> Element:
    """The resource of an XML document. Raises XmlError, ContentError."""
    root = xml.parse(data, max_bytes=max_bytes, long_values=True)
    attributes = [name for name in root.attrib if not str(name).startswith(_SCHEMA)]
    return _resource(root, (), attributes)


def _resource(node: etree._Element, path: Sequence[str], attributes: Iterable[str | bytes]) -> Element:
    kind = _name(node, path)
    try:
        definitions = resource_elements(kind)
    except ContentError:
        raise _fault(path, "a resource type of FHIR R4", "another name") from None
    place = (*path, kind)
    if any(True for _ in attributes):
        raise _fault(place, "a resource without attributes", "one")
    return {"resourceType": kind, **_inside(node, definitions, place)}


def _inside(node: etree._Element, definitions: Definitions, path: Sequence[str]) -> Element:
    """The elements between the tags of `node`."""
    if len(path) > MAX_DEPTH:
        raise _fault(path[:3], f"at most {MAX_DEPTH} elements inside each other", "more")
    if any(text and text.strip() for text in (node.text, *(each.tail for each in node))):
        raise _fault(path, "elements", "text")
    found: Element = {}
    beside: Element = {}
    for child in node:
        if not isinstance(child.tag, str):
            continue  # a comment, or an instruction
        name = _name(child, path)
        definition = definitions.get(name)
        if definition is None or definition.attribute:
            raise _fault((*path, name[:64]), "an element of its type", "another")
        value, other = _value(child, definition, (*path, name))
        if definition.many:
            found.setdefault(name, []).append(value)
            beside.setdefault(name, []).append(other)
        elif name in found:
            raise _fault((*path, name), "one element", "several")
        else:
            found[name], beside[name] = value, other
    said = {name: value for name, value in found.items() if _is_said(value)}
    return said | {f"_{name}": other for name, other in beside.items() if _is_said(other)}


def _is_said(value: Any) -> bool:
    return any(each is not None for each in value) if isinstance(value, list) else value is not None


def _value(node: etree._Element, definition: Definition, path: Sequence[str]) -> tuple[Any, Element | None]:
    """What an element holds, and what JSON has beside it."""
    match definition.content:
        case Content.XHTML:
            return read_div(node), None
        case Content.RESOURCE:
            inside = [each for each in node if isinstance(each.tag, str)]
            if len(inside) != 1 or node.attrib or (node.text or "").strip():
                raise _fault(path, "one resource", f"{len(inside)}")
            return _resource(inside[0], path, inside[0].attrib), None
        case Content.ELEMENTS:
            return _filled(_with_attributes(node, elements(definition.type), path), path), None
    beside = _with_attributes(node, elements("Element"), path, value=True)
    printed = beside.pop("value", None)
    if printed is None:
        return None, _filled(beside, path)
    return _primitive(str(printed), definition.content, path), beside or None


def _with_attributes(
    node: etree._Element, definitions: Definitions, path: Sequence[str], *, value: bool = False
) -> Element:
    """The elements of `node`, and its attributes: those of its type and, of a primitive, the value."""
    attributes: Element = {}
    for name, printed in node.attrib.items():
        known = definitions.get(str(name))
        if not (known and known.attribute) and not (value and name == "value"):
            raise _fault(path, "attributes of its type", "another")
        if not printed:
            raise _fault(path, "attributes with a value", "an empty one")
        attributes[str(name)] = str(printed)
    return attributes | _inside(node, definitions, path)


def _filled(element: Element, path: Sequence[str]) -> Element:
    if not element:
        raise _fault(path, "an element with a value, or with elements", "an empty one")
    return element


def _primitive(printed: str, content: Content, path: Sequence[str]) -> Any:
    if content is Content.BOOLEAN and printed in _BOOLEANS:
        return _BOOLEANS[printed]
    if content is Content.INTEGER and _INTEGER.fullmatch(printed):
        return int(printed)
    if content is Content.DECIMAL and len(printed) <= MAX_DIGITS and (found := _DECIMAL.fullmatch(printed)):
        return float(printed) if found[2] or found[3] else int(printed)
    if content is not Content.TEXT:
        raise _fault(path, content.value, "something else")
    return printed


def _name(node: etree._Element, path: Sequence[str]) -> str:
    """The name of an element. Raises ContentError for one of another namespace."""
    name = local_name(node.tag)
    if node.tag not in (f"{{{FHIR}}}{name}", f"{{{XHTML}}}div"):
        raise _fault(path, f"elements of {FHIR}", "one of another namespace")
    return name


def _fault(path: Sequence[str], expected: str, got: str) -> ContentError:
    place = ".".join(path)
    return ContentError(f"{place}: {expected}" if place else expected, got)
