"""The matrix files: what they say, and that an unsound one is refused with its line."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from habilitations.action import Action
from habilitations.decision import Tables, decide
from habilitations.matrices import EVERY_TYPE, FOLDER, MatriceError, Nature, Statut, load_droits, load_matrice
from habilitations.statement import Statement
from schemas import oids
from schemas.value_sets import ValueSets
from tests.habilitations.people import MEDECIN, NOW, OTHERS, entry
from tests.habilitations.synthetic_rule import synthetic_table

KNOWN = FOLDER / "matrice_habilitation.csv"
SYNTHETIC = FOLDER / "matrice_synthetique.csv"
DROITS = FOLDER / "droits_fonctionnels.csv"
TYPES = sorted(kind.code for kind in ValueSets.load().concepts("type_document"))
PROFESSIONS = [role.code for role in ValueSets.load().concepts("subject_role") if role.scheme == oids.PROFESSION]
PHARMACY_EXCLUSIONS = {"75496-0", "34842-5", "68599-0", "83901-9", "68817-6"} | {
    "89601-9",
    "EXPPAT_3",
    "ATTEST-RESID",
    "ATTEST-HEBGT",
    "86531-1",
}

HEADER = ("profession", "specialite", "type_document", "consultation", "statut", "source")
PARTIAL = """\
# version: 1
# date: 2026-01-01
# nature: partielle
# source: essai
profession,specialite,type_document,consultation,statut,source
10,,*,oui,officiel,
10,,ATTEST-RESID,non,officiel,
10,SM25,34112-3,non,officiel,
60,,34112-3,oui,officiel,
"""
COMPLETE = """\
# version: 1
# date: 2026-01-01
# nature: complete
# professions: 2
# types: 2
# source: essai
profession,specialite,type_document,consultation,statut,source
10,,34112-3,oui,officiel,
10,,11502-2,oui,officiel,
60,,34112-3,non,officiel,
60,,11502-2,oui,officiel,
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "matrice.csv"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.reference
def test_the_known_matrix_says_what_the_reference_says(reference: Path) -> None:
    path = reference / "fr" / "habilitation" / "matrice_types_documents_partielle.csv"
    with path.open(encoding="utf-8", newline="") as file:
        expected = {
            (row["profession_code_G15"], row["typeCode"]): row["consultation"] == "1" for row in csv.DictReader(file)
        }
    rows = load_matrice(KNOWN).rows
    got = {(key[0], kind): row.granted for key, by_type in rows.items() for kind, row in by_type.items()}
    assert got == expected


def test_the_known_matrix() -> None:
    known = load_matrice(KNOWN)
    assert known.nature is Nature.PARTIELLE
    assert known.types("10", "SM26") == (True, {"ATTEST-RESID"})
    assert known.types("21", "A") == known.types("39", "") == (True, PHARMACY_EXCLUSIONS)
    assert known.types("60", "") == (True, {"75496-0", "68599-0", "83901-9", "68817-6", "89601-9"})
    assert known.types("40", "") == known.types("80", "") == known.types("70", "") == (False, frozenset())
    assert "RIEN" in KNOWN.read_text("utf-8")


def test_the_synthetic_matrix_is_what_its_rule_makes() -> None:
    assert SYNTHETIC.read_text("utf-8") == synthetic_table()
    assert load_matrice(SYNTHETIC).nature is Nature.SYNTHETIQUE
    assert SYNTHETIC.read_text("utf-8").startswith("# TABLE SYNTHÉTIQUE")


def test_the_synthetic_matrix_is_complete() -> None:
    rows = load_matrice(SYNTHETIC).rows
    assert set(rows) == {(profession, "") for profession in PROFESSIONS}
    assert all(sorted(by_type) == TYPES for by_type in rows.values())


@pytest.mark.parametrize("profession", PROFESSIONS)
def test_every_cell_of_the_synthetic_matrix_is_applied(profession: str) -> None:
    tables = Tables.load("matrice_synthetique.csv")
    requester = replace(MEDECIN, profession=profession, specialty="SM26" if profession == "10" else "")
    decision = decide(tables, requester, Action.TD3_2, Statement("d", authorised=True), now=NOW)
    assert decision.scope is not None
    with SYNTHETIC.open(encoding="utf-8", newline="") as file:
        lines = [line for line in file if not line.startswith("#")]
    cells = {row["type_document"]: row for row in csv.DictReader(lines) if row["profession"] == profession}
    for kind in TYPES:
        assert decision.scope.permits(entry(kind), OTHERS) is (cells[kind]["consultation"] == "oui"), kind
    assert not decision.scope.permits(entry("UNKNOWN-TYPE"), OTHERS)


def test_the_synthetic_matrix_agrees_with_every_known_cell_and_marks_the_rest() -> None:
    known, synthetic = load_matrice(KNOWN), load_matrice(SYNTHETIC)
    for profession in PROFESSIONS:
        for kind in TYPES:
            public, made = known.row(profession, "", kind), synthetic.row(profession, "", kind)
            assert made is not None
            if public is None:
                assert made.statut is Statut.SYNTHETIQUE
            else:
                assert (made.granted, made.statut) == (public.granted, public.statut)
    assert not synthetic.types("80", "")[1] & {"34112-3"}


