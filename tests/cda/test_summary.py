"""The summary of a dossier: a valid CDA document that says what it was given, the same way every time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from cda.document import BodyKind, read_document
from cda.header import Device, InstanceId, read_header
from cda.hl7 import escape, unescape
from cda.summary import LANGUAGE, MIME_TYPE, PATIENT_SUMMARY, Listed, Summary, write_summary
from identities.dossier import Traits
from identities.requester import PatientId
from registry.metadata import Author, Code
from schemas import oids, xml

NORMAL = Code("N", oids.HL7_CONFIDENTIALITY, "Normal")
REPORT, LETTER = Code("10", oids.CLASSE_DOCUMENT, "Compte rendu"), Code("11", oids.CLASSE_DOCUMENT, "Courrier")
TYPE = Code("34112-3", oids.LOINC, "CR hospitalisation")
MARTIN = Author(person="899900063480^MARTIN^Julie^^^^^^&1.2.250.1.71.4.2.1&ISO^D", institutions=("CHU X^^^^^",))
SUMMARY = Summary(
    unique_id="2.25.329800735698586629295641978511506172918",
    title="Synthèse des documents",
    code=Code("60591-5", oids.LOINC, "Synthèse médicale"),
    made="20260301120030",
    confidentiality=NORMAL,
    patient=PatientId("279035121518989", oids.INS_NIR_TEST),
    traits=Traits("MARTIN", "ANNE", date(1979, 3, 28), "F", used_family="DURAND"),
    device="1.2.250.1.213.4.1.1.1.2",
    documents=(
        Listed("1.2.3.1", REPORT, TYPE, "Ancien", "20250101", (MARTIN,)),
        Listed("1.2.3.2^A-7", REPORT, TYPE, "Récent", "20260228093000", (MARTIN,)),
        Listed("1.2.3.3", LETTER, TYPE, "Au confrère", "202602", ()),
    ),
)
NS = {"c": "urn:hl7-org:v3"}


def written(**changes: object) -> etree._Element:
    return xml.parse(write_summary(replace(SUMMARY, **changes)))  # type: ignore[arg-type]


def texts(root: etree._Element, path: str) -> list[str]:
    found = root.xpath(path, namespaces=NS)
    assert isinstance(found, list)
    return ["".join(each.itertext()) if isinstance(each, etree._Element) else str(each) for each in found]


@cache
def schema(reference: Path) -> etree.XMLSchema:
    return etree.XMLSchema(file=str(reference / "fr" / "cda" / "xsd" / "CDA_extended.xsd"))


# --- Header


def test_the_header_is_one_that_this_house_reads() -> None:
    header = read_header(read_document([write_summary(SUMMARY)]))
    assert header.id == InstanceId(SUMMARY.unique_id)
    assert (header.code, header.title, header.language) == (SUMMARY.code, SUMMARY.title, LANGUAGE)
    assert header.effective_time == SUMMARY.made
    assert header.confidentiality == NORMAL
    assert header.patient.ids == (InstanceId(oids.INS_NIR_TEST, "279035121518989"),)
    assert (header.patient.birth_name.family, header.patient.used_name.family) == ("MARTIN", "DURAND")
    assert (header.patient.birth_date, header.patient.sex) == ("19790328", "F")
    assert header.body.kind is BodyKind.STRUCTURED
    assert MIME_TYPE == "text/xml"


def test_the_author_is_the_server_as_a_device() -> None:
    header = read_header(read_document([write_summary(SUMMARY)]))
    (author,) = header.authors
    assert (author.ids, author.device) == ((InstanceId(SUMMARY.device),), Device("Open DMP", "Open DMP"))
    assert header.custodian is not None
    assert header.custodian.ids == (InstanceId(SUMMARY.device),)


def test_who_is_known_by_a_number_only_is_named_by_nothing() -> None:
    root = written(traits=Traits("", "", None, "U"))
    role = "//c:recordTarget/c:patientRole/c:patient"
    paths = (f"{role}/c:name", f"{role}/c:birthTime", f"{role}/c:administrativeGenderCode")
    assert [texts(root, f"{path}/@nullFlavor") for path in paths] == [["UNK"]] * 3


def test_a_type_without_oid_gives_way_to_the_type_of_summaries() -> None:
    root = written(code=Code("summary", "Connect-a-thon typeCodes", "A summary"))
    assert texts(root, "/c:ClinicalDocument/c:code/@code") == [PATIENT_SUMMARY.code]


# --- Body


def test_a_section_for_each_class_and_the_newest_first_in_each() -> None:
    root = written()
    assert texts(root, "//c:section/c:title") == ["Présentation", "Compte rendu", "Courrier"]
    assert texts(root, "//c:section[c:title='Compte rendu']//c:tbody/c:tr/c:td[3]") == ["Récent", "Ancien"]


def test_a_row_says_date_type_title_and_author() -> None:
    (row, *_) = written().iter("{urn:hl7-org:v3}tbody")
    cells = texts(row, "c:tr[1]/c:td")
    assert cells == ["28/02/2026 09:30", "CR hospitalisation", "Récent", "Julie MARTIN (CHU X)"]


@pytest.mark.parametrize(
    ("created", "expected"),
    [("2026", "2026"), ("202602", "02/2026"), ("20260228", "28/02/2026"), ("2026022809", "28/02/2026 09:00"), ("", "")],
)
def test_a_date_is_as_precise_as_it_is_known(created: str, expected: str) -> None:
    root = written(documents=(Listed("1.2.3", REPORT, TYPE, "A", created),))
    assert texts(root, "//c:tbody/c:tr/c:td[1]") == [expected]


def test_every_row_has_an_entry_that_points_at_the_document() -> None:
    root = written()
    assert texts(root, "//c:externalDocument/c:id/@root") == ["1.2.3.2", "1.2.3.1", "1.2.3.3"]
    assert texts(root, "//c:externalDocument/c:id/@extension") == ["A-7"]
    rows = [f"#{row}" for row in texts(root, "//c:tbody/c:tr/@ID")]
    assert texts(root, "//c:entry/c:act/c:text/c:reference/@value") == rows
    assert len(set(rows)) == 3


def test_a_dossier_without_documents_says_so() -> None:
    root = written(documents=())
    assert texts(root, "//c:section/c:title") == ["Présentation"]
    assert "aucun document" in texts(root, "//c:section/c:text")[0]


def test_the_same_is_written_the_same_whatever_the_order() -> None:
    assert write_summary(SUMMARY) == write_summary(replace(SUMMARY, documents=SUMMARY.documents[::-1]))


# --- Properties

ANY_TEXT = st.text(max_size=12)
CODES = st.builds(Code, ANY_TEXT, st.one_of(st.just(oids.LOINC), ANY_TEXT), ANY_TEXT)
DATES = st.sampled_from(["", "2026", "202601", "20260102", "2026010203", "202601020304", "20260102030405"])
AUTHORS = st.lists(
    st.builds(Author, person=ANY_TEXT, institutions=st.lists(ANY_TEXT, max_size=2).map(tuple)), max_size=2
).map(tuple)
UNIQUE_IDS = st.one_of(st.from_regex(r"1(\.[1-9][0-9]{0,3}){1,6}(\^[A-Za-z0-9 -]{1,9})?", fullmatch=True), ANY_TEXT)
LISTS = st.lists(st.builds(Listed, UNIQUE_IDS, CODES, CODES, ANY_TEXT, DATES, AUTHORS), max_size=4).map(tuple)


@settings(max_examples=80, deadline=None)
@given(documents=LISTS, title=ANY_TEXT, code=CODES, family=ANY_TEXT)
def test_whatever_metadata_say_the_document_is_read_again(
    documents: tuple[Listed, ...], title: str, code: Code, family: str
) -> None:
    changed = replace(SUMMARY, documents=documents, title=title, code=code, traits=Traits(family, "", None, "M"))
    data = write_summary(changed)
    read_header(read_document([data]))
    assert len(texts(xml.parse(data), "//c:tbody/c:tr")) == len(documents)


@pytest.mark.reference
@settings(max_examples=80, deadline=None)
@given(documents=LISTS, code=CODES, sex=st.sampled_from("MFU"), born=st.one_of(st.none(), st.dates(date(1900, 1, 1))))
def test_whatever_metadata_say_the_document_is_valid(
    reference: Path, documents: tuple[Listed, ...], code: Code, sex: str, born: date | None
) -> None:
    """By the official schema of CDA R2, as ANS publishes it."""
    changed = replace(SUMMARY, documents=documents, code=code, traits=Traits("A", "", born, sex))
    official = schema(reference)
    assert official.validate(xml.parse(write_summary(changed))), official.error_log


@given(st.text(alphabet="ab\\|^&~EFSTR ", max_size=20))
def test_unescaping_undoes_escaping(text: str) -> None:
    assert unescape(escape(text)) == " ".join(text.split())
