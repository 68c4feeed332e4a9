"""Each step by which patients prove who they are, and change what with, performed."""

from __future__ import annotations

import uuid
from dataclasses import replace

from audited_patient_cases import CASES, ask_page, connected, names_of, new_account, settled_in, submit
from audited_stage import Names
from audited_village import Audited

from dmp.compte import Access, operator_invites
from server.home_key import home_key
from tests.browser import Browser, Page
from tests.journeys.patients import OWN, Someone

# --- Proving who one is -----------------------------------------------------------------------------------------------


def _login(audited: Audited, someone: Someone, password: str = "", login: str = "", status: int = 200) -> Page:
    given = {
        "identifiant": login or someone.access.login,
        "mot_de_passe": password or someone.password,
        "canal": "EMAIL",
    }
    return submit(audited, someone, "/connexion", given, status=status)


@CASES("connexion, nobody's login")
def _(audited: Audited) -> Names:
    _login(audited, new_account(audited), login="personne", status=401)
    return names_of(audited, None, "/connexion")


def _failed(audited: Audited, times: int) -> Names:
    someone = new_account(audited)
    for _ in range(times):
        _login(audited, someone, "faux", status=401)
    return names_of(audited, someone, "/connexion")


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
    someone = new_account(audited)
    _login(audited, someone)
    return names_of(audited, someone, "/connexion")


@CASES("connexion, the form of another site")
def _(audited: Audited) -> Names:
    Browser.of(audited.village).post("/patient/connexion", {"identifiant": "x", "mot_de_passe": "y"})
    return names_of(audited, None, "/connexion")


def _code(audited: Audited, *, right: bool) -> tuple[Someone, Page]:
    someone = new_account(audited)
    page = someone.begin()
    code = someone.code(1)
    audited.watch()
    code = code if right else f"{(int(code) + 1) % 10**8:08d}"
    return someone, someone.browser.post("/patient/code", {**page.form("/patient/code")[1], "code": code})


@CASES("code")
def _(audited: Audited) -> Names:
    someone = settled_in(audited)
    again = replace(someone, browser=Browser.of(audited.village))
    before = len(someone.mails)
    page = again.begin()
    code = again.code(before + 1)
    audited.watch()
    answer = again.browser.post("/patient/code", {**page.form("/patient/code")[1], "code": code})
    assert answer.status == 303
    return names_of(audited, someone, "/code")


@CASES("code, wrong")
def _(audited: Audited) -> Names:
    someone, answer = _code(audited, right=False)
    assert answer.status == 401
    return names_of(audited, someone, "/code")


@CASES("code, of nobody")
def _(audited: Audited) -> Names:
    someone = new_account(audited)
    submit(audited, someone, "/code", {"demande": "aucune", "code": "12345678"}, form="/connexion", status=401)
    return names_of(audited, None, "/code")


def _invited(audited: Audited, *, right: bool) -> Names:
    somebody = audited.somebody()
    house = audited.log.house
    code, _ = operator_invites(house.gate, "test", somebody.identifier, home_key(house.settings.home))
    nothing = Access("", "")
    someone = Someone(audited.village, audited.box, somebody.identifier, nothing, Browser.of(audited.village), "")
    fields = {"code": code if right else "AAAA BBBB CCCC", "ins": somebody.patient.ins, "canal": "EMAIL"}
    fields["adresse"] = f"{uuid.uuid4().hex}@exemple.fr"
    submit(audited, someone, "/creation", fields, status=200 if right else 401)
    return names_of(audited, someone, "/creation")


@CASES("creation")
def _(audited: Audited) -> Names:
    return _invited(audited, right=True)


@CASES("creation, wrong code")
def _(audited: Audited) -> Names:
    return _invited(audited, right=False)


@CASES("premiere-connexion")
def _(audited: Audited) -> Names:
    someone = new_account(audited)
    someone.log_in()
    submit(audited, someone, "/premiere-connexion", {"ancien": someone.password, "nouveau": OWN, "encore": OWN})
    return names_of(audited, someone, "/premiere-connexion")


@CASES("premiere-connexion/coordonnees")
def _(audited: Audited) -> Names:
    _, someone = connected(audited)
    submit(audited, someone, "/premiere-connexion/coordonnees", {"sms": "0612345678", "courriel": ""})
    return names_of(audited, someone, "/premiere-connexion/coordonnees")


@CASES("premiere-connexion/urgence")
def _(audited: Audited) -> Names:
    _, someone = connected(audited)
    submit(audited, someone, "/premiere-connexion/urgence", {"centre_15": "oui"})
    return names_of(audited, someone, "/premiere-connexion/urgence")


@CASES("informations")
def _(audited: Audited) -> Names:
    _, someone = connected(audited)
    submit(audited, someone, "/informations", {"sms": "0612345678", "courriel": ""})
    return names_of(audited, someone, "/informations")


@CASES("informations, read")
def _(audited: Audited) -> Names:
    return ask_page(audited, "/informations")


def _password(audited: Audited, former: str, status: int) -> Names:
    someone = settled_in(audited)
    given = {"ancien": former, "nouveau": OWN + " long", "encore": OWN + " long"}
    submit(audited, someone, "/informations/mot-de-passe", given, status=status)
    return names_of(audited, someone, "/informations/mot-de-passe")


@CASES("informations/mot-de-passe")
def _(audited: Audited) -> Names:
    return _password(audited, OWN, 303)


@CASES("informations/mot-de-passe, wrong")
def _(audited: Audited) -> Names:
    return _password(audited, "faux", 401)


@CASES("deconnexion")
def _(audited: Audited) -> Names:
    someone = settled_in(audited)
    submit(audited, someone, "/deconnexion", {}, form="")
    return names_of(audited, someone, "/deconnexion")
