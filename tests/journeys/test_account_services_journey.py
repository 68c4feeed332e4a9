"""TD1.5 through the door: a patient's internet account made, reached and renewed by a professional.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD1.5a, TD1.5b and TD1.5d; PDT-INF-526 v1.8, note (10).
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from services import PATIENTS, Told, ask, dossier_of, lps_of, newborn

from audit.event import Outcome
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError
from conformance.lps.vihf import Access
from identities.passwords import verify_password
from identities.requester import PatientId
from schemas.xml import local_name
from tests.village import Village

SMS = {"type": "SMS", "canal": "0612345678"}
MAIL = {"type": "EMAIL", "canal": "ada@example.org"}
DENIED = "DMPAccessDeniedByRightsService"


def told_of(
    village: Village,
    operation: str,
    patient: Patient | None,
    texts: Mapping[str, str] | None = None,
    *,
    who: str = "medecin",
    access: Access | None = None,
) -> Told:
    return ask(lps_of(village, who), patient, PATIENTS, operation, texts, access=access)


def given(told: Told) -> tuple[str, str]:
    """Login and password of an answer that must be a success."""
    assert (told.status, told.context) == ("DMPOk", "")
    names = [local_name(each.tag) for each in told.data]
    assert names == ["login", "password"]
    login, password = (str(each.text) for each in told.data)
    return login, password


def created(village: Village, patient: Patient) -> tuple[str, str]:
    return given(told_of(village, "createPatientAccess", patient, SMS))


def channels(village: Village, patient: Patient) -> tuple[str, str]:
    key = dossier_of(village, patient).key
    with village.house() as house, house.rooms() as rooms:
        account = rooms.accounts.of(key, "")
    assert account is not None
    return account.sms, account.email


def opens(village: Village, login: str, password: str) -> bool:
    """Whether that password is the account's."""
    with village.house() as house, house.rooms() as rooms:
        hashed = rooms.accounts.password(login)
    return hashed is not None and verify_password(hashed, password)


@pytest.mark.proves("transaction/TD1.5a")
def test_an_account_is_made_once(village: Village) -> None:
    patient = newborn(village)
    login, password = created(village, patient)
    assert opens(village, login, password)
    assert channels(village, patient) == ("+33612345678", "")
    told = told_of(village, "createPatientAccess", patient, MAIL)
    assert (told.status, told.data) == ("DMPPatientAccessAlreadyExists", ())
    assert channels(village, patient) == ("+33612345678", "")


@pytest.mark.proves("transaction/TD1.5b")
def test_channels_are_added_changed_and_removed(village: Village) -> None:
    patient = newborn(village)
    created(village, patient)
    done = ("DMPOk", "OTP mis à jour", ())
    for texts, expected in (
        (MAIL | {"action": "AJOUT"}, ("+33612345678", "ada@example.org")),
        ({"type": "EMAIL", "canal": "ada@example.net", "action": "MODIFICATION"}, ("+33612345678", "ada@example.net")),
        ({"type": "SMS", "action": "SUPPRESSION"}, ("", "ada@example.net")),
    ):
        told = told_of(village, "patientOTPUpdate", patient, texts)
        assert (told.status, told.context, told.data) == done
        assert channels(village, patient) == expected
    told = told_of(village, "patientOTPUpdate", patient, MAIL | {"action": "AJOUT"})
    assert (told.status, told.data) == ("DMPPatientAccessOTPAlreadyExists", ())
    told = told_of(village, "patientOTPUpdate", patient, MAIL | {"action": "SUPPRESSION"})
    assert told.status == "DMPPatientAccessOTPRequired"


@pytest.mark.proves("transaction/TD1.5d")
def test_a_renewed_access_keeps_its_login(village: Village) -> None:
    patient = newborn(village)
    assert told_of(village, "updatePatientAccess", patient).status == "DMPPatientAccessNotFound"
    login, first = created(village, patient)
    again, second = given(told_of(village, "updatePatientAccess", patient))
    assert again == login and second != first
    assert opens(village, login, second) and not opens(village, login, first)


