"""The outbox: messages that must leave, kept on disk until they are delivered or given up.

A message is a file in `home/outbox` and a row of the same name: the file holds its bytes, the row says where they go
and when they are tried next. `post` returns when both are on disk; whoever changes the registry and notifies in one
breath calls `spool` before its transaction and `enlist` within it. One courier for each home delivers. Each kind of
message has its own way out, and waits for none of another kind.

Source: Web Services Addressing 1.0, Core §3.4; ITI TF-2 V.5 (asynchronous exchange).
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ihe.mime import Outgoing
from ihe.reply import Address, permitted
from server.database import Database
from server.settings import Settings

METADATA = sa.MetaData()
OUTBOX = sa.Table(
    "outbox",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),  # and the name of the file
    sa.Column("kind", sa.String(4), nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("key", sa.String(64), nullable=True),  # names the request that it answers
    sa.Column("created", sa.BigInteger, nullable=False),  # milliseconds since 1970, UTC
    sa.Column("due", sa.BigInteger, nullable=True, index=True),  # when it is tried next; NULL: never again
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.UniqueConstraint("key", name="uq_outbox_key"),
)

FOLDER = "outbox"
PARTIAL = ".part"  # ends the name of a file that is still being written
KEPT_SECONDS = 24 * 3600  # how long a delivered message's key is remembered, and an unknown file left alone
READ_AT_ONCE = 1000
# Between one attempt and the next: about 17 hours in all, after which a message is given up.
RETRY_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600)


class Kind(StrEnum):
    """How a message travels, and so what its address is: a URL, a mail address, a telephone number."""

    SOAP = "soap"
    MAIL = "mail"
    SMS = "sms"
    HOOK = "hook"
    MLLP = "mllp"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is due."""

    id: str
    kind: Kind
    address: str
    content_type: str
    file: Path
    attempts: int


