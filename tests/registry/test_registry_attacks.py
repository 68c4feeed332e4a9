"""Submissions that nobody sends by mistake: relations that bite their tail, identifiers taken from elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.errors import ErrorCode, Finding, RegistryError
from registry.existing import Existing, RegisteredEntry
from registry.lifecycle import admit
from registry.metadata import AssociationType, AvailabilityStatus, Submission
from schemas.domain import SameUniqueId
from tests.registry.samples import DOSSIER, NOW, association, document, submission, uuid

APND, XFRM, SIGNS = AssociationType.APND, AssociationType.XFRM, AssociationType.SIGNS


def findings(
    item: Submission, existing: Existing | None = None, policy: SameUniqueId = SameUniqueId.REFUSE
) -> tuple[Finding, ...]:
    with pytest.raises(RegistryError) as refused:
        admit(item, existing or Existing(DOSSIER), versions={}, same_unique_id=policy, received=NOW)
    return refused.value.findings


@pytest.mark.parametrize("kind", [APND, XFRM, SIGNS])
def test_a_document_does_not_come_of_itself(kind: AssociationType) -> None:
    own = document()
    (found,) = findings(submission(own, relations=(association(kind, own.entry_uuid, own.entry_uuid),)))
    assert found.code is ErrorCode.XDSRegistryMetadataError
    assert "expected another document, got its own source" in found.context


def test_relations_do_not_lead_back_to_where_they_start() -> None:
    one, two, three = documents = (document("a", 1), document("b", 2), document("c", 3))
    circle = (
        association(XFRM, one.entry_uuid, two.entry_uuid),
        association(XFRM, two.entry_uuid, three.entry_uuid),
        association(SIGNS, three.entry_uuid, one.entry_uuid),
    )
    (found,) = findings(submission(*documents, relations=circle))
    assert (found.code, "a circle" in found.context) == (ErrorCode.XDSRegistryMetadataError, True)
    effects = admit(
        submission(*documents, relations=circle[:2]),
        Existing(DOSSIER),
        versions={},
        same_unique_id=SameUniqueId.REFUSE,
        received=NOW,
    )
    assert len(effects.ids) == len({*effects.ids.values()})


@pytest.mark.parametrize("same", [True, False])
def test_another_patient_s_uniqueid_says_nothing_of_the_content_behind_it(same: bool) -> None:
    own = document()
    taken = RegisteredEntry(
        uuid(9),
        own.unique_id,
        "another dossier",
        AvailabilityStatus.APPROVED,
        hash=own.hash if same else "0" * 40,
        size=own.size,
    )
    existing = replace(Existing(DOSSIER), same_unique_id=(taken,))
    (found,) = findings(submission(own), existing)
    assert found.code is ErrorCode.XDSRegistryMetadataError
    assert found.context.endswith("expected a uniqueId not registered yet, got one that is taken")