def test_each_is_a_change_of_a_user_s_security_and_no_password_is_recorded(village: Village) -> None:
    patient = newborn(village)
    secrets = [created(village, patient)[1]]
    told_of(village, "patientOTPUpdate", patient, MAIL | {"action": "AJOUT"})
    secrets.append(given(told_of(village, "updatePatientAccess", patient))[1])
    renewed, changed, made = village.audit(3)
    assert [each.action for each in (made, changed, renewed)] == ["TD1.5a", "TD1.5b", "TD1.5d"]
    for record in (made, changed, renewed):
        assert (record.transaction, record.outcome) == (record.action, Outcome.SUCCESS)
        assert b'csd-code="110113"' in record.message and b'csd-code="110137"' in record.message
        for said in (*secrets, MAIL["canal"], "612345678"):
            assert said not in record.message.decode() and said not in repr(record)
    logs = "".join(path.read_text("utf-8", "replace") for path in village.folder.rglob("*.log"))
    assert not any(secret in logs for secret in secrets)


def test_what_a_patient_manages_in_mon_espace_sante_is_not_for_professionals(village: Village) -> None:
    """Note (10)."""
    patient = newborn(village)
    with village.house() as house, house.rooms() as rooms:
        dossier = rooms.identities.dossier(PatientId(patient.ins, patient.ins_oid))
        assert dossier is not None
        rooms.identities.set_situation(dossier.key, attached_to_mes=True)
    for operation, texts in (
        ("createPatientAccess", SMS),
        ("patientOTPUpdate", SMS | {"action": "AJOUT"}),
        ("updatePatientAccess", {}),
    ):
        told = told_of(village, operation, patient, texts)
        assert (told.status, told.data) == (DENIED, ()) and "Mon espace santé" in told.context


@pytest.mark.parametrize("who", ["medecin-du-travail", "medecin-clinique"])
def test_who_manages_no_dossier_gives_no_access(village: Village, who: str) -> None:
    """An occupational physician, and AIR."""
    patient = newborn(village)
    assert told_of(village, "createPatientAccess", patient, SMS, who=who).status == DENIED
    assert told_of(village, "createPatientAccess", patient, SMS, access=Access("centre_15")).status == DENIED
    key = dossier_of(village, patient).key
    with village.house() as house, house.rooms() as rooms:
        assert rooms.accounts.of(key, "") is None


@pytest.mark.parametrize(
    ("operation", "texts", "said"),
    [
        ("createPatientAccess", {"type": "SMS"}, "expected an element canal, got none, or an empty one"),
        ("createPatientAccess", {"canal": "0612345678"}, "expected type SMS or EMAIL, got none"),
        ("createPatientAccess", {"type": "FAX", "canal": "1"}, "expected type SMS or EMAIL, got FAX"),
        ("patientOTPUpdate", SMS, "expected action AJOUT or MODIFICATION or SUPPRESSION, got none"),
        ("patientOTPUpdate", SMS | {"action": "RETRAIT"}, "SUPPRESSION, got RETRAIT"),
        ("updatePatientAccess", {"login": "x"}, "expected nothing in what is left of updatePatientAccess, got login"),
    ],
)
def test_what_cannot_be_read_is_a_fault(village: Village, operation: str, texts: Mapping[str, str], said: str) -> None:
    with pytest.raises(LpsError) as fault:
        told_of(village, operation, newborn(village), texts)
    assert fault.value.code == "Sender" and said in fault.value.context


def test_an_address_that_is_none_is_described_and_not_quoted(village: Village) -> None:
    told = told_of(village, "createPatientAccess", newborn(village), {"type": "EMAIL", "canal": "ada chez elle"})
    assert (told.status, told.data) == ("DMPPatientAccessOTPInvalid", ())
    assert "ada" not in told.context
