"""Accounts: the rules of time, and whose an account is. What any order of events may do is a property."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identities.account import (
    ALPHABET,
    CODE_LIFE,
    CREATION_LIFE,
    FAILURES,
    LOCK,
    PATIENT,
    Account,
    Challenge,
    Channel,
    CreationCode,
    PasswordError,
    check_password,
    grouped,
    hint,
    holder,
    new_code,
    new_login,
    new_secret,
    opens,
    read_address,
    read_code,
    read_login,
)
from identities.contact import ContactError
from identities.representation import Capacity, Representative

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = b"k" * 32
RIGHT, WRONG = "01234567", "76543210"
ACCOUNT = Account("mtef3603", "d1", PATIENT, "hash", sms="+33612345678")
MOTHER = Representative("r1", "ESSAI", "ANNE", "MTH")
GUARDIAN = Representative("r2", "ESSAI", "PAUL", "RESPRSN", capacity=Capacity.TUTELLE)
CHILD, ADULT = date(2015, 6, 1), date(1979, 3, 28)


def sent(account: Account = ACCOUNT, code: str = RIGHT, now: datetime = NOW) -> Account:
    return account.challenged(Challenge.of(account.login, code, KEY, now))


# --- Codes ------------------------------------------------------------------------------------------------------------


def test_a_code_serves_once() -> None:
    after, right = sent().answered(RIGHT, KEY, NOW)
    assert right
    assert after.answered(RIGHT, KEY, NOW) == (after, False)


def test_a_code_serves_for_ten_minutes() -> None:
    assert sent().answered(RIGHT, KEY, NOW + CODE_LIFE - timedelta(seconds=1))[1]
    after, right = sent().answered(RIGHT, KEY, NOW + CODE_LIFE)
    assert not right
    assert (after.challenge, after.failures) == (None, 0)


def test_a_new_code_ends_the_one_before_and_forgets_no_failure() -> None:
    once, _ = sent().answered(WRONG, KEY, NOW)
    again = sent(once, "11112222")
    assert again.failures == 1
    assert not again.answered(RIGHT, KEY, NOW)[1]
    assert again.answered("11112222", KEY, NOW)[1]


def test_a_code_is_for_one_account_of_one_home() -> None:
    stolen = replace(ACCOUNT, login="judj7573", challenge=sent().challenge)
    assert not stolen.answered(RIGHT, KEY, NOW)[1]
    assert not sent().answered(RIGHT, b"x" * 32, NOW)[1]


def test_three_failures_of_either_kind_lock_for_a_quarter_of_an_hour() -> None:
    account = sent(ACCOUNT.failed(NOW).failed(NOW))
    account, _ = account.answered(WRONG, KEY, NOW)
    assert account.locked(NOW) and account.locked(NOW + LOCK - timedelta(seconds=1))
    assert not account.locked(NOW + LOCK)
    assert account.challenge is None
    assert account.failed(NOW + LOCK).failures == 1


def test_what_is_kept_tells_no_code() -> None:
    kept = sent().challenge
    assert kept is not None
    assert RIGHT.encode() not in kept.digest + kept.nonce and RIGHT not in kept.id


EVENTS = st.lists(
    st.tuples(st.integers(0, 1200), st.sampled_from(["password", "send", "guess", "answer"])), min_size=1, max_size=60
)


@given(EVENTS)
def test_no_order_of_events_gives_more_guesses_than_three_in_a_quarter_of_an_hour(
    events: list[tuple[int, str]],
) -> None:
    """Whoever guesses is judged three times at most in any LOCK; a code is right once, in time, if it is the last."""
    account, now, judged = ACCOUNT, NOW, list[datetime]()
    code, expires = "", NOW
    for number, (seconds, event) in enumerate(events):
        now += timedelta(seconds=seconds)
        locked, before = account.locked(now), account
        if event == "password" and not locked:
            account = account.failed(now)
            judged.append(now)
        elif event == "send" and not locked:
            code, expires = f"{number:08d}", now + CODE_LIFE
            account = sent(account, code, now)
        elif event == "guess":
            account, right = account.answered("99999999", KEY, now)
            assert not right
            if account.failures != before.failures or account.locked_until != before.locked_until:
                judged.append(now)
            assert not locked or account == before
        elif event == "answer":
            account, right = account.answered(code, KEY, now)
            assert right <= (not locked and now < expires and code != "")
            if right:
                judged, code = [], ""
        assert account.failures <= FAILURES
        assert len([each for each in judged if now - each < LOCK]) <= FAILURES


# --- Whose account ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("birth", "emancipated", "representatives", "expected"),
    [
        (ADULT, False, (), PATIENT),
        (None, False, (), PATIENT),
        (CHILD, False, (), None),
        (CHILD, False, (MOTHER, replace(MOTHER, id="r3")), "r1"),
        (CHILD, False, (replace(MOTHER, ended=NOW), replace(GUARDIAN, capacity=Capacity.TUTEUR)), "r2"),
        (CHILD, True, (MOTHER,), PATIENT),
        (ADULT, False, (MOTHER,), PATIENT),
        (ADULT, False, (GUARDIAN,), "r2"),
    ],
)
def test_the_account_is_the_patient_s_or_of_the_first_representative_in_office(
    birth: date | None, emancipated: bool, representatives: tuple[Representative, ...], expected: str | None
) -> None:
    assert holder(representatives, birth, emancipated, NOW) == expected


def test_a_representative_s_account_opens_nothing_once_they_represent_nobody() -> None:
    account = replace(ACCOUNT, representative="r1")
    assert opens(account, (MOTHER,), CHILD, False, NOW)
    assert not opens(account, (MOTHER,), CHILD, True, NOW)
    assert not opens(account, (MOTHER,), CHILD, False, datetime(2033, 6, 1, tzinfo=UTC))
    assert not opens(account, (replace(MOTHER, ended=NOW),), CHILD, False, NOW)
    assert not opens(account, (), CHILD, False, NOW)


def test_a_patient_s_own_account_opens_unless_they_are_a_minor() -> None:
    assert opens(ACCOUNT, (), ADULT, False, NOW)
    assert not opens(ACCOUNT, (), CHILD, False, NOW)


# --- What is drawn, typed and shown -----------------------------------------------------------------------------------


def test_what_is_drawn_has_its_form() -> None:
    assert re.fullmatch("[0-9]{8}", new_code())
    assert re.fullmatch(f"[{ALPHABET.lower()}]{{8}}", new_login())
    assert re.fullmatch(f"[{ALPHABET}]{{12}}", new_secret())
    assert not set("ILO01") & set(ALPHABET)
    assert len({new_secret() for _ in range(100)}) == 100


def test_what_is_typed_is_read_however_it_was_written() -> None:
    assert grouped("RMGADQEP2KRG") == "RMGA DQEP 2KRG"
    assert read_code(" rmga-dqep 2krg ") == "RMGADQEP2KRG"
    assert read_login(" Mtef 3603") == "mtef3603"


@pytest.mark.parametrize(
    ("channel", "typed", "kept"),
    [
        (Channel.SMS, "0606060606", "+33606060606"),
        (Channel.SMS, "06 06.06-06 06", "+33606060606"),
        (Channel.SMS, "0690 12 34 56", "+590690123456"),
        (Channel.SMS, "0032 470 12 34 56", "+32470123456"),
        (Channel.SMS, "+32470123456", "+32470123456"),
        (Channel.EMAIL, " mon.email@mail.fr", "mon.email@mail.fr"),
    ],
)
def test_addresses_are_kept_in_one_form(channel: Channel, typed: str, kept: str) -> None:
    assert read_address(channel, typed) == kept


@pytest.mark.parametrize(
    ("channel", "typed"),
    [(Channel.SMS, ""), (Channel.SMS, "06060606"), (Channel.SMS, "mon.email@mail.fr"), (Channel.EMAIL, "0606060606")],
)
def test_what_is_no_address_is_refused(channel: Channel, typed: str) -> None:
    with pytest.raises(ContactError):
        read_address(channel, typed)


def test_an_address_is_recognised_and_not_told() -> None:
    assert hint(Channel.SMS, "+33606060675") == "•••• 75"
    assert hint(Channel.EMAIL, "nathalie@laposte.fr") == "n•••@laposte.fr"


@pytest.mark.parametrize(
    "password",
    ["court", "x" * 129, "abababababab", "ancien mot de passe", "Mtef3603 et la suite"],
    ids=["short", "long", "monotonous", "the former one", "with the login"],
)
def test_a_password_that_is_easily_guessed_is_refused(password: str) -> None:
    with pytest.raises(PasswordError, match="mot de passe"):
        check_password(password, "ancien mot de passe", "mtef3603")


def test_a_long_sentence_is_a_password() -> None:
    check_password("un long chemin de campagne", "ancien mot de passe", "mtef3603")


# --- Creation codes ---------------------------------------------------------------------------------------------------


def test_a_creation_code_is_one_dossier_s_for_some_days() -> None:
    code = new_secret()
    kept = CreationCode.of("d1", code, KEY, NOW)
    assert kept.matches(code, KEY, NOW + CREATION_LIFE - timedelta(seconds=1))
    assert not kept.matches(code, KEY, NOW + CREATION_LIFE)
    assert not kept.matches(new_secret(), KEY, NOW)
    assert not replace(kept, dossier="d2").matches(code, KEY, NOW)
