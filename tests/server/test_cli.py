"""The operator's commands: what they do, what they print, and exit codes that mean what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from schemas import oids
from server.cli import build, main
from server.demo import paper
from server.demo.people import PATIENTS, PEOPLE
from server.demo.seed import write_home
from server.house import now
from server.settings import Address

SUZANNE = PATIENTS[0]
TRAITS = ("--family", "CORBEAU", "--given", "Suzanne", "--birth-date", "1951-03-14", "--sex", "F")
CRH = "34112-3"


def dmp(*arguments: str) -> Result:
    return CliRunner().invoke(build(), arguments, env={"DMP_HOME": None, "DMP_PEOPLE": None, "SUDO_USER": "operator"})


def answer(*arguments: str, code: int = 0) -> Any:
    """What a command prints as JSON."""
    result = dmp(*arguments, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo folder with its home, migrated, and its people in the directory; nobody's DMP is open."""
    folder = tmp_path_factory.mktemp("demo")
    write_home(folder, Address("127.0.0.1", 1), Address("127.0.0.1", 2))
    lines = [person.line() for person in PEOPLE]
    (folder / "people.json").write_text(json.dumps(lines), "utf-8")
    assert dmp("migrate", "--home", str(folder / "home")).exit_code == 0
    assert dmp("directory", "import", str(folder / "people.json"), "--home", str(folder / "home")).exit_code == 0
    return folder


@pytest.fixture
def home(folder: Path) -> list[str]:
    return ["--home", str(folder / "home")]


@pytest.fixture
def suzanne(home: list[str]) -> str:
    """A patient whose DMP is open, to everybody of people.json but the dentist."""
    names = [option for person in PEOPLE if person.name != "dentiste" for option in ("--authorise", person.name)]
    opened = dmp("patients", "open", "--ins", SUZANNE.ins, *TRAITS, *names, *home)
    assert opened.exit_code == 0, opened.output
    return SUZANNE.ins


def test_every_command_has_help() -> None:
    for command in ("serve", "demo", "migrate", "lps", "patients", "directory", "audit", "habilitations"):
        assert dmp(command, "--help").exit_code == 0


def test_without_home_the_way_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = dmp("patients", "show", "--patient", "1")
    assert result.exit_code == 2
    assert "DMP_HOME" in result.stderr


def test_a_home_without_database_says_what_to_run(tmp_path: Path) -> None:
    result = dmp("patients", "show", "--patient", "1", "--home", str(tmp_path))
    assert result.exit_code == 1
    assert "dmp migrate" in result.stderr


def test_migrate_makes_a_home_and_changes_nothing_the_second_time(tmp_path: Path) -> None:
    first = answer("migrate", "--home", str(tmp_path / "new"))
    assert first["before"] is None
    assert answer("migrate", "--home", str(tmp_path / "new")) == {"before": first["after"], "after": first["after"]}


def test_the_directory_knows_whom_it_was_given(home: list[str]) -> None:
    listed = answer("directory", "list", *home)
    assert len(listed["professionals"]) + len(listed["structures"]) == len(PEOPLE)
    clinic = next(each for each in listed["structures"] if each["name"] == "Clinique du Mail")
    assert clinic["modes"] == ["INDIRECTE_RENFORCEE"]


def test_people_that_are_wrong_are_refused_and_nobody_is_added(home: list[str], tmp_path: Path) -> None:
    (tmp_path / "people.json").write_text('[{"name": "x", "kind": "ps", "id_nat": "899", "profession": "10"}]')
    result = dmp("directory", "import", str(tmp_path / "people.json"), *home)
    assert result.exit_code == 2
    assert "entry 1: PS_IdNat" in result.stderr


def test_a_dossier_is_opened_once_shown_closed_and_reopened(home: list[str]) -> None:
    patient = PATIENTS[3]
    traits = ("--family", "LEGOFF", "--given", "Yann", "--birth-date", "1990-01-09", "--sex", "M")
    opening = ("patients", "open", "--ins", patient.ins, *traits, *home)
    assert answer(*opening)["opened"] is True
    assert answer(*opening)["opened"] is False
    assert "déjà ouvert" in dmp(*opening).stdout
    shown = answer("patients", "show", "--patient", patient.ins, *home)
    assert (shown["family"], shown["birth_date"], shown["status"]) == ("LEGOFF", "1990-01-09", "open")
    assert answer("patients", "close", "--patient", patient.ins, *home)["status"] == "closed"
    assert answer("patients", "close", "--patient", patient.ins, *home)["closed"] is False
    assert answer(*opening)["status"] == "open"


