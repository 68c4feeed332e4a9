"""Each page of the web access of professionals over the wire, and the whole of what it leaves in the audit log."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import pytest
from audited_pages_table import ROWS
from audited_stage import Names
from audited_village import Audited, Cases, found_by

from conformance.lps.vihf import Access
from tests.browser import Browser
from tests.journeys.acces_direct import NOBODY
from tests.somebody import Somebody

CASES = Cases()
EMERGENCY = {"mode": "bris_de_glace", "motif": "patient inconscient"}
TYPES = {  # PDT-INF-527 2.6 and 2.8
    "VolontesEtDroits": ("EXPPAT_1^^1.2.250.1.213.1.1.4.12", "EXPPAT_3^^1.2.250.1.213.1.1.4.12"),
    "CarnetVaccination": ("11369-6^^2.16.840.1.113883.6.1", "87273-9^^2.16.840.1.113883.6.1"),
}


@pytest.mark.parametrize("title", ROWS)
def test_each_row_is_what_its_page_leaves(audited: Audited, title: str) -> None:
    audited.watch()
    names = CASES[title](audited)
    audited.log.holds(ROWS[title], names)


def test_each_case_has_its_row() -> None:
    assert CASES.keys() == ROWS.keys()


def _names(audited: Audited, who: str | None, path: str, somebody: Somebody | None, **more: str) -> Names:
    """The names of a page; its search is that of the newest event that holds one."""
    names = {"endpoint": audited.at(f"/AccesDirect/{path}"), **more}
    if who is not None:
        names["certificate"] = audited.card(who)
    if somebody is not None:
        names |= {"patient": str(somebody.identifier), "ins": somebody.identifier.value, "patient_name": "ESSAI Anne"}
        wanted = TYPES.get(path.partition("/")[0], ())
        names |= {"receiver": somebody.identifier.value, **found_by(somebody.identifier, *wanted)}
    return names


def _page(audited: Audited, path: str, who: str = "medecin-traitant", status: int = 200, **asked: str) -> Names:
    somebody = audited.somebody()
    if asked:
        audited.reachable(somebody)
    whole = f"{path}/{somebody.identifier.value}"
    audited.watch()
    answer = Browser.of(audited.village, who).get(f"/AccesDirect/{whole}" + (f"?{urlencode(asked)}" if asked else ""))
    assert answer.status == status, answer.text
    return _names(audited, who, whole, somebody)


for _each in ("DossierPatient", "GestionDMPPatient", "Documents", "ParcoursDeSoins", "HistoriqueAcces"):
    CASES[_each] = lambda audited, path=_each: _page(audited, path)
for _each in ("VolontesEtDroits", "CarnetVaccination"):
    CASES[_each] = lambda audited, path=_each: _page(audited, path)


@CASES("TableauDeBord")
def _(audited: Audited) -> Names:
    midnight = datetime(2199, 1, 1, tzinfo=ZoneInfo("Europe/Paris"))
    Browser.of(audited.village, "medecin").get(f"/AccesDirect/TableauDeBord?depuis={midnight.date()}")
    return _names(audited, "medecin", "TableauDeBord", None, since=midnight.astimezone(UTC).isoformat())


@CASES("TableauDeBord of a patient")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    audited.watch()
    path = f"TableauDeBord/{somebody.identifier.value}"
    assert Browser.of(audited.village, "medecin-traitant").get(f"/AccesDirect/{path}").status == 200
    return _names(audited, "medecin-traitant", path, somebody)


@CASES("Parametrages")
def _(audited: Audited) -> Names:
    assert Browser.of(audited.village, "medecin-traitant").get("/AccesDirect/Parametrages").status == 200
    return _names(audited, "medecin-traitant", "Parametrages", None)


@CASES("CreationDMP")
def _(audited: Audited) -> Names:
    return _page(audited, "CreationDMP", status=403)


def _opened(audited: Audited, *, there: bool) -> Names:
    somebody = audited.somebody()
    file = somebody.paper("medecin-traitant")
    document = audited.lps("medecin-traitant").provide([file], somebody.patient).unique_ids[0] if there else "2.25.999"
    path = f"Documents/{somebody.identifier.value}/{quote(document, safe='')}"
    audited.watch()
    assert Browser.of(audited.village, "medecin-traitant").get(f"/AccesDirect/{path}").status == (200 if there else 404)
    return _names(audited, "medecin-traitant", path, somebody, document=document, absent=document)


@CASES("Documents, opened")
def _(audited: Audited) -> Names:
    return _opened(audited, there=True)


@CASES("Documents, none")
def _(audited: Audited) -> Names:
    return _opened(audited, there=False)


@CASES("Documents, not authorised")
def _(audited: Audited) -> Names:
    return _page(audited, "Documents", "medecin", 403)


@CASES("Documents, bris de glace, and told")
def _(audited: Audited) -> Names:
    return _page(audited, "Documents", "medecin", **EMERGENCY)


def _declared(audited: Audited, *, genuine: bool) -> Names:
    somebody, browser = audited.somebody(), Browser.of(audited.village, "medecin")
    page = browser.get(f"/AccesDirect/DossierPatient/{somebody.identifier.value}")
    address, held = page.form("/AccesDirect/Autorisation")
    audited.watch()
    browser.post(address, held if genuine else {})
    return _names(audited, "medecin", f"Autorisation/{somebody.identifier.value}", somebody)


@CASES("Autorisation")
def _(audited: Audited) -> Names:
    return _declared(audited, genuine=True)


@CASES("Autorisation, the form of another site")
def _(audited: Audited) -> Names:
    return _declared(audited, genuine=False)


@CASES("nobody's card")
def _(audited: Audited) -> Names:
    Browser.of(audited.village).get(f"/AccesDirect/Documents/{NOBODY}")
    return _names(audited, None, f"Documents/{NOBODY}", None)


@CASES("an address that nobody can read")
def _(audited: Audited) -> Names:
    Browser.of(audited.village, "medecin-traitant").get(f"/AccesDirect/Documents/{NOBODY}?mode=autre")
    return _names(audited, "medecin-traitant", f"Documents/{NOBODY}", None)


@CASES("TD0.10")
def _(audited: Audited) -> Names:
    somebody = audited.somebody("medecin-clinique")
    lps = audited.village.lps("clinique", user="medecin-clinique")
    vihf = base64.b64encode(lps.assertion(somebody.patient, Access())).decode()
    path = f"Documents/{somebody.identifier.value}"
    audited.watch()
    answer = Browser.of(audited.village, "clinique").post(f"/AccesDirect/{path}", {"VIHF": vihf})
    assert answer.status == 200, answer.text
    return _names(audited, "clinique", path, somebody)
