"""TD1.6 through the door: whom a patient lets in and shuts out.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD1.6; PDT-INF-526 v1.8, row TD1.6.
"""

from __future__ import annotations

import base64
from datetime import datetime

import pytest
from services import DAY, HABILITATIONS, YEAR, Told, ask, authorise, id_of, lps_of, newborn, wishes

from audit.event import Outcome
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError
from conformance.lps.vihf import Access
from dmp.gestion import Consents
from schemas import oids
from schemas.xml import parse
from server.demo.people import CABINET_DU_PARC, HOPITAL
from tests.village import Village

pytestmark = pytest.mark.proves("transaction/TD1.6")

DENIED = "DMPAccessDeniedByRightsService"
MEDECIN = "medecin"


def listed(
    village: Village, who: str, patient: Patient, mode: str = "", *, access: Access | None = None
) -> dict[str, dict[str, list[str]]]:
    """nationalId -> the texts by name of element."""
    told = told_of(village, who, patient, mode, access=access)
    assert (told.status, told.context) == ("DMPOk", "")
    return {each["nationalId"][0]: each for each in map(texts, told.data)}


def told_of(village: Village, who: str, patient: Patient, mode: str, *, access: Access | None = None) -> Told:
    asked = {"mode": mode} if mode else {}
    return ask(lps_of(village, who), patient, HABILITATIONS, "listAuthorizationByPatient", asked, access=access)


def texts(element: object) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for child in element:  # type: ignore[attr-defined]
        found.setdefault(child.tag.rpartition("}")[2], []).append(child.text)
    return found


def second(instant: datetime) -> str:
    return f"{instant:%Y%m%d%H%M%S}"


@pytest.fixture
def patient(village: Village) -> Patient:
    """Who lets in a médecin (traitant), a nurse and the hospital, shuts out a dentist and a practice."""
    people = {name: id_of(village, name) for name in (MEDECIN, "infirmier", "dentiste")}
    patient = newborn(
        village,
        Consents(
            authorised_persons=(people[MEDECIN], people["infirmier"]),
            authorised_structures=(HOPITAL,),
            medecins_traitants=(people[MEDECIN],),
            blocked=(people["dentiste"], CABINET_DU_PARC),
        ),
    )
    authorise(village, patient, id_of(village, "pharmacien"), start=-400 * DAY, end=-DAY)
    authorise(village, patient, id_of(village, "podologue"), start=DAY, end=YEAR)
    return patient


def test_whoever_is_let_in_or_shut_out_is_told_with_his_name_and_specialty(village: Village, patient: Patient) -> None:
    found = listed(village, MEDECIN, patient)
    assert set(found) == {
        id_of(village, MEDECIN),
        id_of(village, "infirmier"),
        HOPITAL,
        id_of(village, "dentiste"),
        CABINET_DU_PARC,
    }, "what is over, or not begun, lets nobody in"
    started = {each.holder: second(each.start) for each in wishes(village, patient).authorisations}
    own = found[id_of(village, MEDECIN)]
    assert own == {
        "nationalId": [id_of(village, MEDECIN)],
        "nationalIdType": [oids.PS_ID_NAT],
        "firstName": ["Paul"],
        "lastName": ["LEROUX"],
        "codeSpeciality": ["G15_10/SM26"],
        "libSpeciality": ["Médecin - Qualifié en Médecine Générale (SM)"],
        "startOfAuthorization": [started[id_of(village, MEDECIN)]],
        "mode": ["ACTIVE"],
        "specificRight": ["MEDECIN_TRAITANT"],
    }
    nurse = found[id_of(village, "infirmier")]
    assert (nurse["codeSpeciality"], nurse["libSpeciality"]) == (["G15_60"], ["Infirmier"])
    assert "specificRight" not in nurse and "lastActionDate" not in nurse
    assert found[HOPITAL] == {
        "nationalId": [HOPITAL],
        "nationalIdType": [oids.STRUCT_ID_NAT],
        "lastName": ["Hôpital Saint-André"],
        "startOfAuthorization": [started[HOPITAL]],
        "mode": ["ACTIVE"],
    }
    dentist = found[id_of(village, "dentiste")]
    assert (dentist["mode"], dentist["lastName"]) == (["INTERDITE"], ["MEUNIER"])
    assert "startOfAuthorization" not in dentist
    practice = found[CABINET_DU_PARC]  # of which the directory knows nothing
    assert (practice["mode"], practice["nationalIdType"]) == (["INTERDITE"], [oids.STRUCT_ID_NAT])
    assert "lastName" not in practice


