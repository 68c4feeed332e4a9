"""What the history of a DMP is made of: of an event what people read, without message and hashes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from audit.event import Outcome
from identities.requester import PatientId


@dataclass(frozen=True, slots=True)
class Trace:
    """One event of one dossier, as columns have it; `documents` are uniqueIds."""

    sequence: int
    id: str
    instant: datetime
    request_id: str
    transaction: str
    action: str
    outcome: Outcome
    requester_id: str
    requester_name: str
    profession: str
    structure_id: str
    authentication: str
    mode_acces: str
    motif: str
    secret_connection: bool
    operator: str
    documents: tuple[str, ...]

    @property
    def place(self) -> Place:
        """Where it stands among all others."""
        return (self.instant, self.sequence)


Place = tuple[datetime, int]
"""Instant and sequence number: later events have greater ones."""


@dataclass(frozen=True, slots=True)
class About:
    """Whom a history is about: keys of the dossier and of those merged into it, every identifier the patient had.

    An event that names no dossier, such as a request refused before one was looked for, is found by the identifier.
    """

    dossiers: tuple[str, ...]
    patients: tuple[PatientId, ...]
