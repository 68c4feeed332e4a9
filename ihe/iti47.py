"""ITI-47 Patient Demographics Query HL7 V3: the question, its continuation and its end read, the patients written.

Source: ITI TF-2 3.47.4.1.2 (PRPA_IN201305UV02), 3.47.4.2 (PRPA_IN201306UV02), 3.47.4.3 (QUQI_IN000003UV01).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lxml import etree

from dmp.patient_search import Match, Matches, Question
from identities.patient_query import Between, PatientQuery, Patterns, address_patterns, name_patterns, telecom_pattern
from identities.requester import PatientId
from ihe.hl7v3 import Identifier, Message, Stamp, child, children, missing, read_patient_id, write_answer, wrong
from ihe.hl7v3_person import (
    GENDERS,
    read_address,
    read_name,
    read_telecom,
    read_time,
    write_mother,
    write_person,
)
from ihe.hl7v3_query import Ack, Query, query_id, question_id, read_domains, read_query, write_control_act
from ihe.iti45 import write_event, write_patient_ids
from registry.errors import Finding, RegistryError
from schemas.xml import local_name, parse

QUERY, RESPONSE = "PRPA_IN201305UV02", "PRPA_IN201306UV02"
CONTINUATION, CANCELLATION = "QUQI_IN000003UV01", "QUQI_IN000003UV01_Cancel"
TRIGGER = "PRPA_TE201306UV02"
ABORTED = "aborted"
SEARCH = "SRCH"  # EntityNameUse: not limited to an exact match
MAX_QUANTITY = 1_000_000

_DOMAINS = "otherIDsScopingOrganization"
_NAME, _MOTHER, _GENDER = "livingSubjectName", "mothersMaidenName", "livingSubjectAdministrativeGender"
_BIRTH, _ADDRESS, _TELECOM, _ID = "livingSubjectBirthTime", "patientAddress", "patientTelecom", "livingSubjectId"
_PARAMETERS = frozenset({"id", _DOMAINS, _NAME, _MOTHER, _GENDER, _BIRTH, _ADDRESS, _TELECOM, _ID})


@dataclass(frozen=True, slots=True)
class AskedPatients:
    """Who is wanted, with identifiers of which domains (none: of all), and how many of them at once (None: all)."""

    query: PatientQuery
    authorities: tuple[str, ...]
    quantity: int | None
    question: Question


@dataclass(frozen=True, slots=True)
class AskedRest:
    """More of what was found, or `aborted` no more of it."""

    question: Question
    start: int | None
    quantity: int | None
    aborted: bool


def read_patients_query(message: Message) -> AskedPatients:
    """Raises RegistryError with everything that is wrong with the query."""
    query, findings = read_query(message), list[Finding]()
    for each in query.parameters:
        if local_name(each.tag) and local_name(each.tag) not in _PARAMETERS:
            findings.append(wrong("parameterList", "parameters of ITI-47", local_name(each.tag), "parameterList"))
    wanted = PatientQuery(
        names=_names(query, _NAME),
        mothers=_names(query, _MOTHER),
        sexes=tuple(GENDERS.get(each.get("code", ""), "U") for each in _values(query, _GENDER)),
        births=tuple(_births(query, findings)),
        addresses=_addresses(query),
        telecoms=tuple(
            telecom_pattern(each.value) for each in filter(None, map(read_telecom, _values(query, _TELECOM)))
        ),
        identifiers=tuple(_identifiers(query, findings)),
        minimum_degree=_quantity(query.element, "matchCriterionList/minimumDegreeMatch/value", findings, at_least=0)
        or 0,
    )
    authorities = read_domains(query, _DOMAINS, findings)
    quantity = _quantity(query.element, "initialQuantity", findings)
    if findings:
        raise RegistryError(findings)
    return AskedPatients(wanted, authorities, quantity, query.question)


def read_continuation(message: Message) -> AskedRest:
    """Raises RegistryError for a continuation of no query. A quantity of 0 asks for no more."""
    found = child(message.control_act, "queryContinuation")
    identifier = query_id(found) if found is not None else None
    if found is None or identifier is None or not identifier.root:
        raise RegistryError([missing("queryContinuation", "one with a queryId", "queryContinuation/queryId")])
    findings: list[Finding] = []
    start = _quantity(found, "startResultNumber", findings)
    quantity = _quantity(found, "continuationQuantity", findings, at_least=0)
    if findings:
        raise RegistryError(findings)
    status = child(found, "statusCode")
    aborted = quantity == 0 or (status is not None and status.get("code") == ABORTED)
    return AskedRest(
        Question(question_id(identifier), etree.tostring(found, with_tail=False), message.id.text),
        start,
        quantity,
        aborted,
    )


def write_patients(message: Message, stamp: Stamp, authorities: Sequence[str], found: Matches) -> bytes:
    """The answer: OK with one event for each patient, or NF. Source: ITI TF-2 3.47.4.2.3, cases 1 and 2."""
    code = "OK" if found.total else "NF"
    ack = Ack(code, found.total, len(found.patients), found.remaining)
    events = "".join(write_event(_patient(each, authorities), message.receiver) for each in found.patients)
    control_act = write_control_act(message, TRIGGER, events, ack, found.question)
    return write_answer(message, stamp, RESPONSE, "AA", (), control_act)


def write_failure(message: Message, stamp: Stamp, raw: bytes, findings: Sequence[Finding]) -> bytes:
    """AE in both places, and no event. Source: ITI TF-2 3.47.4.2.3, case 3."""
    control_act = write_control_act(message, TRIGGER, "", Ack("AE", 0), raw)
    return write_answer(message, stamp, RESPONSE, "AE", findings, control_act)


def scoping_domains(raw: bytes) -> tuple[str, ...]:
    """The domains that a retained QueryByParameter asked for."""
    parameters = child(parse(raw), "parameterList")
    found = () if parameters is None else children(parameters, f"{_DOMAINS}/value")
    return tuple(each.get("root", "") for each in found)


# --- Parameters -------------------------------------------------------------------------------------------------------


def _values(query: Query, parameter: str) -> list[etree._Element]:
    return children(query.parameters, f"{parameter}/value")


def _names(query: Query, parameter: str) -> tuple[Patterns, ...]:
    """The alternatives for a name; none when one of them holds whoever comes."""
    names = [name for each in _values(query, parameter) if (name := read_name(each))]
    return _constraining(name_patterns(name, search=SEARCH in name.use.split()) for name in names)


def _addresses(query: Query) -> tuple[Patterns, ...]:
    return _constraining(
        address_patterns(address) for each in _values(query, _ADDRESS) if (address := read_address(each))
    )


def _constraining(alternatives: Iterable[Patterns]) -> tuple[Patterns, ...]:
    found = tuple(alternatives)
    return found if all(found) else ()


def _births(query: Query, findings: list[Finding]) -> Iterable[Between]:
    """Exact, approximate, or between two times. Source: ITI TF-2 Table 3.47.4.1.2.2-1, LivingSubjectBirthTime."""
    for each in _values(query, _BIRTH):
        bounds = {name: child(each, name) for name in ("low", "high")}
        given = [each] if "value" in each.attrib else [bound for bound in bounds.values() if bound is not None]
        times = [read_time(one.get("value", "")) for one in given]
        if not times or not all(times):
            expected = "a time value, or low and high"
            findings.append(wrong(_BIRTH, expected, "another one", f"{_BIRTH}/value"))
        elif "value" in each.attrib:
            yield Between(times[0], times[0])
        else:
            low, high = (read_time(bound.get("value", "")) if bound is not None else "" for bound in bounds.values())
            yield Between(low, high)


def _identifiers(query: Query, findings: list[Finding]) -> Iterable[PatientId]:
    for number, each in enumerate(_values(query, _ID), 1):
        read = read_patient_id(each)
        if isinstance(read, str):
            findings.append(wrong(_ID, read, "another one", f"{_ID}[{number}]/value"))
        else:
            yield read


def _quantity(parent: etree._Element, path: str, findings: list[Finding], *, at_least: int = 1) -> int | None:
    """The whole number of an INT; None when there is none."""
    found = child(parent, path)
    if found is None:
        return None
    value = found.get("value", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 8 and at_least <= int(value) <= MAX_QUANTITY:
        return int(value)
    name = path.split("/")[-2] if "/" in path else path
    where = f"{local_name(parent.tag)}/{path}"
    findings.append(wrong(name, f"a whole number from {at_least}", "another value", where))
    return None


# --- Patients ---------------------------------------------------------------------------------------------------------


def _patient(found: Match, authorities: Sequence[str]) -> str:
    """One patient; of the domains that were asked for, each has an identifier or says that there is none.

    Source: ITI TF-2 3.47.4.2.3, case 2; at least one Patient.id stands in any answer (Table 3.47.4.2.2.2-1).
    """
    wanted = [each for each in found.identifiers if not authorities or each.authority in authorities]
    lacking = [each for each in dict.fromkeys(authorities) if each not in {one.authority for one in wanted}]
    shown = wanted or list(found.identifiers[:1])
    status = "active" if found.active else "terminated"
    return (
        f'<hl7:patient classCode="PAT">{write_patient_ids(shown)}<hl7:statusCode code="{status}"/>'
        '<hl7:patientPerson classCode="PSN" determinerCode="INSTANCE">'
        f"{write_person(found.traits)}{''.join(map(_no_identifier, lacking))}{write_mother(found.traits)}"
        '</hl7:patientPerson><hl7:providerOrganization classCode="ORG" determinerCode="INSTANCE">'
        f'{Identifier(shown[0].authority).written("hl7:id")}<hl7:contactParty classCode="CON" nullFlavor="UNK"/>'
        '</hl7:providerOrganization><hl7:subjectOf1><hl7:queryMatchObservation classCode="COND" moodCode="EVN">'
        f'<hl7:code code="IHE_PDQ"/><hl7:value xsi:type="hl7:INT" value="{found.degree}"/>'
        "</hl7:queryMatchObservation></hl7:subjectOf1></hl7:patient>"
    )


def _no_identifier(authority: str) -> str:
    return (
        '<hl7:asOtherIDs classCode="PAT"><hl7:id nullFlavor="NA"/><hl7:scopingOrganization classCode="ORG" '
        f'determinerCode="INSTANCE">{Identifier(authority).written("hl7:id")}</hl7:scopingOrganization></hl7:asOtherIDs>'
    )
