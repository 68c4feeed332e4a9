"""People who are told something by mail and SMS: an outbox, its courier, and what is left of it."""

from __future__ import annotations

import ssl
from pathlib import Path

import sqlalchemy as sa

from server.channels import SmsGateway, Smtp
from server.courier import Courier
from server.database import Database
from server.notices import OutboxNotices
from server.outbox import OUTBOX, Outbox

ANNE, NUMBER = "anne@patient.example", "+33612345678"
SUBJECT, TEXT = (
    "Nouveau document : compte rendu d'hospitalisation",
    "Bonjour,\n\nUn document a été ajouté à votre DMP.\n",
)
SENDER = "ne-pas-repondre@dmp.example"


class Place:
    """An outbox with its channels, and its courier."""

    def __init__(self, folder: Path, database: Database, smtp: Smtp | None, gateway: SmsGateway | None) -> None:
        self.database, self.smtp, self.gateway = database, smtp, gateway
        self.outbox = Outbox(folder / "outbox", database, [])
        self.courier = Courier(self.outbox, ssl.create_default_context, smtp, gateway)

    def notices(self, connection: sa.Connection) -> OutboxNotices:
        return OutboxNotices(connection, self.outbox, self.smtp, self.gateway)

    def mail(self, address: str = ANNE, subject: str = SUBJECT, text: str = TEXT) -> None:
        with self.database.transaction() as connection:
            self.notices(connection).mail(address, subject, text)

    def sms(self, text: str = TEXT) -> None:
        with self.database.transaction() as connection:
            self.notices(connection).sms(NUMBER, text)

    def carry(self) -> list[bool]:
        """One attempt for each message that is due."""
        letters, _ = self.outbox.due((), 100)
        return [self.courier.carry(letter) for letter in letters]

    def make_due(self) -> None:
        with self.database.transaction() as connection:
            connection.execute(OUTBOX.update().where(OUTBOX.c.due.is_not(None)).values(due=0))

    @property
    def left(self) -> tuple[int, int]:
        """How many rows and files there are."""
        with self.database.transaction() as connection:
            rows = connection.execute(OUTBOX.select()).all()
        return len(rows), len(list(self.outbox.folder.iterdir())) if self.outbox.folder.exists() else 0
