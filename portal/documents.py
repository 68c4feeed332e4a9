"""Lists of documents: what a page asks by, as a stored query, and what came, as lines that people read.

Source: GIE SESAM-Vitale, PDT-INF-527 v1.7, 2.4 and 2.5; ITI TF-2 3.18.4.1.2.3.7.1 (FindDocuments).
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from identities.ins import NATIONAL_HEALTH_IDENTIFIER, write_cx
from identities.requester import PatientId
from portal import french
from registry.metadata import AvailabilityStatus, Code, DocumentEntry
from registry.stored_query import FindDocuments, ReturnType, TimeRange, Told
from schemas import oids
from schemas.value_sets import ValueSets

TYPES, CLASSES, CONFIDENTIALITY = "type_document", "classe_document", "confidentiality"  # of schemas/tables
MASQUE_PS = "MASQUE_PS"  # TRE_A07
VACCINATION = frozenset({"11369-6", "87273-9"})  # JDV_J66: Historique des vaccinations, Note de vaccination
LABORATORY = frozenset({"11502-2"})  # JDV_J66: CR d'examens biologiques
VOLONTES = frozenset({"EXPPAT_1", "EXPPAT_3"})  # JDV_J66: Volontés et droits du patient, Directives anticipées
STEPS = {"annee": 4, "mois": 6, "jour": 8}  # of the care pathway: how many digits of a date make a period
PAGE_LENGTH = 50
CDA_FORMATS = frozenset({"text/xml", "application/xslt+xml"})  # CI-SIS, Partage de documents de santé (mimeType)
_OF_SIGNATURES = frozenset({"ASTM", "URN"})  # code systems of the signature document: GIE SESAM-Vitale, TD2.1
_STATUSES = {
    AvailabilityStatus.APPROVED: "",
    AvailabilityStatus.DEPRECATED: "obsolète",
    AvailabilityStatus.ARCHIVED: "archivé",
    AvailabilityStatus.DELETED: "supprimé",
}


class FilterError(ValueError):
    """A filter that cannot be read; the message is a French sentence for who typed it."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is asked by. `start` and `end` are days of Paris, both included."""

    start: date | None = None
    end: date | None = None
    type_codes: tuple[Code, ...] = ()
    class_codes: tuple[Code, ...] = ()
    author: str = ""
    archived: bool = False
    masked: bool = False
    page: int = 1


EVERYTHING = Filters(masked=True)


@dataclass(frozen=True, slots=True)
class Line:
    """One document as a list shows it. `day` is its date in Paris as 14 digits, for sorting and grouping."""

    unique_id: str
    title: str
    type: str
    class_code: Code
    day: str
    date: str
    authors: tuple[tuple[str, str, str], ...]  # name, specialty, institution
    marks: tuple[str, ...]  # what is particular of it: archived, masked, not to be seen by the patient
    format: str
    size: str
    comments: str

    @property
    def readable(self) -> bool:
        """Whether it can be shown as a page."""
        return self.format in CDA_FORMATS


@dataclass(frozen=True, slots=True)
class Period:
    """A row of the care pathway: a year, month or day, and the number of documents of each class."""

    label: str
    start: date
    end: date
    counts: tuple[tuple[Code, int], ...]


def read_filters(given: Mapping[str, str]) -> Filters:
    """The filters of a form: du, au (YYYY-MM-DD), type, classe (codes), auteur, archives, masques, page.

    Raises FilterError.
    """
    start, end = _day(given.get("du", "")), _day(given.get("au", ""))
    if start and end and end < start:
        raise FilterError("La date de début doit précéder la date de fin.")
    return Filters(
        start=start,
        end=end,
        type_codes=_codes(TYPES, given.get("type", "")),
        class_codes=_codes(CLASSES, given.get("classe", "")),
        author=given.get("auteur", "").strip(),
        archived="archives" in given,
        masked="masques" in given,
        page=_number(given.get("page", "1")),
    )


def choices(table: str) -> list[tuple[str, str]]:
    """The types, or the classes, that a list can be asked by: code and label, in the order of their labels."""
    known = ((each.code, each.label) for each in ValueSets.load().concepts(table) if each.scheme not in _OF_SIGNATURES)
    return sorted(known, key=lambda each: _folded(each[1]))


def of_types(codes: Collection[str]) -> Filters:
    """Every document of these types."""
    known = ValueSets.load().concepts(TYPES)
    return Filters(type_codes=tuple(Code(each.code, each.scheme) for each in known if each.code in codes), masked=True)


