"""The web access in context: TD0.9 with a card, TD0.10 with the VIHF."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from lps_fakes import INS, INS_OID, Script, answer, demo_folder, run, serving

from conformance.lps import LpsUsageError
from conformance.lps.client import Lps
from conformance.lps.people import Patient
from conformance.lps.vihf import Access
from conformance.lps.web import Page
from schemas.xml import parse

PATIENT = Patient(INS, INS_OID)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo_folder(tmp_path_factory.mktemp("demo"))


def answered(status: int) -> Script:
    content = "<html><head><title>Accès\n direct &amp; DMP</title></head></html>".encode()
    return lambda _exchange: (status, "text/html; charset=UTF-8", content, len(content))


@pytest.mark.parametrize("page", list(Page))
def test_the_address_of_each_page(folder: Path, page: Page) -> None:
    lps = Lps.from_demo(folder, "dr-leblanc", server="https://dmp.example/")
    if page is Page.parametrages:
        assert lps.web_address(page) == "https://dmp.example/AccesDirect/Parametrages"
        with pytest.raises(LpsUsageError, match="expected none"):
            lps.web_address(page, PATIENT)
        return
    assert lps.web_address(page, PATIENT) == f"https://dmp.example/AccesDirect/{page.value}/{INS}"
    if page is Page.tableau_de_bord:
        assert lps.web_address(page) == "https://dmp.example/AccesDirect/TableauDeBord"
    else:
        with pytest.raises(LpsUsageError, match="--patient INS"):
            lps.web_address(page)


def test_with_a_card_the_address_says_the_access_mode(folder: Path) -> None:
    access = Access("bris_de_glace", "Patient inconscient")
    lps = Lps.from_demo(folder, "dr-leblanc", server="https://dmp.example")
    asked = f"https://dmp.example/AccesDirect/Documents/{INS}"
    assert lps.web_address(Page.documents, PATIENT, access=access).startswith(
        f"{asked}?mode=bris_de_glace&motif=Patient+"
    )
    air = Lps.from_demo(
        folder, "hopital", mode="INDIRECTE_RENFORCEE", user="dr-hospitalière", server="https://dmp.example"
    )
    assert air.web_address(Page.documents, PATIENT, access=access) == asked, "the VIHF says it"


def test_a_page_is_asked_for_with_the_card(folder: Path) -> None:
    with serving(answered(200), pki=folder) as server:
        lps = Lps.from_demo(folder, "dr-leblanc", server=server.address)
        fetched = lps.fetch(Page.documents, PATIENT)
        lps.close()
    (exchange,) = server.exchanges
    assert (exchange.method, exchange.path, exchange.body) == ("GET", f"/AccesDirect/Documents/{INS}", b"")
    assert "899900000011" in str(exchange.peer)
    assert (fetched.address, fetched.status) == (f"{server.address}/AccesDirect/Documents/{INS}", 200)
    assert fetched.title == "Accès direct & DMP"


def test_in_air_the_vihf_goes_with_it(folder: Path) -> None:
    with serving(answered(403)) as server:
        lps = Lps.from_demo(
            folder, "hopital", mode="INDIRECTE_RENFORCEE", user="dr-hospitalière", server=server.address
        )
        fetched = lps.fetch(Page.dossier_patient, PATIENT)
        lps.close()
    (exchange,) = server.exchanges
    assert (exchange.method, exchange.path) == ("POST", f"/AccesDirect/DossierPatient/{INS}")
    form = parse_qs(exchange.body.decode(), strict_parsing=True)
    assertion = parse(base64.b64decode(form["VIHF"][0]))
    said = " ".join(str(text) for text in assertion.itertext())
    assert "INDIRECTE_RENFORCEE" in said
    assert f"{INS}^^^&{INS_OID}&ISO^NH" in said
    assert fetched.status == 403, "a refusal is a page, too"


def test_web(folder: Path) -> None:
    address = ("--server", "https://dmp.example")
    result, _ = run(folder, None, "web", "--patient", INS, "--page", "Documents", *address)
    assert (result.exit_code, result.stdout) == (0, f"https://dmp.example/AccesDirect/Documents/{INS}\n")
    result, _ = run(folder, None, "web", "--json", *address)
    assert answer(result) == {"address": "https://dmp.example/AccesDirect/TableauDeBord"}
    result, _ = run(folder, None, "web", "--page", "Documents", *address)
    assert (result.exit_code, "--patient INS" in result.stderr) == (2, True)


def test_a_page_that_is_refused_is_exit_1(folder: Path) -> None:
    result, (exchange,) = run(folder, answered(403), "web", "--fetch", "--json", who="hopital")
    assert (result.exit_code, answer(result)["title"]) == (1, "Accès direct & DMP")
    assert exchange.headers["Content-Type"] == "application/x-www-form-urlencoded"
