"""Every door of the DMP in a running village, each as one request that discloses something when all is well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from patients import Someone
from typer.testing import CliRunner

from conformance.lps.candidates import Criteria
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError
from portal.history import FORMS
from portal.professional import ABOUT_SOMEBODY, SETTINGS, TABS
from server.cli import build
from tests.browser import Browser, Page
from tests.village import Village


@dataclass(frozen=True)
class Answer:
    """What came back: `status` of HTTP, or the exit code of a command; `fault` is the code of a SOAP Fault."""

    status: int
    said: str
    fault: str = ""


@dataclass(frozen=True)
class Doors:
    """The doors, for a patient with one document that the médecin traitant may read."""

    village: Village
    someone: Someone
    patient: Patient
    document: str
    file: Path
    folder: Path

    def all(self) -> Iterator[tuple[str, Callable[[], Answer]]]:
        """Each with its name."""
        yield from self._services()
        yield from self._pages()
        yield from self._commands()

    def _services(self) -> Iterator[tuple[str, Callable[[], Answer]]]:
        lps, sender, patient = self.village.lps("medecin-traitant"), self.village.lps("hopital"), self.patient
        repository = self.village.settings.domain.repository_unique_id
        opened = self.folder / "opened.xml"
        family = Criteria(family="ROCHE", birth_date="19510310", sex="F")
        asked: dict[str, Callable[[], object]] = {
            "ITI-18": partial(lps.find, patient),
            "ITI-41": partial(sender.provide, [self.file], patient),
            "ITI-43": partial(lps.open, self.document, opened, patient, repository=repository),
            "TD0.2": partial(lps.existence, patient),
            "TD0.3": partial(lps.authorise, patient),
            "TD0.4": lps.authorised,
            "TD0.5": partial(lps.candidates, family),
            "TD1.3a": partial(lps.administrative, patient),
            "TD1.6": partial(lps.professionals, patient),
        }
        for name, ask in asked.items():
            yield name, partial(_of_service, ask, opened)

    def _pages(self) -> Iterator[tuple[str, Callable[[], Answer]]]:
        doctor, ins = Browser.of(self.village, "medecin-traitant"), self.patient.ins
        for name in (*ABOUT_SOMEBODY, SETTINGS):
            about = "" if name == SETTINGS else f"/{ins}"
            yield f"page {name}", partial(_of_page, doctor.get, f"/AccesDirect/{name}{about}")
        assert TABS.keys() == {*ABOUT_SOMEBODY, SETTINGS}
        yield "page TableauDeBord", partial(_of_page, doctor.get, "/AccesDirect/TableauDeBord")
        for form in FORMS:
            yield f"page {form}", partial(_of_page, doctor.get, f"/AccesDirect/HistoriqueAcces/{ins}/{form}")
        yield "page document", partial(_of_page, doctor.get, f"/AccesDirect/Documents/{ins}/{self.document}")
        yield "fhir AuditEvent", partial(_of_page, doctor.get, "/fhir/AuditEvent?date=ge2020-01-01")
        mine = self.someone.browser
        paths = ("", "/documents", "/autorisations", "/urgence", "/historique", "/alertes", "/informations", "/etat")
        one = f"/documents/{self.document}"
        for path in (*paths, one, f"{one}/cda", *(f"/historique/{form}" for form in FORMS)):
            yield f"patient {path}", partial(_of_page, mine.get, f"/patient{path}")
        yield "patient copy", partial(self._copied)
        yield "login", partial(self._logged_in)

    def _copied(self) -> Answer:
        page = self.someone.send("/telechargement", {"documents": "oui", "historique": "oui"})
        return Answer(page.status, page.content.decode(errors="replace"))

    def _logged_in(self) -> Answer:
        stranger = Browser.of(self.village)
        form = stranger.get("/patient/connexion")
        if form.status != 200:
            return Answer(form.status, form.content.decode())
        fields = form.form("/patient/connexion")[1]
        said = {"identifiant": self.someone.access.login, "mot_de_passe": self.someone.password, "canal": "EMAIL"}
        return _of_page(stranger.post, "/patient/connexion", {**fields, **said})

    def _commands(self) -> Iterator[tuple[str, Callable[[], Answer]]]:
        home, ins = str(self.village.settings.home), self.patient.ins
        for words in (
            ("audit", "list", "--patient", ins),
            ("audit", "export"),
            ("patients", "history", "--patient", ins),
        ):
            yield f"dmp {' '.join(words[:2])}", partial(_of_command, *words, "--home", home)


def _of_service(ask: Callable[[], object], opened: Path) -> Answer:
    opened.unlink(missing_ok=True)
    try:
        told = repr(ask())
    except LpsError as error:
        fault = error.code if error.reason.startswith("SOAP Fault") else ""
        return Answer(500, f"{error.code} {error.context} {error.reason}", fault)
    return Answer(200, told + (opened.read_text("utf-8") if opened.exists() else ""))


def _of_page(ask: Callable[..., Page], *arguments: object) -> Answer:
    page = ask(*arguments)
    return Answer(page.status, page.content.decode(errors="replace"))


def _of_command(*words: str) -> Answer:
    result = CliRunner().invoke(build(words[0]), words, env={"DMP_HOME": None, "DMP_PEOPLE": None})
    return Answer(result.exit_code, result.output)


def healthy(village: Village) -> tuple[int, str]:
    """What /healthz says now, and not what it said a second ago."""
    assert village.settings.http is not None
    page = Browser(village.settings.http, None).get("/healthz")
    return page.status, page.source