def test_a_specialty_goes_before_its_profession_and_a_name_before_the_star(tmp_path: Path) -> None:
    matrice = load_matrice(write(tmp_path, PARTIAL))
    assert matrice.types("10", "SM26") == (True, {"ATTEST-RESID"})
    assert matrice.types("10", "SM25") == (True, {"ATTEST-RESID", "34112-3"})
    assert matrice.types("60", "SI01") == (False, {"34112-3"})
    row = matrice.row("10", "SM25", "11502-2")
    assert row is not None
    assert (row.type_document, row.line) == (EVERY_TYPE, 6)
    assert matrice.row("70", "", "34112-3") is None


def test_an_official_table_can_be_dropped_in(tmp_path: Path) -> None:
    path = write(tmp_path, COMPLETE)
    assert load_matrice(path).types("60", "") == (False, {"11502-2"})
    assert Tables.load(path).matrices[0].nature is Nature.COMPLETE


@pytest.mark.parametrize(
    ("base", "old", "new", "line", "expected"),
    [
        (PARTIAL, "60,,34112-3", "99,,34112-3", 9, "profession"),
        (PARTIAL, "60,,34112-3", ",,34112-3", 9, "profession"),
        (PARTIAL, "60,,34112-3", "60,,00000-0", 9, "type_document"),
        (PARTIAL, "10,SM25,", "10,sm 25,", 8, "specialite"),
        (PARTIAL, "oui,officiel,\n10,,A", "peut-être,officiel,\n10,,A", 6, "consultation"),
        (PARTIAL, "10,,ATTEST-RESID,non", "10,,ATTEST-RESID,", 7, "consultation"),
        (PARTIAL, "10,,ATTEST-RESID,non,officiel", "10,,ATTEST-RESID,non,sûr", 7, "statut"),
        (PARTIAL, "10,,ATTEST-RESID,non,officiel,", "10,,*,non,officiel,", 7, "one row for each profession and type"),
        (PARTIAL, "60,,34112-3,oui,officiel,", "60,,34112-3,oui", 9, "6 cells"),
        (PARTIAL, "60,,34112-3", "\n60,,34112-3", 9, "6 cells"),
        (PARTIAL, "statut,source", "statut,remarque", 5, "columns among"),
        (PARTIAL, "statut,source", "statut,statut", 5, "each column once"),
        (PARTIAL, ",statut,source\n", ",statut\n", 5, "the column source"),
        (PARTIAL, "# version: 1\n", "", 0, "version"),
        (PARTIAL, "2026-01-01", "hier", 2, "date"),
        (PARTIAL, "partielle", "presque", 3, "nature"),
        (COMPLETE, "60,,34112-3,non", "60,,*,non", 10, "type_document"),
        (COMPLETE, "60,,34112-3,non,officiel,\n", "", 10, "a row for profession 60 and type 34112-3"),
        (COMPLETE, "60,,34112-3,non", "60,SI01,34112-3,non", 11, "a row for profession 60 and type 34112-3"),
        (COMPLETE, "professions: 2", "professions: 19", 4, "19 professions"),
        (COMPLETE, "types: 2", "types: 87", 5, "87 types"),
        (COMPLETE, "# types: 2\n", "", 0, "types"),
    ],
)
def test_an_unsound_matrix_is_refused_with_its_line(
    tmp_path: Path, base: str, old: str, new: str, line: int, expected: str
) -> None:
    assert base.count(old) == 1
    with pytest.raises(MatriceError) as caught:
        load_matrice(write(tmp_path, base.replace(old, new)))
    assert caught.value.line == line
    assert expected in caught.value.expected
    assert str(caught.value).startswith(f"matrice.csv:{line}: expected ")


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("TD2.1,alimenter,,oui", "TD2.1,alimenter,,peut-être", 19, "PS_non_medecin:normal"),
        ("TD2.1,alimenter,,oui", "TD2.1,alimenter,,non(4)", 19, "oui(1) to oui(9)"),
        ("TD2.1,alimenter,,oui", "TD2.1,alimenter,,", 19, "oui(1) to oui(9)"),
        ("TD2.1,alimenter,,", "TD2.1,alimenter,?,", 19, "note"),
        ("TD2.1,alimenter,,", "TD2.1,,,", 19, "libelle"),
        ("TD2.1,alimenter,,", "TD9.9,alimenter,,", 19, "action"),
        ("TD2.1,alimenter,,", "TD1.6,alimenter,,", 19, "one row for each action"),
        ("AIR/PE_non_PS:normal", "AIR/PE_non_PS:centre_15", 8, "columns among"),
        ("# version AIR: PDT-INF-606 v1.3\n", "", 0, "version AIR"),
        ("# date: 2024-09-25", "# date: 25/09/2024", 4, "date"),
    ],
)
def test_unsound_functional_rights_are_refused_with_their_line(
    tmp_path: Path, old: str, new: str, line: int, expected: str
) -> None:
    text = DROITS.read_text("utf-8")
    assert text.count(old) == 1
    path = tmp_path / "droits.csv"
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(MatriceError) as caught:
        load_droits(path)
    assert (caught.value.line, caught.value.path) == (line, path)
    assert expected in caught.value.expected


def test_a_missing_action_is_a_hole(tmp_path: Path) -> None:
    lines = DROITS.read_text("utf-8").splitlines(keepends=True)
    path = write(tmp_path, "".join(line for line in lines if not line.startswith("TD3.3c")))
    with pytest.raises(MatriceError, match=r"a row for each action, got none for TD3\.3c"):
        load_droits(path)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b"# version: 1\n"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "matrice.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MatriceError):
        load_matrice(path)
