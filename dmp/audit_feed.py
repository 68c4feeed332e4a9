"""ITI-20, at its other end: audit messages of other nodes, kept as they came.

A receipt makes no audit event: it would have to be sent on like any other, and received, without end.

Source: ITI TF-2 3.20 (Record Audit Event): no event of its own in 3.20.5.
"""

from __future__ import annotations

from collections.abc import Iterable

from audit.received import Received
from dmp.gate import Gate


def keep_received(gate: Gate, messages: Iterable[Received]) -> tuple[str, ...]:
    """Appends `messages` to the log, all or none, and gives the ids they are found by. Raises AuditUnavailable."""
    with gate.reception() as rooms:
        return tuple(rooms.trail.append_received(message) for message in messages)
