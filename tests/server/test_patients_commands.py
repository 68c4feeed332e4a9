"""`dmp patients ...`: what a patient decides and how they stand, as an operator types it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from identities.ins import ins_c_of
from identities.requester import PatientId
from schemas import oids
from server.cli import build
from server.demo.people import HOPITAL, PATIENTS, PEOPLE, DemoPatient, inhabitant
from server.demo.seed import write_home
from server.house import House
from server.settings import Address, load

SUZANNE, MALO = PATIENTS[0], PATIENTS[4]
DONE, FAILED, USAGE, NOTHING_FOUND = 0, 1, 2, 3
MEDECIN, INFIRMIER = inhabitant("medecin").id_nat, inhabitant("infirmier").id_nat


def dmp(*arguments: str) -> Result:
    return CliRunner().invoke(build(), arguments, env={"DMP_HOME": None, "DMP_PEOPLE": None, "SUDO_USER": "operator"})


class Counter:
    """Commands about one patient, typed for one home."""

    def __init__(self, folder: Path, patient: DemoPatient) -> None:
        self.folder, self.ins = folder, patient.ins
        traits = patient.traits
        said = ("--family", traits.birth_family, "--given", traits.birth_given, "--sex", traits.sex)
        opening = ("open", "--ins", patient.ins, *said, "--birth-date", traits.born.isoformat())
        assert self._dmp(*opening, "--authorise", "medecin", "--authorise", "hopital").exit_code == DONE

    def _dmp(self, *arguments: str) -> Result:
        return dmp("patients", *arguments, "--home", str(self.folder / "home"))

    def text(self, *arguments: str) -> str:
        """What a command says to people."""
        result = self._dmp(*arguments, "--patient", self.ins)
        assert result.exit_code == DONE, result.output
        return result.stdout

    def json(self, *arguments: str, code: int = DONE) -> Any:
        """What it says as JSON."""
        result = self._dmp(*arguments, "--patient", self.ins, "--json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    def error(self, *arguments: str, code: int) -> str:
        return str(self.json(*arguments, code=code)["error"]["context"])

    def due(self, *arguments: str) -> Any:
        return json.loads(self._dmp("due", *arguments, "--json").stdout)

    def acts(self) -> list[str]:
        """What the audit log says that the operator did, the last first."""
        home = ("--home", str(self.folder / "home"), "--patient", self.ins, "--json")
        return [event["action"] for event in json.loads(dmp("audit", "list", *home).stdout)]

    def house(self) -> House:
        return House.build(load({"home": self.folder / "home"}, {}), anchors=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A demo folder with its home and people in the directory; nobody's DMP is open."""
    write_home(tmp_path, Address("127.0.0.1", 1), Address("127.0.0.1", 2))
    (tmp_path / "people.json").write_text(json.dumps([person.line() for person in PEOPLE]), "utf-8")
    assert dmp("migrate", "--home", str(tmp_path / "home")).exit_code == DONE
    people = str(tmp_path / "people.json")
    assert dmp("directory", "import", people, "--home", str(tmp_path / "home")).exit_code == DONE
    return tmp_path


@pytest.fixture
def suzanne(folder: Path) -> Iterator[Counter]:
    yield Counter(folder, SUZANNE)


@pytest.fixture
def malo(folder: Path) -> Iterator[Counter]:
    yield Counter(folder, MALO)


def test_every_command_of_patients_has_help() -> None:
    for command in ("block", "unblock", "revoke", "medecin-traitant", "switches", "oppose", "situation", "ins", "due"):
        assert "Exit codes" in dmp("patients", command, "--help").stdout
    assert "Exit codes" in dmp("patients", "representative", "add", "--help").stdout


def test_whoever_is_blocked_is_let_in_no_more_even_when_unblocked(suzanne: Counter) -> None:
    blocked = suzanne.json("block", "medecin")
    assert blocked["blocked"] == [MEDECIN]
    assert [each["id_nat"] for each in blocked["authorised"]] == [HOPITAL]
    assert suzanne.json("unblock", MEDECIN)["blocked"] == []
    assert suzanne.text("revoke", "hopital").startswith("Volonté du patient enregistrée : CORBEAU Suzanne")
    assert suzanne.json("show")["authorised"] == []
    assert {"VD/bloquer", "VD/autoriser"} <= set(suzanne.acts())


def test_a_medecin_traitant_is_an_authorised_medecin_and_is_not_blocked(suzanne: Counter) -> None:
    assert "Seul un médecin" in suzanne.error("medecin-traitant", "infirmier", code=FAILED)
    assert "pas autorisé" in suzanne.error("medecin-traitant", "medecin-traitant", code=FAILED)
    assert suzanne.json("medecin-traitant", "medecin")["medecins_traitants"] == [MEDECIN]
    assert "ne peut pas être bloqué" in suzanne.error("block", "medecin", code=FAILED)
    ended = suzanne.json("medecin-traitant", "medecin", "--end")
    assert ended["medecins_traitants"] == []
    assert MEDECIN in [each["id_nat"] for each in ended["authorised"]]


def test_switches_that_are_not_named_stay(suzanne: Counter) -> None:
    assert suzanne.json("switches", "--masques-en-urgence", "--no-centre-15")["switches"] == {
        "centre_15": False,
        "bris_de_glace": True,
        "masques_en_urgence": True,
    }
    assert "accès en urgence" in suzanne.error("switches", "--no-bris-de-glace", code=FAILED)
    assert "expected a switch" in suzanne.error("switches", code=USAGE)
    assert suzanne.json("show")["switches"]["bris_de_glace"]


