"""Subscriptions in the hall: who is told of what, decided anew each time. Over a real database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from audit.event import Outcome
from dmp import abonnements, diffusion
from dmp.abonnements import MOST, mine, reactivate, subscribe, unsubscribe
from dmp.diffusion import NOTIFY, Wanted
from dmp.errors import AccessRefused
from dmp.fiches import Fiches
from identities.requester import ModeAcces, PatientId, Requester
from identities.subscription import Message, Payload, Status, Subscription
from registry.changes import Change
from registry.errors import RegistryError
from tests.dmp.accounts import ANNE, DOCTOR, LEA, Desk, desk
from tests.dmp.life import MASKED, OTHER, Life, calling, professional, urgent

HOOK = "https://cabinet.example/hook"
ALL = Wanted(lambda _, kind, change: kind == "DocumentEntry" and change is Change.CREATED, lambda *_: True)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


@pytest.fixture
def anne(house: Desk) -> Life:
    return Life(house)


def wish(owner: Requester = OTHER, patient: PatientId = ANNE, **changes: Any) -> Subscription:
    owner = replace(owner, patient=patient)
    made = Subscription("", owner, patient, "topic", "", HOOK, Payload.FULL_RESOURCE, "https://dmp.example/fhir")
    return replace(made, **changes)


def subscribed(house: Desk, asked: Subscription | None = None) -> Subscription:
    """One whose endpoint has answered."""
    made = subscribe(house.gate, calling("ITI-110"), asked or wish())
    diffusion.sent(house.gate, made.id, Message.HANDSHAKE, arrived=True, last=True)
    house.post.hooked.clear()
    return now(house, made)


def now(house: Desk, subscription: Subscription) -> Subscription:
    with house.rooms() as rooms:
        found = rooms.subscriptions.get(subscription.id)
    assert found is not None
    return found


def told(house: Desk) -> list[int]:
    """The numbers of the events that were made since this was last asked."""
    while diffusion.tell(house.gate, ALL):
        pass
    numbers = [event for _, message, event in house.post.hooked if message is Message.EVENT]
    house.post.hooked.clear()
    return numbers


def seen(house: Desk, subscription: Subscription, number: int) -> Fiches:
    """What would be sent of an event now."""
    waiting = diffusion.to_send(house.gate, subscription.id, Message.EVENT, number)
    assert waiting is not None and waiting[1] is not None
    return waiting[1].fiches


def block(life: Life, requester: Requester) -> None:
    with life.desk.rooms() as rooms:
        rooms.rights.block(life.dossier_in(rooms).key, requester.id_nat, start=life.desk.now)


def test_what_comes_in_is_told_with_a_number_each_and_recorded(house: Desk, anne: Life) -> None:
    made = subscribed(house)
    (first,) = anne.deposit()
    anne.deposit((), ())
    assert told(house) == [1, 2, 3]
    assert told(house) == []
    (entry,) = seen(house, made, 1).items
    assert entry.unique_id == first
    notices = [each for each in house.records() if each.transaction == NOTIFY]
    assert len(notices) == 3
    assert {(each.outcome, each.requester_id) for each in notices} == {(Outcome.SUCCESS, OTHER.id_nat)}
    assert now(house, made).events == 3


def test_who_would_not_find_a_document_is_not_told_of_it(house: Desk, anne: Life) -> None:
    subscribed(house)
    anne.deposit((MASKED,))
    assert told(house) == []
    assert NOTIFY not in {each.transaction for each in house.records()}


def test_who_is_shut_out_is_told_nothing_more_and_shown_nothing(house: Desk, anne: Life) -> None:
    made = subscribed(house)
    anne.deposit()
    assert told(house) == [1]
    block(anne, OTHER)
    assert seen(house, made, 1).items == ()
    anne.deposit()
    assert told(house) == []
    with pytest.raises(AccessRefused):
        abonnements.events(house.gate, made.owner, calling("ITI-113"), made, (0, 9))
    off = unsubscribe(house.gate, made.owner, calling("ITI-110"), made.id)  # which is theirs all the same
    assert off is not None and off.status is Status.OFF
    with pytest.raises(AccessRefused):
        reactivate(house.gate, made.owner, calling("ITI-110"), off)


def test_an_emergency_opens_no_subscription(house: Desk) -> None:
    life = Life(house, LEA, doctors=(DOCTOR,))
    with house.rooms() as rooms:
        rooms.identities.save_professional(professional(OTHER))
    with pytest.raises(AccessRefused):
        subscribe(house.gate, calling("ITI-110"), wish(urgent(OTHER), LEA))
    made = subscribe(house.gate, calling("ITI-110"), wish(urgent(DOCTOR), LEA))
    assert now(house, made).owner.mode_acces is ModeAcces.NORMAL
    assert life.dossier.ins == made.patient


def test_a_subscription_is_its_owners(house: Desk, anne: Life) -> None:
    made = subscribed(house)
    doctor = anne.of(DOCTOR)
    assert mine(house.gate, doctor, calling("ITI-113")) == ()
    assert mine(house.gate, doctor, calling("ITI-113"), made.id) == ()
    assert unsubscribe(house.gate, doctor, calling("ITI-110"), made.id) is None
    assert [each.id for each in mine(house.gate, made.owner, calling("ITI-113"))] == [made.id]
    with pytest.raises(AccessRefused):
        mine(house.gate, replace(doctor, profession="21", specialty=""), calling("ITI-113"))


def test_nobody_keeps_too_many(house: Desk, anne: Life) -> None:
    assert anne.dossier
    with house.rooms() as rooms:
        for _ in range(MOST):
            rooms.subscriptions.add(wish(id=str(uuid.uuid4())))
    with pytest.raises(RegistryError):
        subscribe(house.gate, calling("ITI-110"), wish())


def test_it_ends_when_its_time_has_come(house: Desk, anne: Life) -> None:
    made = subscribed(house, wish(end=house.now + timedelta(hours=1)))
    house.later(hours=2)
    anne.deposit()
    assert told(house) == []
    diffusion.keep_time(house.gate)
    assert now(house, made).status is Status.OFF
    assert house.post.hooked == [(HOOK, Message.DEACTIVATION, 0)]
    diffusion.keep_time(house.gate)
    assert len(house.post.hooked) == 1


def test_a_heartbeat_for_each_period(house: Desk, anne: Life) -> None:
    assert anne.dossier
    subscribed(house, wish(heartbeat=60))
    diffusion.keep_time(house.gate)
    assert house.post.hooked == []
    for beats in (1, 2):
        house.later(seconds=61)
        diffusion.keep_time(house.gate)
        diffusion.keep_time(house.gate)
        assert house.post.hooked == [(HOOK, Message.HEARTBEAT, 0)] * beats


def test_an_endpoint_that_takes_nothing_is_given_up(house: Desk, anne: Life) -> None:
    made = subscribed(house)
    anne.deposit()
    assert told(house) == [1]
    for arrived, last, status in (
        (False, False, Status.ERROR),
        (True, False, Status.ACTIVE),
        (False, True, Status.OFF),
    ):
        diffusion.sent(house.gate, made.id, Message.EVENT, arrived=arrived, last=last)
        assert now(house, made).status is status
    assert diffusion.to_send(house.gate, made.id, Message.EVENT, 1) is None
    anne.deposit()
    assert told(house) == []


def test_without_subscribers_nothing_is_noted(house: Desk, anne: Life) -> None:
    anne.deposit()
    with house.rooms() as rooms:
        assert rooms.subscriptions.noted(10) == ()


def test_what_cannot_be_told_of_is_dropped(house: Desk, anne: Life) -> None:
    subscribed(house)
    anne.deposit()
    with house.rooms() as rooms:
        before = rooms.subscriptions.noted(10)
    diffusion.drop(house.gate)
    with house.rooms() as rooms:
        assert rooms.subscriptions.noted(10) == before[1:]


def test_a_destroyed_dossier_leaves_no_subscription(house: Desk, anne: Life) -> None:
    made = subscribed(house)
    anne.deposit()
    assert told(house) == [1]
    with house.rooms() as rooms:
        rooms.subscriptions.erase(anne.dossier_in(rooms).identifiers)
        assert rooms.subscriptions.get(made.id) is None
        assert rooms.subscriptions.events(made.id, 0, 9, 10) == []
