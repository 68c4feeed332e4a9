"""The benchmark of HL7 v2, so short that its figures mean nothing: every message is accepted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.hl7v2 import main


@pytest.mark.long
def test_every_kind_of_message_is_carried_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seconds", "0.2", "--json", "--folder", str(tmp_path)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [rate["per_second"].keys() for rate in told["hl7v2"]] == [{"1", "8"}] * 3
