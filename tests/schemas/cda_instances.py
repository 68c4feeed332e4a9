"""One instance of each type that our XSDs of CDA R2 declare, as small as may be or with all that it may hold.

The XSDs are read here a second time, by their elements: what no particle or attribute allows is never written.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path

from lxml import etree

import schemas
from schemas.xml import parse

FOLDER = Path(schemas.__file__).parent / "cda"
HL7, XSI, X = "urn:hl7-org:v3", "http://www.w3.org/2001/XMLSchema-instance", "{http://www.w3.org/2001/XMLSchema}"
XSD_SPACE = "http://www.w3.org/2001/XMLSchema"
# What stands for a type that nothing is of: one that derives from it.
CONCRETE = {"ANY": "ST", "BIN": "ED", "URL": "TEL", "QTY": "INT"}
VALUES = {
    "bl": "true",
    "bn": "false",
    "cs": "X",
    "st": "x",
    "url": "tel:1",
    "oid": "1.2.3",
    "uid": "1.2.3",
    "ts": "20260102",
    "int": "1",
    "int_pos": "1",
    "real": "1.5",
    "probability": "0.5",
    "bin": "aGVsbG8=",
    "list_int": "1 2",
    "string": "s",
    "boolean": "true",
    "NMTOKEN": "n",
    "NMTOKENS": "n m",
    "IDREF": "i1",
    "IDREFS": "i1",
}
_ids = count(1)


class Types:
    """Every declaration of our XSDs, by namespace and name. One without namespace stands in that of each includer."""

    def __init__(self) -> None:
        documents = {path.name: parse(path.read_bytes()) for path in sorted(FOLDER.glob("*.xsd"))}
        self.found: dict[tuple[str, str, str], tuple[etree._Element, str]] = {}
        for document in documents.values():
            space = document.get("targetNamespace")
            if space is not None:
                for each in (document, *_chameleons(document, documents)):
                    self._add(each, space)

    def _add(self, document: etree._Element, space: str) -> None:
        for each in document.iterchildren(etree.Element):
            if each.get("name"):
                self.found[(each.tag.removeprefix(X), space, each.get("name", ""))] = (each, space)

    def names(self, space: str) -> list[str]:
        """Every class and data type of a namespace that something may be of."""
        return [
            name
            for (kind, of, name), (node, _) in self.found.items()
            if kind == "complexType" and of == space and node.get("abstract") != "true"
        ]

    def get(self, kind: str, name: str, node: etree._Element, space: str) -> tuple[etree._Element, str]:
        """What `name` means where `node` stands, and in which namespace that is."""
        prefix, _, local = name.rpartition(":")
        of = node.nsmap.get(prefix or None) or space
        return self.found[(kind, of, local)]


def _chameleons(document: etree._Element, documents: dict[str, etree._Element]) -> Iterator[etree._Element]:
    for include in document.iter(f"{X}include"):
        included = documents[include.get("schemaLocation", "")]
        if included.get("targetNamespace") is None:
            yield included
            yield from _chameleons(included, documents)


@cache
def types() -> Types:
    return Types()


def instance(space: str, name: str, tag: str, *, full: bool) -> etree._Element:
    """An element `tag` of that type: what must be there, or all that may be (and in that, what must)."""
    element = etree.Element(tag, nsmap={None: HL7, "xsi": XSI, **({"own": space} if space != HL7 else {})})
    _fill(element, *types().found[("complexType", space, name)], full=full)
    return element


def _fill(element: etree._Element, node: etree._Element, space: str, *, full: bool) -> None:
    for attribute, of in _attributes(node, space).values():
        if full or attribute.get("use") == "required":
            element.set(*_attribute(attribute, of))
    for particle, of in _particles(node, space):
        _content(element, particle, of, full=full)


def _attributes(node: etree._Element, space: str) -> dict[str, tuple[etree._Element, str]]:
    """Each attribute of a type, with those of what it derives from."""
    found: dict[str, tuple[etree._Element, str]] = {}
    for derivation in node.iterchildren(f"{X}complexContent"):
        base, of = types().get("complexType", derivation[0].get("base", ""), derivation[0], space)
        found |= _attributes(base, of)
        node = derivation[0]
    for each in node.iterchildren(f"{X}attribute", f"{X}attributeGroup"):
        if each.tag == f"{X}attributeGroup":
            found |= _attributes(*types().get("attributeGroup", each.get("ref", ""), each, space))
        elif each.get("use") == "prohibited":
            found.pop(each.get("name", ""), None)
        else:
            found[each.get("name") or each.get("ref", "")] = (each, space)
    return found


def _attribute(node: etree._Element, space: str) -> tuple[str, str]:
    name = node.get("name")
    if name is None:
        node, of = types().get("attribute", node.get("ref", ""), node, space)
        name, space = f"{{{of}}}{node.get('name')}", of
    if node.get("fixed") is not None:
        return name, node.get("fixed", "")
    if node.get("type", "").endswith(":ID"):
        return name, f"i{next(_ids)}"
    return name, _value(node, space)


def _value(node: etree._Element, space: str) -> str:
    """A value of the simple type that an attribute is of, by name or in place."""
    local = (node.get("type") or node.get("base") or node.get("itemType") or "").rpartition(":")[2]
    if local in VALUES:
        return VALUES[local]
    if local:
        try:
            node, space = types().get("simpleType", node.get("type") or node.get("base") or local, node, space)
        except KeyError:
            return "s"
    for enumeration in node.iter(f"{X}enumeration"):
        return enumeration.get("value", "")
    inner = next(node.iter(f"{X}restriction", f"{X}list"), None)
    return "s" if inner is None else _value(inner, space)


def _particles(node: etree._Element, space: str) -> Iterator[tuple[etree._Element, str]]:
    """What a type may hold: an extension holds what its base holds, and then its own."""
    for derivation in node.iterchildren(f"{X}complexContent"):
        if derivation[0].tag == f"{X}extension":
            yield from _particles(*types().get("complexType", derivation[0].get("base", ""), derivation[0], space))
        node = derivation[0]
    for each in node.iterchildren(f"{X}sequence", f"{X}choice", f"{X}group"):
        yield each, space


def _content(element: etree._Element, particle: etree._Element, space: str, *, full: bool) -> None:
    kind, least = particle.tag.removeprefix(X), particle.get("minOccurs", "1")
    if particle.get("maxOccurs") == "0" or (least == "0" and not full) or kind == "any":
        return
    if kind == "group":
        group, of = types().get("group", particle.get("ref", ""), particle, space)
        _content(element, next(group.iterchildren(etree.Element)), of, full=full)
    elif kind == "sequence":
        for each in particle.iterchildren(etree.Element):
            _content(element, each, space, full=full)
    elif kind == "choice":
        repeated = full and particle.get("maxOccurs") == "unbounded"
        for each in particle.iterchildren(etree.Element):
            _content(element, each, space, full=full)
            if not repeated:
                break
    else:
        for _ in range(max(int(least), 1)):
            _child(element, particle, space)


def _child(element: etree._Element, particle: etree._Element, space: str) -> None:
    if particle.get("ref"):
        particle, space = types().get("element", particle.get("ref", ""), particle, space)
    child = etree.SubElement(element, f"{{{space}}}{particle.get('name')}")
    if particle.get("type") is None:
        for inner in particle.iterchildren(f"{X}complexType"):
            _fill(child, inner, space, full=False)
        return
    try:
        node, of = types().get("complexType", particle.get("type", ""), particle, space)
    except KeyError:  # a simple type
        child.text = _value(particle, space)
        return
    concrete = CONCRETE.get(node.get("name", ""))
    if concrete and node.get("abstract") == "true":
        node, of = types().found[("complexType", of, concrete)]
        child.set(f"{{{XSI}}}type", qualified(child, of, concrete))
    _fill(child, node, of, full=False)


def qualified(element: etree._Element, space: str, name: str) -> str:
    """The name of a type as an element may give it."""
    prefix = next(prefix for prefix, of in element.nsmap.items() if of == space)
    return f"{prefix}:{name}" if prefix else name
