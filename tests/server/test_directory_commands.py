"""`dmp directory`: extractions of the Annuaire Santé brought in, shown and checked."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from server.annuaire_sante import MOST_ENDED
from server.cli import build
from tests import annuaire
from tests.annuaire import activity

DOCTOR, NURSE = "899900000017", "899900000025"
HOSPITAL, PRACTICE = "990000018", "99000000100018"  # FINESS, SIRET


def dmp(*arguments: str) -> Result:
    return CliRunner().invoke(build(), arguments, env={"DMP_HOME": None, "SUDO_USER": "operator"})


class Home:
    """A home of its own, and what `dmp directory` answers there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        assert dmp("migrate", "--home", str(folder)).exit_code == 0

    def __call__(self, command: str, *arguments: str, code: int = 0) -> Any:
        result = dmp("directory", command, *arguments, "--home", str(self.folder), "--json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    def structures_of(self, id_nat: str) -> set[str]:
        return set(self("show", id_nat)["professional"]["structures"])


@pytest.fixture
def directory(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def changes(report: dict[str, Any], kind: str) -> dict[str, int]:
    return {name: count for name, count in report[kind].items() if count}


TWO = [
    activity(DOCTOR, finess=HOSPITAL, Raison_sociale="CHU", Code_secteur="SA01", Code_mode="S"),
    activity(DOCTOR, siret=PRACTICE, Raison_sociale="CABINET", Code_secteur="SA07", Code_mode="L"),
    activity(NURSE, finess=HOSPITAL, Code_profession="60", Raison_sociale="CHU", Code_secteur="SA01"),
]
SKILLS = [annuaire.line(annuaire.SKILLS, id_nat=DOCTOR, Code_profession="10", Code_savoir=f"SM{n}") for n in (26, 25)]


def test_an_extraction_is_brought_in_and_shown(directory: Home, tmp_path: Path) -> None:
    diploma = annuaire.line(annuaire.DIPLOMAS, id_nat=DOCTOR, Code_diplôme="DE28")
    report = directory("import", str(annuaire.folder(tmp_path / "e", TWO, SKILLS, [diploma])))
    assert sorted(report["lines"].values()) == [1, 2, 3]
    assert changes(report, "professionals") == changes(report, "structures") == {"added": 2}
    assert changes(report, "links") == {"added": 3}
    assert report["refused"] == report["without_structure"] == 0
    shown = directory("show", DOCTOR)["professional"]
    assert {each["savoir_faire"] for each in shown["exercices"]} == {"SM25", "SM26"}
    assert {
        (each["structure_id"], *each["sectors"], *each["modes"], each["ended"]) for each in shown["activities"]
    } == {
        (f"1{HOSPITAL}", "SA01", "S", None),
        (f"3{PRACTICE}", "SA07", "L", None),
    }
    assert directory("show", f"1{HOSPITAL}")["structure"]["name"] == "CHU"
    assert directory("show", "899999999999", code=3)["error"]["code"] == "NotFound"


def test_importing_it_again_in_any_order_changes_nothing(directory: Home, tmp_path: Path) -> None:
    lines = [*TWO, activity(DOCTOR, finess=HOSPITAL, Raison_sociale="AUTRE NOM", Code_secteur="SA05")]
    directory("import", str(annuaire.folder(tmp_path / "e", lines, SKILLS)))
    random.Random(7).shuffle(lines)
    again = directory("import", str(annuaire.folder(tmp_path / "e", lines, SKILLS[::-1])))
    assert [changes(again, kind) for kind in ("professionals", "structures", "links")] == [
        {"same": 2},
        {"same": 2},
        {"same": 3},
    ]


def test_what_a_full_extraction_lists_no_longer_has_ended(directory: Home, tmp_path: Path) -> None:
    directory("import", str(annuaire.folder(tmp_path / "e", TWO)))
    excerpt = annuaire.folder(tmp_path / "e", TWO[:1])
    kept = directory("import", "--partial", str(excerpt))
    assert not any(kept[kind]["ended"] for kind in ("professionals", "structures", "links"))
    report = directory("import", str(excerpt))
    assert changes(report, "professionals") == {"same": 1, "ended": 1}
    assert changes(report, "structures") == {"same": 1, "ended": 1}
    assert changes(report, "links") == {"same": 1, "ended": 2}
    assert directory.structures_of(DOCTOR) == {f"1{HOSPITAL}"}
    assert len(directory("show", DOCTOR)["professional"]["activities"]) == 2
    assert directory("show", NURSE)["professional"]["active"] is False
    assert directory("show", f"3{PRACTICE}")["structure"]["active"] is False
    back = directory("import", str(annuaire.folder(tmp_path / "e", TWO)))
    assert changes(back, "links") == {"changed": 2, "same": 1}


def test_a_bad_line_is_told_and_ends_nothing_of_whom_it_names(directory: Home, tmp_path: Path) -> None:
    directory("import", str(annuaire.folder(tmp_path / "e", TWO)))
    bad = [TWO[0], activity(DOCTOR, siret="99"), activity(NURSE, finess="x"), "8|1", "", activity("899900000033")]
    report = directory("import", str(annuaire.folder(tmp_path / "e", bad)))
    name = "PS_LibreAcces_Personne_activite_202611220807.txt"
    assert report["refused"] == 3
    assert [(each["file"], each["line"], each["got"]) for each in report["refusals"]] == [
        (name, 3, "'399'"),
        (name, 4, "'1x'"),
        (name, 5, "2"),
    ]
    assert report["refusals"][0]["expected"] == "Numéro SIRET site: 3 and SIRET"
    assert changes(report, "professionals") == {"added": 1, "same": 1}
    assert report["links"]["ended"] == report["structures"]["ended"] == 0
    assert report["without_structure"] == 1
    assert len(directory.structures_of(DOCTOR)) == 2


def test_wrong_keys_are_refused_when_asked_for(directory: Home, tmp_path: Path) -> None:
    folder = annuaire.folder(tmp_path / "e", [activity("810001045367"), activity("810001045368")])
    assert directory("import", "--strict", str(folder))["refused"] == 1
    assert directory("import", "--partial", str(folder))["refused"] == 0


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ({"Personne_activite": annuaire.ACTIVITIES.replace("Code rôle", "Rôle")}, "line 1: title of column 53"),
        ({"SavoirFaire": annuaire.SKILLS}, "expected one PS_LibreAcces_Personne_activite"),
        ({"Personne_activite": annuaire.ACTIVITIES}, "expected at least one activity"),
        ({"Personne_activite": annuaire.ACTIVITIES, "Personne_activite_2": annuaire.ACTIVITIES}, "at most one of each"),
        ({"Personne_activite": annuaire.DIPLOMAS}, "line 1: title of column 4"),
        ({}, "got none of them"),
    ],
)
def test_what_is_no_extraction_changes_nothing(
    directory: Home, tmp_path: Path, lines: dict[str, str], told: str
) -> None:
    directory("import", str(annuaire.folder(tmp_path / "e", TWO)))
    (tmp_path / "other").mkdir()
    for name, titles in lines.items():
        (tmp_path / "other" / f"PS_LibreAcces_{name}.txt").write_text(titles + "\n", "utf-8")
    assert told in directory("import", str(tmp_path / "other"), code=2)["error"]["context"]
    assert len(directory.structures_of(DOCTOR)) == 2


