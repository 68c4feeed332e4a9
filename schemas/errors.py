"""The shape of an error: what was expected, and what came."""

from __future__ import annotations


class UnexpectedError(Exception):
    """Something other than expected came. Neither text quotes health data: both may be shown and logged."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected, self.got = expected, got

    def __str__(self) -> str:
        return self.diagnostics()

    def diagnostics(self) -> str:
        """Both, in one line."""
        return f"expected {self.expected}, got {self.got}"
