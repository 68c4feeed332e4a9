"""A real server seals its log: through kills, beside whoever verifies it, until somebody tampers with it."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers import get, prepare, running
from typer.testing import CliRunner

from audit.heads import read_head
from audit.notes import notes_in
from audit.verification import verify
from server.cli import build
from server.database import connect
from server.home_key import audit_key
from server.house import House
from server.settings import load

SECONDS = 30.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    prepare(tmp_path)
    with (tmp_path / "settings.toml").open("a", encoding="utf-8") as settings:
        settings.write('audit_witness = ["witness.txt"]\n')
    return tmp_path


def until(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def witnessed(home: Path) -> list[int]:
    """The sizes of the heads that the witness has."""
    file = home / "witness.txt"
    if not file.exists():
        return []
    verifier = audit_key(home).verifier
    return [read_head(note, verifier).size for note in notes_in(file.read_text("utf-8"))]


def verify_command(home: Path, code: int = 0) -> Any:
    result = CliRunner().invoke(build(), ["audit", "verify", "--home", str(home), "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_a_log_is_sealed_through_kills_and_goes_on(home: Path) -> None:
    for starts in (1, 2, 3):
        with running(home):
            until(lambda starts=starts: bool(witnessed(home)) and witnessed(home)[-1] >= starts)  # type: ignore[misc]
    told = verify_command(home)
    assert told["intact"] and told["sealed"] == witnessed(home)[-1]
    assert witnessed(home) == sorted(set(witnessed(home)))


def test_tampering_with_a_running_server_makes_it_unhealthy(home: Path) -> None:
    with running(home) as server:
        until(lambda: bool(witnessed(home)))
        assert get(server.http, "/healthz")[0] == 200
        with sqlite3.connect(home / "dmp.db", timeout=30) as database:
            database.execute("UPDATE audit_head SET frontier = zeroblob(length(frontier))")
        database.close()
        _record(home, 1)
        until(lambda: get(server.http, "/healthz")[0] == 503)
        assert json.loads(get(server.http, "/healthz")[1])["audit"] == "tampered"
    assert verify_command(home, code=1)["findings"]


def _record(home: Path, count: int) -> None:
    house = House.build(load({"home": home}, {}), anchors=False)
    for _ in range(count):
        house.record("operator", "audit", "test")
    house.database.dispose()


def test_whoever_verifies_while_the_server_writes_sees_no_alarm(home: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            _record(home, 20)

    with running(home):
        writers = [threading.Thread(target=write, daemon=True) for _ in range(2)]
        for writer in writers:
            writer.start()
        sizes = [verify_command(home)["events"] for _ in range(8)]
        stop.set()
        for writer in writers:
            writer.join()
    assert sizes == sorted(sizes) and sizes[-1] > sizes[0]
    database = connect(f"sqlite:///{home}/dmp.db", threads=1)
    with database.snapshot() as connection:
        assert verify(connection, audit_key(home).verifier).intact
    database.dispose()
