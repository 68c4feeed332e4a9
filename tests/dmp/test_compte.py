"""TD1.5 in the hall: accounts made, reached and renewed, over a real database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.event import Outcome
from dmp.compte import (
    create_access,
    operator_creates,
    operator_invites,
    operator_renews,
    renew_access,
    set_channels,
    update_channel,
)
from dmp.errors import AccessRefused, AuthenticationRefused, GestionError
from dmp.gestion import close_dossier
from identities.account import CREATION_LIFE, PATIENT, Channel, ChannelChange
from identities.requester import Authentication, PatientId
from registry.errors import ErrorCode, RegistryError
from schemas import oids
from tests.dmp.accounts import ANNE, CALL, DOCTOR, LEA, MAIL, MOBILE, MOTHER, NOE, Desk, desk, key_of

SMS, EMAIL = Channel.SMS, Channel.EMAIL
AJOUT, MODIFICATION, SUPPRESSION = ChannelChange


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def code_of(raised: pytest.ExceptionInfo[RegistryError]) -> ErrorCode:
    (found,) = raised.value.findings
    return found.code


# --- TD1.5a -----------------------------------------------------------------------------------------------------------


def test_a_professional_makes_the_patient_s_account_and_it_opens_the_dmp(house: Desk) -> None:
    access = create_access(house.gate, DOCTOR, CALL, SMS, MOBILE)
    with house.rooms() as rooms:
        assert rooms.accounts.of(key_of(rooms, ANNE), PATIENT) is not None
        assert rooms.accounts.of(key_of(rooms, LEA), MOTHER.id) is None
    patient = house.log_in(access.login, access.password)
    assert (patient.authentication, patient.id_nat, patient.patient) == (Authentication.PATIENT, ANNE.value, ANNE)
    assert house.post.told[-1][0] == "+33606060606"
    made = next(each for each in house.records() if each.action == "TD1.5a")
    assert (made.outcome, made.requester_id) == (Outcome.SUCCESS, DOCTOR.id_nat)


@pytest.mark.proves("error/DMPPatientAccessAlreadyExists")
def test_a_dossier_has_one_account_of_its_holder(house: Desk) -> None:
    create_access(house.gate, DOCTOR, CALL, SMS, MOBILE)
    with pytest.raises(RegistryError) as raised:
        create_access(house.gate, DOCTOR, CALL, EMAIL, MAIL)
    assert code_of(raised) is ErrorCode.DMPPatientAccessAlreadyExists
    assert house.records(1)[0].outcome is Outcome.MINOR_FAILURE


@pytest.mark.proves("error/DMPPatientAccessOTPInvalid")
def test_an_account_that_no_code_can_reach_is_not_made(house: Desk) -> None:
    with pytest.raises(RegistryError) as raised:
        create_access(house.gate, DOCTOR, CALL, SMS, MAIL)
    assert code_of(raised) is ErrorCode.DMPPatientAccessOTPInvalid
    assert MAIL not in str(raised.value)
    with house.rooms() as rooms:
        assert rooms.accounts.of(key_of(rooms, ANNE), PATIENT) is None


def test_a_minor_s_account_is_the_first_representative_s(house: Desk) -> None:
    access = create_access(house.gate, replace(DOCTOR, patient=LEA), CALL, SMS, MOBILE)
    mother = house.log_in(access.login, access.password)
    assert (mother.authentication, mother.id_nat, mother.patient) == (Authentication.REPRESENTANT, "mere", LEA)


@pytest.mark.proves("error/DMPPatientAccessNotPossible")
def test_a_minor_without_representative_has_no_account(house: Desk) -> None:
    with pytest.raises(RegistryError) as raised:
        create_access(house.gate, replace(DOCTOR, patient=NOE), CALL, SMS, MOBILE)
    assert code_of(raised) is ErrorCode.DMPPatientAccessNotPossible


def test_from_majority_on_the_account_is_the_patient_s_own(house: Desk) -> None:
    child = replace(DOCTOR, patient=LEA)
    access = create_access(house.gate, child, CALL, SMS, MOBILE)
    house.now = datetime(2033, 6, 2, tzinfo=UTC)
    with pytest.raises(AuthenticationRefused, match="representation_terminee"):
        house.connexion.begin(CALL, access.login, access.password, SMS)
    own = create_access(house.gate, child, CALL, SMS, "0707070707")
    assert house.log_in(own.login, own.password).authentication is Authentication.PATIENT


@pytest.mark.parametrize("state", ["closed", "attached", "unknown"])
def test_the_gate_decides(house: Desk, state: str) -> None:
    asked = DOCTOR
    if state == "closed":
        close_dossier(house.gate, "test", ANNE, "demande du patient")
    elif state == "attached":
        with house.rooms() as rooms:
            rooms.identities.set_situation(key_of(rooms, ANNE), attached_to_mes=True)
    else:
        asked = replace(DOCTOR, patient=PatientId("255069935101042", oids.INS_NIR_TEST))
    for act in (
        lambda: create_access(house.gate, asked, CALL, SMS, MOBILE),
        lambda: update_channel(house.gate, asked, CALL, AJOUT, EMAIL, MAIL),
        lambda: renew_access(house.gate, asked, CALL),
    ):
        with pytest.raises(AccessRefused):
            act()
    assert [each.action for each in house.records(3)] == ["TD1.5d", "TD1.5b", "TD1.5a"]


# --- TD1.5b -----------------------------------------------------------------------------------------------------------


def test_channels_are_added_changed_and_removed(house: Desk) -> None:
    access = create_access(house.gate, DOCTOR, CALL, SMS, MOBILE)
    update_channel(house.gate, DOCTOR, CALL, AJOUT, EMAIL, MAIL)
    house.log_in(access.login, access.password, EMAIL)
    assert house.post.told[-1][0] == MAIL
    update_channel(house.gate, DOCTOR, CALL, MODIFICATION, SMS, "0707070707")
    house.log_in(access.login, access.password, SMS)
    assert house.post.told[-1][0] == "+33707070707"
    update_channel(house.gate, DOCTOR, CALL, SUPPRESSION, SMS, "")
    house.log_in(access.login, access.password, SMS)
    assert house.post.told[-1][0] == MAIL


def test_the_holder_says_where_codes_go_in_one_passage(house: Desk) -> None:
    access = create_access(house.gate, DOCTOR, CALL, SMS, MOBILE)
    patient = house.log_in(access.login, access.password)
    set_channels(house.gate, patient, CALL, {SMS: "0707070707", EMAIL: MAIL})
    assert house.records(1)[0].action == "TD1.5b"
    house.log_in(access.login, access.password, EMAIL)
    assert house.post.told[-1][0] == MAIL
    with pytest.raises(RegistryError) as raised:
        set_channels(house.gate, patient, CALL, {SMS: "0606060606", EMAIL: "nulle part"})
    assert code_of(raised) is ErrorCode.DMPPatientAccessOTPInvalid
    assert house.enter(access).hints[SMS].endswith("07")


def test_whoever_was_reached_before_is_told_of_a_change(house: Desk) -> None:
    create_access(house.gate, DOCTOR, CALL, SMS, MOBILE)
    update_channel(house.gate, DOCTOR, CALL, MODIFICATION, SMS, "0707070707")
    renew_access(house.gate, DOCTOR, CALL)
    assert [(number, "prenez contact" in text) for number, text in house.post.told] == [
        ("+33606060606", True),
        ("+33707070707", True),
    ]


@pytest.mark.proves(
    "error/DMPPatientAccessOTPAlreadyExists", "error/DMPPatientAccessOTPNotFound", "error/DMPPatientAccessOTPRequired"
)
@pytest.mark.parametrize(
    ("change", "channel", "expected"),
    [
        (AJOUT, SMS, ErrorCode.DMPPatientAccessOTPAlreadyExists),
        (MODIFICATION, EMAIL, ErrorCode.DMPPatientAccessOTPNotFound),
        (SUPPRESSION, EMAIL, ErrorCode.DMPPatientAccessOTPNotFound),
        (SUPPRESSION, SMS, ErrorCode.DMPPatientAccessOTPRequired),
    ],
)
def test_a_change_that_the_channels_do_not_allow(
    house: Desk, change: ChannelChange, channel: Channel, expected: ErrorCode
) -> None:
    create_access(house.gate, DOCTOR, CALL, SMS, MOBILE)
    with pytest.raises(RegistryError) as raised:
        update_channel(house.gate, DOCTOR, CALL, change, channel, "0707070707")
    assert code_of(raised) is expected


# --- TD1.5d -----------------------------------------------------------------------------------------------------------


def test_a_renewed_access_keeps_its_login_and_forgets_lock_and_password(house: Desk) -> None:
    access = create_access(house.gate, DOCTOR, CALL, SMS, MOBILE)
    for _ in range(3):
        with suppress(AuthenticationRefused):
            house.connexion.begin(CALL, access.login, "faux", SMS)
    renewed = renew_access(house.gate, DOCTOR, CALL)
    assert renewed.login == access.login and renewed.password != access.password
    house.log_in(renewed.login, renewed.password)
    with pytest.raises(AuthenticationRefused):
        house.connexion.begin(CALL, access.login, access.password, SMS)


@pytest.mark.proves("error/DMPPatientAccessNotFound")
def test_what_does_not_exist_is_neither_renewed_nor_reached(house: Desk) -> None:
    with pytest.raises(RegistryError) as raised:
        renew_access(house.gate, DOCTOR, CALL)
    assert code_of(raised) is ErrorCode.DMPPatientAccessNotFound
    with pytest.raises(RegistryError) as raised:
        update_channel(house.gate, DOCTOR, CALL, AJOUT, EMAIL, MAIL)
    assert code_of(raised) is ErrorCode.DMPPatientAccessNotFound


# --- The operator, and creation codes ---------------------------------------------------------------------------------


def test_the_operator_makes_and_renews_an_account(house: Desk) -> None:
    access = operator_creates(house.gate, "root", ANNE, EMAIL, MAIL)
    renewed = operator_renews(house.gate, "root", ANNE)
    assert house.log_in(renewed.login, renewed.password).id_nat == ANNE.value
    with pytest.raises(GestionError, match="existe déjà"):
        operator_creates(house.gate, "root", ANNE, EMAIL, MAIL)
    with pytest.raises(GestionError, match="Aucun DMP"):
        operator_renews(house.gate, "root", PatientId("255069935101042", oids.INS_NIR_TEST))
    acts = [(each.action, each.operator) for each in house.records() if each.operator == "root"]
    assert ("TD1.5a", "root") in acts and ("TD1.5d", "root") in acts
    assert renewed.login == access.login


def test_a_creation_code_makes_one_account(house: Desk) -> None:
    connexion = house.connexion
    code, expires = operator_invites(house.gate, "root", ANNE, connexion.key)
    assert expires == house.now + CREATION_LIFE
    access = connexion.activate(CALL, [ANNE], code.lower(), EMAIL, MAIL)
    assert house.log_in(access.login, access.password).id_nat == ANNE.value
    with pytest.raises(AuthenticationRefused, match="code_de_creation"):
        connexion.activate(CALL, [ANNE], code, EMAIL, MAIL)
    with pytest.raises(GestionError, match="existe déjà"):
        operator_invites(house.gate, "root", ANNE, connexion.key)


@pytest.mark.parametrize("wrong", ["code", "patient", "unknown", "late", "older"])
def test_a_creation_code_opens_nothing_else(house: Desk, wrong: str) -> None:
    connexion = house.connexion
    code, _ = operator_invites(house.gate, "root", ANNE, connexion.key)
    operator_invites(house.gate, "root", LEA, connexion.key)
    patient = {"patient": LEA, "unknown": PatientId("255069935101042", oids.INS_NIR_TEST)}.get(wrong, ANNE)
    if wrong == "late":
        house.now += CREATION_LIFE
    elif wrong == "older":
        operator_invites(house.gate, "root", ANNE, connexion.key)
    elif wrong == "code":
        code = "AAAA BBBB CCCC"
    with pytest.raises(AuthenticationRefused) as refused:
        connexion.activate(CALL, [patient], code, EMAIL, MAIL)
    assert refused.value.rule == "code_de_creation"
    event = house.records(1)[0]
    assert (event.outcome, event.rule) == (Outcome.MINOR_FAILURE, "code_de_creation")
    assert code not in event.message.decode() and MAIL not in event.message.decode()
