"""Messages changed in one place after another, or in a few at random, so that two schemas can be held to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

from hypothesis import strategies as st
from lxml import etree
from xds_messages import LCM, QUERY, RIM, RMD, RS, XDS, XSI

from schemas.xml import local_name

VALUES = (
    *(
        "",
        " ",
        "0",
        "-1",
        "1.5",
        "true",
        "TRUE",
        "LeafClass",
        " ObjectRef ",
        "a b",
        "é",
        "%zz",
        "http://[",
        "::",
        "a#b#c",
    ),
    *("P1D", "2026-01-02", "2026-01-02T03:04:05", "aGVsbG8=", "aGVsbG8", "fr-FR", "fr_FR", "registryLite", "\n1\n"),
    *("x" * length for length in (4, 5, 8, 9, 16, 17, 32, 33, 64, 65, 256, 257, 1024, 1025)),
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What mutations are made of: names and types that schemas declare, and some that none does."""

    elements: tuple[str, ...]
    attributes: tuple[str, ...]
    types: tuple[str, ...]

    @classmethod
    def of(cls, *schemas: etree._Element) -> Vocabulary:
        """The vocabulary of these schema documents."""

        def names(kind: str, *, qualified: bool = False) -> list[str]:
            found = {
                f"{{{schema.get('targetNamespace')}}}{each.get('name')}" if qualified else str(each.get("name"))
                for schema in schemas
                for each in schema.iter(f"{{http://www.w3.org/2001/XMLSchema}}{kind}")
                if each.get("name")
            }
            return sorted(found)

        others = [f"{{http://www.w3.org/XML/1998/namespace}}{name}" for name in ("lang", "space", "base", "id")]
        others += [
            f"{{{XSI}}}nil",
            f"{{{XSI}}}schemaLocation",
            f"{{{XSI}}}type",
            "{urn:x}other",
            f"{{{RIM}}}id",
            "other",
        ]
        types = (*names("complexType"), *names("simpleType"), "string", "anyType")
        return cls((*names("element", qualified=True), "{urn:x}Other", "Other"), (*names("attribute"), *others), types)


def swept(messages: list[etree._Element], words: Vocabulary) -> Iterator[etree._Element]:
    """Every single change of every kind of element in `messages`: each value in each attribute and text, each attribute
    and child that some schema declares anywhere, the element gone, twice, in another place. Yields one tree, changing.
    """
    seen = set()
    for root in messages:
        for element in list(root.iter(etree.Element)):
            if element.tag not in seen:
                seen.add(element.tag)
                yield from _attributes_changed(root, element, words)
                yield from _content_changed(root, element, words)
                yield from _displaced(root, element)


def _attributes_changed(root: etree._Element, element: etree._Element, words: Vocabulary) -> Iterator[etree._Element]:
    before = dict(element.attrib)
    for name, value in before.items():
        for other in VALUES:
            element.set(name, other)
            yield root
        del element.attrib[name]
        yield root
        element.set(name, value)
    for name in words.attributes:
        if name not in before:
            element.set(name, "v")
            yield root
            del element.attrib[name]


def _content_changed(root: etree._Element, element: etree._Element, words: Vocabulary) -> Iterator[etree._Element]:
    text = element.text
    for value in VALUES:
        element.text = value
        yield root
    element.text = text
    for name in words.elements:
        for place in {0, len(element)}:
            child = element.makeelement(name, {"id": "i", "value": "v", "name": "n"} if place else {})
            element.insert(place, child)
            yield root
            element.remove(child)


def _displaced(root: etree._Element, element: etree._Element) -> Iterator[etree._Element]:
    parent = element.getparent()
    if parent is None:
        return
    place, again = parent.index(element), deepcopy(element)
    parent.insert(place, again)
    yield root
    parent.remove(again)
    for other in range(len(parent)):
        parent.insert(other, element)
        yield root
    parent.remove(element)
    yield root
    parent.insert(place, element)


def mutated(messages: list[etree._Element], words: Vocabulary) -> st.SearchStrategy[etree._Element]:
    """One of `messages`, changed in one to three places."""
    indices, values = st.integers(0, 1 << 30), st.sampled_from(VALUES)

    @st.composite
    def one(draw: st.DrawFn) -> etree._Element:
        root = deepcopy(draw(st.sampled_from(messages)))
        for _ in range(draw(st.integers(1, 3))):
            elements = list(root.iter(etree.Element))
            element = elements[draw(indices) % len(elements)]
            draw(st.sampled_from(MUTATIONS))(draw, element, words, values)
        return root

    return one()