def query(patient: PatientId, filters: Filters) -> FindDocuments:
    """The query. `lines` looks at the rest: the author, and whether masked documents are listed."""
    statuses = (AvailabilityStatus.APPROVED, AvailabilityStatus.ARCHIVED)
    return FindDocuments(
        return_type=ReturnType.LEAF_CLASS,
        patient_id=write_cx(patient, NATIONAL_HEALTH_IDENTIFIER),
        statuses=statuses if filters.archived else statuses[:1],
        type_codes=filters.type_codes,
        class_codes=filters.class_codes,
        creation_time=TimeRange(_midnight(filters.start), _midnight(filters.end, days=1)),
    )


def lines(told: Iterable[Told], filters: Filters) -> list[Line]:
    """The documents that came, the newest first; not the signatures of submissions, which are for software."""
    wanted = _folded(filters.author)
    shown = [line(each) for each in told if isinstance(each, DocumentEntry) and _listed(each, filters)]
    kept = (each for each in shown if not wanted or any(wanted in _folded(name) for name, *_ in each.authors))
    return sorted(kept, key=lambda each: each.day, reverse=True)


def pathway(found: Iterable[Line], step: str) -> tuple[list[Code], list[Period]]:
    """The classes there are, and the periods of a `step`, one of STEPS, the newest first."""
    classes = {each.class_code: each for each in found}
    ordered = sorted(classes, key=lambda each: each.code)
    listed, digits = list(found), STEPS[step]
    periods = []
    for key in sorted({each.day[:digits] for each in listed}, reverse=True):
        counted = Counter(each.class_code for each in listed if each.day.startswith(key))
        start, end = _bounds(key)
        label = "/".join(filter(None, (key[6:8], key[4:6], key[:4])))
        periods.append(Period(label, start, end, tuple((code, counted[code]) for code in ordered)))
    return ordered, periods


def _listed(entry: DocumentEntry, filters: Filters) -> bool:
    masked = any(each.code == MASQUE_PS for each in entry.confidentiality_codes)
    return entry.format_code.code != oids.DSG_FORMAT_CODE and (filters.masked or not masked)


def line(entry: DocumentEntry) -> Line:
    """One document, whatever asked for it."""
    hidden = (code for code in entry.confidentiality_codes if code.scheme == oids.CONFIDENTIALITE_CISIS)
    marks = (_STATUSES[entry.availability_status], *(french.label(CONFIDENTIALITY, code) for code in hidden))
    return Line(
        unique_id=entry.unique_id,
        title=entry.title or "Document sans titre",
        type=french.label(TYPES, entry.type_code),
        class_code=entry.class_code,
        day=french.local(entry.creation_time),
        date=french.date_of(entry.creation_time),
        authors=tuple(
            (french.author(each), french.author_specialties(each), french.institutions(each)) for each in entry.authors
        ),
        marks=tuple(filter(None, marks)),
        format=entry.mime_type,
        size=french.size(entry.size),
        comments=entry.comments,
    )


def midnight_of(text: str, *, days: int = 0) -> datetime | None:
    """When a day of Paris (YYYY-MM-DD) begins, or one `days` later; None for ''. Raises FilterError."""
    day = _day(text)
    return _begins(day, days) if day else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise FilterError("Une date s'écrit AAAA-MM-JJ.") from None


def _number(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,5}", text):
        raise FilterError("Le numéro de page est un nombre, à partir de 1.")
    return int(text)


def _codes(table: str, code: str) -> tuple[Code, ...]:
    if not code:
        return ()
    found = tuple(Code(each.code, each.scheme) for each in ValueSets.load().concepts(table) if each.code == code)
    if not found:
        raise FilterError("Ce type ou cette catégorie de documents n'existe pas.")
    return found


def _midnight(day: date | None, *, days: int = 0) -> str:
    """The same as a DTM; '' for no day."""
    return f"{_begins(day, days):%Y%m%d%H%M%S}".zfill(14) if day else ""


def _begins(day: date, days: int) -> datetime:
    try:
        return datetime.combine(day + timedelta(days=days), time(), french.PARIS).astimezone(UTC)
    except OverflowError:
        raise FilterError("Une date est comprise entre 0001-01-02 et 9999-12-30.") from None


def _bounds(key: str) -> tuple[date, date]:
    """The first and the last day of a year, a month or a day, by the digits that they have in common."""
    year, month, day = int(key[:4]), int(key[4:6] or 1), int(key[6:8] or 1)
    last_month = month if key[4:6] else 12
    last_day = day if key[6:8] else calendar.monthrange(year, last_month)[1]
    return date(year, month, day), date(year, last_month, last_day)


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))
