"""Verifying many events, with so few that its figures mean nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.verification import Verified, main


def test_a_log_is_written_verified_and_taken_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--events", "700", "--json", "--folder", str(tmp_path)]) == 0
    told = json.loads(capsys.readouterr().out)["audit_verify"]
    assert told["events"] == 700 and told["rate"] > 0 and told["memory_mb"] > 1
    assert list(tmp_path.iterdir()) == []


def test_it_is_told_in_a_sentence() -> None:
    assert Verified(1000, 4_000_000, 0.5, 0.1, 80_000_000).sentence() == (
        "dmp audit verify: 1000 events in 0.5 s, 2000 a second, 80 MB of memory; hashing alone takes 20% of that time"
    )
