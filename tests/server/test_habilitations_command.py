"""`dmp habilitations`: tables checked, compared and shown, and a refusal of the audit log explained."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from audit.event import AuditObject, Call, ObjectKind
from dmp.errors import AccessRefused
from habilitations.action import Action
from habilitations.matrices import FOLDER
from habilitations.store import PERSON
from identities.requester import PatientId
from schemas import oids
from server.app import create_app
from server.cli import build
from server.house import House, now, tables_of
from server.settings import Exposure, SettingsError, load
from tests.habilitations.people import OTHERS, PODOLOGUE, SECRETAIRE, entry

CRH, BIO = "34112-3", "11502-2"
COLUMNS = "profession,specialite,type_document,consultation,statut,source\n"
SUZANNE = "251037505612853"
TRAITS = ("--family", "CORBEAU", "--given", "Suzanne", "--birth-date", "1951-03-14", "--sex", "F")


def dmp(*arguments: str | Path, home: Path | None = None) -> Result:
    given = ["habilitations", *map(str, arguments), *(["--home", str(home)] if home else [])]
    return CliRunner().invoke(build(), given, env={"DMP_HOME": None, "DMP_PEOPLE": None, "SUDO_USER": "operator"})


def answer(*arguments: str | Path, home: Path | None = None, code: int = 0) -> Any:
    """What a command prints as JSON."""
    result = dmp(*arguments, "--json", home=home)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def write(folder: Path, name: str, version: str, day: str, *rows: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    head = f"# version: {version}\n# date: {day}\n# nature: partielle\n# source: essai\n{COLUMNS}"
    path.write_text(head + "".join(f"{row},officiel,\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A migrated home, with a folder of tables that holds two versions."""
    folder = tmp_path / "home"
    assert CliRunner().invoke(build(), ["migrate", "--home", str(folder)]).exit_code == 0
    write(folder / "habilitations", "1.csv", "un", "2026-01-01", f"80,,{CRH},oui")
    write(folder / "habilitations", "2.csv", "deux", "2026-02-01", "10,,*,oui", f"10,SM25,{CRH},non", f"80,,{CRH},non")
    return folder


@pytest.fixture
def house(home: Path) -> Iterator[House]:
    house = House.build(load({"home": home}, {}), anchors=False)
    yield house
    house.database.dispose()


# check


def test_sound_tables_are_said_to_be(tmp_path: Path) -> None:
    path = write(tmp_path, "m.csv", "v1", "2026-01-01", "10,,*,oui", f"80,,{CRH},non")
    (found,) = answer("check", path)["files"]
    assert (found["sound"], found["kind"], found["version"], found["date"]) == (True, "matrice", "v1", "2026-01-01")
    assert (found["professions"], found["types"], found["cells"]) == (2, 2, 2)
    sheets = FOLDER / "droits_fonctionnels.csv"
    assert answer("check", sheets)["files"][0]["kind"] == "droits_fonctionnels"
    text = dmp("check", path, sheets).stdout
    assert "valide   m.csv : matrice partielle v1, en vigueur le 2026-01-01" in text
    assert "PDT-INF-526 v1.8" in text


def test_an_unsound_table_is_refused_in_french_with_its_line_and_the_others_are_checked_still(tmp_path: Path) -> None:
    good = write(tmp_path, "a.csv", "a", "2026-01-01", f"80,,{CRH},oui")
    bad = write(tmp_path, "b.csv", "b", "2026-02-01", f"80,,{CRH},oui", "99,,*,oui")
    said = answer("check", bad, good, code=1)
    assert said["sound"] is False
    assert [each["sound"] for each in said["files"]] == [False, True]
    assert said["files"][0]["line"] == 7
    assert said["files"][0]["got"] == "99"
    result = dmp("check", bad, good)
    assert result.exit_code == 1
    assert "REFUSÉE  b.csv, ligne 7 : attendu profession : une profession de santé de TRE_G15" in result.stdout
    assert "valide   a.csv" in result.stdout


def test_the_export_of_a_spreadsheet_is_refused_and_told_what_is_wrong(tmp_path: Path) -> None:
    path = write(tmp_path, "m.csv", "v1", "2026-01-01", f"80,,{CRH},oui")
    path.write_text(path.read_text("utf-8").replace(",", ";"), "utf-8")
    result = dmp("check", path)
    assert result.exit_code == 1
    assert "ligne 5 : attendu des cellules séparées par des virgules ; reçu des points-virgules" in result.stdout


