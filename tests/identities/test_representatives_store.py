"""Legal representatives as rows, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from identities.account import Account
from identities.demographics import Address, Part, Telecom
from identities.dossier import Dossier, DossierStatus, Traits
from identities.representation import Capacity, Representative
from identities.requester import PatientId
from identities.session import Session
from identities.store import METADATA, IdentitiesStore
from identities.store.accounts import AccountsStore
from schemas import oids

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOTHER = Representative(
    "r1", "AUBRY", "Sophie", "MTH", Capacity.PARENT, (Telecom("mailto:s@a.example"), Telecom("tel:+33612345678", "MC")),
    (Address((Part("city", "Rennes"),)),), NOW,
)  # fmt: skip
GUARDIAN = Representative("r2", "TUTEUR", "Ana", "RESPRSN", Capacity.TUTEUR, since=NOW + timedelta(1))
OF_ADULTS = Representative("r3", "TUTELLE", "Léa", "RESPRSN", Capacity.TUTELLE, since=NOW + timedelta(2))


@pytest.fixture
def store(engine: sa.Engine) -> Iterator[IdentitiesStore]:
    METADATA.create_all(engine)
    with engine.begin() as connection:
        store = IdentitiesStore(connection)
        for number, key in enumerate(("d1", "d2")):
            ins = (PatientId(f"21405352380010{number}", oids.INS_NIR_TEST),)
            store.open(Dossier(key, ins, Traits("AUBRY", "Malo", date(2014, 5, 30), "M"), DossierStatus.OPEN, NOW))
        yield store


def test_they_are_kept_as_they_were_said_the_oldest_first(store: IdentitiesStore) -> None:
    for each in (OF_ADULTS, GUARDIAN, MOTHER):
        store.save_representative("d1", each)
    assert store.representatives("d1") == (MOTHER, GUARDIAN, OF_ADULTS)
    assert store.representatives("d2") == ()
    store.save_representative("d1", replace(MOTHER, family="AUBRY-LE GALL", told=NOW))
    assert store.representatives("d1")[0].family == "AUBRY-LE GALL"


def test_an_office_ends_once(store: IdentitiesStore) -> None:
    for key in ("d1", "d2"):
        store.save_representative(key, MOTHER)
    store.end_representation("d1", "r1", instant=NOW)
    store.end_representation("d1", "r1", instant=NOW + timedelta(1))
    assert [store.representatives(key)[0].ended for key in ("d1", "d2")] == [NOW, None]


def test_those_who_are_to_be_told_are_over_minors_and_in_office(store: IdentitiesStore) -> None:
    for key, each in (("d1", MOTHER), ("d1", OF_ADULTS), ("d2", GUARDIAN)):
        store.save_representative(key, each)
    assert store.untold_representatives() == (("d1", MOTHER), ("d2", GUARDIAN))
    store.save_representative("d1", replace(MOTHER, told=NOW))
    store.end_representation("d2", "r2", instant=NOW)
    assert store.untold_representatives() == ()


def test_a_dossier_is_erased_with_all_that_is_about_it(store: IdentitiesStore) -> None:
    for key in ("d1", "d2"):
        store.save_representative(key, MOTHER)
    store.unite("d2", "d1")
    accounts = AccountsStore(store._connection)
    accounts.add(Account("ABCD2345", "d1", "", "hash"))
    accounts.open_session(Session("s" * 64, "ABCD2345", NOW, NOW))
    store.erase("d1")
    for table in METADATA.sorted_tables:
        assert store._connection.execute(table.select()).all() == [], table.name


def test_what_is_to_be_destroyed_was_closed_before_or_asked_for(store: IdentitiesStore) -> None:
    assert store.to_destroy(NOW) == ()
    store.close("d1", instant=NOW, reason="")
    store.close("d2", instant=NOW - timedelta(1), reason="")
    assert [each.key for each in store.to_destroy(NOW)] == ["d2"]
    store.request_destruction("d1", NOW)
    assert {each.key for each in store.to_destroy(NOW)} == {"d1", "d2"}
    store.reopen("d1", instant=NOW)
    assert [each.key for each in store.to_destroy(NOW)] == ["d2"]
