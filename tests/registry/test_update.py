"""New versions by a metadata update, rule by rule; no database. Source: XDS Metadata Update, ITI TF-2 3.57.4.1.3."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from registry.errors import ErrorCode
from registry.existing import is_uuid
from registry.metadata import (
    AssociationType,
    Code,
    Folder,
    ObjectType,
)
from registry.versions import Versions
from tests.registry.samples import (
    APPROVED,
    DEPRECATED,
    DOSSIER,
    HAS_MEMBER,
    document,
    folder,
    uuid,
)
from tests.registry.update_samples import (
    ANOTHER,
    APND,
    DOCUMENT,
    ELSEWHERE,
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
    SIGNS,
    UPDATE_ERROR,
    VERSION_ERROR,
    copies,
    faults,
    held,
    holding,
    judge_update,
    link,
    new_document,
    new_folder,
    status_change,
    update,
    version,
)

# --- Update DocumentEntry, Update Folder ------------------------------------------------------------------------------


def test_a_new_version_follows_the_one_before() -> None:
    effects = judge_update(update(new_document(title="Corrected")), holding(REGISTERED))
    (new,) = effects.versions
    assert (new.item.version, new.item.logical_id, new.item.availability_status) == (2, DOCUMENT, APPROVED)
    assert new.item.title == "Corrected"
    assert is_uuid(new.item.entry_uuid)
    assert new.item.entry_uuid != DOCUMENT
    assert new.previous == REGISTERED
    (member,) = effects.associations
    assert (member.source, member.target) == (effects.submission_set.entry_uuid, new.item.entry_uuid)
    assert dict(member.extra_slots)["PreviousVersion"] == ("1",)


def test_a_logical_id_in_capitals_is_the_same() -> None:
    existing = holding(version(document("urn:uuid:abcdef00-0000-4000-8000-000000000001")))
    sent = document(logical_id="urn:uuid:ABCDEF00-0000-4000-8000-000000000001")
    (new,) = judge_update(update(sent), existing).versions
    assert new.item.logical_id == "urn:uuid:abcdef00-0000-4000-8000-000000000001"


def test_a_status_that_was_sent_says_nothing() -> None:
    effects = judge_update(update(new_document(availability_status=DEPRECATED)), holding(REGISTERED))
    assert effects.versions[0].item.availability_status is APPROVED


def test_an_unknown_logical_id_is_no_version() -> None:
    """NIST 15800b."""
    assert faults(update(new_document()), Versions(DOSSIER)) == {VERSION_ERROR}


def test_a_version_number_that_was_sent_says_nothing() -> None:
    effects = judge_update(update(held("Document01", 1), new_document(version=7)), holding(REGISTERED))
    assert effects.versions[0].item.version == 2


@pytest.mark.parametrize("lid", ["", "Document01"])
def test_an_initial_version_is_no_update(lid: str) -> None:
    """NIST 15800c, 20000b."""
    assert faults(update(document(logical_id=lid)), holding(REGISTERED)) == {UPDATE_ERROR}
    assert faults(update(folder(logical_id=lid and "Folder01")), holding(REGISTERED_FOLDER)) == {UPDATE_ERROR}


def test_a_symbolic_logical_id_is_no_update() -> None:
    assert faults(update(document(logical_id="Document02")), holding(REGISTERED)) == {UPDATE_ERROR}


@pytest.mark.parametrize("previous", [2, 7])
def test_previous_version_is_the_newest(previous: int) -> None:
    """NIST 15800e, 20000c."""
    assert faults(update(held("Document01", previous), new_document()), holding(REGISTERED)) == {VERSION_ERROR}
    assert faults(update(held("Folder01", previous), new_folder()), holding(REGISTERED_FOLDER)) == {VERSION_ERROR}


def test_a_version_superseded_while_we_waited_is_not_the_newest() -> None:
    existing = holding(replace(REGISTERED, latest=False))
    assert VERSION_ERROR in faults(update(new_document()), existing)


def test_the_version_before_is_approved() -> None:
    for item, registered in ((new_document(), REGISTERED), (new_folder(), REGISTERED_FOLDER)):
        deprecated = replace(registered, item=replace(registered.item, availability_status=DEPRECATED))
        assert faults(update(item), holding(deprecated)) == {UPDATE_ERROR}


def test_unique_id_and_object_type_stay() -> None:
    assert faults(update(new_document(number=9)), holding(REGISTERED)) == {UPDATE_ERROR}
    assert faults(update(new_folder(number=9)), holding(REGISTERED_FOLDER)) == {UPDATE_ERROR}
    assert faults(update(new_document(object_type=ObjectType.ON_DEMAND)), holding(REGISTERED)) == {UPDATE_ERROR}


def test_a_folder_is_no_version_of_a_document() -> None:
    assert faults(update(folder(logical_id=DOCUMENT)), holding(REGISTERED)) == {VERSION_ERROR}


def test_one_update_of_a_logical_object() -> None:
    """NIST 20007: PreviousVersion of the second is not judged."""
    twice = update(new_document(), document("Document02", logical_id=DOCUMENT, version=2))
    codes = faults(twice, holding(REGISTERED))
    assert codes == {OPERATION_ERROR, ErrorCode.XDSRegistryDuplicateUniqueIdInMessage}


def test_a_new_version_is_held_once() -> None:
    item = update(new_document())
    assert faults(replace(item, associations=()), holding(REGISTERED)) == {UPDATE_ERROR}
    twice = (*item.associations, replace(item.associations[0], entry_uuid="another"))
    assert faults(replace(item, associations=twice), holding(REGISTERED)) == {UPDATE_ERROR}


@pytest.mark.parametrize(
    "changes",
    [
        {"extra_slots": ()},
        {"extra_slots": (("PreviousVersion", ("no",)),)},
        {"extra_slots": (("PreviousVersion", ("0",)),)},
        {"extra_slots": (("PreviousVersion", ("1", "1")),)},
        {"extra_slots": (("PreviousVersion", ("1",)), ("AssociationPropagation", ("maybe",)))},
        {"extra_slots": (("PreviousVersion", ("1",)), ("OriginalStatus", (APPROVED.value,)))},
        {"submission_set_status": ""},
        {"submission_set_status": "Reference"},
        {"submission_set_status": "Duplicate"},
        {"documentation": Code("d", "1.2.3")},
    ],
)
def test_the_slots_of_a_new_version_are_in_order(changes: dict[str, Any]) -> None:
    """NIST 20002b."""
    assert faults(update(held("Document01", **changes), new_document()), holding(REGISTERED)) == {OPERATION_ERROR}


def test_a_folder_needs_no_submission_set_status() -> None:
    (new,) = judge_update(
        update(held("Folder01", submission_set_status=""), new_folder()), holding(REGISTERED_FOLDER)
    ).versions
    assert isinstance(new.item, Folder)
    assert new.item.last_update_time == "20250101000000"


def test_a_uuid_and_a_submission_set_are_new() -> None:
    sent = update(new_document())
    taken = holding(REGISTERED, taken_unique_ids=frozenset({sent.submission_set.unique_id}))
    assert faults(sent, taken) == {ErrorCode.XDSDuplicateUniqueIdInRegistry}
    sent = update(document(OTHER, logical_id=DOCUMENT))
    assert faults(sent, holding(REGISTERED, entry_uuids=frozenset({OTHER}))) == {ErrorCode.XDSRegistryMetadataError}


def test_nothing_to_do_is_no_update() -> None:
    assert faults(update(), Versions(DOSSIER)) == {UPDATE_ERROR}


def test_every_fault_is_told() -> None:
    codes = faults(update(new_document(number=8), held("Document01", 5), status_change(uuid(77))), holding(REGISTERED))
    assert codes == {UPDATE_ERROR, VERSION_ERROR}


# --- Patients ---------------------------------------------------------------------------------------------------------
def test_new_versions_are_of_the_patient_of_the_set() -> None:
    assert faults(update(new_document(patient_id=ELSEWHERE)), holding(REGISTERED)) == {PATIENT_ERROR}
    assert faults(update(new_folder(patient_id=ELSEWHERE)), holding(REGISTERED_FOLDER)) == {PATIENT_ERROR}


def test_an_unconnected_object_goes_to_another_patient() -> None:
    """NIST 21002, 21003."""
    for item, registered in ((new_document(), REGISTERED), (new_folder(), REGISTERED_FOLDER)):
        there = replace(registered, patient=OTHER_PATIENT)
        (new,) = judge_update(update(item), holding(there)).versions
        assert new.previous.patient == OTHER_PATIENT


def test_a_connected_object_stays() -> None:
    there = [replace(each, patient=OTHER_PATIENT) for each in (REGISTERED, ANOTHER)]
    existing = holding(*there, links=(link(APND, OTHER, DOCUMENT),))
    assert faults(update(new_document()), existing) == {PATIENT_ERROR}
    effects = judge_update(update(new_document(), propagation="no"), existing)
    assert [item.type for item in effects.associations] == [HAS_MEMBER]


# --- Association propagation ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [kind for kind in AssociationType if kind.value.endswith(("RPLC", "APND", "XFRM", "signs", "Of"))]
)
def test_relationships_follow_the_new_version(kind: AssociationType) -> None:
    for ends in ((DOCUMENT, OTHER), (OTHER, DOCUMENT)):
        existing = holding(REGISTERED, ANOTHER, links=(link(kind, *ends, documentation=Code("d", "1.2.3")),))
        effects = judge_update(update(new_document()), existing)
        (copy,) = copies(effects)
        new = effects.versions[0].item.entry_uuid
        assert (copy.source, copy.target) == tuple(new if end == DOCUMENT else end for end in ends)
        assert (copy.type, copy.documentation) == (kind, Code("d", "1.2.3"))
        assert is_uuid(copy.entry_uuid)
        assert copy.entry_uuid != LINK


def test_a_relationship_with_a_deprecated_document_follows() -> None:
    """What replaces a document replaces it in every version."""
    replaced = version(document(OTHER, 2), availability_status=DEPRECATED)
    effects = judge_update(update(new_document()), holding(REGISTERED, replaced, links=(link(RPLC, DOCUMENT, OTHER),)))
    assert [(item.type, item.target) for item in copies(effects)] == [(RPLC, OTHER)]


def test_a_new_version_is_in_the_folders_of_the_one_before() -> None:
    existing = holding(REGISTERED, REGISTERED_FOLDER, links=(link(HAS_MEMBER, FOLDER, DOCUMENT),))
    effects = judge_update(update(new_document()), existing)
    (copy,) = copies(effects)
    assert (copy.source, copy.target) == (FOLDER, effects.versions[0].item.entry_uuid)
    assert effects.updated_folders == (FOLDER,)


def test_a_new_folder_has_the_documents_of_the_one_before() -> None:
    """NIST 20000d: the submission set holds the folder, and no copy."""
    existing = holding(REGISTERED, REGISTERED_FOLDER, links=(link(HAS_MEMBER, FOLDER, DOCUMENT),))
    effects = judge_update(update(new_folder()), existing)
    (copy,) = copies(effects)
    (new,) = effects.versions
    assert (copy.source, copy.target) == (new.item.entry_uuid, DOCUMENT)
    assert isinstance(new.item, Folder)
    assert new.item.last_update_time == "20250101000000"
    assert len(effects.associations) == 2
    assert effects.updated_folders == ()


def test_without_propagation_nothing_follows() -> None:
    """NIST 20000e."""
    links = (link(HAS_MEMBER, FOLDER, DOCUMENT), link(APND, OTHER, DOCUMENT, uuid(9)))
    existing = holding(REGISTERED, ANOTHER, REGISTERED_FOLDER, links=links)
    assert copies(judge_update(update(new_document(), propagation="no"), existing)) == []
    assert copies(judge_update(update(new_folder(), propagation="no"), existing)) == []
    assert len(copies(judge_update(update(new_document(), propagation="yes"), existing))) == 2


@pytest.mark.parametrize(
    "existing",
    [
        holding(REGISTERED, ANOTHER, links=(link(APND, OTHER, DOCUMENT, availability_status=DEPRECATED),)),
        holding(REGISTERED, replace(ANOTHER, latest=False), links=(link(APND, OTHER, DOCUMENT),)),
        holding(
            REGISTERED,
            version(folder(FOLDER), availability_status=DEPRECATED),
            links=(link(HAS_MEMBER, FOLDER, DOCUMENT),),
        ),
        holding(REGISTERED, links=(link(HAS_MEMBER, PACKAGE, DOCUMENT),), neighbour_sets=frozenset({PACKAGE})),
    ],
    ids=["deprecated association", "older version", "deprecated folder", "held by a submission set"],
)
def test_what_does_not_follow(existing: Versions) -> None:
    assert copies(judge_update(update(new_document()), existing)) == []


def test_a_signature_of_a_submission_set_follows() -> None:
    existing = holding(REGISTERED, links=(link(SIGNS, DOCUMENT, PACKAGE),), neighbour_sets=frozenset({PACKAGE}))
    assert [item.target for item in copies(judge_update(update(new_document()), existing))] == [PACKAGE]


def test_both_ends_updated_are_linked_once() -> None:
    existing = holding(REGISTERED, REGISTERED_FOLDER, links=(link(HAS_MEMBER, FOLDER, DOCUMENT),))
    effects = judge_update(update(new_document(), new_folder()), existing)
    (copy,) = copies(effects)
    entry, package = (each.item for each in effects.versions)
    assert (copy.source, copy.target) == (package.entry_uuid, entry.entry_uuid)
    assert isinstance(package, Folder)
    assert package.last_update_time == "20260301120030"
