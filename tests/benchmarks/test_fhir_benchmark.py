"""The benchmark of documents by FHIR, so short that its figures mean nothing; but a searchset is made in its time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.fhir import HITS, main, searchset_cpu


@pytest.mark.long
def test_both_doors_do_every_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seconds", "0.2", "--many", "30", "--json", "--folder", str(tmp_path)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(each["fhir"], each["soap"]) for each in told["pairs"]] == [
        ("ITI-67", "ITI-18"),
        ("ITI-68", "ITI-43"),
        ("ITI-65", "ITI-41"),
    ]
    assert all(set(each["by_fhir"]) == set(each["by_soap"]) == {"1", "8"} for each in told["pairs"])
    assert told["page_of_many_ms"] > 0


def test_a_searchset_is_made_of_what_was_made_before() -> None:
    assert HITS == 20
    assert searchset_cpu(times=3) > 0
