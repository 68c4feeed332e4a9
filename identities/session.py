"""A session: who connected at the portal, and until when they need not do so again. Pure.

The holder's browser shows a token; what is kept is its digest, so that the database alone opens nothing.

Source: OWASP ASVS 5.0, 7.2 and 7.3 (random tokens, idle and absolute limits).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

IDLE = timedelta(minutes=15)
LONGEST = timedelta(hours=4)
NOTED = timedelta(minutes=1)  # a session that was seen less long ago is not noted again


@dataclass(frozen=True, slots=True)
class Session:
    """What is kept of a session. `id` is the digest of its token."""

    id: str
    login: str
    opened: datetime
    seen: datetime

    @classmethod
    def of(cls, token: str, login: str, now: datetime) -> Session:
        """A session that begins."""
        return cls(session_id(token), login, now, now)

    def alive(self, now: datetime) -> bool:
        """Whether it still stands for its holder."""
        return now - self.seen < IDLE and now - self.opened < LONGEST

    def used(self, now: datetime) -> Session:
        """After a request."""
        return replace(self, seen=now) if now - self.seen >= NOTED else self


def new_token() -> str:
    """What a browser shows: 256 random bits."""
    return secrets.token_urlsafe(32)


def session_id(token: str) -> str:
    """The id of the session that `token` stands for."""
    return hashlib.sha256(token.encode()).hexdigest()
