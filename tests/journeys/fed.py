"""What journeys of patient identities do with documents."""

from __future__ import annotations

import pytest

from registry.metadata import DocumentEntry
from tests.connectathon import APPROVED, DEPRECATED, Node, document, submission
from tests.hl7v3 import Patients, cx, new_authority

Pair = tuple[str, str]


@pytest.fixture
def patients(node: Node) -> Patients:
    return Patients(node)


@pytest.fixture
def authority() -> str:
    return new_authority()


def registered(node: Node, patient: Pair, **changes: object) -> DocumentEntry:
    """A document of that patient, in the registry."""
    entry = document(cx(patient), **changes)
    answer = node.register(submission(entry))
    assert answer.success, answer.errors
    return entry


def found(node: Node, patient: Pair) -> set[str]:
    """The uniqueIds that FindDocuments gives for a patient."""
    answer = node.find_documents(cx(patient), APPROVED, DEPRECATED)
    assert answer.success
    return {entry.unique_id for entry in answer.entries}


def refused(node: Node, patient: Pair) -> bool:
    """Whether a submission for that patient is XDSUnknownPatientId."""
    answer = node.register(submission(document(cx(patient))))
    assert answer.success or answer.codes == {"XDSUnknownPatientId"}
    return not answer.success
