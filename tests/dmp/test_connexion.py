"""Connecting, step by step, over a real database with a clock that the test moves."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from audit.event import Outcome
from dmp.compte import Access, create_access, renew_access, update_channel
from dmp.connexion import CODE_REFUSED, REFUSED
from dmp.errors import AuthenticationRefused
from identities.account import CODE_LIFE, LOCK, Channel, ChannelChange, PasswordError
from identities.passwords import PasswordsBusyError
from identities.session import IDLE, LONGEST
from tests.dmp.accounts import ANNE, CALL, DOCTOR, LEA, MAIL, MOBILE, MOTHER, Desk, desk, key_of

SMS, EMAIL = Channel.SMS, Channel.EMAIL
SECOND = timedelta(seconds=1)
OWN = "un long chemin de campagne"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


@pytest.fixture
def access(house: Desk) -> Access:
    return create_access(house.gate, DOCTOR, CALL, SMS, MOBILE)


def refused(house: Desk, login: str, password: str) -> AuthenticationRefused:
    with pytest.raises(AuthenticationRefused) as raised:
        house.connexion.begin(CALL, login, password, SMS)
    return raised.value


def wrong_code(house: Desk) -> str:
    return f"{(int(house.post.code) + 1) % 10**8:08d}"


def test_a_code_of_eight_digits_arrives_and_opens_once(house: Desk, access: Access) -> None:
    connexion = house.connexion
    sent = connexion.begin(CALL, access.login.upper(), access.password, SMS)
    assert (sent.channel, sent.hint) == (SMS, "•••• 06")
    connected = connexion.confirm(CALL, sent.challenge, house.post.code)
    assert (connected.login, connected.provisional, connected.requester.patient) == (access.login, True, ANNE)
    with pytest.raises(AuthenticationRefused, match="code"):
        connexion.confirm(CALL, sent.challenge, house.post.code)


def test_unknown_wrong_and_locked_read_as_one(house: Desk, access: Access) -> None:
    assert refused(house, "personne", access.password).sentence == REFUSED
    rules = [refused(house, access.login, "faux").rule for _ in range(3)]
    locked = refused(house, access.login, access.password)
    assert (locked.sentence, locked.rule) == (REFUSED, "verrouillage")
    assert rules == ["mot_de_passe"] * 3
    assert house.post.told == []


def test_the_lock_lasts_a_quarter_of_an_hour(house: Desk, access: Access) -> None:
    for _ in range(3):
        refused(house, access.login, "faux")
    house.now += LOCK - SECOND
    assert refused(house, access.login, access.password).rule == "verrouillage"
    house.now += SECOND
    house.log_in(access.login, access.password)


def test_failures_of_password_and_code_add_up_whatever_is_sent_again(house: Desk, access: Access) -> None:
    connexion = house.connexion
    refused(house, access.login, "faux")
    for _ in range(2):
        sent = connexion.begin(CALL, access.login, access.password, SMS)
        with pytest.raises(AuthenticationRefused):
            connexion.confirm(CALL, sent.challenge, wrong_code(house))
    with pytest.raises(AuthenticationRefused):
        connexion.confirm(CALL, sent.challenge, house.post.code)
    assert refused(house, access.login, access.password).rule == "verrouillage"


def test_a_right_code_counts_failures_from_nothing_again(house: Desk, access: Access) -> None:
    for _ in range(3):
        refused(house, access.login, "faux")
        refused(house, access.login, "faux")
        house.log_in(access.login, access.password)


@pytest.mark.parametrize("why", ["late", "replaced", "another's", "unknown"])
def test_a_code_that_opens_nothing(house: Desk, access: Access, why: str) -> None:
    connexion = house.connexion
    sent = connexion.begin(CALL, access.login, access.password, SMS)
    code, challenge = house.post.code, sent.challenge
    if why == "late":
        house.now += CODE_LIFE
    elif why == "replaced":
        connexion.begin(CALL, access.login, access.password, SMS)
    elif why == "another's":
        other = create_access(house.gate, replace(DOCTOR, patient=LEA), CALL, SMS, MOBILE)
        challenge = connexion.begin(CALL, other.login, other.password, SMS).challenge
    else:
        challenge = "inconnu"
    with pytest.raises(AuthenticationRefused) as raised:
        connexion.confirm(CALL, challenge, code)
    assert raised.value.sentence == CODE_REFUSED


def test_the_other_channel_serves_where_the_chosen_one_leads_nowhere(house: Desk, access: Access) -> None:
    assert house.connexion.begin(CALL, access.login, access.password, EMAIL).channel is SMS
    update_channel(house.gate, DOCTOR, CALL, ChannelChange.AJOUT, EMAIL, MAIL)
    house.post.texts = False
    assert house.connexion.begin(CALL, access.login, access.password, SMS).channel is EMAIL
    house.post.mails = False
    assert refused(house, access.login, access.password).rule == "canal"


def test_a_representative_who_is_dismissed_between_two_steps_does_not_enter(house: Desk) -> None:
    access = create_access(house.gate, replace(DOCTOR, patient=LEA), CALL, SMS, MOBILE)
    sent = house.connexion.begin(CALL, access.login, access.password, SMS)
    with house.rooms() as rooms:
        rooms.identities.end_representation(key_of(rooms, LEA), MOTHER.id, instant=house.now)
    with pytest.raises(AuthenticationRefused, match="representation_terminee"):
        house.connexion.confirm(CALL, sent.challenge, house.post.code)


# --- Passwords --------------------------------------------------------------------------------------------------------


def test_the_first_password_is_changed_and_serves_no_more(house: Desk, access: Access) -> None:
    house.connexion.change_password(CALL, house.enter(access), access.password, OWN)
    assert refused(house, access.login, access.password).rule == "mot_de_passe"
    sent = house.connexion.begin(CALL, access.login, OWN, SMS)
    assert not house.connexion.confirm(CALL, sent.challenge, house.post.code).provisional


def test_a_password_is_changed_by_who_knows_the_former_one(house: Desk, access: Access) -> None:
    connected = house.enter(access)
    for _ in range(3):
        with pytest.raises(AuthenticationRefused):
            house.connexion.change_password(CALL, connected, "ancien mot de passe", OWN)
    assert refused(house, access.login, access.password).rule == "verrouillage"


def test_a_password_that_the_policy_does_not_take_changes_nothing(house: Desk, access: Access) -> None:
    with pytest.raises(PasswordError):
        house.connexion.change_password(CALL, house.enter(access), access.password, "court")
    house.log_in(access.login, access.password)


# --- Sessions ---------------------------------------------------------------------------------------------------------


def test_a_session_stands_for_its_holder_until_they_rest_or_leave(house: Desk, access: Access) -> None:
    connected = house.enter(access)
    for _ in range(6):
        house.now += IDLE - SECOND
        assert house.connexion.resume(CALL, connected.token) == connected
    house.connexion.leave(CALL, connected)
    assert house.connexion.resume(CALL, connected.token) is None
    resting = house.enter(access)
    house.now += IDLE
    assert house.connexion.resume(CALL, resting.token) is None
    assert house.connexion.resume(CALL, "inconnu") is None


def test_no_session_lasts_for_ever(house: Desk, access: Access) -> None:
    connected, begun = house.enter(access), house.now
    while house.now - begun < LONGEST - IDLE:
        house.now += IDLE - SECOND
        assert house.connexion.resume(CALL, connected.token)
    house.now = begun + LONGEST
    assert house.connexion.resume(CALL, connected.token) is None


def test_a_new_password_ends_the_other_sessions(house: Desk, access: Access) -> None:
    elsewhere, here = house.enter(access), house.enter(access)
    again = house.connexion.change_password(CALL, here, access.password, OWN)
    assert house.connexion.resume(CALL, elsewhere.token) is house.connexion.resume(CALL, here.token) is None
    assert house.connexion.resume(CALL, again.token) == again and not again.provisional
    renew_access(house.gate, DOCTOR, CALL)
    assert house.connexion.resume(CALL, again.token) is None


def test_a_session_says_nothing_that_is_kept(house: Desk, access: Access) -> None:
    connected = house.enter(access)
    with house.rooms() as rooms:
        assert rooms.accounts.session(connected.token) is None


def test_a_representative_who_is_dismissed_is_out_at_once(house: Desk) -> None:
    access = create_access(house.gate, replace(DOCTOR, patient=LEA), CALL, SMS, MOBILE)
    connected = house.enter(access)
    with house.rooms() as rooms:
        rooms.identities.end_representation(key_of(rooms, LEA), MOTHER.id, instant=house.now)
    assert house.connexion.resume(CALL, connected.token) is None


# --- What is recorded -------------------------------------------------------------------------------------------------


def test_every_step_leaves_one_event_and_no_secret(house: Desk, access: Access) -> None:
    before = len(house.records())
    refused(house, "personne", "secret-tape")
    refused(house, access.login, "secret-tape")
    sent = house.connexion.begin(CALL, access.login, access.password, SMS)
    with suppress(AuthenticationRefused):
        house.connexion.confirm(CALL, sent.challenge, wrong_code(house))
    connected = house.connexion.confirm(CALL, sent.challenge, house.post.code)
    again = house.connexion.change_password(CALL, connected, access.password, OWN)
    house.connexion.leave(CALL, again)
    events = house.records()[: len(house.records()) - before][::-1]
    assert [(each.action, each.outcome, each.rule) for each in events] == [
        ("connexion/mot-de-passe", Outcome.MINOR_FAILURE, "identifiant"),
        ("connexion/mot-de-passe", Outcome.MINOR_FAILURE, "mot_de_passe"),
        ("connexion/mot-de-passe", Outcome.SUCCESS, ""),
        ("connexion/code", Outcome.MINOR_FAILURE, "code"),
        ("connexion/code", Outcome.SUCCESS, ""),
        ("mot-de-passe", Outcome.SUCCESS, ""),
        ("deconnexion", Outcome.SUCCESS, ""),
    ]
    assert [each.requester_id for each in events] == ["", *[ANNE.value] * 6]
    for event in events:
        said = event.message.decode()
        secrets = (access.password, OWN, house.post.code, sent.challenge, connected.token, again.token)
        for secret in ("secret-tape", MOBILE[1:], *secrets):
            assert secret not in said and base64.b64encode(secret.encode()).decode() not in said


@pytest.mark.parametrize(
    ("transaction", "event_id", "type_code"),
    [("connexion", "110114", "110122"), ("deconnexion", "110114", "110123"), ("secrets", "110113", "110137")],
)
def test_events_are_those_of_dicom(
    house: Desk, access: Access, transaction: str, event_id: str, type_code: str
) -> None:
    connected = house.connexion.change_password(CALL, house.enter(access), access.password, OWN)
    house.connexion.leave(CALL, connected)
    event = next(each for each in house.records() if each.transaction == transaction)
    said = event.message.decode()
    assert f'<EventID csd-code="{event_id}"' in said
    assert f'<EventTypeCode csd-code="{type_code}"' in said


def test_the_failure_that_locks_is_serious_and_still_a_login(house: Desk, access: Access) -> None:
    for _ in range(3):
        refused(house, access.login, "faux")
    event = house.records(1)[0]
    assert event.outcome is Outcome.SERIOUS_FAILURE
    assert '<EventID csd-code="110114"' in event.message.decode()


# --- At once ----------------------------------------------------------------------------------------------------------


def test_guesses_that_come_at_once_are_counted_one_after_the_other(house: Desk, access: Access) -> None:
    """Twelve threads guess: no more than three are judged before the lock."""
    rules: list[str] = []

    def guess() -> None:
        with suppress(AuthenticationRefused):
            while True:
                try:
                    house.connexion.begin(CALL, access.login, "faux", SMS)
                except PasswordsBusyError:
                    continue
                except AuthenticationRefused as no:
                    rules.append(no.rule)
                    raise

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(rules) == ["mot_de_passe"] * 3 + ["verrouillage"] * 9
