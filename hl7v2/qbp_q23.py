"""QBP^Q23, PIX Query (ITI-9): the identifiers of a patient in other domains, asked and told.

QPD-3 is an identifier, QPD-4 the domains that are wanted, none for all. What is told is a PID with identifiers and no
name.

Source: ITI TF-2 3.9.4.1.2 (QBP^Q23), 3.9.4.2.2 (RSP^K23, cases 1 to 6).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from dmp.patient_search import Aliases, Question
from hl7v2.er7 import Message, Syntax
from hl7v2.errors import Condition, Fault, Hl7Error, Location, told
from hl7v2.header import Header
from hl7v2.identifiers import Namespaces, write_identifiers
from hl7v2.query import named_authority, read_domains, read_quantity, read_question
from identities.requester import PatientId
from registry.errors import Finding

RESPONSE = ("RSP", "K23", "RSP_K23")
PERSON, DOMAINS = 3, 4  # fields of QPD
_NO_NAME = "S"  # HL7 table 0200: a coded pseudo-name
_DOMAIN = re.compile(r"dataSource\[([0-9]+)\]/value")


@dataclass(frozen=True, slots=True)
class AskedIdentifiers:
    """Whose identifiers are wanted, and of which domains (none: of all)."""

    patient: PatientId
    authorities: tuple[str, ...]
    question: Question


def read_identifiers_query(message: Message, header: Header, namespaces: Namespaces) -> AskedIdentifiers:
    """Raises Hl7Error."""
    question, qpd = read_question(message, header), message.all("QPD")[0]
    read_quantity(message)
    asked = qpd.repetitions(PERSON)
    if len(asked) != 1:
        raise Hl7Error.single(Condition.CARDINALITY, "one identifier", str(len(asked)), qpd.at(PERSON))
    patient = PatientId(qpd.part(asked[0], 1), named_authority(qpd, asked[0], namespaces))
    for component, value in ((1, patient.value), (4, patient.authority)):
        if not value:
            raise Hl7Error.single(Condition.REQUIRED_FIELD, "a value", "none", qpd.at(PERSON, component))
    return AskedIdentifiers(patient, read_domains(qpd, DOMAINS, namespaces), question)


def write_identifiers_found(found: Aliases, syntax: Syntax, namespaces: Namespaces) -> list[list[str]]:
    """The PID that tells them; none where there are none. Source: ITI TF-2 3.9.4.2.2.5."""
    if not found.identifiers:
        return []
    name = syntax.repetition + syntax.component.join((*[""] * 6, _NO_NAME))
    return [["PID", "", "", write_identifiers(found.identifiers, syntax, namespaces), "", name]]


def located(findings: Iterable[Finding]) -> tuple[Fault, ...]:
    """What keeps the query from being carried out, each with its place. Source: ITI TF-2 3.9.4.2.2.6, cases 3 to 5."""
    return tuple(_located(each) for each in findings)


def _located(found: Finding) -> Fault:
    domain = _DOMAIN.fullmatch(found.location)
    if domain is not None:
        where = Location("QPD", 1, DOMAINS, int(domain[1]))
    elif found.location.startswith("patientIdentifier/value"):
        where = Location("QPD", 1, PERSON, 1, 4 if found.location.endswith("/@root") else 1)
    else:
        return told(found)
    return Fault(Condition.UNKNOWN_KEY, f"{found.code.value}: {found.context}", where)
