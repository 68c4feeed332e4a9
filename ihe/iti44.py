"""ITI-44 Patient Identity Feed HL7 V3: a patient added, revised, or merged into another one.

Source: ITI TF-2 3.44.4.1.2 (PRPA_IN201301UV02, PRPA_IN201302UV02), 3.44.4.2.2 (PRPA_IN201304UV02).
"""

from __future__ import annotations

from lxml import etree

from dmp.patients import Said
from identities.requester import PatientId
from ihe.hl7v3 import Message, child, children, missing, read_patient_id, wrong
from ihe.hl7v3_person import read_traits
from registry.errors import Finding, RegistryError, Severity

ADD, REVISE, MERGE = "PRPA_IN201301UV02", "PRPA_IN201302UV02", "PRPA_IN201304UV02"
ACTIVE = "active"

_EVENT = "subject/registrationEvent"


def read_feed(message: Message) -> Said:
    """What an Add or a Revise says. Raises RegistryError with everything that is wrong with it."""
    event = _registration(message)
    if child(event, "replacementOf") is not None:
        raise RegistryError([missing("replacementOf", f"none in {message.interaction}", "replacementOf", "one")])
    return _said(message, event)


def read_merge(message: Message) -> tuple[Said, PatientId]:
    """The patient who survives, and the identifier that is subsumed. Raises RegistryError."""
    event = _registration(message)
    said = _said(message, event)
    where = "replacementOf/priorRegistration/subject1/priorRegisteredRole/id"
    found = children(event, where)
    if len(found) != 1:
        got = "several" if found else "none"
        raise RegistryError([missing("priorRegisteredRole.id", "exactly one identifier", where, got)])
    subsumed = read_patient_id(found[0])
    if isinstance(subsumed, str):
        raise RegistryError([wrong("priorRegisteredRole.id", subsumed, "another one", where)])
    same = [each for each in said.identifiers if each.authority == subsumed.authority]
    first = next((each for each in same if each != subsumed), said.identifiers[0])
    rest = tuple(each for each in said.identifiers if each != first)
    return Said((first, *rest), said.traits, said.message_id, said.warnings), subsumed


def _registration(message: Message) -> etree._Element:
    """The one event of a message: it speaks of one patient. Raises RegistryError."""
    events = children(message.control_act, _EVENT)
    if len(events) != 1 or len(children(events[0], "subject1/patient")) != 1:
        got = "none" if not events else "another number"
        raise RegistryError([missing("registrationEvent", "exactly one, of one patient", _EVENT, got)])
    return events[0]


def _said(message: Message, event: etree._Element) -> Said:
    patient = children(event, "subject1/patient")[0]
    status, person = child(patient, "statusCode"), child(patient, "patientPerson")
    findings: list[Finding] = []
    if status is not None and status.get("code", ACTIVE) != ACTIVE:
        findings.append(wrong("Patient.statusCode", ACTIVE, status.get("code", ""), "patient/statusCode"))
    if person is None:
        findings.append(missing("Patient", "a patientPerson", "patient/patientPerson"))
        raise RegistryError(findings)
    identifiers, unusable = _identifiers(patient)
    if not identifiers:
        findings.append(missing("Patient.id", "at least one identifier", "patient/id"))
    traits, of_traits = read_traits(person)
    findings += of_traits
    if findings:
        raise RegistryError([*findings, *unusable])
    return Said(identifiers, traits, message.id.text, tuple(unusable))


def _identifiers(patient: etree._Element) -> tuple[tuple[PatientId, ...], list[Finding]]:
    """The identifiers of a patient, and a warning for each that is none of an assigning authority."""
    found: dict[PatientId, None] = {}
    unusable = []
    for number, element in enumerate(children(patient, "id"), 1):
        read = read_patient_id(element)
        if isinstance(read, str):
            told = wrong("Patient.id", read, "another one, which is ignored", f"patient/id[{number}]")
            unusable.append(Finding(told.code, told.context, Severity.WARNING, told.location))
        else:
            found[read] = None
    return tuple(found), unusable
