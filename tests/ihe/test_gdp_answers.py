"""What the DMP answers to the messages that manage it: by our schemas, and so that it can be sent back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from conformance.lps.people import Patient
from dmp.acces import Candidate, Existence
from dmp.administration import AdministrativeData, Registered
from habilitations.patient_rules import Autorisation
from habilitations.statement import Switches
from identities.demographics import Address, Demographics, Part, PersonName, Telecom
from identities.dossier import Dossier, DossierStatus, Traits
from identities.representation import Representative
from identities.requester import PatientId
from ihe import gdp, iti47
from ihe.gdp_registration import read_registration
from ihe.hl7v3 import Message, Stamp, read_message
from registry.errors import ErrorCode, Finding, Severity
from schemas import oids
from schemas.xml import parse
from tests.gdp import (
    NS,
    SCHEMA,
    by_family,
    dossier_query,
    person,
    reason_code,
    registration,
    traits_query,
)

STAMP = Stamp("9fe7246b-8fab-4dd7-976e-c81bc1955575", datetime(2026, 3, 1, 12, tzinfo=UTC))
PATIENT = Patient("279035121518989", oids.INS_NIR_TEST)
INS = PatientId(PATIENT.ins, PATIENT.ins_oid)
OLD = PatientId("1197854176879056415520", oids.INS_C)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)


def read(text: str) -> Message:
    body = parse(text.encode())
    return read_message(body, etree.QName(body).localname)


TRAITS = Traits(
    "VASSEUR",
    "ALBANE",
    date(1979, 3, 28),
    "F",
    "75056",
    used_family="TESSIER",
    demographics=Demographics(
        names=(PersonName((Part("prefix", "Mme"), Part("family", "TESSIER", "SP"))),),
        addresses=(Address((Part("streetAddressLine", "20 rue <&>"), Part("postalCode", "75005"))),),
        telecoms=(Telecom("tel:0607080901", "MC"),),
    ),
)
OPEN = Dossier("k", (INS, OLD), TRAITS, DossierStatus.OPEN, STAMP.instant)
CLOSED = Dossier(
    "k",
    (PatientId("1", oids.INS_NIR), INS),
    Traits("A", "B", None, ""),
    DossierStatus.CLOSED,
    STAMP.instant,
    closed=STAMP.instant,
    closing_code="FERMETURE_DEMANDE_PATIENT",
    closing_reason="à sa demande & <pour> toujours",
    attached_to_mes=True,
    deceased=True,
)
FINDINGS = (
    Finding(ErrorCode.DMPFound, "Ce patient a déjà un DMP."),
    Finding(ErrorCode.XDSExtraMetadataNotSaved, "x", Severity.WARNING),
)
CANDIDATE = Candidate((INS, PatientId("1", oids.INS_NIR_TEST), OLD), TRAITS, 95, True)
QUERY = read(dossier_query(reason_code("TEST_EXST"), PATIENT))
BARE = read_message(parse(dossier_query("", PATIENT).encode()), gdp.QUERY)
CREATING = read(registration(gdp.CREATION, reason_code("CREA_RD"), PATIENT, person()))
REVISING = read(registration(gdp.REVISION, reason_code("MODIF_DATA"), PATIENT, person()))
REPRESENTATIVES = (
    Representative(
        "r", "VASSEUR", "Odile", "MTH", telecoms=(Telecom("tel:1"),), addresses=(Address((Part("city", "X"),)),)
    ),
    Representative("s", "VASSEUR", "Jean", "FTH"),
)
ANSWERS = {
    "existence": gdp.write_existence(QUERY, STAMP, Existence(OPEN, Autorisation.VALIDE, True, True)),
    "existence of a closed one": gdp.write_existence(
        QUERY, STAMP, Existence(CLOSED, Autorisation.INTERDIT, False, False)
    ),
    "inexistence": gdp.write_existence(QUERY, STAMP, Existence(None, Autorisation.NON_EXISTE, False, False)),
    "data": gdp.write_consulted(QUERY, STAMP, AdministrativeData(OPEN, REPRESENTATIVES, Switches())),
    "data, bare": gdp.write_consulted(QUERY, STAMP, AdministrativeData(CLOSED, (), Switches(False, False))),
    "query refused": gdp.write_query_failure(QUERY, STAMP, FINDINGS),
    "query without reason": gdp.write_query_failure(BARE, STAMP, FINDINGS),
    "created": gdp.write_registered(CREATING, STAMP, Registered(OPEN)),
    "not created": gdp.write_registration_failure(CREATING, STAMP, FINDINGS),
    "revised": gdp.write_registered(REVISING, STAMP, Registered(OPEN, FINDINGS[1:])),
    "closed": gdp.write_registered(REVISING, STAMP, Registered(CLOSED)),
    "not revised": gdp.write_registration_failure(REVISING, STAMP, FINDINGS),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_answers_are_valid_by_our_schema(what: str) -> None:
    assert SCHEMA.validate(parse(ANSWERS[what])), SCHEMA.error_log


@pytest.mark.parametrize(
    ("what", "interaction", "code"),
    [
        ("existence", "PRPA_IN201308UV02", "AA"),
        ("inexistence", "PRPA_IN201308UV02", "AA"),
        ("query refused", "PRPA_IN201308UV02", "AE"),
        ("created", "PRPA_IN201312UV02", "AA"),
        ("not created", "PRPA_IN201313UV02", "AE"),
        ("revised", "PRPA_IN201315UV02", "AA"),
        ("not revised", "PRPA_IN201316UV02", "AE"),
    ],
)
def test_answers_are_acknowledged_as_the_dmp_does(what: str, interaction: str, code: str) -> None:
    root = parse(ANSWERS[what])
    answer = root if root.tag.endswith(interaction) else root[0]
    assert etree.QName(answer).localname == interaction
    (acknowledgement,) = answer.findall("h:acknowledgement", NS)
    assert acknowledgement.get("typeCode") == code
    assert answer.find("h:sender/h:device/h:id", NS).get("root") == oids.DMP_DEVICE
    assert answer.findtext("h:receiver/h:device/h:softwareName", "", NS) == "Logiciel & Cie"
    own = answer.find("h:id", NS)
    numbered = (own.get("root"), own.get("extension"))
    assert numbered == ((oids.DMP_MESSAGE, STAMP.id) if root is not answer else (STAMP.id, None))


def test_candidates_are_written_as_iti_47_has_them() -> None:
    message = read_message(parse(traits_query(by_family("VASSEUR")).encode()), iti47.QUERY)
    written = parse(gdp.write_candidates(message, STAMP, [CANDIDATE]))
    assert written.find("h:acknowledgement/h:typeCode", NS).get("code") == "AA"
    patient = written.find(".//h:patient", NS)
    assert [each.get("extension") for each in patient.findall("h:id", NS)] == [INS.value, OLD.value]
    assert patient.find(".//h:queryMatchObservation/h:code", NS).get("code") == "POURCENTAGE"
    assert patient.find(".//h:queryMatchObservation/h:value", NS).get("value") == "95"
    assert patient.find("h:subjectOf2/h:administrativeObservation/h:value", NS).get("value") == "true"
    assert patient.find(".//h:addr/h:postalCode", NS) is not None
    assert patient.find(".//h:streetAddressLine", NS) is patient.find(".//h:telecom", NS) is None
    assert written.find(".//h:queryByParameter//h:family", NS).text == "VASSEUR"


@pytest.mark.reference
def test_answers_to_a_search_are_valid_by_the_official_schema(reference: Path) -> None:
    folder = reference / "ihe" / "schema" / "hl7v3" / "schema" / "HL7V3" / "NE2008" / "multicacheschemas"
    official = etree.XMLSchema(file=str(folder / "PRPA_IN201306UV02.xsd"))
    message = read_message(parse(traits_query(by_family("VASSEUR")).encode()), iti47.QUERY)
    for written in (
        gdp.write_candidates(message, STAMP, [CANDIDATE, CANDIDATE]),
        gdp.write_candidates(message, STAMP, []),
        gdp.write_no_candidates(message, STAMP, FINDINGS),
    ):
        official.assertValid(etree.ElementTree(parse(written)))


@given(used=TEXT, birth=TEXT, given_name=TEXT, prefix=TEXT, value=TEXT, city=TEXT)
def test_what_is_told_can_be_sent_back(
    used: str, birth: str, given_name: str, prefix: str, value: str, city: str
) -> None:
    """What TD1.3a tells is what TD1.3b would say of the same patient."""
    demographics = Demographics(
        names=(PersonName((Part("prefix", prefix),)),),
        addresses=(Address((Part("city", city),)),),
        telecoms=(Telecom(value, "HP"),),
    )
    traits = Traits(
        birth, given_name, date(1979, 3, 28), "M", "75056", "" if used == birth else used, demographics=demographics
    )
    dossier = Dossier("k", (INS,), traits, DossierStatus.OPEN, STAMP.instant)
    told = parse(gdp.write_consulted(QUERY, STAMP, AdministrativeData(dossier, REPRESENTATIVES, Switches(True, False))))
    patient = told.find(".//h:patient", NS)
    written = etree.tostring(patient.find("h:patientPerson", NS)).decode()
    observed = "".join(etree.tostring(each).decode() for each in patient.findall("h:subjectOf", NS))
    said = read_registration(
        read(registration(gdp.REVISION, reason_code("MODIF_DATA"), PATIENT, written, observations=observed))
    )
    assert said.traits.dmp_name == traits.dmp_name
    assert said.traits.demographics.addresses == demographics.addresses
    assert said.traits.demographics.telecoms == demographics.telecoms
    assert (said.traits.birth_date, said.traits.sex, said.traits.birth_place) == (traits.birth_date, "M", "75056")
    assert said.answers == {"OPPOSITION_BRIS_DE_GLACE": True, "OPPOSITION_ACCES_URGENCE": False}
    held = [(each.relationship, each.family, each.given, each.telecoms) for each in said.representatives]
    assert held == [(each.relationship, each.family, each.given, each.telecoms) for each in REPRESENTATIVES]


@pytest.mark.parametrize("autorisation", Autorisation)
def test_only_who_is_let_in_learns_how_to_reach_a_patient(autorisation: Autorisation) -> None:
    told = parse(gdp.write_existence(QUERY, STAMP, Existence(OPEN, autorisation, False, False)))
    telecoms = [each.get("value") for each in told.iterfind(".//h:telecom", NS)]
    assert telecoms == (["tel:0607080901"] if autorisation is Autorisation.VALIDE else [])
