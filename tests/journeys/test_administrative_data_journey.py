"""Administrative data of a dossier, through HTTP: read and amended, of minors and adults; messages that say nothing."""

from __future__ import annotations

import pytest
from strangers import CHILD, dossier, newcomer, refused

from audit.event import Outcome
from conformance.lps.people import Patient
from identities.dossier import DossierStatus
from schemas import oids
from tests.gdp import (
    NO_BRIS_DE_GLACE,
    NO_CENTRE_15,
    NS,
    OPENING,
    SCHEMA,
    Counter,
    address,
    issue,
    name,
    person,
    reason_code,
    registration,
    representative,
    telecom,
)
from tests.village import Village


@pytest.fixture
def counter(village: Village) -> Counter:
    return Counter(village.lps("medecin"))


@pytest.fixture
def stranger(counter: Counter) -> Patient:
    """Somebody whose DMP was just created."""
    patient = newcomer()
    assert counter.create(patient).accepted
    return patient


@pytest.mark.proves("transaction/TD1.3a", "transaction/TD1.3b")
def test_administrative_data_are_read_and_amended(village: Village, counter: Counter) -> None:
    patient = newcomer()
    counter.create(
        patient,
        person(
            name("TESSIER", "ALBANE", "VASSEUR", prefix="Mme"),
            telecoms=telecom("tel:0607080901", "MC") + telecom("mailto:albane@example.org"),
            addresses=address("20 rue des Edelweiss", "75005", "Paris"),
        ),
        {OPENING: True, NO_CENTRE_15: True},
    )
    told = counter.consult(patient)
    assert SCHEMA.validate(told.body), SCHEMA.error_log
    assert (told.acknowledged, told.answered, told.status, told.attention) == ("AA", "OK", "active", {})
    assert [authority for _, authority in told.ids] == [oids.INS_C, patient.ins_oid]
    assert told.text("h:name/h:prefix") == "Mme"
    assert told.values("h:telecom") == ["tel:0607080901", "mailto:albane@example.org"]
    assert told.text("h:addr/h:streetAddressLine") == "20 rue des Edelweiss"
    assert told.values("h:deceasedInd") == ["false"]
    assert told.observations == {NO_BRIS_DE_GLACE: "false", NO_CENTRE_15: "true"}

    amended = counter.amend(
        patient,
        person(
            name("MARTIN", "ALBANE"),
            telecoms=telecom("tel:0102030405", "HP"),
            gender="M",
            birth="19790329",
            deceased="true",
        ),
        {NO_BRIS_DE_GLACE: True, NO_CENTRE_15: False},
    )
    assert (amended.interaction, amended.acknowledged, amended.errors) == ("PRPA_IN201315UV02", "AA", [])
    ((kind, code, text),) = amended.details
    assert (kind, code) == ("W", "XDSExtraMetadataNotSaved") and "inchangés" in text
    told = counter.consult(patient)
    assert told.text("h:name/h:family[@qualifier='SP']") == "MARTIN"
    assert told.text("h:name/h:family[@qualifier='BR']") == "VASSEUR"
    assert told.text("h:name/h:prefix") == "Mme"
    assert (told.values("h:birthTime"), told.values("h:telecom")) == (["19790328"], ["tel:0102030405"])
    gender = told.patient.find("h:patientPerson/h:administrativeGenderCode", NS)
    assert gender is not None and gender.get("code") == "F"
    assert told.text("h:addr/h:city") == "Paris", "what is not said stays"
    assert told.values("h:deceasedInd") == ["true"]
    assert told.observations == {NO_BRIS_DE_GLACE: "true", NO_CENTRE_15: "false"}
    assert counter.amend(patient, person(name("MARTIN", "ALBANE", "VASSEUR"))).details == []


