"""`dmp patients history` and `dmp patients alerts`, as an operator types them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from habilitations.action import Action
from identities.alerts import Alerts, Party
from server.cli import build
from tests.dmp.accounts import ANNE, LEA, MOTHER, Desk, desk
from tests.dmp.life import ANNOUNCED, KEPT, LAB, OTHER, Life, urgent

ADDED, ENTERED, SEARCHED = "a ajouté un document", "a accédé au DMP", "a recherché des documents"
DONE, FAILED, USAGE = 0, 1, 2


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


@pytest.fixture
def lea(house: Desk) -> Life:
    """A child, of whom her mother does not see everything."""
    life = Life(house, LEA)
    life.deposit((KEPT,))
    life.deposit((ANNOUNCED,))
    life.acts(urgent(OTHER), Action.TD3_1)
    return life


def dmp(house: Desk, command: str, *arguments: str, code: int = DONE) -> Result:
    home = str(house.house.settings.home)
    environment = {"DMP_HOME": None, "DMP_PEOPLE": None, "SUDO_USER": "alice"}
    result = CliRunner().invoke(build(), ("patients", command, "--home", home, *arguments), env=environment)
    assert result.exit_code == code, result.output
    return result


def acts(house: Desk, *arguments: str) -> list[str]:
    """What a history says that others than the operator did, oldest first."""
    said = json.loads(dmp(house, "history", "--patient", LEA.value, "--json", *arguments).stdout)
    return [line["act"] for line in reversed(said["lines"]) if line["person"]]


def test_a_history_is_whole_or_as_somebody_sees_it(house: Desk, lea: Life) -> None:
    assert acts(house) == [ADDED, ADDED, SEARCHED]
    assert acts(house, "--as-seen-by", "patient") == [ADDED, ENTERED, SEARCHED]
    assert acts(house, "--as-seen-by", "representant") == [ENTERED, SEARCHED]
    assert acts(house, "--as-seen-by", OTHER.id_nat) == [SEARCHED]
    with house.rooms() as rooms:
        rooms.rights.set_medecin_traitant(lea.dossier_in(rooms).key, OTHER.id_nat, True)
    assert acts(house, "--as-seen-by", OTHER.id_nat) == [ADDED, ADDED, SEARCHED]
    record = house.records(1)[0]
    assert (record.action, record.operator) == ("HA", "alice")


def test_a_history_is_narrowed_and_read_by_pages(house: Desk, lea: Life) -> None:
    assert acts(house, "--kind", "alimentation") == [ADDED, ADDED]
    assert acts(house, "--person", OTHER.id_nat) == [SEARCHED]
    assert acts(house, "--since", "2026-03-02") == acts(house, "--until", "2026-03-01T12:59:59") == []
    assert acts(house, "--since", "2026-03-01T13:00", "--until", "2026-03-01T13:01") == [ADDED, ADDED, SEARCHED]
    first = json.loads(
        dmp(house, "history", "--patient", LEA.value, "--json", "--kind", "alimentation", "--limit", "1").stdout
    )
    assert acts(house, "--kind", "alimentation", "--after", first["following"]) == [ADDED]


def test_a_history_is_printed_and_taken_away_as_csv(house: Desk, lea: Life) -> None:
    printed = dmp(house, "history", "--patient", LEA.value, "--limit", "2").stdout
    assert "DURAND Paul, Médecin a recherché des documents [accès en bris de glace : patient inconscient]" in printed
    assert "Suite : --after " in printed
    taken = dmp(house, "history", "--patient", LEA.value, "--csv", "--all").stdout
    rows = list(csv.DictReader(io.StringIO(taken)))
    assert [row["Action"] for row in reversed(rows) if row["Identifiant"]] == [ADDED, ADDED, SEARCHED]
    assert {"Date et heure", "Personne", "Action", "Circonstances", "Résultat"} <= rows[0].keys()


def test_what_cannot_be_shown_is_said(house: Desk, lea: Life) -> None:
    for arguments, code in (
        (("--patient", LEA.value, "--since", "hier"), USAGE),
        (("--patient", LEA.value, "--as-seen-by", "nobody"), USAGE),
        (("--patient", ANNE.value, "--as-seen-by", "representant"), FAILED),
        (("--patient", "199999999999999"), FAILED),
    ):
        dmp(house, "history", *arguments, code=code)


def alerts(house: Desk, *arguments: str) -> Any:
    return json.loads(dmp(house, "alerts", "--patient", LEA.value, "--json", *arguments).stdout)


def test_alerts_are_set_for_whoever_said_so_and_shown(house: Desk, lea: Life) -> None:
    assert alerts(house) == []
    (said,) = alerts(house, "--documents", "--mail", "anne@patient.example", "--sms", "06 12 34 56 78")
    assert said == {
        "party": "patient",
        "holder": "",
        "documents": True,
        "types": [],
        "mail": "anne@patient.example",
        "sms": "+33612345678",
    }
    alerts(house, "--for", f"representant:{MOTHER.id}", "--sms", "0698765432")
    alerts(house, "--for", OTHER.id_nat, "--documents", "--type", LAB.code, "--mail", "paul@cabinet.example")
    alerts(house, "--sms", "", "--no-documents")
    assert [(each["party"], each["documents"], each["mail"], each["sms"]) for each in alerts(house)] == [
        ("patient", False, "anne@patient.example", ""),
        ("professionnel", True, "paul@cabinet.example", ""),
        ("representant", False, "", "+33698765432"),
    ]
    with house.rooms() as rooms:
        (wish,) = [each for each in rooms.alerts.of(lea.dossier_in(rooms).key) if each.party is Party.PROFESSIONNEL]
    assert wish == Alerts(
        OTHER.id_nat, Party.PROFESSIONNEL, True, frozenset({LAB.code}), "paul@cabinet.example", structure_id=""
    )
    printed = dmp(house, "alerts", "--patient", LEA.value).stdout
    assert f"documents : {LAB.code}" in printed
    assert house.records(1)[0].action == "VD/alertes"


def test_alerts_that_cannot_be_kept_are_refused(house: Desk, lea: Life) -> None:
    dmp(house, "alerts", "--patient", LEA.value, "--mail", "anne", code=USAGE)
    dmp(house, "alerts", "--patient", LEA.value, "--type", "nothing", code=USAGE)
    dmp(house, "alerts", "--patient", LEA.value, "--for", "representant:nobody", "--documents", code=FAILED)
    dmp(house, "alerts", "--patient", LEA.value, "--for", "nobody", "--documents", code=USAGE)
    assert "Aucun réglage" in dmp(house, "alerts", "--patient", LEA.value).stdout
