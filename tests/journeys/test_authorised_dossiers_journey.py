"""TD0.4 through the door: the dossiers that are open to somebody, and nothing of any other.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD0.4; PDT-INF-526 v1.8 and PDT-INF-606 v1.3, row TD0.4, notes (2) and (3).
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from services import DAY, PATIENTS, YEAR, Told, ask, authorise, id_of, lps_of, newborn

from audit.event import Outcome
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError
from conformance.lps.vihf import Access
from dmp.gestion import Consents, close_dossier, record_consents
from habilitations.wishes import STRUCTURE
from identities.requester import PatientId
from registry.scope import INVISIBLE_PATIENT, MASQUE_PS, Custody
from schemas import oids
from schemas.xml import local_name, parse
from server.demo.people import CABINET_DES_LILAS, CLINIQUE, HOPITAL
from server.house import now
from tests.newcomers import Planted, move_in, plant
from tests.village import Village

pytestmark = pytest.mark.proves("transaction/TD0.4")

DENIED = "DMPAccessDeniedByRightsService"
_numbers = itertools.count(7000)


@pytest.fixture
def doctor(village: Village) -> str:
    """Somebody to whom nothing is open yet; a name of people.json."""
    number = next(_numbers)
    move_in(village, f"medecin-{number}", number, "10", "SM26", structure_id=CABINET_DES_LILAS)
    return f"medecin-{number}"


def told_of(
    village: Village,
    who: str,
    texts: Mapping[str, str] | None = None,
    *,
    mode: str | None = None,
    patient: Patient | None = None,
    access: Access | None = None,
) -> Told:
    return ask(lps_of(village, who, mode), patient, PATIENTS, "patientList", texts, access=access)


def listed(village: Village, who: str, texts: Mapping[str, str] | None = None, **more: object) -> list[dict[str, str]]:
    """The texts by name of element, of each dossier; identifiers as `INS oid` under `patientIdentifier`."""
    told = told_of(village, who, texts, **more)  # type: ignore[arg-type]
    assert (told.status, told.context) == ("DMPOk", "")
    return [
        {local_name(child.tag): " ".join(str(text) for text in child.itertext()) for child in each}
        for each in told.data
    ]


def found(village: Village, who: str, texts: Mapping[str, str] | None = None, **more: object) -> set[str]:
    return {each["patientIdentifier"].split()[0] for each in listed(village, who, texts, **more)}


def let_in(village: Village, who: str, *, start: timedelta = -DAY, end: timedelta = YEAR, family: str = "X") -> Patient:
    """A new patient who lets them in."""
    patient = newborn(village, family=family)
    authorise(village, patient, id_of(village, who), start=start, end=end)
    return patient


def written(instant: datetime) -> str:
    return f"{instant:%Y%m%d%H%M%S}"


# --- A professional ---------------------------------------------------------------------------------------------------


def test_one_s_own_dossiers_are_listed_by_name(village: Village, doctor: str) -> None:
    assert listed(village, doctor) == []
    zola, *_ = (let_in(village, doctor, family=family) for family in ("ZOLA", "ABEL", "MARTIN"))
    found = listed(village, doctor)
    assert [each["lastName"] for each in found] == ["ABEL", "MARTIN", "ZOLA"]
    assert found[2] == {
        "patientIdentifier": f"{zola.ins} {oids.INS_NIR_TEST}",
        "lastName": "ZOLA",
        "firstName": "ANNE",
        "dateOfBirth": "19800101",
        "MT": "false",
        "message": "false",
    }


def test_the_question_is_recorded_with_every_patient_it_told(village: Village, doctor: str) -> None:
    patients = [let_in(village, doctor) for _ in range(2)]
    listed(village, doctor, patient=patients[0])
    (record,) = village.audit(1)
    assert (record.transaction, record.action, record.outcome) == ("TD0.4", "TD0.4", Outcome.SUCCESS)
    assert (record.patient, record.dossier) == (None, ""), "whom the assertion names plays no part"
    assert b'csd-code="110112"' in record.message
    assert all(patient.ins.encode() in record.message for patient in patients)
    (query,) = parse(record.message).iter("ParticipantObjectQuery")
    assert b"patientList" in base64.b64decode(str(query.text))


def test_only_what_is_open_to_them_is_listed(village: Village, doctor: str) -> None:
    """Not what is over, not begun, of another, of the structure, of an emergency, closed, or blocked."""
    own = let_in(village, doctor)
    treated = newborn(village, Consents(medecins_traitants=(id_of(village, doctor),)))
    let_in(village, doctor, start=-YEAR, end=-DAY)
    let_in(village, doctor, start=DAY)
    let_in(village, "infirmier")
    newborn(village, Consents(authorised_structures=(CABINET_DES_LILAS,)))
    newborn(village)
    closed, shut_out = let_in(village, doctor), let_in(village, doctor)
    with village.house() as house:
        close_dossier(house.gate, "test", PatientId(closed.ins, closed.ins_oid), "demande")
        blocking = Consents(blocked=(CABINET_DES_LILAS,))
        record_consents(house.gate, "test", PatientId(shut_out.ins, shut_out.ins_oid), blocking)
    assert found(village, doctor) == {own.ins, treated.ins}
    (treating,) = (each for each in listed(village, doctor) if each["MT"] == "true")
    assert treating["patientIdentifier"].split()[0] == treated.ins


def test_a_medecin_traitant_whose_structure_is_blocked_is_told_his_dossier(village: Village, doctor: str) -> None:
    said = Consents(medecins_traitants=(id_of(village, doctor),), blocked=(CABINET_DES_LILAS,))
    patient = newborn(village, said)
    assert found(village, doctor) == {patient.ins}


@pytest.mark.parametrize("mode", ["centre_15", "bris_de_glace"])
def test_an_emergency_opens_no_longer_list(village: Village, doctor: str, mode: str) -> None:
    own = let_in(village, doctor)
    assert found(village, doctor, access=Access(mode, "patient inconscient")) == {own.ins}


def test_the_last_access_is_one_s_own(village: Village, doctor: str) -> None:
    patient = let_in(village, doctor)
    authorise(village, patient, id_of(village, "medecin"), start=-DAY, end=YEAR)
    lps_of(village, "medecin").find(patient)
    (before,) = listed(village, doctor)
    assert "lastAccessDate" not in before
    lps_of(village, doctor).find(patient)
    accessed = village.audit(1)[0].instant
    (after,) = listed(village, doctor)
    assert after["lastAccessDate"] == written(accessed)


# --- By a date --------------------------------------------------------------------------------------------------------


def test_the_list_is_limited_to_authorisations_since_a_date(village: Village, doctor: str) -> None:
    old, new = let_in(village, doctor, start=-30 * DAY), let_in(village, doctor, start=-3 * DAY)
    newborn(village, Consents(medecins_traitants=(id_of(village, doctor),)))  # without a date
    since = {"startDate": written(now() - 10 * DAY), "dateType": "LASTAUTORIZATION"}
    assert found(village, doctor, since) == {new.ins}
    assert found(village, doctor, since | {"startDate": written(now() - 31 * DAY)}) == {old.ins, new.ins}


def test_the_list_is_limited_to_documents_since_a_date(village: Village, doctor: str) -> None:
    patient, empty = let_in(village, doctor), let_in(village, doctor)
    since = {"startDate": written(now()), "dateType": "LASTDOC"}
    assert found(village, doctor, since) == set()
    plant(village, patient.ins, [Planted("11502-2")])
    assert found(village, doctor, {**since, "startDate": "20200101000000"}) == {patient.ins}
    assert found(village, doctor, {**since, "startDate": written(now() + DAY)}) == set()
    dates = {each["patientIdentifier"].split()[0]: each.get("lastAddDate") for each in listed(village, doctor)}
    assert dates == {patient.ins: "20260301120030", empty.ins: None}  # when the samples are received


HIDDEN = {
    "a type that the profession does not read": Planted("34112-3"),
    "masked": Planted("11502-2", marks=(MASQUE_PS,)),
    "masked and not announced": Planted("11502-2", marks=(MASQUE_PS, INVISIBLE_PATIENT)),
}


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=list(HIDDEN))
def test_what_somebody_may_not_see_leaves_no_trace_in_a_date(village: Village, hidden: Planted) -> None:
    number = next(_numbers)
    who = f"podologue-{number}"
    move_in(village, who, number, "80", structure_id=CABINET_DES_LILAS)
    patient = let_in(village, who)
    plant(village, patient.ins, [hidden])
    since = {"startDate": "20200101000000", "dateType": "LASTDOC"}
    assert found(village, who, since) == set()
    (told,) = listed(village, who)
    assert "lastAddDate" not in told and "lastUpdateDate" not in told
    own = Custody(frozenset({id_of(village, who)}))
    plant(village, patient.ins, [Planted("11502-2", marks=(MASQUE_PS,), custody=own)])
    seen = found(village, who, since)
    assert seen == {patient.ins}, "what they wrote themselves they see"


# --- A holder of a CPE, a structure -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def practice(village: Village) -> tuple[str, str, str]:
    """Two doctors and a secretary of one structure that nobody else is of."""
    structure, names = "399000000900016", []
    for role, specialty in (("10", "SM26"), ("60", ""), ("SECRETARIAT_MEDICAL", "")):
        number = next(_numbers)
        names.append(f"cabinet-{number}")
        move_in(village, names[-1], number, role, specialty, structure_id=structure)
    return names[0], names[1], names[2]


def test_a_secretary_is_told_the_dossiers_of_the_structure_and_of_its_professionals(
    village: Village, practice: tuple[str, str, str]
) -> None:
    """Note (2)."""
    doctor, nurse, secretary = practice
    structure = village.demo.person(doctor).structure_id
    of_doctor, of_nurse = let_in(village, doctor), let_in(village, nurse)
    of_structure = newborn(village, Consents(authorised_structures=(structure,)))
    treated = newborn(village, Consents(medecins_traitants=(id_of(village, doctor),)))
    let_in(village, "medecin")
    said = Consents(authorised_persons=(id_of(village, doctor),), blocked=(structure,))
    newborn(village, said)
    newborn(village, Consents(authorised_persons=(id_of(village, doctor),), blocked=(id_of(village, secretary),)))
    everything = {of_doctor.ins, of_nurse.ins, of_structure.ins, treated.ins}
    assert found(village, secretary) == everything
    (treating,) = (each for each in listed(village, secretary) if each["MT"] == "true")
    assert treating["patientIdentifier"].split()[0] == treated.ins
    assert found(village, secretary, {"psOwnerId": id_of(village, nurse)}) == {of_nurse.ins}
    assert found(village, secretary, {"psOwnerId": id_of(village, doctor)}) == {of_doctor.ins, treated.ins}
    plant(village, of_doctor.ins, [Planted("11502-2")])
    assert all("lastAddDate" not in each for each in listed(village, secretary)), "who reads no metadata learns no date"
    foreign = told_of(village, secretary, {"psOwnerId": id_of(village, "medecin")})
    assert (foreign.status, foreign.context, foreign.data) == (DENIED, "PS et Structure non liés", ())


def test_nobody_else_asks_for_another_professional(village: Village, doctor: str) -> None:
    own = let_in(village, doctor)
    assert found(village, doctor, {"psOwnerId": id_of(village, doctor)}) == {own.ins}
    told = told_of(village, doctor, {"psOwnerId": id_of(village, "medecin")})
    assert (told.status, told.data) == (DENIED, ())


@pytest.mark.parametrize("who", ["hopital", "staff of the clinic"])
def test_a_structure_is_told_its_new_dossiers_only(village: Village, who: str) -> None:
    """Note (3): a certificate, or staff in AIR that have no health profession."""
    structure, mode = (HOPITAL, "INDIRECTE") if who == "hopital" else (CLINIQUE, "INDIRECTE_RENFORCEE")
    if who != "hopital":
        number = next(_numbers)
        who = f"accueil-{number}"
        move_in(village, who, number, "SECRETARIAT_MEDICAL", structure_id=structure, modes=("INDIRECTE_RENFORCEE",))
    begun = now() - timedelta(minutes=5)
    patient = newborn(village)
    authorise(village, patient, structure, start=-DAY / 1000, end=YEAR, kind=STRUCTURE)
    old = newborn(village)
    authorise(village, old, structure, start=-DAY, end=YEAR, kind=STRUCTURE)
    let_in(village, "medecin-hospitalier")
    since = {"startDate": written(begun), "dateType": "LASTAUTORIZATION"}
    seen = found(village, who, since, mode=mode)
    assert patient.ins in seen and old.ins not in seen
    for asked in ({}, {**since, "dateType": "LASTDOC"}, since | {"psOwnerId": id_of(village, "medecin-hospitalier")}):
        told = told_of(village, who, asked, mode=mode)
        assert (told.status, told.data) == (DENIED, ())


def test_a_certificate_lists_nothing_for_an_emergency(village: Village) -> None:
    since = {"startDate": "20200101000000", "dateType": "LASTAUTORIZATION"}
    assert told_of(village, "hopital", since, mode="INDIRECTE", access=Access("centre_15")).status == DENIED


# --- What cannot be read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"startDate": "20200101000000"}, "expected startDate and dateType, or neither, got one of them"),
        ({"dateType": "LASTDOC"}, "expected startDate and dateType, or neither, got one of them"),
        ({"startDate": "2020", "dateType": "LASTDOC"}, "expected startDate as YYYYMMDDhhmmss, got another form"),
        ({"startDate": "20200230000000", "dateType": "LASTDOC"}, "or no such time"),
        (
            {"startDate": "20200101000000", "dateType": "LAST"},
            "expected dateType LASTAUTORIZATION or LASTDOC, got",
        ),
        ({"nationalId": "1"}, "expected startDate, dateType, psOwnerId in what is left of patientList, got nationalId"),
    ],
)
def test_what_cannot_be_read_is_a_fault(village: Village, texts: Mapping[str, str], said: str) -> None:
    with pytest.raises(LpsError) as fault:
        told_of(village, "medecin", texts)
    assert fault.value.code == "Sender" and said in fault.value.context
