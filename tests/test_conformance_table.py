"""docs/conformance.md is what the tests prove, no more and no less."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ihe.transactions import Transaction
from registry.errors import ErrorCode
from registry.stored_query_table import ROWS
from tests.proofs import OPTION, ROOT, TABLE, Requirement, faults, proofs, requirements, table

ROW = Requirement("error/XDSRegistryBusy", "XDSRegistryBusy", "ITI TF-3 Table 4.2.4.1-2", "")


def test_the_table_is_what_the_tests_prove(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    rows = requirements()
    if whole(request.session):  # every test is at hand already
        proved = proofs(request.session.items)
        assert faults(rows, proved) == []
        written = table(rows, proved)
    else:
        file = tmp_path / "conformance.md"
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", OPTION, str(file)]
        collected = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert collected.returncode == 0, collected.stdout[-2000:] + collected.stderr[-2000:]
        written = file.read_text("utf-8")
    assert written == TABLE.read_text("utf-8"), f"run: pytest --collect-only -q {OPTION} {TABLE}"


def whole(session: pytest.Session) -> bool:
    """Whether this session collected every test."""
    option = session.config.option
    chosen = option.keyword or option.markexpr or option.deselect
    return not chosen and {item.path for item in session.items} == set((ROOT / "tests").rglob("test_*.py"))


def test_all_that_is_served_is_required() -> None:
    """Every transaction, every parameter of every stored query, every error code."""
    queries = {f"query/{row.query.__name__}" for row in ROWS}
    parameters = {f"query/{row.query.__name__}/{each.slot}" for row in ROWS for each in row.parameters}
    transactions = {f"transaction/{each.number}" for each in Transaction}
    codes = {f"error/{code.value}" for code in ErrorCode}
    assert queries | parameters | transactions | codes <= {row.id for row in requirements()}


def test_a_requirement_without_test_or_note_is_a_fault() -> None:
    assert faults([ROW], {}) == ["error/XDSRegistryBusy: no test proves it and no note says why"]
    assert faults([ROW], {ROW.id: ("tests/a.py::test_b",)}) == []


def test_a_mark_of_no_requirement_is_a_fault() -> None:
    (fault,) = faults([ROW], {ROW.id: ("t",), "error/None": ("tests/a.py::test_b",)})
    assert fault == "error/None: no such requirement, marked in tests/a.py::test_b"


def test_what_is_never_emitted_has_no_proof() -> None:
    note = Requirement("error/XDSReplaceFailed", "XDSReplaceFailed", "", "never emitted")
    assert faults([note], {}) == []
    assert len(faults([note], {note.id: ("tests/a.py::test_b",)})) == 1


def test_many_tests_are_counted() -> None:
    written = table([ROW], {ROW.id: tuple(f"tests/a.py::test_{number}" for number in range(5))})
    assert "`a.py::test_0`, `a.py::test_1`, `a.py::test_2` and 2 more" in written
