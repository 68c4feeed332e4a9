"""Whole documents read: lines and paths of elements, files of every medium, envelopes, and what is no document."""

from __future__ import annotations

import base64
import re
import tracemalloc
from collections.abc import Iterator

import pytest
from cda_vectors import FOLDER
from lxml import etree

import cda.whole
from cda.document import Wrapper
from cda.validation.check import validate
from cda.whole import UnreadableError, Whole, read_whole

NS = {"c": "urn:hl7-org:v3"}
LETTER = (FOLDER / "discharge_letter.xml").read_bytes()
FILES = {
    "application/pdf": b"%PDF-1.4 ...",
    "text/plain": "Bonjour, l'été".encode(),
    "text/rtf": b"{\\rtf1 Bonjour}",
    "image/jpeg": b"\xff\xd8\xff\xe0 ...",
    "image/tiff": b"II*\x00 ...",
}


def with_file(content: bytes, media: str, chunk: bytes = b"") -> bytes:
    """The discharge letter with another file in it."""
    before, _, rest = LETTER.partition(b"<text ")
    text = b'<text mediaType="%s" representation="B64">%s</text>' % (media.encode(), base64.b64encode(content))
    return before + text + chunk + rest.partition(b"</text>")[2]


def element(whole: Whole, path: str) -> etree._Element:
    return whole.clinical_document.xpath(path, namespaces=NS)[0]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("media", FILES)
def test_files_of_every_medium(monkeypatch: pytest.MonkeyPatch, media: str, streamed: bool) -> None:
    if streamed:
        monkeypatch.setattr(cda.whole, "MAX_PARSED", 10)
    whole = read_whole([with_file(FILES[media], media)])
    (file,) = whole.files.values()
    assert (file.media_type, file.size) == (media, len(FILES[media]))
    assert file.is_base64 and file.is_what_it_says
    assert validate([with_file(FILES[media], media)]).findings == ()


@pytest.mark.parametrize("name", ["discharge_letter", "lab_report", "signed", "self_presenting"])
def test_lines_and_paths_are_the_same_either_way(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    data = (FOLDER / f"{name}.xml").read_bytes()
    parsed = read_whole([data])
    monkeypatch.setattr(cda.whole, "MAX_PARSED", 10)
    streamed = read_whole([data[place : place + 100] for place in range(0, len(data), 100)])
    found = [
        [(whole.path(each), whole.line(each)) for each in whole.clinical_document.iter(etree.Element)]
        for whole in (parsed, streamed)
    ]
    assert found[0] == found[1]
    lines = data.decode().splitlines()
    for path, line in found[0]:
        assert f"<{path.rpartition('/')[2].partition('[')[0]}" in lines[line - 1], (path, line)


def test_envelopes() -> None:
    assert read_whole([(FOLDER / "signed.xml").read_bytes()]).wrapper is Wrapper.SIGNATURE
    assert read_whole([(FOLDER / "self_presenting.xml").read_bytes()]).wrapper is Wrapper.STYLESHEET


def test_a_prefix_declared_outside_the_document() -> None:
    inner = LETTER.partition(b"?>")[2].replace(b' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"', b"")
    inner = inner.replace(b"<title>", b'<title xsi:type="ST">')
    outer = b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"\nxmlns:xsi="%s"><ds:Object>%s</ds:Object>'
    data = outer % (b"http://www.w3.org/2001/XMLSchema-instance", inner) + b"</ds:Signature>"
    assert [each for each in validate([data]).findings if "XSD" in each.rule] == []


def test_a_file_of_100_mb_in_bounded_memory() -> None:
    piece = base64.b64encode(b"%PDF-" + b"\0" * (3 * 1024 * 1024 - 5))
    start, _, rest = LETTER.partition(b"<text ")
    end = rest.partition(b"</text>")[2]

    def chunks() -> Iterator[bytes]:
        yield start + b'<text mediaType="application/pdf" representation="B64">'
        for _ in range(34):
            yield from (piece[place : place + 65536] for place in range(0, len(piece), 65536))
        yield b"</text>\n" + end.replace(b"</ClinicalDocument>", b"<end/></ClinicalDocument>")

    tracemalloc.start()
    found = validate(chunks())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * 1024 * 1024
    assert [(each.rule, each.path) for each in found.findings] == [
        ("XSD cvc-complex-type.2.4", "/ClinicalDocument/end")
    ]


UNREADABLE = {
    "nothing": (b"", 1),
    "no XML": (b"\n\nbonjour", 3),
    "an unclosed element": (b"<ClinicalDocument xmlns='urn:hl7-org:v3'>\n<id>\n", 3),
    "a DTD": (b"<!DOCTYPE a [<!ENTITY b 'c'>]><ClinicalDocument xmlns='urn:hl7-org:v3'/>", 1),
    "another root": (b"<html/>", 1),
    "no namespace": (b"<ClinicalDocument/>", 1),
    "an empty envelope": (b"<ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/>", 1),
    "too deep": (
        b"<ClinicalDocument xmlns='urn:hl7-org:v3'>" + b"<a>" * 300 + b"</a>" * 300 + b"</ClinicalDocument>",
        1,
    ),
    "an unknown encoding": (b"<?xml version='1.0' encoding='x-none'?><a/>", 1),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_document_is_said_with_its_line(name: str) -> None:
    data, line = UNREADABLE[name]
    with pytest.raises(UnreadableError):
        read_whole([data])
    (finding,) = validate([data]).findings
    assert not re.search(r"\b(expected|at most|more|the|of|line|a)\b", f"{finding.expected} {finding.found}")
    assert (finding.rule, finding.line) == ("LECTURE", line)


def test_a_document_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cda.whole, "MAX_PARSED", 10)
    monkeypatch.setattr(cda.whole, "MAX_BYTES", len(LETTER) - 1)
    with pytest.raises(UnreadableError, match="au plus"):
        read_whole([LETTER])


@pytest.mark.parametrize(
    ("content", "media", "rule"),
    [
        (b"GIF89a", "application/pdf", "FICHIER-format"),
        (b"", "application/pdf", "FICHIER-vide"),
        (b"\x89PNG\r\n\x1a\n", "image/png", "CORPS-mediaType"),
    ],
)
def test_a_file_that_people_could_not_open_is_a_warning(content: bytes, media: str, rule: str) -> None:
    found = validate([with_file(content, media)])
    assert [finding.rule for finding in found.findings] == [rule]
    assert found.conforms


def test_a_file_that_is_no_base64_is_a_warning() -> None:
    data = with_file(b"%PDF-1.4", "application/pdf").replace(b'B64">', b'B64">*')
    assert [finding.rule for finding in validate([data]).findings] == ["FICHIER-base64"]
