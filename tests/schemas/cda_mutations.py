"""Documents and single elements changed in one place, so that two schemas can be held to each other."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache

from cda_instances import HL7, XSI, X, qualified, types
from lxml import etree

TYPE, NIL = f"{{{XSI}}}type", f"{{{XSI}}}nil"
# Values at the edges of the simple types: truth, numbers, points in time, identifiers, codes, tokens, base64.
VALUES = (
    *("", " ", "\n1\n", "0", "1", "-1", "+1", "1.5", "1,5", "1.", ".5", "1e3", "NaN", "INF", "true", "TRUE", " true "),
    *("x", "a b", "é", "1 2", "1 x", " a", "a-b", "aGVsbG8=", "aGVsbG8", "====", "http://[", "tel:1", "a#b#c"),
    *("2026", "202601", "20260102", "202601021", "20260102030405", "20260102030405.1", "20260102030405+0100"),
    *("2026010203+01", "20260102030405+01000", "2026-01-02", "20260102+0100", "202613", "20260102030405.1-1"),
    *("1.2", "1.02", "3.1", "1..2", "1.2.", "X-1", "1x", "00000000-0000-0000-0000-00000000000g", "g" * 36),
    *("00000000-0000-0000-0000-000000000000", "UNK", "NI", "XX", "EVN", "RQO", "OBS", "ACT", "B64", "SHA-1"),
)  # fmt: skip
SPACES = (
    HL7,
    "urn:hl7-org:sdtc",
    "urn:ihe:pharm:medication",
    "urn:oid:1.3.6.1.4.1.19376.1.3.2",
    "urn:dicom-org:ps3-20",
)


@cache
def vocabulary() -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Names of elements and of attributes, and codes, that our schemas have anywhere; and a few that none has."""
    nodes = [node for node, _ in types().found.values()]
    elements = {
        str(each.get("name")) for node in nodes for each in (node, *node.iter(f"{X}element")) if each.get("name")
    }
    attributes = {str(each.get("name")) for node in nodes for each in node.iter(f"{X}attribute") if each.get("name")}
    codes = {str(each.get("value")) for node in nodes for each in node.iter(f"{X}enumeration")}
    others = (NIL, f"{{{XSI}}}schemaLocation", f"{{{XSI}}}other", "{urn:x}other", "{urn:hl7-org:sdtc}valueSet", "xmlID")
    return (*sorted(elements), "Other"), (*sorted(attributes), *others), tuple(sorted(codes))


def swept(element: etree._Element, *, every_name: bool = True) -> Iterator[None]:
    """Every single change of `element` itself: its attributes, its text, its children added, gone, twice, elsewhere.

    Yields while each change stands, and takes it back. Without `every_name`, names that do not stand in the element
    are left out, and the codes.
    """
    yield from _attributes(element, every_name=every_name)
    yield from _text(element)
    yield from _children(element)
    if every_name:
        yield from _added(element)


def _attributes(element: etree._Element, *, every_name: bool) -> Iterator[None]:
    _, names, codes = vocabulary()
    before = dict(element.attrib)
    for name, value in before.items():
        for other in (*VALUES, *(codes if every_name else ())):
            element.set(name, other)
            yield
        del element.attrib[name]
        yield
        element.set(name, value)
    for name in names if every_name else ():
        if name not in before:
            element.set(name, "true")
            yield
            del element.attrib[name]


def _text(element: etree._Element) -> Iterator[None]:
    text = element.text
    for value in ("", " ", "x", "1", "1 2", "aGVsbG8="):
        element.text = value
        yield
    element.text = text
    for child in element:
        child.tail = "x"
        yield
        child.tail = None


def _children(element: etree._Element) -> Iterator[None]:
    for place, child in enumerate(list(element)):
        element.insert(place, again := deepcopy(child))
        yield
        element.remove(again)
        tag = child.tag
        for space in (*SPACES, "urn:x", ""):
            child.tag = f"{{{space}}}{etree.QName(tag).localname}" if space else etree.QName(tag).localname
            yield
        child.tag = tag
        element.remove(child)
        yield
        for other in {0, place + 1, len(element)} - {place}:
            element.insert(other, child)
            yield
            element.remove(child)
        element.insert(place, child)


