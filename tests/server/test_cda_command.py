"""`dmp cda`: a document as a page, from a file to a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from server.cli import build
from tests.cda.cda_vectors import FOLDER

LETTER, REPORT = FOLDER / "discharge_letter.xml", FOLDER / "lab_report.xml"


def dmp(*arguments: object) -> Result:
    return CliRunner().invoke(build(), ["cda", *map(str, arguments)])


def test_a_page_goes_to_a_file(tmp_path: Path) -> None:
    result = dmp("render", LETTER, "-o", tmp_path / "out.html")
    assert result.exit_code == 0
    written = (tmp_path / "out.html").read_bytes()
    assert written.startswith(b"<!DOCTYPE html>")
    assert f"{len(written)} octets" in result.stdout


def test_or_to_standard_output() -> None:
    result = dmp("render", LETTER)
    assert result.exit_code == 0 and result.stdout_bytes.startswith(b"<!DOCTYPE html>")


def test_other_reports_stand_beside(tmp_path: Path) -> None:
    result = dmp("render", REPORT, "--with", LETTER, "--with", REPORT, "-o", tmp_path / "out.html", "--json")
    assert json.loads(result.stdout)["output"] == str(tmp_path / "out.html")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["/nowhere/a.xml"], 2),
        ([LETTER, "-o", "/nowhere/out.html"], 2),
        ([LETTER, "--json"], 2),
        ([Path(__file__)], 1),
        ([LETTER, "--with", "/nowhere/a.xml"], 2),
    ],
)
def test_what_cannot_be_done_is_told(arguments: list[object], code: int) -> None:
    result = dmp("render", *arguments)
    assert result.exit_code == code
    assert result.stderr or "error" in result.stdout
