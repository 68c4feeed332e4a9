"""What TD3.3 refuses, through HTTP, and how that sounds: wrong transitions, wrong changes, what is no TD3.3.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD3.3a to TD3.3d; PDT-INF-526 v1.8, rows TD3.3; ITI TF-2 3.57.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conformance.lps.metadata import Visibility
from conformance.lps.vihf import Access
from registry.metadata import Author, Code, DocumentEntry, ObjectType
from schemas import oids
from tests.connectathon import association, folder, submission
from tests.journeys.attributes import (
    APPROVED,
    ARCHIVED,
    DELETED,
    DENIED,
    DEPRECATED,
    MASKED,
    NOBODY_S,
    OPERATION,
    RESTRICTED_UPDATE,
    SET,
    UNMODIFIABLE,
    UNSEEN,
    UNSEEN_BY_PARENTS,
    UPDATE,
    VERSION,
    Desk,
    Practice,
    becoming,
    practice,
    remarked,
)
from tests.journeys.updates import APND, SUBMIT, revision, successor
from tests.journeys.updates import SET as OWN_SET

__all__ = ["practice"]

# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.fixture
def mine(practice: Practice) -> tuple[Desk, DocumentEntry]:
    """An author's desk, and a document of his as it stands."""
    document, desk = practice.document(), practice.desk("medecin")
    return desk, desk.stands(document)


@pytest.mark.parametrize(
    ("original", "new", "code"),
    [
        (APPROVED, DEPRECATED, DENIED),
        (APPROVED, APPROVED, OPERATION),
        (ARCHIVED, APPROVED, UPDATE),
        (ARCHIVED, DELETED, UPDATE),
        (ARCHIVED, ARCHIVED, OPERATION),
        (DEPRECATED, APPROVED, OPERATION),
        (DEPRECATED, ARCHIVED, OPERATION),
        (DEPRECATED, DELETED, OPERATION),
        (DELETED, APPROVED, OPERATION),
        (DELETED, ARCHIVED, OPERATION),
        (DELETED, DELETED, OPERATION),
    ],
)
def test_a_wrong_transition(mine: tuple[Desk, DocumentEntry], original: Any, new: Any, code: str) -> None:
    desk, entry = mine
    assert desk.codes(desk.restated(entry.entry_uuid, original, new)) == {code}
    assert desk.stands(entry.unique_id) == entry


@pytest.mark.parametrize(
    ("changes", "attribute"),
    [
        ({"title": "Un autre titre"}, "title"),
        ({"comments": "Un commentaire"}, "comments"),
        ({"type_code": Code("34112-3", oids.LOINC)}, "typeCode"),
        ({"class_code": Code("31", oids.CLASSE_DOCUMENT)}, "classCode"),
        ({"creation_time": "20250101"}, "creationTime"),
        ({"service_stop_time": "20300101"}, "serviceStopTime"),
        ({"hash": "0" * 40}, "hash"),
        ({"size": 1}, "size"),
        ({"language_code": "art"}, "languageCode"),
        ({"repository_unique_id": "1.2.3"}, "repositoryUniqueId"),
        ({"source_patient_id": "1^^^&1.2.3&ISO^PI"}, "sourcePatientId"),
        ({"unique_id": "1.2.3.4.5.6"}, "uniqueId"),
        ({"authors": (Author(person="8^X^Y^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"),)}, "author"),
        ({"reference_ids": ("1^^^&1.2&ISO^urn:ihe:iti:xds:2013:accession",)}, "referenceIdList"),
        ({"extra_slots": (("urn:example:more", ("x",)),)}, "extra metadata"),
        ({"availability_status": ARCHIVED}, "availabilityStatus"),
        ({"object_type": ObjectType.ON_DEMAND, "hash": "", "size": None, "creation_time": ""}, "objectType"),
    ],
)
def test_nothing_but_marks_is_changed(mine: tuple[Desk, DocumentEntry], changes: Any, attribute: str) -> None:
    desk, entry = mine
    refused = desk.refused(remarked(entry, add=[MASKED], **changes))
    expected = f"DocumentEntry.{attribute}: expected that of the previous version, got another"
    assert (UNMODIFIABLE, expected) in refused
    assert {code for code, _ in refused} == {UNMODIFIABLE}
    assert desk.stands(entry.unique_id) == entry


