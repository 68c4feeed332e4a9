"""`dmp cda`: a document as a page, from a file to a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cda.document import read_document
from cda.header import read_header
from registry.metadata import Code
from schemas import oids
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


FORM = Path(__file__).parent.parent.parent / "docs" / "examples" / "cda" / "form.toml"


def test_a_file_is_wrapped_and_then_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Bonjour", "utf-8")
    first = dmp("wrap", tmp_path / "a.txt", "--form", FORM, "-o", tmp_path / "1.xml")
    assert first.exit_code == 0 and "text/plain" in first.stdout
    again = dmp(
        "wrap", tmp_path / "a.txt", "--form", FORM, "-o", tmp_path / "2.xml", "--replaces", tmp_path / "1.xml", "--json"
    )
    assert json.loads(again.stdout)["notes"] == []
    before, after = (read_header(read_document([(tmp_path / name).read_bytes()])) for name in ("1.xml", "2.xml"))
    assert after.set_id == before.set_id and after.version_number == 2 and before.version_number == 1
    assert after.related_documents[0].ids == (before.id,)
    assert after.authors[0].specialty == Code("G15_10/SM26", oids.AUTHOR_SPECIALTY, after.authors[0].specialty.display)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("[author]", "[auteur]", "author"),
        ('type = "11488-4"', 'type = "0"', "document.type"),
        ('sex = "F"', 'sex = "X"', "patient.sex"),
        ("birth_date = 1979-03-28", 'birth_date = "hier"', "patient.birth_date"),
        ("start = 2026-03-02T10:00:00+01:00", "start = 2026-03-02T10:00:00", "stay.start"),
        ('family = "DAVID"', "family = 3", "author.family"),
        ("[stay]", "[stay", "TOML"),
    ],
)
def test_what_is_wrong_in_a_form_is_named(tmp_path: Path, old: str, new: str, named: str) -> None:
    said = FORM.read_text("utf-8")
    assert old in said
    (tmp_path / "form.toml").write_text(said.replace(old, new), "utf-8")
    (tmp_path / "a.txt").write_text("Bonjour", "utf-8")
    result = dmp("wrap", tmp_path / "a.txt", "--form", tmp_path / "form.toml", "-o", tmp_path / "1.xml")
    assert result.exit_code == 2 and named in result.stderr


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\0\1\2")
    assert dmp("wrap", tmp_path / "a.bin", "--form", FORM, "-o", tmp_path / "1.xml").exit_code == 1