class Outbox:
    """Messages on their way. Safe to share between threads; every process of a home has one. Implements
    `ihe.reply.Outbox`."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        allowed: Sequence[Address],
        notified: Sequence[Address] = (),
        hooks: Sequence[Address] = (),
    ) -> None:
        self.folder, self._database, self._allowed = folder, database, tuple(allowed)
        self._notified, self._hooks = tuple(notified), tuple(hooks)

    @classmethod
    def of(cls, settings: Settings, database: Database) -> Outbox:
        """The outbox of a home."""
        notified = [consumer.url for consumer in settings.pix_consumers]
        return cls(settings.home / FOLDER, database, settings.reply_to, notified, settings.subscription_endpoints)

    @property
    def empty_handed(self) -> bool:
        """Whether the operator lets nothing leave."""
        return not self._allowed

    def accepts(self, address: str) -> bool:
        """Whether the operator lets answers go there."""
        return permitted(address, self._allowed) is not None

    def destination(self, address: str) -> Address | None:
        """What that address names, when the operator lets messages go there: answers, or notices."""
        return permitted(address, (*self._allowed, *self._notified))

    def hook(self, address: str) -> Address | None:
        """What that address names, when the operator lets notifications of subscriptions go there."""
        return permitted(address, self._hooks)

    # --- In -----------------------------------------------------------------------------------------------------------

    def seen(self, key: str) -> bool:
        """Whether a message was posted under that key lately."""
        with self._database.transaction() as connection:
            return connection.execute(sa.select(OUTBOX.c.id).where(OUTBOX.c.key == key)).first() is not None

    def post(self, address: str, outgoing: Outgoing, key: str) -> None:
        """Takes a message for `address`: no crash loses it once this has returned.

        Of two that are posted under one key at the same moment, the first one leaves.
        """
        name, enlisted = self.spool(outgoing.chunks), False
        try:
            with self._database.transaction() as connection, suppress(IntegrityError), connection.begin_nested():
                self.enlist(connection, name, address, outgoing.content_type, key=key)
                enlisted = True
        except BaseException:
            enlisted = False
            raise
        finally:
            if not enlisted:
                (self.folder / name).unlink(missing_ok=True)
        self.ring()

    def spool(self, chunks: Iterable[bytes], name: str = "") -> str:
        """Writes the bytes of a message to disk, chunk by chunk, and gives the name they have there.

        A message that says its own name comes with one, of `new_name`.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = name or new_name()
        partial = self.folder / f"{name}{PARTIAL}"
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(self.folder / name)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync(self.folder)
        return name

    def enlist(
        self,
        connection: sa.Connection,
        name: str,
        address: str,
        content_type: str,
        *,
        kind: Kind = Kind.SOAP,
        key: str | None = None,
    ) -> None:
        """Has what was spooled under `name` delivered to `address` once the transaction of `connection` commits."""
        now = _now()
        row = {"id": name, "kind": kind, "address": address, "content_type": content_type, "key": key}
        connection.execute(OUTBOX.insert().values(**row, created=now, due=now, attempts=0))

    def ring(self) -> None:
        """Tells the courier that there is something to deliver; it would find out by itself a little later."""
        os.utime(self.folder)

    # --- Out: for the one courier of a home ---------------------------------------------------------------------------

    def due(self, busy: Collection[str], limit: int) -> tuple[list[Letter], int | None]:
        """Messages that are due and not among `busy`, and when the next one after now is (milliseconds).

        With the busy ones they are `limit` of each kind at most. A row whose file lies in another home is that home's
        affair.
        """
        now = _now()
        letters: list[Letter] = []
        with self._database.transaction() as connection:
            for kind in Kind:
                waiting = sa.select(OUTBOX).where(OUTBOX.c.kind == kind, OUTBOX.c.due <= now).order_by(OUTBOX.c.due)
                with connection.execute(waiting.limit(READ_AT_ONCE)) as rows:
                    here = (row for row in rows if row.id in busy or (self.folder / row.id).exists())
                    letters += [self._letter(row) for row in islice(here, limit) if row.id not in busy]
            later = connection.execute(sa.select(sa.func.min(OUTBOX.c.due)).where(OUTBOX.c.due > now)).scalar()
        return letters, later

    def settle(self, letter: Letter) -> None:
        """Notes that `letter` has arrived or is given up: its bytes go; its key, if any, is remembered for a while."""
        with self._database.transaction() as connection:
            row = OUTBOX.c.id == letter.id
            connection.execute(OUTBOX.delete().where(row, OUTBOX.c.key.is_(None)))
            connection.execute(OUTBOX.update().where(row).values(due=None, attempts=letter.attempts + 1))
        letter.file.unlink(missing_ok=True)

    def failed(self, letter: Letter) -> bool:
        """Notes an attempt that failed; False when it was the last one, and the message is given up."""
        if letter.attempts >= len(RETRY_SECONDS):
            self.settle(letter)
            return False
        due = _now() + RETRY_SECONDS[letter.attempts] * 1000
        with self._database.transaction() as connection:
            tried = OUTBOX.update().where(OUTBOX.c.id == letter.id)
            connection.execute(tried.values(due=due, attempts=letter.attempts + 1))
        return True

    def sweep(self) -> None:
        """Removes keys that were kept long enough, and files that no row speaks of."""
        horizon = _now() - KEPT_SECONDS * 1000
        with self._database.transaction() as connection:
            connection.execute(OUTBOX.delete().where(OUTBOX.c.due.is_(None), OUTBOX.c.created < horizon))
            known = set(connection.execute(sa.select(OUTBOX.c.id).where(OUTBOX.c.due.is_not(None))).scalars())
        for file in self.folder.iterdir():
            old = file.is_file() and file.stat().st_mtime * 1000 < horizon
            if old and len(file.name.removesuffix(PARTIAL)) == 32 and file.name not in known:
                file.unlink(missing_ok=True)

    def _letter(self, row: sa.Row[Any]) -> Letter:
        return Letter(row.id, Kind(row.kind), row.address, row.content_type, self.folder / row.id, row.attempts)


def new_name() -> str:
    """A name that no message has."""
    return uuid.uuid4().hex


def _sync(folder: Path) -> None:
    """A file's name is on disk when its folder is. Source: fsync(2)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _now() -> int:
    return time.time_ns() // 1_000_000
