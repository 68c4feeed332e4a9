"""The versions of the tables: which one is in force when, which files are refused, and that no version shows more."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from habilitations.action import Action
from habilitations.comparison import answers
from habilitations.decision import Decision, Tables, decide, explain_entry, explain_type
from habilitations.labels import EVERY_TYPE
from habilitations.matrices import FOLDER, Matrice, load_droits, load_matrice
from habilitations.statement import Statement
from habilitations.table_file import MatriceError
from habilitations.versions import check, civil_date
from identities.requester import Requester
from tests.habilitations.people import DOSSIER, INFIRMIER, MEDECIN, NOEUD, NOW, OTHERS, PODOLOGUE, SECRETAIRE, entry

AUTHORISED = Statement(DOSSIER, authorised=True)
CRH, BIO = "34112-3", "11502-2"
SHIPPED, DROITS = FOLDER / "matrice_habilitation.csv", FOLDER / "droits_fonctionnels.csv"


def text(version: str, day: str, *rows: str, nature: str = "partielle", more: str = "") -> str:
    head = f"# version: {version}\n# date: {day}\n# nature: {nature}\n{more}# source: essai\n"
    columns = "profession,specialite,type_document,consultation,statut,source\n"
    return head + columns + "".join(f"{row},officiel,\n" for row in rows)


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_bytes(content.encode())
    return path


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def decided(tables: Tables, requester: Requester, now: datetime) -> Decision:
    return decide(tables, requester, Action.TD3_2, AUTHORISED, now=now)


def reads(tables: Tables, requester: Requester, kind: str, now: datetime) -> bool:
    decision = decided(tables, requester, now)
    return decision.granted and decision.scope is not None and decision.scope.permits(entry(kind), OTHERS)


# Which one is in force


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-05-31T21:59:59+00:00", "2026-05-31"),
        ("2026-05-31T22:00:00+00:00", "2026-06-01"),  # summer: Paris is two hours ahead
        ("2026-01-31T22:59:59+00:00", "2026-01-31"),
        ("2026-01-31T23:00:00+00:00", "2026-02-01"),  # winter: one hour
        ("2026-06-01T08:00:00+14:00", "2026-05-31"),
    ],
)
def test_an_instant_has_the_civil_date_of_paris(moment: str, day: str) -> None:
    assert civil_date(at(moment)) == date.fromisoformat(day)


def test_a_table_is_in_force_from_midnight_in_paris_until_the_next_one(tmp_path: Path) -> None:
    write(tmp_path, "b.csv", text("b", "2026-06-01", f"80,,{CRH},oui"))
    write(tmp_path, "a.csv", text("a", "2026-07-01", f"80,,{BIO},oui"))
    tables = Tables.load(folder=tmp_path)
    moments = ("2026-05-31T21:59:59Z", "2026-05-31T22:00:00Z", "2026-06-30T21:59:59Z", "2026-06-30T22:00:00Z")
    assert [reads(tables, PODOLOGUE, CRH, at(moment)) for moment in moments] == [False, True, True, False]
    assert [reads(tables, PODOLOGUE, BIO, at(moment)) for moment in moments] == [False, False, False, True]
    assert [tables.at(at(moment)).matrice.version for moment in moments] == ["connue-2023-10", "b", "b", "a"]


def test_the_version_that_decided_stands_in_the_decision_granted_or_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", text("arrêté-2", "2026-02-01", f"80,,{CRH},oui"))
    tables = Tables.load(folder=tmp_path)
    decision = decided(tables, PODOLOGUE, NOW)
    assert decision.version == "PDT-INF-526 v1.8 (2024-09-25) ; matrice arrêté-2"
    hidden = explain_entry(decision, entry(BIO), OTHERS)
    assert (hidden.rule, hidden.table, hidden.version) == ("matrice", "a.csv", "arrêté-2")
    assert explain_type(tables, PODOLOGUE, CRH, now=NOW)[1].version == "arrêté-2"
    earlier = at("2026-01-01T12:00:00Z")
    assert explain_type(tables, PODOLOGUE, CRH, now=earlier)[1].version == "connue-2023-10"
    node = decide(tables, NOEUD, Action.TD3_2, AUTHORISED, now=NOW)
    assert node.version == "maison-4"  # no matrix chose what a node finds


def test_before_the_first_table_nobody_reads_anything() -> None:
    tables = Tables.load()
    early = at("2023-10-28T12:00:00Z")
    refused = decided(tables, MEDECIN, early)
    assert (refused.granted, refused.rule) == (False, "droit_fonctionnel")
    assert "aucune version en vigueur" in refused.sentence
    between = at("2024-09-25T12:00:00Z")
    late = Tables(tables.droits, (replace(tables.matrices[0], date=date(2025, 1, 1)),))
    decision = decided(late, MEDECIN, between)
    assert decision.granted
    assert explain_entry(decision, entry(CRH), OTHERS).version == "aucune en vigueur"
    assert not reads(late, MEDECIN, CRH, between)
    assert reads(late, MEDECIN, CRH, at("2025-01-01T12:00:00Z"))
    assert decided(tables, NOEUD, early).granted  # an IHE domain is none of the DMP's


def test_a_specialty_row_of_a_later_version_goes_before_its_profession(tmp_path: Path) -> None:
    geriatrician, other = replace(MEDECIN, specialty="SM54"), MEDECIN
    write(tmp_path, "1.csv", text("1", "2026-01-01", f"10,SM54,{CRH},oui", f"10,,{CRH},non", f"10,,{BIO},oui"))
    write(tmp_path, "2.csv", text("2", "2026-02-01", f"10,SM54,{CRH},non", f"10,,{CRH},oui", f"10,SM54,{BIO},oui"))
    write(tmp_path, "3.csv", text("3", "2026-03-01", "10,,*,oui", "10,SM54,*,non", f"10,SM54,{BIO},oui"))
    tables = Tables.load(folder=tmp_path)
    days = [at(f"2026-0{month}-15T12:00:00Z") for month in (1, 2, 3)]
    assert [reads(tables, geriatrician, CRH, day) for day in days] == [True, False, False]
    assert [reads(tables, other, CRH, day) for day in days] == [False, True, True]
    assert [reads(tables, geriatrician, BIO, day) for day in days] == [True, True, True]
    assert [reads(tables, other, BIO, day) for day in days] == [
        True,
        False,
        True,
    ]  # 2 is whole: 1 does not show through


def test_a_role_without_health_profession_is_in_no_version(tmp_path: Path) -> None:
    write(tmp_path, "1.csv", text("1", "2026-01-01", "10,,*,oui", "60,,*,oui"))
    tables = Tables.load(folder=tmp_path)
    r85 = replace(INFIRMIER, profession="350", profession_system="1.2.250.1.213.1.6.1.3")
    for requester in (SECRETAIRE, replace(SECRETAIRE, profession="60"), r85, replace(r85, profession="60")):
        assert not reads(tables, requester, CRH, NOW)
    assert reads(tables, INFIRMIER, CRH, NOW)


def test_functional_rights_are_replaced_by_date_too(tmp_path: Path) -> None:
    sheet = DROITS.read_text("utf-8").replace("# date: 2024-09-25", "# date: 2026-06-01")
    sheet = sheet.replace("PDT-INF-526 v1.8 (2024-09-25)", "PDT-INF-526 v2")
    lines = [
        "TD2.1,alimenter,," + ",".join(["non"] * 21) if line.startswith("TD2.1,") else line
        for line in sheet.split("\n")
    ]
    write(
        tmp_path, "droits_fonctionnels_v2.csv", "\n".join(lines).replace("# version AIR: PDT", "# version AIR: x-PDT")
    )
    tables = Tables.load(folder=tmp_path)
    before, after = at("2026-05-31T21:00:00Z"), at("2026-06-01T00:00:00Z")
    assert decide(tables, MEDECIN, Action.TD2_1, AUTHORISED, now=before).granted
    refused = decide(tables, MEDECIN, Action.TD2_1, AUTHORISED, now=after)
    assert (refused.granted, refused.version) == (False, "PDT-INF-526 v2")
    assert "PDT-INF-526 v2" in refused.sentence
    assert decide(tables, NOEUD, Action.TD2_1, AUTHORISED, now=after).granted  # our own sheet holds always
    assert decide(tables, MEDECIN, Action.TD3_2, AUTHORISED, now=after).granted


# Which files are refused beside one another


def test_a_table_of_the_folder_takes_the_place_of_the_shipped_one_of_its_date(tmp_path: Path) -> None:
    write(tmp_path, "official.csv", text("officielle", "2023-10-29", f"80,,{CRH},oui"))
    tables = Tables.load(folder=tmp_path)
    assert [matrice.version for matrice in tables.matrices] == ["officielle"]
    assert not reads(tables, MEDECIN, CRH, NOW)


def test_without_a_folder_or_with_an_empty_one_the_named_table_stands_alone(tmp_path: Path) -> None:
    write(tmp_path, "notes.txt", "no table")
    write(tmp_path, ".hidden.csv", "no table")
    for folder in (None, tmp_path):
        tables = Tables.load("matrice_synthetique.csv", folder=folder)
        assert [matrice.name for matrice in tables.matrices] == ["matrice_synthetique.csv"]
        assert len(tables.droits) == 1


def test_a_named_table_that_lies_in_the_folder_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path, "mine.csv", text("mine", "2026-01-01", f"80,,{CRH},oui"))
    assert len(Tables.load(path, folder=tmp_path).matrices) == 1


@pytest.mark.parametrize(
    ("name", "content", "line", "problem"),
    [
        ("b.csv", text("b", "2026-02-01", f"80,,{CRH},oui"), 2, "date"),
        ("b.csv", text("a", "2026-03-01", f"80,,{CRH},oui"), 1, "version"),
        ("b.CSV", text("connue-2023-10", "2026-03-01", f"80,,{CRH},oui"), 1, "version"),
        ("matrice_habilitation.csv", SHIPPED.read_text("utf-8"), 2, "version"),
        ("droits_fonctionnels.csv", DROITS.read_text("utf-8"), 2, "version CPS_CPE_ES"),
        (
            "droits_fonctionnels2.csv",
            DROITS.read_text("utf-8")
            .replace("# version AIR: ", "# version AIR: new ")
            .replace("# date: 2024-09-25", "# date: 2026-01-01")
            .replace("TD2.1,alimenter,,oui", "TD2.1,alimenter,,non"),
            2,
            "version CPS_CPE_ES",
        ),
    ],
)
def test_two_tables_of_one_date_or_version_are_refused(
    tmp_path: Path, name: str, content: str, line: int, problem: str
) -> None:
    write(tmp_path, "a.csv", text("a", "2026-02-01", f"80,,{CRH},oui"))
    write(tmp_path, name, content)
    with pytest.raises(MatriceError) as caught:
        Tables.load(folder=tmp_path)
    assert (caught.value.path.name, caught.value.line) == (name, line)
    assert caught.value.expected == f"{problem}: of no other table"
    assert "d'aucune autre table" in caught.value.french


def test_a_table_that_the_operator_names_is_replaced_by_none(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    named = write(tmp_path, "named.csv", text("a", "2026-02-01", f"80,,{CRH},oui"))
    write(folder, "b.csv", text("b", "2026-02-01", f"80,,{BIO},oui"))
    with pytest.raises(MatriceError, match=r"b\.csv:2: expected date: of no other table, got 2026-02-01"):
        Tables.load(named, folder=folder)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MatriceError, match="a folder of tables"):
        Tables.load(folder=write(tmp_path, "habilitations", "no folder"))


# Which files are refused by themselves

SOUND = text("1", "2026-01-01", "10,,*,oui", f"60,,{CRH},oui", f"60,,{BIO},non")
COMPLETE = text(
    "1", "2026-01-01", f"10,,{CRH},oui", f"60,,{CRH},oui", nature="complete", more="# professions: 2\n# types: 1\n"
)


@pytest.mark.parametrize(
    ("content", "line", "attendu", "recu"),
    [
        (SOUND.replace("60,,11502", "61,,11502"), 8, "profession de santé", "61"),
        (SOUND.replace("60,,11502-2", "60,,11502-3"), 8, "table type_document", "11502-3"),
        (SOUND.replace("60,,11502-2", "60,,34112-3"), 8, "une ligne par profession et type", "la première : 7"),
        (COMPLETE.replace("types: 1", "types: 2"), 5, "2 types", "1"),
        (COMPLETE.replace(f"60,,{CRH}", f"60,SI01,{CRH}"), 9, f"profession 60 et le type {CRH}", "rien"),
        (SOUND.replace("2026-01-01", "2026-02-30"), 2, "AAAA-MM-JJ", "2026-02-30"),
        (SOUND.replace("2026-01-01", "20260101"), 2, "AAAA-MM-JJ", "20260101"),
        (SOUND.replace("2026-01-01", "2026-W01-1"), 2, "AAAA-MM-JJ", "2026-W01-1"),
        (SOUND.replace("# date: 2026-01-01", "# date: 2026-01-01\n# date: 2027-01-01"), 3, "une seule", "ligne 2"),
        (SOUND.replace("# date: 2026-01-01\n", ""), 0, "# date: ...", "rien"),
        ("", 1, "une table", "un fichier vide"),
        ("\n \n", 1, "une table", "un fichier vide"),
        ("# version: 1\n", 2, "nomme les colonnes", "fin du fichier"),
        (SOUND.partition("10,,")[0], 6, "au moins une ligne", "rien"),
        (SOUND.replace(",statut", ",etat"), 5, "des colonnes parmi", "etat"),
        (SOUND.replace("type_document,", ""), 5, "la colonne type_document", "rien"),
        ("\ufeff" + SOUND, 1, "BOM", "EF BB BF"),
        (SOUND.replace("\n", "\r\n"), 1, "LF", "CRLF"),
        (SOUND.replace("oui,officiel,\n60,,11", "oui,officiel,\r\n60,,11"), 7, "LF", "CRLF"),
        (SOUND.replace("\n", "\r"), 1, "LF", "CR"),
        (SOUND.replace(",", ";"), 5, "des virgules", "des points-virgules"),
        (SOUND.replace(",", "\t"), 5, "des virgules", "des tabulations"),
        (SOUND.replace("\n", ",,,,,\n", 4), 3, "nature", "partielle,,,,,"),
        (SOUND.replace(f"60,,{BIO}", f'60,,"{BIO}'), 8, "enregistrement CSV", ""),
        (SOUND.replace(f"60,,{BIO}", f"60,,{BIO}{'x' * 140_000}"), 8, "enregistrement CSV", ""),
        (SOUND + "\n", 9, "6 cellules", "0"),
        (SOUND.replace("60,,34112", " 60,,34112"), 7, "profession", " 60"),
    ],
)
def test_an_unsound_file_is_refused_with_its_line_in_both_languages(
    tmp_path: Path, content: str, line: int, attendu: str, recu: str
) -> None:
    path = write(tmp_path, "m.csv", content)
    with pytest.raises(MatriceError) as caught:
        Tables.load(folder=tmp_path)
    wrong = caught.value
    assert (wrong.path, wrong.line) == (path, line)
    assert attendu in wrong.attendu
    assert recu in wrong.recu
    assert wrong.french.startswith(f"m.csv, ligne {line} : attendu " if line else "m.csv : attendu ")
    assert str(wrong).startswith(f"m.csv:{line}: expected {wrong.expected}, got {wrong.got}")
    assert check([path]) and str(check([path])[0]) == str(wrong)


def test_text_of_another_encoding_is_refused_with_line_and_byte(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(SOUND.replace("essai", "arrêté").encode("cp1252"))
    with pytest.raises(MatriceError, match=r"m\.csv:4: expected UTF-8 text, got the byte EA"):
        load_matrice(path)
    path.write_bytes(SOUND.encode("utf-16"))
    with pytest.raises(MatriceError, match=r"m\.csv:1: expected UTF-8 text, got the byte FF"):
        load_matrice(path)


def test_files_are_checked_each_and_together(tmp_path: Path) -> None:
    first = write(tmp_path, "a.csv", SOUND)
    again = write(tmp_path, "b.csv", SOUND)
    found = check([first, again, tmp_path / "none.csv", DROITS])
    assert isinstance(found[0], Matrice)
    assert isinstance(found[1], MatriceError) and found[1].expected.startswith("version")
    assert isinstance(found[2], MatriceError) and found[2].expected == "a readable file"
    assert found[3] == load_droits(DROITS)


def test_the_answers_of_a_matrix_are_its_rows_or_what_decides_of_one_type() -> None:
    known = load_matrice(SHIPPED)
    assert len(answers(known)) == sum(len(rows) for rows in known.rows.values())
    (one,) = answers(known, "10", CRH)
    assert one.row is not None and one.row.type_document == EVERY_TYPE
    (none,) = answers(known, "26")
    assert (none.profession, none.type_document, none.row) == ("26", EVERY_TYPE, None)
    assert {answer.profession for answer in answers(known, type_document=CRH)} == {key[0] for key in known.rows}
