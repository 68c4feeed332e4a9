"""TD0.5: the patients that some traits fit, asked for without an INS.

Sources: ITI TF-2 3.47 (PDQ V3); HL7 V3 Normative Edition 2008, PRPA_MT201306UV02; GIE SESAM-Vitale, DMP message
examples v02.05 (percentage of the match, opposition).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from conformance.lps.dossier import OPPOSITION_ACCES_URGENCE
from conformance.lps.hl7v3 import (
    HL7,
    NS,
    Interaction,
    attribute,
    boolean,
    check_acknowledgement,
    child,
    coded_values,
    identifiers,
    interaction,
    malformed,
    query_by_parameter,
    response_code,
)
from conformance.lps.people import Patient, Sender
from conformance.lps.traits import Traits, read_person
from schemas.xml import local_name

CANDIDATES, CANDIDATES_ANSWER = "PRPA_IN201305UV02", "PRPA_IN201306UV02"


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is known of the patient; '' is not asked for. `birth_date` is YYYYMMDD."""

    family: str = ""
    given: str = ""
    birth_date: str = ""
    sex: str = ""
    city: str = ""
    postal_code: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A patient found. `match` is in percent; `opposed` to access by the centre 15."""

    identifiers: tuple[Patient, ...]
    status: str
    traits: Traits
    match: int
    opposed: bool


def write_candidates(criteria: Criteria, sender: Sender, now: datetime) -> Interaction:
    """PRPA_IN201305UV02, with the criteria that are given."""
    message = interaction(CANDIDATES, sender, now)
    parameters = query_by_parameter(message)
    if criteria.sex:
        _parameter(parameters, "livingSubjectAdministrativeGender", "administrativeGender", code=criteria.sex)
    if criteria.birth_date:
        _parameter(parameters, "livingSubjectBirthTime", "birthTime", value=criteria.birth_date)
    if criteria.family or criteria.given:
        names = {"family": criteria.family, "given": criteria.given}
        _parameter(parameters, "livingSubjectName", "name", names)
    if criteria.postal_code or criteria.city:
        places = {"postalCode": criteria.postal_code, "city": criteria.city}
        _parameter(parameters, "patientAddress", "", places)
    return message


def _parameter(
    parameters: etree._Element, name: str, attribute_name: str, parts: dict[str, str] | None = None, **value: str
) -> None:
    parameter = child(parameters, name)
    element = child(parameter, "value", **value)
    for part, text in (parts or {}).items():
        if text:
            child(element, part, text)
    child(parameter, "semanticsText", f"LivingSubject.{attribute_name}" if attribute_name else "Patient.addr")


def read_candidates(body: etree._Element, sent: Interaction) -> list[Candidate]:
    """What PRPA_IN201306UV02 found, in its order. Raises LpsError when the search is refused, or finds too many."""
    if body.tag != f"{{{HL7}}}{CANDIDATES_ANSWER}":
        raise malformed(CANDIDATES_ANSWER, local_name(body.tag), "Body")
    check_acknowledgement(body, sent, as_element=True)
    response_code(body)
    path = "h:controlActProcess/h:subject/h:registrationEvent/h:subject1/h:patient"
    return [_candidate(patient) for patient in body.iterfind(path, NS)]


def _candidate(patient: etree._Element) -> Candidate:
    person = patient.find("h:patientPerson", NS)
    if person is None:
        raise malformed("a patientPerson", "none", CANDIDATES_ANSWER)
    match = attribute(patient, "h:subjectOf1/h:queryMatchObservation/h:value", "value")
    if not match.isdecimal():
        raise malformed("a percentage", match or "none", "queryMatchObservation")
    said = coded_values(patient, "h:subjectOf2/h:administrativeObservation")
    return Candidate(
        identifiers=identifiers(patient),
        status=attribute(patient, "h:statusCode", "code"),
        traits=read_person(person),
        match=int(match),
        opposed=boolean(said.get(OPPOSITION_ACCES_URGENCE), OPPOSITION_ACCES_URGENCE[0]),
    )
