"""Metadata update: new versions of what is registered, and what becomes of their availability (ITI-57, ITI-92).

Source: ITI TF-2 3.57 (XDS Metadata Update) and 3.92 (Restricted Metadata Update).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from audit.event import Call
from dmp.gate import Gate
from identities.requester import Requester
from registry.errors import Finding
from registry.metadata import Code, Submission
from schemas.domain import Domain


@dataclass(frozen=True, slots=True)
class MiseAJour:
    """The use case, with what it needs of the affinity domain."""

    gate: Gate
    domain: Domain
    is_code: Callable[[str, Code], bool]

    def update(
        self, requester: Requester, call: Call, submission: Submission, findings: tuple[Finding, ...]
    ) -> tuple[Finding, ...]:
        """ITI-57. Returns the warnings; raises AccessRefused, or RegistryError with every fault found."""
        raise NotImplementedError

    def restricted_update(
        self, requester: Requester, call: Call, submission: Submission, findings: tuple[Finding, ...]
    ) -> tuple[Finding, ...]:
        """ITI-92. Returns the warnings; raises AccessRefused, or RegistryError with every fault found."""
        raise NotImplementedError
