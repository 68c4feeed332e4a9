"""The life of a dossier, through HTTP: created, fed, read, amended, closed, and opened again as it was."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from strangers import authorise, dossier, identifier, newcomer, refused

from audit.event import Outcome
from cda.document import read_document
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError
from conformance.lps.vihf import Access
from habilitations.statement import Switches
from identities.dossier import DossierStatus
from schemas.xml import parse
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from tests.gdp import (
    NO_BRIS_DE_GLACE,
    NO_CENTRE_15,
    OPENING,
    REOPENING,
    SCHEMA,
    Counter,
    Told,
    person,
)
from tests.village import Village

EMERGENCY = Access("bris_de_glace", "patient inconscient")
CENTRE_15 = Access("centre_15")


@pytest.fixture
def counter(village: Village) -> Counter:
    return Counter(village.lps("medecin"))


@pytest.fixture
def stranger(counter: Counter) -> Patient:
    """Somebody whose DMP was just created."""
    patient = newcomer()
    assert counter.create(patient).accepted
    return patient


def feed(village: Village, patient: Patient, folder: Path, number: int) -> str:
    """A letter about `patient`, provided by the médecin; gives its uniqueId."""
    someone = PATIENTS[0]
    file = write(Paper("consultation_report", "medecin", "medecin", 0, 1), folder, number, datetime.now(UTC))
    text = file.read_text("utf-8")
    assert someone.ins in text
    file.write_text(text.replace(someone.ins, patient.ins), "utf-8")
    assert read_document(iter([file.read_bytes()])) is not None
    return village.lps("medecin").provide([file], patient).unique_ids[0]


# --- From creation to reactivation ------------------------------------------------------------------------------------


@pytest.mark.proves("transaction/TD1.1", "transaction/TD1.4", "transaction/TD1.2")
def test_a_dossier_is_created_fed_closed_and_opened_as_it_was(
    village: Village, counter: Counter, tmp_path: Path
) -> None:
    patient, doctor = newcomer(), village.lps("medecin")
    created = counter.create(patient)
    assert SCHEMA.validate(created.content), SCHEMA.error_log
    assert (created.interaction, created.action) == (
        "PRPA_IN201312UV02",
        "urn:hl7-org:v3:PRPA_IN201311ResponseUV02",
    )
    assert (created.acknowledged, created.status) == ("AA", "active")
    letter = feed(village, patient, tmp_path, 7001)
    with pytest.raises(LpsError, match="DMPAccessDenied"):
        doctor.find(patient)
    assert village.audit(1)[0].rule == "autorisation_absente", "who creates a DMP is not authorised by that"
    authorise(village, patient, village.demo.person("medecin").id_nat)
    assert [each.unique_id for each in doctor.find(patient)] == [letter]

    closed = counter.close(patient)
    assert (closed.interaction, closed.acknowledged, closed.status) == ("PRPA_IN201315UV02", "AA", "terminated")
    assert closed.action == "urn:hl7-org:v3:PRPA_IN201314ResponseUV02"
    with pytest.raises(LpsError, match="DMPAccessDenied"):
        doctor.find(patient)
    with pytest.raises(LpsError, match="DMPClosed"):
        feed(village, patient, tmp_path, 7002)
    refused(counter.consult(patient), "DMPClosed")
    refused(counter.close(patient), "DMPClosed", "DMP fermé")
    refused(counter.amend(patient, person()), "DMPClosed")

    opened = counter.reactivate(patient)
    assert (opened.interaction, opened.acknowledged, opened.status) == ("PRPA_IN201315UV02", "AA", "active")
    assert [each.unique_id for each in doctor.find(patient)] == [letter]
    assert feed(village, patient, tmp_path, 7003) in {each.unique_id for each in doctor.find(patient)}


@pytest.mark.proves("error/DMPFound")
def test_what_exists_is_not_created_and_what_is_open_is_not_reactivated(counter: Counter, stranger: Patient) -> None:
    refused(counter.create(stranger), "DMPFound", "a déjà un DMP")
    refused(counter.reactivate(stranger), "DMPFound", "déjà ouvert")
    counter.close(stranger)
    refused(counter.create(stranger), "DMPFound", "fermé : il se réactive")
    assert counter.existence(stranger).status == "terminated"


def test_where_there_is_no_dossier_nothing_else_is_done(counter: Counter) -> None:
    nobody = newcomer()
    for told in (
        counter.reactivate(nobody),
        counter.consult(nobody),
        counter.amend(nobody, person()),
        counter.close(nobody),
    ):
        refused(told, "XDSUnknownPatientId")
    assert counter.existence(nobody).answered == "NF"


@pytest.mark.parametrize("answered", [{}, {OPENING: False}, {REOPENING: True}])
def test_nothing_is_opened_without_consent(village: Village, counter: Counter, answered: dict[str, bool]) -> None:
    patient = newcomer()
    refused(counter.create(patient, answered=answered), "XDSRegistryMetadataError", f"{OPENING}: expected true")
    assert counter.existence(patient).answered == "NF"
    counter.create(patient)
    counter.close(patient)
    told = counter.reactivate(patient, {OPENING: True} if REOPENING in answered else {})
    refused(told, "XDSRegistryMetadataError", f"{REOPENING}: expected true")
    with dossier(village, patient) as (_, found):
        assert found.status is DossierStatus.CLOSED


def test_what_was_answered_is_kept_with_who_collected_it(village: Village, counter: Counter) -> None:
    patient = newcomer()
    assert counter.create(patient, answered={OPENING: True, NO_BRIS_DE_GLACE: True, NO_CENTRE_15: False}).accepted
    with dossier(village, patient) as (rooms, found):
        collected = rooms.rights.consents(found.key)
        assert rooms.rights.wishes(found.key).switches == Switches(centre_15=True, bris_de_glace=False)
    assert [(each.code, each.given) for each in collected] == [
        (OPENING, True),
        (NO_BRIS_DE_GLACE, True),
        (NO_CENTRE_15, False),
    ]
    assert {each.collector for each in collected} == {village.demo.person("medecin").id_nat}
    doctor = village.lps("medecin")
    assert doctor.find(patient, access=CENTRE_15) == []
    with pytest.raises(LpsError, match="DMPAccessDenied"):
        doctor.find(patient, access=EMERGENCY)
    assert village.audit(1)[0].rule == "opposition_bris_de_glace"


def test_a_request_to_destroy_ends_with_the_reopening(village: Village, counter: Counter, stranger: Patient) -> None:
    counter.close(stranger)
    with dossier(village, stranger) as (rooms, found):
        rooms.identities.request_destruction(found.key, datetime.now(UTC))
    assert counter.reactivate(stranger).accepted
    with dossier(village, stranger) as (_, found):
        assert found.destruction_requested is None


def test_of_two_creations_at_once_one_is_done(village: Village) -> None:
    patient, told = newcomer(), list[Told]()
    software = [Counter(village.lps(who)) for who in ("medecin", "medecin-traitant", "pharmacien")]
    at_once = threading.Barrier(len(software))

    def create(counter: Counter) -> None:
        at_once.wait()
        told.append(counter.create(patient))

    threads = [threading.Thread(target=create, args=(each,)) for each in software]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.accepted for each in told].count(True) == 1
    assert {code for each in told for code in each.errors} <= {"DMPFound", "XDSRegistryBusy"}


# --- Who may ----------------------------------------------------------------------------------------------------------

REFUSED = [
    ("medecin", EMERGENCY),
    ("medecin", CENTRE_15),
    ("medecin-traitant", EMERGENCY),
    ("medecin-du-travail", Access()),
    ("clinique", Access()),
    ("hopital", CENTRE_15),
]


@pytest.mark.parametrize(("who", "access"), REFUSED, ids=lambda each: each if isinstance(each, str) else each.mode)
def test_roles_and_modes_without_the_right_change_nothing(village: Village, who: str, access: Access) -> None:
    patient, known = newcomer(), newcomer()
    assert Counter(village.lps("medecin")).create(known).accepted
    counter = Counter(village.lps(who), access)
    for told in (
        counter.create(patient),
        counter.reactivate(known),
        counter.amend(known, person()),
        counter.close(known),
    ):
        refused(told, "DMPAccessDeniedByRightsService")
    records = village.audit(4)[::-1]
    assert [record.transaction for record in records] == ["TD1.1", "TD1.2", "TD1.3b", "TD1.4"]
    assert {(record.outcome, record.rule) for record in records} == {(Outcome.MINOR_FAILURE, "droit_fonctionnel")}
    assert counter.existence(patient).answered == "NF"
    assert counter.existence(known).status == "active"


def test_a_cpe_creates_and_does_not_close(village: Village) -> None:
    """PDT-INF-527 2.2: limited to creation and administrative data."""
    patient, counter = newcomer(), Counter(village.lps("secretaire"))
    assert counter.create(patient).accepted
    assert counter.amend(patient, person()).accepted
    assert not counter.close(patient).accepted
    assert village.audit(1)[0].rule == "droit_fonctionnel"


@pytest.mark.parametrize("who", ["pharmacien", "hopital", "medecin-hospitalier"])
def test_whoever_is_at_the_counter_creates_and_closes(village: Village, who: str) -> None:
    patient, counter = newcomer(), Counter(village.lps(who))
    assert counter.create(patient).accepted
    assert counter.close(patient).accepted
    assert counter.reactivate(patient).accepted


# --- Audit ------------------------------------------------------------------------------------------------------------


def test_each_step_is_recorded_as_what_it_is(village: Village, counter: Counter, stranger: Patient) -> None:
    counter.consult(stranger)
    counter.amend(stranger, person())
    counter.close(stranger)
    counter.reactivate(stranger)
    records = village.audit(5)[::-1]
    assert [record.transaction for record in records] == ["TD1.1", "TD1.3a", "TD1.3b", "TD1.4", "TD1.2"]
    assert [record.action for record in records] == [record.transaction for record in records]
    assert {record.outcome for record in records} == {Outcome.SUCCESS}
    assert {record.patient for record in records} == {identifier(stranger)}
    assert len({record.dossier for record in records}) == 1 and records[0].dossier
    events = [parse(record.message).find("EventIdentification") for record in records]
    assert [event.get("EventActionCode") for event in events if event is not None] == ["C", "R", "U", "U", "U"]
    ids = {event.find("EventID").get("csd-code") for event in events if event is not None}  # type: ignore[union-attr]
    assert ids == {"110110"}
    assert b"ParticipantObjectDetail" in records[0].message and b'type="II"' in records[0].message
    assert b"VASSEUR" not in b"".join(record.message for record in records)


def test_a_wsdl_tells_what_is_served(village: Village) -> None:
    connection = village.lps("medecin")._transport._take()
    connection.request("GET", "/ihe/patients?wsdl")
    definitions = parse(connection.getresponse().read())
    connection.close()
    assert definitions.get("name") == "DMPPatients"
    named = {each.get("name") for each in definitions.iter("{http://schemas.xmlsoap.org/wsdl/}operation")}
    assert named == {
        "PatientGetDemographics_PRPA_IN201307UV02",
        "PatientAdd_PRPA_IN201311UV02",
        "PatientRevise_PRPA_IN201314UV02",
        "findCandidatesQuery",
    }