def test_two_tables_of_one_date_cannot_stand_in_one_folder(tmp_path: Path) -> None:
    one = write(tmp_path, "a.csv", "a", "2026-01-01", f"80,,{CRH},oui")
    two = write(tmp_path, "b.csv", "b", "2026-01-01", f"80,,{CRH},oui")
    assert answer("check", one)["sound"] and answer("check", two)["sound"]
    refused = answer("check", one, two, code=1)["files"][1]
    assert (refused["line"], refused["expected"]) == (2, "date : d'aucune autre table")


# diff


def test_the_cells_that_change_are_named_with_their_labels(tmp_path: Path) -> None:
    old = write(tmp_path, "old.csv", "1", "2026-01-01", f"10,,{CRH},oui", f"10,,{BIO},oui", f"80,,{BIO},non")
    new = write(tmp_path, "new.csv", "2", "2026-02-01", f"10,,{CRH},oui", f"10,SM25,{CRH},non", f"80,,{CRH},oui")
    said = answer("diff", old, new)
    assert (said["old"]["version"], said["new"]["version"]) == ("1", "2")
    cells = [
        (each["profession"], each["specialite"], each["type"], each["old"], each["new"]) for each in said["changes"]
    ]
    assert sorted(cells) == [
        ("10", "", BIO, "oui", "aucune ligne"),
        ("10", "SM25", BIO, "oui", "aucune ligne"),
        ("10", "SM25", CRH, "oui", "non"),
        ("80", "", CRH, "aucune ligne", "oui"),
    ]
    assert said["changes"][0]["profession_label"] == "Médecin"
    text = dmp("diff", old, new).stdout
    assert "Pédicure-Podologue (80)\n  + 34112-3            CR hospitalier (séjour)" in text
    assert "Médecin (10), Médecine du travail (SM) (SM25)" in text
    assert "Cellules qui changent : 4 (ouvertes : 1, fermées : 3)." in text


def test_a_shipped_matrix_is_named_without_its_folder_and_differs_not_from_itself() -> None:
    assert answer("diff", "matrice_synthetique.csv", "matrice_synthetique.csv")["changes"] == []
    changes = answer("diff", "matrice_habilitation.csv", "matrice_synthetique.csv")["changes"]
    assert ("10", "*", "oui", "aucune ligne") in [
        (each["profession"], each["type"], each["old"], each["new"]) for each in changes
    ]


def test_what_is_no_matrix_is_not_compared(tmp_path: Path) -> None:
    result = dmp("diff", "matrice_habilitation.csv", tmp_path / "none.csv")
    assert result.exit_code == 1
    assert "none.csv : attendu un fichier lisible" in result.stderr
    assert "ligne" in answer("diff", FOLDER / "droits_ihe.csv", "matrice_habilitation.csv", code=1)["error"]["context"]


# show


def test_the_table_in_force_at_a_date_is_shown(home: Path) -> None:
    versions = [each["version"] for each in answer("show", home=home)["versions"]]
    assert versions == ["connue-2023-10", "un", "deux"]
    for day, version in (("2025-12-31", "connue-2023-10"), ("2026-01-31", "un"), ("2026-02-01", "deux")):
        assert answer("show", "--at", day, home=home)["in_force"]["version"] == version
    assert answer("show", "--at", "2020-01-01", home=home)["in_force"] is None
    assert "Aucune matrice n'est en vigueur le 2020-01-01" in dmp("show", "--at", "2020-01-01", home=home).stdout
    text = dmp("show", "--at", "2026-01-15", home=home).stdout
    assert "* 2026-01-01  matrice partielle un (1.csv)" in text
    assert "  2026-02-01  matrice partielle deux (2.csv)" in text