def test_a_zip_and_a_single_file_are_taken(directory: Home, tmp_path: Path) -> None:
    folder = annuaire.folder(tmp_path / "e", TWO, SKILLS)
    with zipfile.ZipFile(tmp_path / "PS_LibreAcces.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, f"PS_LibreAcces_202611/{file.name}")
    assert directory("import", str(tmp_path / "PS_LibreAcces.zip"))["professionals"]["added"] == 2
    single = (folder / "PS_LibreAcces_Personne_activite_202611220807.txt").rename(tmp_path / "extraction")
    assert directory("import", "--format", "annuaire", str(single))["professionals"]["same"] == 2
    (tmp_path / "broken.zip").write_bytes((tmp_path / "PS_LibreAcces.zip").read_bytes()[:-30])
    assert directory("import", str(tmp_path / "broken.zip"), code=2)["error"]["code"] == "Usage"
    assert "No such file" in directory("import", str(tmp_path / "absent.txt"), code=2)["error"]["context"]


def test_a_file_that_was_cut_short_ends_nobody_unless_told(directory: Home, tmp_path: Path) -> None:
    everybody = [activity(f"8{number:011d}") for number in range(MOST_ENDED + 2)]
    directory("import", str(annuaire.folder(tmp_path / "e", everybody)))
    cut = annuaire.folder(tmp_path / "e", everybody[:1])
    assert f"got {MOST_ENDED + 1} missing" in directory("import", str(cut), code=2)["error"]["context"]
    assert directory("show", "800000000001")["professional"]["active"] is True
    assert directory("import", "--end-many", str(cut))["professionals"]["ended"] == MOST_ENDED + 1


def test_check_tells_what_contradicts_itself(directory: Home, tmp_path: Path) -> None:
    directory("import", str(annuaire.folder(tmp_path / "e", [activity("810001045367", finess="010000024")])))
    assert directory("check") == {"errors": 0, "warnings": 0, "troubles": []}
    people = [
        {"name": "h", "kind": "structure", "id_nat": "1010000032", "modes": ["INDIRECTE"]},
        {"name": "d", "kind": "ps", "id_nat": "810000013994", "profession": "999", "structure_id": "1010780054"},
    ]
    (tmp_path / "people.json").write_text(json.dumps(people), "utf-8")
    directory("import", str(tmp_path / "people.json"))
    found = {(each["severity"], each["identifier"], each["got"]) for each in directory("check")["troubles"]}
    assert found == {
        ("warning", "810000013994", "999"),
        ("warning", "810000013994", "1010780054"),
    }


# ---- size


def generated(lines: int) -> Iterator[str]:
    """An extraction of that many lines: professionals with one or two activities, at one structure for ten lines."""
    dice = random.Random(1)
    pattern = activity(
        "8PROFESSIONAL",
        finess="SITE",
        Numéro_FINESS_établissement="JURIDIQUE",
        Raison_sociale="ÉTABLISSEMENT SITE",
        Code_secteur="SA01",
        Code_savoir="SMSKILL",
        Libellé_commune="SAINT-MARTIN-DES-ESSAIS",
        Libellé_Voie="RUE DU GÉNÉRAL DE GAULLE",
    )
    for number in range(lines):
        site = dice.randrange(lines // 10)
        filled = pattern.replace("PROFESSIONAL", f"{number * 2 // 3:011d}").replace("SITE", f"{site:09d}")
        yield filled.replace("JURIDIQUE", f"{site // 5:09d}").replace("SKILL", f"{dice.randrange(10, 60)}")


MEASURED = """
import re, sys, threading, time
from pathlib import Path
from server.cli import build

most = 0
def watch():  # what is mapped from files is the system's to take back
    global most
    while True:
        most = max(most, int(re.search(r"RssAnon:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1]))
        time.sleep(0.02)

threading.Thread(target=watch, daemon=True).start()
try:
    build()(sys.argv[1:])
finally:
    print(most)
"""


@pytest.mark.long
def test_a_large_extraction_takes_no_more_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """300,000 lines (the real one has about 2 million): the memory of 20,000, and what caches of 16 MiB fill up to."""
    used = {}
    for lines in (20_000, 300_000):
        Home(tmp_path / f"home{lines}")
        annuaire.folder(tmp_path / f"e{lines}", generated(lines))
        arguments = ("directory", "import", str(tmp_path / f"e{lines}"), "--home", str(tmp_path / f"home{lines}"))
        command = [sys.executable, "-c", MEASURED, *arguments, "--json"]
        done = subprocess.run(command, capture_output=True, check=True)
        report, memory = done.stdout.splitlines()
        used[lines] = int(memory) / 1024
        told = json.loads(report)
        assert told["refused"] == 0 and sum(told["lines"].values()) == lines
    with capsys.disabled():
        sys.stdout.write(f"\n{told['lines_per_second']} lines/s, {told['seconds']} s, MiB {used}\n")
    assert told["lines_per_second"] > 1_000
    assert used[300_000] < used[20_000] + 48
