"""Those who subscribed are told: what happened becomes events of subscriptions, and events become notifications.

The registry notes what it changed in the transaction that changes it. Here each change is held against the
subscriptions about its patient: whoever would find the object by TD3.1 at that moment, and asked for such a one, gets
an event with the next number, its audit event, and a notification in the outbox, all in one transaction. What a
notification says is decided anew each time that it is sent: what is masked in the meantime is a number without an
object. Nobody learns of what they would not find.

Source: IHE DSUBm 1.0, 2:3.110.4.1.3 and 2:3.112 (Resource Notify), 2:3.112.6 (the Recipient is still authorised).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from audit.event import AuditObject, Call, ObjectKind
from dmp import record
from dmp.fiches import Fiches, fiche
from dmp.gate import Gate
from dmp.ports import Registry, Rooms
from habilitations.action import Action
from identities.dossier import Dossier
from identities.subscription import Message, Noted, Occurrence, Status, Subscription
from registry.changes import Change
from registry.errors import RegistryError
from registry.metadata import DocumentEntry
from registry.scope import Scope

NOTIFY = "ITI-112"  # Call.transaction, and Event.action
AT_ONCE = 100  # changes of one look

ScopeOf = Callable[[str], Scope | None]
"""What may be read of the dossier of a key."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event as its subscriber sees it now: `fiches` hold one object, or nothing."""

    event: Occurrence
    fiches: Fiches

    @property
    def objects(self) -> list[AuditObject]:
        """What an audit event names of it."""
        return [
            AuditObject(ObjectKind.DOCUMENT, each.unique_id, each.repository_unique_id)
            if isinstance(each, DocumentEntry)
            else AuditObject(ObjectKind.SUBMISSION_SET, each.unique_id)
            for each in self.fiches.items
        ]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a subscription asks for, told by the door that it came by: of which changes, and of which objects."""

    triggers: Callable[[Subscription, str, Change], bool]
    matches: Callable[[Subscription, Fiches], bool]


def told_of(registry: Registry, event: Occurrence, scope_of: ScopeOf) -> Told:
    """An event with what that Scope lets be seen of its object."""
    named = registry.named([event.uuid]).get(event.uuid)
    scope = scope_of(named.patient) if named else None
    return Told(event, fiche(registry, named, scope) if named and scope else Fiches())


def tell(gate: Gate, wanted: Wanted) -> bool:
    """Makes events of what happened since the last look; whether there may be more.

    Raises whatever a transaction raises: the change that it was about is then still there.
    """
    with gate.reception() as rooms:
        noted = rooms.subscriptions.noted(AT_ONCE)
    for each in noted:
        with gate.reception() as rooms:
            if rooms.subscriptions.take(each):
                _tell_of(gate, rooms, each, wanted)
    return len(noted) == AT_ONCE


def drop(gate: Gate) -> None:
    """Takes away the oldest change, of which nobody can be told."""
    with gate.reception() as rooms:
        for each in rooms.subscriptions.noted(1):
            rooms.subscriptions.take(each)


def _tell_of(gate: Gate, rooms: Rooms, noted: Noted, wanted: Wanted) -> None:
    named = rooms.registry.named([noted.uuid]).get(noted.uuid)
    dossier = rooms.identities.dossier_of_key(named.patient) if named else None
    if dossier is None:
        return
    change, now = Change(noted.change), gate.now()
    for each in rooms.subscriptions.about(dossier.identifiers):
        if not wanted.triggers(each, noted.kind, change) or (each.end is not None and each.end <= now):
            continue
        decision = gate.foreseen(rooms, each.owner, Action.TD3_1, dossier, now)
        scope = decision.scope if decision and decision.granted else None
        found = _found(rooms, noted, scope) if scope else Fiches()
        if decision is None or not found.items or not wanted.matches(each, found):
            continue
        event = rooms.subscriptions.number(each.id, noted, created=change is Change.CREATED)
        rooms.notices.hook(each, Message.EVENT, event.number)
        call = Call(transaction=NOTIFY, request_id=uuid.uuid4().hex, endpoint=each.endpoint)
        objects = (AuditObject(ObjectKind.SUBSCRIPTION, each.id), *Told(event, found).objects)
        begun = replace(record.begun(call, NOTIFY, each.owner, dossier.ins, now), objects=objects)
        rooms.trail.append(record.decided(begun, decision, dossier))


def _found(rooms: Rooms, noted: Noted, scope: Scope) -> Fiches:
    named = rooms.registry.named([noted.uuid])[noted.uuid]
    try:
        return fiche(rooms.registry, named, scope)
    except RegistryError:  # more around it than an answer may hold
        return Fiches()


# --- What is sent -----------------------------------------------------------------------------------------------------


def keep_time(gate: Gate) -> None:
    """Ends subscriptions whose time has come, and has the heartbeats sent that are due."""
    now = gate.now()
    with gate.reception() as rooms:
        for each in rooms.subscriptions.due(now):
            if each.end is not None and each.end <= now:
                off = replace(each, status=Status.OFF, version=each.version + 1)
                rooms.subscriptions.update(off)
                rooms.notices.hook(off, Message.DEACTIVATION)
            else:
                rooms.subscriptions.update(replace(each, beat=now + timedelta(seconds=each.heartbeat)))
                rooms.notices.hook(each, Message.HEARTBEAT)


def to_send(gate: Gate, id_: str, message: Message, number: int) -> tuple[Subscription, Told | None] | None:
    """The subscription that a message is about, and for an event what its owner sees of it now; None for a message
    that nobody waits for any more.
    """
    with gate.reception() as rooms:
        found = rooms.subscriptions.get(id_)
        if found is None or not _awaited(found, message):
            return None
        if message is not Message.EVENT:
            return found, None
        events = rooms.subscriptions.events(id_, number, number, 1)

        def scope_of(key: str) -> Scope | None:
            dossier: Dossier | None = rooms.identities.dossier_of_key(key)
            decision = gate.foreseen(rooms, found.owner, Action.TD3_1, dossier, gate.now()) if dossier else None
            return decision.scope if decision and decision.granted else None

        return (found, told_of(rooms.registry, events[0], scope_of)) if events else None


def _awaited(subscription: Subscription, message: Message) -> bool:
    if message is Message.HANDSHAKE:
        return subscription.status is Status.REQUESTED
    return subscription.status is Status.OFF if message is Message.DEACTIVATION else subscription.told


def sent(gate: Gate, id_: str, message: Message, *, arrived: bool, last: bool) -> None:
    """Notes how a message went: an endpoint that took one is active, one that did not in error; `last` says that it
    will not be tried again, and the subscription of an event that nobody took is off.
    """
    with gate.reception() as rooms:
        found = rooms.subscriptions.get(id_)
        if found is None or not _awaited(found, message) or found.status is Status.OFF:
            return
        status = Status.ACTIVE if arrived else Status.ERROR
        if not arrived and last and message is Message.EVENT:
            status = Status.OFF
        if status is found.status:
            return
        beat = gate.now() + timedelta(seconds=found.heartbeat) if found.heartbeat and not found.told else found.beat
        rooms.subscriptions.update(replace(found, status=status, beat=beat, version=found.version + 1))
