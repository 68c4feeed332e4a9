"""Rules of metadata that a careless registry lets pass, each through HTTP: refused with its code, and nothing stored.

Source: ITI TF-3 4.2.1.4, 4.2.2.1, 4.2.3.1; XDS Metadata Update 3.57.4.1.3.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from registry.metadata import Association, AssociationType, Author, Code, Submission
from tests.connectathon import (
    APPROVED,
    DEPRECATED,
    REGISTRY_PATH,
    RIM,
    Answer,
    Node,
    association,
    document,
    folder,
    new_patient,
    submission,
    submit_objects,
)
from tests.journeys.updates import (
    SET,
    SUBMIT,
    UPDATE_STATUS,
    registered,
    registered_folder,
    revision,
    status_change,
    successor,
)

REGISTER = "urn:ihe:iti:2007:RegisterDocumentSet-b"
HAS_MEMBER, APND = AssociationType.HAS_MEMBER, AssociationType.APND
OTHER_SLOT = "<rim:Slot {0}><rim:ValueList><rim:Value>{1}</rim:Value></rim:ValueList></rim:Slot>"


def sent(node: Node, patient: str, body: str) -> Answer:
    answer = node.soap(REGISTRY_PATH, REGISTER, body)
    assert len(node.find_documents(patient).entries) == answer.success
    return answer


def plain(patient: str) -> str:
    body = submit_objects(submission(document(patient), folder(patient)))
    assert 'name="creationTime"' in body
    return body


def slot(name: str, value: str = "x", attributes: str = "") -> str:
    return OTHER_SLOT.format(f'name="{name}"{attributes}', value)


def first_slot(body: str, added: str) -> str:
    """`body`, with a slot more in the ExtrinsicObject."""
    head, mark, rest = body.partition("<rim:ExtrinsicObject")
    start, close, inside = rest.partition(">")
    return f"{head}{mark}{start}{close}{added}{inside}"


SPOILED: dict[str, tuple[str, Callable[[str], str]]] = {
    "classifiedObject of another object": (
        "identity/dual-context",
        lambda body: body.replace('classifiedObject="Document01"', 'classifiedObject="SubmissionSet01"', 1),
    ),
    "registryObject of another object": (
        "identity/dual-context",
        lambda body: body.replace('registryObject="Folder01"', 'registryObject="Document01"', 1),
    ),
    "a slot twice": ("submission/slots", lambda body: first_slot(body, slot("urn:x:a") * 2)),
    "a slot of IHE that is none": ("submission/slots", lambda body: first_slot(body, slot("urn:ihe:iti:x"))),
    "a long value": ("submission/slots", lambda body: first_slot(body, slot("urn:x:a", "v" * 257))),
    "codingScheme twice": (
        "submission/codes",
        lambda body: body.replace("<rim:Value>2.999.1</rim:Value>", "<rim:Value>2.999.1</rim:Value>" * 2, 1),
    ),
    "codingScheme missing": ("submission/codes", lambda body: body.replace('name="codingScheme"', 'name="urn:x:s"', 1)),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.proves(row)) for name, (row, _) in SPOILED.items()]
)
def test_it_is_refused(node: Node, name: str) -> None:
    patient, (_, spoil) = new_patient(), SPOILED[name]
    spoiled = spoil(plain(patient))
    assert spoiled != plain(patient)
    answer = sent(node, patient, spoiled)
    assert (answer.status, answer.codes - {"XDSExtraMetadataNotSaved"}) == ("Failure", {"XDSRegistryMetadataError"})


@pytest.mark.proves("submission/slots")
def test_a_value_of_256_characters_and_a_slot_of_ones_own(node: Node) -> None:
    patient = new_patient()
    assert sent(node, patient, first_slot(plain(patient), slot("urn:x:a", "v" * 256))).errors == []


def held_again(item: Submission) -> Submission:
    more = association(HAS_MEMBER, SET, "Document01", submission_set_status="Original")
    return replace(item, associations=(*item.associations, more))


def with_status(item: Submission, status: str) -> Submission:
    def said(each: Association) -> Association:
        return replace(each, submission_set_status=status) if each.target == "Document01" else each

    return replace(item, associations=tuple(map(said, item.associations)))


def without(item: Submission, target: str) -> Submission:
    return replace(item, associations=tuple(each for each in item.associations if each.target != target))


MEMBERS: dict[str, Callable[[Submission], Submission]] = {
    "a document that is not held": lambda item: without(item, "Document01"),
    "a document held twice": held_again,
    "a folder that is not held": lambda item: without(item, "Folder01"),
    "a document of no status": lambda item: with_status(item, ""),
    "a new document by reference": lambda item: with_status(item, "Reference"),
    "a status that is none": lambda item: with_status(item, "Copied"),
}


@pytest.mark.proves("submission/members")
@pytest.mark.parametrize("name", MEMBERS)
def test_everything_new_is_held_once_as_an_original(node: Node, name: str) -> None:
    patient = new_patient()
    wrong = MEMBERS[name](submission(document(patient), folder(patient)))
    answer = node.register(wrong)
    assert (answer.status, answer.codes) == ("Failure", {"XDSRegistryMetadataError"})
    assert node.everything(patient).objects == ()


@pytest.mark.proves("submission/one-set")
def test_a_submission_has_one_set(node: Node) -> None:
    one, other = (submission(document(new_patient(), name)) for name in ("a", "b"))
    body = submit_objects(one).replace(
        "</rim:RegistryObjectList>",
        submit_objects(other).partition("<rim:RegistryObjectList>")[2].replace("SubmissionSet01", "SubmissionSet02")
        .removesuffix("</lcm:SubmitObjectsRequest>"),
    )  # fmt: skip
    none = submit_objects(one).replace("urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd", f"urn:uuid:{uuid.uuid4()}")
    for wrong in (body, none):
        answer = node.soap(REGISTRY_PATH, REGISTER, wrong)
        assert (answer.status, answer.codes) == ("Failure", {"XDSRegistryMetadataError"})
        assert node.find_documents(one.submission_set.patient_id).entries == ()


@pytest.mark.proves("folder/membership-held")
def test_a_membership_in_a_folder_is_held_by_the_set(node: Node) -> None:
    patient = new_patient()
    member = association(HAS_MEMBER, "Folder01", "Document01")
    item = submission(document(patient), folder(patient), member)
    answer = node.register(without(item, member.entry_uuid))
    assert (answer.status, answer.codes) == ("Failure", {"XDSRegistryMetadataError"})
    assert node.everything(patient).objects == ()
    assert node.register(item).success


@pytest.mark.proves("folder/approved")
def test_a_folder_that_is_deprecated_takes_no_document(node: Node) -> None:
    patient = new_patient()
    box = registered_folder(node, patient)
    assert node.update(revision(status_change(box.entry_uuid), patient=patient)).success
    late = submission(document(patient), association(HAS_MEMBER, box.entry_uuid, "Document01"))
    answer = node.register(late)
    assert (answer.status, len(answer.codes)) == ("Failure", 1)
    assert node.find_documents(patient).entries == ()


# --- Values -----------------------------------------------------------------------------------------------------------

DEMO_CODES = "1.3.6.1.4.1.21367.100.1"  # of the Connectathon's own class codes


@pytest.mark.proves("submission/codes")
def test_a_code_of_a_table_is_in_it_whatever_its_name(node: Node) -> None:
    """A scheme that no table of the domain has is another domain's business."""
    for code, accepted in (
        (Code("DEMO-Consult", DEMO_CODES, "Whatever it is called"), True),
        (Code("DEMO-None", DEMO_CODES, "DEMO-Consult"), False),
        (Code("DEMO-None", "2.999.5", "Another domain's"), True),
    ):
        patient = new_patient()
        answer = node.register(submission(document(patient, class_code=code)))
        assert answer.codes == (set() if accepted else {"XDSRegistryMetadataError"})
        assert [entry.class_code for entry in node.find_documents(patient).entries] == [code] * accepted


