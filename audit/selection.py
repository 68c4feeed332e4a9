"""What of the log somebody wants to read, as columns can tell it.

Source: ITI TF-1 9.1 (Audit Record Repository); ITI TF-2 3.81.4.1.2 (search parameters); DICOM PS3.15 A.5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from audit.audit_event import Record
from audit.trace import About, Place
from identities.requester import PatientId


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` to before `until`, open where None is; or all but that, when `outside`."""

    since: datetime | None = None
    until: datetime | None = None
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Every condition narrows; None, '' and () do not. `recorded` is when this server wrote it, `happened` when it was.

    `about` finds what is recorded of one patient. `patients`, and their `dossiers`, find perhaps more: an event may
    tell of a patient in its message alone, and who reads looks at what it finds. `transaction` is a transaction or an
    action, `requester` an identifier, `structure` a Struct_IdNat, `rule` the name of the deciding rule. `own_request`
    is the request that asks: its events do not belong.
    """

    happened: tuple[Period, ...] = ()
    recorded: tuple[Period, ...] = ()
    ids: frozenset[str] | None = None
    event_codes: frozenset[str] | None = None
    outcomes: frozenset[int] | None = None
    about: About | None = None
    patients: frozenset[PatientId] | None = None
    dossiers: frozenset[str] = frozenset()
    requester: str = ""
    structure: str = ""
    transaction: str = ""
    rule: str = ""
    own_request: str = ""
    newest_first: bool = True

    def of(self, about: About) -> Selection:
        """The same, of one patient."""
        return replace(self, about=about)

    def but(self, request_id: str) -> Selection:
        """The same, without the events of that request."""
        return replace(self, own_request=request_id)


@dataclass(frozen=True, slots=True)
class Placed:
    """A record that was found, and where it stands."""

    place: Place
    record: Record
