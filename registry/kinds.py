"""The kinds of submission, and the documents that each brings.

Source: ITI TF-2 3.41.4.1.2, 3.42.4.1.2 and 3.61.4.1.2 (message semantics).
"""

from __future__ import annotations

from enum import Enum

from registry.metadata import ObjectType


class SubmissionKind(Enum):
    """The transaction that a submission came by."""

    PROVIDE = "ITI-41"
    REGISTER = "ITI-42"
    REGISTER_ON_DEMAND = "ITI-61"

    @property
    def object_type(self) -> ObjectType:
        """What all its documents are."""
        return ObjectType.ON_DEMAND if self is SubmissionKind.REGISTER_ON_DEMAND else ObjectType.STABLE
