"""What pages show of documents, and of what people wrote into them: found, opened, hidden, and always as text."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from acces_direct import LAETITIA, SUZANNE, Provide, events, page

from portal.french import PARIS
from tests.browser import Browser, Page
from tests.chromium import faults_of
from tests.village import Village

ELSEWHERE = "Ce document n'existe pas, ou ne vous est pas ouvert."
ATTACK = "&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt;"


@pytest.fixture
def provide(village: Village, tmp_path: Path) -> Provide:
    return Provide(village, tmp_path)


def _unnumbered(answer: Page) -> str:
    return re.sub("[0-9a-f]{32}", "", answer.text)


def test_a_document_is_listed_and_opened(village: Village, provide: Provide) -> None:
    unique_id = provide("vaccination_note", SUZANNE, by="medecin-traitant")
    browser = Browser.of(village, "infirmier")
    for where in ("DossierPatient", "Documents", "CarnetVaccination"):
        listed = browser.get(f"/AccesDirect/{where}/{SUZANNE}")
        assert "Note de vaccination" in listed.text
        assert listed.leading(f"/AccesDirect/Documents/{SUZANNE}/{unique_id}")
    opened, (event,) = events(
        village, lambda: browser.get(listed.leading(f"/AccesDirect/Documents/{SUZANNE}/{unique_id}"))
    )
    assert opened.status == 200
    assert opened.content.startswith(b"<?xml")
    assert unique_id.encode() in opened.content
    assert (event.transaction, event.action, event.outcome) == ("TD3.2", "TD3.2", 0)
    assert opened.headers["Content-Disposition"] == f'attachment; filename="document-{unique_id}.xml"'
    assert opened.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert opened.headers["X-Content-Type-Options"] == "nosniff"
    assert opened.headers["Cache-Control"] == "no-store"


def test_a_document_is_read_as_a_page(village: Village, provide: Provide) -> None:
    unique_id = provide("vaccination_note", SUZANNE, by="medecin-traitant")
    browser = Browser.of(village, "infirmier")
    listed = browser.get(f"/AccesDirect/Documents/{SUZANNE}")
    read, (event,) = events(village, lambda: browser.get(listed.leading(f"/AccesDirect/Lecture/{SUZANNE}/{unique_id}")))
    assert read.status == 200 and read.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Note de vaccination" in read.title and "CORBEAU" in read.text
    assert (event.transaction, event.action, event.outcome) == ("TD3.2", "TD3.2", 0)
    policy = read.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "frame-ancestors 'none'" in policy and "script" not in policy
    assert read.headers["Cache-Control"] == "no-store" and "Content-Disposition" not in read.headers
    elsewhere = browser.get(f"/AccesDirect/Lecture/{SUZANNE}/1.2.3.4")
    assert elsewhere.status == 404 and ELSEWHERE in elsewhere.text


def test_a_synthesis_leads_to_its_sources(village: Village, provide: Provide) -> None:
    """What structured documents say, on one page; each of them is read by it, and told so to the audit log."""
    unique_id = provide("vaccination_note", LAETITIA, by="medecin-traitant")
    masked = provide("lab_report", LAETITIA, by="medecin-traitant", masked=True)
    for name, sees in (("medecin-traitant", True), ("infirmier", False)):
        browser = Browser.of(village, name)
        shown, seen = events(village, partial(browser.get, f"/AccesDirect/Synthese/{LAETITIA}"))
        assert shown.status == 200 and "Vaccin tétanique adsorbé" in shown.text
        assert shown.leading(f"/AccesDirect/Lecture/{LAETITIA}/{unique_id}")
        opened = next(each for each in seen if each.action == "TD3.2")
        assert (opened.transaction, opened.outcome) == ("TD3.2", 0)
        told = opened.message.decode()
        assert unique_id in told
        assert (masked in told, masked in shown.source, "Derniers résultats" in shown.text) == (sees, sees, sees)


def test_the_course_of_results_over_reports(village: Village, provide: Provide) -> None:
    """The newest laboratory report, drawn together with those before it; each is opened, and recorded so."""
    browser = Browser.of(village, "medecin-traitant")
    reports = [provide("lab_report", LAETITIA, by="medecin-traitant") for _ in range(2)]
    shown, seen = events(village, partial(browser.get, f"/AccesDirect/Biologie/{LAETITIA}"))
    assert shown.status == 200 and "Tableau des résultats" in shown.text
    opened = [each.message.decode() for each in seen if each.action == "TD3.2"]
    assert all(any(report in each for each in opened) for report in reports)


def test_what_documents_say_is_accessible(village: Village, provide: Provide) -> None:
    """In a real browser: a synthesis with lines, and a course of results."""
    for kind in ("vaccination_note", "lab_report", "lab_report"):
        provide(kind, LAETITIA, by="medecin-traitant")
    browser = Browser.of(village, "medecin-traitant")
    shown = [browser.get(f"/AccesDirect/{name}/{LAETITIA}") for name in ("Synthese", "Biologie")]
    assert "Vaccin tétanique adsorbé" in shown[0].text and "Tableau des résultats" in shown[1].text
    style = browser.get(next(each for each in re.findall('href="([^"]*)"', shown[0].source) if each.endswith(".css")))
    assert faults_of((each.source for each in shown), style.source) == []


def test_lists_are_filtered(village: Village, provide: Provide) -> None:
    unique_id = provide("vaccination_note", LAETITIA, by="medecin-traitant")

    def found(query: str) -> bool:
        listed = page(village, "medecin", f"Documents/{LAETITIA}?{query}")
        assert listed.status == 200
        return any(unique_id in each for each in listed.addresses)

    assert found("")
    assert found("auteur=marchand")
    assert not found("auteur=leroux")
    assert found("type=87273-9&du=2020-01-01")
    assert not found("type=11488-4")
    assert not found("au=2020-01-01")


@pytest.mark.parametrize("query", ["du=hier", "du=2021-02-01&au=2021-01-01", "page=0", "type=%3Cb%3E", "au=9999-12-31"])
def test_a_filter_that_cannot_be_read_is_explained(village: Village, query: str) -> None:
    answer, seen = events(village, lambda: page(village, "medecin", f"Documents/{SUZANNE}?{query}"))
    assert answer.status == 400
    assert [each.action for each in seen] == ["TD0.9"], "nothing was searched"


def test_the_care_pathway_counts_by_class_and_period(village: Village, provide: Provide) -> None:
    unique_id = provide("vaccination_note", LAETITIA, by="medecin-traitant")
    browser = Browser.of(village, "medecin")
    for step, label in (("annee", "%Y"), ("mois", "%m/%Y"), ("jour", "%d/%m/%Y")):
        shown = browser.get(f"/AccesDirect/ParcoursDeSoins/{LAETITIA}?pas={step}")
        assert f" {datetime.now(PARIS) - timedelta(days=1):{label}} " in shown.text
        cells = [each for each in shown.addresses if "classe=" in each]
        assert any(unique_id in browser.get(cell).source for cell in cells), "a cell leads to its documents"


def test_a_masked_document_is_nowhere(village: Village, provide: Provide) -> None:
    """But for its author and the médecin traitant."""
    title = "Consultation gardée entre nous"
    masked = provide("consultation_report", SUZANNE, by="medecin", masked=True, title=title)

    def everywhere(name: str) -> list[str]:
        paths = [
            f"{where}/{SUZANNE}" for where in ("DossierPatient", "Documents", "ParcoursDeSoins", "CarnetVaccination")
        ]
        shown = [page(village, name, path) for path in (*paths, f"Documents/{SUZANNE}?masques=oui&archives=oui")]
        assert {each.status for each in shown} == {200}
        return [each.source for each in shown if masked in each.source or title in each.source]

    for name in ("infirmier", "medecin-hospitalier"):
        assert everywhere(name) == []
        hidden = page(village, name, f"Documents/{SUZANNE}/{masked}")
        absent = page(village, name, f"Documents/{SUZANNE}/1.2.3.4")
        assert hidden.status == absent.status == 404
        assert ELSEWHERE in hidden.text
        assert _unnumbered(hidden) == _unnumbered(absent)
    for name in ("medecin", "medecin-traitant"):
        assert len(everywhere(name)) == 2, "on the patient's page, and in the list when asked for"
        assert "Masqué aux professionnels de santé" in page(village, name, f"Documents/{SUZANNE}?masques=oui").text
        assert not [each for each in page(village, name, f"Documents/{SUZANNE}").addresses if masked in each]
        assert page(village, name, f"Documents/{SUZANNE}/{masked}").status == 200


def test_who_may_search_and_not_open_is_told(village: Village, provide: Provide) -> None:
    unique_id = provide("vaccination_note", SUZANNE, by="medecin-traitant")
    assert page(village, "medecin-du-travail", f"Documents/{SUZANNE}").status == 200
    refused = page(village, "medecin-du-travail", f"Documents/{SUZANNE}/{unique_id}")
    assert refused.status == 403
    assert "à un médecin du travail" in refused.text


@pytest.mark.parametrize(
    ("name", "path"), [("medecin", f"Documents/{SUZANNE}"), ("medecin", "x"), (None, "Parametrages")]
)
def test_pages_let_nothing_else_in(village: Village, name: str | None, path: str) -> None:
    headers = page(village, name, path).headers
    policy = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    assert headers["Content-Security-Policy"] == policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers.get_content_type() == "text/html"
    assert headers["Set-Cookie"] is None


def test_a_title_is_text(village: Village, provide: Provide) -> None:
    provide("vaccination_note", LAETITIA, by="medecin-traitant", title=ATTACK)
    for where in ("DossierPatient", "Documents", "CarnetVaccination"):
        source = page(village, "medecin", f"{where}/{LAETITIA}").source
        assert "&lt;script&gt;alert(1)" in source
        assert "<script" not in source
        assert "<img" not in source


@pytest.mark.parametrize(
    "query",
    [
        "auteur=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "du=%22%3E%3Cscript%3E",
        "type=%22onfocus=alert(1)%20autofocus=%22",
        "mode=centre_15&motif=%22%3E%3Cscript%3E",
        "situation=%22%3E%3Cscript%3E",
        "oid=%22%3E%3Cscript%3E",
        "page=%22%3E%3Cscript%3E",
        "auteur=javascript:alert(1)",
    ],
)
def test_what_an_address_says_is_text(village: Village, query: str) -> None:
    answer = page(village, "medecin", f"Documents/{SUZANNE}?{query}")
    assert answer.status in (200, 400, 403, 404)
    assert "<script" not in answer.source
    assert not re.search(r"<[^>]* on\w+=", answer.source)
    assert not [each for each in answer.addresses if not each.startswith(("/", "#"))]
