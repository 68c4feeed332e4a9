"""What of the log somebody wants to read, as columns can tell it.

A selection finds all that is wanted and perhaps more: who reads looks at what it finds.

Source: ITI TF-2 3.81.4.1.2 (search parameters).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from audit.audit_event import Record
from audit.trace import Place
from identities.requester import PatientId


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` to before `until`, open where None is; or all but that, when `outside`."""

    since: datetime | None = None
    until: datetime | None = None
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Every condition narrows; None and () do not. `recorded` is when this server wrote it, `happened` when it was.

    `dossiers` are those of the `patients`: an event may name either, or neither and tell of the patient in its message.
    """

    happened: tuple[Period, ...] = ()
    recorded: tuple[Period, ...] = ()
    ids: frozenset[str] | None = None
    event_codes: frozenset[str] | None = None
    outcomes: frozenset[int] | None = None
    patients: frozenset[PatientId] | None = None
    dossiers: frozenset[str] = frozenset()
    newest_first: bool = True


@dataclass(frozen=True, slots=True)
class Placed:
    """A record that was found, and where it stands."""

    place: Place
    record: Record
