"""Whether this server can do its work: write the database, append to the audit log, write documents; and whether that
log still is what was sealed.

Each is tried for real and leaves nothing behind. The answer is kept for a second, so that whoever asks too often costs
nothing.
"""

from __future__ import annotations

import threading
import time

from sqlalchemy.exc import DBAPIError

from audit.errors import AuditError
from repository.errors import RepositoryError
from server.alarm import raised
from server.database import BusyError
from server.house import House, own_event

OK = "ok"
TAMPERED = "tampered"
KEPT_SECONDS = 1.0
PROBE = "health"


class _Undone(Exception):
    """Leaves the transaction of a probe."""


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
        event = own_event(PROBE, PROBE, PROBE)
        try:
            with self._house.rooms() as rooms:
                rooms.trail.append(event)
                raise _Undone
        except _Undone:
            return {"database": OK, "audit": OK}
        except (DBAPIError, BusyError) as error:
            return {"database": type(error).__name__, "audit": "unknown"}
        except AuditError as error:
            return {"database": "unknown", "audit": type(error).__name__}

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
