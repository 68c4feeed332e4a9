"""The pages of professionals: each asks the hall for what it shows, and shows what the hall gives.

Source: GIE SESAM-Vitale, PDT-INF-527 v1.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flask import Response, redirect
from werkzeug.wrappers import Response as Redirection

from audit.event import Call
from dmp.acces_web import Outlook
from dmp.administration import AdministrativeData
from dmp.autorisations import Change
from dmp.dossiers_autorises import AuthorisedDossier
from dmp.errors import AccessRefused
from dmp.historique import Page, Wanted
from dmp.requests import Opened
from habilitations.action import Action
from habilitations.column import is_medecin
from identities.requester import PatientId
from portal import csrf, documents, french
from portal.documents import (
    CLASSES,
    EVERYTHING,
    LABORATORY,
    PAGE_LENGTH,
    STEPS,
    TYPES,
    VACCINATION,
    VOLONTES,
    FilterError,
    Filters,
    Line,
)
from portal.door import Door
from portal.download import download
from portal.errors import notice, of_finding
from portal.history import FORMS, KINDS, OUTCOMES, tell
from portal.pages import page
from portal.reading import as_page
from portal.synthesis import chapters
from portal.visit import Visit
from registry.errors import ErrorCode, RegistryError

HOME, DOSSIER, DOCUMENTS, SETTINGS = "TableauDeBord", "DossierPatient", "Documents", "Parametrages"
READING = "Lecture"  # one document as a page
MANAGEMENT, PATHWAY, HISTORY = "GestionDMPPatient", "ParcoursDeSoins", "HistoriqueAcces"
VACCINES, WISHES = "CarnetVaccination", "VolontesEtDroits"
RESULTS = "Biologie"  # the course of results over reports: the same
SYNTHESIS = "Synthese"  # what level-3 documents say: no text prints its address
# No text prints the addresses of the creation that is no longer possible, and of the confirmation: our own choice.
CREATION, AUTHORISATION = "CreationDMP", "Autorisation"
LAST_DOCUMENTS = LAST_ACCESSES = 5  # PDT-INF-527 2.2
COMPARED_REPORTS = 12  # the newest, of one page


@dataclass(frozen=True, slots=True)
class Shown:
    """A page that is being made: who opened it, what it may offer, what its form says, whether it is to be a file."""

    visit: Visit
    outlook: Outlook
    name: str
    given: Mapping[str, str]
    form: str = ""

    @property
    def patient(self) -> PatientId:
        """Whom the page is about. Raises LookupError for a page about nobody."""
        if self.visit.patient is None:
            raise LookupError("this page is about nobody")
        return self.visit.patient

    def call(self, transaction: str) -> Call:
        """The request, as what asks for a part of the page."""
        return replace(self.visit.call, transaction=transaction)

    def offers(self, action: Action) -> bool:
        """Whether the requester's own rights grant it."""
        return action in self.outlook.offered

    def render(self, template: str, status: int = 200, **shown: Any) -> Response:
        """The page, with the tabs that the requester's rights open."""
        tabs = [
            (tab.label, self.visit.link(name, self.visit.patient if name in ABOUT_SOMEBODY else None), name)
            for name, tab in TABS.items()
            if (self.visit.patient or name in ABOUT_NOBODY) and (not tab.needs or tab.needs & self.outlook.offered)
        ]
        return page(f"acces_direct/{template}", status, visit=self.visit, tabs=tabs, current=self.name, **shown)


