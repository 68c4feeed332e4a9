"""The messages that manage a DMP: read as practice software writes them, written as our schemas have them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from conformance.lps.people import Patient
from identities.demographics import Part, Telecom
from identities.requester import PatientId
from ihe import gdp
from ihe.gdp_registration import read_registration
from ihe.hl7v3 import Message, Stamp, read_message
from ihe.transactions import Transaction
from registry.errors import Finding, RegistryError
from schemas import oids
from schemas.xml import parse
from tests.gdp import (
    INS_C,
    OPENING,
    SCHEMA,
    address,
    answers,
    dossier_query,
    issue,
    name,
    observation,
    person,
    reason_code,
    registration,
    representative,
    telecom,
)

STAMP = Stamp("9fe7246b-8fab-4dd7-976e-c81bc1955575", datetime(2026, 3, 1, 12, tzinfo=UTC))
PATIENT = Patient("279035121518989", oids.INS_NIR_TEST)
INS = PatientId(PATIENT.ins, PATIENT.ins_oid)
OLD = PatientId("1197854176879056415520", oids.INS_C)
CREATION, REVISION = gdp.CREATION, gdp.REVISION
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)


def read(text: str) -> Message:
    body = parse(text.encode())
    assert SCHEMA.validate(body), SCHEMA.error_log
    return read_message(body, etree.QName(body).localname)


def create(said: str, observations: str = "", patient: Patient | str = PATIENT) -> Message:
    return read(registration(CREATION, reason_code("CREA_RD"), patient, said, observations=observations))


def refused(message: Message, *, creating: bool = False, closing: bool = False) -> tuple[Finding, ...]:
    with pytest.raises(RegistryError) as raised:
        read_registration(message, creating=creating, closing=closing)
    return raised.value.findings


@pytest.mark.parametrize(
    ("text", "transaction"),
    [
        (dossier_query(reason_code("TEST_EXST"), PATIENT), Transaction.TD0_2),
        (dossier_query(reason_code("CNSLT_DATA"), PATIENT), Transaction.TD1_3A),
        (registration(CREATION, reason_code("CREA_RD"), PATIENT, ""), Transaction.TD1_1),
        (registration(REVISION, reason_code("REAC"), PATIENT, ""), Transaction.TD1_2),
        (registration(REVISION, reason_code("MODIF_DATA"), PATIENT, ""), Transaction.TD1_3B),
        (registration(REVISION, reason_code("FERM"), PATIENT, ""), Transaction.TD1_4),
    ],
)
def test_the_reason_says_which_transaction_a_message_is(text: str, transaction: Transaction) -> None:
    assert gdp.read_transaction(read(text)) is transaction


@pytest.mark.parametrize(
    ("reason", "got"),
    [
        ("", "none"),
        (reason_code("TEST_EXST") * 2, "several"),
        (reason_code("FERM"), "FERM"),
        (reason_code("TEST_EXST", "1.2.3"), "1.2.3"),
        (reason_code("test_exst"), "test_exst"),
    ],
)
def test_another_reason_is_refused_with_what_was_expected(reason: str, got: str) -> None:
    with pytest.raises(RegistryError, match="expected TEST_EXST or CNSLT_DATA") as raised:
        gdp.read_transaction(read(dossier_query(reason, PATIENT)))
    assert got in raised.value.findings[0].context


def test_a_query_names_one_patient() -> None:
    patient, question = gdp.read_dossier_query(read(dossier_query(reason_code("TEST_EXST"), PATIENT, "q7")))
    assert (patient, question.id) == (INS, "q7@2.999.7.2")
    assert b"patientIdentifier" in question.raw


@pytest.mark.parametrize(
    "asked",
    [
        "<patientIdentifier><value root='1.2.3' extension=''/><semanticsText>x</semanticsText></patientIdentifier>",
        "<patientIdentifier><value root='x' extension='1'/><semanticsText>x</semanticsText></patientIdentifier>",
        "<patientIdentifier><value nullFlavor='UNK'/><semanticsText>x</semanticsText></patientIdentifier>",
    ],
)
def test_a_query_without_a_patient_is_refused(asked: str) -> None:
    with pytest.raises(RegistryError, match="patientIdentifier: expected"):
        gdp.read_dossier_query(read(dossier_query(reason_code("TEST_EXST"), PATIENT, parameters=asked)))


def test_everything_that_a_creation_says_is_read() -> None:
    message = create(
        person(
            name("TESSIER", "ALBANE MARIE", "VASSEUR", prefix="Mme"),
            telecoms=telecom("tel:0607080901", "MC") + telecom("mailto:albane@example.org"),
            addresses=address("20 rue des Edelweiss", "75005", "Paris"),
            deceased="false",
            more=representative("MTH", "VASSEUR", "Odile", telecom("tel:0102030405", "HP"))
            + '<contactParty classCode="CON"><code code="CARTE_SESAM_VITALE" codeSystem="1.2.250.1.213.4.1.2.5"/>'
            "</contactParty>" + '<birthPlace classCode="BIRTHPL"><addr><county>75056</county></addr></birthPlace>',
        ),
        answers({OPENING: True, "OPPOSITION_ACCES_URGENCE": True}),
    )
    said = read_registration(message, creating=True)
    assert (said.patient, said.deceased) == (INS, False)
    assert said.message_id == f"{message.id.extension}@2.999.7.1"
    traits = said.traits
    assert (traits.birth_family, traits.birth_given, traits.used_family) == ("VASSEUR", "ALBANE MARIE", "TESSIER")
    assert (traits.birth_date, traits.sex, traits.birth_place) == (date(1979, 3, 28), "F", "75056")
    assert [each.value for each in traits.demographics.telecoms] == ["tel:0607080901", "mailto:albane@example.org"]
    assert traits.demographics.mothers_maiden_name is None
    (mother,) = said.representatives
    assert (mother.relationship, mother.family, mother.given) == ("MTH", "VASSEUR", "Odile")
    assert mother.telecoms == (Telecom("tel:0102030405", "HP"),)
    assert said.answers == {OPENING: True, "OPPOSITION_ACCES_URGENCE": True}


def test_a_used_name_alone_is_the_birth_name_too() -> None:
    traits = read_registration(create(person(name("TESSIER", "ALBANE"))), creating=True).traits
    assert (traits.birth_family, traits.used_family) == ("TESSIER", "")


@given(
    used=TEXT, birth=TEXT, given_name=TEXT, prefix=TEXT, street=TEXT, value=TEXT, consent=st.booleans(),
    switch=st.booleans(), deceased=st.booleans(),
)  # fmt: skip
def test_what_is_said_is_what_is_read(
    used: str,
    birth: str,
    given_name: str,
    prefix: str,
    street: str,
    value: str,
    consent: bool,
    switch: bool,
    deceased: bool,
) -> None:
    said = read_registration(
        create(
            person(
                name(used, given_name, birth, prefix),
                telecoms=telecom(value),
                addresses=address(street, "75005", "Paris"),
                deceased=str(deceased).lower(),
            ),
            answers({OPENING: consent, "OPPOSITION_BRIS_DE_GLACE": switch}),
        ),
        creating=True,
    )
    name_parts = {(part.kind, part.qualifier): part.text for part in said.traits.demographics.names[0].parts}
    expected = {("family", "SP"): used, ("family", "BR"): birth, ("given", ""): given_name, ("prefix", ""): prefix}
    assert name_parts == expected
    assert said.traits.demographics.telecoms[0].value == value
    assert said.traits.demographics.addresses[0].parts[0] == Part("streetAddressLine", street)
    assert said.answers == {OPENING: consent, "OPPOSITION_BRIS_DE_GLACE": switch}
    assert said.deceased is deceased


IDS = f'<id root="{PATIENT.ins_oid}" extension="{PATIENT.ins}"/>'
MALFORMED = {
    "no identifier": (create(person(), patient=""), "exactly one INS, got none"),
    "two INS": (create(person(), patient=IDS + IDS.replace("989", "988")), "exactly one INS, got several"),
    "an identifier of nobody": (create(person(), patient='<id root="x" extension="1"/>'), "an II whose root"),
    "no name": (create(person("<name/>")), "name/family: expected a trait of the INS"),
    "no given name": (create(person(name("TESSIER"))), "name/given: expected a trait"),
    "no birth date": (create(person(birth="")), "birthTime: expected a trait"),
    "half a birth date": (create(person(birth="1979")), "birthTime: expected a trait"),
    "no date at all": (create(person(birth="19790231")), "birthTime: expected YYYY"),
    "no gender": (create(person(gender="")), "administrativeGenderCode: expected a trait"),
    "an unknown answer": (create(person(), observation("CONSENTEMENT_A_TOUT", "true")), "got CONSENTEMENT_A_TOUT"),
    "an answer of another list": (create(person(), observation(OPENING, "true", "1.2.3")), "got CONSENTEMENT_OUV"),
    "two answers": (create(person(), observation(OPENING, "true") + observation(OPENING, "false")), ", once, got"),
    "a representative without code": (
        create(person(more=representative("", "VASSEUR", "Odile"))),
        "personalRelationship: expected a code",
    ),
    "a representative without name": (
        create(person(more=representative("MTH", "", "Odile"))),
        "personalRelationship: expected a family name",
    ),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_cannot_be_read_is_refused_with_what_was_expected(what: str) -> None:
    message, expected = MALFORMED[what]
    assert any(expected in found.context for found in refused(message, creating=True)), what


def test_every_fault_is_told_at_once_and_where() -> None:
    findings = refused(create(person(name("TESSIER"), gender="", birth=""), patient=""), creating=True)
    assert len(findings) == 4
    written = gdp.write_registration_failure(create(person()), STAMP, findings).decode()
    subject = "/hl7:PRPA_IN201311UV02/hl7:controlActProcess/hl7:subject"
    patient = f"{subject}/hl7:registrationRequest/hl7:subject1/hl7:patient"
    for end in ("/hl7:id", "/hl7:patientPerson/hl7:birthTime"):
        assert f"<hl7:location>{patient}{end}</hl7:location>" in written


def test_two_patients_in_one_message_are_refused() -> None:
    text = registration(CREATION, reason_code("CREA_RD"), PATIENT, person())
    start, end = text.index("<subject typeCode"), text.index("</subject>") + len("</subject>")
    body = parse((text[:end] + text[start:end] + text[end:]).encode())
    (found,) = refused(read_message(body, CREATION))
    assert "exactly one patient, got several" in found.context


def test_an_answer_that_is_neither_yes_nor_no_is_refused() -> None:
    text = registration(CREATION, reason_code("CREA_RD"), PATIENT, person(), observations=observation(OPENING, "oui"))
    (found,) = refused(read_message(parse(text.encode()), CREATION))
    assert "expected true or false" in found.context


def test_an_old_identifier_beside_the_ins_is_no_second_patient() -> None:
    said = read_registration(create(person(), patient=f'<id root="{INS_C}" extension="{OLD.value}"/>{IDS}'))
    assert said.patient == INS


@pytest.mark.parametrize(
    ("status", "why", "expected"),
    [
        ("active", issue(), "Patient.statusCode: expected terminated, got active"),
        ("terminated", "", "detectedIssueEvent: expected a reason such as FERMETURE_DEMANDE_PATIENT"),
        ("terminated", issue(system="1.2.3"), "got FERMETURE_DEMANDE_PATIENT (1.2.3)"),
        ("terminated", issue(code=""), "detectedIssueEvent: expected a reason"),
        ("terminated", issue(text="x" * 1001), "expected at most 1000 characters, got 1001"),
    ],
)
def test_a_closing_says_why(status: str, why: str, expected: str) -> None:
    text = registration(REVISION, reason_code("FERM"), PATIENT, person(), status=status, issue=why)
    (found,) = refused(read(text), closing=True)
    assert expected in found.context


def test_a_reason_for_a_closing_is_read() -> None:
    text = registration(REVISION, reason_code("FERM"), PATIENT, person(), status="terminated", issue=issue())
    said = read_registration(read(text), closing=True)
    assert (said.closing_code, said.closing_reason) == ("FERMETURE_DEMANDE_PATIENT", "à ma demande")


def test_whoever_is_not_closed_is_active() -> None:
    text = registration(REVISION, reason_code("MODIF_DATA"), PATIENT, person(), status="terminated")
    (found,) = refused(read(text))
    assert "Patient.statusCode: expected active, got terminated" in found.context
