"""ITI-119 Patient Demographics Match: whom a Patient may be, each with a score and a grade.

Whoever shares an identifier, or two of family name, given name and birth date, is compared. A score is the share of
what both sides say that agrees. Traits alone make nobody certain: an identifier does, when the traits agree.

Source: PDQm 3.2, 2:3.119.4.1; HL7 FHIR R4, patient-operation-match.html and valueset match-grade.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from identities.demographics import FAMILY, GIVEN, telecom_term, term
from identities.patient_query import Between, PatientQuery
from identities.requester import PatientId
from pdsm import structure
from pdsm.coding import OID_URI
from pdsm.demographics import MOTHERS_MAIDEN_NAME
from pdsm.errors import ContentError
from pdsm.iti78 import beginnings
from pdsm.original import Element, extension, value_of
from pdsm.times import read

GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
CERTAIN, PROBABLE, POSSIBLE, NOT = "certain", "probable", "possible", "certainly-not"
_LEAST, _CLOSE = 0.6, 0.9  # scores from which a match is possible, and probable
_WEIGHTS = {"family": 30, "birthDate": 30, "given": 20, "gender": 5, "telecom": 5, "address": 5, "mother": 5}
_ALIKE, _HALF = 0.7, 0.5


@dataclass(frozen=True, slots=True)
class Sought:
    """Who is sought: `count` is how many may be told at most, None where the server decides."""

    patient: Element
    only_certain: bool = False
    count: int | None = None


def read_match(resource: Any) -> Sought:
    """Parameters, or a Patient alone. Raises ContentError."""
    checked = structure.check(resource)
    if checked["resourceType"] == "Patient":
        return _sought(checked, {})
    if checked["resourceType"] != "Parameters":
        raise ContentError("Parameters with a Patient, or a Patient", "another resource", status=422)
    given: dict[str, Any] = {}
    for each in checked.get("parameter", ()):
        name, kind = each["name"], _VALUES.get(each["name"])
        if kind is None or name in given or kind not in each:
            expected = "resource, onlyCertainMatches and count, each once at most and of its type"
            raise ContentError(f"Parameters.parameter: {expected}", "something else", status=422)
        given[name] = each[kind]
    patient = given.pop("resource", None)
    if not isinstance(patient, dict) or patient.get("resourceType") != "Patient":
        raise ContentError("Parameters.parameter: a Patient, as resource", "none", status=422)
    return _sought(structure.check(patient, "resource: "), given)


_VALUES = {"resource": "resource", "onlyCertainMatches": "valueBoolean", "count": "valueInteger"}


def _sought(patient: Element, given: dict[str, Any]) -> Sought:
    if "modifierExtension" in patient or "implicitRules" in patient:
        raise ContentError("Patient: no modifierExtension and no implicitRules", "one", status=422)
    count = given.get("count")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise ContentError("count: a whole number from 1", "something else", status=422)
    return Sought(patient, given.get("onlyCertainMatches") is True, count)


# --- Whom to compare --------------------------------------------------------------------------------------------------


def queries_of(sought: Sought) -> list[PatientQuery]:
    """Who is compared. Raises ContentError for a Patient of whom nothing is said that tells people apart."""
    traits = [each for each in _traits(sought.patient) if not each.empty]
    queries = [PatientQuery(all_of=pair) for pair in combinations(traits, 2)] or [*traits]
    if named := tuple(_identifiers(sought.patient)):
        queries = [PatientQuery(one_of=named), *(queries if len(traits) > 1 else ())]
    if not queries:
        raise ContentError("Patient: an identifier, a name or a birth date", "none of them", status=422)
    return queries


def _traits(patient: Element) -> Iterator[PatientQuery]:
    names = patient.get("name", ())
    yield PatientQuery(names=beginnings([each["family"] for each in names if each.get("family")], (FAMILY,)))
    yield PatientQuery(names=beginnings([each["given"][0] for each in names if each.get("given")], (GIVEN,)))
    born = read(patient.get("birthDate", ""))
    yield PatientQuery(births=(Between(born, born),)) if born else PatientQuery()


def _identifiers(patient: Element) -> Iterator[PatientId]:
    for each in patient.get("identifier", ()):
        if each.get("value") and each.get("system", "").startswith(OID_URI):
            yield PatientId(each["value"], each["system"].removeprefix(OID_URI))


# --- How well somebody fits -------------------------------------------------------------------------------------------


def graded(asked: Element, told: Element) -> tuple[float, str]:
    """Score, from 0 to 1, and grade of one Patient."""
    same, other = _compared_identifiers(asked, told)
    found = {name: degree for name, degree in _degrees(asked, told) if degree is not None}
    weight = sum(_WEIGHTS[name] for name in found)
    score = sum(_WEIGHTS[name] * degree for name, degree in found.items()) / weight if weight else 0.0
    if same:
        agrees = not weight or score >= _LEAST
        return (max(score, _CLOSE), CERTAIN) if agrees else (min(score, _HALF), POSSIBLE)
    if score < _LEAST:
        return score, NOT
    if score < _CLOSE or other or not {"family", "given", "birthDate"} <= found.keys():
        return min(score, _CLOSE - 0.01), POSSIBLE
    return score, PROBABLE


def _compared_identifiers(asked: Element, told: Element) -> tuple[bool, bool]:
    """Whether one identifier is the same, and whether one of an authority is another."""
    mine = {(each.get("system"), each.get("value")) for each in asked.get("identifier", ()) if each.get("value")}
    theirs = {(each.get("system"), each.get("value")) for each in told.get("identifier", ())}
    both = {system for system, _ in mine} & {system for system, _ in theirs}
    return bool(mine & theirs), any(system in both for system, _ in mine - theirs)


def _degrees(asked: Element, told: Element) -> Iterator[tuple[str, float | None]]:
    """How well each trait agrees; None where one side says nothing of it."""
    yield "family", _best(_said(asked, "name", "family"), _said(told, "name", "family"))
    yield "given", _best(_said(asked, "name", "given"), _said(told, "name", "given"))
    yield "birthDate", _born(asked.get("birthDate", ""), told.get("birthDate", ""))
    genders = [each.get("gender", "unknown") for each in (asked, told)]
    yield "gender", None if "unknown" in genders else float(genders[0] == genders[1])
    telecoms = [{telecom_term(each) for each in _said(one, "telecom", "value")} for one in (asked, told)]
    yield "telecom", float(bool(telecoms[0] & telecoms[1])) if all(telecoms) else None
    yield (
        "address",
        _best(*(_said(one, "address", "postalCode") or _said(one, "address", "city") for one in (asked, told))),
    )
    mothers = [value_of(each, MOTHERS_MAIDEN_NAME, "valueString") for each in (asked, told)]
    yield "mother", _best([mothers[0]], [mothers[1]]) if all(mothers) else None


def _said(patient: Element, name: str, part: str) -> list[str]:
    """Every text of a part of names, telecoms or addresses; of given names the first one."""
    values = [each[part] for each in patient.get(name, ()) if each.get(part)]
    return [each[0] if isinstance(each, list) else each for each in values]


def _best(asked: Sequence[str], told: Sequence[str]) -> float | None:
    if not asked or not told:
        return None
    return max(_alike(term(mine), term(theirs)) for mine in asked for theirs in told)


def _alike(mine: str, theirs: str) -> float:
    if mine == theirs:
        return 1.0
    return _ALIKE if mine and theirs and (mine.startswith(theirs) or theirs.startswith(mine)) else 0.0


def _born(asked: str, told: str) -> float | None:
    """Whether it is the same day, as far as both say; half of it where one of year, month and day is another."""
    if not asked or not told:
        return None
    parts = list(zip(asked.split("-"), told.split("-"), strict=False))
    equal = sum(mine == theirs for mine, theirs in parts)
    return 1.0 if equal == len(parts) else _HALF if len(parts) == 3 and equal == 2 else 0.0


# --- The answer -------------------------------------------------------------------------------------------------------

Match = tuple[float, str, Element]
"""Score, grade and Patient of one who was found."""


def best(sought: Sought, found: Sequence[Match]) -> list[Match]:
    """Those whom the answer tells, best first. Of several who are certain nobody is, where only that is wanted."""
    ordered = sorted(found, key=lambda each: (-each[0], each[2]["id"]))
    likely = [each for each in ordered if each[1] != NOT]
    if sought.only_certain:
        certain = [each for each in likely if each[1] == CERTAIN]
        return certain if len(certain) == 1 else []
    return likely[: sought.count]


def write_matches(base: str, matches: Sequence[Match]) -> Element:
    """The searchset. Source: PDQm 3.2, IHE.PDQm.MatchParametersOut."""
    entries = [
        {
            "fullUrl": f"{base}/Patient/{patient['id']}",
            "resource": patient,
            "search": {"extension": [extension(GRADE, valueCode=grade)], "mode": "match", "score": round(score, 2)},
        }
        for score, grade, patient in matches
    ]
    link = [{"relation": "self", "url": f"{base}/Patient/$match"}]
    bundle: Element = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "link": link}
    return {**bundle, "entry": entries} if entries else bundle
