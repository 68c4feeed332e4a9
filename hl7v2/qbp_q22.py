"""QBP^Q22, Patient Demographics Query (ITI-21): patients by their traits, asked and told, a part at a time.

QPD-3 has parameters, `@PID.5.1.1^DURAND`; QPD-8 the domains whose identifiers are wanted, none for all. Where RCP-2
wants fewer than there are, DSC-1 points at the rest: the same query with that DSC asks for it, as often as it comes.

| parameter | what it is |
|---|---|
| PID.3 | an identifier: .1 its value, .4 its authority |
| PID.5, PID.6 | a name, the mother's maiden name: .1 family, .2 and .3 given |
| PID.7, PID.8 | birth time, sex |
| PID.11 | an address: .1 to .6 |
| PID.13 | a telephone number (.1, .12) or a mail address (.4) |

Several parameters of a field are one name or address, until one comes again.

Source: ITI TF-2 3.21.4.1.2 (QBP^Q22), 3.21.4.2.2 (RSP^K22, cases 1 to 3), 3.21.4.3 (QCN^J01).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dmp.patient_search import Match, Matches, Question
from hl7v2 import pid
from hl7v2.er7 import Message, Segment, Syntax
from hl7v2.errors import Condition, Fault, Hl7Error, Location, told
from hl7v2.header import Header
from hl7v2.identifiers import Namespaces, write_identifiers
from hl7v2.query import IMMEDIATE, Counted, question_id, read_domains, read_quantity, read_question
from identities.demographics import FAMILY, GIVEN, Address, Part, PersonName
from identities.patient_query import (
    Between,
    PatientQuery,
    Patterns,
    address_patterns,
    name_patterns,
    telecom_pattern,
)
from identities.requester import PatientId
from registry.errors import Finding

RESPONSE = ("RSP", "K22", "RSP_K21")
PARAMETERS, DOMAINS = 3, 8  # fields of QPD
_IDENTIFIER = 3  # field of PID
_NAME_PARTS = {1: FAMILY, 2: GIVEN, 3: GIVEN}
_TELECOMS = (1, 4, 12)
# Components of PID that are read, or, since they tell nobody apart, left out; 0 for a field without components.
_COMPONENTS: Mapping[int, frozenset[int]] = {
    _IDENTIFIER: frozenset({1, 4, 5}),
    pid.NAME: frozenset(range(1, 8)),
    pid.MOTHER: frozenset(range(1, 8)),
    pid.BIRTH: frozenset({0, 1}),
    pid.SEX: frozenset({0}),
    pid.ADDRESS: frozenset(pid.ADDRESS_PARTS),
    pid.TELECOM: frozenset(_TELECOMS),
}
_PARAMETER = re.compile(r"@PID\.([0-9]{1,2})(?:\.([0-9]{1,2}))?(?:\.([0-9]))?")
_POINTER = re.compile(r"([0-9a-f]{16})([0-9]{1,7})")
_DOMAIN = re.compile(r"otherIDsScopingOrganization\[([0-9]+)\]/value")

Place = tuple[int, int, int]  # field, component and subcomponent of PID
Group = Mapping[Place, str]  # parameters of one identifier, name or address


@dataclass(frozen=True, slots=True)
class AskedPatients:
    """Who is wanted, with identifiers of which domains (none: of all), and how many of them at once (None: all).

    `start` is where the rest of what was found begins, None in a query that is new.
    """

    query: PatientQuery
    authorities: tuple[str, ...]
    quantity: int | None
    start: int | None
    question: Question


def read_patients_query(message: Message, header: Header, namespaces: Namespaces) -> AskedPatients:
    """Raises Hl7Error."""
    question, qpd = read_question(message, header), message.all("QPD")[0]
    groups = [*_grouped(_parameters(qpd))]
    query = PatientQuery(
        names=_constraining(_name(each) for each in _of(groups, pid.NAME)),
        mothers=_constraining(_name(each) for each in _of(groups, pid.MOTHER)),
        sexes=tuple(pid.read_sex(text) for each in _of(groups, pid.SEX) for text in each.values()),
        births=tuple(_birth(qpd, text) for each in _of(groups, pid.BIRTH) for text in each.values()),
        addresses=_constraining(_address(each) for each in _of(groups, pid.ADDRESS)),
        telecoms=tuple(telecom_pattern(text) for each in _of(groups, pid.TELECOM) for text in each.values()),
        identifiers=tuple(_identifier(qpd, each, namespaces) for each in _of(groups, _IDENTIFIER)),
    )
    if query.empty:
        expected = "a parameter that tells patients apart"
        raise Hl7Error.single(Condition.REQUIRED_FIELD, expected, "none", qpd.at(PARAMETERS))
    authorities, quantity = read_domains(qpd, DOMAINS, namespaces), read_quantity(message)
    return AskedPatients(query, authorities, quantity, _start(message, question), question)


def read_cancellation(message: Message, header: Header) -> Question:
    """The query whose rest nobody wants: QID-1 is its tag."""
    tag = message.all("QID")[0].text(1)
    return Question(question_id(header, tag), b"", header.control_id, "MSH-10")


def write_patients(
    asked: AskedPatients, found: Matches, syntax: Syntax, namespaces: Namespaces
) -> tuple[list[list[str]], Counted]:
    """A PID and a QRI for each patient, and DSC where more remain; with how many there are.

    Raises Hl7Error for a pointer at the rest of another query.
    """
    if _asked(found.question) != _asked(asked.question.raw):
        raise _unknown_pointer()
    segments: list[list[str]] = []
    for number, each in enumerate(found.patients, 1):
        segments += _patient(number, each, asked.authorities, syntax, namespaces)
    if found.remaining:
        segments.append(["DSC", f"{_digest(asked.question)}{found.total - found.remaining + 1}", IMMEDIATE])
    return segments, Counted(found.total, len(found.patients), found.remaining)


def located(findings: Iterable[Finding]) -> tuple[Fault, ...]:
    """What keeps the query from being carried out, each with its place. Source: ITI TF-2 3.21.4.2.2.8, case 3."""
    return tuple(_located(each) for each in findings)


def _located(found: Finding) -> Fault:
    domain = _DOMAIN.fullmatch(found.location)
    if domain is not None:
        where = Location("QPD", 1, DOMAINS, int(domain[1]))
        return Fault(Condition.UNKNOWN_KEY, f"{found.code.value}: {found.context}", where)
    if found.location == "queryContinuation/queryId" or found.context.startswith("startResultNumber"):
        return _unknown_pointer().faults[0]
    return told(found)


# --- Parameters -------------------------------------------------------------------------------------------------------


def _parameters(qpd: Segment) -> Iterator[tuple[Place, str]]:
    """Each parameter with what it must be. Raises Hl7Error for one that is none, or that nobody serves."""
    for number, text in enumerate(qpd.repetitions(PARAMETERS), 1):
        name, value = _PARAMETER.fullmatch(qpd.part(text, 1)), qpd.part(text, 2)
        where = qpd.at(PARAMETERS, 1, repetition=number)
        if name is None:
            raise Hl7Error.single(Condition.DATA_TYPE, "@PID.field.component.subcomponent", "another name", where)
        field, component, subcomponent = (int(each or 0) for each in name.groups())
        if component not in _COMPONENTS.get(field, ()):
            raise Hl7Error.single(Condition.TABLE_VALUE, "a parameter that is searched by", "another", where)
        if field == _IDENTIFIER and component == 4 and not subcomponent:
            for each in (1, 2, 3):
                if part := qpd.part(text, 2, each):
                    yield (field, component, each), part
        elif value:
            yield (field, component, subcomponent or 1), value


def _grouped(parameters: Iterable[tuple[Place, str]]) -> Iterator[Group]:
    """Parameters of one field together, until one of them comes again."""
    open_groups: dict[int, dict[Place, str]] = {}
    for place, value in parameters:
        group = open_groups.setdefault(place[0], {})
        if place in group:
            yield open_groups.pop(place[0])
            group = open_groups[place[0]] = {}
        group[place] = value
    yield from open_groups.values()


def _of(groups: Iterable[Group], field: int) -> Iterator[Group]:
    return (each for each in groups if next(iter(each))[0] == field)


def _constraining(alternatives: Iterable[Patterns]) -> tuple[Patterns, ...]:
    """The alternatives; none when one of them holds whoever comes."""
    found = tuple(alternatives)
    return found if all(found) else ()


def _name(group: Group) -> Patterns:
    parts = (
        Part(_NAME_PARTS[component], text) for (_, component, _), text in group.items() if component in _NAME_PARTS
    )
    return name_patterns(PersonName(tuple(parts)), search=False)


def _address(group: Group) -> Patterns:
    return address_patterns(
        Address(tuple(Part(pid.ADDRESS_PARTS[component], text) for (_, component, _), text in group.items()))
    )


def _birth(qpd: Segment, text: str) -> Between:
    time = pid.read_time(text)
    if not time:
        raise Hl7Error.single(Condition.DATA_TYPE, "a time of the calendar", "another value", qpd.at(PARAMETERS))
    return Between(time, time)


def _identifier(qpd: Segment, group: Group, namespaces: Namespaces) -> PatientId:
    """Source: ITI TF-2 3.21.4.1.2.3 (PID.3.1 without PID.3.4 is not allowed)."""
    value = group.get((_IDENTIFIER, 1, 1), "")
    name, universal, kind = (group.get((_IDENTIFIER, 4, each), "") for each in (1, 2, 3))
    if not value or not (name or universal):
        expected = "@PID.3.1 and @PID.3.4 of an identifier"
        raise Hl7Error.single(Condition.REQUIRED_FIELD, expected, "one of them", qpd.at(PARAMETERS))
    known = universal if universal and kind in ("", "ISO") else namespaces.get(name, name)
    return PatientId(value, known)


# --- Parts of what was found ------------------------------------------------------------------------------------------


def _start(message: Message, question: Question) -> int | None:
    """Where DSC-1 points; None without one. Raises Hl7Error."""
    dsc = message.first("DSC")
    if dsc is None or not dsc.present(1):
        return None
    pointer = _POINTER.fullmatch(dsc.text(1))
    if pointer is None or pointer[1] != _digest(question) or int(pointer[2]) == 0:
        raise _unknown_pointer()
    return int(pointer[2])


def _asked(raw: bytes) -> bytes:
    """The QPD of a query, as it is kept."""
    return next(line for line in raw.split(b"\r") if line.startswith(b"QPD"))


def _digest(question: Question) -> str:
    """What tells a query from another one of the same tag."""
    return hashlib.sha256(_asked(question.raw)).hexdigest()[:16]


def _unknown_pointer() -> Hl7Error:
    expected = "a pointer at what remains of this query"
    return Hl7Error.single(Condition.UNKNOWN_KEY, expected, "another one", Location("DSC", 1, 1))


def _patient(
    number: int, found: Match, authorities: Sequence[str], syntax: Syntax, namespaces: Namespaces
) -> list[list[str]]:
    shown = [each for each in found.identifiers if not authorities or each.authority in authorities]
    if not shown:  # they went meanwhile
        return []
    identifiers = write_identifiers(shown, syntax, namespaces)
    return [pid.write_pid(number, identifiers, found.traits, syntax), ["QRI", str(found.degree)]]
