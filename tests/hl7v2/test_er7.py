"""Segments, fields, escape sequences, character sets. Source: HL7 v2.5 2.5 to 2.7 and 2.15.9."""

from __future__ import annotations

import base64
import binascii
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7v2.base64_field import Base64Error, decode
from hl7v2.er7 import LARGE, Syntax, read_er7, write_er7
from hl7v2.errors import Hl7Error

SYNTAXES = [Syntax(), Syntax("#", "*", "+", "?", "%", "iso8859-15"), Syntax("!", ":", ";", "$", ",", "utf-8")]
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=30)
FIELD = st.lists(TEXTS.map(str.strip), min_size=1, max_size=4)


def msh(syntax: Syntax) -> list[str]:
    charset = {"utf-8": "UNICODE UTF-8", "iso8859-15": "8859/15"}[syntax.codec]
    return ["MSH", syntax.encoding_characters, *[""] * 15, charset]


@given(st.lists(FIELD, max_size=5), st.sampled_from(SYNTAXES))
def test_what_is_written_is_read(fields: list[list[str]], syntax: Syntax) -> None:
    def kept(text: str) -> str:
        return text.encode(syntax.codec, "ignore").decode(syntax.codec)

    fields = [[kept(part).strip() for part in field] for field in fields]
    line = ["PID", *(syntax.component.join(map(syntax.escaped, field)) for field in fields)]
    message = read_er7(write_er7([msh(syntax), line], syntax))
    read = [
        [message.segments[1].text(number, place + 1) for place in range(len(field))]
        for number, field in enumerate(fields, 1)
    ]
    assert read == fields


@given(TEXTS, st.sampled_from(SYNTAXES))
def test_an_escaped_text_is_itself_again(text: str, syntax: Syntax) -> None:
    escaped = syntax.escaped(text)
    assert not {syntax.field, syntax.component, syntax.repetition, syntax.subcomponent, "\r", "\n"} & set(escaped)
    assert syntax.unescaped(escaped) == text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"A\F\B\S\C\T\D\R\E\E\F", r"A|B^C&D~E\F"),
        (r"\XC3A9\t\X0D\ ", "ét\r"),
        (r"\H\important\N\ ", "important"),
        (r"one\.br\two", "one\ntwo"),
        (r"\Zdoc\stays\ ", r"\Zdoc\stays\ "),
        (r"half \F", r"half \F"),
    ],
)
def test_escape_sequences_of_the_standard(written: str, meant: str) -> None:
    assert Syntax().unescaped(written).strip() == meant.strip()


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    for each in (data, b"MSH|^~\\&|" + data):
        try:
            read_er7(each)
        except Hl7Error as error:
            assert error.faults


def test_null_absent_and_repeated_values() -> None:
    pid = read_er7(b'MSH|^~\\&|\rPID|1||A^^^X&1.2&ISO~B^^^Y&1.3&ISO||""||\r').segments[1]
    assert [pid.part(each, 4, 2) for each in pid.repetitions(3)] == ["1.2", "1.3"]
    assert (pid.text(5), pid.text(9), pid.text(3, 9), pid.text(3, 1, repetition=2)) == ("", "", "", "B")
    assert (pid.present(5), pid.present(6), pid.present(40)) == (True, False, False)


@pytest.mark.parametrize(
    ("codec", "charset"), [("iso8859-1", "8859/1"), ("iso8859-15", "8859/15"), ("utf-8", "UNICODE UTF-8")]
)
def test_the_character_set_is_that_of_msh_18(codec: str, charset: str) -> None:
    data = f"MSH|^~\\&|{'|' * 14}|{charset}\rPID|||||ÉLODIE\r".encode(codec)
    assert read_er7(data).segments[1].text(5) == "ÉLODIE"


@pytest.mark.parametrize("data", [b"MSH\rPID|||||X\r", b"MSH\nPID|||||X\n", b"MSH|\rPID|||||X\r", b"MSH||||||||\r"])
def test_a_header_without_delimiters_is_no_header(data: bytes) -> None:
    with pytest.raises(Hl7Error) as caught:
        read_er7(data)
    assert [each.condition.code for each in caught.value.faults] == ["102"]


@pytest.mark.parametrize("charset", ["", "ASCII", "UNICODE UTF-8"])
def test_other_bytes_than_msh_18_says_are_no_text(charset: str) -> None:
    data = f"MSH|^~\\&|{'|' * 14}|{charset}\rPID|||||ÉLODIE\r".encode("iso8859-1")
    with pytest.raises(Hl7Error) as caught:
        read_er7(data)
    assert [(each.condition.code, each.location and each.location.erl) for each in caught.value.faults] == [
        ("102", ("PID", "1", "5", "1"))
    ]


@pytest.mark.parametrize("terminator", [b"\r", b"\r\n", b"\n"])
def test_segments_end_as_they_do(terminator: bytes) -> None:
    message = read_er7(terminator.join([b"MSH|^~\\&|a", b"PID|1", b"PV1|2", b""]))
    assert [each.name for each in message.segments] == ["MSH", "PID", "PV1"]


@pytest.mark.parametrize(
    "data", [b"", b"MSH", b"PID|1\r", b"MSH|^^\\&|", b"MSH|\xcb\x9c~\\&|", b"MSHA^~\\&A", b"MSH|^~|\\|"]
)
def test_what_has_no_delimiters_is_no_message(data: bytes) -> None:
    with pytest.raises(Hl7Error):
        read_er7(data)


# --- Documents --------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=400), st.integers(0, 2))
def test_base64_with_and_without_padding(data: bytes, dropped: int) -> None:
    text = base64.b64encode(data)
    text = text.rstrip(b"=") if dropped else text
    assert b"".join(decode(text, Syntax())) == data


@given(st.text("ABCDabcd019+/= \r\n\\.-é", max_size=60))
def test_base64_is_strict_but_for_padding_and_white_space(text: str) -> None:
    try:
        found = b"".join(decode(text.encode(), Syntax()))
    except Base64Error:
        return
    plain = text
    for left_out in ("\\.br\\", "\\X0D\\", "\\X0D0A\\", " ", "\r", "\n"):
        plain = plain.replace(left_out, "")
    padded = plain.rstrip("=") + "=" * (-len(plain.rstrip("=")) % 4)
    assert found == binascii.a2b_base64(padded)


def test_a_large_document_is_never_a_text() -> None:
    document = bytes(range(256)) * 40_000
    data = b"MSH|^~\\&|\rOBX|1|ED|X||^TEXT^XML^Base64^" + base64.b64encode(document) + b"||||||F\r"
    tracemalloc.start()
    message = read_er7(data)
    obx = message.segments[1]
    value = obx.components(5)[4]
    assert isinstance(value, memoryview)
    size = sum(len(piece) for piece in decode(value, message.syntax))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == len(document)
    assert obx.text(11) == "F"
    assert peak < 3 * len(data)
    with pytest.raises(Hl7Error):
        obx.text(5)
    assert len(value) > LARGE
