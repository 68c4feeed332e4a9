"""The database's revisions: what `dmp migrate` runs, and what a server checks before it starts.

Revisions are explicit operations in `versions/`; a test holds their result equal to what the stores declare.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from audit.tables import METADATA as AUDIT
from habilitations.store import METADATA as RIGHTS
from identities.store import METADATA as IDENTITIES
from registry.store import METADATA as REGISTRY
from repository.store import METADATA as REPOSITORY
from server.audit_cursors import METADATA as AUDIT_OUTLETS
from server.database import Database, connect
from server.health import METADATA as HEALTH
from server.hl7_receipts import METADATA as HL7
from server.outbox import METADATA as OUTBOX
from server.replay import METADATA as REPLAY
from server.settings import Settings

METADATA = (REGISTRY, REPOSITORY, IDENTITIES, RIGHTS, AUDIT, REPLAY, OUTBOX, AUDIT_OUTLETS, HEALTH, HL7)
CONNECTION = "connection"  # attribute of the alembic configuration by which env.py gets its connection


class RevisionError(RuntimeError):
    """A database that is not at the revision of this version."""


def configuration(connection: sa.Connection | None = None) -> Config:
    """The alembic configuration, on that connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes[CONNECTION] = connection
    return config


def head() -> str:
    """The revision of this version of the program."""
    found = ScriptDirectory.from_config(configuration()).get_current_head()
    if found is None:
        raise RevisionError("expected revisions in the program, got none")
    return found


def upgrade(settings: Settings) -> tuple[str | None, str]:
    """Brings the database to `head`, in one transaction; the revisions before (None: an empty database) and after."""
    database = connect(settings.database_url, threads=1)
    try:
        before = _current(database)
        with database.transaction() as connection:
            command.upgrade(configuration(connection), "head")
        return before, head()
    finally:
        database.dispose()


def check_revision(settings: Settings) -> None:
    """Raises RevisionError unless the database is at `head`."""
    advice = f"run: dmp migrate --home {settings.home}"
    if settings.sqlite and not Path(sa.make_url(settings.database_url).database or "").is_file():
        raise RevisionError(f"database: there is none yet; {advice}")
    database = connect(settings.database_url, threads=1)
    try:
        current = _current(database)
    finally:
        database.dispose()
    if current != head():
        raise RevisionError(f"database: expected revision {head()}, got {current or 'none'}; {advice}")


def _current(database: Database) -> str | None:
    with database.transaction() as connection:
        return MigrationContext.configure(connection).get_current_revision()
