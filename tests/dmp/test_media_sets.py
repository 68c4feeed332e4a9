"""What goes on a medium: nothing that an importer would have in another state than here, in an order that works."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.media_sets import (
    Found,
    Reason,
    Selection,
    apart,
    as_patient,
    in_order,
    patients_of,
    restorable,
    together,
    unsigned,
)
from registry.metadata import Association, AssociationType, AvailabilityStatus, DocumentEntry, Submission
from tests.connectathon import association, document, folder, new_oid, new_patient, submission

RPLC, APND, XFRM, SIGNS = (
    AssociationType.RPLC,
    AssociationType.APND,
    AssociationType.XFRM,
    AssociationType.SIGNS,
)
DEPRECATED, ARCHIVED = AvailabilityStatus.DEPRECATED, AvailabilityStatus.ARCHIVED
PATIENT = new_patient()


def uuid(number: int) -> str:
    return f"urn:uuid:00000000-0000-4000-8000-{number:012d}"


def entry(number: int, status: AvailabilityStatus = AvailabilityStatus.APPROVED, **changes: object) -> DocumentEntry:
    return document(PATIENT, uuid(number), availability_status=status, logical_id=uuid(number), **changes)


def found(*items: DocumentEntry | Association) -> Found:
    """A dossier in which each document came in a submission of its own."""
    entries = tuple(item for item in items if isinstance(item, DocumentEntry))
    related = tuple(item for item in items if isinstance(item, Association))
    sets, held = [], []
    for number, each in enumerate(entries):
        submitted = submission(each, entry_uuid=uuid(1000 + number), submission_time=f"2026010101{number:02d}00")
        sets.append(replace(submitted.submission_set, entry_uuid=uuid(1000 + number)))
        held.append(replace(submitted.associations[0], source=uuid(1000 + number)))
    return Found(entries, tuple(sets), (*related, *held))


def kept(dossier: Found) -> tuple[list[str], list[Reason]]:
    entries, left = restorable(dossier, [each.unique_id for each in dossier.entries])
    return [each.entry_uuid for each in entries], [each.reason for each in left]


# --- Which documents --------------------------------------------------------------------------------------------------


def test_obsolete_documents_go_apart() -> None:
    assert Selection(obsolete=True).by_submission
    assert DEPRECATED not in Selection().statuses
    assert AvailabilityStatus.DELETED not in Selection(obsolete=True, archived=True).statuses


def test_a_document_of_another_repository_is_left_out() -> None:
    dossier = found(entry(1), entry(2))
    entries, left = restorable(dossier, [dossier.entries[0].unique_id])
    assert [each.entry_uuid for each in entries] == [uuid(1)]
    assert [(each.entry.entry_uuid, each.reason) for each in left] == [(uuid(2), Reason.ELSEWHERE)]


def test_one_entry_stands_for_a_document() -> None:
    same = new_oid()
    dossier = found(entry(1, unique_id=same, version=2), entry(2, unique_id=same), entry(3, DEPRECATED, unique_id=same))
    assert kept(dossier) == ([uuid(1)], [Reason.SAME_DOCUMENT] * 2)


def test_an_obsolete_document_goes_with_what_replaced_it() -> None:
    replaced = found(entry(1, DEPRECATED), entry(2), association(RPLC, uuid(2), uuid(1)))
    assert kept(replaced) == ([uuid(1), uuid(2)], [])
    assert kept(found(entry(1, DEPRECATED), entry(2))) == ([uuid(2)], [Reason.NOT_REPLACED_HERE])


def test_an_obsolete_addendum_goes_with_its_replaced_document() -> None:
    addendum = association(APND, uuid(3), uuid(1))
    dossier = found(entry(1, DEPRECATED), entry(2), entry(3, DEPRECATED), association(RPLC, uuid(2), uuid(1)), addendum)
    assert kept(dossier)[0] == [uuid(1), uuid(2), uuid(3)]
    assert kept(found(entry(1), entry(3, DEPRECATED), addendum))[0] == [uuid(1)]


# --- Together ---------------------------------------------------------------------------------------------------------


def test_together_is_one_submission_in_order() -> None:
    signs, elsewhere = association(SIGNS, uuid(2), uuid(1)), association(RPLC, uuid(1), uuid(9))
    dossier = found(entry(1), entry(2), signs, elsewhere)
    own = submission(document(PATIENT)).submission_set
    submitted = together(dossier.entries, dossier.associations, own)
    names = [each.entry_uuid for each in submitted.entries]
    assert names == ["Document00001", "Document00002"]
    members = [each for each in submitted.associations if each.type is AssociationType.HAS_MEMBER]
    assert [(each.source, each.target) for each in members] == [(own.entry_uuid, name) for name in names]
    (related,) = [each for each in submitted.associations if each not in members]
    assert (related.type, related.source, related.target) == (SIGNS, names[1], names[0])
    assert [each.logical_id for each in submitted.entries] == ["", ""]


def test_together_a_signature_of_another_set_is_left_out() -> None:
    dossier = found(entry(1), entry(2), association(SIGNS, uuid(2), uuid(1001)), association(SIGNS, uuid(1), uuid(2)))
    entries, left = unsigned(dossier, dossier.entries)
    assert [each.entry_uuid for each in entries] == [uuid(1)]
    assert [(each.entry.entry_uuid, each.reason) for each in left] == [(uuid(2), Reason.SIGNATURE)]


def test_together_everything_is_of_the_patient_of_the_set() -> None:
    former = entry(1, patient_id=new_patient())
    own = submission(document(PATIENT)).submission_set
    (written,) = together([former], (), own).entries
    assert (written.patient_id, written.source_patient_id) == (PATIENT, former.source_patient_id)


# --- Apart ------------------------------------------------------------------------------------------------------------


def test_apart_are_the_original_sets_with_their_ids() -> None:
    dossier = found(entry(1), entry(2))
    submissions = apart(dossier, dossier.entries, PATIENT)
    assert [each.submission_set.unique_id for each in submissions] == [own.unique_id for own in dossier.sets]
    assert [[held.entry_uuid for held in each.entries] for each in submissions] == [[uuid(1)], [uuid(2)]]


def test_apart_a_replacement_comes_after_what_it_replaces() -> None:
    dossier = found(entry(2), entry(1, DEPRECATED), association(RPLC, uuid(2), uuid(1)))  # by its time it came before
    submissions = apart(dossier, dossier.entries, PATIENT)
    assert [each.entries[0].entry_uuid for each in submissions] == [uuid(1), uuid(2)]
    assert [item.type for item in submissions[1].associations] == [AssociationType.HAS_MEMBER, RPLC]


def test_apart_a_later_reference_does_not_move_a_document() -> None:
    dossier = found(entry(1), entry(2))
    reference = Association(uuid(50), AssociationType.HAS_MEMBER, uuid(1001), uuid(1), "Reference")
    dossier = replace(dossier, associations=(reference, *dossier.associations))
    assert len(apart(dossier, dossier.entries, PATIENT)) == 2


def test_apart_a_signature_goes_with_the_set_that_it_signs() -> None:
    signs = association(SIGNS, uuid(1), uuid(1000))
    dossier = found(entry(1), signs)
    (submitted,) = apart(dossier, dossier.entries, PATIENT)
    assert signs in submitted.associations


def test_apart_submission_times_are_different() -> None:
    dossier = found(entry(1), entry(2), entry(3))
    same = tuple(replace(own, submission_time="20260101") for own in dossier.sets)
    times = [
        each.submission_set.submission_time for each in apart(replace(dossier, sets=same), dossier.entries, PATIENT)
    ]
    assert times == ["20260101", "20260101000001", "20260101000002"]


# --- Order ------------------------------------------------------------------------------------------------------------


def one(number: int, *related: Association) -> Submission:
    submitted = submission(entry(number), submission_time="2026")
    return replace(submitted, associations=(*submitted.associations, *related))


@given(st.randoms(use_true_random=False))
def test_what_replaces_comes_after_everything_said_of_what_it_replaces(chance: random.Random) -> None:
    chain = [
        one(1),
        one(2, association(APND, uuid(2), uuid(1))),
        one(3, association(XFRM, uuid(3), uuid(2))),
        one(4, association(RPLC, uuid(4), uuid(1))),
        one(5, association(RPLC, uuid(5), uuid(4))),
    ]
    shuffled = chance.sample(chain, len(chain))
    assert in_order(shuffled) == tuple(chain)


def test_symbolic_ids_say_nothing_beyond_their_submission() -> None:
    first = submission(document(PATIENT), submission_time="2025")
    second = submission(document(PATIENT), association(SIGNS, "Document01", "Document01"), submission_time="2026")
    assert in_order([second, first]) == (first, second)


def test_attack_a_circle_has_no_order() -> None:
    circle = [one(1, association(RPLC, uuid(1), uuid(2))), one(2, association(RPLC, uuid(2), uuid(1)))]
    assert len(in_order(circle)) == 2


# --- Patients ---------------------------------------------------------------------------------------------------------


def test_reconciliation_keeps_what_the_source_called_the_patient() -> None:
    read = submission(document(PATIENT, source_patient_id=""), folder(PATIENT))
    reconciled = as_patient(read, "9^^^&1.2.3&ISO")
    assert {reconciled.submission_set.patient_id, reconciled.folders[0].patient_id} == {"9^^^&1.2.3&ISO"}
    assert [(each.patient_id, each.source_patient_id) for each in reconciled.entries] == [("9^^^&1.2.3&ISO", PATIENT)]


@pytest.mark.parametrize("spelling", ["1^^^&1.2&ISO", "1^^^&1.2&ISO^NH", "1^^^X&1.2&ISO"])
def test_a_patient_is_known_by_id_and_authority(spelling: str) -> None:
    one_, other = (submission(document(patient)) for patient in ("1^^^&1.2&ISO", spelling))
    assert len(patients_of([one_, other])) == 1