@pytest.mark.parametrize(
    ("mode", "modes"),
    [("ACTIVE", {"ACTIVE"}), ("INTERDITE", {"INTERDITE"}), ("TOUTE", {"ACTIVE", "INTERDITE"})],
)
def test_the_list_is_limited_to_a_mode(village: Village, patient: Patient, mode: str, modes: set[str]) -> None:
    everybody = listed(village, MEDECIN, patient)
    found = listed(village, MEDECIN, patient, mode)
    assert {each["mode"][0] for each in found.values()} == modes
    assert set(found) == {who for who, each in everybody.items() if each["mode"][0] in modes}


def test_the_last_action_is_each_one_s_own(village: Village, patient: Patient) -> None:
    nurse, hospital = id_of(village, "infirmier"), HOPITAL
    assert "lastActionDate" not in listed(village, MEDECIN, patient)[nurse]
    lps_of(village, "infirmier").find(patient)
    did = second(village.audit(1)[0].instant)
    found = listed(village, MEDECIN, patient)
    assert found[nurse]["lastActionDate"] == [did]
    assert "lastActionDate" not in found[hospital]
    lps_of(village, "medecin-hospitalier", "DIRECTE").find(patient)
    did = second(village.audit(1)[0].instant)
    assert listed(village, MEDECIN, patient)[hospital]["lastActionDate"] == [did]


def test_a_refused_request_is_no_action(village: Village, patient: Patient) -> None:
    dentist = id_of(village, "dentiste")
    with pytest.raises(LpsError):
        lps_of(village, "dentiste").find(patient)
    assert village.audit(1)[0].outcome is Outcome.MINOR_FAILURE
    assert "lastActionDate" not in listed(village, MEDECIN, patient)[dentist]


def test_a_medecin_traitant_without_another_authorisation_is_active(village: Village) -> None:
    patient = newborn(village, Consents(medecins_traitants=(id_of(village, MEDECIN),)))
    (own,) = listed(village, MEDECIN, patient).values()
    assert (own["mode"], own["specificRight"]) == (["ACTIVE"], ["MEDECIN_TRAITANT"])
    assert "startOfAuthorization" not in own


def test_somebody_whom_the_directory_does_not_know_has_a_number_only(village: Village) -> None:
    patient = newborn(village, Consents(authorised_persons=(id_of(village, MEDECIN), "899700099999")))
    found = listed(village, MEDECIN, patient)["899700099999"]
    assert {name for name in found if name != "startOfAuthorization"} == {"nationalId", "nationalIdType", "mode"}


@pytest.mark.parametrize("mode", ["centre_15", "bris_de_glace"])
def test_no_emergency_learns_who_is_let_in(village: Village, patient: Patient, mode: str) -> None:
    told = told_of(village, MEDECIN, patient, "", access=Access(mode, "patient inconscient"))
    assert (told.status, told.data) == (DENIED, ())


@pytest.mark.parametrize("who", ["podologue", "dentiste", "pharmacien", "secretaire", "hopital"])
def test_who_is_not_let_in_learns_nothing(village: Village, patient: Patient, who: str) -> None:
    told = told_of(village, who, patient, "")
    assert (told.status, told.data) == (DENIED, ())


def test_the_question_is_recorded_as_a_query(village: Village, patient: Patient) -> None:
    listed(village, MEDECIN, patient)
    (record,) = village.audit(1)
    assert (record.transaction, record.action, record.outcome) == ("TD1.6", "TD1.6", Outcome.SUCCESS)
    assert b'csd-code="110112"' in record.message
    (query,) = parse(record.message).iter("ParticipantObjectQuery")
    assert b"listAuthorizationByPatient" in base64.b64decode(str(query.text))


def test_what_cannot_be_read_is_a_fault(village: Village, patient: Patient) -> None:
    with pytest.raises(LpsError, match="expected mode ACTIVE or INTERDITE or TOUTE, got ALL"):
        told_of(village, MEDECIN, patient, "ALL")
