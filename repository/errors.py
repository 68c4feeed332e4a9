"""What can go wrong with documents. Every error names what was expected and what came, and quotes no content."""

from __future__ import annotations


class RepositoryError(Exception):
    """Something is wrong with a document, its row or the place where documents are kept."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return self.diagnostics()

    def diagnostics(self) -> str:
        """One line for an operator."""
        return f"expected {self.expected}, got {self.got}"


class ContentTooLarge(RepositoryError):
    """A document on its way in is longer than the repository takes. Nothing of it was kept."""


class ContentConflict(RepositoryError):
    """A uniqueId that already stands for other bytes. Source: ITI TF-2 3.41.4.1.3.1."""


class ContentMissing(RepositoryError):
    """The bytes of a recorded document are not there."""


class ContentDamaged(RepositoryError):
    """The bytes of a recorded document are not those that were kept."""


class RepositoryUnavailable(RepositoryError):
    """The place where documents are kept cannot be used: full, read-only, failing or misconfigured."""