@pytest.mark.proves("submission/hl7-types")
@pytest.mark.parametrize(
    "changes",
    [
        {"source_patient_id": "1^^^&1.2.3&ISO^PI"},  # CX.5
        {"source_patient_id": "1"},
        {"source_patient_id": "1^^^&x.y&ISO"},
        {"authors": (Author(institutions=("Hospital^L",)),)},  # XON.2
        {"reference_ids": ("1^^^&1.2.3&ISO",)},  # CXi.5 is missing
        {"legal_authenticator": "1^A^B^^^^^^&x.y&ISO"},  # XCN.9
    ],
)
def test_a_value_of_other_components_is_refused(node: Node, changes: dict[str, Any]) -> None:
    patient = new_patient()
    answer = node.register(submission(document(patient, **changes)))
    assert (answer.status, answer.codes) == ("Failure", {"XDSRegistryMetadataError"})
    assert node.find_documents(patient).entries == ()


@pytest.mark.proves("identity/object-type-out")
def test_every_object_says_what_it_is_though_its_source_did_not(node: Node) -> None:
    patient = new_patient()
    assert sent(
        node, patient, re.sub(r'(<rim:(?!ExtrinsicObject)\w+[^>]*?) objectType="[^"]*"', r"\1", plain(patient))
    ).success
    told = [each for each in node.everything(patient)._list().iter() if each.tag in TYPED]
    assert {each.tag for each in told} == TYPED
    assert all(each.get("objectType", "").startswith("urn:") for each in told)


