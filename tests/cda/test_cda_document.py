"""Reading documents: whole, in any pieces, of any size; and what is no document."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from copy import deepcopy

import pytest
from cda_vectors import FOLDER, build
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from cda.document import HL7_V3, MAX_HEADER_BYTES, Body, BodyKind, Wrapper, read_document
from cda.errors import CdaError
from cda.header import read_header
from schemas import xml

NAMES = sorted(path.name for path in FOLDER.glob("*.xml"))
LETTER = (FOLDER / "discharge_letter.xml").read_bytes()
COMPONENT = f"{{{HL7_V3}}}component"
MANY_ATTRIBUTES = b" ".join(b'a%d=""' % number for number in range(300))


def test_vectors_are_those_of_the_builders() -> None:
    assert {path.name: path.read_bytes() for path in FOLDER.glob("*.xml")} == build()


@pytest.mark.parametrize(
    ("name", "wrapper", "body"),
    [
        ("hospital_stay_report.xml", Wrapper.CLINICAL_DOCUMENT, Body(BodyKind.NON_XML, "application/pdf")),
        ("prescription.xml", Wrapper.CLINICAL_DOCUMENT, Body(BodyKind.NON_XML, "text/plain")),
        ("lab_report.xml", Wrapper.CLINICAL_DOCUMENT, Body(BodyKind.STRUCTURED)),
        ("self_presenting.xml", Wrapper.STYLESHEET, Body(BodyKind.NON_XML, "application/pdf")),
        ("signed.xml", Wrapper.SIGNATURE, Body(BodyKind.NON_XML, "application/pdf")),
    ],
)
def test_root_and_body_are_told(name: str, wrapper: Wrapper, body: Body) -> None:
    document = read_document([(FOLDER / name).read_bytes()])
    assert (document.wrapper, document.body) == (wrapper, body)


def test_envelopes_do_not_change_the_header() -> None:
    documents = [read_document([build()[name]]) for name in ("self_presenting.xml", "signed.xml")]
    unwrapped, signed = (_canonical(document.clinical_document) for document in documents)
    assert unwrapped == signed


@given(st.sampled_from(NAMES), st.integers(1, 5000))
def test_the_header_is_that_of_the_whole_tree_however_it_is_cut(name: str, length: int) -> None:
    data = (FOLDER / name).read_bytes()
    chunks = [data[first : first + length] for first in range(0, len(data), length)]
    condensed = read_document(chunks).clinical_document
    whole = next(xml.parse(data).iter(f"{{{HL7_V3}}}ClinicalDocument"))
    assert _header_only(condensed) == _header_only(whole)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=40))
def test_text_survives_condensing(title: str) -> None:
    escaped = title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    data = LETTER.replace(
        "Lettre de liaison à la sortie de l'établissement de santé</title>".encode(), f"{escaped}</title>".encode()
    )
    assert read_header(read_document([data])).title == " ".join(title.split())


def test_a_large_document_does_not_stand_in_memory() -> None:
    megabytes = 32
    head, tail = _around_body(LETTER)
    block = b"QUJD" * (64 * 1024)

    def chunks() -> Iterator[bytes]:
        yield head
        for _ in range(megabytes * 4):
            yield block
        yield tail

    tracemalloc.start()
    document = read_document(chunks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert document.body == Body(BodyKind.NON_XML, "application/pdf")
    assert peak < 8 * 1024 * 1024


def test_a_large_structured_body_does_not_stand_in_memory() -> None:
    head, _, tail = build()["lab_report.xml"].partition(b"<structuredBody>")
    tail = tail[tail.index(b"</structuredBody>") :]
    section = b"<component><section><title>x</title></section></component>" * 1000

    def chunks() -> Iterator[bytes]:
        yield head + b"<structuredBody>"
        for _ in range(100):
            yield section
        yield tail

    tracemalloc.start()
    document = read_document(chunks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert document.body.kind is BodyKind.STRUCTURED
    assert peak < 8 * 1024 * 1024


@pytest.mark.parametrize(
    ("data", "place", "expected"),
    [
        (b"", "document", "well-formed XML"),
        (b"%PDF-1.4", "document", "well-formed XML"),
        (LETTER[:-30], "document", "well-formed XML"),
        (LETTER.replace(b"?>", b"?><!DOCTYPE ClinicalDocument>", 1), "document", "without a document type"),
        (
            b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + LETTER.partition(b"?>")[2].strip(),
            "document",
            "without a document type",
        ),
        (b"<a>" * 300, "document", "nested"),
        (LETTER.replace(b"<realmCode ", b"<realmCode %s " % MANY_ATTRIBUTES), "document", "attributes on an element"),
        (b"<ClinicalDocument/>", "root element", "urn:hl7-org:v3"),
        (b'<Bundle xmlns="http://hl7.org/fhir"/>', "root element", "urn:hl7-org:v3"),
        (b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>', "ClinicalDocument/component", "one nonXMLBody or"),
        (b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>', "document", "one ClinicalDocument"),
    ],
)
def test_what_is_no_document_is_said(data: bytes, place: str, expected: str) -> None:
    with pytest.raises(CdaError) as error:
        read_document([data])
    assert error.value.place == place
    assert expected in error.value.expected


def test_a_header_has_a_size() -> None:
    bomb = LETTER.replace(b"<realmCode ", b"<title>%s</title><realmCode " % (b"x" * (MAX_HEADER_BYTES + 1)))
    with pytest.raises(CdaError, match="expected at most 2097152 bytes"):
        read_document([bomb])


def test_two_documents_in_one_envelope_are_refused() -> None:
    inner = LETTER.partition(b"?>")[2].strip()
    envelope = b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:Object>%s%s</ds:Object></ds:Signature>'
    with pytest.raises(CdaError, match="expected one ClinicalDocument, got 2"):
        read_document([envelope % (inner, inner)])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b' mediaType="application/pdf"', b"", "expected text with a mediaType, got none"),
        (b"</nonXMLBody>", b"</nonXMLBody><structuredBody/>", "got 1 nonXMLBody and 1 structuredBody"),
    ],
)
def test_a_body_is_one_and_says_its_format(old: bytes, new: bytes, message: str) -> None:
    with pytest.raises(CdaError, match=message):
        read_document([LETTER.replace(old, new)])


def test_errors_quote_nothing_of_the_document() -> None:
    with pytest.raises(CdaError) as error:
        read_document([LETTER.replace(b"<recordTarget>", b"<recordTarget><<<")])
    assert "MARTEL" not in error.value.diagnostics()


def _around_body(data: bytes) -> tuple[bytes, bytes]:
    """What stands before and after the text of a nonXMLBody."""
    start = data.index(b">", data.index(b"<text ")) + 1
    return data[:start], data[data.index(b"</text>") :]


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(deepcopy(element), method="c14n2", strip_text=True)


def _header_only(document: etree._Element) -> list[bytes]:
    return [_canonical(child) for child in document if isinstance(child.tag, str) and child.tag != COMPONENT]
