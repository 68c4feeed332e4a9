"""Accounts as rows, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from identities.account import PATIENT, Account, Challenge, CreationCode
from identities.dossier import Dossier, DossierStatus, Traits
from identities.requester import PatientId
from identities.store import METADATA, IdentitiesStore, IdentityError
from identities.store.accounts import AccountsStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = b"k" * 32
TRAITS = Traits("ESSAI", "ANNE", date(1979, 3, 28), "F")
FIRST, SECOND = (Dossier(key, (PatientId(key, "1.2.3"),), TRAITS, DossierStatus.OPEN, NOW) for key in ("d1", "d2"))
ACCOUNT = Account("mtef3603", "d1", PATIENT, "hash", sms="+33606060606")


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    METADATA.create_all(engine)
    with engine.begin() as connection:
        identities = IdentitiesStore(connection)
        identities.open(FIRST)
        identities.open(SECOND)
        yield connection


@pytest.fixture
def store(connection: sa.Connection) -> AccountsStore:
    return AccountsStore(connection)


def test_an_account_is_found_by_login_holder_and_challenge(store: AccountsStore) -> None:
    store.add(ACCOUNT)
    assert store.account("mtef3603") == store.of("d1", PATIENT) == ACCOUNT
    assert store.password("mtef3603") == "hash"
    challenge = Challenge.of("mtef3603", "01234567", KEY, NOW)
    after = replace(ACCOUNT, failures=2, locked_until=NOW, provisional=False, challenge=challenge)
    store.save(after)
    assert store.challenged(challenge.id) == after
    assert store.account("judj7573") is store.password("judj7573") is store.of("d2", PATIENT) is None
    assert store.challenged("") is None


def test_a_holder_has_one_account_of_a_dossier(engine: sa.Engine) -> None:
    METADATA.create_all(engine)
    with engine.begin() as connection:
        IdentitiesStore(connection).open(FIRST)
        AccountsStore(connection).add(ACCOUNT)
        AccountsStore(connection).add(replace(ACCOUNT, login="judj7573", representative="r1"))
    for twice in (replace(ACCOUNT, login="other111"), replace(ACCOUNT, representative="r2")):
        with pytest.raises(IdentityError), engine.begin() as connection:
            AccountsStore(connection).add(twice)


def test_a_creation_code_takes_the_place_of_the_one_before(store: AccountsStore) -> None:
    first, second = (CreationCode.of("d1", code, KEY, NOW + timedelta(days=day)) for day, code in enumerate("AB"))
    store.save_creation_code(first)
    store.save_creation_code(second)
    assert store.creation_code("d1") == second
    store.drop_creation_code("d1")
    assert store.creation_code("d1") is None


def test_whoever_entered_a_dossier_that_was_merged_enters_nothing(
    connection: sa.Connection, store: AccountsStore
) -> None:
    store.add(ACCOUNT)
    store.save_creation_code(CreationCode.of("d1", "A", KEY, NOW))
    IdentitiesStore(connection).unite("d1", "d2")
    assert store.of("d1", PATIENT) is store.of("d2", PATIENT) is None
    assert store.creation_code("d1") is None
