"""The history of accesses: what a form asks by, and a page, or a file to take away, of what the hall tells.

Source: public guides of the DMP (historique des accès); GIE SESAM-Vitale, PDT-INF-527 v1.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Response

from audit.event import Outcome
from dmp.errors import PrintingError
from dmp.historique import PAGE, RESULTS, Page, Wanted
from dmp.historique_export import MOST_PRINTED, as_csv, as_json
from dmp.sentences import Kind
from portal.documents import FilterError, midnight_of
from portal.download import attached

CSV, JSON, PDF = "csv", "json", "pdf"
FORMS = (PDF, CSV, JSON)  # in which a history is taken away
KINDS = tuple((kind.value, kind.label) for kind in Kind)
OUTCOMES = tuple(RESULTS.values())
BOM = "\ufeff"  # by which a spreadsheet knows that a CSV file is UTF-8
_NOTHING = Page(())
_FIELDS = ("du", "au", "qui", "nature", "resultat")

Ask = Callable[[Wanted, str, int | None], Page]
Print = Callable[[Page, Wanted], bytes]


@dataclass(frozen=True, slots=True)
class Told:
    """What a page shows: the fields of its form, the lines, and what is wrong."""

    asked: Mapping[str, str]
    found: Page = _NOTHING
    problem: str = ""
    status: int = 200

    @property
    def narrowed(self) -> dict[str, str]:
        """The fields of the form that say something."""
        return {name: value for name, value in self.asked.items() if value}


def tell(given: Mapping[str, str], form: str, ask: Ask, print_: Print) -> Told | Response:
    """A page by the fields of its form, or in one of FORMS a file with all that they ask for. Raises AccessRefused."""
    asked = {name: given.get(name, "") for name in _FIELDS}
    try:
        wanted = read_wanted(asked)
        if not form:
            return Told(asked, ask(wanted, given.get("apres", ""), PAGE))
        found = ask(wanted, "", MOST_PRINTED + 1 if form == PDF else None)
        return _file(form, found, wanted, print_)
    except FilterError as wrong:
        return Told(asked, problem=str(wrong), status=400)
    except PrintingError as wrong:
        return Told(asked, problem=str(wrong), status=503 if wrong.passing else 400)


def read_wanted(asked: Mapping[str, str]) -> Wanted:
    """What a form asks by: days of Paris, an identifier, a kind, an outcome. Raises FilterError."""
    since, until = midnight_of(asked["du"]), midnight_of(asked["au"], days=1)
    if since and until and until <= since:
        raise FilterError("La date de début doit précéder la date de fin.")
    return Wanted(since, until, asked["qui"], _kinds(asked["nature"]), _outcomes(asked["resultat"]))


def _kinds(value: str) -> frozenset[Kind]:
    try:
        return frozenset({Kind(value)} if value else ())
    except ValueError:
        raise FilterError("Cette nature d'action n'existe pas.") from None


def _outcomes(text: str) -> frozenset[Outcome]:
    found = frozenset(outcome for outcome, result in RESULTS.items() if result == text)
    if text and not found:
        raise FilterError("Ce résultat n'existe pas.")
    return found


def _file(form: str, found: Page, wanted: Wanted, print_: Print) -> Response:
    match form:
        case "csv":
            return attached((BOM + as_csv(found.lines)).encode(), "text/csv; charset=utf-8", "historique.csv")
        case "json":
            return attached(as_json(found.lines).encode(), "application/json", "historique.json")
        case _:
            return attached(print_(found, wanted), "application/pdf", "historique.pdf")
