"""What is done with an outlet, and what left by it."""

from __future__ import annotations

from server.audit_outlet import Outlet
from server.database import Database
from tests.audit_peers import all_events

HERE = "here"


def drain(outlet: Outlet) -> None:
    """Sends and confirms all there is."""
    while outlet.step():
        pass
    outlet.step()


def ids_in(messages: list[bytes], log: Database) -> list[str]:
    """The ids of the events that these messages are of, byte by byte."""
    known = {record.message: record.id for record in all_events(log)}
    return [known[message] for message in messages]
