"""The main job as a stranger types it: commands only, from the folder in which the demo stands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from server.demo.paper import Paper, write
from server.demo.people import PATIENTS, PEOPLE
from tests.village import Village

ROOT = Path(__file__).resolve().parent.parent.parent
SUZANNE = PATIENTS[0]
CRH = "34112-3"  # LOINC, CR hospitalier
DONE, REFUSED, USAGE, NOTHING_FOUND = 0, 1, 2, 3


@dataclass(frozen=True)
class Shell:
    """Types commands where `./demo` is."""

    folder: Path

    def run(self, *arguments: str, code: int = DONE) -> subprocess.CompletedProcess[bytes]:
        """A command that ends with `code`, as bytes."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DMP_")}
        ended = subprocess.run(
            [sys.executable, "-m", "server.cli", *arguments],
            cwd=self.folder,
            env={**environment, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert ended.returncode == code, (arguments, ended.returncode, ended.stdout, ended.stderr)
        return ended

    def text(self, *arguments: str, code: int = DONE) -> str:
        """What a command says on standard output."""
        return self.run(*arguments, code=code).stdout.decode()

    def json(self, *arguments: str, code: int = DONE) -> Any:
        """What a command says with --json: one JSON value, and nothing anywhere else."""
        ended = self.run(*arguments, "--json", code=code)
        assert ended.stderr == b""
        return json.loads(ended.stdout)

    def error(self, *arguments: str, code: int) -> str:
        """What a command complains of: on standard error, and the same as JSON."""
        ended = self.run(*arguments, code=code)
        assert ended.stdout == b""
        said = self.json(*arguments, code=code)["error"]
        assert said["status"] == code
        return ended.stderr.decode()


@pytest.fixture(scope="module")
def shell(village: Village) -> Iterator[Shell]:
    yield Shell(village.folder.parent)


def letter(folder: Path, kind: str = "discharge_letter", patient: int = 0) -> Path:
    """A document of the hospital, written now."""
    return write(Paper(kind, "hopital", "medecin-hospitalier", patient, 0), folder, 1, datetime.now(UTC))


def next_version(file: Path, folder: Path, number: int) -> Path:
    """The same document under another id, with the next version number."""
    text = file.read_text("utf-8")
    text = re.sub(r'<id root="2\.25\.\d+"/>', f'<id root="2.25.{uuid.uuid4().int}"/>', text, count=1)
    text = re.sub(r'<versionNumber value="\d+"/>', f'<versionNumber value="{number}"/>', text)
    (folder / f"v{number}.xml").write_text(text, "utf-8")
    return folder / f"v{number}.xml"


def provide(shell: Shell, file: Path, ins: str, *more: str, who: str = "hopital") -> Any:
    return shell.json("lps", "provide", str(file), "--as", who, "--patient", ins, *more)


def found(shell: Shell, who: str, ins: str, *more: str) -> set[str]:
    """The uniqueIds that `who` finds."""
    ended = shell.run("lps", "find", "--as", who, "--patient", ins, *more, "--json", code=DONE)
    return {entry["unique_id"] for entry in json.loads(ended.stdout)}


def test_a_letter_is_provided_found_and_opened_by_hand(shell: Shell, tmp_path: Path) -> None:
    file, ins = letter(tmp_path), SUZANNE.ins
    said = shell.text("lps", "provide", str(file), "--as", "hopital", "--patient", ins)
    unique_id = re.search(r"2\.25\.\d+", said)
    assert unique_id is not None
    listed = shell.text("lps", "find", "--as", "medecin-traitant", "--patient", ins, "--type", "11490-0")
    assert f" {unique_id[0]} " in listed
    opening = ("lps", "open", unique_id[0], "--as", "medecin-traitant")
    shell.run(*opening, "-o", str(tmp_path / "received.xml"))
    assert (tmp_path / "received.xml").read_bytes() == file.read_bytes()
    assert shell.run(*opening, "--patient", ins).stdout == file.read_bytes()


def test_a_masked_letter_is_seen_by_its_author_and_the_medecin_traitant(shell: Shell, tmp_path: Path) -> None:
    file = write(Paper("consultation_report", "medecin", "medecin", 0, 0), tmp_path, 1, datetime.now(UTC))
    unique_id = provide(shell, file, SUZANNE.ins, "--mask", who="medecin")["document_unique_id"]
    assert unique_id in found(shell, "medecin", SUZANNE.ins)
    assert unique_id in found(shell, "medecin-traitant", SUZANNE.ins)
    assert unique_id not in found(shell, "infirmier", SUZANNE.ins)
    listed = shell.text("lps", "find", "--as", "medecin", "--patient", SUZANNE.ins)
    assert next(line for line in listed.splitlines() if unique_id in line).endswith("[MASQUE_PS]")


@pytest.mark.parametrize("named", ["document_unique_id", "entry_uuid"])
def test_a_letter_is_replaced_by_either_of_its_identifiers(shell: Shell, tmp_path: Path, named: str) -> None:
    first, ins = letter(tmp_path), SUZANNE.ins
    before = provide(shell, first, ins)
    after = provide(shell, next_version(first, tmp_path, 2), ins, "--replace", before[named])
    current = found(shell, "medecin-traitant", ins)
    assert after["document_unique_id"] in current
    assert before["document_unique_id"] not in current
    assert before["document_unique_id"] in found(shell, "medecin-traitant", ins, "--status", "deprecated")


def test_whoever_may_not_is_refused_told_and_recorded(shell: Shell, tmp_path: Path) -> None:
    ins = SUZANNE.ins
    unique_id = provide(shell, letter(tmp_path, "hospital_stay_report"), ins)["document_unique_id"]
    output = ("-o", str(tmp_path / "refused.xml"))
    opening = ("lps", "open", unique_id, *output, "--patient", ins, "--as")
    assert shell.json("lps", "find", "--as", "podologue", "--patient", ins, "--type", CRH, code=NOTHING_FOUND) == []
    assert unique_id in shell.error(*opening, "podologue", code=NOTHING_FOUND)
    assert "structure en authentification indirecte" in shell.error(*opening, "hopital", code=REFUSED)
    assert "médecin du travail" in shell.error(*opening, "medecin-du-travail", code=REFUSED)
    feeding = ("lps", "provide", str(letter(tmp_path)), "--patient", ins, "--as")
    assert "TD2.1" in shell.error(*feeding, "medecin-clinique", code=REFUSED)
    assert unique_id in found(shell, "medecin-clinique", ins)
    assert not (tmp_path / "refused.xml").exists()

    events = shell.json("audit", "list", "--patient", ins, "--outcome", "refused")
    refusals = {
        (event["requester_name"].partition(" ")[0], event["action"], event["rule"]): event
        for event in events
        if event["explanation"] and event["row"]
    }
    assert {
        ("PICARD", "TD3.2", "matrice"),
        ("COLIN", "TD3.2", "droit_fonctionnel"),
        ("HAMON", "TD2.1", "droit_fonctionnel"),
        ("Hôpital", "TD3.1", "droit_fonctionnel"),
    } <= refusals.keys()


@pytest.mark.parametrize(
    ("who", "action", "granted", "rule"),
    [
        ("podologue", "TD3.2", False, "matrice"),
        ("clinique", "TD3.2", True, "matrice"),
        ("clinique", "TD2.1", False, "droit_fonctionnel"),
    ],
)
def test_what_would_be_decided_is_explained(shell: Shell, who: str, action: str, granted: bool, rule: str) -> None:
    asked = ("--as", who, "--patient", SUZANNE.ins, "--action", action, "--type", CRH)
    said = shell.json("habilitations", "explain", *asked)
    assert (said["granted"], said["rule"]) == (granted, rule)
    assert said["table"] and said["version"] and said["row"] and said["sentence"]


def test_a_patient_of_a_document_is_opened_provided_for_and_sought_by_the_ins_alone(
    shell: Shell, tmp_path: Path
) -> None:
    """An INS of another authority than test NIRs: the software learns it from the document."""
    ins, authority = "277076322082910", "1.2.250.1.213.1.4.8"
    text = letter(tmp_path).read_text("utf-8")
    file = tmp_path / "other.xml"
    file.write_text(text.replace(SUZANNE.ins, ins).replace("1.2.250.1.213.1.4.10", authority), "utf-8")
    opened = shell.json("patients", "open", "--from-cda", str(file))
    assert (opened["opened"], opened["ins_oid"], opened["birth_place"]) == (True, authority, "75056")
    assert shell.json("patients", "open", "--from-cda", str(file))["opened"] is False
    shown = shell.json("patients", "show", "--patient", ins)
    assert len(shown["authorised"]) == len(PEOPLE)
    assert shown["medecins_traitants"] == [next(each.id_nat for each in PEOPLE if each.name == "medecin-traitant")]
    unique_id = provide(shell, file, ins)["document_unique_id"]
    assert unique_id in found(shell, "medecin-traitant", ins)
    assert unique_id in found(shell, "medecin-traitant", f"{ins}^^^&{authority}&ISO^NH")
    assert shell.run("lps", "open", unique_id, "--as", "medecin-traitant").stdout == file.read_bytes()
    assert shell.json("audit", "list", "--patient", ins, "--outcome", "success")[0]["action"] == "TD3.2"


def test_a_key_that_the_domain_controls_is_refused_with_the_rule(shell: Shell, tmp_path: Path) -> None:
    text = letter(tmp_path).read_text("utf-8").replace("1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.8")
    file = tmp_path / "wrong.xml"
    file.write_text(text.replace(SUZANNE.ins, "276059205062865"), "utf-8")
    complaint = shell.error("patients", "open", "--from-cda", str(file), code=USAGE)
    assert "clé" in complaint
    assert "Référentiel INS v2" in complaint
    assert "1.2.250.1.213.1.4.8" in complaint
    assert "276059205062865" not in complaint


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("lps", "find", "--as", "nobody", "--patient", SUZANNE.ins), USAGE, "podologue"),
        (("lps", "provide", "absent.xml", "--as", "hopital", "--patient", SUZANNE.ins), USAGE, "absent.xml"),
        (("lps", "open", "2.25.1", "-o", "x", "--as", "medecin", "--patient", SUZANNE.ins), NOTHING_FOUND, "2.25.1"),
        (("patients", "show", "--patient", "1"), NOTHING_FOUND, "Aucun DMP"),
        (("habilitations", "explain", "--as", "medecin", "--patient", "1", "--action", "TD9"), USAGE, "TD3.2"),
        (("lps", "find", "--as", "medecin"), USAGE, "--patient"),
        (("nothing",), USAGE, "nothing"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_exit_code(
    shell: Shell, arguments: tuple[str, ...], code: int, word: str
) -> None:
    assert word in shell.error(*arguments, code=code)


def test_the_newest_events_of_everybody_are_listed(shell: Shell) -> None:
    shell.run("patients", "show", "--patient", PATIENTS[1].ins)
    events = shell.json("audit", "list", "--limit", "5")
    assert len(events) == 5
    assert PATIENTS[1].ins in shell.text("audit", "list", "--limit", "5")


@pytest.mark.reference
@pytest.mark.parametrize("name", ["AVC-SUNV_2022.01", "CSE-CS24_2025.01", "OBP-SAP_2024.01", "CSE-CS8_2024.01"])
def test_a_real_document_makes_the_round_or_is_refused_by_its_rule(
    shell: Shell, reference: Path, tmp_path: Path, name: str
) -> None:
    file = next((reference / "fr" / "cda" / "examples").glob(f"{name}.xml"))
    if name == "CSE-CS8_2024.01":  # the key of its production INS is wrong
        assert "clé" in shell.error("patients", "open", "--from-cda", str(file), code=USAGE)
        return
    ins = shell.json("patients", "open", "--from-cda", str(file))["ins"]
    unique_id = provide(shell, file, ins)["document_unique_id"]
    assert unique_id in found(shell, "medecin-traitant", ins)
    shell.run("lps", "open", unique_id, "-o", str(tmp_path / "received.xml"), "--as", "medecin-traitant")
    assert (tmp_path / "received.xml").read_bytes() == file.read_bytes()
