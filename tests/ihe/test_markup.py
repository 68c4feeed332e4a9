"""XML written by hand: what was written is what is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ihe.markup import attribute, text
from schemas.xml import parse

NOT_XML = "\x00\x01\x08\x0b\x0c\x1f\ud800\udfff\ufffe\uffff"


@given(st.text(st.characters(codec="utf-8", exclude_characters=NOT_XML, exclude_categories=["Cc"])))
def test_what_is_written_is_read(value: str) -> None:
    root = parse(f'<a b="{attribute(value)}">{text(value)}</a>'.encode())
    assert (root.get("b"), root.text or "") == (value, value)


def test_white_space_survives() -> None:
    blank = "\t\n\r"
    root = parse(f'<a b="{attribute(blank)}">{text(blank)}</a>'.encode())
    assert (root.get("b"), root.text) == ("\t\n\r", "\t\n\r")


@pytest.mark.parametrize("character", NOT_XML)
def test_what_xml_cannot_hold_is_replaced(character: str) -> None:
    root = parse(f'<a b="{attribute(character)}">{text(character)}</a>'.encode())
    assert (root.get("b"), root.text) == ("\ufffd", "\ufffd")
