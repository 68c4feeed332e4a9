"""What can go wrong with the audit log. None of these may be ignored: without its event, nothing is answered."""

from __future__ import annotations


class AuditError(Exception):
    """An event that cannot be recorded. Says what was expected and what came, without health data."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return self.diagnostics()

    def diagnostics(self) -> str:
        """One line for an operator."""
        return f"expected {self.expected}, got {self.got}"


class AuditMessageError(AuditError):
    """An event that no audit message can be written of."""


class AuditUnavailable(AuditError):
    """The audit log cannot be written or read."""
