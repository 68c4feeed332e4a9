"""The benchmark of validation, on so few documents that its figures mean nothing: it runs, and says what it should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.validation import main
from tests.conftest import ROOT

LETTER = ROOT / "tests" / "vectors" / "cda" / "discharge_letter.xml"


def test_it_says_what_each_part_takes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--turns", "1", "--json", "--home", str(tmp_path), str(LETTER)]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["document"], told["bytes"]) == (LETTER.name, LETTER.stat().st_size)
    assert list(told["parts"]) == ["lecture", "XSD", "règles"]
    assert told["ms"] == pytest.approx(sum(told["parts"].values()), abs=0.1)


def test_what_people_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--turns", "1", str(LETTER), str(LETTER)]) == 0
    shown = capsys.readouterr().out
    assert "median" in shown and shown.count("discharge_letter.xml") == 2
