"""The trail: one event in, one message and one row out, or nothing is answered.

Source: ITI TF-1 9.1; ITI TF-2 3.20.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

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
        self._store.append(event, message, self._source.source_id)

    def last_accesses(self, requester_id: str, dossiers: Sequence[str]) -> Mapping[str, datetime]:
        """When that requester last did something in each of these dossiers, by key. Raises AuditUnavailable."""
        return self._store.last_accesses(requester_id, dossiers)

    def last_actions(self, dossier: str, *, secret: bool) -> Mapping[str, datetime]:
        """When each person and structure last did something in that dossier; with what was done in a secret connection
        only when `secret`. Raises AuditUnavailable.
        """
        return self._store.last_actions(dossier, secret=secret)
