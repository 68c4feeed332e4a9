"""What remembers that an assertion was used, so that nobody else can use it.

Several processes share one guard: the server keeps it in a table whose primary key is `key`. The rule stands here,
once; a guard only remembers.
Source: SAML 2.0 profiles 4.1.4.5 (bearer assertions are not replayed); CI-SIS, volet Transport synchrone.
"""

from __future__ import annotations

import hashlib
import heapq
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class ReplayError(Exception):
    """An assertion that may not be used (again)."""


@dataclass(frozen=True, slots=True)
class AssertionUse:
    """The first use of an assertion. `key` names it (issuer and ID), `digest` its signed bytes, `client` who used it.

    All three are lower-case SHA-256 hex; after `expires` freshness refuses the assertion anyway.
    """

    key: str
    digest: str
    client: str
    expires: datetime


class ReplayGuard(Protocol):
    """Remembers first uses, atomically: in SQL, INSERT ... ON CONFLICT DO NOTHING and, on conflict, SELECT."""

    def remember(self, use: AssertionUse, now: datetime) -> AssertionUse | None:
        """None when `use` is the first under its key and is now remembered; otherwise the use that stands there.

        What expired before `now` may be forgotten. Raises ReplayError when nothing more can be remembered: then the
        assertion is refused.
        """


class MemoryReplayGuard:
    """A guard for one process, bounded: full of unexpired uses, it refuses rather than forget one."""

    def __init__(self, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._uses: dict[str, AssertionUse] = {}
        self._expiries: list[tuple[datetime, str]] = []
        self._lock = threading.Lock()

    def remember(self, use: AssertionUse, now: datetime) -> AssertionUse | None:
        """See ReplayGuard."""
        with self._lock:
            while self._expiries and self._expiries[0][0] < now:
                del self._uses[heapq.heappop(self._expiries)[1]]
            standing = self._uses.get(use.key)
            if standing is not None:
                return standing
            if len(self._uses) >= self._capacity:
                raise ReplayError("too many assertions in use")
            self._uses[use.key] = use
            heapq.heappush(self._expiries, (use.expires, use.key))
            return None


def assertion_key(issuer: str, assertion_id: str) -> str:
    """The key of an assertion: SAML makes an ID unique for its issuer only."""
    return hashlib.sha256(f"{len(issuer)}:{issuer}{assertion_id}".encode()).hexdigest()


def check_use(use: AssertionUse, standing: AssertionUse | None, *, once: bool) -> None:
    """Raises ReplayError when `use` may not follow the `standing` one.

    The same bytes may serve the same TLS client again, unless `once`.
    """
    if standing is None:
        return
    if once:
        raise ReplayError("the assertion was already used")
    if standing.digest != use.digest:
        raise ReplayError("another assertion with the same ID was already used")
    if standing.client != use.client:
        raise ReplayError("the assertion was already used by another TLS client")
