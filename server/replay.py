"""First uses of assertions, in the database: what several worker processes share.

Source: SAML 2.0 profiles 4.1.4.5; CI-SIS, volet Transport synchrone.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ihe.replay import AssertionUse
from server.database import Database

METADATA = sa.MetaData()
ASSERTION_USES = sa.Table(
    "assertion_uses",
    METADATA,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("client", sa.String(64), nullable=False),
    sa.Column("expires", sa.BigInteger, nullable=False, index=True),  # seconds since 1970, UTC
)
SWEEP_EVERY = 256  # first uses between two removals of what has expired


class DatabaseReplayGuard:
    """Implements `ihe.replay.ReplayGuard` over one table."""

    def __init__(self, database: Database) -> None:
        self._database, self._uses = database, 0

    def remember(self, use: AssertionUse, now: datetime) -> AssertionUse | None:
        """See `ihe.replay.ReplayGuard`."""
        with self._database.transaction() as connection:
            if self._uses % SWEEP_EVERY == 0:
                connection.execute(ASSERTION_USES.delete().where(ASSERTION_USES.c.expires < int(now.timestamp())))
            self._uses += 1
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            row = {
                "key": use.key,
                "digest": use.digest,
                "client": use.client,
                "expires": int(use.expires.timestamp()),
            }
            inserted = connection.execute(dialect.insert(ASSERTION_USES).values(row).on_conflict_do_nothing())
            if inserted.rowcount:
                return None
            found = connection.execute(sa.select(ASSERTION_USES).where(ASSERTION_USES.c.key == use.key)).one()
            return AssertionUse(found.key, found.digest, found.client, datetime.fromtimestamp(found.expires, UTC))
