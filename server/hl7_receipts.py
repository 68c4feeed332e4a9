"""Messages that were carried out, in the database: the row is durable with what the message did, or neither is.

A use case records its success in the audit log within its transaction; there the receipt of the message is kept, too.
So no use case knows of receipts, and none can forget one.

Source: HL7 v2.5 2.15.9.10 (message control id); ITI TF-1 9.1 (no answer without an audit event).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from audit.event import Event, Outcome
from audit.message import AuditSource
from audit.store import AuditStore
from audit.trail import AuditTrail
from dmp.gate import Gate
from dmp.ports import Rooms
from hl7v2.door import Receipt
from registry.errors import RegistryError
from server.database import BusyError, Database
from server.hl7_settings import Hl7Settings
from server.house import BUSY, House, now
from server.notices import OutboxNotices

METADATA = sa.MetaData()
RECEIPTS = sa.Table(
    "hl7_receipts",
    METADATA,
    sa.Column("sender", sa.String(512), primary_key=True),
    sa.Column("control_id", sa.String(200), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
    sa.Column("instant", sa.BigInteger, nullable=False, index=True),  # seconds since 1970, UTC
)
KEPT = timedelta(days=30)  # how long a repeat is known: a sender that counts anew does so later
SWEPT_AT_ONCE = 2  # old receipts removed with each new one


def receipt_of(database: Database, sender: str, control_id: str) -> Receipt | None:
    """The receipt of a message that was carried out; None for one that was not, or too long ago."""
    columns = RECEIPTS.c
    with database.snapshot() as connection:
        found = connection.execute(
            sa.select(columns.digest, columns.answer).where(columns.sender == sender, columns.control_id == control_id)
        ).one_or_none()
    return Receipt(sender, control_id, found.digest, found.answer) if found else None


class ReceivingTrail(AuditTrail):
    """An audit trail that keeps a receipt with the first success that it records."""

    def __init__(
        self,
        store: AuditStore,
        source: AuditSource,
        connection: sa.Connection,
        receipt: Receipt,
        tell: Callable[[str, bytes], None],
    ) -> None:
        super().__init__(store, source)
        self._connection, self._receipt, self._tell, self._kept = connection, receipt, tell, False

    def append(self, event: Event) -> None:
        """As any trail. Raises RegistryError XDSRegistryBusy when the same message was carried out meanwhile."""
        super().append(event)
        if event.outcome is Outcome.SUCCESS and not self._kept:
            keep(self._connection, self._receipt, now())
            if self._receipt.told:
                self._tell(self._receipt.sender, self._receipt.told)
            self._kept = True


def receiving(house: House, receipt: Receipt) -> Gate:
    """The gate for one message: the transaction that carries it out keeps its receipt."""

    @contextmanager
    def unit_of_work() -> Iterator[Rooms]:
        try:
            with house.connected() as (connection, rooms):
                tell = partial(telling, house.settings.hl7, rooms.notices)
                trail = ReceivingTrail(AuditStore(connection), house.source, connection, receipt, tell)
                yield replace(rooms, trail=trail)
        except BusyError:
            raise RegistryError([BUSY]) from None

    return Gate(unit_of_work, house.files, house.tables, now, house.settings.portal_address)


def telling(settings: Hl7Settings, notices: OutboxNotices, sender: str, message: bytes) -> None:
    """Has `sender` (as receipts name him) told by `message`, where the operator lets messages leave for him."""
    found = settings.of(sender.partition("|")[0])
    if found is not None:
        notices.hl7(found.address, message)


def keep(connection: sa.Connection, receipt: Receipt, instant: datetime) -> None:
    """Keeps `receipt`, and removes some that are too old. Raises RegistryError when there is one of its number."""
    columns, dialect = RECEIPTS.c, postgresql if connection.dialect.name == "postgresql" else sqlite
    seconds = int(instant.timestamp())
    before = seconds - int(KEPT.total_seconds())
    old = sa.select(columns.sender, columns.control_id).where(columns.instant < before).limit(SWEPT_AT_ONCE)
    for gone in connection.execute(old).all():
        connection.execute(
            RECEIPTS.delete().where(columns.sender == gone.sender, columns.control_id == gone.control_id)
        )
    row = {
        "sender": receipt.sender,
        "control_id": receipt.control_id,
        "digest": receipt.digest,
        "answer": receipt.answer,
        "instant": seconds,
    }
    if not connection.execute(dialect.insert(RECEIPTS).values(row).on_conflict_do_nothing()).rowcount:
        raise RegistryError([BUSY])
