"""The FHIR AuditEvent of a record of the log, as a plain dict: what the audit message says, in the words of FHIR R4.

One record is one AuditEvent, and nothing that the message says is lost: its types are the codes of DICOM and IHE. An
event claims the profiles of BALP that it fulfils (`audit.profiles`). What another node sent as FHIR stays as it came.

Source: HL7 FHIR R4, AuditEvent (mapping to DICOM); ITI TF-2 3.81.4.2.2 (RESTful ATNA); IHE BALP 1.1.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from audit.errors import AuditMessageError
from audit.markup import printable
from audit.message import OAUTH_CLIENT, PERSON_PATIENT, REQUEST_ID, SYSTEM_USER_ENTITY
from audit.message_reading import (
    OID_URI,
    AuditMessage,
    Participant,
    ParticipantObject,
    read_message,
    read_patient,
)
from audit.profiles import DISCLOSURE_SUBTYPE, IRCP, OAUTH_AGENT, SAML_AGENT, claimed, discloses
from audit.received import FHIR, OTHER, read_audit_event
from audit.transactions import CodedValue
from identities.requester import Authentication
from schemas import oids
from schemas.strict_json import JsonError

DCM = "http://dicom.nema.org/resources/ontology/DCM"
ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
LIFE_CYCLE = "http://terminology.hl7.org/CodeSystem/dicom-audit-lifecycle"
SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
TRANSACTION_ENTITY = {  # BALP, entity:transaction
    "system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
    "code": "XrequestId",
}
OTHER_ID = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/ihe-otherId"
SUBJECT_ID = {
    "coding": [
        {"system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/OtherIdentifierTypes", "code": "SAML-subject-id"}
    ]
}
ORGANISATION = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleClass", "code": "PROV"}]}

SYSTEMS = {  # codeSystemName of DICOM, as FHIR has it
    "DCM": DCM,
    "IHE Transactions": "urn:ihe:event-type-code",
    "IHE XDS Metadata": "urn:ihe:iti:xds:metadata",
    "RFC-3881": "urn:ietf:rfc:3881",
    "DMP": "urn:dmp",
}
_PLACES = {str(number) for number in range(1, 6)}  # NetworkAccessPointTypeCode and network-type are one list
_ROLES = {str(number) for number in range(1, 25)}  # of object-role, which has none of DICOM's later ones
_KINDS = {str(number) for number in range(1, 5)}
_FRENCH = {each.value for each in Authentication if each.french}
_BY_ASSERTION = {*_FRENCH, Authentication.XUA.value}
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+")


@dataclass(frozen=True, slots=True)
class Record:
    """What an AuditEvent is made of: a record's identifier, its message, and when, how and from whom it came.

    `origin` is '' for this server's own events, `syslog` what stood before the message in a syslog message.
    """

    id: str
    message: bytes
    format: str
    origin: str
    recorded: datetime
    syslog: str = ""


def audit_event(record: Record) -> dict[str, Any]:
    """The AuditEvent of `record`."""
    try:
        if record.format == FHIR:
            return read_audit_event(record.message) | {"id": record.id}
        if record.format != OTHER:
            return _of_message(record, read_message(record.message))
    except (AuditMessageError, JsonError):
        pass  # read when it came, by a reader that has become stricter since
    return _of_unread(record)


def _of_unread(record: Record) -> dict[str, Any]:
    """Bytes that nobody could read, whole: FHIR wants a type, an agent and a source of every AuditEvent."""
    sender = {"display": record.origin or "unknown"}
    return {
        "resourceType": "AuditEvent",
        "id": record.id,
        "type": {"system": ABSENT, "code": "unknown"},
        "recorded": instant(record.recorded),
        "agent": [{"who": sender, "requestor": False}],
        "source": {"observer": sender},
        "entity": [{"detail": [{"type": "message", "valueBase64Binary": _base64(record.message or b"\0")}]}],
    }


def _of_message(record: Record, message: AuditMessage) -> dict[str, Any]:
    claims = next((each for each in message.objects if each.kind == SYSTEM_USER_ENTITY), None)
    said = _details(claims)
    event = {
        "resourceType": "AuditEvent",
        "id": record.id,
        "type": _coding(message.event_id) or {"system": ABSENT, "code": "unknown"},
        "subtype": [_coding(each) for each in message.types],
        "action": message.action if message.action in ("C", "R", "U", "D", "E") else "",
        "recorded": instant(message.instant or record.recorded),
        "outcome": message.outcome if message.outcome in ("0", "4", "8", "12") else "",
        "outcomeDesc": text(message.description),
        "purposeOfEvent": [_concept(each) for each in message.purposes],
        "agent": [*_agents(message, claims, said), *_organisation(said)] or [{"requestor": False}],
        "source": _filled(
            site=text(message.site),
            observer=_filled(identifier=_filled(value=text(message.source_id))) or {"display": "unknown"},
            type=[_source_type(each) for each in message.source_types],
        ),
        "entity": [_entity(each) for each in message.objects],
    }
    if discloses(event):
        event["subtype"] = [*event["subtype"], DISCLOSURE_SUBTYPE]
    event = _filled(**event)
    profiles = claimed(event)
    return {**event, "meta": {"profile": profiles}} if profiles else event


def _agents(
    message: AuditMessage, claims: ParticipantObject | None, said: Mapping[str, str]
) -> Iterable[dict[str, Any]]:
    """Every participant. Who stands behind the exchange is the person that the claims speak of, where there are any."""
    for each in message.participants:
        alone = each.requestor and not each.address
        person = each.party is None and (alone or (claims is not None and not each.alternative_id))
        vouched = OAUTH_CLIENT in said or said.get("Authentification_mode") in _BY_ASSERTION
        if person and claims is not None and vouched:
            yield _named_by_assertion(each, claims, said, message.purposes)
        else:
            yield _agent(each, person=person, purposes=message.purposes)


def _agent(participant: Participant, *, person: bool, purposes: Iterable[CodedValue]) -> dict[str, Any]:
    party = participant.party
    kind = {"coding": [IRCP]} if person else _concept(party) if party else {}
    return _filled(
        type=kind,
        role=[_concept(each) for each in participant.roles if each is not party],
        who=_filled(identifier=_filled(value=text(participant.user_id))),
        altId=text(participant.alternative_id),
        name=text(participant.name),
        requestor=participant.requestor,
        media=_coding(participant.media[0]) if participant.media else {},
        network=_network(participant),
        purposeOfUse=[_concept(each) for each in purposes] if person else [],
    )


def _network(participant: Participant) -> dict[str, Any]:
    kind = participant.address_type if participant.address_type in _PLACES else ""
    return _filled(address=text(participant.address), type=kind)


def _named_by_assertion(
    person: Participant, claims: ParticipantObject, said: Mapping[str, str], purposes: Iterable[CodedValue]
) -> dict[str, Any]:
    """Whom a SAML assertion or an access token names, with what it says of him.

    Source: BALP, SAMLaccessTokenUse and OAUTHaccessTokenUse; ITI TF-2 3.40.4.2.
    """
    agent = _agent(person, person=True, purposes=purposes)
    _, _, issuer = person.name.removesuffix(">").rpartition("@")
    french = said.get("Authentification_mode") in _FRENCH
    system = OID_URI + oids.PS_ID_NAT if french else issuer if _URI.fullmatch(issuer) else ""
    assigner = {"display": issuer} if issuer and system != issuer else {}
    agent["who"] = {"identifier": _filled(system=system, value=text(person.user_id), assigner=assigner)}
    by_token = OAUTH_CLIENT in said
    if (name := text(claims.name)) and not by_token:
        agent["extension"] = [{"url": OTHER_ID, "valueIdentifier": {"type": SUBJECT_ID, "value": name}}]
    by_assertion = claims.id not in ("", person.user_id) and not re.search(r"\s", claims.id)  # a policy is a uri
    if by_assertion and text(person.user_id):
        agent |= {"type": {"coding": [OAUTH_AGENT if by_token else SAML_AGENT, IRCP]}, "policy": [claims.id]}
    return agent


def _organisation(said: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    """For which structure somebody acts. Source: BALP, SAMLaccessTokenUse.Comprehensive, agent:userorg."""
    structure = said.get("Identifiant_Structure", "")
    if structure:
        identifier = {"system": OID_URI + oids.STRUCT_ID_NAT, "value": text(structure)}
        yield {
            "type": ORGANISATION,
            "who": {"identifier": identifier, "display": text(structure)},
            "requestor": False,
        }


def _entity(subject: ParticipantObject) -> dict[str, Any]:
    kind, role = subject.kind
    if subject.id_type == REQUEST_ID:
        what = {"identifier": _filled(value=text(subject.id))}
        return _filled(what=what, type=TRANSACTION_ENTITY, detail=_written(subject))
    return _filled(
        what=_what(subject),
        type={"system": ENTITY_TYPE, "code": kind} if kind in _KINDS else {},
        role={"system": OBJECT_ROLE, "code": role} if role in _ROLES else {},
        lifecycle={"system": LIFE_CYCLE, "code": subject.life_cycle} if subject.life_cycle else {},
        securityLabel=[{"display": text(subject.sensitivity)}] if subject.sensitivity else [],
        name="" if subject.query else text(subject.name),
        query=_base64(subject.query),
        detail=_written(subject),
    )


def _what(subject: ParticipantObject) -> dict[str, Any]:
    kind = _concept(subject.id_type)
    if subject.kind != PERSON_PATIENT:
        return _filled(identifier=_filled(type=kind, value=text(subject.id)))
    patient = read_patient(subject.id)
    system = OID_URI + patient.authority if _OID.fullmatch(patient.authority) else ""
    return {"type": "Patient", "identifier": _filled(type=kind, system=system, value=text(patient.value))}


def _written(subject: ParticipantObject) -> list[dict[str, Any]]:
    """Details as text where they are text."""
    found = []
    for name, value in subject.details:
        try:
            readable = value.decode()
        except UnicodeDecodeError:
            readable = ""
        if readable.strip() and readable == printable(readable):
            found.append({"type": text(name) or "unknown", "valueString": readable})
        elif value:
            found.append({"type": text(name) or "unknown", "valueBase64Binary": _base64(value)})
    return found


def _details(claims: ParticipantObject | None) -> dict[str, str]:
    return {name: value.decode(errors="replace") for name, value in claims.details} if claims else {}


def _coding(value: CodedValue) -> dict[str, Any]:
    system = SYSTEMS.get(value.system, value.system)
    if _OID.fullmatch(system):
        system = OID_URI + system
    return _filled(
        system=system if _URI.fullmatch(system) else "",
        code=text(value.code),
        display=text(value.text),
    )


def _concept(value: CodedValue) -> dict[str, Any]:
    coding = _coding(value)
    return {"coding": [coding]} if coding else {}


def _source_type(value: CodedValue) -> dict[str, Any]:
    """The nine kinds of sources have a code system of their own in FHIR."""
    coding = _coding(value)
    return coding | {"system": SOURCE_TYPE} if re.fullmatch("[1-9]", value.code) else coding


def instant(moment: datetime) -> str:
    """An instant of FHIR, to the millisecond as in the audit message."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def text(value: str) -> str:
    """`value` as a string of FHIR: printable, and nothing rather than white space alone."""
    return printable(value).strip()


def _filled(**values: Any) -> dict[str, Any]:
    """What has a value, as FHIR wants it: no empty text, list or object."""
    found = {}
    for name, value in values.items():
        kept = [each for each in value if each] if isinstance(value, list) else value
        if kept or kept is False:
            found[name] = kept
    return found


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
