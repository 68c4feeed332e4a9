"""Connecting to one's DMP through real HTTPS: the rules of passwords, codes, locks, sessions and forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote_plus

import pytest
from patients import OWN, Someone, new_address, posted

from dmp.compte import operator_invites
from identities.account import CODE_LIFE, LOCK
from server.demo.people import PATIENTS
from server.home_key import home_key
from tests.browser import Browser
from tests.mailbox import Mailbox
from tests.village import Village

SUZANNE, YANN, BASTIEN = (PATIENTS[index].ins for index in (0, 3, 8))
REFUSED, CODE_REFUSED = "Identifiant ou mot de passe refusé", "Code refusé"


@pytest.fixture(scope="module")
def open_village(new_village: Callable[[], Village]) -> Iterator[tuple[Village, Mailbox]]:
    settled = new_village()
    with posted(settled) as box:
        settled.start()
        yield settled, box
        settled.stop()


@pytest.fixture
def suzanne(open_village: tuple[Village, Mailbox]) -> Someone:
    return Someone.of(*open_village, SUZANNE)


# --- The way in -------------------------------------------------------------------------------------------------------


def test_the_first_connection_leads_to_one_s_dmp(suzanne: Someone) -> None:
    page = suzanne.begin()
    assert "par courrier électronique à l'adresse p•••@exemple.fr" in page.text
    mail = suzanne.mail(1)
    assert (mail.recipients, mail.message["Subject"]) == ([suzanne.address], "Votre code d'accès à usage unique")
    page = suzanne.answer(page, suzanne.code(1))
    assert page.title == "Première connexion – DMP"
    assert suzanne.ask("/documents").title == "Première connexion – DMP"
    given = {"ancien": suzanne.password, "nouveau": OWN, "encore": OWN}
    page = suzanne.send("/premiere-connexion", given)
    assert "mes coordonnées" in page.text
    page = suzanne.send("/premiere-connexion/coordonnees", {"sms": "06 12 34 56 78", "courriel": ""})
    assert page.title == "Accès en urgence – DMP" and "CORBEAU Suzanne" in page.text
    assert suzanne.ask().title == "Mon DMP – DMP"
    assert suzanne.account.sms == "+33612345678"
    assert not suzanne.account.provisional
    assert suzanne.send("/deconnexion", {}, form="").title == "Connexion – DMP"
    suzanne.password = OWN
    assert suzanne.log_in().title == "Mon DMP – DMP"


def test_nobody_enters_without_connecting(suzanne: Someone) -> None:
    for path in ("", "/documents", "/documents/1.2.3", "/documents/1.2.3/cda", "/documents/ajout", "/informations"):
        assert suzanne.ask(path).title == "Connexion – DMP", path
    assert suzanne.browser.get("/patient/rien").status == 404


def test_the_password_alone_opens_nothing(suzanne: Someone) -> None:
    suzanne.begin()
    assert suzanne.ask().title == "Connexion – DMP"


def test_unknown_wrong_and_locked_read_as_one(suzanne: Someone) -> None:
    stranger = replace(suzanne, access=replace(suzanne.access, login="personne"), browser=Browser.of(suzanne.village))
    unknown = stranger.begin()
    wrong = [suzanne.begin("faux") for _ in range(3)]
    locked = suzanne.begin()
    texts = {re.sub("value=[^>]*", "", each.source) for each in (unknown, *wrong, locked)}
    assert len(texts) == 1 and REFUSED in unknown.text
    assert {each.status for each in (unknown, *wrong, locked)} == {401}
    assert suzanne.mails == []
    assert suzanne.account.locked(datetime.now(UTC) + LOCK - timedelta(minutes=1))
    suzanne.change(locked_until=datetime.now(UTC))
    assert suzanne.log_in().title == "Première connexion – DMP"


def test_three_wrong_codes_lock(suzanne: Someone) -> None:
    page = suzanne.begin()
    wrong = f"{(int(suzanne.code(1)) + 1) % 10**8:08d}"
    for _ in range(3):
        page = suzanne.answer(page, wrong)
        assert page.status == 401 and CODE_REFUSED in page.text
    assert CODE_REFUSED in suzanne.answer(page, suzanne.code(1)).text
    assert REFUSED in suzanne.begin().text


def test_a_code_serves_ten_minutes_and_once(suzanne: Someone) -> None:
    page = suzanne.begin()
    code, challenge = suzanne.code(1), suzanne.account.challenge
    assert challenge is not None
    assert timedelta() <= challenge.expires - datetime.now(UTC) <= CODE_LIFE
    suzanne.change(challenge=replace(challenge, expires=datetime.now(UTC)))
    assert CODE_REFUSED in suzanne.answer(page, code).text
    page = suzanne.begin()
    assert suzanne.answer(page, suzanne.code(2)).title == "Première connexion – DMP"
    again = replace(suzanne, browser=Browser.of(suzanne.village))
    again.ask("/connexion")
    fields = {"demande": page.form("/patient/code")[1]["demande"], "code": suzanne.code(2)}
    assert CODE_REFUSED in again.send("/code", fields, form="/connexion").text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"nouveau": "court", "encore": "court"}, "12"),
        ({"nouveau": OWN, "encore": OWN + "s"}, "différentes"),
        ({"nouveau": OWN, "encore": OWN, "ancien": "faux"}, REFUSED),
    ],
)
def test_a_password_that_is_not_taken(suzanne: Someone, fields: dict[str, str], told: str) -> None:
    suzanne.log_in()
    page = suzanne.send("/premiere-connexion", {"ancien": suzanne.password, **fields})
    assert page.status in (400, 401) and told in page.text
    assert suzanne.account.provisional


# --- Sessions, cookies and forms --------------------------------------------------------------------------------------


def test_the_cookie_is_for_this_site_alone_and_changes_with_who_one_is(suzanne: Someone) -> None:
    before = suzanne.browser.get("/patient/connexion")
    cookie = before.headers["Set-Cookie"]
    assert cookie.startswith("__Host-dmp=")
    for attribute in ("; Secure", "; HttpOnly", "; Path=/", "; SameSite=Strict"):
        assert attribute in cookie
    assert "expires" not in cookie.lower() and "max-age" not in cookie.lower()
    token = suzanne.browser.cookies["__Host-dmp"]
    suzanne.log_in()
    assert suzanne.browser.cookies["__Host-dmp"] != token


def test_on_loopback_the_cookie_needs_no_tls(suzanne: Someone) -> None:
    address = suzanne.village.settings.http
    assert address is not None
    plain = replace(suzanne, browser=Browser(address, None))
    assert plain.log_in().title == "Première connexion – DMP"
    assert set(plain.browser.cookies) == {"dmp"}


def test_a_session_ends_when_nobody_uses_it(suzanne: Someone) -> None:
    suzanne.settle_in()
    suzanne.rest(14)
    assert suzanne.ask("/informations").title == "Mes informations – DMP"
    suzanne.rest(15)
    assert suzanne.ask("/informations").title == "Connexion – DMP"


def test_who_leaves_is_out_though_the_cookie_remains(suzanne: Someone) -> None:
    suzanne.settle_in()
    kept = dict(suzanne.browser.cookies)
    suzanne.send("/deconnexion", {}, form="")
    suzanne.browser.cookies = kept
    assert suzanne.ask("/informations").title == "Connexion – DMP"


def test_a_form_without_its_key_does_nothing_and_is_recorded(suzanne: Someone) -> None:
    suzanne.settle_in()
    for fields in ({}, {"cle": ""}, {"cle": "0" * 64}):
        page = suzanne.browser.post("/patient/informations", {"sms": "0707070707", **fields})
        assert page.status == 403 and "vient d'un autre site" in page.text
    assert suzanne.account.sms == ""
    (event,) = suzanne.village.audit(1)
    assert (event.requester_id, event.rule) == (SUZANNE, "message")
    one, other = Browser.of(suzanne.village), Browser.of(suzanne.village)
    form = {"identifiant": suzanne.access.login, "mot_de_passe": suzanne.password}
    page = one.post("/patient/connexion", {**other.get("/patient/connexion").form()[1], **form})
    assert page.status == 403
    assert len(suzanne.mails) == 1


def test_an_address_changes_nothing(suzanne: Someone) -> None:
    """Whatever a link says, nothing is done but by a form that this house gave."""
    login = f"identifiant={suzanne.access.login}&mot_de_passe={suzanne.password}&canal=EMAIL"
    assert suzanne.ask(f"/connexion?{login}").title == "Connexion – DMP"
    suzanne.settle_in()
    password = quote_plus(suzanne.password)
    for path in (
        "/informations?sms=0707070707",
        f"/informations/mot-de-passe?ancien={password}&nouveau=une+autre+phrase&encore=une+autre+phrase",
        "/urgence?centre_15=oui",
        "/etat?acte=fermer&confirme=oui",
        "/autorisations?acte=bloquer&qui=899700000017",
    ):
        assert suzanne.ask(path).status == 200
    assert suzanne.account.sms == "" and len(suzanne.mails) == 1
    assert [each.action for each in suzanne.village.audit(5)] == ["TD1.6", "TD0.2", "TD1.6", "TD1.3a", "mot-de-passe"]


def test_what_no_form_holds_is_no_fault_of_the_server(suzanne: Someone) -> None:
    odd = "\0é\u202e" + "x" * 5000
    suzanne.ask("/connexion")
    assert suzanne.send("/connexion", {"identifiant": odd, "mot_de_passe": odd, "canal": odd}).status == 401
    assert suzanne.send("/code", {"demande": odd, "code": odd}, form="/connexion").status == 401
    assert suzanne.send("/creation", {"ins": odd, "code": odd, "adresse": odd}).status == 401
    suzanne.settle_in()
    assert suzanne.send("/informations", {"sms": odd, "courriel": odd}).status == 400
    assert suzanne.browser.post("/patient/informations", {"cle": odd}).status == 403
    for path in ("/documents/%00", "/documents/%00/cda", "/documents/%C3%A9", "/documents?auteur=%00&type=%00"):
        assert suzanne.ask(path).status in (200, 400, 404)


def test_headers_let_nothing_else_in(suzanne: Someone) -> None:
    suzanne.settle_in()
    for page in (suzanne.browser.get("/patient/connexion"), *(suzanne.ask(path) for path in ("", "/informations"))):
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src" not in policy
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["X-Frame-Options"] == "DENY"
        assert "max-age" in page.headers["Strict-Transport-Security"]
        assert "<script" not in page.source and "http" not in re.sub("<!DOCTYPE[^>]*>", "", page.source)


# --- One's account ----------------------------------------------------------------------------------------------------


def test_where_codes_go_is_changed_and_told(suzanne: Someone) -> None:
    suzanne.settle_in()
    page = suzanne.send("/informations", {"courriel": "nouvelle@exemple.fr"})
    assert "n•••@exemple.fr" in page.text
    assert "modes de réception" in suzanne.mail(2).text
    assert suzanne.send("/informations", {"sms": "12"}).status == 400


def test_another_password_is_chosen(suzanne: Someone) -> None:
    suzanne.settle_in()
    other = "une autre phrase assez longue"
    page = suzanne.send("/informations/mot-de-passe", {"ancien": OWN, "nouveau": other, "encore": other})
    assert page.title == "Mes informations – DMP"
    assert REFUSED in replace(suzanne, browser=Browser.of(suzanne.village)).begin().text


def test_a_creation_code_makes_an_account(suzanne: Someone) -> None:
    village = suzanne.village
    patient = replace(suzanne.patient, value=BASTIEN)
    with village.house() as house:
        code, _ = operator_invites(house.gate, "test", patient, home_key(village.settings.home))
    bastien = replace(suzanne, browser=Browser.of(village), address=new_address())
    fields = {"ins": BASTIEN, "canal": "EMAIL", "adresse": bastien.address}
    assert "Création refusée" in bastien.send("/creation", {**fields, "code": "AAAA BBBB CCCC"}).text
    assert "n'en est pas un" in bastien.send("/creation", {**fields, "code": code, "adresse": "nulle part"}).text
    page = bastien.send("/creation", {**fields, "code": code.lower()})
    found = re.search("<dd>([^<]+)</dd>.*<dd>([^<]+)</dd>", page.source, re.DOTALL)
    assert found is not None
    bastien.access, bastien.password = replace(suzanne.access, login=found[1]), found[2]
    assert bastien.log_in().title == "Première connexion – DMP"
    assert (
        "Création refusée"
        in replace(bastien, browser=Browser.of(village)).send("/creation", {**fields, "code": code}).text
    )


def test_who_has_a_closed_dmp_connects_and_reads_nothing(suzanne: Someone) -> None:
    yann = Someone.of(suzanne.village, suzanne.box, YANN)
    yann.log_in()
    page = yann.send("/premiere-connexion", {"ancien": yann.password, "nouveau": OWN, "encore": OWN})
    assert "mes coordonnées" in page.text
    page = yann.ask()
    assert page.status == 403 and "Votre DMP est fermé" in page.text
    page = yann.ask("/informations")
    assert page.status == 200 and "Rouvrir mon DMP" in page.text and YANN not in page.text


# --- What is recorded -------------------------------------------------------------------------------------------------


def test_every_step_leaves_one_event(suzanne: Someone) -> None:
    before = suzanne.village.audit(1)[0].sequence
    suzanne.begin("faux")
    suzanne.settle_in()
    suzanne.send("/deconnexion", {}, form="/informations")
    events = [each for each in suzanne.village.audit(50) if each.sequence > before][::-1]
    assert [(each.action, each.outcome) for each in events] == [
        ("connexion/mot-de-passe", 4),
        ("connexion/mot-de-passe", 0),
        ("connexion/code", 0),
        ("mot-de-passe", 0),
        ("TD1.3a", 0),
        ("deconnexion", 0),
    ]
    assert {each.requester_id for each in events} == {SUZANNE}
