"""TD0.9 and TD0.10 through real HTTPS: the web access of professionals, with the demo's cards."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from acces_direct import IRENE, LAETITIA, MAMADOU, NOBODY, SUZANNE, YANN, Provide, assertion, events, page

from conformance.lps.vihf import Access
from conformance.lps.web import Page
from identities.professional import Professional, Structure
from schemas import oids
from server.demo.people import CABINET_DU_PARC, HOPITAL, LABORATOIRE, inhabitant
from tests.browser import FORM, Browser
from tests.village import Village

REASON = "Patient inconscient"
SAME = "Accès refusé : ce dossier n'existe pas, est fermé, ou ne vous est pas ouvert."
EVERY_PAGE = ("TableauDeBord", "DossierPatient", "Documents", "ParcoursDeSoins", "CarnetVaccination")


@pytest.fixture
def provide(village: Village, tmp_path: Path) -> Provide:
    return Provide(village, tmp_path)


# --- Who ------------------------------------------------------------------------------------------------------------


def test_without_a_card_there_is_no_page(village: Village) -> None:
    answer, (event,) = events(village, lambda: page(village, None, "TableauDeBord"))
    assert (answer.status, answer.title) == (401, "Authentification nécessaire – DMP")
    assert "la carte d'un professionnel" in answer.text
    assert (event.transaction, event.rule) == ("TD0.9", "authentification")


def test_the_loopback_address_knows_no_card(village: Village) -> None:
    address = village.settings.http
    assert address is not None
    assert Browser(address, None).get("/AccesDirect/TableauDeBord").status == 401


def test_a_revoked_card_is_none(village: Village) -> None:
    """TLS itself shuts it out."""
    village.pki.person("volee", "899700009907", "VOLEE", "Carte", "10", "SM26")
    assert page(village, "volee", "TableauDeBord").status == 200
    village.pki.revoke("volee")
    with pytest.raises(OSError):
        page(village, "volee", "TableauDeBord")


def test_a_structure_has_no_card(village: Village) -> None:
    answer, (event,) = events(village, lambda: page(village, "hopital", "TableauDeBord"))
    assert answer.status == 401
    assert "expected that of a card" in event.explanation


def test_the_card_says_who_one_is(village: Village) -> None:
    shown = page(village, "medecin", "Parametrages")
    assert shown.status == 200
    for said in ("LEROUX Paul", inhabitant("medecin").id_nat, "Médecin", "Qualifié en médecine générale"):
        assert said in shown.text


@pytest.mark.parametrize("name", ["medecin-traitant", "medecin", "infirmier"])
@pytest.mark.parametrize(
    "where", ["TableauDeBord", "DossierPatient", "Documents", "ParcoursDeSoins", "CarnetVaccination"]
)
def test_professionals_open_every_page(village: Village, name: str, where: str) -> None:
    answer, (first, *others) = events(village, lambda: page(village, name, f"{where}/{SUZANNE}"))
    assert answer.status == 200
    assert (first.transaction, first.action) == ("TD0.9", "TD0.9")
    assert first.patient is not None
    assert first.patient.value == SUZANNE
    assert first.requester_id == inhabitant(name).id_nat
    assert {each.request_id for each in others} <= {first.request_id}, "one request, one event for each passage"
    actions = [each.action for each in others]
    assert len(actions) == len(set(actions))
    assert ("TD3.1" in actions) is (where != "TableauDeBord")


def test_who_has_no_health_profession_sees_no_documents(village: Village) -> None:
    for where in ("Documents", "ParcoursDeSoins", "CarnetVaccination"):
        answer, (_, refused) = events(village, lambda where=where: page(village, "secretaire", f"{where}/{SUZANNE}"))  # type: ignore[misc]
        assert answer.status == 403
        assert "porteur de CPE" in answer.text
        assert (refused.action, refused.rule) == ("TD3.1", "droit_fonctionnel")


@pytest.mark.proves("transaction/TD0.9", "transaction/TD0.10")
def test_practice_software_opens_a_page_with_a_card_and_with_a_vihf(village: Village) -> None:
    patient = village.patient(SUZANNE)
    for lps, transaction in (
        (village.lps("medecin"), "TD0.9"),
        (village.lps("clinique", user="medecin-clinique"), "TD0.10"),
    ):
        for access, mode in ((None, "normal"), (Access("bris_de_glace", REASON), "bris_de_glace")):
            fetched = lps.fetch(Page.dossier_patient, patient, access=access)
            assert (fetched.status, fetched.title) == (200, "DMP du patient – DMP")
            entered = next(each for each in village.audit(6) if each.action == "TD0.9")
            assert (entered.transaction, entered.mode_acces) == (transaction, mode)


# --- Situations -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def twofold(village: Village) -> str:
    """A médecin of two structures, and of one that is no longer active."""
    name, id_nat = "deux-fois", "899700009915"
    village.pki.person(name, id_nat, "DOUBLE", "Vie", "10", "SM26")
    with village.house() as house, house.rooms() as rooms:
        rooms.identities.save_structure(Structure("1990000099", "Cabinet fermé", "SA07", active=False))
        structures = frozenset({HOPITAL, CABINET_DU_PARC, "1990000099"})
        person = Professional(id_nat, "DOUBLE", "Vie", "10", oids.PROFESSION, "SM26", structures)
        rooms.identities.save_professional(person)
    return name


def test_of_several_situations_one_is_chosen_first(village: Village, twofold: str) -> None:
    answer, (event,) = events(village, lambda: page(village, twofold, f"DossierPatient/{SUZANNE}"))
    assert (answer.status, answer.title) == (200, "Situation d'exercice – DMP")
    assert "Hôpital Saint-André" in answer.text
    assert "Cabinet fermé" not in answer.text, "nobody acts for a structure that is not active"
    assert (event.action, event.structure_id) == ("TD0.9", "")
    (chosen,) = (each for each in answer.addresses if f"situation={HOPITAL}%2FSM26" in each)
    opened, (first, *_) = events(village, lambda: Browser.of(village, twofold).get(chosen))
    assert opened.title == "DMP du patient – DMP"
    assert first.structure_id == HOPITAL
    assert all(f"situation={HOPITAL}" in each for each in opened.addresses if each.startswith("/AccesDirect/Documents"))


@pytest.mark.parametrize("situation", ["1990000099", "1990000018x", LABORATOIRE])
def test_a_situation_is_one_of_ones_own(village: Village, twofold: str, situation: str) -> None:
    assert page(village, twofold, f"Documents/{SUZANNE}?situation={situation}").title == "Situation d'exercice – DMP"


# --- Refusals -------------------------------------------------------------------------------------------------------


def test_closed_inexistent_and_blocked_look_the_same(village: Village) -> None:
    def seen(ins: str) -> tuple[int, str, list[str]]:
        answer = page(village, "dentiste", f"Documents/{ins}")
        return (
            answer.status,
            re.sub("(INS [0-9 ]{18,})", "", answer.text),
            [each.replace(ins, "") for each in answer.addresses],
        )

    closed, inexistent, blocked = (seen(ins) for ins in (YANN, NOBODY, MAMADOU))
    assert closed == inexistent == blocked
    status, text, addresses = blocked
    assert status == 403
    assert SAME in text
    assert any(each.startswith("/AccesDirect/TableauDeBord/") for each in addresses)
    rules = [record.rule for record in village.audit(6) if record.action == "TD3.1"]
    assert rules == ["blocage", "dossier_inconnu", "dossier_ferme"]


def test_no_dmp_is_created_here(village: Village) -> None:
    answer, (event,) = events(village, lambda: page(village, "medecin", f"CreationDMP/{NOBODY}"))
    assert answer.status == 403
    assert "DMPAccessDeniedByRightsService" in answer.text
    assert (event.action, event.outcome) == ("TD0.9", 4)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("Documents/1", 404),
        ("Documents/abc", 404),
        (f"Documents/{SUZANNE}?oid=1.2.3", 404),
        (f"Documents/{SUZANNE}?mode=urgence", 400),
        (f"Documents/{SUZANNE}?mode=bris_de_glace&motif={'x' * 1001}", 400),
    ],
)
def test_what_cannot_be_read_is_refused_and_recorded(village: Village, path: str, status: int) -> None:
    answer, (event,) = events(village, lambda: page(village, "medecin", path))
    assert answer.status == status
    assert (event.rule, event.requester_id) == ("message", inhabitant("medecin").id_nat)


@pytest.mark.parametrize("path", ["Nulle-Part", "Documents", f"Parametrages/{SUZANNE}", "TableauDeBord/a/b", "../etc"])
def test_there_are_no_other_pages(village: Village, path: str) -> None:
    answer = page(village, "medecin", path)
    assert (answer.status, answer.title) == (404, "Page introuvable – DMP")


def test_an_ins_may_have_spaces(village: Village) -> None:
    spaced = "%20".join((SUZANNE[:1], SUZANNE[1:3], SUZANNE[3:]))
    assert page(village, "medecin", f"Documents/{spaced}").status == 200
    assert page(village, "medecin", f"Documents/{SUZANNE}?oid={oids.INS_NIR_TEST}").status == 200
    assert page(village, "medecin", f"Documents/{SUZANNE}?oid={oids.INS_NIR}").status == 403


def test_a_page_inside_another_one_opens_nothing(village: Village) -> None:
    browser = Browser.of(village, "medecin")
    path = f"/AccesDirect/DossierPatient/{SUZANNE}?mode=bris_de_glace&motif=x"
    for destination in ("iframe", "image", "empty"):
        answer, seen = events(village, lambda to=destination: browser.get(path, {"Sec-Fetch-Dest": to}))  # type: ignore[misc]
        assert answer.status == 403
        assert seen == []
    assert browser.get(path, {"Sec-Fetch-Dest": "document"}).status == 200


# --- Access modes ---------------------------------------------------------------------------------------------------


def test_emergency_needs_a_reason_and_says_so(village: Village) -> None:
    refused = page(village, "medecin", f"Documents/{SUZANNE}?mode=bris_de_glace")
    assert refused.status == 403
    assert "doit être motivé" in refused.text
    path = f"Documents/{SUZANNE}?mode=bris_de_glace&motif=Patient%20inconscient"
    answer, seen = events(village, lambda: page(village, "medecin", path))
    assert answer.status == 200
    assert {(each.mode_acces, each.motif) for each in seen} == {("bris_de_glace", REASON)}
    assert "Accès en mode bris de glace" in answer.text
    assert "mode=bris_de_glace&motif=Patient+inconscient" in answer.leading("/AccesDirect/ParcoursDeSoins")


def test_a_patient_may_oppose_emergency_access(village: Village) -> None:
    answer = page(village, "medecin", f"Documents/{IRENE}?mode=bris_de_glace&motif=Urgence")
    assert answer.status == 403
    assert SAME in answer.text


# --- AIR ------------------------------------------------------------------------------------------------------------


def test_a_structure_posts_an_assertion(village: Village, provide: Provide) -> None:
    unique_id = provide("vaccination_note", SUZANNE, by="medecin-traitant")
    browser, vihf = Browser.of(village, "clinique"), assertion(village, "clinique", user="medecin-clinique")
    path = f"/AccesDirect/Documents/{SUZANNE}"
    answer, (first, second) = events(village, lambda: browser.post(path, {"VIHF": vihf}))
    assert answer.status == 200
    assert (first.transaction, first.action, second.action) == ("TD0.10", "TD0.9", "TD3.1")
    assert first.authentication == second.authentication == "INDIRECTE_RENFORCEE"
    assert first.requester_id == inhabitant("medecin-clinique").id_nat
    followed = answer.leading(f"{path}/{unique_id}")
    assert browser.get(followed).status == 401, "every request is authenticated by itself"
    opened = browser.post(followed, answer.form()[1])
    assert (opened.status, opened.headers.get_content_type()) == (200, "text/xml")


def test_nobody_else_may_use_that_assertion(village: Village) -> None:
    vihf = assertion(village, "clinique", user="medecin-clinique")
    for name in ("hopital", "medecin"):
        answer, (event,) = events(
            village,
            lambda name=name: Browser.of(village, name).post(f"/AccesDirect/Documents/{SUZANNE}", {"VIHF": vihf}),  # type: ignore[misc]
        )
        assert answer.status == 401
        assert (event.transaction, event.rule) == ("TD0.10", "authentification")


def test_an_assertion_is_for_one_patient(village: Village) -> None:
    vihf = assertion(village, "clinique", LAETITIA, user="medecin-clinique")
    answer = Browser.of(village, "clinique").post(f"/AccesDirect/Documents/{SUZANNE}", {"VIHF": vihf})
    assert answer.status == 403
    assert village.audit(1)[0].rule == "patient_de_l_assertion"


def test_indirect_and_direct_assertions_open_no_page(village: Village) -> None:
    path = f"/AccesDirect/Documents/{SUZANNE}"
    indirect = Browser.of(village, "hopital").post(path, {"VIHF": assertion(village, "hopital")})
    assert indirect.status == 403
    assert "structure en authentification indirecte" in indirect.text
    assert village.audit(1)[0].rule == "droit_fonctionnel"
    direct = Browser.of(village, "medecin").post(path, {"VIHF": assertion(village, "medecin")})
    assert direct.status == 401


@pytest.mark.parametrize("vihf", ["", "no base64!", "PGE+", base64.b64encode(b"<!DOCTYPE a><a/>").decode()])
def test_what_is_no_assertion_is_refused(village: Village, vihf: str) -> None:
    answer, (event,) = events(
        village, lambda: Browser.of(village, "clinique").post(f"/AccesDirect/Documents/{SUZANNE}", {"VIHF": vihf})
    )
    assert answer.status == 401
    assert (event.transaction, event.rule) == ("TD0.10", "authentification")


def test_a_form_has_a_size(village: Village) -> None:
    """It is told before the form is sent, or the answer may be lost with the connection."""
    said = {"Content-Type": FORM, "Content-Length": "300000"}
    answer = Browser.of(village, "clinique").ask("POST", f"/AccesDirect/Documents/{SUZANNE}", None, said)
    assert answer.status == 413
