"""What can go wrong with the audit log. None of these may be ignored: without its event, nothing is answered."""

from __future__ import annotations

from schemas.errors import UnexpectedError


class AuditError(UnexpectedError):
    """An event that cannot be recorded. Says what was expected and what came, without health data."""


class AuditMessageError(AuditError):
    """An event that no audit message can be written of."""


class AuditUnavailable(AuditError):
    """The audit log cannot be written or read."""
