"""What holds for every page, whatever it says."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dmp.errors import AccessRefused
from portal.errors import UnknownRequesterError
from portal.pages import new_blueprint, site
from registry.errors import ErrorCode, Finding

SENTENCE = "Aucun <script>alert(1)</script> ici."


@pytest.fixture
def client() -> FlaskClient:
    def refuse() -> str:
        raise AccessRefused(Finding(ErrorCode.DMPAccessDeniedByRightsService, SENTENCE))

    def doubt() -> str:
        raise UnknownRequesterError("technical", SENTENCE)

    def fail() -> str:
        raise RuntimeError("health data")

    app, pages = Flask("test"), new_blueprint("test", max_body_bytes=10)
    for view in (refuse, doubt, fail):
        pages.add_url_rule(f"/{view.__name__}", view.__name__, view, methods=["GET", "POST"])
    app.register_blueprint(site())
    app.register_blueprint(pages)
    return app.test_client()


@pytest.mark.parametrize(("path", "status"), [("/refuse", 403), ("/doubt", 401), ("/fail", 500)])
def test_errors_are_french_pages_under_closed_headers(client: FlaskClient, path: str, status: int) -> None:
    response = client.get(path)
    assert (response.status_code, response.content_type) == (status, "text/html; charset=utf-8")
    assert '<html lang="fr">' in response.text
    policy = response.headers["Content-Security-Policy"]
    assert {"default-src 'none'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'"} <= set(
        policy.split("; ")
    )
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/refuse", "/doubt"])
def test_a_sentence_stays_text(client: FlaskClient, path: str) -> None:
    page = client.get(path).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page


def test_what_nobody_expected_is_not_told(client: FlaskClient) -> None:
    page = client.get("/fail").text
    assert "health data" not in page
    assert "RuntimeError" not in page


def test_the_one_style_sheet_is_here(client: FlaskClient) -> None:
    assert 'href="/portal/static/portal.css"' in client.get("/refuse").text
    response = client.get("/portal/static/portal.css")
    assert (response.status_code, response.mimetype) == (200, "text/css")
    assert "http" not in response.text
    assert "url(" not in response.text
