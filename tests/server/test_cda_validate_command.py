"""`dmp cda validate`: what it prints in each form, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from schemas.xml import parse
from server.cli import build
from tests.conftest import ROOT

VECTORS = ROOT / "tests" / "vectors" / "cda"
LETTER = VECTORS / "discharge_letter.xml"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"


def dmp(*arguments: str | Path, given: bytes | None = None) -> Result:
    return CliRunner().invoke(build("cda"), ["cda", *map(str, arguments)], input=given)


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A letter with one error, one warning and what HTML must escape."""
    path = tmp_path / "lettre & co.xml"
    text = LETTER.read_text("utf-8").replace('<versionNumber value="1"/>', '<versionNumber value="&lt;b>"/>')
    path.write_text(text.replace('mediaType="application/pdf"', 'mediaType="image/png"'), "utf-8")
    return path


def test_a_document_that_conforms() -> None:
    result = dmp("validate", LETTER)
    assert result.exit_code == 0
    assert result.stdout == f"{LETTER} : conforme\n"


def test_a_document_that_does_not(wrong: Path) -> None:
    result = dmp("validate", LETTER, wrong)
    assert result.exit_code == 1
    assert "NON CONFORME : 1 erreur, 2 avertissements" in result.stdout
    assert "erreur, ligne 15 : /ClinicalDocument/versionNumber/@value" in result.stdout
    for word in ("règle", "attendu", "trouvé", "remède"):
        assert f"     {word}" in result.stdout


def test_json(wrong: Path) -> None:
    result = dmp("validate", "--json", LETTER, wrong)
    value = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [each["conforms"] for each in value["documents"]] == [True, False] and value["conforms"] is False
    first = value["documents"][1]["findings"][0]
    assert set(first) == {"source", "rule", "clause", "path", "line", "expected", "found", "severity", "remedy"}
    assert (first["line"], first["severity"], first["found"]) == (15, "erreur", "<b>")
    assert set(value["documents"][0]["milliseconds"]) == {"lecture", "XSD", "règles"}


def test_svrl(wrong: Path) -> None:
    result = dmp("validate", "--svrl", wrong)
    root = parse(result.stdout.encode())
    failed = list(root.iter(f"{SVRL}failed-assert"))
    assert result.exit_code == 1 and root.tag == f"{SVRL}schematron-output"
    assert [each.get("role") for each in failed] == ["error", "warning", "warning"]
    document = parse(wrong.read_bytes())
    places = {each.get("prefix"): each.get("uri") for each in root.iter(f"{SVRL}ns-prefix-in-attribute-values")}
    for each in failed:
        assert len(document.xpath(each.get("location"), namespaces=places)) == 1


def test_html(wrong: Path) -> None:
    result = dmp("validate", "--html", LETTER, wrong)
    assert result.exit_code == 1
    assert "<td>&lt;b&gt;</td>" in result.stdout and "<b>" not in result.stdout
    assert "lettre &amp; co.xml" in result.stdout
    for active in ("<script", "http://", "https://", " on"):
        assert f"{active}=" not in result.stdout and "<script" not in result.stdout
    assert result.stdout.count("<tr>") == result.stdout.count("</tr>") == 4


def test_standard_input() -> None:
    assert dmp("validate", "-", given=LETTER.read_bytes()).exit_code == 0
    assert dmp("validate", "-", given=b"").exit_code == 1


@pytest.mark.parametrize("arguments", [["--json", "--html"], ["--html", "--svrl"], ["--svrl", str(LETTER)]])
def test_unusable_arguments(arguments: list[str]) -> None:
    assert dmp("validate", *arguments, LETTER).exit_code == 2


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = dmp("validate", "--json", tmp_path / "none.xml")
    assert result.exit_code == 2
    assert "attendu un fichier lisible" in json.loads(result.stdout)["error"]["context"]


def test_official_without_a_package(tmp_path: Path) -> None:
    result = dmp("validate", "--official", "--home", tmp_path, LETTER)
    assert result.exit_code == 2
    assert "dmp schemas install" in result.stderr