def test_an_opposition_is_recorded_and_ends(suzanne: Counter) -> None:
    assert suzanne.json("oppose")["opposed_to_feeding"] is True
    assert suzanne.json("oppose", "--end")["opposed_to_feeding"] is False


def test_who_is_nobody_is_told_so(suzanne: Counter, malo: Counter) -> None:
    assert "somebody" in suzanne.error("block", "somebody", code=USAGE)
    assert suzanne.json("block", "899999999999")["blocked"] == ["899999999999"]
    malo.ins = PATIENTS[1].ins
    for command in (("block", "medecin"), ("oppose",), ("situation", "--mes"), ("representative", "list")):
        assert "Aucun DMP" in malo.error(*command, code=NOTHING_FOUND)


def test_representatives_are_added_listed_and_ended(malo: Counter) -> None:
    contact = ("--mail", "sophie@famille.example", "--phone", "+33612345678")
    named = ("--family", "AUBRY", "--given", "Sophie", "--relationship", "MTH", "--proof", "livret de famille")
    added = malo.json("representative", "add", *named, *contact)
    assert (added["capacity"], added["relationship"]) == ("parent", "MTH")
    assert "en exercice" in malo.text("representative", "list")
    assert malo.json("representative", "end", added["id"], "--proof", "jugement")["ended"] is True
    (listed,) = malo.json("representative", "list")
    assert (listed["id"], listed["in_office"]) == (added["id"], False)
    assert "en exercice" in malo.error("representative", "end", added["id"], "--proof", "jugement", code=FAILED)
    malo.json("representative", "add", *named, "--capacity", "tutelle", "--since", "2032-05-30")
    assert [each["in_office"] for each in malo.json("representative", "list")] == [False, False]


@pytest.mark.parametrize("contact", [("--mail", "sophie"), ("--phone", "0612345678")])
def test_an_address_that_is_none_is_refused(malo: Counter, contact: tuple[str, str]) -> None:
    named = ("--family", "AUBRY", "--given", "Sophie", "--proof", "livret de famille")
    assert contact[1] not in malo.error("representative", "add", *named, *contact, code=USAGE)


def test_a_situation_is_recorded_with_what_says_so(malo: Counter, suzanne: Counter) -> None:
    said = malo.json("situation", "--mes", "--emancipated", "--proof", "jugement du 3 mars 2026")
    assert (said["attached_to_mes"], said["deceased"], said["emancipated"]) == (True, False, True)
    assert malo.json("situation", "--no-mes")["emancipated"] is True
    assert "--proof" in malo.error("situation", "--no-emancipated", code=USAGE)
    assert "expected an option" in malo.error("situation", code=USAGE)
    assert "mineur" in suzanne.error("situation", "--emancipated", "--proof", "jugement", code=FAILED)
    assert suzanne.json("situation", "--deceased")["deceased"] is True


def test_a_patient_s_ins_changes_and_every_one_leads_to_the_dmp(suzanne: Counter, malo: Counter) -> None:
    former = suzanne.ins
    old = ins_c_of(PatientId(former, oids.INS_NIR_TEST), "Suzanne", SUZANNE.traits.born)
    assert old is not None
    new = PATIENTS[5].ins
    assert suzanne.json("ins", "--new", new)["ins"] == new
    for ins in (former, new, str(old)):
        suzanne.ins = ins
        assert suzanne.json("show")["ins"] == new
    assert "autre DMP" in suzanne.error("ins", "--new", malo.ins, code=FAILED)
    assert "15 characters" in suzanne.error("ins", "--new", "12", code=USAGE)
    assert "autorités" in suzanne.error("ins", "--new", f"{malo.ins}^^^&1.2.3&ISO", code=USAGE)


def test_a_dmp_is_destroyed_when_asked_for_and_not_before(suzanne: Counter, malo: Counter) -> None:
    assert "fermez-le" in suzanne.error("destroy-request", code=FAILED)
    suzanne.json("close")
    assert suzanne.json("destroy-request")["destruction_requested_at"] is not None
    (line,) = suzanne.due()["to_destroy"]
    assert (line["ins"], line["destroyed"]) == (suzanne.ins, False)
    assert suzanne.json("show")["status"] == "closed"
    (line,) = suzanne.due("--do")["to_destroy"]
    assert line["destroyed"] is True
    assert "Aucun DMP" in suzanne.error("show", code=NOTHING_FOUND)
    assert "destruction" in suzanne.acts()
    assert suzanne.due()["to_destroy"] == []
    assert malo.json("show")["status"] == "open"


def test_what_ends_within_a_month_is_listed(suzanne: Counter) -> None:
    house, soon = suzanne.house(), datetime.now(UTC) + timedelta(days=10)
    with house.rooms() as rooms:
        dossier = rooms.identities.dossier(SUZANNE.identifier)
        assert dossier is not None
        rooms.rights.authorise(dossier.key, INFIRMIER, kind="person", start=soon - timedelta(days=20), end=soon)
    house.database.dispose()
    (line,) = suzanne.due()["expiring"]
    assert (line["ins"], line["id_nat"]) == (suzanne.ins, INFIRMIER)
    assert f"Autorisation de {INFIRMIER}" in dmp("patients", "due", "--home", str(suzanne.folder / "home")).stdout


def test_nothing_due_is_said(malo: Counter) -> None:
    assert dmp("patients", "due", "--home", str(malo.folder / "home")).stdout == "Rien à échéance.\n"