def test_the_cells_of_a_profession_and_of_a_type_are_shown_with_labels(home: Path) -> None:
    cells = answer("show", "--profession", "10", "--type", CRH, "--at", "2026-03-01", home=home)["cells"]
    found = [(each["specialite"], each["type_label"], each["consultation"], each["row"]) for each in cells]
    assert found == [("", "CR hospitalier (séjour)", "oui", "*"), ("SM25", "CR hospitalier (séjour)", "non", CRH)]
    (nobody,) = answer("show", "--profession", "26", "--at", "2026-03-01", home=home)["cells"]
    assert (nobody["profession_label"], nobody["consultation"]) == ("Audioprothésiste", "aucune ligne")
    text = dmp("show", "--type", CRH, "--at", "2026-03-01", home=home).stdout
    assert "Pédicure-Podologue (80)" in text and "Toute autre profession : aucune ligne" in text


@pytest.mark.parametrize(
    ("option", "value"),
    [("--profession", "61"), ("--type", "34112"), ("--at", "20260101"), ("--at", "2026-02-30"), ("--at", "2026-W05-1")],
)
def test_codes_and_dates_that_there_are_not_are_refused(home: Path, option: str, value: str) -> None:
    result = dmp("show", option, value, home=home)
    assert result.exit_code == 2
    assert f"reçu {value}" in result.stderr
    assert "attendu" in result.stderr


