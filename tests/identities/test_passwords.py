"""Passwords as they are kept."""

from __future__ import annotations

import unicodedata

import pytest
from argon2 import extract_parameters

from identities import passwords
from identities.passwords import AT_ONCE, STAND_IN, WAITING, PasswordsBusyError, hash_password, verify_password

PASSWORD = "un é bien accentué"


def test_a_password_is_kept_as_argon2id_under_a_salt_of_its_own() -> None:
    hashed = hash_password(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hashed != hash_password(PASSWORD)
    assert verify_password(hashed, PASSWORD) and not verify_password(hashed, PASSWORD + "s")


def test_how_a_keyboard_composes_an_accent_does_not_matter() -> None:
    assert verify_password(hash_password(PASSWORD), unicodedata.normalize("NFD", PASSWORD))


def test_a_login_without_account_costs_as_much() -> None:
    assert extract_parameters(STAND_IN) == extract_parameters(hash_password(PASSWORD))
    assert not verify_password(STAND_IN, PASSWORD)


def test_what_is_no_hash_matches_nothing() -> None:
    assert not verify_password("", PASSWORD)
    assert not verify_password("plain", "plain")


def test_more_guesses_than_there_is_room_for_are_turned_away() -> None:
    """Whoever guesses at once takes neither the memory nor the threads of the house."""
    taken = [passwords._room.acquire(blocking=False) for _ in range(AT_ONCE + WAITING)]
    try:
        assert all(taken)
        with pytest.raises(PasswordsBusyError):
            verify_password(STAND_IN, PASSWORD)
    finally:
        for _ in taken:
            passwords._room.release()
    assert not verify_password(STAND_IN, PASSWORD)
