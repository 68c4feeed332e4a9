"""XML written to text is what lxml writes of the same elements, byte for byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from audit.markup import document, element, printable, text

NAMES = st.sampled_from(["EventID", "ActiveParticipant", "csd-code", "originalText"])
ANY_TEXT = st.text(max_size=20) | st.text("&<>\"'\t\n\r]é\x00\x1f\ufffe\ud800\U0001f600 ", max_size=12)
TREES = st.recursive(
    st.tuples(NAMES, st.dictionaries(NAMES, ANY_TEXT, max_size=3), ANY_TEXT),
    lambda inner: st.tuples(NAMES, st.dictionaries(NAMES, ANY_TEXT, max_size=3), st.lists(inner, max_size=3)),
    max_leaves=8,
)


def ours(tree: tuple) -> str:  # type: ignore[type-arg]
    name, attributes, inside = tree
    return element(name, attributes, *(map(ours, inside) if isinstance(inside, list) else [text(inside)]))


def theirs(tree: tuple, parent: etree._Element | None = None) -> etree._Element:  # type: ignore[type-arg]
    name, attributes, inside = tree
    made = etree.Element(name) if parent is None else etree.SubElement(parent, name)
    for key, value in attributes.items():
        if value:
            made.set(key, printable(value))
    if isinstance(inside, list):
        for each in inside:
            theirs(each, made)
    elif inside:
        made.text = printable(inside)
    return made


@given(TREES)
def test_it_is_what_lxml_writes(tree: tuple) -> None:  # type: ignore[type-arg]
    assert document(ours(tree)) == etree.tostring(theirs(tree), encoding="UTF-8", xml_declaration=True)


@given(ANY_TEXT)
def test_what_can_be_written_is_replaced_by_nothing(said: str) -> None:
    kept = "".join(
        "\ufffd"
        if (each < " " and each not in "\t\n\r") or each in "\ufffe\uffff" or "\ud800" <= each <= "\udfff"
        else each
        for each in said
    )
    assert printable(said) == kept


def test_what_is_written_already_is_held_as_it_is() -> None:
    assert element("A", {}, element("B", {"c": "<", "d": ""})) == '<A><B c="&lt;"/></A>'
