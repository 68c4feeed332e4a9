"""The trail: one event in, one message and one row out, or nothing is answered.

Source: ITI TF-1 9.1; ITI TF-2 3.20.
"""

from __future__ import annotations

from audit.errors import AuditMessageError, AuditUnavailable
from audit.event import Event
from audit.message import AuditSource, write_message
from audit.store import AuditStore


class AuditTrail:
    """The audit log as the hall uses it, in one database transaction. Implements `dmp.ports.Trail`."""

    def __init__(self, store: AuditStore, source: AuditSource) -> None:
        self._store, self._source = store, source

    def append(self, event: Event) -> None:
        """Records `event`, durable when the transaction is. Raises AuditUnavailable: then nothing may be answered."""
        try:
            message = write_message(event, site=self._source)
        except AuditMessageError as error:
            raise AuditUnavailable(error.expected, error.got) from error
        self._store.append(event, message)
