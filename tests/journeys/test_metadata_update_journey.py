"""Metadata update through HTTP: what is updated is found, what was stays in the older version, refusals change nothing.

Source: XDS Metadata Update (ITI-57), Restricted Metadata Update (ITI-92); NIST XDS Toolkit, tests 15800 to 15802, 20000
to 20008, 21000 to 21003, 40000, 40001 and 12319.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from audit.event import Call, Outcome
from dmp.mise_a_jour import MiseAJour
from identities.ins import read_cx
from identities.requester import Authentication, Requester
from registry.errors import ErrorCode, RegistryError
from registry.metadata import (
    AvailabilityStatus,
    Code,
    Folder,
    ObjectType,
)
from server.house import House
from tests.connectathon import (
    APPROVED,
    DEPRECATED,
    Answer,
    Node,
    association,
    document,
    new_patient,
    submission,
)
from tests.journeys.updates import (
    APND,
    GET_FOLDER_AND_CONTENTS,
    GET_RELATED,
    HAS_MEMBER,
    MODES,
    SET,
    SUBMIT,
    associations,
    every_version,
    folders,
    in_a_folder,
    registered,
    revision,
    status_change,
    successor,
    updated,
)

# --- Update DocumentEntry ---------------------------------------------------------------------------------------------


@pytest.mark.proves("transaction/ITI-57", "transaction/ITI-92", "update/entry")
@MODES
def test_both_versions_are_there(node: Node, restricted: bool) -> None:
    """NIST 15800, 40000."""
    first = registered(node, new_patient())
    updated(node, revision(successor(first, title="Corrected")), restricted=restricted)
    old, new = every_version(node, first.unique_id).entries
    assert (old.entry_uuid, old.logical_id, old.version) == (first.entry_uuid, first.entry_uuid, 1)
    assert (new.logical_id, new.version, new.title) == (first.entry_uuid, 2, "Corrected")
    assert new.entry_uuid != first.entry_uuid
    assert (old.availability_status, new.availability_status) == (
        AvailabilityStatus.DEPRECATED,
        AvailabilityStatus.APPROVED,
    )


@pytest.mark.proves("update/latest")
def test_a_search_finds_the_newest_version_only(node: Node) -> None:
    patient = new_patient()
    first = registered(node, patient)
    updated(node, revision(successor(first)))
    assert [entry.version for entry in node.find_documents(patient, APPROVED, DEPRECATED).entries] == [2]


@pytest.mark.proves("update/required")
@MODES
@pytest.mark.parametrize("attribute", ["class_code", "creation_time", "format_code", "hash", "size", "language_code"])
def test_an_incomplete_version_is_refused(node: Node, attribute: str, restricted: bool) -> None:
    """NIST 15800d, 40000d."""
    first = registered(node, new_patient())
    missing: Any = {"class_code": Code("", ""), "format_code": Code("", ""), "size": None}.get(attribute, "")
    answer = node.update(revision(successor(first, **{attribute: missing})), restricted=restricted)
    assert answer.codes == {"XDSRegistryMetadataError"}
    assert len(every_version(node, first.unique_id).entries) == 1


def test_an_on_demand_document_is_updated(node: Node) -> None:
    """NIST toolkit issue 608."""
    changes: dict[str, Any] = {"object_type": ObjectType.ON_DEMAND, "hash": "", "size": None, "creation_time": ""}
    sent = document(new_patient(), **changes)
    answer = node.register_on_demand(submission(sent))
    assert answer.success, answer.errors
    (first,) = every_version(node, sent.unique_id).entries
    updated(node, revision(successor(first, title="Corrected")))
    assert [(each.version, each.object_type) for each in every_version(node, sent.unique_id).entries] == [
        (1, ObjectType.ON_DEMAND),
        (2, ObjectType.ON_DEMAND),
    ]
    stable = successor(first, version=2, **{name: getattr(document("x"), name) for name in changes})
    assert node.update(revision(stable)).codes == {"XDSMetadataUpdateError"}


# --- Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.proves("update/previous-version")
@MODES
def test_an_older_version_is_not_updated(node: Node, restricted: bool) -> None:
    """NIST 15800e, 40000e, 12319."""
    first = registered(node, new_patient())
    updated(node, revision(successor(first)))
    answer = node.update(revision(successor(first, title="Late")), restricted=restricted)
    assert (answer.status, answer.codes) == ("Failure", {"XDSMetadataVersionError"})
    assert len(every_version(node, first.unique_id).entries) == 2


@pytest.mark.proves("update/previous-version")
@MODES
def test_what_is_not_there_is_not_updated(node: Node, restricted: bool) -> None:
    """NIST 15800b, 40000b."""
    unknown = "urn:uuid:7b3dd3f5-1111-4222-8333-944444444444"
    answer = node.update(revision(document(new_patient(), logical_id=unknown)), restricted=restricted)
    assert answer.codes == {"XDSMetadataVersionError"}


@pytest.mark.proves("update/initial-version")
def test_a_first_version_is_not_registered_by_an_update(node: Node) -> None:
    """NIST 15800c, 40000c: the same message as ITI-42, with another action."""
    patient = new_patient()
    sent = document(patient)
    assert "XDSMetadataUpdateError" in node.update(submission(sent)).codes
    assert "XDSInvalidRequestException" in node.update(submission(sent), restricted=True).codes
    assert node.find_documents(patient).objects == ()


@pytest.mark.proves("update/initial-version")
def test_an_update_is_not_registered_as_a_submission(node: Node) -> None:
    """NIST 21000."""
    first = registered(node, new_patient())
    for sent in (revision(successor(first)), submission(status_change(first.entry_uuid), patient=first.patient_id)):
        for port in (node.register, node.register_on_demand, lambda item: node.provide(item, {"Document01": b"hello"})):
            answer = port(sent)
            assert answer.status == "Failure"
            assert answer.codes & {"XDSRegistryMetadataError", "XDSRepositoryMetadataError"}, answer.errors
    assert len(every_version(node, first.unique_id).entries) == 1


@pytest.mark.proves("update/restricted")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"repository_unique_id": "1.2.3"}, "UnmodifiableMetadataError"),
        ({"source_patient_id": "1^^^&1.2.3&ISO"}, "UnmodifiableMetadataError"),
        ({"document_availability": "urn:ihe:iti:2010:DocumentAvailability:Offline"}, "UnmodifiableMetadataError"),
        ({"availability_status": AvailabilityStatus.DEPRECATED}, "UnmodifiableMetadataError"),
        ({"unique_id": "1.2.3.4.5"}, "XDSMetadataIdentifierError"),
    ],
)
def test_a_restricted_update_names_the_object_of_a_fault(node: Node, changes: dict[str, Any], code: str) -> None:
    """NIST 40001b; ITI TF-2 3.92.4.2."""
    first = registered(node, new_patient())
    answer = node.update(revision(successor(first, **changes)), restricted=True)
    ((got, severity, _, context),) = answer.errors
    assert (got, severity) == (code, "Error")
    assert "Document01" in context
    assert first.logical_id in context


@pytest.mark.proves("update/restricted")
def test_a_restricted_update_does_not_change_the_patient(node: Node) -> None:
    first = registered(node, new_patient())
    answer = node.update(revision(successor(first, patient_id=new_patient())), restricted=True)
    assert answer.codes == {"XDSPatientIDReconciliationError"}


@pytest.mark.proves("update/atomic")
def test_nothing_of_a_refused_update_is_done(node: Node) -> None:
    patient = new_patient()
    first, second = registered(node, patient), registered(node, patient)
    answer = node.update(revision(successor(first), replace(successor(second, version=7), entry_uuid="Document02")))
    assert answer.codes == {"XDSMetadataVersionError"}
    assert sorted(entry.version for entry in node.find_documents(patient).entries) == [1, 1]


# --- Folders and links ------------------------------------------------------------------------------------------------


def contents(node: Node, kept: Folder, level: int = 1) -> Answer:
    slots = {"$XDSFolderUniqueId": [f"'{kept.unique_id}'"], "$MetadataLevel": [str(level)]}
    if level > 1:
        slots["$XDSAssociationStatus"] = [f"('{APPROVED}','{DEPRECATED}')"]
    return node.query(GET_FOLDER_AND_CONTENTS, slots)


@pytest.mark.proves("update/folder", "update/propagation")
def test_a_new_folder_keeps_its_documents(node: Node) -> None:
    """NIST 20000d."""
    kept, _ = in_a_folder(node, new_patient())
    updated(node, revision(replace(kept, entry_uuid="Folder01", title="Corrected")))
    found = contents(node, kept)
    assert ([each.version for each in folders(found)], len(found.entries)) == ([2], 2)
    assert {item.source for item in associations(found)} == {folders(found)[0].entry_uuid}


@pytest.mark.proves("update/propagation")
def test_a_new_folder_without_propagation_is_empty(node: Node) -> None:
    """NIST 20000e."""
    kept, _ = in_a_folder(node, new_patient())
    updated(node, revision(replace(kept, entry_uuid="Folder01"), propagation="no"))
    found = contents(node, kept)
    assert ([each.version for each in folders(found)], found.entries, associations(found)) == ([2], (), [])


@pytest.mark.proves("update/propagation")
def test_a_new_document_is_in_its_folder(node: Node) -> None:
    kept, (first, second) = in_a_folder(node, new_patient())
    updated(node, revision(successor(first, title="Corrected")))
    found = contents(node, kept)
    assert {(entry.logical_id, entry.version) for entry in found.entries} == {
        (first.entry_uuid, 2),
        (second.entry_uuid, 1),
    }


@pytest.mark.proves("update/submit-association", "update/status")
def test_a_relationship_is_submitted_deprecated_and_approved_again(node: Node) -> None:
    """NIST 20001."""
    patient = new_patient()
    first, second = registered(node, patient), registered(node, patient)
    item = association(APND, second.entry_uuid, first.entry_uuid)
    updated(node, submission(association(SUBMIT, SET, item.entry_uuid), item, patient=patient))
    slots = {"$XDSDocumentEntryEntryUUID": [f"'{first.entry_uuid}'"], "$AssociationTypes": [f"('{APND.value}')"]}
    (added,) = associations(node.query(GET_RELATED, slots))
    assert (added.source, added.target) == (second.entry_uuid, first.entry_uuid)
    updated(node, submission(status_change(added.entry_uuid), patient=patient))
    assert node.query(GET_RELATED, slots).objects == ()
    updated(node, submission(status_change(added.entry_uuid, DEPRECATED, APPROVED), patient=patient))
    assert len(associations(node.query(GET_RELATED, slots))) == 1


@pytest.mark.proves("update/submit-association")
def test_a_document_that_is_in_a_folder_enters_it_no_more(node: Node) -> None:
    """NIST 20008."""
    patient = new_patient()
    kept, (first, _) = in_a_folder(node, patient)
    item = association(HAS_MEMBER, kept.entry_uuid, first.entry_uuid)
    sent = submission(association(SUBMIT, SET, item.entry_uuid), patient=patient)
    answer = node.update(replace(sent, associations=(*sent.associations, item)))
    assert answer.codes == {"XDSMetadataUpdateError"}


# --- Status -----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("update/status", "update/deprecated")
def test_a_document_is_deprecated_and_approved_again(node: Node) -> None:
    """NIST 15802."""
    patient = new_patient()
    first = registered(node, patient)
    updated(node, submission(status_change(first.entry_uuid), patient=patient))
    assert node.find_documents(patient).objects == ()
    (found,) = node.find_documents(patient, DEPRECATED).entries
    assert found.availability_status is AvailabilityStatus.DEPRECATED
    assert node.update(revision(successor(first))).codes == {"XDSMetadataUpdateError"}
    updated(node, submission(status_change(first.entry_uuid, DEPRECATED, APPROVED), patient=patient))
    assert len(node.find_documents(patient).entries) == 1


@pytest.mark.proves("update/deprecated")
def test_a_restricted_update_leaves_a_deprecated_document_deprecated(node: Node) -> None:
    """NIST 12319."""
    patient = new_patient()
    first = registered(node, patient)
    updated(node, submission(status_change(first.entry_uuid), patient=patient))
    codes = (Code("R", "2.16.840.1.113883.5.25"),)
    updated(node, revision(successor(first, confidentiality_codes=codes)), restricted=True)
    (found,) = node.find_documents(patient, DEPRECATED).entries
    assert (found.version, found.confidentiality_codes) == (2, codes)


# --- Behind the wire --------------------------------------------------------------------------------------------------


@MODES
def test_an_update_is_recorded_with_what_it_touched(node: Node, restricted: bool) -> None:
    first = registered(node, new_patient())
    sent = revision(successor(first))
    updated(node, sent, restricted=restricted)
    (record,) = node.audit(1)
    assert (record.transaction, record.outcome) == ("ITI-92" if restricted else "ITI-57", Outcome.SUCCESS)
    for identifier in (sent.submission_set.unique_id, first.unique_id):
        assert identifier in str(record), record


def test_a_refused_update_is_recorded(node: Node) -> None:
    first = registered(node, new_patient())
    assert not node.update(revision(successor(first, version=5))).success
    (record,) = node.audit(1)
    assert (record.transaction, record.outcome) == ("ITI-57", Outcome.MINOR_FAILURE)


@pytest.mark.proves("update/one-winner")
def test_of_parallel_updates_one_wins(node: Node) -> None:
    first = registered(node, new_patient())
    barrier = Barrier(4)

    def attempt(number: int) -> Answer:
        barrier.wait()
        return node.update(revision(successor(first, title=f"{number}")))

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(attempt, range(4)))
    assert sorted(answer.status for answer in answers) == ["Failure", "Failure", "Failure", "Success"]
    assert set().union(*(answer.codes for answer in answers)) == {"XDSMetadataVersionError"}
    assert len(every_version(node, first.unique_id).entries) == 2


def test_warnings_do_not_stop_an_update(node: Node) -> None:
    first = registered(node, new_patient())
    changed = successor(first, extra_slots=(("urn:example:kept", ("x",)),))
    answer = updated(node, revision(changed))
    assert all(severity == "Warning" for _, severity, _, _ in answer.errors)
    assert every_version(node, first.unique_id).entries[1].extra_slots == (("urn:example:kept", ("x",)),)


def test_an_assertion_for_one_patient_moves_no_document_of_another(node: Node) -> None:
    """What is another patient's is not there: the answer is that for an unknown document."""
    first, mine = registered(node, new_patient()), new_patient()
    user = Requester(
        id_nat="",
        name="Jane Doe",
        profession="",
        profession_system="",
        specialty="",
        structure_id="",
        sector="",
        authentication=Authentication.XUA,
        patient=read_cx(mine),
    )
    house = House.build(node.settings, anchors=False)
    try:
        use_case = MiseAJour(house.gate, house.domain, lambda _attribute, _code: True)
        sent = revision(successor(first, patient_id=mine))
        with pytest.raises(RegistryError) as caught:
            use_case.update(user, Call("ITI-57", "r1"), sent, ())
        assert {found.code for found in caught.value.findings} == {ErrorCode.XDSMetadataVersionError}
        anybody = replace(user, patient=None)
        assert use_case.update(anybody, Call("ITI-57", "r2"), revision(successor(first, patient_id=mine)), ()) == ()
    finally:
        house.database.dispose()
