"""Documents on portable media: out of one server, into another, and what a medium of the French DMP leaves out."""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from xdm_commands import NOTHING_FOUND, REFUSED, USAGE, changed, refusal, run

from audit.event import Outcome
from identities.ins import read_cx
from ihe.xdm_read import read_media
from registry.metadata import AssociationType, DocumentEntry
from server.migrations import upgrade
from server.settings import load
from tests.connectathon import (
    DEPRECATED,
    XDS,
    Node,
    association,
    connectathon,
    document,
    new_patient,
    submission,
)

SET_BY_THE_REGISTRY = {"entry_uuid", "logical_id", "version", "repository_unique_id", "uri", "availability_status"}
RPLC, APND = AssociationType.RPLC, AssociationType.APND
GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Another server, of the same kind."""
    with connectathon(tmp_path_factory.mktemp("elsewhere")) as node:
        yield node


def provided(node: Node, entry: DocumentEntry, content: bytes, *related: Any) -> DocumentEntry:
    """The entry as registered, with its document provided."""
    described = replace(entry, hash="", size=None)
    answer = node.provide(submission(described, *related), {entry.entry_uuid: content})
    assert answer.success, answer.errors
    return node.query(GET_DOCUMENTS, {"$XDSDocumentEntryUniqueId": [f"('{entry.unique_id}')"]}).entries[-1]


def described(entry: DocumentEntry) -> dict[str, Any]:
    """What a source said of a document."""
    return {each.name: getattr(entry, each.name) for each in fields(entry) if each.name not in SET_BY_THE_REGISTRY}


def content(node: Node, unique_id: str) -> bytes:
    return base64.b64decode(node.retrieve(unique_id).root.findtext(f".//{{{XDS}}}Document") or "")


def by_id(node: Node, patient: str, *statuses: str) -> dict[str, DocumentEntry]:
    return {entry.unique_id: entry for entry in node.find_documents(patient, *statuses).entries}


# --- Round trips ------------------------------------------------------------------------------------------------------


@pytest.mark.proves("transaction/ITI-32")
def test_what_is_exported_and_imported_is_the_same(node: Node, elsewhere: Node, tmp_path: Path) -> None:
    patient, medium = new_patient(), tmp_path / "IHE_XDM.ZIP"
    texts = {"text/plain": "é\r\n".encode(), "application/pdf": bytes(range(256)) * 2000, "text/xml": b"<a/>"}
    slots = (("urn:example:kept", ("a", "b & c")),)
    for mime_type, text in texts.items():
        entry = document(patient, mime_type=mime_type, comments='<"&>', service_start_time="2026", extra_slots=slots)
        provided(node, entry, text)
    said = run("export", "--home", node.home, "--patient", patient, "-o", medium)
    assert len(said["documents"]) == 3
    assert len(run("import", medium, "--home", elsewhere.home)["submission_sets"]) == 1
    before, after = by_id(node, patient), by_id(elsewhere, patient)
    assert {key: described(entry) for key, entry in after.items()} == {
        key: described(entry) for key, entry in before.items()
    }
    for unique_id, entry in after.items():
        assert content(elsewhere, unique_id) == texts[entry.mime_type]


def test_replacements_and_addenda_are_replayed_when_apart(node: Node, elsewhere: Node, tmp_path: Path) -> None:
    patient, medium = new_patient(), tmp_path / "m.zip"
    first = provided(node, document(patient), b"first")
    addendum = document(patient, "Addendum")
    added = provided(node, addendum, b"addendum", association(APND, "Addendum", first.entry_uuid))
    new = document(patient, "New")
    second = provided(node, new, b"second", association(RPLC, "New", first.entry_uuid))
    assert run("export", "--home", node.home, "--patient", patient, "-o", medium)["documents"] == [second.unique_id]
    said = run("export", "--home", node.home, "--patient", patient, "-o", medium, "--obsolete", "--force")
    assert len(said["submission_sets"]) == 3
    run("import", medium, "--home", elsewhere.home)
    assert by_id(elsewhere, patient).keys() == {second.unique_id}
    assert by_id(elsewhere, patient, DEPRECATED).keys() == {first.unique_id, added.unique_id}
    assert {entry.entry_uuid for entry in by_id(elsewhere, patient, DEPRECATED).values()} == {
        first.entry_uuid,
        added.entry_uuid,
    }


def test_what_another_repository_keeps_is_told_and_left_out(node: Node, tmp_path: Path) -> None:
    patient, medium = new_patient(), tmp_path / "m.zip"
    here = provided(node, document(patient), b"here")
    there = document(patient)
    node.register(submission(there))
    said = run("export", "--home", node.home, "--patient", patient, "-o", medium)
    assert said["documents"] == [here.unique_id]
    assert [each["document"] for each in said["left_out"]] == [there.unique_id]


def test_nothing_to_copy_makes_no_medium(node: Node, tmp_path: Path) -> None:
    patient, medium = new_patient(), tmp_path / "m.zip"
    node.register(submission(document(patient)))
    assert run("export", "--home", node.home, "--patient", patient, "-o", medium, code=NOTHING_FOUND)["file"] is None
    assert not medium.exists()
    assert "Aucun DMP" in refusal("export", "--home", node.home, "--patient", new_patient(), "-o", medium, code=REFUSED)


def test_a_medium_is_not_written_over_another_file(node: Node, tmp_path: Path) -> None:
    (tmp_path / "m.zip").write_bytes(b"precious")
    told = refusal("export", "--home", node.home, "--patient", "x", "-o", tmp_path / "m.zip", code=USAGE)
    assert "--force" in told
    assert (tmp_path / "m.zip").read_bytes() == b"precious"


# --- Imports that are refused -----------------------------------------------------------------------------------------


def _medium(node: Node, patient: str, file: Path) -> Path:
    """A medium of two submission sets, of a patient with two documents."""
    for number in range(2):
        provided(node, document(patient, f"Document{number}"), b"document %d" % number)
    run("export", "--home", node.home, "--patient", patient, "-o", file, "--apart")
    return file


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("IHE_XDM/SUBSET02/DOC00001.TXT", b"document", b"DOCUMENT", "hash of"),
        ("IHE_XDM/SUBSET02/DOC00001.TXT", b"document", b"doc", "size of"),
        ("IHE_XDM/SUBSET02/METADATA.XML", b"DOC00001.TXT", b"../../../DOC.TXT", "XDSMissingDocument: SUBSET02"),
        ("IHE_XDM/SUBSET02/METADATA.XML", b"20260102030405</rim:Value>", b"never</rim:Value>", "got never"),
    ],
)
def test_nothing_is_half_imported(
    node: Node, elsewhere: Node, tmp_path: Path, name: str, old: bytes, new: bytes, told: str
) -> None:
    patient = new_patient()
    medium = changed(_medium(node, patient, tmp_path / "m.zip"), name, old, new)
    assert told in refusal("import", medium, "--home", elsewhere.home, code=REFUSED)
    assert elsewhere.audit(1)[0].outcome is Outcome.MINOR_FAILURE
    assert by_id(elsewhere, patient) == {}
    assert list((elsewhere.settings.documents / "incoming").iterdir()) == []


def test_what_the_registry_refuses_of_one_set_keeps_all_out(node: Node, elsewhere: Node, tmp_path: Path) -> None:
    patient = new_patient()
    medium = _medium(node, patient, tmp_path / "m.zip")
    with medium.open("rb") as file:
        second = read_media(file).subsets[1].submission
    taken = submission(document(new_patient()), unique_id=second.submission_set.unique_id)
    assert elsewhere.register(taken).success
    assert "XDSDuplicateUniqueIdInRegistry" in refusal("import", medium, "--home", elsewhere.home, code=REFUSED)
    assert by_id(elsewhere, patient) == {}


def test_a_medium_is_imported_once(node: Node, elsewhere: Node, tmp_path: Path) -> None:
    medium = _medium(node, new_patient(), tmp_path / "m.zip")
    run("import", medium, "--home", elsewhere.home)
    assert "XDSDuplicateUniqueIdInRegistry" in refusal("import", medium, "--home", elsewhere.home, code=REFUSED)


# --- ITI TF-1 16.5: patient reconciliation ----------------------------------------------------------------------------


def test_documents_are_imported_for_the_patient_that_a_human_names(node: Node, elsewhere: Node, tmp_path: Path) -> None:
    patient, known = new_patient(), new_patient()
    medium = _medium(node, patient, tmp_path / "m.zip")
    run("import", medium, "--home", elsewhere.home, "--as-patient", known)
    assert by_id(elsewhere, patient) == {}
    assert {(entry.patient_id, entry.source_patient_id) for entry in by_id(elsewhere, known).values()} == {
        (known, patient)
    }


def test_of_several_patients_one_is_chosen(node: Node, elsewhere: Node, tmp_path: Path) -> None:
    one, other = new_patient(), new_patient()
    first, second = _medium(node, one, tmp_path / "1.zip"), _medium(node, other, tmp_path / "2.zip")
    both = tmp_path / "both.zip"
    with zipfile.ZipFile(first) as a, zipfile.ZipFile(second) as b, zipfile.ZipFile(both, "w") as after:
        for number, archive in ((1, a), (5, b)):
            for name in archive.namelist():
                if name.startswith("IHE_XDM"):
                    moved = name.replace("SUBSET01", f"SUBSET0{number}").replace("SUBSET02", f"SUBSET0{number + 1}")
                    after.writestr(moved, archive.read(name))
    assert one in refusal("import", both, "--home", elsewhere.home, code=USAGE)
    run("import", both, "--home", elsewhere.home, "--patient", other)
    assert len(by_id(elsewhere, other)) == 2
    assert by_id(elsewhere, one) == {}


# --- ITI TF-2 3.32.4.1.4: integrity, 3.32.5.1: audit ------------------------------------------------------------------


def test_a_damaged_medium_is_shown_as_such(node: Node, tmp_path: Path) -> None:
    medium = _medium(node, new_patient(), tmp_path / "m.zip")
    assert run("show", medium)["intact"]
    damaged = changed(medium, "IHE_XDM/SUBSET01/DOC00001.TXT", b"document", b"DOCUMENT")
    said = run("show", damaged, code=REFUSED)
    assert len(said["mismatches"]) == 1


def test_exports_and_imports_stand_in_the_audit_log(node: Node, elsewhere: Node, tmp_path: Path) -> None:
    patient = new_patient()
    medium = _medium(node, patient, tmp_path / "m.zip")
    exported = next(record for record in node.audit(5) if record.action == "xdm.export")
    assert (exported.outcome, exported.patient, len(exported.documents), len(exported.submission_sets)) == (
        Outcome.SUCCESS,
        read_cx(patient),
        2,
        2,
    )
    assert exported.operator
    run("import", medium, "--home", elsewhere.home)
    imported = elsewhere.audit(1)[0]
    assert (imported.transaction, imported.action) == ("ITI-32/import", "TD2.1")
    assert imported.operator
    assert set(imported.submission_sets) == set(exported.submission_sets)
    for record, event, action in ((exported, b"110106", b'"R"'), (imported, b"110107", b'"C"')):
        assert event in record.message
        assert b"EventActionCode=" + action in record.message
        assert b"MediaIdentifier" in record.message
        assert b"ITI-32" in record.message


# --- Real media -------------------------------------------------------------------------------------------------------


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("MIE", ""),
        ("xdm", ""),
        ("xdm_minimal", "DocumentEntry.classCode: expected a code and its scheme, got none"),
        ("Siemens", "got no IHE_XDM with directories"),
    ],
)
def test_real_media_are_imported_or_refused_with_the_reason(
    reference: Path, tmp_path: Path, name: str, reason: str
) -> None:
    medium = reference / "ihe" / "samples" / "xdm" / f"{name}.zip"
    (tmp_path / "settings.toml").write_text('domain = "ihe-connectathon"\nhttp = "127.0.0.1:1"\n', "utf-8")
    upgrade(load({"home": tmp_path}, {}))
    if reason:
        assert reason in refusal("import", medium, "--home", tmp_path, code=REFUSED)
    else:
        (imported,) = run("import", medium, "--home", tmp_path)["submission_sets"]
        exported = run("export", "--home", tmp_path, "--patient", imported["patient"], "-o", tmp_path / "m.zip")
        assert exported["documents"] == [each["unique_id"] for each in imported["documents"]]
