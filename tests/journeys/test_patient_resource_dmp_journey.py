"""Patients of the DMP by FHIR: TD0.2 and TD0.5, the same facts and the same noes as by SOAP, for every requester."""

from __future__ import annotations

import json
import uuid
from datetime import date
from typing import Any
from urllib.parse import urlencode

import pytest
from acces_direct import NOBODY, SUZANNE, Provide
from audit_nodes import Answer, ask
from fhir.resources.R4B.patient import Patient as PatientModel
from strangers import authorise, dossier, identifier, newcomer

from audit.event import Outcome
from conformance.lps.people import Patient
from conformance.lps.vihf import Access
from dmp.compte import open_account
from identities.account import Channel
from schemas import oids
from server.demo.people import PATIENTS
from tests.gdp import Counter, Told, address, by_family, name, person, telecom
from tests.oauth_clients import OAuthClient, user
from tests.village import Village

ABSENT = "01234567-89ab-4def-8123-456789abcdef"
DMP = "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition/"
JSON = {"Content-Type": "application/fhir+json"}
CARDS = ["medecin", "medecin-traitant", "medecin-hospitalier", "pharmacien", "podologue", "medecin-du-travail"]


@pytest.fixture
def village(open_village: Village) -> Village:
    return open_village


@pytest.fixture(scope="module")
def patient(open_village: Village) -> Patient:
    """Somebody with a telephone, who lets the hospital's doctor in and shuts the pharmacist out."""
    stranger = newcomer()
    said = person(telecoms=telecom("tel:0607080901"))
    assert Counter(open_village.lps("medecin")).create(stranger, said).accepted
    people = open_village.demo
    authorise(open_village, stranger, people.person("medecin-hospitalier").id_nat)
    authorise(open_village, stranger, people.person("podologue").id_nat, ended=True)
    with dossier(open_village, stranger) as (rooms, found):
        rooms.rights.block(found.key, people.person("pharmacien").id_nat, start=found.opened)
        rooms.rights.set_medecin_traitant(found.key, people.person("medecin-traitant").id_nat, True)
    return stranger


def token(patient: Patient) -> str:
    return f"urn:oid:{patient.ins_oid}|{patient.ins}"


def search(village: Village, who: str | None, bearer: str = "", **given: str) -> Answer:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return ask(village, who, f"/fhir/Patient?{urlencode(given)}", headers=headers)


