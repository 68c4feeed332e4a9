"""Subscriptions as rows: what is kept comes back, changes are told of once, events have one number each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from identities.requester import Authentication, ModeAcces, PatientId, Requester
from identities.store import METADATA
from identities.store.subscriptions import SubscriptionsStore
from identities.subscription import Payload, Status, Subscription, owner_key, read_requester, write_requester

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENT = PatientId("279035121518989", "1.2.250.1.213.1.4.10")
OWNER = Requester("899700000017", "MARCHAND Claire", "10", "1.2", "SM26", "3", "SA07", Authentication.DIRECTE)
ONE = Subscription(
    id="00000000-0000-4000-8000-000000000001",
    owner=replace(OWNER, patient=PATIENT),
    patient=PATIENT,
    topic="https://topic.example/1",
    criteria="DocumentReference?type=a",
    endpoint="https://hook.example",
    payload=Payload.ID_ONLY,
    base="https://dmp.example/fhir",
    status=Status.ACTIVE,
    end=NOW + timedelta(days=1),
    heartbeat=60,
    beat=NOW + timedelta(seconds=60),
    rest='{"reason": "é"}',
)
EVERYBODY = replace(ONE, id="00000000-0000-4000-8000-000000000002", patient=None, end=None, beat=None, heartbeat=0)
CHANGES = [(f"urn:uuid:{number}", "DocumentEntry", "created") for number in range(3)]


@pytest.fixture
def store(engine: sa.Engine) -> Iterator[SubscriptionsStore]:
    with engine.begin() as connection:
        METADATA.create_all(connection)
        yield SubscriptionsStore(connection)


def test_a_requester_comes_back_whole() -> None:
    for requester in (
        OWNER,
        replace(OWNER, patient=PATIENT, mode_acces=ModeAcces.CENTRE_15, issuer="https://x", alias="a"),
    ):
        assert read_requester(write_requester(requester)) == requester
    assert owner_key(OWNER) != owner_key(replace(OWNER, client_id="app"))


def test_what_is_kept_comes_back(store: SubscriptionsStore) -> None:
    for each in (ONE, EVERYBODY):
        store.add(each)
        assert store.get(each.id) == each
    assert store.get("another") is None
    assert store.of(OWNER) == (ONE, EVERYBODY)
    assert store.about([PATIENT]) == (ONE, EVERYBODY)
    assert store.about([PatientId("1", "2")]) == (EVERYBODY,)
    store.update(replace(ONE, status=Status.OFF, version=2))
    assert store.about([PATIENT]) == (EVERYBODY,)


def test_what_is_due(store: SubscriptionsStore) -> None:
    store.add(ONE)
    store.add(EVERYBODY)
    assert store.due(NOW) == ()
    assert store.due(NOW + timedelta(seconds=61)) == (ONE,)
    store.update(replace(ONE, beat=None))
    assert store.due(NOW + timedelta(seconds=61)) == ()
    assert [each.id for each in store.due(NOW + timedelta(days=2))] == [ONE.id]


def test_a_change_is_told_of_once_and_an_event_has_its_number(store: SubscriptionsStore) -> None:
    store.note(CHANGES, NOW)
    assert not store.fresh  # nobody has subscribed
    store.add(ONE)
    store.note(CHANGES, NOW)
    assert store.fresh
    noted = store.noted(10)
    assert [(each.uuid, each.kind, each.change) for each in noted] == CHANGES
    assert store.noted(1) == noted[:1]
    events = []
    for each in noted:
        assert store.take(each)
        assert not store.take(each)
        events.append(store.number(ONE.id, each, created=True))
    assert [each.number for each in events] == [1, 2, 3]
    assert store.events(ONE.id, 2, 9, 10) == events[1:]
    assert store.events(ONE.id, 0, 9, 1) == events[2:]
    store.erase([PATIENT])
    assert (store.get(ONE.id), store.events(ONE.id, 0, 9, 10)) == (None, [])
