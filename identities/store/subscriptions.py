"""Subscriptions, what became of documents since somebody last looked, and the events that were made of it, as rows.

A subscription names its patient by an identifier, whichever dossier that is of: a merge moves no row of these.

Source: identities.subscription.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from identities.requester import PatientId, Requester
from identities.store.tables import CHANGES, EVENTS, SUBSCRIPTIONS
from identities.subscription import (
    Noted,
    Occurrence,
    Payload,
    Status,
    Subscription,
    owner_key,
    read_requester,
    write_requester,
)

EVERYBODY = ""  # as patient: a subscription about every one

_S, _E, _C = SUBSCRIPTIONS.c, EVENTS.c, CHANGES.c
_TOLD = _S.status.in_([Status.ACTIVE, Status.ERROR])


class SubscriptionsStore:
    """Subscriptions, in the transaction of one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.fresh = False  # whether changes were noted

    # --- Subscriptions ------------------------------------------------------------------------------------------------

    def add(self, subscription: Subscription) -> None:
        """Keeps a new one."""
        owner = subscription.owner
        said = {"id": subscription.id, "owner": owner_key(owner), "requester": write_requester(owner)}
        patient = str(subscription.patient) if subscription.patient else EVERYBODY
        names = ("topic", "criteria", "endpoint", "payload", "base", "rest", "events", "heartbeat")
        same = {name: getattr(subscription, name) for name in names}
        self._connection.execute(SUBSCRIPTIONS.insert().values(**said, **same, patient=patient, **_state(subscription)))

    def update(self, subscription: Subscription) -> None:
        """Keeps the state that one has now: its status, its end, its next heartbeat, its version."""
        self._connection.execute(SUBSCRIPTIONS.update().where(_S.id == subscription.id).values(**_state(subscription)))

    def get(self, id_: str) -> Subscription | None:
        """The one of that id; held until the transaction ends, so that its events have one number each."""
        row = self._connection.execute(sa.select(SUBSCRIPTIONS).where(_S.id == id_).with_for_update()).one_or_none()
        return _subscription(row) if row else None

    def of(self, owner: Requester) -> tuple[Subscription, ...]:
        """Those of that owner, by id."""
        found = sa.select(SUBSCRIPTIONS).where(_S.owner == owner_key(owner)).order_by(_S.id)
        return tuple(map(_subscription, self._connection.execute(found)))

    def about(self, patients: Iterable[PatientId]) -> tuple[Subscription, ...]:
        """Those that are told of what happens to a patient of these identifiers."""
        named = [EVERYBODY, *map(str, patients)]
        found = sa.select(SUBSCRIPTIONS).where(_S.patient.in_(named), _TOLD).order_by(_S.id)
        return tuple(map(_subscription, self._connection.execute(found)))

    def due(self, now: datetime) -> tuple[Subscription, ...]:
        """Those that have come to their end, or to their next heartbeat."""
        ended = sa.and_(_S.status != Status.OFF, _S.end <= now)
        found = sa.select(SUBSCRIPTIONS).where(sa.or_(ended, sa.and_(_TOLD, _S.beat <= now))).order_by(_S.id)
        return tuple(map(_subscription, self._connection.execute(found)))

    def erase(self, patients: Iterable[PatientId]) -> None:
        """Removes those about a patient of these identifiers, for good."""
        mine = sa.select(_S.id).where(_S.patient.in_([*map(str, patients)]))
        self._connection.execute(EVENTS.delete().where(_E.subscription.in_(mine)))
        self._connection.execute(SUBSCRIPTIONS.delete().where(_S.id.in_(mine)))

    # --- What happened ------------------------------------------------------------------------------------------------

    def note(self, changes: Iterable[tuple[str, str, str]], instant: datetime) -> None:
        """Keeps changes (uuid, kind, change) until somebody is told, where anybody subscribed to anything."""
        rows = [{"uuid": uuid, "kind": kind, "change": change, "instant": instant} for uuid, kind, change in changes]
        if rows and self._connection.execute(sa.select(sa.exists().where(_S.status != Status.OFF))).scalar():
            self._connection.execute(CHANGES.insert(), rows)
            self.fresh = True

    def noted(self, limit: int) -> tuple[Noted, ...]:
        """The oldest changes that nobody was told of yet."""
        return tuple(
            Noted(row.id, row.instant, row.uuid, row.kind, row.change)
            for row in self._connection.execute(sa.select(CHANGES).order_by(_C.id).limit(limit))
        )

    def take(self, noted: Noted) -> bool:
        """Takes a change away to tell of it; False when somebody else did."""
        return self._connection.execute(CHANGES.delete().where(_C.id == noted.id)).rowcount == 1

    # --- Events -------------------------------------------------------------------------------------------------------

    def number(self, subscription: str, noted: Noted, *, created: bool) -> Occurrence:
        """Makes a change the next event of a subscription."""
        self._connection.execute(
            SUBSCRIPTIONS.update().where(_S.id == subscription).values(events=SUBSCRIPTIONS.c.events + 1)
        )
        number = self._connection.execute(sa.select(_S.events).where(_S.id == subscription)).scalar_one()
        event = Occurrence(subscription, number, noted.instant, noted.uuid, noted.kind, created)
        self._connection.execute(
            EVENTS.insert().values(
                subscription=subscription,
                number=number,
                instant=event.instant,
                uuid=event.uuid,
                kind=event.kind,
                created=created,
            )
        )
        return event

    def events(self, subscription: str, first: int, last: int, limit: int) -> Sequence[Occurrence]:
        """The newest events of a subscription with numbers from `first` to `last`, `limit` at most, oldest first."""
        mine = sa.select(EVENTS).where(_E.subscription == subscription, _E.number.between(first, last))
        rows = self._connection.execute(mine.order_by(_E.number.desc()).limit(limit)).all()
        return [
            Occurrence(row.subscription, row.number, row.instant, row.uuid, row.kind, row.created)
            for row in reversed(rows)
        ]


def _state(subscription: Subscription) -> dict[str, Any]:
    return {name: getattr(subscription, name) for name in ("status", "end", "beat", "version")}


def _subscription(row: sa.Row[Any]) -> Subscription:
    return Subscription(
        id=row.id,
        owner=read_requester(row.requester),
        patient=_patient(row.patient),
        topic=row.topic,
        criteria=row.criteria,
        endpoint=row.endpoint,
        payload=Payload(row.payload),
        base=row.base,
        status=Status(row.status),
        end=row.end,
        heartbeat=row.heartbeat,
        beat=row.beat,
        events=row.events,
        version=row.version,
        rest=row.rest,
    )


def _patient(cx: str) -> PatientId | None:
    value, _, rest = cx.partition("^^^&")
    return PatientId(value, rest.removesuffix("&ISO")) if cx else None
