"""What pages tell of a dossier beside its documents: that it exists, whose it is, who may enter, and how one enters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import count
from urllib.parse import urlencode

import pytest
from acces_direct import IRENE, MAMADOU, MARCEL, NOBODY, SUZANNE, YANN, assertion, events, page

from conformance.lps.people import Patient
from schemas import oids
from server.demo.people import inhabitant, invented_nir
from tests.browser import Browser
from tests.village import Village

CONFIRMATION = "/AccesDirect/Autorisation/"
_numbers = count(700)


@pytest.fixture
def stranger(village: Village) -> str:
    """The INS of somebody new, whose DMP nobody but the médecin traitant may enter."""
    ins = invented_nir("F", date(1979, 3, 28), "51454", next(_numbers))
    village.open_dossier(Patient(ins, oids.INS_NIR_TEST), medecin_traitant="medecin-traitant")
    return ins


# --- Tableau de bord ------------------------------------------------------------------------------------------------


def test_the_dossiers_that_are_open_to_one(village: Village, stranger: str) -> None:
    answer, (first, second) = events(village, lambda: page(village, "medecin-traitant", "TableauDeBord"))
    assert (first.action, second.action) == ("TD0.9", "TD0.4")
    assert "CORBEAU Suzanne" in answer.text
    assert any(stranger in each for each in answer.addresses)
    assert not any(stranger in each for each in page(village, "medecin", "TableauDeBord").addresses)
    opened = Browser.of(village, "medecin-traitant").get(answer.leading(f"/AccesDirect/DossierPatient/{stranger}"))
    assert opened.status == 200


def test_the_list_may_begin_at_a_date(village: Village) -> None:
    assert "Aucun DMP." in page(village, "medecin", "TableauDeBord?depuis=2099-01-01").text
    assert "CORBEAU Suzanne" in page(village, "medecin", "TableauDeBord?depuis=2020-01-01").text
    wrong, seen = events(village, lambda: page(village, "medecin", "TableauDeBord?depuis=demain"))
    assert "AAAA-MM-JJ" in wrong.text
    assert [each.action for each in seen] == ["TD0.9"]


@pytest.mark.parametrize(
    ("ins", "said"),
    [(SUZANNE, "Ce patient a un DMP ouvert"), (YANN, "Ce DMP est fermé depuis"), (NOBODY, "Aucun DMP pour cet INS")],
)
@pytest.mark.parametrize("name", ["medecin", "secretaire"])
def test_the_existence_of_a_dmp(village: Village, name: str, ins: str, said: str) -> None:
    for path in (f"TableauDeBord/{ins}", f"TableauDeBord?ins={ins[:3]}+{ins[3:]}"):
        answer, (first, second) = events(village, lambda path=path: page(village, name, path))  # type: ignore[misc]
        assert answer.status == 200
        assert said in answer.text
        assert (first.action, second.action) == ("TD0.9", "TD0.2")
        assert ("Accéder au DMP" in answer.text) is (ins == SUZANNE)


def test_who_is_blocked_learns_it_here_only(village: Village) -> None:
    assert "Le patient vous a bloqué" in page(village, "dentiste", f"TableauDeBord/{MAMADOU}").text
    assert "bloqué" not in page(village, "dentiste", f"DossierPatient/{MAMADOU}").text


# --- Administrative data and rights ---------------------------------------------------------------------------------


def test_whose_dossier_it_is_and_who_may_enter(village: Village) -> None:
    answer, seen = events(village, lambda: page(village, "medecin", f"GestionDMPPatient/{MAMADOU}"))
    assert [each.action for each in seen] == ["TD0.9", "TD1.6", "TD1.3a"]
    for said in ("DIALLO", "25/12/1979", "Masculin", "MEUNIER Théo", "Bloqué", "Autorisé, médecin traitant DMP"):
        assert said in answer.text


def test_who_has_no_health_profession_sees_administrative_data_only(village: Village) -> None:
    for where in ("DossierPatient", "GestionDMPPatient", "VolontesEtDroits"):
        answer, seen = events(village, lambda where=where: page(village, "secretaire", f"{where}/{IRENE}"))  # type: ignore[misc]
        assert answer.status == 200
        assert "Le patient s'y oppose" in answer.text
        assert [(each.action, each.outcome) for each in seen] == [("TD0.9", 0), ("TD1.3a", 0)]
        for hidden in ("Derniers documents", "Autorisations", "Parcours de soins"):
            assert hidden not in answer.text


def test_wishes_of_a_patient(village: Village) -> None:
    answer, seen = events(village, lambda: page(village, "medecin-traitant", f"VolontesEtDroits/{IRENE}"))
    assert [each.action for each in seen] == ["TD0.9", "TD3.1", "TD1.3a"]
    assert answer.text.count("Le patient s'y oppose") == 2


# --- History --------------------------------------------------------------------------------------------------------


def test_the_history_is_ones_own_but_for_the_medecin_traitant(village: Village) -> None:
    browser = Browser.of(village, "medecin")
    browser.get(f"/AccesDirect/Documents/{MARCEL}?mode=bris_de_glace&motif=Inconscient")
    page(village, "infirmier", f"Documents/{MARCEL}")
    mine, seen = events(village, lambda: browser.get(f"/AccesDirect/HistoriqueAcces/{MARCEL}"))
    assert [each.action for each in seen] == ["TD0.9", "HA"]
    assert "LEROUX Paul" in mine.text
    assert "Urgence : accès en bris de glace : Inconscient" in mine.text
    assert "ROCHE Samuel" not in mine.text
    everybodys = page(village, "medecin-traitant", f"HistoriqueAcces/{MARCEL}").text
    assert "ROCHE Samuel" in everybodys
    assert "LEROUX Paul" in everybodys
    assert "Derniers accès" in page(village, "medecin-traitant", f"DossierPatient/{MARCEL}").text
    refused = page(village, "secretaire", f"HistoriqueAcces/{MARCEL}")
    assert (refused.status, "porteur de CPE" in refused.text) == (403, True)


def test_the_history_comes_in_pages_and_by_date(village: Village, stranger: str) -> None:
    browser, path = Browser.of(village, "medecin-traitant"), f"/AccesDirect/HistoriqueAcces/{stranger}"
    for _ in range(18):  # each leaves three lines and more
        browser.get(f"/AccesDirect/DossierPatient/{stranger}")
    first = browser.get(path)
    (following,) = {each for each in first.addresses if "apres=" in each}
    second = browser.get(following)
    assert second.status == 200
    assert 'scope="col">Résultat' in second.source
    assert "Aucune action." in browser.get(f"{path}?au=2020-01-01").text
    assert "Aucune action." not in browser.get(f"{path}?du=2020-01-01").text
    assert browser.get(f"{path}?du=demain").status == 400


# --- Confirming one's authorisation ---------------------------------------------------------------------------------


def test_an_authorisation_is_confirmed(village: Village, stranger: str) -> None:
    browser = Browser.of(village, "medecin")
    asked, seen = events(village, lambda: browser.get(f"/AccesDirect/Documents/{stranger}"))
    assert asked.status == 403
    assert "Vous n'êtes pas autorisé" in asked.text
    assert [(each.action, each.rule) for each in seen][1:] == [("TD3.1", "autorisation_absente")]
    cookie = asked.headers["Set-Cookie"]
    assert cookie.startswith("__Host-acces=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"} <= set(cookie.split("; "))
    answer, (event,) = events(village, lambda: browser.post(*asked.form(CONFIRMATION)))
    assert answer.status == 303
    assert (event.transaction, event.action, event.outcome) == ("TD0.3", "TD0.3/ajout", 0)
    assert browser.get(answer.headers["Location"]).title == "Documents – DMP"
    holders = page(village, "medecin-traitant", f"GestionDMPPatient/{stranger}").text
    assert "LEROUX Paul" in holders
    assert holders.count("médecin traitant DMP") == 1


def test_a_medecin_may_declare_to_be_medecin_traitant(village: Village, stranger: str) -> None:
    for name, status in (("medecin", 303), ("infirmier", 403)):
        browser = Browser.of(village, name)
        asked = browser.get(f"/AccesDirect/DossierPatient/{stranger}")
        assert ("médecin traitant" in asked.text) is (name == "medecin")
        address, fields = asked.form(CONFIRMATION)
        assert browser.post(address, {**fields, "medecin_traitant": "oui"}).status == status
    assert page(village, "medecin", f"GestionDMPPatient/{stranger}").text.count("médecin traitant DMP") == 2


Forge = Callable[[Browser, dict[str, str]], None]


def _without_field(_browser: Browser, fields: dict[str, str]) -> None:
    del fields["jeton"]


def _without_cookie(browser: Browser, _fields: dict[str, str]) -> None:
    browser.cookies.clear()


def _guessed(browser: Browser, fields: dict[str, str]) -> None:
    fields["jeton"] = "A" * 43


def _empty(browser: Browser, fields: dict[str, str]) -> None:
    browser.cookies["__Host-acces"] = fields["jeton"] = ""


@pytest.mark.parametrize("forge", [_without_field, _without_cookie, _guessed, _empty])
def test_another_site_cannot_confirm_it(village: Village, stranger: str, forge: Forge) -> None:
    """It can make the browser post, with the card, and read nothing."""
    browser = Browser.of(village, "medecin")
    asked = browser.get(f"/AccesDirect/DossierPatient/{stranger}")
    address, fields = asked.form(CONFIRMATION)
    forge(browser, fields)
    answer, (event,) = events(village, lambda: browser.post(address, fields))
    assert answer.status == 400
    assert (event.transaction, event.rule, event.requester_id) == ("TD0.3", "message", inhabitant("medecin").id_nat)
    assert browser.get(f"/AccesDirect/DossierPatient/{stranger}").status == 403


def test_who_comes_by_an_assertion_posts_it_again(village: Village, stranger: str) -> None:
    browser = Browser.of(village, "clinique")
    vihf = assertion(village, "clinique", stranger, user="medecin-clinique")
    asked = browser.post(f"/AccesDirect/DossierPatient/{stranger}", {"VIHF": vihf})
    address, fields = asked.form(CONFIRMATION)
    assert (asked.status, fields["VIHF"]) == (403, vihf)
    answer = browser.post(address, fields)
    assert answer.status == 307, "method and form stay the same"
    opened = browser.post(answer.headers["Location"], fields)
    assert (opened.status, opened.title) == (200, "DMP du patient – DMP")


def test_an_emergency_asks_for_its_reason(village: Village, stranger: str) -> None:
    browser = Browser.of(village, "medecin")
    asked = browser.get(f"/AccesDirect/DossierPatient/{stranger}")
    address, fields = asked.form(f"/AccesDirect/DossierPatient/{stranger}")
    opened = browser.get(f"{address}?{urlencode({**fields, 'motif': 'Urgence'})}")
    assert "Accès en mode bris de glace" in opened.text
    assert opened.status == 200
    refused = browser.get(f"/AccesDirect/DossierPatient/{stranger}?mode=bris_de_glace")
    assert "Autorisation/" not in refused.source, "an emergency authorises nobody"


@pytest.mark.parametrize("ins", [YANN, NOBODY, MAMADOU])
@pytest.mark.parametrize("where", ["DossierPatient", "GestionDMPPatient", "VolontesEtDroits", "ParcoursDeSoins"])
def test_no_page_tells_closed_inexistent_and_blocked_apart(village: Village, where: str, ins: str) -> None:
    answer = page(village, "dentiste", f"{where}/{ins}")
    assert answer.status == 403
    assert "ce dossier n'existe pas, est fermé, ou ne vous est pas ouvert" in answer.text
    assert not any("Autorisation/" in each for each in answer.addresses)