TYPED = {f"{{{RIM}}}{name}" for name in ("ExtrinsicObject", "RegistryPackage", "Classification")} | {
    f"{{{RIM}}}{name}" for name in ("ExternalIdentifier", "Association")
}


# --- Metadata update --------------------------------------------------------------------------------------------------


@pytest.mark.proves("update/once")
@pytest.mark.parametrize("restricted", [False, True], ids=["ITI-57", "ITI-92"])
def test_a_logical_object_is_updated_once_in_a_submission(node: Node, restricted: bool) -> None:
    """NIST 20007, 40007."""
    known = registered(node, new_patient())
    twice = revision(successor(known), replace(successor(known), entry_uuid="Document02"))
    answer = node.update(twice, restricted=restricted)
    assert answer.status == "Failure"
    assert "XDSMetadataUpdateOperationError" in answer.codes
    assert [entry.version for entry in node.find_documents(known.patient_id).entries] == [1]


STATUSES: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {  # NIST 20002
    "no OriginalStatus": (("NewStatus", (DEPRECATED,)),),
    "no NewStatus": (("OriginalStatus", (APPROVED,)),),
    "an OriginalStatus that is none": (("OriginalStatus", ("Approved",)), ("NewStatus", (DEPRECATED,))),
    "a NewStatus that is none": (("OriginalStatus", (APPROVED,)), ("NewStatus", ("Deprecated",))),
    "both the same": (("OriginalStatus", (APPROVED,)), ("NewStatus", (APPROVED,))),
    "two values": (("OriginalStatus", (APPROVED, DEPRECATED)), ("NewStatus", (DEPRECATED,))),
}


@pytest.mark.proves("update/status-form")
@pytest.mark.parametrize("name", STATUSES)
def test_a_change_of_status_says_from_what_to_what(node: Node, name: str) -> None:
    known = registered(node, new_patient())
    change = association(UPDATE_STATUS, SET, known.entry_uuid, extra_slots=STATUSES[name])
    answer = node.update(revision(change, patient=known.patient_id))
    assert (answer.status, answer.codes) == ("Failure", {"XDSMetadataUpdateOperationError"})
    assert len(node.find_documents(known.patient_id).entries) == 1


@pytest.mark.proves("update/status")
def test_the_status_that_changes_is_the_current_one_of_what_may_change(node: Node) -> None:
    """Not of a submission set (NIST 21001), nor of what it holds by HasMember."""
    known = registered(node, new_patient())
    patient = known.patient_id
    found = node.everything(patient)
    (held,) = found.associations
    for target, original, new in (
        (known.entry_uuid, DEPRECATED, APPROVED),
        (held.source, APPROVED, DEPRECATED),
        (held.entry_uuid, APPROVED, DEPRECATED),
        (f"urn:uuid:{uuid.uuid4()}", APPROVED, DEPRECATED),
    ):
        answer = node.update(revision(status_change(target, original, new), patient=patient))
        assert (answer.status, answer.codes) == ("Failure", {"XDSMetadataUpdateError"})
    assert node.everything(patient).objects == found.objects


@pytest.mark.proves("update/submit-association")
@pytest.mark.parametrize("end", ["unknown", "set", "deprecated"])
def test_a_submitted_association_is_between_what_is_there_and_approved(node: Node, end: str) -> None:
    patient = new_patient()
    one, other = registered(node, patient), registered(node, patient)
    if end == "deprecated":
        assert node.update(revision(status_change(other.entry_uuid), patient=patient)).success
    held = next(each for each in node.everything(patient).associations if each.target == one.entry_uuid)
    target = {"unknown": f"urn:uuid:{uuid.uuid4()}", "set": held.source, "deprecated": other.entry_uuid}[end]
    before = len(node.everything(patient).associations)
    item = association(APND, one.entry_uuid, target)
    answer = node.update(submission(association(SUBMIT, SET, item.entry_uuid), item, patient=patient))
    assert (answer.status, answer.codes) == ("Failure", {"XDSMetadataUpdateError"})
    assert len(node.everything(patient).associations) == before
