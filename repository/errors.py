"""What can go wrong with documents. Every error names what was expected and what came, and quotes no content."""

from __future__ import annotations

from schemas.errors import UnexpectedError


class RepositoryError(UnexpectedError):
    """Something is wrong with a document, its row or the place where documents are kept."""


class ContentTooLarge(RepositoryError):
    """A document on its way in is longer than the repository takes. Nothing of it was kept."""


class ContentConflict(RepositoryError):
    """A uniqueId that already stands for other bytes. Source: ITI TF-2 3.41.4.1.3.1."""


class ContentMissing(RepositoryError):
    """The bytes of a recorded document are not there."""


class ContentDamaged(RepositoryError):
    """The bytes of a recorded document are not those that were kept."""


class RepositoryUnavailable(RepositoryError):
    """The place where documents are kept cannot be used: read-only, failing or misconfigured."""


class RepositoryFull(RepositoryUnavailable):
    """There is no room left for documents."""