def test_a_minor_has_representatives_in_office(village: Village, counter: Counter) -> None:
    child = newcomer(CHILD)
    mother = representative("MTH", "VASSEUR", "Odile", telecom("tel:0601020304", "MC"))
    told = counter.create(child, person(birth=f"{CHILD:%Y%m%d}", more=mother))
    assert told.accepted

    def held() -> list[tuple[str, str]]:
        return [
            (each.find("h:code", NS).get("code"), each.findtext("h:relationshipHolder1/h:name/h:given", "", NS))  # type: ignore
            for each in counter.consult(child).patient.findall("h:patientPerson/h:personalRelationship", NS)
        ]

    assert held() == [("MTH", "Odile")]
    assert counter.consult(child).values("h:personalRelationship/h:telecom") == ["tel:0601020304"]
    counter.amend(child, person(name("TESSIER"), birth="", more=representative("FTH", "TESSIER", "Karim")))
    assert sorted(held()) == [("FTH", "Karim"), ("MTH", "Odile")]
    counter.amend(child, person(name("TESSIER"), birth="", more=representative("MTH", "VASSEUR", "Inès")))
    assert sorted(held()) == [("FTH", "Karim"), ("MTH", "Inès")]
    with dossier(village, child) as (rooms, found):
        rooms.identities.set_situation(found.key, emancipated=True)
    assert held() == [], "an emancipated minor counts as an adult"


def test_an_adult_has_a_guardian_or_nobody(counter: Counter) -> None:
    patient = newcomer()
    father = person(more=representative("FTH", "VASSEUR", "Jean"))
    refused(counter.create(patient, father), "XDSRegistryMetadataError", "expected RESPRSN")
    assert counter.existence(patient).answered == "NF", "refused as a whole"
    assert counter.create(patient, person(more=representative("RESPRSN", "ROUX", "Léa"))).accepted
    assert counter.consult(patient).text("h:personalRelationship/h:relationshipHolder1/h:name/h:family") == "ROUX"


def test_a_dossier_of_mon_espace_sante_is_managed_there(village: Village, counter: Counter, stranger: Patient) -> None:
    with dossier(village, stranger) as (rooms, found):
        rooms.identities.set_situation(found.key, attached_to_mes=True)
    for told in (counter.amend(stranger, person()), counter.close(stranger)):
        refused(told, "DMPAccessDeniedByRightsService", "rattaché à Mon espace santé")
    assert counter.consult(stranger).answered == "OK"
    with dossier(village, stranger) as (_, found):
        assert found.status is DossierStatus.OPEN


def test_a_blocked_professional_learns_no_more_than_that(village: Village, counter: Counter, stranger: Patient) -> None:
    with dossier(village, stranger) as (rooms, found):
        rooms.rights.block(found.key, village.demo.person("medecin").id_nat, start=found.opened)
    for told in (counter.consult(stranger), counter.amend(stranger, person()), counter.close(stranger)):
        refused(told, "DMPAccessDeniedByRightsService", "ne vous est pas ouvert")
        assert village.audit(1)[0].rule == "blocage"


# --- What is wrong with a message -------------------------------------------------------------------------------------


def test_messages_that_cannot_be_read_change_nothing(village: Village, counter: Counter, stranger: Patient) -> None:
    def creation(**changes: str) -> str:
        return registration("PRPA_IN201311UV02", reason_code("CREA_RD"), newcomer(), person(**changes))

    faults = {
        "birthTime": creation(birth=""),
        "name/given": registration("PRPA_IN201311UV02", reason_code("CREA_RD"), newcomer(), person(name("X"))),
        "reasonCode": registration("PRPA_IN201311UV02", reason_code("REAC"), newcomer(), person()),
        "detectedIssueEvent": registration(
            "PRPA_IN201314UV02", reason_code("FERM"), stranger, person(), status="terminated"
        ),
        "Patient.statusCode": registration("PRPA_IN201314UV02", reason_code("FERM"), stranger, "", issue=issue()),
    }
    for attribute, body in faults.items():
        told = counter.send(body, stranger)
        assert told.interaction in ("PRPA_IN201313UV02", "PRPA_IN201316UV02")
        refused(told, "XDSRegistryMetadataError", f"{attribute}: expected")
        assert village.audit(1)[0].outcome is Outcome.MINOR_FAILURE
    assert counter.existence(stranger).status == "active"


def test_an_identifier_that_is_no_ins_opens_nothing(counter: Counter) -> None:
    wrong = {
        Patient("279035121518990", oids.INS_NIR): "sa clé",
        Patient("1197854176879056415520", oids.INS_C): "Identifiant refusé",
        Patient("12345", oids.INS_NIR_TEST): "INS refusé",
    }
    for patient, text in wrong.items():
        told = counter.create(patient)
        refused(told, "XDSRegistryMetadataError", text)
        assert patient.ins not in told.details[0][2]