def test_a_dossier_is_opened_from_a_document(home: list[str], tmp_path: Path) -> None:
    document = paper.write(paper.Paper("prescription", "medecin", "medecin", 2, 1), tmp_path, 1, now())
    opened = answer("patients", "open", "--from-cda", str(document), *home)
    assert (opened["ins"], opened["family"], opened["sex"]) == (PATIENTS[2].ins, "SANTINI", "F")
    assert opened["birth_date"] == "1984-07-21"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--ins", SUZANNE.ins), "--family"),
        (("--ins", SUZANNE.ins[:-2] + "00", "--ins-oid", oids.INS_NIR, *TRAITS), "clé"),
        (("--ins", f"{SUZANNE.ins}^^^&1.2.3&ISO", *TRAITS), "autorités"),
        (("--ins", f"{SUZANNE.ins}^^^&{oids.INS_NIR}&ISO", "--ins-oid", oids.INS_NIA, *TRAITS), "one OID"),
        (("--ins", "12", *TRAITS), "15 characters"),
        (("--ins", SUZANNE.ins, *TRAITS, "--authorise", "nobody"), "nobody"),
    ],
)
def test_a_patient_that_cannot_be_is_refused(home: list[str], arguments: tuple[str, ...], word: str) -> None:
    result = dmp("patients", "open", *arguments, *home)
    assert result.exit_code == 2
    assert word in result.stderr


