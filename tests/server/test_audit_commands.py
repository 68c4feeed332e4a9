"""`dmp audit list`, `show` and `export`, as an operator types them."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from audit.event import Outcome
from audit.received import Received
from audit.selection import Selection
from audit.store import AuditStore
from dmp.errors import AccessRefused
from dmp.historique import read_history
from habilitations.action import Action
from schemas.xml import parse
from server.cli import build
from server.commands.audit_export import as_ndjson
from server.commands.audit_selection import BATCH, stream
from server.house import own_event
from tests.dmp.accounts import ANNE, DOCTOR, NOW, Desk, desk
from tests.dmp.life import OTHER, Life, calling

DONE, USAGE, NOTHING_FOUND = 0, 2, 3


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


@pytest.fixture
def anne(house: Desk) -> Life:
    """A document, a search an hour later, and a refusal."""
    life = Life(house)
    life.deposit()
    house.later(hours=1)
    life.acts(OTHER, Action.TD3_1)
    with suppress(AccessRefused):
        life.acts(replace(OTHER, id_nat="899900000041", name="INCONNU Jean"), Action.TD3_1)
    return life


def dmp(house: Desk, command: str, *arguments: str, code: int = DONE) -> Result:
    home = str(house.house.settings.home)
    environment = {"DMP_HOME": None, "SUDO_USER": "alice"}
    result = CliRunner().invoke(build("audit"), ("audit", command, "--home", home, *arguments), env=environment)
    assert result.exit_code == code, result.output
    return result


def listed(house: Desk, *arguments: str, code: int = DONE) -> list[Any]:
    return list(json.loads(dmp(house, "list", "--json", *arguments, code=code).stdout))


def taken(house: Desk, *arguments: str) -> list[Any]:
    return [json.loads(line) for line in dmp(house, "export", *arguments).stdout.splitlines()]


@pytest.mark.parametrize(
    ("filters", "acts"),
    [
        (("--requester", DOCTOR.id_nat), ["TD2.1"]),
        (("--requester", "nobody"), []),
        (("--structure", "nowhere"), []),
        (("--transaction", "ITI-41"), ["TD2.1"]),
        (("--transaction", "TD3.1"), ["TD3.1", "TD3.1"]),
        (("--transaction", "TD3.1", "--outcome", "refused"), ["TD3.1"]),
        (("--rule", "autorisation_absente"), ["TD3.1"]),
        (("--rule", "droit_fonctionnel"), ["TD2.1", "TD3.1"]),
        (("--since", "2026-03-01T12:30"), ["TD3.1", "TD3.1"]),
        (("--until", "2026-03-01T12:30", "--requester", DOCTOR.id_nat), ["TD2.1"]),
    ],
)
def test_lists_and_exports_are_narrowed_alike(
    house: Desk, anne: Life, filters: tuple[str, ...], acts: list[str]
) -> None:
    whose = ("--patient", ANNE.value, *filters)
    found = [each for each in listed(house, *whose, code=DONE if acts else NOTHING_FOUND) if not each["operator"]]
    assert [each["action"] for each in reversed(found)] == acts
    exported = csv.DictReader(io.StringIO(dmp(house, "export", "--format", "csv", *whose).stdout))
    assert [row["id"] for row in exported if not row["operator"]] == [each["id"] for each in reversed(found)]


def test_messages_are_taken_away_exactly_as_they_are(house: Desk, anne: Life, tmp_path: Path) -> None:
    everything = taken(house)
    assert [each["sequence"] for each in everything] == list(range(1, len(everything) + 1))
    kept = {record.id: record for record in house.records()}
    for each in everything:
        assert each["message"].encode() == kept[each["id"]].message
        assert (each["format"], each["origin"]) == ("dicom", "")
        assert parse(each["message"].encode()).tag == "AuditMessage"
    file = tmp_path / "events.ndjson"
    dmp(house, "export", "--output", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().splitlines()) == len(everything) + 1, "and the export before"


def test_events_are_taken_away_as_fhir(house: Desk, anne: Life) -> None:
    events = taken(house, "--format", "fhir", "--patient", ANNE.value)
    assert {each["resourceType"] for each in events} == {"AuditEvent"}
    assert {each["id"] for each in events} <= {record.id for record in house.records()}


def test_reading_is_recorded_before_it_is_done(house: Desk, anne: Life) -> None:
    for command in (("list", "--patient", ANNE.value), ("export", "--patient", ANNE.value), ("export",)):
        dmp(house, *command)
        record = house.records(1)[0]
        assert (record.action, record.operator, record.event_code) == ("audit", "alice", "110101")
        assert (record.patient == ANNE) == ("--patient" in command)
    exported = taken(house)
    assert house.records(1)[0].id not in {each["id"] for each in exported}, "but stands not in what it reads"
    dmp(house, "show", house.records(1)[0].id)
    assert house.records(1)[0].action == "audit"


def test_bytes_that_are_no_text_are_taken_away_too_and_never_read_by_a_patient(house: Desk, anne: Life) -> None:
    with house.house.database.transaction() as connection:
        AuditStore(connection).append_received(
            Received(
                message=b"\xff\x00",
                format="other",
                origin="CN=elsewhere",
                recorded=NOW,
                instant=NOW,
                id="8f0a9b1e-0000-4000-8000-000000000001",
                transaction="ITI-43",
                event_code="110106",
                source_id="elsewhere",
                outcome=Outcome.SUCCESS,
                patient=ANNE,
                requester_id="somebody",
                requester_name="AILLEURS Paul",
                client_address="",
                documents=(),
                submission_sets=(),
            )
        )
    (received,) = [each for each in taken(house, "--patient", ANNE.value) if each["origin"]]
    assert (received["message_base64"], received["origin"]) == ("/wA=", "CN=elsewhere")
    page = read_history(house.gate, anne.herself, calling("HA"), limit=None)
    assert "AILLEURS Paul" not in {line.name for line in page.lines}
    assert "somebody" not in {line.person for line in page.lines}


def test_what_cannot_be_read_is_said(house: Desk, anne: Life) -> None:
    for arguments in (("--since", "hier"), ("--outcome", "maybe"), ("--format", "xml")):
        dmp(house, "export", *arguments, code=USAGE)


def test_an_export_holds_a_batch_at_a_time_while_others_write(house: Desk, anne: Life) -> None:
    with house.rooms() as rooms:
        for _ in range(BATCH * 8):
            rooms.trail.append(own_event("ITI-18", "TD3.1", "alice"))
    before = len(house.records(10_000))
    tracemalloc.start()
    count = size = 0
    for text in as_ndjson(stream(house.house, Selection())):
        if count == 0:
            anne.acts(OTHER, Action.TD3_1)  # a writer does not wait for the export, nor does it end up in it
        count, size = count + 1, size + len(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == before
    assert peak < size, "less than it wrote was ever held"
