"""The cost of the audit log, with so few requests that its figures mean nothing: both servers answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import audit
from benchmarks.audit import Cost, main


@pytest.mark.long
def test_both_servers_answer_and_shares_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "WARM", 1)
    monkeypatch.setattr(audit, "TURN", 1)
    assert main(["--requests", "2", "--json", "--folder", str(tmp_path)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["audit"]) == ["ITI-18", "ITI-43"]
    for figures in told["audit"].values():
        assert figures.keys() == {"waited", "worked"}
        assert figures["waited"]["with_ms"] > 0 < figures["waited"]["without_ms"]
    assert list(tmp_path.iterdir()) == []


def test_a_share_is_of_the_time_with_the_log() -> None:
    cost = Cost("ITI-18", (10.0, 8.5), (4.0, 3.0))
    assert cost.json() == {
        "waited": {"with_ms": 10.0, "without_ms": 8.5, "share": 0.15},
        "worked": {"with_ms": 4.0, "without_ms": 3.0, "share": 0.25},
    }