def test_without_home_the_demo_in_this_folder_is_meant(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    assert len(answer("directory", "list")["structures"]) == 3
    for command in (("patients", "open"), ("audit", "list"), ("habilitations", "explain"), ("directory", "list")):
        assert "demo/home" in dmp(*command, "--help").stdout


def test_where_nothing_is_said_the_settings_say_who_may_enter(home: list[str]) -> None:
    patient = PATIENTS[6]
    traits = ("--family", "DIALLO", "--given", "Mamadou", "--birth-date", "1979-12-25", "--sex", "M")
    opening = ("patients", "open", "--ins", patient.ins, *traits, *home)
    assert dmp(*opening, "--block", "dentiste").exit_code == 0
    shown = answer("patients", "show", "--patient", patient.ins, *home)
    let_in = {each["id_nat"] for each in shown["authorised"]}
    assert let_in == {person.id_nat for person in PEOPLE if person.name != "dentiste"}
    assert shown["blocked"] == [person.id_nat for person in PEOPLE if person.name == "dentiste"]
    assert shown["medecins_traitants"] == [PEOPLE[0].id_nat]


def test_what_is_said_of_access_is_all_that_holds_even_after_reopening(home: list[str]) -> None:
    patient = PATIENTS[8]
    traits = ("--family", "PERRIN", "--given", "Bastien", "--birth-date", "1972-08-18", "--sex", "M")
    opening = ("patients", "open", "--ins", patient.ins, *traits, *home)
    assert dmp(*opening, "--authorise", "infirmier").exit_code == 0
    assert dmp("patients", "close", "--patient", patient.ins, *home).exit_code == 0
    assert dmp(*opening).stdout.startswith("DMP rouvert : PERRIN Bastien")
    shown = answer("patients", "show", "--patient", patient.ins, *home)
    assert [each["id_nat"] for each in shown["authorised"]] == [PEOPLE[5].id_nat]
    assert shown["medecins_traitants"] == []


def test_settings_that_say_nothing_let_nobody_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMP_OUVERTURE_AUTORISE", ",")
    monkeypatch.setenv("DMP_OUVERTURE_MEDECIN_TRAITANT", ",")
    home = ("--home", str(folder / "home"))
    patient = PATIENTS[9]
    traits = ("--family", "OLLIVIER", "--given", "Jeanne", "--birth-date", "1938-02-27", "--sex", "F")
    assert dmp("patients", "open", "--ins", patient.ins, *traits, *home).exit_code == 0
    shown = answer("patients", "show", "--patient", patient.ins, *home)
    assert (shown["authorised"], shown["medecins_traitants"]) == ([], [])


def test_one_ins_of_two_authorities_must_be_told_apart(home: list[str]) -> None:
    ins = PATIENTS[10].ins
    traits = ("--family", "ROSSI", "--given", "Ange", "--birth-date", "1960-06-06", "--sex", "M")
    for authority in (oids.INS_NIR, oids.INS_NIR_TEST):
        opened = answer("patients", "open", "--ins", ins, "--ins-oid", authority, *traits, *home)
        assert opened["opened"] is True
    ambiguous = answer("patients", "show", "--patient", ins, *home, code=2)
    assert oids.INS_NIR in ambiguous["error"]["context"]
    assert answer("patients", "show", "--patient", f"{ins}^^^&{oids.INS_NIR}&ISO", *home)["ins_oid"] == oids.INS_NIR
    events = answer("audit", "list", "--patient", ins, *home)
    assert {event["patient"].partition("&")[2] for event in events} >= {
        f"{authority}&ISO" for authority in (oids.INS_NIR, oids.INS_NIR_TEST)
    }


def test_without_a_patient_the_events_of_all_are_listed(home: list[str], suzanne: str) -> None:
    answer("patients", "show", "--patient", suzanne, *home)
    (event,) = answer("audit", "list", "--limit", "1", "--outcome", "success", *home)
    assert event["action"] == "TD1.3a"
    assert suzanne in dmp("audit", "list", "--limit", "9", *home).stdout


def test_a_structure_of_reinforced_authentication_asks_as_its_professional(home: list[str], suzanne: str) -> None:
    said = explain(home, "clinique", "--type", CRH)
    assert (said["granted"], said["row"].startswith(f"10 × {CRH}")) == (True, True)


def test_an_unknown_patient_is_not_found(home: list[str]) -> None:
    assert answer("patients", "show", "--patient", "1", *home, code=3)["error"]["status"] == 3


def explain(home: list[str], who: str, *more: str, action: str = "TD3.2", patient: str = SUZANNE.ins) -> Any:
    return answer("habilitations", "explain", "--as", who, "--patient", patient, "--action", action, *more, *home)


def test_the_matrix_decides_for_the_podologue(home: list[str], suzanne: str) -> None:
    refused = explain(home, "podologue", "--type", CRH)
    assert refused["granted"] is False
    assert refused["rule"] == "matrice"
    assert refused["table"] == "matrice_synthetique.csv"
    assert f"80 × {CRH}" in refused["row"]
    assert explain(home, "medecin", "--type", CRH)["granted"] is True


def test_functional_rights_decide_for_the_occupational_physician(home: list[str], suzanne: str) -> None:
    refused = explain(home, "medecin-du-travail", "--type", CRH)
    assert (refused["rule"], refused["granted"]) == ("droit_fonctionnel", False)
    assert "medecin_du_travail" in refused["row"]


def test_the_document_decides_when_it_is_masked(home: list[str], suzanne: str) -> None:
    assert explain(home, "medecin", "--type", CRH)["granted"] is True
    assert explain(home, "medecin", "--type", CRH, "--masked")["rule"] == "document_masque"
    assert explain(home, "medecin", "--type", CRH, "--masked", "--own")["granted"] is True


def test_the_authentication_decides_for_structures(home: list[str], suzanne: str) -> None:
    assert explain(home, "hopital", action="TD2.1")["granted"] is True
    assert explain(home, "hopital", action="TD3.2")["granted"] is False
    assert explain(home, "medecin-clinique", action="TD2.1")["granted"] is False
    assert explain(home, "medecin-clinique", action="TD3.2")["granted"] is True
    assert explain(home, "clinique", "--mode", "INDIRECTE", action="TD2.1")["rule"] == "annuaire"


def test_the_patient_decides_by_blocking_and_by_switches(home: list[str], suzanne: str) -> None:
    dmp("patients", "authorise", "--patient", suzanne, "--block", "dentiste", *home)
    assert explain(home, "dentiste")["rule"] == "blocage"
    dmp("patients", "authorise", "--patient", suzanne, "--no-bris-de-glace", *home)
    dmp("patients", "authorise", "--patient", suzanne, "--no-centre-15", *home)
    assert explain(home, "medecin", "--access", "bris_de_glace")["rule"] == "opposition_bris_de_glace"
    assert explain(home, "medecin", "--access", "centre_15")["rule"] == "opposition_centre_15"
    dmp("patients", "authorise", "--patient", suzanne, "--bris-de-glace", "--centre-15", *home)
    assert explain(home, "medecin", "--access", "bris_de_glace")["granted"] is True


def test_an_explanation_is_read_in_french(home: list[str], suzanne: str) -> None:
    asked = ("--as", "podologue", "--patient", suzanne, "--action", "TD3.2", "--type", CRH)
    text = dmp("habilitations", "explain", *asked, *home).stdout
    assert text.startswith("REFUSÉ")
    assert "La matrice d'habilitation" in text


def test_an_unknown_action_is_refused_with_those_there_are(home: list[str], suzanne: str) -> None:
    result = dmp("habilitations", "explain", "--as", "medecin", "--patient", suzanne, "--action", "TD3.3", *home)
    assert result.exit_code == 2
    assert "TD3.3a/masquer" in result.stderr


def test_whatever_an_operator_does_stands_in_the_audit_log(home: list[str], suzanne: str) -> None:
    explain(home, "medecin")
    events = answer("audit", "list", "--patient", suzanne, *home)
    assert {"TD1.1", "TD1.6", "habilitations"} <= {event["action"] for event in events}
    assert {event["operator"] for event in events} == {"operator"}
    again = answer("audit", "list", "--patient", suzanne, "--limit", "1", *home)
    assert again[0]["action"] == "audit"
    shown = answer("audit", "show", events[0]["id"], *home)
    assert shown["message"].startswith("<?xml")


def test_the_audit_log_is_filtered_by_time_and_outcome(home: list[str], suzanne: str) -> None:
    assert answer("audit", "list", "--patient", suzanne, "--until", "2020-01-01", *home, code=3) == []
    assert answer("audit", "list", "--patient", suzanne, "--outcome", "refused", *home, code=3) == []
    assert answer("audit", "list", "--patient", suzanne, "--outcome", "success", *home)
    assert dmp("audit", "list", "--patient", suzanne, "--since", "yesterday", *home).exit_code == 2


def test_the_tree_of_the_audit_log_is_verified(home: list[str], suzanne: str, folder: Path) -> None:
    assert answer("audit", "verify", *home)["intact"] is True
    assert "intact" in dmp("audit", "verify", *home).stdout


def test_an_event_that_is_not_there_is_not_found(home: list[str]) -> None:
    assert dmp("audit", "show", "nothing", *home).exit_code == 3


def test_arguments_that_cannot_be_read_are_said_in_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, word in ((["nothing"], "nothing"), (["lps", "find", "--as", "x"], "--patient")):
        monkeypatch.setattr("sys.argv", ["dmp", *arguments, "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        said = json.loads(capsys.readouterr().out)["error"]
        assert (said["status"], word in said["context"]) == (2, True)


def test_every_help_says_what_exit_codes_mean() -> None:
    for command in (("serve",), ("audit", "list"), ("lps", "provide"), ("patients",)):
        assert "3 nothing" in " ".join(dmp(*command, "--help").stdout.split())


def test_an_account_is_made_renewed_or_invited_to_and_printed_once(home: list[str], suzanne: str) -> None:
    about = ("patients", "account", "--patient", suzanne, *home)
    invited = answer(*about, "--creation-code")
    assert len(invited["code"].replace(" ", "")) == 12
    made = answer(*about, "--mail", "suzanne@exemple.fr")
    renewed = answer(*about, "--renew")
    assert renewed["login"] == made["login"] and renewed["password"] != made["password"]
    told = answer(*about, "--sms", "0606060606", code=1)
    assert "existe déjà" in told["error"]["context"]
    assert answer(*about, "--sms", "0606060606", "--renew", code=2)
    assert answer(*about, code=2)
    shown = dmp(*about, "--renew")
    assert "Identifiant de connexion : " in shown.stdout and "Mot de passe initial" in shown.stdout
