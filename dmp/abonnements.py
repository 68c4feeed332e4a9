"""Subscriptions: somebody asks to be told of documents, and looks after what they asked for (ITI-110, ITI-113).

To subscribe is to search in advance: it is decided as TD3.1 now, and again each time that there is something to tell
(`dmp.diffusion`). An emergency opens a dossier for once, and no subscription. A subscription is its owner's: for
everybody else it is not there.

Source: IHE DSUBm 1.0, 2:3.110 (Resource Subscription) and 2:3.113 (Resource Subscription Search).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from audit.event import AuditObject, Call, ObjectKind
from dmp import annuaire
from dmp.diffusion import Told, told_of
from dmp.errors import AccessRefused, AuthenticationRefused
from dmp.gate import Attempt, Gate
from habilitations.action import Action
from identities.requester import ModeAcces, Requester
from identities.subscription import Message, Status, Subscription
from registry.errors import ErrorCode, Finding, RegistryError

MOST = 100  # subscriptions that one owner has at a time
EVENTS = 100  # told by one answer
UPDATED = "U"  # EventActionCode


def subscribe(gate: Gate, call: Call, asked: Subscription) -> Subscription:
    """Keeps what is asked for and has the endpoint tried. Raises AccessRefused, RegistryError for one too many."""
    owner = _lasting(asked.owner)
    with gate.passage(owner, Action.TD3_1, asked.patient, call) as passage:
        kept = passage.rooms.subscriptions
        if sum(each.status is not Status.OFF for each in kept.of(owner)) >= MOST:
            context = f"Subscription: expected {MOST} at most of one subscriber, got another one"
            raise RegistryError([Finding(ErrorCode.XDSRegistryError, context)])
        made = replace(asked, id=str(uuid.uuid4()), owner=owner, status=Status.REQUESTED)
        kept.add(made)
        passage.rooms.notices.hook(made, Message.HANDSHAKE)
        passage.objects.append(_named(made))
        return made


def mine(gate: Gate, requester: Requester, call: Call, id_: str = "") -> tuple[Subscription, ...]:
    """The requester's subscriptions, or the one of that id. Raises AccessRefused for whom the directory lets not in."""
    with _own(gate, requester, call) as attempt:
        found = attempt.rooms.subscriptions.of(requester)
        found = tuple(each for each in found if id_ in ("", each.id))
        attempt.objects += map(_named, found)
        return found


def unsubscribe(gate: Gate, requester: Requester, call: Call, id_: str) -> Subscription | None:
    """Switches a subscription off and tells its endpoint; None where the requester has none of that id."""
    with _own(gate, requester, call) as attempt:
        attempt.event_action = UPDATED
        kept = attempt.rooms.subscriptions
        found = next((each for each in kept.of(requester) if each.id == id_), None)
        if found is None:
            return None
        attempt.objects.append(_named(found))
        if found.status is Status.OFF:
            return found
        off = replace(found, status=Status.OFF, version=found.version + 1)
        kept.update(off)
        attempt.rooms.notices.hook(off, Message.DEACTIVATION)
        return off


def reactivate(gate: Gate, requester: Requester, call: Call, wanted: Subscription) -> Subscription:
    """Has the endpoint of a subscription that is in error or off tried again. Raises as `subscribe`."""
    owner = _lasting(requester)
    with gate.passage(owner, Action.TD3_1, wanted.patient, call, asked=[_named(wanted)]) as passage:
        passage.event_action = UPDATED
        kept = passage.rooms.subscriptions
        found = kept.get(wanted.id)
        if found is None or found.status not in (Status.ERROR, Status.OFF):
            context = "Subscription.status: expected one that is in error or off, got another"
            raise RegistryError([Finding(ErrorCode.XDSRegistryError, context)])
        again = replace(found, status=Status.REQUESTED, end=wanted.end, version=found.version + 1)
        kept.update(again)
        passage.rooms.notices.hook(again, Message.HANDSHAKE)
        return again


def events(
    gate: Gate, requester: Requester, call: Call, wanted: Subscription, numbers: tuple[int, int]
) -> Sequence[Told]:
    """The events of a subscription with these numbers, the newest ones, each with what the requester sees of it now.

    Raises AccessRefused.
    """
    with gate.passage(requester, Action.TD3_1, wanted.patient, call, asked=[_named(wanted)]) as passage:
        found = passage.rooms.subscriptions.events(wanted.id, *numbers, EVENTS)
        told = [told_of(passage.registry, each, passage.scope_of) for each in found]
        passage.objects += [object_ for each in told for object_ in each.objects]
        return told


@contextmanager
def _own(gate: Gate, requester: Requester, call: Call) -> Iterator[Attempt]:
    """What somebody does with what is theirs: no dossier is opened, the directory must let them in."""
    try:
        with gate.authentication(call.transaction, call.transaction, call) as attempt:
            attempt.requester = requester
            try:
                annuaire.attested(attempt.rooms.identities, requester)
            except annuaire.NotListedError as error:
                raise AuthenticationRefused("annuaire", str(error)) from None
            yield attempt
    except AuthenticationRefused as refused:
        raise AccessRefused(Finding(ErrorCode.DMPAccessDeniedByRightsService, str(refused))) from None


def _lasting(requester: Requester) -> Requester:
    """Who is decided about as long as the subscription lasts."""
    return replace(requester, mode_acces=ModeAcces.NORMAL, motif="", secret_connection=False)


def _named(subscription: Subscription) -> AuditObject:
    return AuditObject(ObjectKind.SUBSCRIPTION, subscription.id)
