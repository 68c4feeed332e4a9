"""What a patient deposits, as a CDA document of level 1: valid by the official schema and rules."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from lxml import etree
from schematron import check

from cda.agreement import disagreements
from cda.deposit import EXP_PATIENT, Deposit, Version, write_deposit
from cda.document import read_document
from cda.header import read_header
from cda.metadata import document_entry
from identities.dossier import Traits
from identities.requester import PatientId
from registry.metadata import Code
from schemas import oids, xml

MINIMUM = "profils/structurationMinimale/ASIP-STRUCT-MIN-StrucMin.sch"
DEPOSIT = Deposit(
    version=Version("2.25.329800735698586629295641978511506172918"),
    type_code=Code("DOCPAT03", oids.TYPE_DOCUMENT, "CR déposé par le patient"),
    title="Compte rendu d'échographie <2019> & suites",
    made=datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC),
    day=date(2019, 6, 5),
    patient=PatientId("279035121518989", oids.INS_NIR_TEST),
    traits=Traits("ESSAI", "ANNE", date(1979, 3, 28), "F", "51215", "MARTEL", "ANNE"),
    media_type="application/pdf",
    content=b"%PDF-1.4 essai",
)


def test_the_header_says_that_the_patient_deposited_it() -> None:
    data = write_deposit(DEPOSIT)
    header = read_header(read_document([data]))
    entry = document_entry(header)
    assert entry.unique_id == f"{DEPOSIT.version.set_id}.1"
    assert (entry.title, entry.type_code.code, entry.class_code.code) == (DEPOSIT.title, "DOCPAT03", "10")
    assert entry.format_code.code == "urn:ihe:iti:xds-sd:pdf:2008"
    assert entry.healthcare_facility_type_code == entry.practice_setting_code == EXP_PATIENT
    assert (entry.creation_time, entry.service_start_time) == ("20260301123015", "20190605")
    xcn = "279035121518989^MARTEL^ANNE^^^^^^&1.2.250.1.213.1.4.10&ISO^D^^^NH"
    assert entry.legal_authenticator == entry.authors[0].person == xcn
    assert entry.authors[0].institutions == ()
    assert disagreements(header, entry) == ()
    tree = xml.parse(data)
    (text,) = tree.iter("{urn:hl7-org:v3}text")
    assert base64.b64decode(text.text or "") == DEPOSIT.content


def test_a_version_names_the_one_before() -> None:
    version = Version.after(DEPOSIT.version.unique_id)
    assert version == replace(DEPOSIT.version, number=2)
    header = read_header(read_document([write_deposit(second())]))
    assert header.version_number == 2
    assert [each.ids[0].root for each in header.related_documents] == [DEPOSIT.version.unique_id]


@pytest.mark.parametrize(
    "unique_id", ["2.25.329800735698586629295641978511506172918", "1.2.250.1.999.77.3", "1.2^a", ""]
)
def test_a_document_from_elsewhere_has_no_next_version_here(unique_id: str) -> None:
    """Another one's identifiers are not ours to count on."""
    assert Version.after(unique_id) is None


def second() -> Deposit:
    return replace(DEPOSIT, version=replace(DEPOSIT.version, number=2), replaces=DEPOSIT.version.unique_id)


@pytest.mark.reference
@pytest.mark.parametrize("deposit", [DEPOSIT, second()], ids=["first", "second"])
@pytest.mark.parametrize("media_type", ["application/pdf", "text/plain", "text/rtf", "image/jpeg", "image/tiff"])
def test_it_is_valid_by_the_official_schema(reference: Path, deposit: Deposit, media_type: str) -> None:
    schema = etree.XMLSchema(file=str(reference / "fr" / "cda" / "xsd" / "CDA_extended.xsd"))
    schema.assertValid(xml.parse(write_deposit(replace(deposit, media_type=media_type))))


@pytest.mark.reference
def test_it_passes_the_official_minimum(reference: Path) -> None:
    outcome = check(reference / "fr" / "cda" / "schematron" / MINIMUM, write_deposit(second()))
    assert outcome.failures == []
    assert outcome.held > 100
