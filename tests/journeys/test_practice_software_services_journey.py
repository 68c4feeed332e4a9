"""The practice software, which reads the DMP's messages by itself, at /ihe/habilitations: two readings of one text."""

from __future__ import annotations

import itertools

import pytest
from services import DAY, YEAR, authorise, dossier_of, id_of, lps_of, newborn

from conformance.lps.services import EMAIL, INTERDITE, LAST_AUTHORISATION, SMS
from conformance.lps.soap import LpsError
from dmp.gestion import Consents
from identities.account import PATIENT
from server.demo.people import CABINET_DU_PARC
from server.house import now
from tests.newcomers import move_in
from tests.village import Village

_numbers = itertools.count(7500)


@pytest.fixture
def doctor(village: Village) -> str:
    number = next(_numbers)
    move_in(village, f"medecin-{number}", number, "10", "SM26")
    return f"medecin-{number}"


def test_a_doctor_declares_himself_and_lists_what_is_open_to_him(village: Village, doctor: str) -> None:
    lps, patient = lps_of(village, doctor), newborn(village, family="AUBIN")
    with pytest.raises(LpsError, match="DMPAccessDeniedByRightsService"):
        lps.professionals(patient)
    assert lps.authorised() == []
    assert lps.authorise(patient, medecin_traitant=True) == ""
    assert lps.authorise(patient) == "Autorisation déjà présente aucune action effectuée"
    (dmp,) = lps.authorised()
    assert dmp.identifiers[-1] == patient
    assert (dmp.family, dmp.given, dmp.birth_date) == ("AUBIN", "ANNE", "19800101")
    assert dmp.medecin_traitant and not dmp.message
    assert dmp.last_access and not (dmp.last_add or dmp.last_update)
    (own,) = lps.professionals(patient)
    assert (own.id_nat, own.structure, own.mode) == (id_of(village, doctor), False, "ACTIVE")
    assert (own.specialties, own.specific_rights) == (("G15_10/SM26",), ("MEDECIN_TRAITANT",))
    assert own.since and own.last_action
    assert lps.authorise(patient, remove=True, medecin_traitant=True) == ""
    assert lps.authorise(patient, remove=True) == ""
    assert lps.authorised() == []


def test_limits_of_the_lists_are_understood(village: Village, doctor: str) -> None:
    lps = lps_of(village, doctor)
    old, new = newborn(village), newborn(village, Consents(blocked=(CABINET_DU_PARC, id_of(village, "dentiste"))))
    for patient, age in ((old, 30), (new, 1)):
        authorise(village, patient, id_of(village, doctor), start=-age * DAY, end=YEAR)
    assert [each.identifiers[-1] for each in lps.authorised()] == [old], "his practice is blocked in the other one"
    since = f"{now() - 10 * DAY:%Y%m%d%H%M%S}"
    assert lps.authorised(since=since, by=LAST_AUTHORISATION) == []
    assert lps.professionals(old, which=INTERDITE) == []


def test_a_secretary_authorises_and_asks_for_a_professional(village: Village) -> None:
    secretary, patient = lps_of(village, "secretaire"), newborn(village)
    assert secretary.authorise(patient) == ""
    assert patient in [each.identifiers[-1] for each in secretary.authorised()]
    owner = id_of(village, "dentiste")
    assert patient not in [each.identifiers[-1] for each in secretary.authorised(owner=owner)]


def test_an_account_is_made_reached_and_renewed(village: Village, doctor: str) -> None:
    lps, patient = lps_of(village, doctor), newborn(village)
    made = lps.create_account(patient, SMS, "0612345678")
    assert made.login and made.password
    assert lps.update_otp(patient, EMAIL, "ada@example.org") == "OTP mis à jour"
    with pytest.raises(LpsError, match="DMPPatientAccessOTPAlreadyExists"):
        lps.update_otp(patient, EMAIL, "ada@example.net")
    renewed = lps.renew_account(patient)
    assert renewed.login == made.login and renewed.password != made.password
    with pytest.raises(LpsError, match="DMPPatientAccessAlreadyExists"):
        lps.create_account(patient, SMS, "0612345678")
    key = dossier_of(village, patient).key
    with village.house() as house, house.rooms() as rooms:
        assert rooms.accounts.of(key, PATIENT) is not None
