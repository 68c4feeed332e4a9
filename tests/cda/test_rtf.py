"""The text of RTF files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cda.rendering.rtf import is_rtf, text_of_rtf


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        (rb"{\rtf1\ansi Bonjour\par monde}", "Bonjour\nmonde"),
        (rb"{\rtf1\ansi\ansicpg1252 \'e9t\'e9 \b gras\b0  fin}", "été gras fin"),
        (rb"{\rtf1\ansi\ansicpg1250 \'e6}", "ć"),
        (rb"{\rtf1\uc1 caf\u233?}", "café"),
        (rb"{\rtf1\uc2 caf\u233\'c3\'a9 fin}", "café fin"),
        (rb"{\rtf1\uc0 \u8364 5}", "€5"),
        (rb"{\rtf1\u-3913?}", "\uf0b7"),
        (rb"{\rtf1{\fonttbl{\f0 Arial;}}{\colortbl;\red0;}{\*\generator x;}{\info{\title secret}}texte}", "texte"),
        (rb"{\rtf1 a{\pict\pngblip 89504e47}b}", "ab"),
        (rb"{\rtf1 un\cell deux\cell\row}", "un\tdeux"),
        (rb"{\rtf1 \{ \} \\ \~\emdash}", "{ } \\ \u00a0—"),
        (rb"{\rtf1 a" + b"\r\n" + rb"b}", "ab"),
        (b"x" * 10, "x" * 10),
        (b"{" * 100_000 + b"fin", "fin"),
        (b"}" * 10 + rb"\'zz\u\uc-5 fin", "zzfin"),
    ],
    ids=range(15),
)
def test_text(given_: bytes, said: str) -> None:
    assert text_of_rtf(given_) == said


def test_rtf_is_known_by_its_beginning() -> None:
    assert is_rtf(b" {\\rtf1 x}") and not is_rtf(b"rtf")


@given(
    st.lists(st.sampled_from([b"{", b"}", b"\\", b"\\u", b"\\uc", b"1", b"\\'", b"e9", b"\\*", b" ", b"a", b"\\pict"]))
)
def test_any_bytes_give_text(pieces: list[bytes]) -> None:
    assert isinstance(text_of_rtf(b"".join(pieces)), str)