def one(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.content
    (found,) = answer.events
    PatientModel.model_validate(found)
    assert answer.resource["total"] == 1
    return found


def extensions(found: dict[str, Any]) -> dict[str, Any]:
    """The value of each extension, by the last part of its address."""
    values = {}
    for each in found["extension"]:
        ((_, value),) = [(key, value) for key, value in each.items() if key != "url"]
        values[each["url"].replace(":", "/").rpartition("/")[2]] = value
    return values


def said_by_fhir(found: dict[str, Any]) -> dict[str, Any]:
    """What TD0.2 tells, as FHIR has it."""
    values = extensions(found)
    return {
        "ids": {(each["value"], each["system"].removeprefix("urn:oid:")) for each in found["identifier"]},
        "status": "active" if found["active"] else "terminated",
        "autorisation": values["autorisation"]["code"],
        "medecin_traitant": values["dmp-medecin-traitant"],
        "compte": values["compte-internet"],
        "mes": values["dmp-rattachement-mes"],
        "families": {each["family"] for each in found["name"]},
        "born": found["birthDate"].replace("-", ""),
        "telecoms": {f"tel:{each['value']}" for each in found.get("telecom", [])},
        "gender": found["gender"][0].upper(),
    }


def said_by_soap(told: Told) -> dict[str, Any]:
    assert told.answered == "OK"
    return {
        "ids": set(told.ids),
        "status": told.status,
        "autorisation": told.attention["AUTORISATION"],
        "medecin_traitant": told.attention["STATUT_MT"] == "true",
        "compte": told.observations["COMPTE_INTERNET_OUVERT"] == "true",
        "mes": told.observations["RATTACHEMENT_ENS"] == "true",
        "families": {told.text(f"h:name/h:family[@qualifier='{each}']") for each in ("SP", "BR")},
        "born": told.values("h:birthTime")[0],
        "telecoms": set(told.values("h:telecom")),
        "gender": told.patient.find("h:patientPerson/h:administrativeGenderCode", {"h": "urn:hl7-org:v3"}).get("code"),  # type: ignore[union-attr]
    }


# --- TD0.2 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", CARDS)
def test_a_card_is_told_what_soap_tells(village: Village, patient: Patient, who: str) -> None:
    by_soap = said_by_soap(Counter(village.lps(who)).existence(patient))
    assert said_by_fhir(one(search(village, who, identifier=token(patient)))) == by_soap


def test_there_may_be_none(village: Village) -> None:
    answer = search(village, "medecin", identifier=token(newcomer()))
    assert (answer.status, answer.resource["total"], answer.events) == (200, 0, [])


def test_what_is_closed_is_told_with_when_and_why(village: Village) -> None:
    stranger, counter = newcomer(), Counter(village.lps("medecin"))
    counter.create(stranger)
    with dossier(village, stranger) as (rooms, held):
        open_account(rooms, held, held.opened, Channel.EMAIL, "albane@example.org", "no password")
    assert extensions(one(search(village, "medecin", identifier=token(stranger))))["compte-internet"] is True
    counter.close(stranger)
    found = one(search(village, "pharmacien", identifier=token(stranger)))
    assert found["active"] is False
    (closing,) = [each for each in found["extension"] if each["url"] == f"{DMP}dmp-fermeture"]
    said = {each["url"]: each for each in closing["extension"]}
    with dossier(village, stranger) as (_, held):
        assert held.closed is not None
        assert said["dateFermeture"]["valueDate"] == f"{held.closed:%Y-%m-%d}"
    (coding,) = said["motifFermeture"]["valueCodeableConcept"]["coding"]
    assert coding == {"system": f"urn:oid:{oids.MOTIF_FERMETURE}", "code": "FERMETURE_DEMANDE_PATIENT"}
    assert said["raisonFermeture"]["valueString"] == "à ma demande"
    assert search(village, "medecin", identifier=token(stranger), active="true").resource["total"] == 0


def test_the_old_identifier_leads_to_the_same_dossier(village: Village, patient: Patient) -> None:
    found = one(search(village, "medecin", identifier=token(patient)))
    (old,) = [each for each in found["identifier"] if each["system"] == f"urn:oid:{oids.INS_C}"]
    assert one(search(village, "medecin", identifier=f"{old['system']}|{old['value']}")) == found
    assert found["identifier"][0] == {"use": "official", "system": f"urn:oid:{patient.ins_oid}", "value": patient.ins}


def test_the_event_is_that_of_td0_2(village: Village, patient: Patient) -> None:
    search(village, "medecin", identifier=token(patient))
    record = village.audit(1)[0]
    assert (record.transaction, record.action, record.outcome) == ("ITI-78", "TD0.2", Outcome.SUCCESS)
    assert record.patient == identifier(patient)


def test_who_shows_nothing_is_told_nothing(village: Village) -> None:
    for path in ("Patient?family=X", "Patient/x", "Patient/$ihe-pix?sourceIdentifier=urn:oid:1.2|3"):
        assert ask(village, None, f"/fhir/{path}").status == 401


# --- By id ------------------------------------------------------------------------------------------------------------


def test_a_patient_is_read_by_id(village: Village, patient: Patient) -> None:
    for who in CARDS:
        found = one(search(village, who, identifier=token(patient)))
        read = ask(village, who, f"/fhir/Patient/{found['id']}")
        assert (read.status, read.resource) == (200, found)
        assert one(search(village, who, _id=found["id"])) == found
    absent = [ask(village, "medecin", f"/fhir/Patient/{each}") for each in (ABSENT, "x")]
    assert {(each.status, each.content) for each in absent} == {(404, absent[0].content)}


def test_whom_a_token_is_not_for_is_not_there(village: Village, patient: Patient) -> None:
    found = one(search(village, "medecin", identifier=token(patient)))
    for_another = bearer(village, for_whom=newcomer())
    refused, absent = (
        ask(village, "clinique", f"/fhir/Patient/{each}", headers={"Authorization": f"Bearer {for_another}"})
        for each in (found["id"], ABSENT)
    )
    assert (refused.status, refused.content) == (absent.status, absent.content)
    assert refused.status == 404
    assert search(village, "clinique", for_another, identifier=token(patient)).status == 403
    assert one(search(village, "clinique", bearer(village, for_whom=patient), _id=found["id"]))["id"] == found["id"]


def test_documents_by_a_reference_to_their_patient(village: Village, tmp_path_factory: pytest.TempPathFactory) -> None:
    Provide(village, tmp_path_factory.mktemp("papers"), 8300)("consultation_report", SUZANNE, by="medecin-traitant")
    suzanne = f"urn:oid:{oids.INS_NIR_TEST}|{SUZANNE}"
    found = one(search(village, "medecin-traitant", identifier=suzanne))

    def documents(who: str, **given: str) -> Answer:
        return ask(village, who, f"/fhir/DocumentReference?{urlencode(given)}")

    by_identifier = documents("medecin-traitant", **{"patient.identifier": suzanne})
    by_reference = documents("medecin-traitant", patient=f"Patient/{found['id']}")
    assert by_reference.events == by_identifier.events != []
    assert {each["subject"]["reference"] for each in by_reference.events} == {f"Patient/{found['id']}"}
    closed_to_him = one(search(village, "podologue", identifier=token(_perrin())))["id"]
    refused, absent = (documents("podologue", patient=f"Patient/{each}") for each in (closed_to_him, ABSENT))
    nobody = documents("podologue", **{"patient.identifier": f"urn:oid:{oids.INS_NIR_TEST}|{NOBODY}"})
    assert refused.status == absent.status == nobody.status == 403
    assert refused.content == absent.content == nobody.content


def _perrin() -> Patient:
    (found,) = [each for each in PATIENTS if each.traits.birth_family == "PERRIN"]
    return Patient(found.ins, oids.INS_NIR_TEST)


# --- TD0.5 ------------------------------------------------------------------------------------------------------------


def bearer(village: Village, mode: str = "", for_whom: Patient | None = None) -> str:
    """The clinic's doctor, as its software asks for a token in AIR, in one access mode."""
    clinic = OAuthClient(village, "clinique")
    said: dict[str, Any] = {"purpose_of_use": [{"code": mode, "system": f"urn:oid:{oids.MODE_ACCES}"}]} if mode else {}
    if for_whom:
        said["person_id"] = f"{for_whom.ins}^^^&{for_whom.ins_oid}&ISO"
    extensions_ = user("medecin-clinique", "INDIRECTE_RENFORCEE", **said)
    answer = clinic.ask("ITI-78 ITI-83 ITI-119", **clinic.asserted(extensions=extensions_))
    assert answer.status == 200, answer.content
    found: str = answer.resource["access_token"]
    return found


@pytest.fixture(scope="module")
def lost(open_village: Village) -> tuple[str, Patient]:
    """Somebody whose family name and birth date nobody else has, with an address."""
    family, stranger = (
        "N" + "".join(chr(65 + int(each, 16)) for each in uuid.uuid4().hex[:10]),
        newcomer(date(1962, 2, 3)),
    )
    said = person(
        name("TESSIER", "ALBANE", family),
        telecoms=telecom("tel:0607080901"),
        addresses=address("3 rue des Lilas", "59113", "SECLIN"),
        birth="19620203",
    )
    assert Counter(open_village.lps("medecin")).create(stranger, said).accepted
    return family, stranger


def test_nobody_searches_by_traits_but_regulation(village: Village, lost: tuple[str, Patient]) -> None:
    family, _ = lost
    for who in CARDS:
        assert Counter(village.lps(who)).find(by_family(family)).errors == ["DMPAccessDeniedByRightsService"]
        answer = search(village, who, family=family)
        assert (answer.status, answer.issues[0][0]) == (403, "forbidden")
    record = village.audit(1)[0]
    assert (record.transaction, record.action, record.outcome) == ("ITI-78", "TD0.5", Outcome.MINOR_FAILURE)
    sought = b'{"resourceType":"Patient","name":[{"family":"X"}]}'
    matched = ask(village, "medecin", "/fhir/Patient/$match", method="POST", body=sought, headers=JSON)
    assert matched.status == 403
    other = ask(village, "medecin", f"/fhir/Patient/$ihe-pix?{urlencode({'sourceIdentifier': token(lost[1])})}")
    nobody = ask(village, "medecin", f"/fhir/Patient/$ihe-pix?{urlencode({'sourceIdentifier': token(newcomer())})}")
    assert (other.status, other.content) == (nobody.status, nobody.content)
    assert other.status == 403


def test_regulation_finds_whom_soap_finds(village: Village, lost: tuple[str, Patient]) -> None:
    family, stranger = lost
    told = Counter(village.lps("medecin"), Access("centre_15")).find(by_family(family))
    regulation = bearer(village, "centre_15")
    assert search(village, "clinique", bearer(village), family=family).status == 403
    found = one(search(village, "clinique", regulation, family=family))
    assert told.ids[0][0] == stranger.ins == found["identifier"][0]["value"]
    assert "telecom" not in found
    assert found["address"] == [{"city": "SECLIN", "postalCode": "59113"}]
    assert extensions(found) == {"opposition-acces-urgence": False}
    record = village.audit(1)[0]
    assert (record.transaction, record.action, record.mode_acces) == ("ITI-78", "TD0.5", "centre_15")
    seclin = {"family": family, "address-city": "seclin", "birthdate": "1962-02-03", "gender": "female"}
    assert one(search(village, "clinique", regulation, **seclin)) == found
    for hidden in ({"telecom": "0607080901"}, {"address": "3 rue"}, {"address-city": "lille"}):
        assert search(village, "clinique", regulation, family=family, **hidden).resource["total"] == 0
    assert search(village, "clinique", regulation, active="true").issues[0][0] == "required"
    sought = {"resourceType": "Patient", "name": [{"family": family, "given": ["Albane"]}], "birthDate": "1962-02-03"}
    headers = {**JSON, "Authorization": f"Bearer {regulation}"}
    body = json.dumps(sought).encode()
    matched = ask(village, "clinique", "/fhir/Patient/$match", method="POST", body=body, headers=headers)
    assert one(matched) == found
    assert matched.resource["entry"][0]["search"]["extension"][0]["valueCode"] == "probable"
