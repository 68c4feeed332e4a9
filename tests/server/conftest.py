"""Databases, receivers and mail servers for what leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from telling import SENDER, Place

from ihe.reply import read_address
from server.audit_cursors import Cursors
from server.channels import Security, SmsGateway, Smtp
from server.database import Database, connect
from server.migrations import METADATA as ALL
from server.outbox import METADATA
from tests.mailbox import Mailbox, mailbox
from tests.receiver import Receiver, receiving


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    sqlite = request.param == "sqlite"
    made = connect(f"sqlite:///{tmp_path}/dmp.db" if sqlite else request.getfixturevalue("postgresql_url"), threads=4)
    with made.transaction() as connection:
        METADATA.drop_all(connection)
        METADATA.create_all(connection)
    yield made
    made.dispose()


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as there:
        yield there


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as there:
        yield there


@pytest.fixture
def place(tmp_path: Path, database: Database, box: Mailbox, receiver: Receiver) -> Place:
    smtp = Smtp("127.0.0.1", box.port, Security.NONE, SENDER)
    (tmp_path / "token").write_text("s3cret-token\n")
    return Place(tmp_path, database, smtp, SmsGateway(read_address(f"{receiver.url}/sms"), tmp_path / "token"))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Database]:
    """A database with an empty audit log."""
    made = connect(f"sqlite:///{tmp_path}/dmp.db", threads=4)
    with made.transaction() as connection:
        for metadata in ALL:
            metadata.create_all(connection)
    yield made
    made.dispose()


@pytest.fixture
def cursors(log: Database) -> Cursors:
    return Cursors(log)