@pytest.mark.parametrize(
    ("add", "remove", "code"),
    [
        ([UNSEEN], [], UNMODIFIABLE),
        ([UNSEEN_BY_PARENTS, MASKED], [], UNMODIFIABLE),
        ([Code("R", oids.HL7_CONFIDENTIALITY)], [Code("N", oids.HL7_CONFIDENTIALITY)], UNMODIFIABLE),
        ([MASKED], [Code("N", oids.HL7_CONFIDENTIALITY)], UNMODIFIABLE),
        ([], [], OPERATION),
    ],
)
def test_no_other_mark_is_given(
    mine: tuple[Desk, DocumentEntry], add: list[Code], remove: list[Code], code: str
) -> None:
    desk, entry = mine
    assert desk.codes(remarked(entry, add=add, remove=remove)) == {code}
    assert desk.stands(entry.unique_id) == entry


def test_one_action_a_submission(practice: Practice) -> None:
    hidden = Visibility(mask=True, hide_from_patient=True)
    marked, plain, author = practice.document(visibility=hidden), practice.document(), practice.desk("medecin")
    entry, other = author.stands(marked), author.stands(plain)
    seen = successor(entry, confidentiality_codes=(entry.confidentiality_codes[0], MASKED))
    masked = successor(other, confidentiality_codes=(*other.confidentiality_codes, MASKED))
    for sent in (
        remarked(entry, remove=[MASKED, UNSEEN]),
        revision(seen, replace(masked, entry_uuid="Document02"), **SET),
        revision(seen, becoming(other, APPROVED, DELETED), **SET),
        submission(
            becoming(entry, APPROVED, ARCHIVED), becoming(other, APPROVED, DELETED), patient=other.patient_id, **SET
        ),
    ):
        assert author.codes(sent) == {OPERATION}
    assert (author.stands(marked), author.stands(plain)) == (entry, other)


def test_one_hidden_document_stops_the_others(practice: Practice) -> None:
    own, foreign = practice.document(), practice.document("medecin-hospitalier")
    author = practice.desk("medecin")
    both = [becoming(author.stands(each), APPROVED, DELETED) for each in (own, foreign)]
    assert author.codes(submission(*both, patient=practice.patient.cx, **SET)) == {UPDATE}
    assert author.stands(own).availability_status is APPROVED


def test_what_is_no_td3_3_nobody_may(mine: tuple[Desk, DocumentEntry], practice: Practice) -> None:
    desk, entry = mine
    patient = practice.patient.cx
    item = association(APND, entry.entry_uuid, NOBODY_S)
    kept = folder(patient, logical_id=NOBODY_S)
    masked = successor(entry, confidentiality_codes=(*entry.confidentiality_codes, MASKED))
    for sent in (
        submission(association(SUBMIT, OWN_SET, item.entry_uuid), item, patient=patient, **SET),
        revision(kept, **SET),
        revision(masked, kept, **SET),
        revision(masked, becoming(entry, APPROVED, DEPRECATED), **SET),
        submission(patient=patient, **SET),
    ):
        ((code, text),) = desk.refused(sent)
        assert (code, "ITI-57" in text) == (DENIED, True)
    ((code, text),) = desk.refused(remarked(entry, add=[MASKED]), RESTRICTED_UPDATE)
    assert (code, "ITI-92" in text) == (DENIED, True)
    assert desk.stands(entry.unique_id) == entry


def test_only_documents_have_these_attributes(mine: tuple[Desk, DocumentEntry], practice: Practice) -> None:
    """A submission set, or its HasMember, is no document: the answer is that for an unknown object."""
    desk, entry = mine
    found = desk.lps.submission_sets([entry.entry_uuid], practice.patient)
    for uuid in (found.submission_sets[0].entry_uuid, found.associations[0].entry_uuid):
        assert desk.codes(desk.restated(uuid, APPROVED, DELETED)) == {UPDATE}


def test_links_are_not_cut(mine: tuple[Desk, DocumentEntry]) -> None:
    desk, entry = mine
    masked = successor(entry, confidentiality_codes=(*entry.confidentiality_codes, MASKED))
    assert desk.codes(revision(masked, propagation="no", **SET)) == {UNMODIFIABLE}


