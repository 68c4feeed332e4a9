"""A selection as conditions of SQL: the one way in which events are chosen."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from audit.received import column
from audit.selection import Period, Selection
from audit.store import instant_text
from audit.tables import EVENT
from audit.trace import About


def conditions(selection: Selection, when: sa.Column[str] = EVENT.c.instant) -> Iterator[sa.ColumnElement[bool]]:
    """What an event of `selection` fulfils, all of it; `when` has the moment at which it happened."""
    yield from (_within(when, period) for period in selection.happened)
    yield from (_within(EVENT.c.recorded, period) for period in selection.recorded)
    if selection.ids is not None:
        yield EVENT.c.id.in_(selection.ids)
    if selection.event_codes is not None:
        yield EVENT.c.event_code.in_({"", *map(column, selection.event_codes)})  # '': a message that names none
    if selection.outcomes is not None:
        yield EVENT.c.outcome.in_(selection.outcomes)
    if selection.about is not None:
        yield _about(selection.about)
    if selection.patients is not None:
        values = [each.value for each in selection.patients]
        named = {"", *values, *map(column, values)}
        yield sa.or_(EVENT.c.patient_value.in_(named), EVENT.c.dossier.in_(selection.dossiers))
    if selection.requester:
        yield EVENT.c.requester_id == selection.requester
    if selection.structure:
        yield EVENT.c.structure_id == selection.structure
    if selection.transaction:
        yield sa.or_(EVENT.c.transaction == selection.transaction, EVENT.c.action == selection.transaction)
    if selection.rule:
        yield EVENT.c.rule == selection.rule
    if selection.own_request:
        yield EVENT.c.request_id != selection.own_request


def _about(about: About) -> sa.ColumnElement[bool]:
    patients = [(each.value, each.authority) for each in about.patients]
    named = sa.tuple_(EVENT.c.patient_value, EVENT.c.patient_authority)
    return sa.or_(EVENT.c.dossier.in_(about.dossiers), named.in_(patients))


def _within(instant: sa.Column[str], period: Period) -> sa.ColumnElement[bool]:
    inside: list[sa.ColumnElement[bool]] = []
    if period.since is not None:
        inside.append(instant >= instant_text(period.since))
    if period.until is not None:
        inside.append(instant < instant_text(period.until))
    found = sa.and_(sa.true(), *inside)
    return sa.not_(found) if period.outside else found
