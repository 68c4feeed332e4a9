"""POST /cda/validate: a document judged over HTTP, for this machine and for callers with a certificate."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from servers import prepare

from cda.official.installing import install
from schemas.xml import parse
from server import cda_endpoint
from server.app import create_app
from server.database import connect
from server.settings import Exposure, Settings, load
from tests.conftest import ROOT

LETTER = (ROOT / "tests" / "vectors" / "cda" / "discharge_letter.xml").read_bytes()
WRONG = LETTER.replace(b"<versionNumber", b"<numeroDeVersion")
SCHEMATRON = (
    '<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"><ns prefix="c" uri="urn:hl7-org:v3"/>'
    '<pattern><rule context="c:title"><assert test="false()">Non</assert></rule></pattern></schema>'
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("home")
    prepare(folder)
    return load({"home": folder}, {})


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


def test_a_document_that_conforms(client: FlaskClient) -> None:
    answer = client.post("/cda/validate", data=LETTER)
    assert answer.status_code == 200
    assert answer.json["conforms"] is True and answer.json["findings"] == []


def test_one_that_does_not_is_told_and_no_error(client: FlaskClient) -> None:
    answer = client.post("/cda/validate", data=WRONG)
    assert answer.status_code == 200
    assert answer.json["conforms"] is False
    assert answer.json["findings"][0]["path"] == "/ClinicalDocument/numeroDeVersion"


def test_no_document_at_all(client: FlaskClient) -> None:
    answer = client.post("/cda/validate", data=b"bonjour" * 100_000)
    assert [each["rule"] for each in answer.json["findings"]] == ["LECTURE"]
    assert client.get("/cda/validate").status_code == 405


def test_other_forms(client: FlaskClient) -> None:
    html = client.post("/cda/validate", data=WRONG, headers={"Accept": "text/html"})
    assert html.content_type == "text/html; charset=UTF-8" and "NON CONFORME" in html.text
    assert "default-src 'none'" in html.headers["Content-Security-Policy"]
    xml = client.post("/cda/validate", data=WRONG, headers={"Accept": "application/xml"})
    assert parse(xml.data).tag == "{http://purl.oclc.org/dsdl/svrl}schematron-output"


def test_a_document_larger_than_other_bodies_may_be(settings: Settings) -> None:
    app = create_app(settings)
    app.config["MAX_CONTENT_LENGTH"] = 100
    assert app.test_client().post("/cda/validate", data=LETTER).status_code == 200


def test_a_document_larger_than_any(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cda_endpoint, "MAX_BYTES", 1000)
    padded = LETTER.replace(b"</ClinicalDocument>", b" " * 1_000_000 + b"</ClinicalDocument>")
    answer = client.post("/cda/validate", data=padded)
    assert [each["rule"] for each in answer.json["findings"]] == ["LECTURE"]


def test_a_caller_without_certificate_elsewhere(settings: Settings) -> None:
    outside = create_app(settings, Exposure.PROXY).test_client()
    address = {"X-Real-IP": "192.0.2.1"}
    assert outside.post("/cda/validate", data=LETTER, headers=address).status_code == 403


def test_nothing_is_recorded(settings: Settings, client: FlaskClient) -> None:
    client.post("/cda/validate", data=WRONG)
    with connect(settings.database_url, threads=1).transaction() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM audit_event").scalar() == 0


def test_the_installed_package(settings: Settings, client: FlaskClient, tmp_path: Path) -> None:
    pytest.importorskip("saxonche")
    assert client.post("/cda/validate?official", data=LETTER).status_code == 404
    (tmp_path / "ASIP-STRUCT-MIN-StrucMin.sch").write_text(SCHEMATRON, "utf-8")
    install(tmp_path, settings.home / "schemas")
    for _ in range(2):
        answer = client.post("/cda/validate?official", data=LETTER)
        assert [each["source"] for each in answer.json["findings"]] == ["schématron officiel"]
    assert client.post("/cda/validate", data=LETTER).json["findings"] == []
