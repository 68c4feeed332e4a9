"""TD0.9 and TD0.10: the pages of the web access for professionals, opened with the patient in their address.

With a card (TD0.9) the page is asked for over mutual TLS; in the indirect modes (TD0.10) the signed VIHF goes with it,
as base64 in the field `VIHF` of a form: no public text says how, and this is our own choice.

Source: GIE SESAM-Vitale, PDT-INF-527 v1.7 (the pages and their addresses).
"""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, urlencode

from conformance.lps import LpsUsageError
from conformance.lps.connection import Connection
from conformance.lps.people import DIRECTE, Patient
from conformance.lps.vihf import NORMAL, Access

_BASE = "/AccesDirect"
MAX_PAGE_BYTES = 16 << 20
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


class Page(StrEnum):
    """The pages that have an address."""

    tableau_de_bord = "TableauDeBord"
    dossier_patient = "DossierPatient"
    gestion = "GestionDMPPatient"
    documents = "Documents"
    parcours_de_soins = "ParcoursDeSoins"
    historique = "HistoriqueAcces"
    volontes_et_droits = "VolontesEtDroits"
    carnet_de_vaccination = "CarnetVaccination"
    parametrages = "Parametrages"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page as received. `status` is that of HTTP."""

    address: str
    status: int
    title: str
    text: str


class Web(Connection):
    """Both methods raise LpsUsageError where a page needs a patient, or has none."""

    def web_address(self, page: Page, patient: Patient | None = None, *, access: Access | None = None) -> str:
        """The address of a page in context; with a card, it says the access mode, too."""
        return self._address + self._path(page, patient, access or Access())

    def fetch(self, page: Page, patient: Patient | None = None, *, access: Access | None = None) -> Fetched:
        """The page, with the card (TD0.9) or with the VIHF (TD0.10), whatever its status; redirections not followed."""
        path = self._path(page, patient, access or Access())
        if self._sender.mode == DIRECTE:
            exchange = self._transport.get(path)
        else:
            vihf = base64.b64encode(self.assertion(patient, access or Access())).decode()
            form = urlencode({"VIHF": vihf}).encode()
            exchange = self._transport.post(path, "application/x-www-form-urlencoded", len(form), [form])
        with exchange as response:
            text = response.read(MAX_PAGE_BYTES).decode("utf-8", "replace")
            status = response.status
        title = _TITLE.search(text)
        return Fetched(self._address + path, status, " ".join(html.unescape(title[1]).split()) if title else "", text)

    def _path(self, page: Page, patient: Patient | None, access: Access) -> str:
        if patient is None and page not in (Page.tableau_de_bord, Page.parametrages):
            raise LpsUsageError(f"patient: expected --patient INS with {page}, got none")
        if patient is not None and page is Page.parametrages:
            raise LpsUsageError("patient: expected none with Parametrages, got one")
        path = f"{_BASE}/{page}" + (f"/{quote(patient.ins, safe='')}" if patient else "")
        if self._sender.mode != DIRECTE or access.mode == NORMAL:  # a VIHF says it itself
            return path
        return f"{path}?{urlencode({'mode': access.mode, 'motif': access.reason})}"