def _drop(_draw: st.DrawFn, element: etree._Element, *_: object) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _duplicate(_draw: st.DrawFn, element: etree._Element, *_: object) -> None:
    if element.getparent() is not None:
        element.addnext(deepcopy(element))


def _swap(_draw: st.DrawFn, element: etree._Element, *_: object) -> None:
    following = element.getnext()
    if following is not None and element.getparent() is not None:
        following.addnext(element)


def _move_into_sibling(_draw: st.DrawFn, element: etree._Element, *_: object) -> None:
    previous = element.getprevious()
    if previous is not None and isinstance(previous.tag, str):
        previous.append(element)


def _unwrap(_draw: st.DrawFn, element: etree._Element, *_: object) -> None:
    parent = element.getparent()
    if parent is not None:
        for child in element:
            element.addprevious(child)
        parent.remove(element)


def _rename(draw: st.DrawFn, element: etree._Element, words: Vocabulary, _values: object) -> None:
    element.tag = draw(st.sampled_from(words.elements))


def _rename_within(draw: st.DrawFn, element: etree._Element, words: Vocabulary, _values: object) -> None:
    """Another name of the same namespace: what a schema is most likely to let pass."""
    space = f"{{{etree.QName(element).namespace}}}"
    element.tag = draw(st.sampled_from([name for name in words.elements if name.startswith(space)] or ["Other"]))


def _other_namespace(draw: st.DrawFn, element: etree._Element, *_: object) -> None:
    space = draw(st.sampled_from([RIM, RS, LCM, QUERY, XDS, RMD, "urn:x"]))
    element.tag = f"{{{space}}}{local_name(element.tag)}"


def _insert(draw: st.DrawFn, element: etree._Element, words: Vocabulary, values: st.SearchStrategy[str]) -> None:
    new = etree.SubElement(element, draw(st.sampled_from(words.elements)))
    if draw(st.booleans()):
        new.text = draw(values)
    element.insert(draw(st.integers(0, len(element))), new)


def _insert_copy(draw: st.DrawFn, element: etree._Element, *_: object) -> None:
    """A copy of something else in the message, in a place that may not be its own."""
    every = [each for each in element.getroottree().getroot().iter(etree.Element) if len(each) < 10]
    if every:
        element.insert(draw(st.integers(0, len(element))), deepcopy(draw(st.sampled_from(every))))


def _drop_attribute(draw: st.DrawFn, element: etree._Element, *_: object) -> None:
    if element.attrib:
        del element.attrib[draw(st.sampled_from(sorted(map(str, element.attrib))))]


def _alter_attribute(draw: st.DrawFn, element: etree._Element, _words: object, values: st.SearchStrategy[str]) -> None:
    if element.attrib:
        element.set(draw(st.sampled_from(sorted(map(str, element.attrib)))), draw(values))


def _add_attribute(draw: st.DrawFn, element: etree._Element, words: Vocabulary, values: st.SearchStrategy[str]) -> None:
    name = draw(st.sampled_from(words.attributes))
    element.set(name, _some_type(draw, element, words) if name == f"{{{XSI}}}type" else draw(values))


def _retype(draw: st.DrawFn, element: etree._Element, words: Vocabulary, _values: object) -> None:
    element.set(f"{{{XSI}}}type", _some_type(draw, element, words))


def _some_type(draw: st.DrawFn, element: etree._Element, words: Vocabulary) -> str:
    prefix = draw(st.sampled_from(list(element.nsmap) or [None]))
    name = draw(st.sampled_from(words.types))
    return f"{prefix}:{name}" if prefix else name


def _put_text(draw: st.DrawFn, element: etree._Element, _words: object, values: st.SearchStrategy[str]) -> None:
    if len(element) and draw(st.booleans()):
        element[draw(st.integers(0, len(element) - 1))].tail = draw(values)
    else:
        element.text = draw(values)


def _put_comment(draw: st.DrawFn, element: etree._Element, *_: object) -> None:
    new = etree.Comment("c") if draw(st.booleans()) else etree.ProcessingInstruction("p", "i")
    element.insert(draw(st.integers(0, len(element))), new)


Mutation = Callable[..., None]
MUTATIONS: tuple[Mutation, ...] = (
    _drop,
    _duplicate,
    _swap,
    _move_into_sibling,
    _unwrap,
    _rename,
    _rename_within,
    _other_namespace,
    _insert,
    _insert_copy,
    _drop_attribute,
    _alter_attribute,
    _alter_attribute,
    _add_attribute,
    _add_attribute,
    _retype,
    _put_text,
    _put_comment,
)