def _added(element: etree._Element) -> Iterator[None]:
    names, _, _ = vocabulary()
    space = etree.QName(element[0]).namespace if len(element) else HL7
    for name in names:
        for place in {0, len(element)}:
            new = etree.Element(f"{{{space}}}{name}", nullFlavor="UNK")
            element.insert(place, new)
            yield
            element.remove(new)
    for foreign in SPACES:
        for name in ("id", "desc", "statusCode", "priorityNumber", "formCode", "precondition", "accessionNumber"):
            element.append(new := etree.Element(f"{{{foreign}}}{name}"))
            yield
            element.remove(new)


# --- Whole documents --------------------------------------------------------------------------------------------------


def mutated(document: etree._Element, chance: random.Random) -> etree._Element:
    """A copy of a document with one thing changed somewhere. The same `chance` gives the same change."""
    root = deepcopy(document)
    elements = list(root.iter(etree.Element))
    chance.choice(MUTATIONS)(chance.choice(elements), elements, chance)
    return root


def _remove(element: etree._Element, _elements: object, _chance: object) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _duplicate(element: etree._Element, _elements: object, _chance: object) -> None:
    if element.getparent() is not None:
        element.addnext(deepcopy(element))


def _move(element: etree._Element, _elements: object, chance: random.Random) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
        parent.insert(chance.randint(0, len(parent)), element)


def _move_away(element: etree._Element, elements: list[etree._Element], chance: random.Random) -> None:
    """A copy of it somewhere else."""
    other = chance.choice(elements)
    if len(element) < 20:
        other.insert(chance.randint(0, len(other)), deepcopy(element))


def _rename(element: etree._Element, elements: list[etree._Element], chance: random.Random) -> None:
    if element.getparent() is not None:
        space = etree.QName(element).namespace
        local = chance.choice((chance.choice(vocabulary()[0]), etree.QName(chance.choice(elements)).localname))
        element.tag = f"{{{space}}}{local}"


def _other_space(element: etree._Element, _elements: object, chance: random.Random) -> None:
    if element.getparent() is not None:
        element.tag = f"{{{chance.choice((*SPACES, 'urn:x'))}}}{etree.QName(element).localname}"


def _unattribute(element: etree._Element, elements: list[etree._Element], chance: random.Random) -> None:
    element = _with_attributes(element, elements, chance)
    del element.attrib[chance.choice(sorted(map(str, element.attrib)))]


def _revalue(element: etree._Element, elements: list[etree._Element], chance: random.Random) -> None:
    element = _with_attributes(element, elements, chance)
    value = chance.choice((*VALUES, chance.choice(vocabulary()[2])))
    element.set(chance.choice(sorted(map(str, element.attrib))), value)


def _attribute(element: etree._Element, _elements: object, chance: random.Random) -> None:
    element.set(chance.choice(vocabulary()[1]), chance.choice((*VALUES, chance.choice(vocabulary()[2]))))


def _retype(element: etree._Element, elements: list[etree._Element], chance: random.Random) -> None:
    typed = [each for each in elements if each.get(TYPE)]
    if typed and chance.random() < 0.7:
        element = chance.choice(typed)
    element.set(TYPE, qualified(element, HL7, chance.choice(types().names(HL7))))


def _retext(element: etree._Element, _elements: object, chance: random.Random) -> None:
    element.text = chance.choice(VALUES)


def _narrate(_element: object, elements: list[etree._Element], chance: random.Random) -> None:
    """An element of the narrative within another."""
    narrative = [each for text in elements if text.tag == f"{{{HL7}}}text" for each in text.iter(etree.Element)]
    if narrative:
        names = (
            "table",
            "tbody",
            "thead",
            "tr",
            "td",
            "th",
            "list",
            "item",
            "caption",
            "content",
            "br",
            "sub",
            "footnote",
        )
        new = etree.Element(f"{{{HL7}}}{chance.choice(names)}")
        place = chance.choice(narrative)
        place.insert(chance.randint(0, len(place)), new)


def _with_attributes(element: etree._Element, elements: list[etree._Element], chance: random.Random) -> etree._Element:
    return element if element.attrib else chance.choice([each for each in elements if each.attrib])


Mutation = Callable[[etree._Element, list[etree._Element], random.Random], None]
MUTATIONS: tuple[Mutation, ...] = (
    _remove,
    _duplicate,
    _move,
    _move_away,
    _rename,
    _other_space,
    _unattribute,
    _revalue,
    _revalue,
    _revalue,
    _attribute,
    _retype,
    _retext,
    _narrate,
)
