"""Before a dossier is entered: TD0.2 tells whoever asks how things stand, TD0.5 finds whom regulation looks for."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import date

import pytest
from lxml import etree
from strangers import CHILD, authorise, dossier, identifier, newcomer

from audit.event import Outcome
from conformance.lps.people import Patient
from conformance.lps.vihf import Access
from dmp.compte import open_account
from habilitations.statement import Switches
from habilitations.wishes import STRUCTURE
from identities.account import Channel
from schemas import oids
from schemas.xml import parse
from tests.gdp import (
    NS,
    SCHEMA,
    Counter,
    Told,
    address,
    by_family,
    dossier_query,
    name,
    person,
    reason_code,
    telecom,
    traits_query,
)
from tests.village import Village

CENTRE_15 = Access("centre_15")
EMERGENCY = Access("bris_de_glace", "patient inconscient")
INS_C = oids.INS_C


@pytest.fixture(scope="module")
def patient(village: Village) -> Patient:
    """Somebody whose DMP was created by a médecin, who is not authorised by that."""
    stranger = newcomer()
    assert Counter(village.lps("medecin")).create(stranger).accepted
    return stranger


def exists(village: Village, patient: Patient, who: str = "medecin") -> Told:
    return Counter(village.lps(who)).existence(patient)


# --- TD0.2 ------------------------------------------------------------------------------------------------------------


@pytest.mark.proves("transaction/TD0.2")
def test_whoever_asks_is_told_that_there_is_a_dossier_and_how_he_stands(village: Village, patient: Patient) -> None:
    told = exists(village, patient)
    assert SCHEMA.validate(told.body), SCHEMA.error_log
    assert (told.http_status, told.interaction) == (200, "PRPA_IN201308UV02")
    assert told.action == "urn:hl7-org:v3:PRPA_IN201308UV02"
    assert (told.acknowledged, told.answered, told.status) == ("AA", "OK", "active")
    assert told.attention == {"AUTORISATION": "NON_EXISTE", "STATUT_MT": "false"}
    assert told.observations == {"COMPTE_INTERNET_OUVERT": "false", "RATTACHEMENT_ENS": "false"}
    assert [authority for _, authority in told.ids] == [INS_C, patient.ins_oid]
    assert told.ids[1][0] == patient.ins
    assert told.text("h:name/h:family[@qualifier='SP']") == "TESSIER"
    assert told.text("h:name/h:family[@qualifier='BR']") == "VASSEUR"
    assert told.values("h:birthTime") == ["19790328"]


def test_there_may_be_none(village: Village) -> None:
    told = exists(village, newcomer())
    assert SCHEMA.validate(told.body), SCHEMA.error_log
    assert (told.acknowledged, told.answered, told.patients) == ("AA", "NF", [])
    assert told.attention == {"AUTORISATION": "NON_EXISTE", "STATUT_MT": "false"}


def test_each_standing_is_told(village: Village) -> None:
    id_nat = village.demo.person("medecin-hospitalier").id_nat
    hospital = village.demo.person("hopital").structure_id

    def new() -> Patient:
        stranger = newcomer()
        assert Counter(village.lps("medecin")).create(stranger).accepted
        return stranger

    authorised, expired, blocked, treated, of_the_team = (new() for _ in range(5))
    authorise(village, authorised, id_nat)
    authorise(village, expired, id_nat, ended=True)
    authorise(village, of_the_team, hospital, STRUCTURE)
    with dossier(village, blocked) as (rooms, found):
        rooms.rights.block(found.key, id_nat, start=found.opened)
    with dossier(village, treated) as (rooms, found):
        rooms.rights.set_medecin_traitant(found.key, id_nat, True)
    told = {
        each: exists(village, each, "medecin-hospitalier").attention
        for each in (authorised, expired, blocked, treated, of_the_team)
    }
    assert [said["AUTORISATION"] for said in told.values()] == ["VALIDE", "EXPIRE", "INTERDIT", "VALIDE", "VALIDE"]
    assert [said["STATUT_MT"] for said in told.values()] == ["false", "false", "false", "true", "false"]


def test_a_structure_that_comes_by_itself_is_told_of_its_own_authorisation(village: Village) -> None:
    stranger, hospital = newcomer(), village.demo.person("hopital").structure_id
    assert exists(village, stranger, "hopital").answered == "NF"
    assert Counter(village.lps("hopital")).create(stranger).accepted
    assert exists(village, stranger, "hopital").attention["AUTORISATION"] == "NON_EXISTE"
    authorise(village, stranger, hospital, STRUCTURE, ended=True)
    assert exists(village, stranger, "hopital").attention["AUTORISATION"] == "EXPIRE"
    authorise(village, stranger, hospital, STRUCTURE)
    assert exists(village, stranger, "hopital").attention["AUTORISATION"] == "VALIDE"
    with dossier(village, stranger) as (rooms, found):
        rooms.rights.block(found.key, hospital, start=found.opened)
    assert exists(village, stranger, "hopital").attention["AUTORISATION"] == "INTERDIT"
    assert exists(village, stranger, "medecin-hospitalier").attention["AUTORISATION"] == "INTERDIT"


def test_what_is_closed_is_told_with_when_and_why(village: Village) -> None:
    stranger, counter = newcomer(), Counter(village.lps("medecin"))
    counter.create(stranger)
    counter.close(stranger)
    told = exists(village, stranger, "pharmacien")
    assert SCHEMA.validate(told.body), SCHEMA.error_log
    assert (told.answered, told.status) == ("OK", "terminated")
    with dossier(village, stranger) as (_, found):
        assert found.closed is not None
        assert told.observations["DATE_FERMETURE"] == f"{found.closed:%Y%m%d%H%M%S}+0000"
    assert told.observations["MOTIF_FERMETURE"] == "FERMETURE_DEMANDE_PATIENT"
    assert told.observations["RAISON_FERMETURE"] == "à ma demande"


def test_mon_espace_sante_and_the_account_are_told(village: Village) -> None:
    stranger = newcomer()
    Counter(village.lps("medecin")).create(stranger)
    with dossier(village, stranger) as (rooms, found):
        rooms.identities.set_situation(found.key, attached_to_mes=True)
        open_account(rooms, found, found.opened, Channel.EMAIL, "albane@example.org", "no password")
    told = exists(village, stranger).observations
    assert told == {"COMPTE_INTERNET_OUVERT": "true", "RATTACHEMENT_ENS": "true"}


@pytest.mark.parametrize("access", [CENTRE_15, EMERGENCY], ids=lambda access: access.mode)
def test_an_emergency_may_ask(village: Village, patient: Patient, access: Access) -> None:
    assert Counter(village.lps("medecin"), access).existence(patient).answered == "OK"
    assert village.audit(1)[0].mode_acces == access.mode


@pytest.mark.parametrize("who", ["secretaire", "medecin-du-travail", "podologue", "hopital", "clinique"])
def test_every_role_may_ask(village: Village, patient: Patient, who: str) -> None:
    assert exists(village, patient, who).answered == "OK"


def test_the_old_identifier_leads_to_the_same_dossier(village: Village, patient: Patient) -> None:
    (old, authority), _ = exists(village, patient).ids
    by_old = Patient(old, authority)
    counter = Counter(village.lps("medecin"))
    for told in (counter.existence(by_old), counter.existence(by_old, patient), counter.existence(patient, by_old)):
        assert (told.answered, told.ids[1][0]) == ("OK", patient.ins)


def test_a_message_for_another_patient_than_the_assertion_s_is_refused(village: Village, patient: Patient) -> None:
    told = [Counter(village.lps("medecin")).existence(each, newcomer()) for each in (patient, newcomer())]
    assert [each.errors for each in told] == [["DMPAccessDeniedByRightsService"]] * 2
    assert [each.answered for each in told] == ["AE", "AE"]
    assert told[0].details == told[1].details
    assert village.audit(1)[0].rule == "patient_de_l_assertion"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("", "expected TEST_EXST or CNSLT_DATA"),
        (reason_code("FERM"), "got FERM"),
        (reason_code("TEST_EXST", "1.2.3"), "got TEST_EXST (1.2.3)"),
    ],
)
def test_a_query_without_a_reason_of_the_list_is_refused(
    village: Village, patient: Patient, reason: str, expected: str
) -> None:
    told = Counter(village.lps("medecin")).send(dossier_query(reason, patient), patient)
    assert SCHEMA.validate(told.body), SCHEMA.error_log
    assert (told.acknowledged, told.answered, told.errors) == ("AE", "AE", ["XDSRegistryMetadataError"])
    assert expected in told.details[0][2]
    record = village.audit(1)[0]
    assert (record.transaction, record.outcome, record.rule) == ("TD0.2", Outcome.MINOR_FAILURE, "message")


def test_an_action_and_another_body_is_a_fault(village: Village, patient: Patient) -> None:
    counter = Counter(village.lps("medecin"))
    told = counter.send(traits_query(by_family("X")), patient, "urn:hl7-org:v3:PRPA_IN201307UV02")
    assert told.http_status == 400 and "expected PRPA_IN201307UV02" in told.fault
    told = counter.send(dossier_query(reason_code("TEST_EXST"), patient), patient, "urn:hl7-org:v3:PRPA_IN201309UV02")
    assert told.http_status == 400 and "wsa:Action" in told.fault


def test_an_existence_test_is_recorded_as_a_query(village: Village, patient: Patient) -> None:
    exists(village, patient)
    record = village.audit(1)[0]
    assert (record.transaction, record.action, record.outcome) == ("TD0.2", "TD0.2", Outcome.SUCCESS)
    assert record.patient == identifier(patient)
    event = parse(record.message)
    assert event.find("EventIdentification/EventID").get("csd-code") == "110112"
    types = [each.get("csd-code") for each in event.findall("EventIdentification/EventTypeCode")]
    assert types[0] == "TD0.2"
    query = event.find("ParticipantObjectIdentification/ParticipantObjectQuery")
    assert query is not None and query.text


# --- TD0.5 ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def family(village: Village) -> Iterator[str]:
    """A name that nobody else has."""
    yield "N" + re.sub("[0-9]", lambda digit: chr(65 + int(digit[0])), uuid.uuid4().hex[:10]).upper()


def born(village: Village, family: str, given: str = "ALBANE", birth: date = CHILD, **said: str) -> Patient:
    stranger = newcomer(birth)
    told = person(name("TESSIER", given, family), birth=f"{birth:%Y%m%d}", **said)
    assert Counter(village.lps("medecin")).create(stranger, told).accepted
    return stranger


@pytest.mark.proves("transaction/TD0.5")
def test_regulation_finds_a_patient_without_ins(village: Village, family: str) -> None:
    stranger = born(
        village, family, telecoms=telecom("tel:0607080901"), addresses=address("3 rue des Lilas", "59113", "SECLIN")
    )
    with dossier(village, stranger) as (rooms, found):
        rooms.rights.set_switches(found.key, Switches(centre_15=False))
    told = Counter(village.lps("hopital"), CENTRE_15).find(by_family(family))
    assert (told.http_status, told.action) == (200, "urn:hl7-org:v3:PRPA_IN201306UV02")
    assert (told.acknowledged, told.answered, told.status) == ("AA", "OK", "active")
    assert told.ids[0] == (stranger.ins, stranger.ins_oid) and told.ids[1][1] == INS_C
    assert told.text("h:name/h:family[@qualifier='SP']") == "TESSIER"
    assert told.text("h:name/h:family[@qualifier='BR']") == family
    assert (told.text("h:addr/h:city"), told.text("h:addr/h:postalCode")) == ("SECLIN", "59113")
    assert told.text("h:addr/h:streetAddressLine") == "" and told.values("h:telecom") == []
    assert told.observations == {"OPPOSITION_ACCES_URGENCE": "true"}
    match = told.patient.find("h:subjectOf1/h:queryMatchObservation/h:value", NS)
    assert match is not None and match.get("value") == "100"
    record = village.audit(1)[0]
    assert (record.transaction, record.action, record.outcome) == ("TD0.5", "TD0.5", Outcome.SUCCESS)
    assert stranger.ins in record.message.decode()


def test_a_patient_is_found_by_the_used_name_and_a_birth_date(village: Village, family: str) -> None:
    stranger = born(village, family, birth=date(2011, 2, 3))
    regulation = Counter(village.lps("medecin"), CENTRE_15)
    birth = '<livingSubjectBirthTime><value value="20110203"/><semanticsText>x</semanticsText></livingSubjectBirthTime>'
    assert regulation.find(by_family("tessier") + birth + by_family(family)).ids[0][0] == stranger.ins
    assert regulation.find(birth.replace("0203", "0204") + by_family(family)).answered == "NF"


def test_a_closed_dossier_and_none_are_told_alike(village: Village, family: str) -> None:
    stranger = born(village, family)
    Counter(village.lps("medecin")).close(stranger)
    regulation = Counter(village.lps("medecin"), CENTRE_15)

    def answer(wanted: str) -> str:
        """What is told, without what makes one message another."""
        told = etree.tostring(regulation.find(by_family(wanted)).body, encoding="unicode")
        return re.sub("<hl7:(id|creationTime) [^>]*>", "", told).replace(wanted, "")

    assert answer(family) == answer(family[::-1])


def test_many_are_too_many(village: Village, family: str) -> None:
    for number in range(10):
        born(village, family, f"A{chr(65 + number)}")
    regulation = Counter(village.lps("medecin"), CENTRE_15)
    assert len(regulation.find(by_family(family)).patients) == 10
    eleventh = born(village, family, "ZOE")
    told = regulation.find(by_family(family))
    assert (told.acknowledged, told.answered, told.patients) == ("AE", "AE", [])
    assert told.errors == ["XDSTooManyResults"] and "précisez les critères" in told.details[0][2]
    Counter(village.lps("medecin")).close(eleventh)
    assert len(regulation.find(by_family(family)).patients) == 10, "a closed one does not count"
    assert len(regulation.find(by_family(family, "AB")).patients) == 1


@pytest.mark.parametrize(
    ("who", "access"),
    [("medecin", Access()), ("medecin", EMERGENCY), ("hopital", Access()), ("secretaire", Access())],
)
def test_only_regulation_searches(village: Village, who: str, access: Access) -> None:
    told = Counter(village.lps(who), access).find(by_family("CORBEAU"))
    assert (told.acknowledged, told.answered, told.patients) == ("AE", "AE", [])
    assert told.errors == ["DMPAccessDeniedByRightsService"]
    record = village.audit(1)[0]
    assert (record.transaction, record.outcome, record.rule) == ("TD0.5", Outcome.MINOR_FAILURE, "droit_fonctionnel")


def test_a_search_asks_for_something(village: Village) -> None:
    regulation = Counter(village.lps("medecin"), CENTRE_15)
    assert regulation.find("").errors == ["XDSStoredQueryMissingParam"]
    assert regulation.find("<livingSubjectShoeSize><value/></livingSubjectShoeSize>").errors == [
        "XDSStoredQueryParamNumber"
    ]
