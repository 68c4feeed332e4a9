"""An audit message of another node, as bytes and as what the columns of the log need.

Whoever sends it may send anything: what cannot be read is kept all the same, as bytes of which nothing else is known.
What columns hold has no character that a database refuses, and no more of them than an index takes.

Source: ITI TF-2 3.20 (Record Audit Event); DICOM PS3.15 A.5; RFC 3881; HL7 FHIR R4, AuditEvent.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from audit.errors import AuditMessageError
from audit.event import Outcome
from audit.markup import printable
from audit.message import (
    PATIENT_NUMBER,
    PERSON_PATIENT,
    REPORT_NUMBER,
    SUBMISSION_SET,
    SYSTEM_JOB,
    SYSTEM_REPORT,
)
from audit.message_reading import (
    MAX_BYTES,
    OID_URI,
    AuditMessage,
    Participant,
    read_instant,
    read_message,
    read_patient,
)
from audit.syslog import read_syslog
from identities.requester import PatientId
from schemas import strict_json
from schemas.strict_json import JsonError

FHIR, OTHER = "fhir", "other"  # beside the dialects of audit.message_reading
MAX_COLUMN = 256  # characters of a text that an index may hold: PostgreSQL refuses one of more than 2,704 bytes
IHE_TRANSACTIONS = frozenset({"IHE Transactions", "urn:ihe:event-type-code"})  # DICOM and FHIR name one code system

_OUTCOMES = {str(outcome.value): outcome for outcome in Outcome}


@dataclass(frozen=True, slots=True)
class Received:
    """An audit message of another node. `message` is exactly what came; `id` was made here.

    `origin` is who sent it, as the connection says. `patient` is None when the message names none, or several.
    `outcome` is SUCCESS when the message says nothing of it. `syslog` is what stood before it in a syslog message,
    `stamped` the moment that its sender gave that one, or when it came.
    """

    message: bytes
    format: str
    origin: str
    recorded: datetime
    instant: datetime
    id: str
    transaction: str = ""
    event_code: str = ""
    source_id: str = ""
    outcome: Outcome = Outcome.SUCCESS
    patient: PatientId | None = None
    requester_id: str = ""
    requester_name: str = ""
    client_address: str = ""
    documents: tuple[str, ...] = ()
    submission_sets: tuple[str, ...] = ()
    syslog: str = ""
    stamped: datetime | None = None


def read_received(message: bytes, *, origin: str, recorded: datetime) -> Received:
    """`message` as it came from `origin` at `recorded`. Raises nothing: what cannot be read has the format `other`."""
    unread = Received(
        message=message,
        format=OTHER,
        origin=printable(origin),
        recorded=recorded,
        instant=recorded,
        id=str(uuid.uuid4()),
    )
    try:
        return _from_audit_event(read_audit_event(message), unread)
    except JsonError:
        pass
    try:
        return _from_message(read_message(message), unread)
    except AuditMessageError:
        return unread


def read_syslog_received(frame: bytes, *, origin: str, recorded: datetime) -> Received:
    """The same of an audit message inside a syslog message. Raises SyslogError."""
    found = read_syslog(frame)
    received = read_received(found.message, origin=origin, recorded=recorded)
    header = printable(found.header.decode(errors="replace"))
    return replace(received, syslog=header, stamped=_in_time(found.instant) or recorded)


def _in_time(instant: datetime | None) -> datetime | None:
    """A moment that UTC can tell."""
    return read_instant(instant.isoformat()) if instant else None


def read_audit_event(data: bytes) -> dict[str, Any]:
    """The FHIR AuditEvent in `data`, as JSON has it. Raises JsonError."""
    found = strict_json.read(data, max_bytes=MAX_BYTES)
    if not isinstance(found, dict) or found.get("resourceType") != "AuditEvent":
        raise JsonError("an AuditEvent", "something else")
    return found


def column(text: str) -> str:
    """`text` as a column of the log holds it: what a database cannot hold replaced, the end of a long one cut off."""
    return printable(text[:MAX_COLUMN])


def _from_message(found: AuditMessage, unread: Received) -> Received:
    who = _requester(found.participants)
    requestors = [each for each in found.participants if each.requestor and each.address]
    patients = (
        read_patient(each.id)
        for each in found.objects
        if each.kind == PERSON_PATIENT and each.id_type.code == PATIENT_NUMBER.code
    )
    documents = (
        each.id for each in found.objects if each.kind == SYSTEM_REPORT and each.id_type.code == REPORT_NUMBER.code
    )
    lots = (each.id for each in found.objects if each.kind == SYSTEM_JOB and each.id_type.code == SUBMISSION_SET)
    return Received(
        message=unread.message,
        format=found.dialect,
        origin=unread.origin,
        recorded=unread.recorded,
        instant=found.instant or unread.recorded,
        id=unread.id,
        transaction=column(_transaction((each.system, each.code) for each in found.types)),
        event_code=column(found.event_id.code),
        source_id=column(found.source_id),
        outcome=_OUTCOMES.get(found.outcome, Outcome.SUCCESS),
        patient=_the_one(patients),
        requester_id=column(who.user_id) if who else "",
        requester_name=column(who.name) if who else "",
        client_address=column(requestors[0].address) if requestors else "",
        documents=_ids(documents),
        submission_sets=_ids(lots),
    )


def _requester(participants: Iterable[Participant]) -> Participant | None:
    """Who asked: a person, else the system that began."""
    asking = [each for each in participants if each.requestor]
    return next((each for each in asking if each.party is None), asking[0] if asking else None)


def _transaction(types: Iterable[tuple[str, str]]) -> str:
    """The number of an IHE transaction, else the first type of the event."""
    found = list(types)
    of_ihe = (code for system, code in found if system in IHE_TRANSACTIONS)
    return next(of_ihe, found[0][1] if found else "")


def _the_one(patients: Iterable[PatientId]) -> PatientId | None:
    found = {PatientId(column(each.value), column(each.authority)) for each in patients if each.value}
    return found.pop() if len(found) == 1 else None


def _ids(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(printable(value) for value in values if value))


def _from_audit_event(found: dict[str, Any], unread: Received) -> Received:
    entities = [(_code(each, "type"), _code(each, "role"), _identifier(each, "what")) for each in _all(found, "entity")]
    agents = _all(found, "agent")
    asking = [each for each in agents if each.get("requestor") is True]
    who = next((each for each in asking if not _network(each)), asking[0] if asking else {})
    addresses = [_network(each) for each in asking if _network(each)]
    return Received(
        message=unread.message,
        format=FHIR,
        origin=unread.origin,
        recorded=unread.recorded,
        instant=read_instant(_text(found, "recorded")) or unread.recorded,
        id=unread.id,
        transaction=column(_transaction((_text(e, "system"), _text(e, "code")) for e in _all(found, "subtype"))),
        event_code=column(_code(found, "type")),
        source_id=column(_reference(_inside(found, "source"), "observer")),
        outcome=_OUTCOMES.get(_text(found, "outcome"), Outcome.SUCCESS),
        patient=_the_one(
            PatientId(what[1], what[0].removeprefix(OID_URI))
            for kind, role, what in entities
            if (kind, role) == PERSON_PATIENT
        ),
        requester_id=column(_reference(who, "who")),
        requester_name=column(_text(who, "name")),
        client_address=column(addresses[0]) if addresses else "",
        documents=_ids(what[1] for kind, role, what in entities if (kind, role) == SYSTEM_REPORT),
        submission_sets=_ids(what[1] for kind, role, what in entities if (kind, role) == SYSTEM_JOB),
    )


def _all(parent: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = parent.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _inside(parent: dict[str, Any], name: str) -> dict[str, Any]:
    found = parent.get(name)
    return found if isinstance(found, dict) else {}


def _text(parent: dict[str, Any], name: str) -> str:
    found = parent.get(name)
    return found if isinstance(found, str) else ""


def _code(parent: dict[str, Any], name: str) -> str:
    return _text(_inside(parent, name), "code")


def _network(agent: dict[str, Any]) -> str:
    return _text(_inside(agent, "network"), "address")


def _identifier(parent: dict[str, Any], name: str) -> tuple[str, str]:
    """System and value of the identifier of a Reference."""
    found = _inside(_inside(parent, name), "identifier")
    return _text(found, "system"), _text(found, "value")


def _reference(parent: dict[str, Any], name: str) -> str:
    """What a Reference says of what it refers to, best first."""
    found = _inside(parent, name)
    return _identifier(parent, name)[1] or _text(found, "reference") or _text(found, "display")
