"""What the hall needs of the rooms for subscriptions: as `dmp.ports`.

Source: IHE DSUBm 1.0, 2:3.110 to 2:3.113.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from identities.requester import PatientId, Requester
from identities.subscription import Noted, Occurrence, Subscription


class Subscriptions(Protocol):
    """Who wants to be told of documents by FHIR, and what there is to tell."""

    def add(self, subscription: Subscription) -> None: ...

    def update(self, subscription: Subscription) -> None: ...

    def get(self, id_: str) -> Subscription | None: ...

    def of(self, owner: Requester) -> tuple[Subscription, ...]: ...

    def about(self, patients: Iterable[PatientId]) -> tuple[Subscription, ...]: ...

    def due(self, now: datetime) -> tuple[Subscription, ...]: ...

    def erase(self, patients: Iterable[PatientId]) -> None: ...

    def note(self, changes: Iterable[tuple[str, str, str]], instant: datetime) -> None: ...

    def noted(self, limit: int) -> tuple[Noted, ...]: ...

    def take(self, noted: Noted) -> bool: ...

    def number(self, subscription: str, noted: Noted, *, created: bool) -> Occurrence: ...

    def events(self, subscription: str, first: int, last: int, limit: int) -> Sequence[Occurrence]: ...
