"""A server whose audit trail writes nothing: the other side of `benchmarks.audit`, and of nothing else.

It is made here, by a house of the benchmark's own: no setting of the server switches the audit log off.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import server.app
from audit.event import Event
from audit.trail import AuditTrail
from server.house import BoundRooms, House
from server.serve import serve
from server.settings import load


@dataclass(frozen=True, slots=True)
class SilentTrail:
    """Forgets what it is given; reads as the real one."""

    trail: AuditTrail

    def append(self, _event: Event) -> None:
        return

    def last_accesses(self, requester_id: str, dossiers: Sequence[str]) -> Mapping[str, datetime]:
        return self.trail.last_accesses(requester_id, dossiers)

    def last_actions(self, dossier: str, *, secret: bool) -> Mapping[str, datetime]:
        return self.trail.last_actions(dossier, secret=secret)


class SilentHouse(House):
    """A house that keeps no log."""

    @contextmanager
    def rooms(self) -> Iterator[BoundRooms]:
        with super().rooms() as rooms:
            yield replace(rooms, trail=SilentTrail(rooms.trail))  # type: ignore[arg-type]


def main(home: str, https: str, http: str) -> None:
    """Serves that home on these addresses until it is ended."""
    server.app.House = SilentHouse  # type: ignore[attr-defined]
    serve(load({"home": home, "https": https, "http": http}, os.environ))


if __name__ == "__main__":
    main(*sys.argv[1:])
