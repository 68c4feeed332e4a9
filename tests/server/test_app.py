"""The application: health as it is, metrics for this machine, and what holds for every answer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from servers import prepare

from server.app import create_app
from server.metrics import METHODS
from server.settings import Exposure, Settings, load


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    prepare(folder)
    return folder


@pytest.fixture
def settings(prepared: Path, tmp_path: Path) -> Settings:
    """Of a home of its own, so that a test may break it."""
    return load({"home": shutil.copytree(prepared, tmp_path / "home")}, {})


def client(settings: Settings, exposure: Exposure = Exposure.LOOPBACK) -> FlaskClient:
    return create_app(settings, exposure).test_client()


def test_health_tries_database_audit_and_documents(settings: Settings) -> None:
    response = client(settings).get("/healthz")
    assert response.status_code == 200
    assert response.json == {"status": "ok", "database": "ok", "audit": "ok", "documents": "ok"}


def test_health_leaves_nothing_behind(settings: Settings) -> None:
    from audit.store import AuditStore
    from server.database import connect

    client(settings).get("/healthz")
    with connect(settings.database_url, threads=1).transaction() as connection:
        assert AuditStore(connection).head().size == 0
    assert not any((settings.documents / "incoming").iterdir())


def test_health_says_that_the_audit_log_is_gone(settings: Settings) -> None:
    from server.database import connect

    app = client(settings)
    with connect(settings.database_url, threads=1).transaction() as connection:
        connection.exec_driver_sql("DROP TABLE audit_event")
    response = app.get("/healthz")
    assert response.status_code == 503
    assert response.json is not None
    assert response.json["audit"] == "AuditUnavailable"


def test_health_says_that_documents_cannot_be_written(settings: Settings) -> None:
    app = client(settings)
    shutil.rmtree(settings.documents)
    response = app.get("/healthz")
    assert response.status_code == 503
    assert response.json is not None
    assert response.json["documents"] == "RepositoryUnavailable"
    assert response.json["database"] == "ok"


def test_metrics_are_for_this_machine(settings: Settings) -> None:
    app = client(settings)
    app.get("/healthz")
    here = app.get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"})
    assert 'dmp_requests_total{method="GET",route="/healthz",status="2xx"}' in here.text
    assert app.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 403
    assert app.get("/metrics", environ_base={"REMOTE_ADDR": ""}).status_code == 403


def test_metrics_count_routes_not_paths_and_known_methods_only(settings: Settings) -> None:
    app = client(settings)
    app.get("/patients/269054958815780")
    app.open("/healthz", method="INVENTED")
    text = app.get("/metrics").text
    assert "269054958815780" not in text
    assert "INVENTED" not in text
    assert "OTHER" not in METHODS


def test_every_answer_has_security_headers_and_its_number(settings: Settings) -> None:
    for path in ("/healthz", "/nowhere", "/ihe/registry?wsdl"):
        headers = client(settings).get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert len(headers["X-Request-ID"]) == 32
        assert "Strict-Transport-Security" not in headers


def test_where_tls_is_spoken_it_is_asked_for(settings: Settings) -> None:
    assert client(settings, Exposure.PROXY).get("/healthz").headers["Strict-Transport-Security"]


def test_an_unknown_address_is_told_in_json(settings: Settings) -> None:
    response = client(settings).get("/nowhere")
    assert response.status_code == 404
    assert response.json is not None
    assert response.json["error"] == "Not Found"
    assert response.json["request_id"] == response.headers["X-Request-ID"]


def test_the_doors_are_open(settings: Settings) -> None:
    app = client(settings)
    for path in ("/ihe/registry", "/ihe/repository"):
        assert b"definitions" in app.get(f"{path}?wsdl").data
        assert app.post(path, data=b"nonsense").status_code >= 400
