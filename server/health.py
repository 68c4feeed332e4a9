"""Whether this server can do its work: write the database, append to the audit log, write documents; and whether that
log still is what was sealed.

Each is tried for real and leaves nothing behind but when that was. The answer is kept for a second, so that whoever
asks too often costs nothing.
"""

from __future__ import annotations

import threading
import time

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from audit.errors import AuditError
from audit.store import AuditStore
from audit.trail import AuditTrail
from dmp.errors import ServiceUnavailable
from repository.errors import RepositoryError
from server.alarm import raised
from server.database import BusyError
from server.house import House, now, own_event

OK, UNKNOWN, TAMPERED = "ok", "unknown", "tampered"
KEPT_SECONDS = 1.0
PROBE = "health"

METADATA = sa.MetaData()
CHECKED = sa.Table("health_checked", METADATA, sa.Column("instant", sa.Text, primary_key=True))  # when it last was well


class Health:
    """The health of one house, as `{part: "ok" or the kind of failure}`. Safe to share between threads."""

    def __init__(self, house: House) -> None:
        self._house, self._lock = house, threading.Lock()
        self._until, self._found = 0.0, dict[str, str]()

    def __call__(self) -> dict[str, str]:
        """Every part, tried now or less than a second ago."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._found = {**self._rows(), "documents": self._documents()}
                if raised(self._house.settings.home):
                    self._found["audit"] = TAMPERED
                self._until = time.monotonic() + KEPT_SECONDS
            return dict(self._found)

    def _rows(self) -> dict[str, str]:
        """An event is appended and taken back, and a row of ours committed: a full disk shows at the commit alone."""
        audit = UNKNOWN
        try:
            with self._house.database.transaction() as connection:
                audit = self._audit(connection)
                connection.execute(CHECKED.delete())
                connection.execute(CHECKED.insert().values(instant=now().isoformat()))
        except (DBAPIError, BusyError, ServiceUnavailable) as error:
            return {"database": _kind(error), "audit": audit if audit != OK else UNKNOWN}
        return {"database": OK, "audit": audit}

    def _audit(self, connection: sa.Connection) -> str:
        attempt = connection.begin_nested()
        try:
            AuditTrail(AuditStore(connection), self._house.source).append(own_event(PROBE, PROBE, PROBE))
        except AuditError as error:
            return _kind(error)
        else:
            return OK
        finally:
            attempt.rollback()

    def _documents(self) -> str:
        try:
            staged = self._house.files.stage()
            try:
                staged.write(b"health")
                staged.finish()
            finally:
                staged.discard()
        except RepositoryError as error:
            return type(error).__name__
        return OK


def _kind(error: Exception) -> str:
    return type(error).__name__
