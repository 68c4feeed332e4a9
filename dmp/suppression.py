"""Removal for good, in domains that allow it: metadata (ITI-62) and the bytes of documents (ITI-86).

Source: ITI TF-2 3.62 and 3.86 (Remove Metadata and Documents).
"""

from __future__ import annotations

from collections.abc import Sequence

from audit.event import Call
from dmp.gate import Gate
from dmp.requests import DocumentRequest
from identities.requester import Requester
from registry.errors import Finding


def remove_metadata(gate: Gate, requester: Requester, call: Call, uuids: Sequence[str]) -> tuple[Finding, ...]:
    """Removes the objects of these ids, all or none; returns the warnings. Raises AccessRefused, RegistryError."""
    raise NotImplementedError


def remove_documents(
    gate: Gate, requester: Requester, call: Call, wanted: Sequence[DocumentRequest], repository_unique_id: str
) -> tuple[Finding, ...]:
    """Removes the bytes of these documents, all or none; their metadata stay. Raises AccessRefused, RegistryError."""
    raise NotImplementedError
