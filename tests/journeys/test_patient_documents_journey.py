"""The patient's documents through real HTTPS: what they see, what they add, what they cannot do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from patients import Someone, posted, provide

from conformance.lps.metadata import Visibility
from server.demo.people import PATIENTS
from tests.chromium import faults_of
from tests.mailbox import Mailbox
from tests.village import Village

SUZANNE, MARCEL, MALO = (PATIENTS[index].ins for index in (0, 1, 4))
PDF = b"%PDF-1.4 essai"
SAID = {"titre": "Analyse de 2019", "type": "DOCPAT05", "date": "2019-06-05", "commentaire": "À garder"}
CONSULTATION = "Compte rendu de consultation"


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


def listed(someone: Someone, query: str = "") -> list[str]:
    """The uniqueIds of the list."""
    beginning = "/patient/documents/"
    found = [
        each.removeprefix(beginning)
        for each in someone.ask(f"/documents{query}").addresses
        if each.startswith(beginning)
    ]
    return [each for each in found if each != "ajout"]


def test_a_synthesis_of_ones_own_dossier(suzanne: Someone, tmp_path: Path) -> None:
    """Each line leads to what says it, masked or not, but for what must be announced; in a real browser, too."""
    village, hide = suzanne.village, Visibility(hide_from_patient=True)
    note = provide(village, tmp_path, SUZANNE, 7900, kind="vaccination_note", visibility=Visibility(mask=True))
    hidden = provide(village, tmp_path, SUZANNE, 7901, kind="lab_report", visibility=hide)
    home = suzanne.ask()
    assert home.leading("/patient/synthese")
    shown = suzanne.ask("/synthese")
    assert shown.status == 200 and "Vaccin tétanique adsorbé" in shown.text
    assert suzanne.ask(shown.leading(f"/patient/documents/{note}/lecture").removeprefix("/patient")).status == 200
    assert hidden not in shown.source and "Derniers résultats" not in shown.text
    last = next(each for each in village.audit(5) if each.action == "TD3.2" and note in each.documents)
    assert (last.transaction, last.authentication) == ("TD3.2", "PATIENT")
    style = suzanne.browser.get(next(each for each in re.findall('href="([^"]*)"', shown.source) if ".css" in each))
    assert faults_of([shown.source], style.source) == []


def test_the_patient_sees_what_is_masked_and_not_what_must_be_announced(suzanne: Someone, tmp_path: Path) -> None:
    village = suzanne.village
    plain, masked, hidden, secret = (
        provide(village, tmp_path, SUZANNE, 8000 + number, visibility=visibility)
        for number, visibility in enumerate(
            (
                Visibility(),
                Visibility(mask=True),
                Visibility(hide_from_patient=True),
                Visibility(hide_from_representatives=True),
            )
        )
    )
    found = listed(suzanne)
    assert {plain, masked, secret} <= set(found) and hidden not in found
    assert "Masqué" in suzanne.ask(f"/documents/{masked}").text
    for path in ("", "/lecture", "/fichier", "/cda", "/remplacement"):
        there, not_there = (suzanne.ask(f"/documents/{each}{path}") for each in (hidden, "1.2.3"))
        assert (there.status, there.text.replace("demande", "")[:60]) == (
            404,
            not_there.text.replace("demande", "")[:60],
        )
    event = next(each for each in village.audit(20) if each.rule == "document_invisible")
    assert event.requester_id == SUZANNE


def test_a_representative_does_not_see_what_a_minor_keeps_from_them(
    open_village: tuple[Village, Mailbox], tmp_path: Path
) -> None:
    sophie = Someone.of(*open_village, MALO)
    sophie.settle_in()
    assert "AUBRY Sophie, représentant légal" in sophie.ask().text
    plain = provide(sophie.village, tmp_path, MALO, 8200)
    secret = provide(sophie.village, tmp_path, MALO, 8201, visibility=Visibility(hide_from_representatives=True))
    assert plain in listed(sophie) and secret not in listed(sophie)
    assert sophie.ask(f"/documents/{secret}/cda").status == 404
    sophie.upload("/documents/ajout", "a.pdf", PDF, {**SAID, "titre": "Carnet de vaccination"})
    own = next(each for each in listed(sophie) if "Carnet" in sophie.ask(f"/documents/{each}").text)
    assert sophie.send(f"/documents/{own}/suppression", {}).status == 200
    assert own not in listed(sophie)


def test_a_document_is_opened_as_the_file_that_it_encloses_or_as_it_is_kept(suzanne: Someone, tmp_path: Path) -> None:
    document = provide(suzanne.village, tmp_path, SUZANNE, 8010)
    page = suzanne.ask(f"/documents/{document}")
    assert CONSULTATION in page.text and "Vous n'êtes pas l'auteur" in page.text
    file, kept = suzanne.ask(f"/documents/{document}/fichier"), suzanne.ask(f"/documents/{document}/cda")
    assert (file.headers["Content-Type"], kept.headers["Content-Type"]) == ("application/pdf", "text/xml")
    assert file.content.startswith(b"%PDF-") and b"ClinicalDocument" in kept.content
    for each in (file, kept):
        assert each.headers["Content-Disposition"].startswith("attachment; ")
        assert each.headers["Content-Security-Policy"].startswith("sandbox")
        assert each.headers["X-Content-Type-Options"] == "nosniff"
    assert [each.action for each in suzanne.village.audit(2)] == ["TD3.2", "TD3.2"]


def test_a_document_is_read_as_a_page(suzanne: Someone, tmp_path: Path) -> None:
    document = provide(suzanne.village, tmp_path, SUZANNE, 8015)
    assert "Lire le document" in suzanne.ask(f"/documents/{document}").text
    read = suzanne.ask(f"/documents/{document}/lecture")
    assert read.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"data:application/pdf;base64," in read.content
    assert read.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert [each.action for each in suzanne.village.audit(1)] == ["TD3.2"]


def test_a_structured_document_encloses_no_file(suzanne: Someone, tmp_path: Path) -> None:
    document = provide(suzanne.village, tmp_path, SUZANNE, 8020, kind="vaccination_note")
    assert "/fichier" not in suzanne.ask(f"/documents/{document}").source
    assert suzanne.ask(f"/documents/{document}/fichier").status == 404


def test_a_file_is_added_and_found_and_opened(suzanne: Someone) -> None:
    page = suzanne.upload("/documents/ajout", "analyse.pdf", PDF, SAID)
    assert "Analyse de 2019" in page.text and "À garder" in page.text and "Remplacer" in page.text
    document = listed(suzanne)[0]
    assert suzanne.ask(f"/documents/{document}/fichier").content == PDF
    (event,) = [each for each in suzanne.village.audit(10) if each.action == "TD2.1"][:1]
    assert event.requester_id == SUZANNE
    doctor = suzanne.village.lps("medecin-traitant")
    assert document in {each.unique_id for each in doctor.find(suzanne.village.patient(SUZANNE))}


def test_a_text_is_written_in_the_form(suzanne: Someone) -> None:
    page = suzanne.send("/documents/ajout", {**SAID, "titre": "Mes allergies", "texte": "Pollen : éternuements"})
    assert "Mes allergies" in page.text
    document = next(each for each in listed(suzanne) if "Mes allergies" in suzanne.ask(f"/documents/{each}").text)
    assert suzanne.ask(f"/documents/{document}/fichier").content.decode() == "Pollen : éternuements"


@pytest.mark.parametrize(
    ("name", "content", "fields", "told"),
    [
        ("virus.exe", b"MZ", {}, "Formats acceptés"),
        ("faux.pdf", b"<html>", {}, "format"),
        ("gros.pdf", b"%PDF-" + b"0" * 8 * 1024 * 1024, {}, "5 Mo"),
        ("a.pdf", PDF, {"titre": "t" * 256}, "255"),
        ("a.pdf", PDF, {"commentaire": "c" * 1001}, "1000"),
        ("a.pdf", PDF, {"type": "11502-2"}, "type"),
        ("a.pdf", PDF, {"date": "hier"}, "AAAA-MM-JJ"),
        ("a.pdf", PDF, {"date": "2999-01-01"}, "avenir"),
        ("", b"", {}, "Joignez un fichier"),
    ],
)
def test_what_is_not_taken_is_said(
    suzanne: Someone, name: str, content: bytes, fields: dict[str, str], told: str
) -> None:
    before = listed(suzanne)
    page = suzanne.upload("/documents/ajout", name, content, {**SAID, **fields})
    assert page.status == 400 and told in page.text
    assert listed(suzanne) == before


def test_a_body_of_any_size_is_not_read(suzanne: Someone) -> None:
    for path, limit in (("/documents/ajout", 32 * 1024 * 1024), ("/informations", 256 * 1024)):
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(limit + 1)}
        page = suzanne.browser.ask("POST", f"/patient{path}", b"", headers)
        assert (page.status, page.title) == (413, "Envoi trop volumineux – DMP")


def test_one_s_own_document_is_replaced_and_no_other(suzanne: Someone, tmp_path: Path) -> None:
    suzanne.upload("/documents/ajout", "analyse.pdf", PDF, {**SAID, "titre": "Première version"})
    first = next(each for each in listed(suzanne) if "Première version" in suzanne.ask(f"/documents/{each}").text)
    page = suzanne.upload(f"/documents/{first}/remplacement", "b.pdf", PDF, {**SAID, "titre": "Seconde version"})
    assert "Seconde version" in page.text
    assert first not in listed(suzanne)
    assert "obsolète" in suzanne.ask(f"/documents/{first}").text
    theirs = provide(suzanne.village, tmp_path, SUZANNE, 8030)
    page = suzanne.upload(f"/documents/{theirs}/remplacement", "b.pdf", PDF, SAID)
    assert page.status == 400 and "Seul l'auteur" in page.text
    assert theirs in listed(suzanne)


def test_what_somebody_wrote_stays_text(suzanne: Someone) -> None:
    title = "<script>alert(1)</script>"
    page = suzanne.upload("/documents/ajout", "a.pdf", PDF, {**SAID, "titre": title, "commentaire": title})
    assert title in page.text and title not in page.source


def test_filters(suzanne: Someone) -> None:
    suzanne.upload("/documents/ajout", "a.pdf", PDF, {**SAID, "titre": "Mon certificat", "type": "DOCPAT07"})
    assert "Mon certificat" in suzanne.ask("/documents?type=DOCPAT07").text
    assert "Mon certificat" not in suzanne.ask("/documents?type=DOCPAT05").text
    assert suzanne.ask("/documents?du=hier").status == 400
    assert listed(suzanne, "?du=2001-01-01&au=2001-02-01") == []


def test_one_patient_reaches_nothing_of_another(suzanne: Someone, tmp_path: Path) -> None:
    theirs = provide(suzanne.village, tmp_path, MARCEL, 8040)
    for path in ("", "/lecture", "/fichier", "/cda", "/remplacement"):
        assert suzanne.ask(f"/documents/{theirs}{path}").status == 404


def test_a_document_is_masked_and_unmasked(suzanne: Someone, tmp_path: Path) -> None:
    village = suzanne.village
    document = provide(village, tmp_path, SUZANNE, 8050)
    nurse = village.lps("infirmier")
    page = suzanne.send(f"/documents/{document}/masquage", {}, form=f"/documents/{document}")
    assert "Masqué" in page.text and "Ne plus masquer" in page.text
    assert document not in {each.unique_id for each in nurse.find(village.patient(SUZANNE))}
    page = suzanne.send(f"/documents/{document}/demasquage", {}, form=f"/documents/{document}")
    assert "Masquer aux" in page.text
    assert [each.action for each in village.audit(3)][1] == "TD3.3a/demasquer"
    assert document in {each.unique_id for each in village.lps("medecin").find(village.patient(SUZANNE))}


def test_a_document_is_archived_and_unarchived(suzanne: Someone, tmp_path: Path) -> None:
    document = provide(suzanne.village, tmp_path, SUZANNE, 8060)
    page = suzanne.send(f"/documents/{document}/archivage", {}, form=f"/documents/{document}")
    assert "archivé" in page.text
    assert document not in listed(suzanne) and document in listed(suzanne, "?archives=oui")
    suzanne.send(f"/documents/{document}/desarchivage", {}, form=f"/documents/{document}")
    assert document in listed(suzanne)


def test_one_s_own_document_is_deleted_and_no_other(suzanne: Someone, tmp_path: Path) -> None:
    suzanne.upload("/documents/ajout", "a.pdf", PDF, {**SAID, "titre": "À supprimer"})
    own = next(each for each in listed(suzanne) if "À supprimer" in suzanne.ask(f"/documents/{each}").text)
    assert suzanne.send(f"/documents/{own}/suppression", {}).title == "Documents – DMP"
    assert suzanne.ask(f"/documents/{own}").status == 404
    theirs = provide(suzanne.village, tmp_path, SUZANNE, 8070)
    page = suzanne.send(f"/documents/{theirs}/suppression", {})
    assert page.status == 403 and "ne peut pas être modifié" in page.text
    assert theirs in listed(suzanne)


def test_an_author_is_asked_to_put_a_document_right(suzanne: Someone, tmp_path: Path) -> None:
    document = provide(suzanne.village, tmp_path, SUZANNE, 8080)
    assert suzanne.send(f"/documents/{document}/rectification", {"motif": " "}).status == 400
    page = suzanne.send(f"/documents/{document}/rectification", {"motif": "Ce n'est pas ma date de naissance"})
    assert CONSULTATION in page.text
    asked = next(each for each in suzanne.village.audit(5) if each.action == "VD/rectification")
    assert (asked.requester_id, asked.outcome) == (SUZANNE, 0)
