"""The file inside a document of level 1."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from cda_vectors import FOLDER
from hypothesis import given
from hypothesis import strategies as st
from test_deposit import DEPOSIT

from cda.body import read_file
from cda.deposit import write_deposit
from cda.errors import CdaError

OPENING = '<ClinicalDocument xmlns="urn:hl7-org:v3"><title>t</title><component><nonXMLBody>'
CLOSING = "</nonXMLBody></component></ClinicalDocument>"


def read(data: bytes, size: int = 7) -> tuple[str, bytes]:
    written = bytearray()
    media_type = read_file((data[start : start + size] for start in range(0, len(data), size)), written.extend)
    return media_type, bytes(written)


@given(st.binary(max_size=200), st.integers(1, 300))
def test_what_was_deposited_comes_out(content: bytes, size: int) -> None:
    data = write_deposit(replace(DEPOSIT, content=content))
    assert read(data, size) == ("application/pdf", content)


def test_lines_of_base64_and_plain_text() -> None:
    encoded = base64.encodebytes(b"abc" * 100).decode()
    document = f'{OPENING}<text mediaType="image/jpeg" representation="B64">{encoded}</text>{CLOSING}'
    assert read(document.encode()) == ("image/jpeg", b"abc" * 100)
    assert read(f"{OPENING}<text>é &amp; à</text>{CLOSING}".encode()) == ("text/plain", "é & à".encode())


def test_a_structured_document_carries_no_file() -> None:
    assert read((FOLDER / "lab_report.xml").read_bytes(), 65536) == ("", b"")


@pytest.mark.parametrize("text", ["%%%%", "QUJ", "QUJD="])
def test_what_is_no_base64_is_an_error(text: str) -> None:
    document = f'{OPENING}<text mediaType="image/jpeg" representation="B64">{text}</text>{CLOSING}'
    with pytest.raises(CdaError, match="base64"):
        read(document.encode())


def test_what_is_no_xml_is_an_error() -> None:
    with pytest.raises(CdaError):
        read(b"<a><b></a>")
