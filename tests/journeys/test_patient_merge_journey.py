"""Merges from outside: by an identity source (ITI-44), and by the operator."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from identities.requester import PatientId
from registry.metadata import AssociationType, DocumentEntry, Folder, SubmissionSet
from schemas import oids
from server.demo.people import PATIENTS
from tests.connectathon import (
    APPROVED,
    XDS,
    Node,
    association,
    document,
    folder,
    new_oid,
    submission,
)
from tests.hl7v3 import (
    Patients,
    cx,
    ii,
    message,
    name,
    new_authority,
    registration,
    replacement,
)
from tests.journeys.fed import Pair, authority, found, patients, refused, registered
from tests.journeys.test_command_line_journey import Shell
from tests.village import Village

__all__ = ["authority", "patients"]
GET_ALL = "urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3"


@pytest.mark.proves("patient/merge/queries", "patient/merge/submissions", "patient/merge/source-patient")
def test_after_a_merge_the_survivor_has_the_documents_of_both(patients: Patients, node: Node, authority: str) -> None:
    survivor, subsumed = ("S", authority), ("X", authority)
    patients.add([survivor])
    patients.add([subsumed])
    own = registered(node, survivor)
    info = ("PID-3|X^^^&1.2&ISO", "PID-5|Muster^Maja^^^")
    theirs = document(cx(subsumed), source_patient_id=cx(subsumed), source_patient_info=info)
    held = folder(cx(subsumed))
    assert node.register(
        submission(theirs, held, association(AssociationType.HAS_MEMBER, held.entry_uuid, theirs.entry_uuid))
    ).success

    assert patients.merge(survivor, subsumed).acknowledged == "CA"

    assert found(node, survivor) == {own.unique_id, theirs.unique_id}
    moved = next(each for each in node.find_documents(cx(survivor)).entries if each.unique_id == theirs.unique_id)
    assert moved.patient_id == cx(survivor)
    assert (moved.source_patient_id, moved.source_patient_info) == (cx(subsumed), info)
    assert everything(node, survivor) == {cx(survivor)}
    assert found(node, subsumed) == set()
    assert refused(node, subsumed)
    assert not refused(node, survivor)


def everything(node: Node, patient: Pair) -> set[str]:
    """The patientIds of every object that GetAll gives."""
    statuses = [f"('{APPROVED}')"]
    slots = {
        "$patientId": [f"'{cx(patient)}'"],
        "$XDSDocumentEntryStatus": statuses,
        "$XDSSubmissionSetStatus": statuses,
        "$XDSFolderStatus": statuses,
    }
    answer = node.query(GET_ALL, slots)
    assert answer.success, answer.errors
    kinds = (DocumentEntry, SubmissionSet, Folder)
    objects = [each for each in answer.objects if isinstance(each, kinds)]
    assert {type(each) for each in objects} == set(kinds)
    return {each.patient_id for each in objects}


@pytest.mark.proves("patient/merge/chain")
def test_a_chain_of_merges_ends_at_its_last_survivor(patients: Patients, node: Node, authority: str) -> None:
    a, b, c = (("A", authority), ("B", authority), ("C", authority))
    for each in (a, b, c):
        patients.add([each])
    entries = {registered(node, each).unique_id for each in (a, b, c)}
    assert patients.merge(b, a).acknowledged == "CA"
    assert patients.merge(c, b).acknowledged == "CA"
    assert found(node, c) == entries
    assert found(node, a) == found(node, b) == set()
    assert refused(node, a) and refused(node, b)
    answer = node.find_documents(cx(c))
    assert {entry.patient_id for entry in answer.entries} == {cx(c)}


def test_documents_of_both_sides_of_a_merge_may_be_associated(patients: Patients, node: Node, authority: str) -> None:
    survivor, subsumed = ("S", authority), ("X", authority)
    for each in (survivor, subsumed):
        patients.add([each])
    registered(node, subsumed)
    patients.merge(survivor, subsumed)
    (old,) = node.find_documents(cx(survivor)).entries
    new = document(cx(survivor))
    answer = node.register(submission(new, association(AssociationType.RPLC, new.entry_uuid, old.entry_uuid)))
    assert answer.success, answer.errors
    assert [entry.unique_id for entry in node.find_documents(cx(survivor)).entries] == [new.unique_id]


def test_bytes_of_a_merged_patient_are_opened(patients: Patients, node: Node, authority: str) -> None:
    survivor, subsumed, unique_id = ("S", authority), ("X", authority), new_oid()
    for each in (survivor, subsumed):
        patients.add([each])
        entry = document(cx(each), unique_id=unique_id)
        assert node.provide(submission(entry), {entry.entry_uuid: b"hello"}).success
    assert patients.merge(survivor, subsumed).acknowledged == "CA"
    answer = node.retrieve(unique_id)
    assert answer.success, answer.errors
    assert base64.b64decode(answer.root.findtext(f".//{{{XDS}}}Document") or "") == b"hello"


def test_other_identifiers_of_who_is_subsumed_stay_with_the_survivor(
    patients: Patients, node: Node, authority: str
) -> None:
    survivor, subsumed, national = ("S", authority), ("X", authority), ("N", new_authority())
    patients.add([survivor])
    patients.add([subsumed, national])
    entry = registered(node, subsumed)
    assert patients.merge(survivor, subsumed).acknowledged == "CA"
    assert found(node, national) == found(node, survivor) == {entry.unique_id}
    assert patients.identifiers_of(survivor).identifiers == [[national]]


def test_a_merge_that_is_sent_again_changes_nothing(patients: Patients, node: Node, authority: str) -> None:
    survivor, subsumed = ("S", authority), ("X", authority)
    for each in (survivor, subsumed):
        patients.add([each])
    entry = registered(node, subsumed)
    assert patients.merge(survivor, subsumed).details == []
    again = patients.merge(survivor, subsumed)
    assert again.acknowledged == "CA"
    assert again.details[0][0] == "W"
    assert found(node, survivor) == {entry.unique_id}


def test_a_merge_into_a_patient_whom_nobody_told_us_of_gives_him_the_documents(
    patients: Patients, node: Node, authority: str
) -> None:
    survivor, subsumed = ("S", authority), ("X", authority)
    patients.add([subsumed])
    entry = registered(node, subsumed)
    assert patients.merge(survivor, subsumed).acknowledged == "CA"
    assert found(node, survivor) == {entry.unique_id}
    assert [each.patient_id for each in node.find_documents(cx(survivor)).entries] == [cx(survivor)]
    assert refused(node, subsumed) and not refused(node, survivor)


def test_an_unknown_patient_of_an_authority_that_nobody_fed_stays_unknown_once_merged(
    patients: Patients, node: Node, authority: str
) -> None:
    survivor, subsumed = ("S", authority), ("X", authority)
    registered(node, survivor)
    assert patients.merge(survivor, subsumed).acknowledged == "CA"
    assert refused(node, subsumed)
    assert found(node, subsumed) == set()


@pytest.mark.parametrize("case", ["same", "unknown", "subsumed already", "survivor subsumed"])
def test_conditions_that_the_registry_shall_detect_change_nothing(
    patients: Patients, node: Node, authority: str, case: str
) -> None:
    a, b, c = (("A", authority), ("B", authority), ("C", authority))
    for each in (a, b, c):
        patients.add([each])
    entry = registered(node, a)
    patients.merge(b, a)
    pair = {"same": (b, b), "unknown": (b, ("unheard-of", authority)), "subsumed already": (c, a)}.get(case, (a, c))
    answer = patients.merge(*pair)
    assert answer.acknowledged == "CE"
    assert {kind for kind, *_ in answer.details} == {"E"}
    assert found(node, b) == {entry.unique_id}
    assert not refused(node, c) and not refused(node, b)


def test_an_identifier_that_was_merged_is_not_fed_again(patients: Patients, node: Node, authority: str) -> None:
    survivor, subsumed = ("S", authority), ("X", authority)
    for each in (survivor, subsumed):
        patients.add([each])
    patients.merge(survivor, subsumed)
    assert patients.add([subsumed]).acknowledged == "CE"
    assert refused(node, subsumed)


@pytest.mark.parametrize("prior", ["", replacement(), replacement(("1", "1.2.3"), ("2", "1.2.3"))])
def test_a_merge_names_exactly_one_subsumed_identifier(patients: Patients, authority: str, prior: str) -> None:
    act = registration(ii(("S", authority)), name("A"), "PRPA_TE201304UV02", prior)
    answer = patients.send("PRPA_IN201304UV02", message("PRPA_IN201304UV02", act))
    assert answer.acknowledged == "CE"
    assert "priorRegisteredRole.id: expected exactly one identifier" in answer.details[0][2]


# --- The operator -----------------------------------------------------------------------------------------------------


def test_the_operator_merges_two_dmps_and_their_history(village: Village) -> None:
    first = village.patient(PATIENTS[0].ins)
    survivor = replace(first, ins="255017510600111")
    subsumed = replace(first, ins="255017510600222")
    doctor = village.demo.people[0].name
    for each in (survivor, subsumed):
        village.open_dossier(each, medecin_traitant=doctor)
    shell = Shell(village.folder.parent)
    home = ("--home", str(village.settings.home), "--ins-oid", first.ins_oid, "--json")
    merged = json.loads(shell.text("patients", "merge", "--into", survivor.ins, "--subsumed", subsumed.ins, *home))
    assert merged["merged"] is True
    of_today = [each for each in merged["identifiers"] if oids.INS_C not in each]
    assert of_today == [f"{survivor.ins}^^^&{first.ins_oid}&ISO"]
    again = json.loads(shell.text("patients", "merge", "--into", survivor.ins, "--subsumed", subsumed.ins, *home))
    assert again["merged"] is False
    shell.run("patients", "show", "--patient", subsumed.ins, *home, code=3)
    shell.run("patients", "merge", "--into", survivor.ins, "--subsumed", "255017510600333", *home, code=3)
    shell.run("patients", "merge", "--into", subsumed.ins, "--subsumed", survivor.ins, *home, code=1)
    with village.house() as house, house.rooms() as rooms:
        dossier = rooms.identities.dossier(PatientId(survivor.ins, first.ins_oid))
        assert dossier is not None and len(rooms.identities.lineage(dossier.key)) == 2
