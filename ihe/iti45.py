"""ITI-45 PIXV3 Query: the question read, the identifiers written.

Source: ITI TF-2 3.45.4.1.2 (PRPA_IN201309UV02) and 3.45.4.2 (PRPA_IN201310UV02, cases 1 to 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dmp.patient_search import Aliases, Question
from identities.requester import PatientId
from ihe.hl7v3 import Device, Identifier, Message, Stamp, children, missing, read_patient_id, write_answer, wrong
from ihe.hl7v3_person import write_names
from ihe.hl7v3_query import Ack, read_domains, read_query, write_control_act
from registry.errors import Finding, RegistryError

QUERY, RESPONSE = "PRPA_IN201309UV02", "PRPA_IN201310UV02"
TRIGGER = "PRPA_TE201310UV02"


@dataclass(frozen=True, slots=True)
class AskedIdentifiers:
    """Whose identifiers are wanted, and of which domains (none: of all)."""

    patient: PatientId
    authorities: tuple[str, ...]
    question: Question


def read_identifiers_query(message: Message) -> AskedIdentifiers:
    """Raises RegistryError with everything that is wrong with the query."""
    query = read_query(message)
    findings: list[Finding] = []
    values = children(query.parameters, "patientIdentifier/value")
    where = "patientIdentifier/value"
    patient: PatientId | str = ""
    if len(values) != 1:
        findings.append(missing("patientIdentifier", "exactly one value", where, "several" if values else "none"))
    else:
        patient = read_patient_id(values[0])
        if isinstance(patient, str):
            findings.append(wrong("patientIdentifier", patient, "another one", where))
    authorities = read_domains(query, "dataSource", findings)
    if findings or isinstance(patient, str):
        raise RegistryError(findings)
    return AskedIdentifiers(patient, authorities, query.question)


def write_identifiers(message: Message, stamp: Stamp, raw: bytes, found: Aliases) -> bytes:
    """The answer: OK with one event, or NF without. Source: ITI TF-2 3.45.4.2.3, cases 1, 2, 3 and 6."""
    ack = Ack("OK" if found.identifiers else "NF")
    subject = write_event(_patient(found), message.receiver) if found.identifiers else ""
    return write_answer(message, stamp, RESPONSE, "AA", (), write_control_act(message, TRIGGER, subject, ack, raw))


def write_failure(message: Message, stamp: Stamp, raw: bytes, findings: Sequence[Finding]) -> bytes:
    """AE in both places, and no event. Source: ITI TF-2 3.45.4.2.3, cases 4 and 5."""
    control_act = write_control_act(message, TRIGGER, "", Ack("AE"), raw)
    placed = [replace(each, location=each.location.removesuffix("/@root")) for each in findings]  # case 4: the value
    return write_answer(message, stamp, RESPONSE, "AE", placed, control_act)


def write_event(patient: str, custodian: Device) -> str:
    """The subject of a control act: a registration of one patient. Source: ITI TF-2 Table O.2.2-1, O.2.4-1."""
    keeper = "".join(each.written("hl7:id") for each in custodian.ids)
    return (
        '<hl7:subject typeCode="SUBJ" contextConductionInd="false"><hl7:registrationEvent classCode="REG" '
        'moodCode="EVN"><hl7:id nullFlavor="NA"/><hl7:statusCode code="active"/><hl7:subject1 typeCode="SBJ">'
        f'{patient}</hl7:subject1><hl7:custodian typeCode="CST"><hl7:assignedEntity classCode="ASSIGNED">{keeper}'
        "</hl7:assignedEntity></hl7:custodian></hl7:registrationEvent></hl7:subject>"
    )


def write_patient_ids(identifiers: Iterable[PatientId]) -> str:
    """Patient.id, once for each."""
    return "".join(Identifier(each.authority, each.value).written("hl7:id") for each in identifiers)


def _patient(found: Aliases) -> str:
    return (
        f'<hl7:patient classCode="PAT">{write_patient_ids(found.identifiers)}<hl7:statusCode code="active"/>'
        f'<hl7:patientPerson classCode="PSN" determinerCode="INSTANCE">{write_names(found.traits.names)}'
        "</hl7:patientPerson></hl7:patient>"
    )
