"""The header as values, and the timestamps in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cda_vectors import FOLDER, INS, ROOT_OID
from hypothesis import given
from hypothesis import strategies as st

from cda.document import read_document
from cda.errors import CdaError
from cda.header import Device, Header, InstanceId, Name, dtm_utc, read_header
from registry.metadata import Code
from schemas import oids

LETTER = (FOLDER / "discharge_letter_v2.xml").read_bytes()
FUNCTION = b'<functionCode code="ATTPHYS" codeSystem="2.16.840.1.113883.5.88" displayName="R\xc3\xa9f\xc3\xa9rent"/>'


def read(data: bytes) -> Header:
    return read_header(read_document([data]))


def test_every_element_is_read() -> None:
    header = read(LETTER)
    assert header.id == InstanceId(f"{ROOT_OID}.2.2")
    assert (header.set_id, header.version_number) == (InstanceId(f"{ROOT_OID}.2"), 2)
    assert header.code == Code("11490-0", oids.LOINC)
    assert header.title == "Lettre de liaison à la sortie de l'établissement de santé"
    assert header.effective_time == "20260301233015"  # 2 March, half past midnight in Paris
    assert header.confidentiality == Code("N", oids.HL7_CONFIDENTIALITY)
    assert header.language == "fr-FR"
    assert header.template_ids == (oids.TEMPLATE_HL7_FRANCE, oids.TEMPLATE_CISIS, oids.TEMPLATE_XDS_SD)
    assert header.patient.ids == (InstanceId(oids.INS_NIR_TEST, INS), InstanceId(f"{ROOT_OID}.9", "00421"))
    assert header.patient.birth_name == Name("ESSAI-MARTEL", "CLAIRE")
    assert header.patient.used_name == Name("ESSAI", "CLAIRE")
    assert (header.patient.birth_date, header.patient.sex) == ("19790328", "F")
    (author,) = header.authors
    assert author.ids == (InstanceId(oids.PS_ID_NAT, "899700000017"),)
    assert author.name == Name("LEROY & FILS", "Hugo", "M", "DR")
    assert author.function == "Référent"
    assert author.specialty == Code("G15_10/SM04", oids.AUTHOR_SPECIALTY)
    assert author.organization is not None
    assert author.organization.name == "Centre hospitalier des Trois Rivières"
    assert header.legal_authenticator is not None
    assert header.legal_authenticator.ids == author.ids
    assert header.custodian is not None
    assert header.custodian.ids == (InstanceId(oids.STRUCT_ID_NAT, "1350000017"),)
    assert header.principal_event is not None
    assert (header.principal_event.start, header.principal_event.stop) == ("20260224070000", "20260301100000")
    assert header.principal_event.practice_setting == Code("ETABLISSEMENT", oids.PRACTICE_SETTING)
    assert header.healthcare_facility == Code("SA01", oids.SECTEUR_ACTIVITE)
    (related,) = header.related_documents
    assert (related.type_code, related.ids) == ("RPLC", (InstanceId(f"{ROOT_OID}.2.1"),))


@pytest.mark.parametrize(
    ("element", "place"),
    [
        (b'<id root="1.2.250.1.999.77.2.2"/>', "id"),
        (b"<code code=\"11490-0\" codeSystem=\"2.16.840.1.113883.6.1\" displayName=\"Lettre de liaison \xc3\xa0 la"
         b" sortie d'un \xc3\xa9tablissement de soins\"/>", "code"),
        (b'<effectiveTime value="20260302003015+0100"/>', "effectiveTime"),
    ],
)  # fmt: skip
def test_what_identifies_a_document_is_required(element: bytes, place: str) -> None:
    assert element in LETTER
    with pytest.raises(CdaError) as error:
        read(LETTER.replace(element, b"", 1))
    assert error.value.place == place


def test_the_patient_and_an_author_are_required() -> None:
    without_ids = LETTER.replace(b'<id root="1.2.250.1.213.1.4.10"', b'<id nullFlavor="UNK"')
    without_ids = without_ids.replace(b'<id root="1.2.250.1.999.77.9"', b'<id nullFlavor="UNK"')
    with pytest.raises(CdaError, match="recordTarget/patientRole/id: expected an identifier of the patient, got none"):
        read(without_ids)
    with pytest.raises(CdaError, match="recordTarget: expected one recordTarget/patientRole, got 0"):
        read(LETTER.replace(b"recordTarget>", b"recordTargets>"))
    with pytest.raises(CdaError, match="author: expected an author with an assignedAuthor, got none"):
        read(LETTER.replace(b"<author>", b"<writer>").replace(b"</author>", b"</writer>"))


def test_what_the_header_leaves_out_stays_empty() -> None:
    stripped = LETTER.replace(b'<setId root="1.2.250.1.999.77.2"/>', b'<setId nullFlavor="UNK"/>')
    stripped = stripped.replace(b'<versionNumber value="2"/>', b"").replace(FUNCTION, b"")
    stripped = stripped.replace(b'<languageCode code="fr-FR"/>', b'<languageCode nullFlavor="UNK"/>')
    stripped = stripped.replace(b"legalAuthenticator>", b"authenticator>").replace(b"custodian>", b"custodians>")
    header = read(stripped)
    assert header.set_id is None
    assert header.version_number is None
    assert header.language == ""
    assert header.legal_authenticator is None
    assert header.custodian is None
    assert header.authors[0].function == ""


def test_confidentiality_is_normal_when_nothing_is_said() -> None:
    header = read(LETTER.replace(b'<confidentialityCode code="N"', b'<confidentialityCode nullFlavor="UNK"'))
    assert header.confidentiality == Code("N", oids.HL7_CONFIDENTIALITY)


@pytest.mark.parametrize("value", [b"0", b"-1", b"1.0", b"two", b"9" * 10])
def test_a_version_is_a_positive_whole_number(value: bytes) -> None:
    with pytest.raises(CdaError, match="versionNumber: expected a positive whole number"):
        read(LETTER.replace(b'<versionNumber value="2"/>', b'<versionNumber value="%s"/>' % value))


def test_a_device_is_an_author() -> None:
    start, stop = LETTER.index(b"<assignedPerson>"), LETTER.index(b"</assignedPerson>") + len(b"</assignedPerson>")
    device = (
        b"<assignedAuthoringDevice><manufacturerModelName>V2</manufacturerModelName><softwareName>SGL</softwareName>"
        b"</assignedAuthoringDevice>"
    )
    (author,) = read(LETTER[:start] + device + LETTER[stop:]).authors
    assert author.name is None
    assert author.device == Device("SGL", "V2")


def test_the_act_with_a_practice_setting_is_the_principal_one() -> None:
    other = b"<documentationOf><serviceEvent><code code='1' codeSystem='2'/></serviceEvent></documentationOf>"
    header = read(LETTER.replace(b"<documentationOf>", other + b"<documentationOf>"))
    assert len(header.service_events) == 2
    assert header.principal_event is header.service_events[1]


def test_unknown_elements_are_no_error() -> None:
    extended = LETTER.replace(b"<languageCode ", b'<x:new xmlns:x="urn:x"><id root="1"/></x:new><languageCode ')
    assert read(extended) == read(LETTER)


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("20260302003015+0100", "20260301233015"),
        ("20260302003015-0500", "20260302053015"),
        ("20260302003015.123+0100", "20260301233015"),
        ("202603020030+0100", "202603012330"),
        ("2026030200+0100", "2026030123"),
        ("2026030200+0530", "202603011830"),
        ("20260302", "20260302"),
        ("20260302+0100", "20260302"),
        ("202603", "202603"),
        ("2026", "2026"),
        ("20260302003015", "20260302003015"),
        ("20240229235959+0000", "20240229235959"),
    ],
)
def test_timestamps_become_utc_of_the_same_precision(written: str, utc: str) -> None:
    assert dtm_utc(written, "effectiveTime") == utc


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", "YYYY"),
        ("26", "YYYY"),
        ("2026-03-02", "YYYY"),
        ("20240106113623+100", "YYYY"),
        ("٢٠٢٦", "YYYY"),
        ("20261301", "calendar"),
        ("20260230", "calendar"),
        ("20260302250000+0100", "calendar"),
        ("20260302003015+9900", "less than a day"),
        ("00010101000000+0100", "less than a day"),
    ],
)
def test_what_is_no_timestamp_is_said_without_being_quoted(written: str, expected: str) -> None:
    with pytest.raises(CdaError, match=expected) as error:
        dtm_utc(written, "effectiveTime")
    assert error.value.place == "effectiveTime"
    assert not written or written not in str(error.value)


@given(
    st.datetimes(datetime(1000, 1, 2), datetime(9998, 12, 30)),
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_conversion_is_that_of_the_calendar(local: datetime, zone: timezone) -> None:
    instant = local.replace(microsecond=0, tzinfo=zone)
    expected = instant.astimezone(UTC).strftime("%Y%m%d%H%M%S")
    assert dtm_utc(instant.strftime("%Y%m%d%H%M%S%z"), "time") == expected


@pytest.mark.parametrize(
    "element", ["code", "title", "effectiveTime", "confidentialityCode", "languageCode", "setId", "versionNumber"]
)
def test_what_a_document_says_twice_is_refused(element: str) -> None:
    """One reader would believe the first, another the last."""
    twice = LETTER.replace(b"<recordTarget>", f"<{element}/><recordTarget>".encode(), 1)
    with pytest.raises(CdaError) as refused:
        read(twice)
    assert (refused.value.place, refused.value.expected, refused.value.got) == (element, "one", "2")
