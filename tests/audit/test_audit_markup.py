"""XML written to text is what lxml writes of the same elements, byte for byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from audit.markup import Element

NAMES = st.sampled_from(["EventID", "ActiveParticipant", "csd-code", "originalText"])
_LETTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
XML_TEXT = st.text(_LETTERS, max_size=20) | st.text("&<>\"'\t\n\r]é\U0001f600 ", max_size=12)
TREES = st.recursive(
    st.tuples(NAMES, st.dictionaries(NAMES, XML_TEXT, max_size=3), XML_TEXT),
    lambda inner: st.tuples(NAMES, st.dictionaries(NAMES, XML_TEXT, max_size=3), st.lists(inner, max_size=3)),
    max_leaves=8,
)


def ours(tree: tuple, parent: Element | None = None) -> Element:  # type: ignore[type-arg]
    name, attributes, inside = tree
    made = parent.child(name, attributes) if parent else Element(name, attributes)
    if isinstance(inside, list):
        for each in inside:
            ours(each, made)
    elif inside:
        made.say(inside)
    return made


def theirs(tree: tuple, parent: etree._Element | None = None) -> etree._Element:  # type: ignore[type-arg]
    name, attributes, inside = tree
    made = etree.Element(name) if parent is None else etree.SubElement(parent, name)
    for key, value in attributes.items():
        made.set(key, value)
    if isinstance(inside, list):
        for each in inside:
            theirs(each, made)
    elif inside:
        made.text = inside
    return made


@given(TREES)
def test_it_is_what_lxml_writes(tree: tuple) -> None:  # type: ignore[type-arg]
    assert ours(tree).document() == etree.tostring(theirs(tree), encoding="UTF-8", xml_declaration=True)


def test_what_is_written_already_is_held_as_it_is() -> None:
    element = Element("A")
    element.hold(str(Element("B", {"c": "<"})))
    assert str(element) == '<A><B c="&lt;"/></A>'
