"""The commands about the audit log's integrity: verified, proved, pruned, and checked by somebody without any of it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from audit.event import Call, Event, Outcome
from audit.findings import Finding, Kind
from audit.notes import NoteError
from audit.pruning import Segment, forget, forget_outgrown, seal_away
from audit.reading import AuditReader
from audit.segment import SegmentError, read_segment
from audit.store import AuditStore
from audit.tables import EVENT, HEAD, NODE, PRUNED, RUN, SEGMENT
from audit.trace import About
from audit.trail import AuditTrail
from identities.requester import PatientId
from server.alarm import raise_alarm, raised
from server.cli import build
from server.home_key import audit_key
from server.house import House
from server.sealer import Sealer
from tests.server.test_sealer import heads, house_in

LONG_AGO = datetime(2010, 1, 1, tzinfo=UTC)
PATIENT = PatientId("123", "2.999.2026.1")


@pytest.fixture
def sealer(tmp_path: Path) -> Iterator[Sealer]:
    house = house_in(tmp_path / "home", audit_witness="witness.txt")
    yield Sealer(house, audit_key(tmp_path / "home"))
    house.database.dispose()


def dmp(sealer: Sealer, *arguments: str, code: int = 0) -> Result:
    result = dmp_alone(*arguments, "--home", str(sealer.home))
    assert result.exit_code == code, result.output
    return result


def answer(sealer: Sealer, *arguments: str, code: int = 0) -> Any:
    return json.loads(dmp(sealer, *arguments, "--json", code=code).stdout)


def event(number: int) -> Event:
    patient = PATIENT if number % 2 else None
    call = Call(transaction="ITI-47", request_id=f"request-{number}")
    instant = LONG_AGO + timedelta(minutes=number)
    return Event(f"event-{number}", instant, call, Outcome.MINOR_FAILURE, patient=patient)


def old_events(house: House, count: int, start: int = 0) -> None:
    """Events of years ago, about one patient without a dossier, and about nobody."""
    with house.database.transaction() as connection:
        trail = AuditTrail(AuditStore(connection), house.source)
        for number in range(start, start + count):
            trail.append(event(number))


def seal(sealer: Sealer) -> None:
    sealer.once()
    for witness in sealer.witnesses():
        sealer.hand(witness)


def test_an_intact_log_is_said_to_be(sealer: Sealer) -> None:
    old_events(sealer.house, 5)
    seal(sealer)
    told = answer(sealer, "audit", "verify")
    assert (told["intact"], told["events"], told["sealed"], told["findings"]) == (True, 6, 5, [])
    assert "journal intact" in dmp(sealer, "audit", "verify").stdout


def test_what_was_done_is_said_and_where(sealer: Sealer) -> None:
    old_events(sealer.house, 5)
    seal(sealer)
    with sealer.house.database.transaction() as connection:
        connection.execute(sa.update(EVENT).where(EVENT.c.sequence == 3).values(requester_name="Somebody"))
    told = answer(sealer, "audit", "verify", code=1)
    assert told["findings"] == [{"kind": "altered", "first": 3, "last": 3, "detail": ""}]
    assert "modifié : événement 3." in dmp(sealer, "audit", "verify", code=1).stdout


def test_witnesses_show_a_log_written_anew(sealer: Sealer, tmp_path: Path) -> None:
    """Even by somebody who has the key: what he signs now is not what others have."""
    old_events(sealer.house, 5)
    seal(sealer)
    copy = tmp_path / "elsewhere.txt"
    copy.write_bytes((sealer.home / "witness.txt").read_bytes())
    with sealer.house.database.transaction() as connection:
        for table in (EVENT, HEAD, NODE):
            connection.execute(sa.delete(table))
        connection.exec_driver_sql("DELETE FROM audit_tree_head")
    for file in ("audit.seal", "witness.txt"):
        (sealer.home / file).unlink()
    old_events(sealer.house, 6, start=10)
    seal(sealer)
    assert answer(sealer, "audit", "verify")["intact"]
    found = answer(sealer, "audit", "verify", "--witness", str(copy), code=1)["findings"]
    assert {each["kind"] for each in found} >= {"rewritten", "unsealed"}


def test_a_proof_is_checked_without_the_server(sealer: Sealer, tmp_path: Path) -> None:
    old_events(sealer.house, 300)
    seal(sealer)
    old_events(sealer.house, 1, start=300)
    seal(sealer)
    proof, key, published = tmp_path / "proof.json", tmp_path / "key.txt", tmp_path / "heads.txt"
    dmp(sealer, "audit", "proof", "event-7", "-o", str(proof))
    key.write_text(dmp(sealer, "audit", "key").stdout)
    published.write_text(dmp(sealer, "audit", "heads").stdout)
    checked = outside("audit", "check-proof", str(proof), "--key", str(key), "--heads", str(published), "--json")
    told = json.loads(checked.stdout)
    assert (told["proved"], told["record"]["id"], told["record"]["sequence"]) == (True, "event-7", 8)
    assert told["head"]["size"] >= 301 and "<AuditMessage>" in told["message"]
    assert "Ligne prouvée" in outside("audit", "check-proof", str(proof), "--key", key.read_text().strip()).stdout


@pytest.mark.parametrize("change", ["column", "message", "index", "path", "head", "format", "extra", "nothing"])
def test_a_proof_of_something_else_is_refused(sealer: Sealer, tmp_path: Path, change: str) -> None:
    old_events(sealer.house, 9)
    seal(sealer)
    told = json.loads(dmp(sealer, "audit", "proof", "event-4").stdout)
    match change:
        case "column":
            told["record"]["columns"]["outcome"] = 0
        case "message":
            told["record"]["message"] = base64.b64encode(b"<Forged/>").decode()
        case "index":
            told["index"] = 5
        case "path":
            told["path"][0] = told["path"][1]
        case "head":
            told["head"] = told["head"].replace("\n9\n", "\n8\n")
        case "format":
            told["format"] = "another"
        case "extra":
            told["record"]["columns"]["more"] = ""
    proof = tmp_path / "proof.json"
    proof.write_text("[]" if change == "nothing" else json.dumps(told))
    refused = dmp_alone("audit", "check-proof", str(proof), "--key", dmp(sealer, "audit", "key").stdout.strip())
    assert refused.exit_code == 1, refused.output


def test_a_head_that_was_not_published_is_refused(sealer: Sealer, tmp_path: Path) -> None:
    old_events(sealer.house, 3)
    seal(sealer)
    published, proof = tmp_path / "heads.txt", tmp_path / "proof.json"
    published.write_text("")
    dmp(sealer, "audit", "proof", "event-1", "-o", str(proof))
    key = dmp(sealer, "audit", "key").stdout.strip()
    refused = dmp_alone("audit", "check-proof", str(proof), "--key", key, "--heads", str(published))
    assert refused.exit_code == 1 and "published" in refused.output


def test_one_head_continues_another(sealer: Sealer, tmp_path: Path) -> None:
    for start in (0, 300, 700):
        old_events(sealer.house, 300 if start == 0 else 400, start)
        seal(sealer)
    proof = tmp_path / "proof.json"
    dmp(sealer, "audit", "proof", "--from", "300", "--to", "700", "-o", str(proof))
    key = dmp(sealer, "audit", "key").stdout.strip()
    assert "continue celui de 300" in dmp_alone("audit", "check-proof", str(proof), "--key", key).output
    dmp(sealer, "audit", "proof", "--from", "301", code=3)
    dmp(sealer, "audit", "proof", code=2)


def test_an_event_that_is_not_sealed_yet_cannot_be_proved(sealer: Sealer) -> None:
    old_events(sealer.house, 3)
    dmp(sealer, "audit", "proof", "event-1", code=3)
    dmp(sealer, "audit", "proof", "nothing", code=3)


def test_old_records_leave_and_everything_stays_provable(sealer: Sealer, tmp_path: Path) -> None:
    old_events(sealer.house, 2 * RUN + 20)
    seal(sealer)
    (done,) = answer(sealer, "audit", "prune")["segments"]
    assert (done["first"], done["last"], done["removed"]) == (1, 2 * RUN, 2 * RUN)
    seal(sealer)
    segment = Path(done["file"])
    assert segment.stat().st_mode & 0o777 == 0o600
    told = answer(sealer, "audit", "verify", "--segment", str(segment))
    assert (told["intact"], told["pruned"]) == (True, 2 * RUN)
    assert answer(sealer, "audit", "prune")["segments"] == []
    key = dmp(sealer, "audit", "key").stdout.strip()
    proof = tmp_path / "proof.json"
    for event, where in ((f"event-{2 * RUN + 5}", ()), ("event-7", ("--segment", str(segment)))):
        dmp(sealer, "audit", "proof", event, *where, "-o", str(proof))
        assert dmp_alone("audit", "check-proof", str(proof), "--key", key).exit_code == 0
    sizes = [head.size for head in heads(sealer)]
    dmp(sealer, "audit", "proof", "--from", str(sizes[0]), "-o", str(proof))
    assert dmp_alone("audit", "check-proof", str(proof), "--key", key).exit_code == 0
    assert any(each["action"] == "audit/archivage" for each in answer(sealer, "audit", "list"))


def test_the_last_hundred_events_of_a_dmp_stay(sealer: Sealer) -> None:
    """However old: its history shows them. Of a DMP that was destroyed none do."""
    house = sealer.house
    with house.database.transaction() as connection:
        trail = AuditTrail(AuditStore(connection), house.source)
        for number in range(2 * RUN + 100):
            trail.append(replace(event(number), dossier=("standing", "destroyed")[number % 2]))
    seal(sealer)
    with house.database.snapshot() as connection:
        segment = Segment(1, 2 * RUN)
        _, note = seal_away(connection, segment, sealer.home, sealer.signer, "2026-11-29T00:00:00.000000Z")
    with house.database.transaction() as connection:
        forget(connection, segment, note, lambda key, _: key == "standing")
    with house.database.snapshot() as connection:
        left = connection.scalars(sa.select(EVENT.c.dossier).where(EVENT.c.sequence <= 2 * RUN)).all()
        reader = AuditReader(connection)
        shown = reader.traces(About(("standing",), ()), limit=100)
    assert left == ["standing"] * 50
    assert [trace.id for trace in shown] == [f"event-{2 * RUN + 98 - 2 * number}" for number in range(100)]
    assert answer(sealer, "audit", "verify")["intact"]
    with house.database.transaction() as connection:
        assert forget_outgrown(connection, lambda *_: True) == 0
        assert forget_outgrown(connection, lambda *_: False) == len(left)
    assert answer(sealer, "audit", "verify")["intact"]


@pytest.mark.parametrize(
    ("tamper", "kind"),
    [
        (lambda connection: connection.execute(sa.delete(SEGMENT)), Kind.NODE),
        (lambda connection: connection.execute(sa.update(SEGMENT).values(note=b"forged")), Kind.FORGED),
        (lambda connection: connection.execute(sa.delete(PRUNED)), Kind.NODE),
        (lambda connection: connection.execute(sa.update(PRUNED).values(leaves=bytes(32 * RUN))), Kind.REWRITTEN),
        (lambda connection: connection.execute(sa.delete(EVENT).where(EVENT.c.sequence == RUN + 1)), Kind.MISSING),
    ],
)
def test_what_is_kept_of_old_records_is_verified_too(sealer: Sealer, tamper: Any, kind: Kind) -> None:
    old_events(sealer.house, RUN + 20)
    seal(sealer)
    answer(sealer, "audit", "prune")
    seal(sealer)
    with sealer.house.database.transaction() as connection:
        tamper(connection)
    found = answer(sealer, "audit", "verify", code=1)["findings"]
    assert kind.value in {each["kind"] for each in found}, found


def test_a_segment_that_was_touched_is_found(sealer: Sealer, tmp_path: Path) -> None:
    old_events(sealer.house, RUN)
    seal(sealer)
    (done,) = answer(sealer, "audit", "prune")["segments"]
    whole = Path(done["file"]).read_bytes()
    touched = tmp_path / "touched.dmpaudit"
    for place in (300, len(whole) // 2, whole.rfind(b"segment ")):
        touched.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises((SegmentError, NoteError)):
            read_segment(touched, sealer.signer.verifier)
    told = answer(sealer, "audit", "verify", "--segment", str(touched), code=1)
    assert told["intact"] and len(told["segments"]) == 1


def test_records_that_were_tampered_with_are_not_sealed_away(sealer: Sealer) -> None:
    old_events(sealer.house, RUN)
    seal(sealer)
    with sealer.house.database.transaction() as connection:
        connection.execute(sa.update(EVENT).where(EVENT.c.sequence == 9).values(message=b"<Forged/>"))
    dmp(sealer, "audit", "prune", code=1)
    with sealer.house.database.snapshot() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(EVENT)) == RUN


@pytest.mark.parametrize("before", ["yesterday", "2026-11-01"])
def test_what_histories_show_for_a_year_is_not_pruned(sealer: Sealer, before: str) -> None:
    dmp(sealer, "audit", "prune", "--before", before, code=2)


def test_an_operator_who_looked_resumes_sealing(sealer: Sealer) -> None:
    old_events(sealer.house, RUN + 5)
    seal(sealer)
    with sealer.house.database.transaction() as connection:
        connection.execute(sa.update(EVENT).where(EVENT.c.sequence == RUN + 3).values(message=b"<Forged/>"))
        connection.execute(sa.update(HEAD).values(frontier=b""))
    dmp(sealer, "audit", "resume", "--reason", "none", code=2)
    raise_alarm(sealer.home, Finding(Kind.ALTERED, RUN + 3, RUN + 3), "2026-11-29T00:00:00.000000Z")
    assert answer(sealer, "audit", "resume", "--reason", "base restaurée")["resumed"]
    assert not raised(sealer.home)
    old_events(sealer.house, 1, start=RUN + 5)
    sealer.once()
    assert len(heads(sealer)) == 3
    found = answer(sealer, "audit", "verify", code=1)["findings"]
    assert found[0]["kind"] == "rewritten", "what happened stays visible"
    (told,) = [each for each in answer(sealer, "audit", "list") if each["action"] == "audit/reprise"]
    assert told["explanation"].endswith("base restaurée")


def test_a_home_without_its_key_is_said_so(sealer: Sealer) -> None:
    (sealer.home / "audit.key").unlink()
    assert "audit.key" in dmp(sealer, "audit", "verify", code=2).output
    (sealer.home / "audit.key").write_text("nothing")
    assert "audit.key" in dmp(sealer, "audit", "key", code=2).output


def dmp_alone(*arguments: str) -> Result:
    """A command without any home."""
    return CliRunner().invoke(build(), arguments, env={"DMP_HOME": None})


def outside(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A process that knows nothing of this server."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DMP_")}
    command = [sys.executable, "-m", "server.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
