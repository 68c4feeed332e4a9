"""Submitted associations and changes of status, rule by rule; no database. Source: ITI TF-2 3.57.4.1.3.3."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from registry.metadata import (
    Association,
    AssociationType,
    AvailabilityStatus,
    Code,
)
from registry.versions import Versions
from tests.registry.samples import (
    APPROVED,
    DEPRECATED,
    HAS_MEMBER,
    association,
    document,
    uuid,
)
from tests.registry.update_samples import (
    ANOTHER,
    APND,
    BOTH,
    DOCUMENT,
    FOLDER,
    LINK,
    OPERATION_ERROR,
    OTHER,
    OTHER_PATIENT,
    PACKAGE,
    PATIENT_ERROR,
    REGISTERED,
    REGISTERED_FOLDER,
    RPLC,
    SET,
    SUBMIT,
    UPDATE_ERROR,
    copies,
    faults,
    held,
    holding,
    judge_update,
    link,
    new_document,
    new_folder,
    status_change,
    submitted,
    update,
    version,
)

# --- Submit Association -----------------------------------------------------------------------------------------------


def test_an_association_is_submitted_and_held() -> None:
    """NIST 20001."""
    effects = judge_update(update(*submitted(association(APND, OTHER, DOCUMENT))), holding(REGISTERED, ANOTHER))
    added, member = effects.associations
    assert (added.type, added.source, added.target) == (APND, OTHER, DOCUMENT)
    assert (member.type, member.target) == (HAS_MEMBER, added.entry_uuid)
    assert member.source == effects.submission_set.entry_uuid


def test_a_document_enters_a_folder() -> None:
    effects = judge_update(
        update(*submitted(association(HAS_MEMBER, FOLDER, DOCUMENT))), holding(REGISTERED, REGISTERED_FOLDER)
    )
    assert effects.updated_folders == (FOLDER,)


def test_a_submitted_replacement_replaces() -> None:
    existing = holding(REGISTERED, ANOTHER, derived={DOCUMENT: (uuid(8),)})
    assert judge_update(update(*submitted(association(RPLC, OTHER, DOCUMENT))), existing).replaced == (
        DOCUMENT,
        uuid(8),
    )


OLD = version(document(OTHER, 2), availability_status=DEPRECATED)


@pytest.mark.parametrize(
    ("item", "existing"),
    [
        (association(APND, "Document01", DOCUMENT), BOTH),
        (association(APND, OTHER, uuid(70)), BOTH),
        (association(APND, OTHER, PACKAGE), BOTH),
        (association(HAS_MEMBER, PACKAGE, DOCUMENT), BOTH),
        (association(APND, FOLDER, DOCUMENT), BOTH),
        (association(HAS_MEMBER, DOCUMENT, OTHER), BOTH),
        (association(HAS_MEMBER, FOLDER, FOLDER), BOTH),
        (association(HAS_MEMBER, FOLDER, DOCUMENT, documentation=Code("d", "1")), BOTH),
        (association(APND, DOCUMENT, DOCUMENT), BOTH),
        (association(AssociationType.IS_SNAPSHOT_OF, OTHER, DOCUMENT), BOTH),
        (association(APND, OTHER, DOCUMENT), holding(REGISTERED, OLD)),
        (association(APND, OTHER, DOCUMENT), holding(REGISTERED, replace(ANOTHER, latest=False))),
        (association(APND, OTHER, DOCUMENT), holding(REGISTERED, ANOTHER, transformations=frozenset({DOCUMENT}))),
        (association(APND, OTHER, DOCUMENT), holding(REGISTERED, ANOTHER, links=(link(APND, OTHER, DOCUMENT),))),
        (association(APND, OTHER, DOCUMENT), holding(REGISTERED, ANOTHER, links=(link(APND, DOCUMENT, OTHER),))),
        (
            association(HAS_MEMBER, FOLDER, DOCUMENT),
            holding(REGISTERED, REGISTERED_FOLDER, links=(link(HAS_MEMBER, FOLDER, DOCUMENT),)),
        ),
    ],
)
def test_an_association_that_must_not_be(item: Association, existing: Versions) -> None:
    assert faults(update(*submitted(item)), existing) == {UPDATE_ERROR}


def test_an_association_of_two_patients_is_refused() -> None:
    """NIST 20100a, 20100b."""
    for existing in (
        holding(REGISTERED, replace(ANOTHER, patient=OTHER_PATIENT)),
        holding(replace(REGISTERED, patient=OTHER_PATIENT), replace(ANOTHER, patient=OTHER_PATIENT)),
    ):
        assert faults(update(*submitted(association(APND, OTHER, DOCUMENT))), existing) == {PATIENT_ERROR}


def test_a_link_is_copied_or_submitted_not_both() -> None:
    """NIST 20006, CP-ITI-1029."""
    extra = submitted(association(APND, "Document01", OTHER))
    existing = holding(REGISTERED, ANOTHER)
    assert faults(update(new_document(), *extra), existing) == {OPERATION_ERROR}
    effects = judge_update(update(new_document(), *extra, propagation="no"), existing)
    assert [item.source for item in copies(effects)] == [effects.versions[0].item.entry_uuid]


def test_nothing_links_a_version_that_the_same_submission_supersedes() -> None:
    extra = submitted(association(APND, OTHER, DOCUMENT))
    assert faults(update(new_document(), *extra, propagation="no"), holding(REGISTERED, ANOTHER)) == {UPDATE_ERROR}


def test_a_new_version_is_not_replaced_at_once() -> None:
    extra = submitted(association(RPLC, OTHER, "Document01"))
    assert faults(update(new_document(), *extra, propagation="no"), holding(REGISTERED, ANOTHER)) == {UPDATE_ERROR}


def test_an_association_twice_is_one_too_many() -> None:
    twice = [replace(association(APND, OTHER, DOCUMENT), entry_uuid=name) for name in ("a", "b")]
    assert faults(update(*submitted(*twice)), holding(REGISTERED, ANOTHER)) == {UPDATE_ERROR}


def test_an_association_comes_with_its_operation() -> None:
    lone = association(APND, OTHER, DOCUMENT)
    assert faults(update(lone, new_document()), holding(REGISTERED, ANOTHER)) == {UPDATE_ERROR}
    assert faults(update(association(SUBMIT, SET, "nothing")), BOTH) == {OPERATION_ERROR}
    unheld = (replace(association(SUBMIT, SET, lone.entry_uuid), source=DOCUMENT), lone)
    assert faults(update(*unheld), BOTH) == {OPERATION_ERROR}


# --- Update AvailabilityStatus ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("original", [APPROVED, DEPRECATED])
def test_a_status_changes(original: AvailabilityStatus) -> None:
    """NIST 15802."""
    new = DEPRECATED if original is APPROVED else APPROVED
    for registered in (REGISTERED, REGISTERED_FOLDER):
        there = replace(registered, item=replace(registered.item, availability_status=original))
        uuid_ = there.item.entry_uuid
        (change,) = judge_update(update(status_change(uuid_, original, new)), holding(there)).statuses
        assert (change.entry_uuid, change.kind, change.original, change.new) == (uuid_, type(there.item), original, new)


def test_the_status_of_an_association_changes() -> None:
    existing = holding(REGISTERED, ANOTHER, links=(link(APND, OTHER, DOCUMENT),))
    (change,) = judge_update(update(status_change(LINK)), existing).statuses
    assert (change.entry_uuid, change.kind) == (LINK, Association)


def test_a_folder_whose_membership_changes_is_updated() -> None:
    existing = holding(REGISTERED, REGISTERED_FOLDER, links=(link(HAS_MEMBER, FOLDER, DOCUMENT),))
    assert judge_update(update(status_change(LINK)), existing).updated_folders == (FOLDER,)


def test_a_new_version_may_change_its_status_at_once() -> None:
    """NIST 20003, 20004: a new version is Approved, whatever was sent."""
    sent = new_document(availability_status=DEPRECATED)
    backwards = status_change("Document01", DEPRECATED, APPROVED)
    assert faults(update(sent, backwards), holding(REGISTERED)) == {UPDATE_ERROR}
    effects = judge_update(update(sent, status_change("Document01")), holding(REGISTERED))
    assert effects.versions[0].item.availability_status is DEPRECATED
    folders = judge_update(update(new_folder(), status_change("Folder01")), holding(REGISTERED_FOLDER))
    assert folders.versions[0].item.availability_status is DEPRECATED


def test_a_new_association_may_change_its_status_at_once() -> None:
    """NIST 20005."""
    item = association(APND, OTHER, DOCUMENT)
    effects = judge_update(update(*submitted(item), status_change(item.entry_uuid)), holding(REGISTERED, ANOTHER))
    assert [each.availability_status for each in copies(effects)] == [DEPRECATED]


def slots(**values: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((name, (value,)) for name, value in values.items())


@pytest.mark.parametrize(
    "changes",
    [
        {"extra_slots": slots(OriginalStatus=APPROVED.value, NewStatus=DEPRECATED.value, PreviousVersion="1")},
        {"extra_slots": slots(NewStatus=DEPRECATED.value)},
        {"extra_slots": slots(OriginalStatus=APPROVED.value)},
        {"extra_slots": slots(OriginalStatus=APPROVED.value, NewStatus="Deprecated")},
        {"extra_slots": slots(OriginalStatus="urn:x", NewStatus=DEPRECATED.value)},
        {"extra_slots": slots(OriginalStatus=APPROVED.value, NewStatus=APPROVED.value)},
        {"extra_slots": slots(OriginalStatus=APPROVED.value, NewStatus=AvailabilityStatus.DELETED.value)},
        {"submission_set_status": "Original"},
        {"source": DOCUMENT},
    ],
)
def test_the_slots_of_a_status_change_are_in_order(changes: dict[str, Any]) -> None:
    """NIST 20002."""
    assert faults(update(status_change(DOCUMENT, **changes)), holding(REGISTERED)) == {OPERATION_ERROR}


def test_a_status_changes_once() -> None:
    twice = (status_change(DOCUMENT), replace(status_change(DOCUMENT), entry_uuid="again"))
    assert faults(update(*twice), holding(REGISTERED)) == {OPERATION_ERROR}


@pytest.mark.parametrize(
    ("change", "existing"),
    [
        (status_change(DOCUMENT, DEPRECATED, APPROVED), holding(REGISTERED)),
        (status_change(DOCUMENT), holding(replace(REGISTERED, latest=False))),
        (status_change(uuid(70)), holding(REGISTERED)),
        (status_change("nothing"), holding(REGISTERED)),
        (status_change(PACKAGE), holding(named_sets=frozenset({PACKAGE}))),
        (status_change(LINK), holding(REGISTERED, links=(link(HAS_MEMBER, PACKAGE, DOCUMENT),))),
        (
            status_change(LINK, DEPRECATED, APPROVED),
            holding(
                REGISTERED,
                ANOTHER,
                links=(
                    link(APND, OTHER, DOCUMENT, availability_status=DEPRECATED),
                    link(APND, OTHER, DOCUMENT, uuid(9)),
                ),
            ),
        ),
    ],
    ids=["not its status", "superseded", "unknown", "symbolic", "a set", "membership of a set", "twin"],
)
def test_a_status_that_must_not_change(change: Association, existing: Versions) -> None:
    """NIST 15802b, 20003, 21001."""
    assert faults(update(change), existing) == {UPDATE_ERROR}


def test_a_status_of_another_patient_does_not_change() -> None:
    assert faults(update(status_change(DOCUMENT)), holding(replace(REGISTERED, patient=OTHER_PATIENT))) == {
        PATIENT_ERROR
    }


def test_a_version_and_the_status_of_the_one_before_do_not_go_together() -> None:
    assert faults(update(new_document(), status_change(DOCUMENT)), holding(REGISTERED)) == {UPDATE_ERROR}


def test_a_submission_set_is_not_updated() -> None:
    """NIST 21001."""
    existing = holding(named_sets=frozenset({PACKAGE}))
    assert faults(update(held(PACKAGE), status_change(PACKAGE)), existing) == {UPDATE_ERROR}
