"""What patients decide, what they are told, and what they take away, performed."""

from __future__ import annotations

from typing import Any

from audited_patient_cases import CASES, HOLDER, ask_page, connected, names_of, settled_in, submit
from audited_stage import Names
from audited_village import Audited

from dmp.volontes import Authorise, Block, Close
from tests.somebody import number

# --- Who enters -------------------------------------------------------------------------------------------------------


@CASES("autorisations")
def _(audited: Audited) -> Names:
    return ask_page(audited, "/autorisations")


def _decided(audited: Audited, act: str, *before: Any, who: str = HOLDER) -> Names:
    somebody, someone = connected(audited)
    somebody.says(*before)
    submit(audited, someone, "/autorisations", {"acte": act, "qui": number(who)})
    return {**names_of(audited, someone, "/autorisations"), "holder": number(who)}


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
    _, someone = connected(audited)
    audited.watch()
    someone.browser.post("/patient/autorisations", {"acte": "autoriser", "qui": number(HOLDER)})
    return names_of(audited, someone, "/autorisations")


@CASES("urgence")
def _(audited: Audited) -> Names:
    _, someone = connected(audited)
    submit(audited, someone, "/urgence", {"centre_15": "oui"})
    return names_of(audited, someone, "/urgence")


@CASES("urgence, read")
def _(audited: Audited) -> Names:
    return ask_page(audited, "/urgence")


def _state(audited: Audited, act: str, *, closed: bool = False, status: int = 303) -> Names:
    somebody = audited.somebody()
    someone = settled_in(audited, somebody)
    if closed:
        somebody.says(Close())
    submit(audited, someone, "/etat", {"acte": act, "confirme": "oui"}, status=status)
    return names_of(audited, someone, "/etat")


@CASES("etat")
def _(audited: Audited) -> Names:
    return ask_page(audited, "/etat")


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
    return ask_page(audited, "/historique")


@CASES("alertes")
def _(audited: Audited) -> Names:
    return ask_page(audited, "/alertes")


@CASES("alertes, set")
def _(audited: Audited) -> Names:
    _, someone = connected(audited)
    submit(audited, someone, "/alertes", {"documents": "oui", "courriel": "a@exemple.fr", "sms": ""})
    return names_of(audited, someone, "/alertes")


@CASES("telechargement")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    file = somebody.paper("medecin-traitant")
    document = audited.lps("medecin-traitant").provide([file], somebody.patient).unique_ids[0]
    someone = settled_in(audited, somebody)
    parts = {"documents": "oui", "historique": "oui", "autorisations": "oui"}
    submit(audited, someone, "/telechargement", parts, status=200)
    own = audited.log.new()[0].submission_sets[0]
    return names_of(audited, someone, "/telechargement", document=document, set=own)
