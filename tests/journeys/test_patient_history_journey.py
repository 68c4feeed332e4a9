"""Who did what, what one is told of, and what one takes away, through real HTTPS."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from patients import Someone, new_address, posted, provide

from conformance.lps.metadata import Visibility
from conformance.lps.soap import LpsError
from conformance.lps.vihf import Access
from server.demo.people import PATIENTS
from tests.browser import Browser
from tests.mailbox import Mailbox
from tests.village import Village

SUZANNE, ANGE = PATIENTS[0].ins, PATIENTS[10].ins


@pytest.fixture(scope="module")
def open_village(new_village: Callable[[], Village]) -> Iterator[tuple[Village, Mailbox]]:
    settled = new_village()
    with posted(settled) as box:
        settled.start()
        yield settled, box
        settled.stop()


@pytest.fixture(scope="module")
def suzanne(open_village: tuple[Village, Mailbox]) -> Someone:
    someone = Someone.of(*open_village, SUZANNE)
    someone.settle_in()
    return someone


def archive(someone: Someone, *parts: str) -> zipfile.ZipFile:
    """What is downloaded."""
    page = someone.send("/telechargement", dict.fromkeys(parts, "oui"))
    assert page.headers["Content-Type"] == "application/zip", page.text
    assert page.headers["Content-Disposition"] == 'attachment; filename="dmp.zip"'
    return zipfile.ZipFile(io.BytesIO(page.content))


def table(archived: zipfile.ZipFile, name: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(archived.read(name).decode("utf-8-sig"), newline="")))


def test_the_patient_reads_who_did_what(suzanne: Someone, tmp_path: Path) -> None:
    village = suzanne.village
    provide(village, tmp_path, SUZANNE, 9000)
    village.lps("infirmier").find(village.patient(SUZANNE))
    page = suzanne.ask("/historique")
    assert "ROCHE" in page.text and "s'est connecté" in page.text
    own = suzanne.ask(f"/historique?qui={SUZANNE}")
    assert "ROCHE" not in own.text and "s'est connecté" in own.text
    assert village.audit(1)[0].action == "HA"


def test_an_emergency_stands_out(open_village: tuple[Village, Mailbox]) -> None:
    ange = Someone.of(*open_village, ANGE)
    ange.settle_in()
    doctor = ange.village.lps("medecin")
    doctor.find(ange.village.patient(ANGE), access=Access("bris_de_glace", "Patient inconscient"))
    page = ange.ask("/historique")
    assert "Urgence : accès en bris de glace : Patient inconscient" in page.text


def test_the_history_goes_on_page_after_page(suzanne: Someone) -> None:
    for _ in range(120):
        suzanne.ask("/urgence")
    first = suzanne.ask("/historique")
    following = suzanne.browser.get(first.leading("/patient/historique?apres="))
    assert following.status == 200 and following.source.count("<tr>") > 1


def test_the_history_is_narrowed_and_taken_away(suzanne: Someone, tmp_path: Path) -> None:
    village = suzanne.village
    provide(village, tmp_path, SUZANNE, 9005)
    with pytest.raises(LpsError):
        repository = village.settings.domain.repository_unique_id
        village.lps("medecin").open("2.25.1", tmp_path / "none.xml", village.patient(SUZANNE), repository=repository)
    refused = suzanne.ask(f"/historique?resultat={quote('refusé')}")
    assert "a tenté d'accéder au DMP" in refused.text and "s'est connecté" not in refused.text
    added = suzanne.ask("/historique?nature=alimentation")
    assert "a ajouté un document" in added.text and "a tenté" not in added.text
    assert "Aucune action." in suzanne.ask("/historique?au=2020-01-01").text
    for wrong in ("du=hier", "nature=rien", "resultat=rien", "du=2026-02-02&au=2026-01-01"):
        page = suzanne.ask(f"/historique?{wrong}")
        assert (page.status, "Aucune action." in page.text) == (400, True), wrong
    narrowed = "nature=alimentation&du=2020-01-01"
    table = suzanne.ask(f"/historique/csv?{narrowed}")
    assert table.headers["Content-Disposition"] == 'attachment; filename="historique.csv"'
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"), newline="")))
    assert rows and {row["Action"] for row in rows} == {"a ajouté un document"}
    said = json.loads(suzanne.ask(f"/historique/json?{narrowed}").content)
    assert [each["act"] for each in said] == [row["Action"] for row in rows]
    paper = suzanne.ask(f"/historique/pdf?{narrowed}")
    assert paper.headers["Content-Type"] == "application/pdf" and paper.content.startswith(b"%PDF")
    assert [each.action for each in village.audit(3)] == ["HA"] * 3
    assert suzanne.ask("/historique/html").status == 404


def test_a_professional_takes_away_what_they_read(suzanne: Someone) -> None:
    doctor = Browser.of(suzanne.village, "medecin-traitant")
    page = doctor.get(f"/AccesDirect/HistoriqueAcces/{SUZANNE}?nature=alimentation")
    assert "a ajouté un document" in page.text and "s'est connecté" not in page.text
    for form, start in (("csv", b"\xef\xbb\xbfDate et heure"), ("json", b"["), ("pdf", b"%PDF")):
        taken = doctor.get(page.leading(f"/AccesDirect/HistoriqueAcces/{SUZANNE}/{form}"))
        assert taken.status == 200 and taken.content.startswith(start)
        assert taken.headers["Content-Disposition"] == f'attachment; filename="historique.{form}"'


def test_no_line_of_a_history_shows_a_code(suzanne: Someone) -> None:
    said = json.loads(suzanne.ask("/historique/json").content)
    assert len(said) > 5
    for line in said:
        shown = " ".join((line["act"], line["profession"], line["circumstances"], line["result"]))
        assert not re.search(r"[A-Z]{2}[0-9]|[0-9]{2}|[/_]", shown), line


def test_alerts_are_asked_for_and_come(suzanne: Someone, tmp_path: Path) -> None:
    address = new_address()
    page = suzanne.send("/alertes", {"documents": "oui", "courriel": address})
    assert "checked" in page.source and address in page.source
    provide(suzanne.village, tmp_path, SUZANNE, 9010)
    assert "document a été ajouté" in replace(suzanne, address=address).mail(1).text
    assert suzanne.send("/alertes", {"documents": "oui", "courriel": "nulle part"}).status == 400
    page = suzanne.send("/alertes", {"courriel": ""})
    assert "checked" not in page.source


def test_everything_is_taken_away_but_what_must_be_announced(suzanne: Someone, tmp_path: Path) -> None:
    village = suzanne.village
    masked = provide(village, tmp_path, SUZANNE, 9020, visibility=Visibility(mask=True))
    hidden = provide(village, tmp_path, SUZANNE, 9021, visibility=Visibility(hide_from_patient=True))
    copied = archive(suzanne, "documents", "historique", "autorisations")
    assert {"INDEX.HTM", "README.TXT", "HISTORIQUE.CSV", "AUTORISATIONS.CSV"} <= set(copied.namelist())
    metadata = b"".join(copied.read(name) for name in copied.namelist() if name.endswith("METADATA.XML")).decode()
    assert masked in metadata and hidden not in metadata
    assert any("s'est connecté" in cell for row in table(copied, "HISTORIQUE.CSV") for cell in row)
    assert any("ROCHE" in row for row in table(copied, "AUTORISATIONS.CSV"))
    assert [each.action for each in village.audit(3)] == ["TD1.6", "HA", "VD/copie"]


def test_a_part_alone_is_taken_away(suzanne: Someone) -> None:
    assert archive(suzanne, "autorisations").namelist() == ["AUTORISATIONS.CSV"]
    assert suzanne.send("/telechargement", {}).status == 400
