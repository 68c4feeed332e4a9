"""A simulated LPS (logiciel de professionnel de santé): it knows the server only by the standards."""

from __future__ import annotations


class LpsUsageError(ValueError):
    """What the user gave cannot be used; the text says what was expected and what came."""


class LpsNotFoundError(LookupError):
    """The server answered, and it has nothing under that identifier for this requester."""