def test_an_older_version_is_changed_no_more(mine: tuple[Desk, DocumentEntry]) -> None:
    desk, entry = mine
    desk.mark(entry.unique_id, add=[MASKED])
    assert desk.codes(remarked(entry, add=[MASKED])) >= {VERSION}
    assert desk.codes(desk.restated(entry.entry_uuid, APPROVED, DELETED)) == {UPDATE}


@pytest.mark.parametrize("mode", ["centre_15", "bris_de_glace"])
def test_in_an_emergency_nothing_is_masked_or_shown(practice: Practice, mode: str) -> None:
    document = practice.document()
    stands = practice.desk("medecin").stands(document)
    urgent = practice.desk("medecin", Access(mode, "patient inconscient"))
    ((code, text),) = urgent.refused(remarked(stands, add=[MASKED]))
    assert (code, "TD3.3a" in text) == (DENIED, True)
    urgent.change(document, ARCHIVED)
    assert urgent.stands(document).availability_status is ARCHIVED


def test_an_unknown_patient_and_a_closed_door_look_alike(practice: Practice) -> None:
    document = practice.document()
    stands = practice.desk("medecin").stands(document)
    answers = set()
    for number in (3, 5):  # a closed DMP; one that is not open to this doctor
        elsewhere = practice.of(number).desk("medecin")
        answers |= elsewhere.refused(elsewhere.restated(stands.entry_uuid, APPROVED, ARCHIVED))
        sent = remarked(replace(stands, patient_id=elsewhere.patient.cx), add=[MASKED])
        answers |= elsewhere.refused(sent)
    assert len(answers) == 1
    assert {code for code, _ in answers} == {DENIED}


def test_a_document_of_another_patient_is_not_there(practice: Practice) -> None:
    other = practice.of(7)
    document = other.document()
    stands = other.desk("medecin").stands(document)
    desk = practice.desk("medecin")
    assert desk.codes(remarked(replace(stands, patient_id=practice.patient.cx), add=[MASKED])) == {VERSION}
    assert desk.codes(desk.restated(stands.entry_uuid, APPROVED, DELETED)) == {UPDATE}
    assert desk.codes(remarked(stands, add=[MASKED])) == {DENIED}, "the assertion is for another patient"


# --- Documents that are set apart -------------------------------------------------------------------------------------


def test_a_document_of_the_patient_is_for_the_medecin_traitant(practice: Practice) -> None:
    """PDT-INF-526, note *: not even for the professional who deposited it."""

    def of_the_patient(cda: str) -> str:
        place = cda.index('code="11488-4"')
        return cda[:place] + cda[place:].replace("11488-4", "DOCPAT03", 1).replace(oids.LOINC, oids.TYPE_DOCUMENT, 1)

    document = practice.document(edit=of_the_patient)
    depositor = practice.desk("medecin")
    uuid = depositor.stands(document).entry_uuid
    for new in (ARCHIVED, DELETED):
        answer = depositor.refused(depositor.restated(uuid, APPROVED, new))
        assert depositor.events()[0].rule == "document_du_patient"
        unknown = depositor.refused(depositor.restated(NOBODY_S, APPROVED, new))
        assert {(code, text.replace(uuid, NOBODY_S)) for code, text in answer} == unknown
    depositor.mark(document, add=[MASKED])
    practice.desk("medecin-traitant").change(document, ARCHIVED)


def test_a_signature_is_touched_by_nobody(practice: Practice) -> None:
    document, author = practice.document(), practice.desk("medecin")
    (own,) = author.lps.submission_sets([author.stands(document).entry_uuid], practice.patient).submission_sets
    held = author.lps.associations([own.entry_uuid], practice.patient).associations
    (signature,) = (item.source for item in held if item.type.endswith(":signs"))
    (entry,) = author.versions(uuids=[signature])
    for sent in (
        remarked(entry, remove=[MASKED]),
        remarked(entry, remove=[UNSEEN]),
        author.restated(signature, APPROVED, DELETED),
        author.restated(signature, APPROVED, ARCHIVED),
    ):
        assert author.codes(sent) <= {VERSION, UPDATE}
        assert author.events()[0].rule == "document_de_signature"
    assert author.versions(uuids=[signature]) == [entry]
