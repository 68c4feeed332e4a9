"""`dmp schemas install` and `show`, and what `dmp cda validate --official` makes of the package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from server.cli import build
from tests.conftest import ROOT

LETTER = ROOT / "tests" / "vectors" / "cda" / "discharge_letter.xml"
SCHEMATRON = (
    '<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"><ns prefix="c" uri="urn:hl7-org:v3"/>'
    '<pattern><rule context="c:title"><assert test="false()">Le titre ne va pas</assert></rule></pattern></schema>'
)


def dmp(*arguments: str | Path) -> Result:
    return CliRunner().invoke(build(), [str(each) for each in arguments])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "paquet"
    folder.mkdir()
    (folder / "ASIP-STRUCT-MIN-StrucMin.sch").write_text(SCHEMATRON, "utf-8")
    return folder


def test_install_and_show(source: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    assert dmp("schemas", "show", "--home", home).exit_code == 3
    first = dmp("schemas", "install", source, "--home", home, "--json")
    assert first.exit_code == 0
    value = json.loads(first.stdout)
    assert (value["files"], value["schema"], value["schematrons"]) == (1, None, ["ASIP-STRUCT-MIN-StrucMin.sch"])
    assert json.loads(dmp("schemas", "show", "--home", home, "--json").stdout) == value
    assert "schématrons      1" in dmp("schemas", "show", "--home", home).stdout


def test_what_cannot_be_installed(tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"no zip")
    refused = dmp("schemas", "install", tmp_path / "no.zip", "--home", tmp_path, "--json")
    assert refused.exit_code == 1
    assert "ZIP" in json.loads(refused.stdout)["error"]["context"]
    assert dmp("schemas", "install", tmp_path / "nothing", "--home", tmp_path).exit_code == 2


def test_official_verdicts_beside_ours(source: Path, tmp_path: Path) -> None:
    pytest.importorskip("saxonche")
    assert dmp("schemas", "install", source, "--home", tmp_path).exit_code == 0
    result = dmp("cda", "validate", "--official", "--home", tmp_path, "--json", LETTER)
    assert result.exit_code == 1
    (document,) = json.loads(result.stdout)["documents"]
    (finding,) = document["findings"]
    assert (finding["source"], finding["path"]) == ("schématron officiel", "/ClinicalDocument/title")
    assert finding["expected"] == "Le titre ne va pas" and finding["line"] == 10
    assert set(document["milliseconds"]) == {"lecture", "XSD", "règles", "XSD officiel", "schématrons officiels"}
