"""The audit log as its operator looks through it: by what events say, a batch at a time.

Source: ITI TF-1 9.1 (Audit Record Repository); DICOM PS3.15 A.5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from audit.event import Outcome
from audit.store import AuditRecord, instant_text, record_of, unavailable_on_failure
from audit.tables import EVENT
from audit.trace import About


@dataclass(frozen=True, slots=True)
class Listing:
    """Which events: those that match everything that is said; `since` belongs, `until` does not.

    `transaction` is a transaction or an action, `requester` an identifier, `structure` a Struct_IdNat, `rule` the name
    of the deciding rule. `own_request` is the request that asks: its events do not belong.
    """

    about: About | None = None
    requester: str = ""
    structure: str = ""
    transaction: str = ""
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    rule: str = ""
    own_request: str = ""

    def of(self, about: About) -> Listing:
        """The same, of one patient."""
        return replace(self, about=about)

    def but(self, request_id: str) -> Listing:
        """The same, without the events of that request."""
        return replace(self, own_request=request_id)


class AuditListings:
    """Reads in the transaction of `connection`. Every method raises AuditUnavailable when the database fails."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def newest(self, selection: Listing, *, limit: int) -> tuple[AuditRecord, ...]:
        """The last `limit` events, newest first."""
        return self._records(_where(selection).order_by(EVENT.c.sequence.desc()).limit(limit))

    def following(self, selection: Listing, *, after: int, last: int, limit: int) -> tuple[AuditRecord, ...]:
        """The first `limit` events behind the one of sequence number `after`, up to that of `last`, oldest first."""
        query = _where(selection).where(EVENT.c.sequence > after, EVENT.c.sequence <= last)
        return self._records(query.order_by(EVENT.c.sequence).limit(limit))

    def _records(self, query: sa.Select[tuple[object, ...]]) -> tuple[AuditRecord, ...]:
        with unavailable_on_failure():
            return tuple(record_of(row) for row in self._connection.execute(query))


def _where(selection: Listing) -> sa.Select[tuple[object, ...]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if selection.about is not None:
        patients = [(each.value, each.authority) for each in selection.about.patients]
        conditions.append(
            sa.or_(
                EVENT.c.dossier.in_(selection.about.dossiers),
                sa.tuple_(EVENT.c.patient_value, EVENT.c.patient_authority).in_(patients),
            )
        )
    if selection.requester:
        conditions.append(EVENT.c.requester_id == selection.requester)
    if selection.structure:
        conditions.append(EVENT.c.structure_id == selection.structure)
    if selection.transaction:
        named = (EVENT.c.transaction == selection.transaction, EVENT.c.action == selection.transaction)
        conditions.append(sa.or_(*named))
    if selection.outcome is not None:
        conditions.append(EVENT.c.outcome == selection.outcome.value)
    if selection.since is not None:
        conditions.append(EVENT.c.instant >= instant_text(selection.since))
    if selection.until is not None:
        conditions.append(EVENT.c.instant < instant_text(selection.until))
    if selection.rule:
        conditions.append(EVENT.c.rule == selection.rule)
    if selection.own_request:
        conditions.append(EVENT.c.request_id != selection.own_request)
    return sa.select(EVENT).where(*conditions)
