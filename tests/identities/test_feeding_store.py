"""What an identity source does to dossiers and identifiers, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from identities.demographics import Demographics, Part, PersonName
from identities.dossier import Dossier, DossierStatus, Traits
from identities.patient_query import Continuation, PatientQuery, name_patterns
from identities.requester import PatientId
from identities.store import METADATA, IdentitiesStore, IdentityError
from identities.store.tables import DOSSIERS, TERMS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
A, B, C = (PatientId(value, "1.2.3") for value in "ABC")
NATIONAL = PatientId("N", "1.2.9")
TRAITS = Traits("MUSTER", "MAJA", date(1960, 6, 18), "F")
FIRST, SECOND = (
    Dossier("d1", (A,), TRAITS, DossierStatus.OPEN, NOW),
    Dossier("d2", (B, NATIONAL), replace(TRAITS, birth_given="ANNA"), DossierStatus.OPEN, NOW),
)


@pytest.fixture
def store(engine: sa.Engine) -> Iterator[IdentitiesStore]:
    METADATA.create_all(engine)
    with engine.begin() as connection:
        opened = IdentitiesStore(connection)
        opened.open(FIRST)
        opened.open(SECOND)
        yield opened


def test_an_authority_is_fed_from_the_first_message_on(store: IdentitiesStore) -> None:
    assert not store.fed("1.2.3")
    store.feed(["1.2.3", "1.2.9"])
    store.feed(["1.2.3"])
    assert store.fed("1.2.3") and store.fed("1.2.9") and not store.fed("1.2.4")
    assert store.served("1.2.3") and not store.served("1.2.4")


def test_an_authority_with_a_known_patient_is_served_though_nobody_feeds_it(store: IdentitiesStore) -> None:
    assert store.served("1.2.9") and not store.fed("1.2.9")


def test_a_linked_identifier_is_the_current_one_or_the_last(store: IdentitiesStore) -> None:
    store.link("d1", C, current=True)
    store.link("d1", PatientId("x", "1.2.8"), current=False)
    found = store.dossier(A)
    assert found is not None and found.identifiers == (C, A, PatientId("x", "1.2.8"))
    with pytest.raises(IdentityError, match="one of d2"):
        store.link("d1", B, current=True)


def test_two_requests_that_link_one_identifier_meet(store: IdentitiesStore) -> None:
    with pytest.raises(IdentityError, match="meanwhile"):
        store._insert_identifiers([{"value": "B", "authority": "1.2.3", "dossier": "d1", "rank": 9}])


def test_a_subsumed_identifier_names_nobody_and_is_never_given_again(store: IdentitiesStore) -> None:
    store.link("d1", C, current=True)
    store.subsume(C, A)
    assert store.dossier(C) is None
    assert store.subsumed(C) and store.survivor(C) == "d1" and store.survivor(A) is None
    found = store.dossier(A)
    assert found is not None and found.identifiers == (A,)
    for attempt in (
        lambda: store.link("d2", C, current=True),
        lambda: store.open(replace(FIRST, key="d3", identifiers=(C,))),
    ):
        with pytest.raises(IdentityError, match="merged into another"):
            attempt()


def test_an_identifier_that_nobody_had_is_subsumed_all_the_same(store: IdentitiesStore) -> None:
    store.subsume(C, A)
    assert store.subsumed(C) and store.survivor(C) == "d1"
    assert store.dossier(A) == FIRST


def test_a_dossier_that_is_united_leads_on_to_the_last_survivor(store: IdentitiesStore) -> None:
    third = replace(FIRST, key="d3", identifiers=(C,))
    store.open(third)
    store.unite("d2", "d1")
    store.unite("d1", "d3")
    found = store.dossier(NATIONAL)
    assert found is not None and found.key == "d3"
    assert found.identifiers == (C, A, B, NATIONAL)
    assert store.lineage("d3") == ("d3", "d1", "d2")
    assert store.dossier_of_key("d1") is store.dossier_of_key("d2") is None
    assert store.stands("d1") and store.stands("d2") and not store.stands("d9")
    rows = store._connection.execute(sa.select(DOSSIERS.c.key, DOSSIERS.c.status, DOSSIERS.c.merged_into))
    assert {tuple(row) for row in rows} == {
        ("d1", "merged", "d3"),
        ("d2", "merged", "d3"),
        ("d3", "active", None),
    }
    assert store._connection.execute(sa.select(TERMS.c.dossier).distinct()).scalars().all() == ["d3"]


def test_a_dossier_is_held_while_its_patient_is_the_one_it_was_found_by(store: IdentitiesStore) -> None:
    assert store.hold("d1", A)
    assert not store.hold("d2", A)
    store.lock(["d1", "d2"])
    store.unite("d1", "d2")
    store.subsume(A, B)
    assert not store.hold("d1", A) and not store.hold("d2", A)
    assert store.hold("d2", B)


def test_traits_that_are_set_are_found_and_the_former_ones_are_not(store: IdentitiesStore) -> None:
    names = (PersonName((Part("family", "Tauxe", "BR"), Part("given", "Maja"))),)
    said = replace(TRAITS, birth_date=None, birth_time="1960", demographics=Demographics(names))
    store.set_traits("d1", said)
    found = store.dossier(A)
    assert found is not None and found.traits == said
    former = PatientQuery(names=(name_patterns(TRAITS.names[0], search=False),))
    current = PatientQuery(names=(name_patterns(names[0], search=False),))
    assert store.find_dossiers(former, 9) == ()
    assert [dossier.key for dossier in store.find_dossiers(current, 9)] == ["d1"]


def test_continuations_expire_are_replaced_and_are_dropped(store: IdentitiesStore) -> None:
    kept = Continuation(b"<q/>", (("d1", 100), ("d2", 80)), 1, 1, NOW + timedelta(minutes=1))
    store.save_continuation("k", kept, NOW)
    assert store.continuation("k", NOW) == kept
    moved = replace(kept, position=2, expires=NOW + timedelta(minutes=2))
    store.save_continuation("k", moved, NOW)
    assert store.continuation("k", NOW + timedelta(seconds=90)) == moved
    assert store.continuation("k", NOW + timedelta(minutes=2)) is None
    assert store.continuation("other", NOW) is None
    store.save_continuation("later", kept, NOW + timedelta(hours=1))  # what expired goes
    assert store.continuation("k", NOW) is None
    store.drop_continuation("later")
    assert store.continuation("later", NOW) is None


def test_dossiers_come_in_the_order_of_their_keys(store: IdentitiesStore) -> None:
    found = store.dossiers_of_keys(["d2", "gone", "d1"])
    assert [dossier.key for dossier in found] == ["d2", "d1"]