class Pages:
    """The pages, bound to the ports of a door."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def show(self, name: str, visit: Visit, given: Mapping[str, str], token: str = "", form: str = "") -> Response:
        """One page; `token` is for the form by which an authorisation is confirmed, `form` one of those of a history.

        Raises AccessRefused when not even the page itself is open, RegistryError, RepositoryError.
        """
        if name == CREATION:
            self._door.create(visit.requester, visit.call, visit.patient)
        shown = Shown(visit, self._door.enter(visit.requester, visit.call, visit.patient), name, given, form)
        if not visit.chosen:
            return shown.render("situation.html")
        try:
            return TABS[name].view(self, shown)
        except AccessRefused as refused:
            if shown.outlook.may_declare:
                asked = shown.render("autorisation.html", 403, token=token, medecin=is_medecin(visit.requester))
                return csrf.keep(asked, token)
            told = of_finding(refused.finding)
        except RegistryError as wrong:
            told = of_finding(wrong.findings[0])
        return shown.render("refused.html", told.status, told=told)

    def document(self, visit: Visit, unique_id: str, *, read: bool = False) -> Response:
        """One document: its bytes, to be kept and not to be run, or a page to `read`."""
        if not visit.chosen:
            return self.show(DOCUMENTS, visit, {})
        call = replace(visit.call, transaction="TD3.2")
        opened = self._door.open(visit.requester, call, unique_id)
        if not isinstance(opened, Opened):
            told = notice(404, "Ce document n'existe pas, ou ne vous est pas ouvert.")
            return page("error.html", 404, told=told, request_id=call.request_id)
        if read:
            return as_page(opened, unique_id)
        return download(opened.chunks, opened.size, opened.mime_type, unique_id)

    def declare(self, visit: Visit, given: Mapping[str, str]) -> Redirection:
        """TD0.3: an authorisation that its holder confirms; then the page that needed it.

        Who came by an assertion posts it again to that page. Raises AccessRefused, RegistryError.
        """
        change = Change.MEDECIN_TRAITANT if "medecin_traitant" in given else Change.AUTORISATION
        self._door.declare(visit.requester, visit.call, change)
        asked = given.get("page", "")
        page_ = asked if asked in ABOUT_SOMEBODY else DOSSIER
        return redirect(visit.link(page_, visit.patient), 307 if visit.vihf else 303)

    def home(self, shown: Shown) -> Response:
        if shown.visit.patient is not None:
            found = self._door.existence(shown.visit.requester, shown.call("TD0.2"), shown.patient)
            return shown.render("existence.html", found=found)
        problem = ""
        listed: Sequence[AuthorisedDossier] = ()
        if shown.offers(Action.TD0_4):
            try:
                since = documents.midnight_of(shown.given.get("depuis", ""))
                listed = self._door.dossiers(shown.visit.requester, shown.call("TD0.4"), since)
            except FilterError as wrong:
                problem = str(wrong)
            except RegistryError as wrong:
                problem = _list_problem(wrong)
        return shown.render("tableau_de_bord.html", listed=listed, problem=problem, since=shown.given.get("depuis", ""))

    def dossier(self, shown: Shown) -> Response:
        last = self._lines(shown, EVERYTHING)[:LAST_DOCUMENTS] if shown.offers(Action.TD3_1) else None
        history = self._history(shown, Wanted(), "", LAST_ACCESSES).lines if shown.offers(Action.HA) else ()
        return shown.render("dossier_patient.html", last=last, history=history, data=self._administrative(shown))

    def management(self, shown: Shown) -> Response:
        holders = None
        if shown.offers(Action.TD1_6):
            holders = self._door.holders(shown.visit.requester, shown.call("TD1.6"))
        return shown.render("gestion.html", data=self._administrative(shown), holders=holders)

    def wishes(self, shown: Shown) -> Response:
        lines = self._lines(shown, documents.of_types(VOLONTES)) if shown.offers(Action.TD3_1) else None
        return shown.render("volontes.html", data=self._administrative(shown), lines=lines)

    def documents(self, shown: Shown) -> Response:
        problem, filters, found = "", Filters(), list[Line]()
        try:
            filters = documents.read_filters(shown.given)
            found = self._lines(shown, filters)
        except FilterError as wrong:
            problem = str(wrong)
        first = (filters.page - 1) * PAGE_LENGTH
        asked = {name: shown.given.get(name, "") for name in ("du", "au", "type", "classe", "auteur")}
        asked |= {name: "oui" for name in ("archives", "masques") if name in shown.given}
        return shown.render(
            "documents.html",
            400 if problem else 200,
            problem=problem,
            asked=asked,
            filters=filters,
            lines=found[first : first + PAGE_LENGTH],
            total=len(found),
            more=len(found) > first + PAGE_LENGTH,
            types=documents.choices(TYPES),
            classes=documents.choices(CLASSES),
        )

    def pathway(self, shown: Shown) -> Response:
        step = shown.given.get("pas", "mois")
        step = step if step in STEPS else "mois"
        classes, periods = documents.pathway(self._lines(shown, EVERYTHING), step)
        labels = [french.label(CLASSES, each) for each in classes]
        return shown.render("parcours_de_soins.html", step=step, classes=labels, periods=periods)

    def history(self, shown: Shown) -> Response:
        told = tell(shown.given, shown.form, partial(self._history, shown), self._door.print_history)
        if isinstance(told, Response):
            return told
        offered = {"kinds": KINDS, "outcomes": OUTCOMES, "forms": FORMS}
        return shown.render("historique.html", told.status, told=told, **offered)

    def vaccines(self, shown: Shown) -> Response:
        return shown.render("carnet_vaccination.html", lines=self._lines(shown, documents.of_types(VACCINATION)))

    def synthesis(self, shown: Shown) -> Response:
        said = self._door.synthesis(shown.visit.requester, shown.call("TD3.2"), shown.patient)
        return shown.render("synthese.html", chapters=chapters(said), unread=said.unread)

    def results(self, shown: Shown) -> Response:
        """The newest laboratory report as a page, with the course of its results over those before it."""
        reports = [each for each in self._lines(shown, documents.of_types(LABORATORY)) if each.readable]
        newest = [each.unique_id for each in reports[:COMPARED_REPORTS]]
        call = shown.call("TD3.2")
        told = [self._door.open(shown.visit.requester, call, each) for each in newest]
        opened = [each for each in told if isinstance(each, Opened)]
        if not opened:
            return shown.render("biologie.html")
        return as_page(opened[0], opened[0].request.document_unique_id, opened[1:])

    def settings(self, shown: Shown) -> Response:
        return shown.render("parametrages.html")

    def _history(self, shown: Shown, wanted: Wanted, after: str, limit: int | None) -> Page:
        return self._door.history(shown.visit.requester, shown.call("HA"), wanted, after, limit)

    def _administrative(self, shown: Shown) -> AdministrativeData:
        return self._door.administrative(shown.visit.requester, shown.call("TD1.3a"), shown.patient)

    def _lines(self, shown: Shown, filters: Filters) -> list[Line]:
        """The documents that the hall finds. Raises AccessRefused, RegistryError, FilterError."""
        query = documents.query(shown.patient, filters)
        return documents.lines(self._door.search(shown.visit.requester, shown.call("TD3.1"), query), filters)


@dataclass(frozen=True, slots=True)
class Tab:
    """A page of the site: it is offered to whose rights grant one of the actions that it needs."""

    label: str
    view: Callable[[Pages, Shown], Response]
    needs: frozenset[Action] = frozenset()


TABS = {
    HOME: Tab("Tableau de bord", Pages.home),
    DOSSIER: Tab("DMP du patient", Pages.dossier, frozenset({Action.TD3_1, Action.TD1_3A})),
    MANAGEMENT: Tab("Gestion du DMP", Pages.management, frozenset({Action.TD1_3A})),
    DOCUMENTS: Tab("Documents", Pages.documents, frozenset({Action.TD3_1})),
    PATHWAY: Tab("Parcours de soins", Pages.pathway, frozenset({Action.TD3_1})),
    HISTORY: Tab("Historique des accès", Pages.history, frozenset({Action.HA})),
    WISHES: Tab("Volontés et droits", Pages.wishes, frozenset({Action.TD1_3A})),
    RESULTS: Tab("Biologie", Pages.results, frozenset({Action.TD3_2})),
    SYNTHESIS: Tab("Synthèse", Pages.synthesis, frozenset({Action.TD3_2})),
    VACCINES: Tab("Carnet de vaccination", Pages.vaccines, frozenset({Action.TD3_1})),
    SETTINGS: Tab("Paramétrages", Pages.settings),
}
ABOUT_NOBODY = (HOME, SETTINGS)
ABOUT_SOMEBODY = tuple(name for name in TABS if name != SETTINGS)


def _list_problem(wrong: RegistryError) -> str:
    """What to do about a list that is not given. Raises `wrong` when nothing can be done."""
    match wrong.findings[0].code:
        case ErrorCode.DMPAccessDeniedByRightsService:  # PDT-INF-526, note (3)
            return "Votre liste se limite aux nouvelles autorisations : indiquez depuis quelle date."
        case ErrorCode.XDSTooManyResults:
            return "Trop de DMP vous sont ouverts pour une liste : indiquez une date d'autorisation récente."
        case _:
            raise wrong
