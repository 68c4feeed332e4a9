"""A file as a document of level 1: what it is by its bytes, what is noted of it, what is refused."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from PIL import Image

from cda.body import read_file
from cda.builders.document import Identification
from cda.document import read_document
from cda.errors import CdaError
from cda.header import read_header
from cda.metadata import document_entry, document_version
from cda.unstructured import Form, wrap
from registry.metadata import Code
from schemas import oids, xml
from tests.cda.cda_vectors import FOLDER, context
from tests.cda.official_rules import PROFILES, faults
from tests.cda.schematron import check
from tests.cda.test_pdf_a import PDF_A

FORM = Form(context(40), Code("11488-4", oids.LOINC, "CR de consultation"), "Compte rendu")
MINIMUM = "profils/structurationMinimale/ASIP-STRUCT-MIN-StrucMin.sch"


def image(form: str) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (8, 8)).save(written, form)
    return written.getvalue()


FILES = {
    "application/pdf": PDF_A,
    "text/plain": "Été".encode(),
    "text/rtf": rb"{\rtf1\ansi Bonjour}",
    "image/jpeg": image("JPEG"),
    "image/tiff": image("TIFF"),
}


@pytest.mark.parametrize("media_type", FILES)
def test_a_file_comes_out_as_it_went_in(media_type: str) -> None:
    wrapped = wrap(FORM, FILES[media_type])
    taken = io.BytesIO()
    assert read_file([wrapped.document], taken.write) == wrapped.media_type == media_type
    assert taken.getvalue() == FILES[media_type] and wrapped.notes == ()
    entry = document_entry(read_header(read_document([wrapped.document])))
    assert entry.title == "Compte rendu" and entry.format_code.code.startswith("urn:ihe:iti")


def test_a_pdf_that_is_no_pdf_a_is_refused_when_it_must_be_one() -> None:
    other = PDF_A.replace(b"/GTS_PDFA1", b"/GTS_Other1")
    assert wrap(FORM, other).notes
    with pytest.raises(CdaError, match="PDF/A-1"):
        wrap(FORM, other, strict=True)
    for content in FILES.values():
        assert wrap(FORM, content, strict=True).notes == ()


@pytest.mark.reference
@pytest.mark.parametrize("media_type", FILES)
def test_it_is_valid_by_the_official_schema_and_rules(reference: Path, media_type: str) -> None:
    document = wrap(FORM, FILES[media_type]).document
    etree.XMLSchema(file=str(reference / "fr" / "cda" / "xsd" / "CDA_extended.xsd")).assertValid(xml.parse(document))
    assert [fault for schema in PROFILES for fault in faults(reference, schema, document)] == []


@pytest.mark.reference
def test_it_passes_the_official_minimum(reference: Path) -> None:
    assert check(reference / "fr" / "cda" / "schematron" / MINIMUM, wrap(FORM, b"texte").document).failures == []


def test_what_an_author_should_know_is_noted() -> None:
    assert wrap(FORM, PDF_A.replace(b"/GTS_PDFA1", b"/X")).notes == (
        "Le PDF n'est pas un PDF/A-1 : il n'a pas d'intention de sortie (6.2.2).",
    )
    converted = wrap(FORM, "Été".encode("cp1252"))
    assert converted.notes == ("Le texte a été converti en UTF-8.",)
    assert "Été".encode() in bytes(_file(converted.document))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n",
        b"\x00\x01\x02",
        b"PK\x03\x04\x00",
        b"\xff\xd8\xff\x00",
        image("PNG"),
        PDF_A.replace(b"/Type /Catalog", b"/Type /Catalog /OpenAction << /S /JavaScript >>"),
    ],
    ids=["empty", "blank", "binary", "zip", "broken", "png", "script"],
)
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(CdaError):
        wrap(FORM, content)


def test_a_new_version_takes_the_place_of_the_one_before() -> None:
    former = read_header(read_document([(FOLDER / "discharge_letter.xml").read_bytes()]))
    after = Identification.after(former, "2.25.7", context(1).identification.created)
    form = replace(FORM, context=replace(FORM.context, identification=after))
    header = read_header(read_document([wrap(form, b"texte").document]))
    before, now = document_version(former), document_version(header)
    assert before is not None and now == (before[0], before[1] + 1)
    (related,) = header.related_documents
    assert (related.type_code, related.ids) == ("RPLC", (former.id,))


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1))
def test_any_text_survives(text: str) -> None:
    if text.strip() and not text.startswith("{\\rtf") and "%PDF-" not in text[:1024]:
        assert bytes(_file(wrap(FORM, text.encode()).document)).decode() == text.removeprefix("\ufeff")


def _file(document: bytes) -> bytearray:
    taken = bytearray()
    read_file([document], taken.extend)
    return taken
