"""The newest events of a house's audit log."""

from __future__ import annotations

from audit.listing import AuditListings
from audit.selection import Selection
from audit.store import AuditRecord
from server.house import House
from server.tls_failures import AUTHENTICATE_NODE, OF_ALL


def newest(house: House, limit: int) -> tuple[AuditRecord, ...]:
    """The newest records, newest first, but for those of handshakes that failed: these come when they like."""
    with house.database.transaction() as connection:
        records = AuditListings(connection).newest(Selection(), limit=limit + OF_ALL)
    return tuple(each for each in records if each.transaction != AUTHENTICATE_NODE)[:limit]
