"""Each page and button of the patient over the wire, and the whole of what it leaves in the audit log."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from audited_patient_table import ROWS
from audited_stage import Names
from audited_village import Audited, Cases, found_by

from audit.store import AuditStore
from dmp.compte import Access, operator_invites
from dmp.volontes import Authorise, Block, Close
from server.home_key import home_key
from tests.browser import Browser, Page
from tests.journeys.patients import OWN, Someone
from tests.somebody import Somebody, number

CASES = Cases()
GET = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
SAID = {"titre": "Analyse de 2019", "type": "DOCPAT05", "date": "2019-06-05", "commentaire": ""}
HOLDER = "infirmier"


@pytest.mark.parametrize("title", ROWS)
def test_each_row_is_what_its_page_leaves(audited: Audited, title: str) -> None:
    audited.watch()
    names = CASES[title](audited)
    audited.log.holds(ROWS[title], names)


def test_each_case_has_its_row() -> None:
    assert CASES.keys() == ROWS.keys()


def _names(audited: Audited, someone: Someone | None, path: str, **more: str) -> Names:
    names = {"endpoint": audited.at(f"/patient{path}"), **more}
    if someone is not None:
        own = {"patient": str(someone.patient), "ins": someone.patient.value, "patient_name": "ESSAI Anne"}
        names = {**found_by(someone.patient), **own, "holder": number(HOLDER), **names}
    return names


def _account(audited: Audited, somebody: Somebody | None = None) -> Someone:
    """Somebody with an account that was never used."""
    return Someone.of(audited.village, audited.box, (somebody or audited.somebody()).patient.ins)


def _at_home(audited: Audited, somebody: Somebody | None = None) -> Someone:
    someone = _account(audited, somebody)
    someone.settle_in()
    return someone


def _home(audited: Audited) -> tuple[Somebody, Someone]:
    """A patient who is connected, the same for all that leaves them so."""
    if not audited.at_home:
        somebody = audited.somebody()
        audited.at_home.append((somebody, _at_home(audited, somebody)))
    return audited.at_home[0]


def _sent(
    audited: Audited,
    someone: Someone,
    path: str,
    fields: Mapping[str, str],
    *,
    form: str | None = None,
    status: int = 303,
) -> Page:
    """A form filled in and sent, nothing followed."""
    _, held = someone.ask(path if form is None else form).form()
    audited.watch()
    answer = someone.browser.post(f"/patient{path}", {"cle": held["cle"], **fields})
    assert answer.status == status, answer.text
    return answer


# --- Proving who one is -----------------------------------------------------------------------------------------------


def _login(audited: Audited, someone: Someone, password: str = "", login: str = "", status: int = 200) -> Page:
    given = {
        "identifiant": login or someone.access.login,
        "mot_de_passe": password or someone.password,
        "canal": "EMAIL",
    }
    return _sent(audited, someone, "/connexion", given, status=status)


@CASES("connexion, nobody's login")
def _(audited: Audited) -> Names:
    _login(audited, _account(audited), login="personne", status=401)
    return _names(audited, None, "/connexion")


def _failed(audited: Audited, times: int) -> Names:
    someone = _account(audited)
    for _ in range(times):
        _login(audited, someone, "faux", status=401)
    return _names(audited, someone, "/connexion")


@CASES("connexion, wrong password")
def _(audited: Audited) -> Names:
    return _failed(audited, 1)


@CASES("connexion, the third wrong one")
def _(audited: Audited) -> Names:
    return _failed(audited, 3)


@CASES("connexion, locked")
def _(audited: Audited) -> Names:
    return _failed(audited, 4)


@CASES("connexion")
def _(audited: Audited) -> Names:
    someone = _account(audited)
    _login(audited, someone)
    return _names(audited, someone, "/connexion")


@CASES("connexion, the form of another site")
def _(audited: Audited) -> Names:
    Browser.of(audited.village).post("/patient/connexion", {"identifiant": "x", "mot_de_passe": "y"})
    return _names(audited, None, "/connexion")


def _code(audited: Audited, *, right: bool) -> tuple[Someone, Page]:
    someone = _account(audited)
    page = someone.begin()
    code = someone.code(1)
    audited.watch()
    code = code if right else f"{(int(code) + 1) % 10**8:08d}"
    return someone, someone.browser.post("/patient/code", {**page.form("/patient/code")[1], "code": code})


@CASES("code")
def _(audited: Audited) -> Names:
    someone = _at_home(audited)
    again = replace(someone, browser=Browser.of(audited.village))
    before = len(someone.mails)
    page = again.begin()
    code = again.code(before + 1)
    audited.watch()
    answer = again.browser.post("/patient/code", {**page.form("/patient/code")[1], "code": code})
    assert answer.status == 303
    return _names(audited, someone, "/code")


@CASES("code, wrong")
def _(audited: Audited) -> Names:
    someone, answer = _code(audited, right=False)
    assert answer.status == 401
    return _names(audited, someone, "/code")


@CASES("code, of nobody")
def _(audited: Audited) -> Names:
    someone = _account(audited)
    _sent(audited, someone, "/code", {"demande": "aucune", "code": "12345678"}, form="/connexion", status=401)
    return _names(audited, None, "/code")


def _invited(audited: Audited, *, right: bool) -> Names:
    somebody = audited.somebody()
    house = audited.log.house
    code, _ = operator_invites(house.gate, "test", somebody.identifier, home_key(house.settings.home))
    nothing = Access("", "")
    someone = Someone(audited.village, audited.box, somebody.identifier, nothing, Browser.of(audited.village), "")
    fields = {"code": code if right else "AAAA BBBB CCCC", "ins": somebody.patient.ins, "canal": "EMAIL"}
    fields["adresse"] = f"{uuid.uuid4().hex}@exemple.fr"
    _sent(audited, someone, "/creation", fields, status=200 if right else 401)
    return _names(audited, someone, "/creation")


@CASES("creation")
def _(audited: Audited) -> Names:
    return _invited(audited, right=True)


@CASES("creation, wrong code")
def _(audited: Audited) -> Names:
    return _invited(audited, right=False)


@CASES("premiere-connexion")
def _(audited: Audited) -> Names:
    someone = _account(audited)
    someone.log_in()
    _sent(audited, someone, "/premiere-connexion", {"ancien": someone.password, "nouveau": OWN, "encore": OWN})
    return _names(audited, someone, "/premiere-connexion")


@CASES("premiere-connexion/coordonnees")
def _(audited: Audited) -> Names:
    _, someone = _home(audited)
    _sent(audited, someone, "/premiere-connexion/coordonnees", {"sms": "0612345678", "courriel": ""})
    return _names(audited, someone, "/premiere-connexion/coordonnees")


@CASES("premiere-connexion/urgence")
def _(audited: Audited) -> Names:
    _, someone = _home(audited)
    _sent(audited, someone, "/premiere-connexion/urgence", {"centre_15": "oui"})
    return _names(audited, someone, "/premiere-connexion/urgence")


@CASES("informations")
def _(audited: Audited) -> Names:
    _, someone = _home(audited)
    _sent(audited, someone, "/informations", {"sms": "0612345678", "courriel": ""})
    return _names(audited, someone, "/informations")


def _password(audited: Audited, former: str, status: int) -> Names:
    someone = _at_home(audited)
    given = {"ancien": former, "nouveau": OWN + " long", "encore": OWN + " long"}
    _sent(audited, someone, "/informations/mot-de-passe", given, status=status)
    return _names(audited, someone, "/informations/mot-de-passe")


@CASES("informations/mot-de-passe")
def _(audited: Audited) -> Names:
    return _password(audited, OWN, 303)


@CASES("informations/mot-de-passe, wrong")
def _(audited: Audited) -> Names:
    return _password(audited, "faux", 401)


@CASES("deconnexion")
def _(audited: Audited) -> Names:
    someone = _at_home(audited)
    _sent(audited, someone, "/deconnexion", {}, form="")
    return _names(audited, someone, "/deconnexion")


# --- Documents --------------------------------------------------------------------------------------------------------


def _asked(audited: Audited, path: str, someone: Someone | None = None, status: int = 200, **more: str) -> Names:
    someone = someone or _home(audited)[1]
    audited.watch()
    answer = someone.browser.get(f"/patient{path}")
    assert answer.status == status, answer.text
    return _names(audited, someone, path, **more)


@CASES("accueil")
def _(audited: Audited) -> Names:
    return _asked(audited, "/")


@CASES("documents")
def _(audited: Audited) -> Names:
    return _asked(audited, "/documents")


def _theirs(audited: Audited) -> tuple[Someone, str]:
    """Somebody, and a document of their médecin traitant."""
    somebody, someone = _home(audited)
    file = somebody.paper("medecin-traitant")
    return someone, audited.lps("medecin-traitant").provide([file], somebody.patient).unique_ids[0]


def _own(audited: Audited) -> tuple[Someone, str]:
    """Somebody, and a document that they added."""
    _, someone = _home(audited)
    someone.upload("/documents/ajout", "a.pdf", b"%PDF-1.4 essai", SAID)
    with audited.log.house.database.transaction() as connection:
        events = AuditStore(connection).list(patient=someone.patient, limit=10)
    return someone, next(each.documents[0] for each in events if each.action == "TD2.1")


def _named(document: str) -> dict[str, str]:
    """The query by which a page finds one document."""
    slots = {"$XDSDocumentEntryUniqueId": [f"('{document}')"]}
    return {"query_id": GET, "query": urlencode(slots, doseq=True), "document": document}


@CASES("documents/one")
def _(audited: Audited) -> Names:
    someone, document = _theirs(audited)
    return _asked(audited, f"/documents/{document}", someone, **_named(document))


@CASES("documents/one/fichier")
def _(audited: Audited) -> Names:
    someone, document = _theirs(audited)
    return _asked(audited, f"/documents/{document}/fichier", someone, document=document)


@CASES("documents/one/cda")
def _(audited: Audited) -> Names:
    someone, document = _theirs(audited)
    return _asked(audited, f"/documents/{document}/cda", someone, document=document)


@CASES("documents/one/cda, none")
def _(audited: Audited) -> Names:
    return _asked(audited, "/documents/2.25.999/cda", None, 404, absent="2.25.999")


def _new(audited: Audited, names: Names) -> Names:
    """The same, with the set and the document that the newest event names."""
    event = audited.log.new()[-1]
    return {**names, "set": event.submission_sets[0], "document": event.documents[0]}


@CASES("documents/ajout")
def _(audited: Audited) -> Names:
    _, someone = _home(audited)
    _sent(audited, someone, "/documents/ajout", {**SAID, "texte": "Pollen"})
    return _new(audited, _names(audited, someone, "/documents/ajout"))


@CASES("documents/one/remplacement")
def _(audited: Audited) -> Names:
    someone, document = _own(audited)
    path = f"/documents/{document}/remplacement"
    _sent(audited, someone, path, {**SAID, "texte": "Pollen"})
    return _new(audited, {**_names(audited, someone, path), **_named(document)})


def _gesture(audited: Audited, name: str, *before: str, own: bool = False) -> Names:
    someone, document = _own(audited) if own else _theirs(audited)
    for each in before:
        _sent(audited, someone, f"/documents/{document}/{each}", {}, form=f"/documents/{document}")
    path = f"/documents/{document}/{name}"
    _sent(audited, someone, path, {}, form=f"/documents/{document}")
    return _new(audited, _names(audited, someone, path, **_named(document)))


@CASES("documents/one/masquage")
def _(audited: Audited) -> Names:
    return _gesture(audited, "masquage")


@CASES("documents/one/demasquage")
def _(audited: Audited) -> Names:
    return _gesture(audited, "demasquage", "masquage")


@CASES("documents/one/archivage")
def _(audited: Audited) -> Names:
    return _gesture(audited, "archivage")


@CASES("documents/one/desarchivage")
def _(audited: Audited) -> Names:
    return _gesture(audited, "desarchivage", "archivage")


@CASES("documents/one/suppression")
def _(audited: Audited) -> Names:
    return _gesture(audited, "suppression", own=True)


def _rectified(audited: Audited, reason: str, status: int) -> Names:
    someone, document = _theirs(audited)
    path = f"/documents/{document}/rectification"
    _sent(audited, someone, path, {"motif": reason}, status=status)
    return _names(audited, someone, path, **_named(document))


@CASES("documents/one/rectification")
def _(audited: Audited) -> Names:
    return _rectified(audited, "Ce n'est pas moi.", 303)


@CASES("documents/one/rectification, without a reason")
def _(audited: Audited) -> Names:
    return _rectified(audited, "", 400)


# --- Who enters -------------------------------------------------------------------------------------------------------


@CASES("autorisations")
def _(audited: Audited) -> Names:
    return _asked(audited, "/autorisations")


def _decided(audited: Audited, act: str, *before: Any, who: str = HOLDER) -> Names:
    somebody, someone = _home(audited)
    somebody.says(*before)
    _sent(audited, someone, "/autorisations", {"acte": act, "qui": number(who)})
    return {**_names(audited, someone, "/autorisations"), "holder": number(who)}


@CASES("autorisations/autoriser")
def _(audited: Audited) -> Names:
    return _decided(audited, "autoriser")


@CASES("autorisations/retirer")
def _(audited: Audited) -> Names:
    return _decided(audited, "retirer", Authorise(number("pharmacien")), who="pharmacien")


@CASES("autorisations/bloquer")
def _(audited: Audited) -> Names:
    return _decided(audited, "bloquer", who="podologue")


@CASES("autorisations/debloquer")
def _(audited: Audited) -> Names:
    return _decided(audited, "debloquer", Block(number("dentiste")), who="dentiste")


@CASES("autorisations/medecin-traitant")
def _(audited: Audited) -> Names:
    return _decided(audited, "medecin-traitant", Authorise(number("medecin")), who="medecin")


@CASES("autorisations/fin-medecin-traitant")
def _(audited: Audited) -> Names:
    return _decided(audited, "fin-medecin-traitant", who="medecin-traitant")


@CASES("autorisations/autoriser, the form of another site")
def _(audited: Audited) -> Names:
    _, someone = _home(audited)
    audited.watch()
    someone.browser.post("/patient/autorisations", {"acte": "autoriser", "qui": number(HOLDER)})
    return _names(audited, someone, "/autorisations")


@CASES("urgence")
def _(audited: Audited) -> Names:
    _, someone = _home(audited)
    _sent(audited, someone, "/urgence", {"centre_15": "oui"})
    return _names(audited, someone, "/urgence")


@CASES("urgence, read")
def _(audited: Audited) -> Names:
    return _asked(audited, "/urgence")


def _state(audited: Audited, act: str, *, closed: bool = False, status: int = 303) -> Names:
    somebody = audited.somebody()
    someone = _at_home(audited, somebody)
    if closed:
        somebody.says(Close())
    _sent(audited, someone, "/etat", {"acte": act, "confirme": "oui"}, status=status)
    return _names(audited, someone, "/etat")


@CASES("etat/fermer")
def _(audited: Audited) -> Names:
    return _state(audited, "fermer")


@CASES("etat/rouvrir")
def _(audited: Audited) -> Names:
    return _state(audited, "rouvrir", closed=True)


@CASES("etat/detruire")
def _(audited: Audited) -> Names:
    return _state(audited, "detruire", closed=True)


@CASES("etat/detruire, of an open DMP")
def _(audited: Audited) -> Names:
    return _state(audited, "detruire", status=400)


# --- History, alerts, a copy ------------------------------------------------------------------------------------------


@CASES("historique")
def _(audited: Audited) -> Names:
    return _asked(audited, "/historique")


@CASES("alertes")
def _(audited: Audited) -> Names:
    return _asked(audited, "/alertes")


@CASES("alertes, set")
def _(audited: Audited) -> Names:
    _, someone = _home(audited)
    _sent(audited, someone, "/alertes", {"documents": "oui", "courriel": "a@exemple.fr", "sms": ""})
    return _names(audited, someone, "/alertes")


@CASES("telechargement")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    file = somebody.paper("medecin-traitant")
    document = audited.lps("medecin-traitant").provide([file], somebody.patient).unique_ids[0]
    someone = _at_home(audited, somebody)
    parts = {"documents": "oui", "historique": "oui", "autorisations": "oui"}
    _sent(audited, someone, "/telechargement", parts, status=200)
    own = audited.log.new()[0].submission_sets[0]
    return _names(audited, someone, "/telechargement", document=document, set=own)
