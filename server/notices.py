"""Notices of one transaction: they are in the outbox when it is durable, and nowhere when it is not.

Source: ITI TF-2 3.46 (PIXV3 Update Notification).
"""

from __future__ import annotations

import sqlalchemy as sa

from ihe.soap import SOAP_CONTENT_TYPE
from server.outbox import Outbox


class OutboxNotices:
    """Implements `dmp.ports.Notices` on one connection. The courier finds them when it next looks."""

    def __init__(self, connection: sa.Connection, outbox: Outbox) -> None:
        self._connection, self._outbox = connection, outbox

    def send(self, address: str, message: bytes) -> None:
        """Has the SOAP envelope `message` delivered to `address`, one of the settings, once the transaction commits."""
        name = self._outbox.spool([message])
        self._outbox.enlist(self._connection, name, address, SOAP_CONTENT_TYPE)