def test_the_folder_is_a_setting_and_must_be_there_when_named(home: Path, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", "x.csv", "ailleurs", "2026-03-01", f"80,,{CRH},oui")
    (home / "settings.toml").write_text(f'habilitations = "{tmp_path / "elsewhere"}"\n', "utf-8")
    assert [each["version"] for each in answer("show", home=home)["versions"]] == ["connue-2023-10", "ailleurs"]
    (home / "settings.toml").write_text('habilitations = "nowhere"\n', "utf-8")
    result = dmp("show", home=home)
    assert result.exit_code == 2
    assert "habilitations: expected a folder of tables, got" in result.stderr


# what a server does


def test_an_unsound_table_stops_a_server_at_its_start_and_not_while_it_runs(home: Path) -> None:
    settings = load({"home": home, "domain": "ihe-connectathon"}, {})
    tables = tables_of(settings)
    bad = write(home / "habilitations", "3.csv", "trois", "2026-03-01", "99,,*,oui")
    with pytest.raises(SettingsError, match=r"3\.csv:6: expected profession"):
        create_app(settings, Exposure.LOOPBACK)
    create_app(settings, Exposure.LOOPBACK, tables)  # a worker that replaces another
    bad.unlink()
    write(home / "habilitations", "3.csv", "trois", "2026-03-01", f"80,,{CRH},oui")
    assert [each.version for each in House.build(settings, tables=tables).tables.matrices][-1] == "deux"
    assert [each.version for each in House.build(settings).tables.matrices][-1] == "trois"


# explain --event


def events(house: House, **of: str) -> list[Any]:
    """The events of the log that have these values, newest first."""
    found = CliRunner().invoke(build(), ["audit", "list", "--json", "--home", str(house.settings.home)])
    return [each for each in json.loads(found.stdout) if of.items() <= each.items()]


def call() -> Call:
    return Call("ITI-43", uuid.uuid4().hex)


def hidden(house: House) -> None:
    """The podologue asks for a biology report, in a dossier that is open to him: the matrix keeps it from him."""
    opening = ["patients", "open", "--ins", SUZANNE, *TRAITS, "--home", str(house.settings.home)]
    assert CliRunner().invoke(build(), opening).exit_code == 0
    patient = PatientId(SUZANNE, oids.INS_NIR_TEST)
    with house.rooms() as rooms:
        dossier = rooms.identities.dossier(patient)
        assert dossier is not None
        until = now() + timedelta(days=1)
        rooms.rights.authorise(dossier.key, PODOLOGUE.id_nat, kind=PERSON, start=now(), end=until)
    with house.gate.passage(PODOLOGUE, Action.TD3_2, patient, call()) as passage:
        passage.hide(AuditObject(ObjectKind.DOCUMENT, "1.2.3"), entry(BIO), OTHERS)


def test_a_refusal_by_the_matrix_is_explained_from_the_log_though_the_table_is_gone(house: House, home: Path) -> None:
    hidden(house)
    (event,) = events(house, rule="matrice")
    said = answer("explain", "--event", event["id"], home=home)
    assert (said["granted"], said["rule"], said["table"], said["version"]) == (False, "matrice", "2.csv", "deux")
    assert said["row"].startswith(f"80 × {BIO}")
    assert said["sentence"] == "La matrice d'habilitation n'ouvre pas ce type de document à cette profession."
    (home / "habilitations" / "2.csv").unlink()
    assert answer("explain", "--event", event["id"][:8], home=home) == said
    text = dmp("explain", "--event", event["id"][:8], home=home).stdout
    assert text.startswith("REFUSÉ le ")
    assert "table    2.csv, version deux" in text
    assert SUZANNE not in text


def test_a_refusal_by_functional_rights_and_by_the_patient_is_explained(house: House, home: Path) -> None:
    for requester in (SECRETAIRE, PODOLOGUE):
        with pytest.raises(AccessRefused), house.gate.passage(requester, Action.TD3_2, None, call()):
            pass
    (by_sheet,), (by_patient,) = events(house, rule="droit_fonctionnel"), events(house, rule="dossier_inconnu")
    said = answer("explain", "--event", by_sheet["id"], home=home)
    assert (said["table"], said["version"]) == ("droits_fonctionnels/CPS_CPE_ES", "PDT-INF-526 v1.8 (2024-09-25)")
    assert said["row"] == "TD3.2 × CPE_non_PS:normal"
    assert "ne permet pas à un porteur de CPE" in said["sentence"]
    said = answer("explain", "--event", by_patient["id"], home=home)
    assert (said["table"], said["sentence"]) == (
        "regles_du_patient",
        "Aucun DMP ne correspond au patient de la demande.",
    )


def test_what_no_table_decided_says_so_in_french(house: House, home: Path) -> None:
    house.gate.refused(call(), "assertion expired", None)
    (event,) = events(house, rule="authentification")
    said = answer("explain", "--event", event["id"], home=home)
    assert said["sentence"] == "Le requérant n'a pas été authentifié : assertion expired."
    text = dmp("explain", "--event", event["id"], home=home).stdout
    assert text.startswith("NON AUTHENTIFIÉ") and "table    aucune" in text


def test_a_grant_names_the_matrix_that_chose_what_was_found(house: House, home: Path) -> None:
    hidden(house)
    patient = PatientId(SUZANNE, oids.INS_NIR_TEST)
    with house.gate.passage(PODOLOGUE, Action.TD3_1, patient, call()):
        pass
    (event,) = events(house, action="TD3.1")
    said = answer("explain", "--event", event["id"], home=home)
    assert (said["granted"], said["version"]) == (True, "PDT-INF-526 v1.8 (2024-09-25) ; matrice deux")


def test_an_event_is_named_by_the_beginning_of_one_id_only(house: House, home: Path) -> None:
    for _ in range(17):  # two of them begin alike
        house.record("operator", "audit", "operator")
    alike = Counter(each["id"][0] for each in events(house)).most_common(1)[0][0]
    assert "celui de plusieurs" in dmp("explain", "--event", alike, home=home).stderr
    for typed in ("", "x", "%", "_"):
        result = dmp("explain", "--event", typed, home=home)
        assert result.exit_code == 3
        assert "attendu l'identifiant d'un événement" in result.stderr


def test_explaining_an_event_is_recorded_as_a_reading_of_the_log(house: House, home: Path) -> None:
    house.gate.refused(call(), "assertion expired", None)
    (event,) = events(house, rule="authentification")
    before = len(events(house, action="audit", operator="operator"))
    dmp("explain", "--event", event["id"], home=home)
    after = CliRunner().invoke(build(), ["audit", "list", "--json", "--home", str(home)], env={"SUDO_USER": "other"})
    assert len([each for each in json.loads(after.stdout) if each["operator"] == "operator"]) > before


@pytest.mark.parametrize(
    "given", [(), ("--as", "x"), ("--event", "x", "--as", "y"), ("--event", "x", "--type", CRH), ("--action", "TD3.1")]
)
def test_explain_takes_a_request_or_an_event(home: Path, given: tuple[str, ...]) -> None:
    result = dmp("explain", *given, home=home)
    assert result.exit_code == 2
    assert "attendu --as, --patient et --action, ou --event seul" in result.stderr
    assert all(word in result.stderr for word in given if word.startswith("--"))


@pytest.mark.parametrize("command", ["check", "diff", "show", "explain"])
def test_every_command_says_what_it_does_and_its_exit_codes(command: str) -> None:
    text = dmp(command, "--help").stdout
    assert "Exit codes" in text
    assert "--json" in text
