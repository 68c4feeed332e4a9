"""The table of rules names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
ROWS = [line.split("|") for line in (FOLDER / "README.md").read_text("utf-8").splitlines() if "test_" in line]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1].strip()[:60])
def test_each_rule_has_a_test_that_is_there(row: list[str]) -> None:
    file = re.search(r"`([\w./]*test_\w+\.py)", row[2])
    assert file is not None
    tests = re.findall(r"(?<![./\w])(test_\w+)(?=`)", row[2])
    written = (FOLDER / file[1]).read_text("utf-8")
    assert tests
    assert [each for each in tests if f"def {each}(" not in written] == []
