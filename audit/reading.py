"""The audit log as it is read: the history of a DMP, newest first, from any place on, by index; whole records.

A history has this server's own events only: what other nodes report has a log, and no history.

Source: ITI TF-1 9.1; ITI TF-2 3.81; GIE SESAM-Vitale, PDT-INF-527 v1.7 (historique des accès).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from audit.audit_event import Record
from audit.conditions import conditions
from audit.event import Outcome
from audit.selection import Placed, Selection
from audit.store import OWN, instant_text, unavailable_on_failure
from audit.tables import BROUGHT, EVENT
from audit.trace import About, Place, Trace

_COLUMNS = tuple(EVENT.c[field.name] for field in fields(Trace))
_PLACE = (EVENT.c.instant, EVENT.c.sequence)
_WHOLE = (EVENT.c.sequence, *(EVENT.c[field.name] for field in fields(Record)))
_NEWEST = sa.select(*_COLUMNS).where(EVENT.c.origin == OWN).order_by(*(column.desc() for column in _PLACE))


class AuditReader:
    """Reads in the transaction of `connection`. Every method raises AuditUnavailable when the database fails."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def holds(self, event_id: str) -> bool:
        """Whether an event of that id is recorded."""
        return self.place(event_id) is not None

    def place(self, event_id: str) -> Place | None:
        """Where the event of that id stands; None when there is none."""
        query = sa.select(*_PLACE).where(EVENT.c.id == event_id, EVENT.c.origin == OWN)
        with unavailable_on_failure():
            row = self._connection.execute(query).one_or_none()
        return (datetime.fromisoformat(row.instant), row.sequence) if row else None

    def traces(
        self,
        about: About,
        *,
        before: Place | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        requester: str | None = None,
        limit: int,
    ) -> tuple[Trace, ...]:
        """The newest `limit` events that match everything given, newest first.

        `before` is a place: what stands there and later does not belong; nor does `until`, `since` does.
        """
        query = _NEWEST.limit(limit)
        if before is not None:
            query = query.where(sa.tuple_(*_PLACE) < (instant_text(before[0]), before[1]))
        if since is not None:
            query = query.where(EVENT.c.instant >= instant_text(since))
        if until is not None:
            query = query.where(EVENT.c.instant < instant_text(until))
        if requester is not None:
            query = query.where(EVENT.c.requester_id == requester)
        with unavailable_on_failure():
            rows = [row for source in _sources(about) for row in self._connection.execute(query.where(*source))]
        return tuple(sorted(map(_trace, rows), key=lambda trace: trace.place, reverse=True)[:limit])

    def records(self, selection: Selection, *, after: Place | None = None, limit: int) -> tuple[Placed, ...]:
        """The first `limit` records of `selection` behind the place `after`, in its order; those of other nodes too."""
        return self._records(selection, EVENT.c.instant, sa.true(), after, limit)

    def syslog(self, selection: Selection, *, after: Place | None = None, limit: int) -> tuple[Placed, ...]:
        """The same of syslog messages: those that other nodes sent, by their TIMESTAMP, and this server's own."""
        own = self._records(selection, EVENT.c.instant, EVENT.c.origin == OWN, after, limit)
        brought = self._records(selection, EVENT.c.stamped, BROUGHT, after, limit)
        both = sorted((*own, *brought), key=lambda each: each.place, reverse=selection.newest_first)
        return tuple(both[:limit])

    def _records(
        self,
        selection: Selection,
        when: sa.Column[str],
        narrowed: sa.ColumnElement[bool],
        after: Place | None,
        limit: int,
    ) -> tuple[Placed, ...]:
        place, newest = (when, EVENT.c.sequence), selection.newest_first
        query = sa.select(when.label("instant"), *_WHOLE).limit(limit)
        query = query.order_by(*(column.desc() if newest else column.asc() for column in place))
        if after is not None:
            behind = (instant_text(after[0]), after[1])
            query = query.where(sa.tuple_(*place) < behind if newest else sa.tuple_(*place) > behind)
        with unavailable_on_failure():
            rows = self._connection.execute(query.where(narrowed, *conditions(selection, when))).all()
        return tuple(map(_placed, rows))


def _sources(about: About) -> Iterator[tuple[sa.ColumnElement[bool], ...]]:
    """Each a range of one index; no event is in two."""
    for key in about.dossiers:
        yield (EVENT.c.dossier == key,)
    for patient in about.patients:
        yield (
            EVENT.c.patient_value == patient.value,
            EVENT.c.patient_authority == patient.authority,
            EVENT.c.dossier == "",
        )


def _trace(row: sa.Row[Any]) -> Trace:
    columns = dict(row._mapping)
    columns["instant"] = datetime.fromisoformat(columns["instant"])
    columns["outcome"] = Outcome(columns["outcome"])
    columns["documents"] = tuple(json.loads(columns["documents"]))
    return Trace(**columns)


def _placed(row: sa.Row[Any]) -> Placed:
    columns = dict(row._mapping)
    place = (datetime.fromisoformat(columns.pop("instant")), columns.pop("sequence"))
    columns["recorded"] = datetime.fromisoformat(columns["recorded"])
    return Placed(place, Record(**columns))
