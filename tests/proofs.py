"""Which test proves which requirement: the marker `proves`, and the table that pytest writes from it.

    @pytest.mark.proves("query/FindDocuments/$XDSDocumentEntryStatus")

`docs/conformance.csv` has the requirements; `pytest --collect-only -q --conformance FILE` writes the table, and fails
on a requirement that no test proves and no note explains, or on a mark that names none.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "docs" / "conformance.csv"
TABLE = ROOT / "docs" / "conformance.md"
SHOWN = 3  # tests named in one row; of more, their number
OPTION = "--conformance"

_TITLES = {
    "transaction": "Transactions",
    "wire": "On the wire",
    "query": "Stored queries and their parameters",
    "coding": "Coding of queries",
    "identity": "Identifiers",
    "submission": "Submissions",
    "association": "Associations",
    "folder": "Folders",
    "patient": "Patients",
    "update": "Metadata update",
    "removal": "Removal",
    "retrieve": "Retrieval",
    "error": "Error codes, each through HTTP",
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row: `note` says why no test can prove it, or where the house differs."""

    id: str
    text: str
    clause: str
    note: str


def requirements() -> tuple[Requirement, ...]:
    """The rows of docs/conformance.csv, in order."""
    with REQUIREMENTS.open(encoding="utf-8", newline="") as file:
        return tuple(
            Requirement(row["id"], row["requirement"], row["clause"], row["note"]) for row in csv.DictReader(file)
        )


def proofs(items: Iterable[pytest.Item]) -> Mapping[str, tuple[str, ...]]:
    """Requirement id -> the tests that prove it, each once, without their parameters."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for item in items:
        name = item.nodeid.partition("[")[0]
        for mark in item.iter_markers("proves"):
            for requirement in mark.args:
                found[requirement][name] = None
    return {requirement: tuple(names) for requirement, names in found.items()}


def faults(rows: Iterable[Requirement], proved: Mapping[str, tuple[str, ...]]) -> list[str]:
    """What is wrong between the requirements and the marks."""
    known = {row.id: row for row in rows}
    wrong = [
        f"{name}: no such requirement, marked in {tests[0]}" for name, tests in proved.items() if name not in known
    ]
    wrong += [
        f"{row.id}: no test proves it and no note says why"
        for row in known.values()
        if not (row.note or row.id in proved)
    ]
    wrong += [
        f"{row.id}: a test emits what the note says is never emitted"
        for row in known.values()
        if row.note.startswith("never") and row.id in proved
    ]
    return sorted(wrong)


def table(rows: Iterable[Requirement], proved: Mapping[str, tuple[str, ...]]) -> str:
    """The table as Markdown."""
    groups: dict[str, list[Requirement]] = defaultdict(list)
    for row in rows:
        groups[row.id.partition("/")[0]].append(row)
    lines = [
        "# Conformance",
        "",
        "What the standards ask, and the test that proves it. Written from the tests by",
        "`pytest --collect-only -q --conformance docs/conformance.md`; the rows are those of `conformance.csv`.",
        "Where this server differs from a standard, [divergences.md](divergences.md) says so by clause.",
    ]
    for group, members in groups.items():
        lines += ["", f"## {_TITLES[group]}", "", "| requirement | clause | proved by |", "|---|---|---|"]
        lines += [f"| {_text(row)} | {row.clause} | {_tests(proved.get(row.id, ())) or row.note} |" for row in members]
    return "\n".join(lines) + "\n"


def _text(row: Requirement) -> str:
    name = row.id.partition("/")[2]
    return f"`{name}`" if name.endswith(row.text) else f"`{name}` {row.text}"


def _tests(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{name.removeprefix('tests/')}`" for name in names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, metavar="FILE", help="write the table of what the tests prove, and check it")


def pytest_collection_finish(session: pytest.Session) -> None:
    target = session.config.getoption(OPTION)
    if not target:
        return
    rows, proved = requirements(), proofs(session.items)
    Path(target).write_text(table(rows, proved), "utf-8")
    if wrong := faults(rows, proved):
        raise pytest.UsageError("\n".join(wrong))
