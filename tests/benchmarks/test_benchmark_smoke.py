"""The benchmark, with so few requests that its figures mean nothing: it runs, and says what it should."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import yardsticks
from benchmarks.__main__ import main
from benchmarks.documents import PDF_BYTES, pdf, write_document
from benchmarks.load import TRANSACTIONS, Measured
from benchmarks.report import Report, Row
from cda.document import read_document
from cda.header import read_header
from server.demo.people import PATIENTS


@pytest.mark.long
def test_it_measures_the_three_transactions_and_says_so_in_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(yardsticks, "SECONDS", 0.05)
    arguments = [
        "--documents",
        "3",
        "--clients",
        "2",
        "--json",
        "--folder",
        str(tmp_path),
        "--sizes",
        "3",
        "5",
        "--events",
        "1200",
    ]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["requests"], told["clients"]) == (3, 2)
    assert told["document_bytes"] > PDF_BYTES
    assert list(told["transactions"]) == list(TRANSACTIONS)
    assert {"processor", "file system", "load before"} <= told["machine"].keys()
    allowed = told["yardsticks"]
    for transaction, figures in told["transactions"].items():
        assert 0 < figures["p50_ms"] <= figures["p99_ms"]
        assert figures["of_document_writes"] == pytest.approx(figures["rate"] / allowed["document_writes"], abs=0.01)
        assert figures["of_record_writes"] == pytest.approx(figures["rate"] / allowed["record_writes"], abs=0.01)
        assert figures["of_core"] == pytest.approx(figures["rate"] / allowed["core"][transaction], abs=0.01)
    assert [(each["documents"], each["query"]) for each in told["growth"]] == [
        (size, query)
        for size in (3, 5)
        for query in ("FindDocuments, ObjectRef", "FindDocuments, LeafClass", "GetDocuments of up to 1000")
    ]
    assert all(each["ms"] > 0 for each in told["growth"])
    verified = told["audit_verify"]
    assert verified["events"] == 1200 and verified["record_bytes"] > 1200 * 1000
    assert verified["rate"] > 0 and 0 < verified["of_hashing"] < 1
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_what_people_read() -> None:
    rows = tuple(Row(Measured(name, (0.010,) * 98 + (0.100,) * 2, 2.0), 200.0) for name in TRANSACTIONS)
    report = Report({"processor": "one"}, 8, 100, 270_000, 500.0, 1000.0, rows)
    shown = io.StringIO()
    report.show(Console(file=shown, width=140))
    (line,) = (line for line in shown.getvalue().splitlines() if "ITI-41" in line and "│" in line)
    assert [cell.strip() for cell in line.strip("│").split("│")] == [
        "ITI-41",
        "50.0",
        "10.0",
        "100.0",
        "10%",
        "5%",
        "25%",
    ]
    assert "durable writes of 270 kB" in shown.getvalue()


def test_the_documents_are_cda_of_the_right_size(tmp_path: Path) -> None:
    content = pdf()
    assert len(content) == pytest.approx(PDF_BYTES, rel=0.02)
    file, other = (write_document(tmp_path, PATIENTS[0], content) for _ in range(2))
    header = read_header(read_document(iter([file.read_bytes()])))
    assert header.code.code == "34112-3"
    assert file.read_bytes() != other.read_bytes()


@pytest.mark.parametrize("arguments", [["--documents", "0"], ["--clients", "-1"], ["--clients", "many"]])
def test_numbers_that_measure_nothing_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2
    assert arguments[0] in capsys.readouterr().err
