"""The audit message of an event: DICOM PS3.15 XML, edition 2017c, as IHE uses it.

Beyond what the standard asks, a message holds what makes an event understandable on its own: the assertion's claims as
a Security User Entity, the deciding rule as a Security Resource, the request's identifiers as a Processing Element.

Source: DICOM PS3.15 A.5 (schema and messages); ITI TF-2 3.20.7.1 (IHE's constraints) and 3.40.4.2 (XUA).
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC

from lxml import etree

from audit.errors import AuditMessageError
from audit.event import AuditObject, Event, ObjectKind
from audit.transactions import (
    ACCESS_CONTROL_DECISION,
    APPLICATION,
    APPLICATION_LAUNCHER,
    DESTINATION,
    EMERGENCY_OVERRIDE_STARTED,
    SECURITY_ALERT,
    SOURCE,
    CodedValue,
    Transaction,
    transaction_of,
)
from identities.requester import ModeAcces, Requester
from schemas import oids

SUBMISSION_SET = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"  # ITI TF-3 4.2.5.2, classificationNode

# ParticipantObjectIDTypeCode. Source: RFC 3881 §5.5.4, as ITI TF-2 3.20.7.1.3 has it written; DICOM PS3.16 CID 404.
PATIENT_NUMBER = CodedValue("2", "RFC-3881", "Patient Number")
REPORT_NUMBER = CodedValue("9", "RFC-3881", "Report Number")
USER_IDENTIFIER = CodedValue("11", "RFC-3881", "User Identifier")
URI = CodedValue("12", "RFC-3881", "URI")
SUBMISSION_SET_ID = CodedValue(SUBMISSION_SET, "IHE XDS Metadata", "submission set classificationNode")
REGISTRY_OBJECT_ID = CodedValue("urn:ihe:iti:2017:ObjectRef", "IHE XDS Metadata", "registry object reference")  # RMD
HABILITATION_RULE = CodedValue("habilitation", "DMP", "Règle d'habilitation")
REQUEST_ID = CodedValue("request", "DMP", "Request identifier")

# (ParticipantObjectTypeCode, ParticipantObjectTypeCodeRole). Source: DICOM PS3.15 A.5.1.
PERSON_PATIENT = ("1", "1")
SYSTEM_REPORT = ("2", "3")
SYSTEM_USER_ENTITY = ("2", "11")
SYSTEM_SECURITY_RESOURCE = ("2", "13")
SYSTEM_JOB = ("2", "20")
SYSTEM_QUERY = ("2", "24")
OTHER_PROCESSING_ELEMENT = ("4", "26")

APPLICATION_SERVER = CodedValue("4", "DCM", "Application Server Process or Thread")  # AuditSourceTypeCode, A.5.1
MACHINE_NAME, IP_ADDRESS = "1", "2"  # NetworkAccessPointTypeCode, A.5.1
UNKNOWN = "unknown"
PHARMACIEN = "21"  # TRE_G15

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 §2.2, Char


@dataclass(frozen=True, slots=True)
class AuditSource:
    """This server, as audit messages name it. `host` is its machine name, `process_id` that of the local logs.

    Source: DICOM PS3.15 A.5.2.4; ITI TF-2 3.43.6.1.2 (AlternativeUserID).
    """

    source_id: str
    host: str
    enterprise_site_id: str = ""
    process_id: str = ""


def printable(text: str) -> str:
    """`text` with what neither XML nor a database can hold replaced by U+FFFD: evidence must not be lost to it."""
    return text if text.isprintable() else _NOT_XML.sub("\ufffd", text)


def write_message(event: Event, *, site: AuditSource) -> bytes:
    """The audit message of `event`, UTF-8. Raises AuditMessageError when `event.instant` has no time zone."""
    if event.instant.utcoffset() is None:
        raise AuditMessageError("an instant with a time zone", "one without")
    transaction = transaction_of(event)
    message = etree.Element("AuditMessage")
    _event_identification(message, event, transaction)
    _active_participants(message, event, transaction, site)
    source = _element(
        message,
        "AuditSourceIdentification",
        {"AuditEnterpriseSiteID": site.enterprise_site_id, "AuditSourceID": site.source_id},
    )
    _coded(source, "AuditSourceTypeCode", APPLICATION_SERVER)
    _participant_objects(message, event, transaction)
    return etree.tostring(message, encoding="UTF-8", xml_declaration=True)


def _event_identification(message: etree._Element, event: Event, transaction: Transaction) -> None:
    """Source: DICOM PS3.15 A.5.2.1; PurposeOfUse: ITI TF-2 3.20.7.1.2."""
    identification = _element(
        message,
        "EventIdentification",
        {
            "EventActionCode": event.event_action or transaction.action.value,
            "EventDateTime": event.instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "EventOutcomeIndicator": str(event.outcome.value),
        },
    )
    _coded(identification, "EventID", transaction.event_id)
    for type_code in _event_types(event, transaction):
        _coded(identification, "EventTypeCode", type_code)
    if event.explanation:
        etree.SubElement(identification, "EventOutcomeDescription").text = printable(event.explanation)
    if event.requester is not None:
        _coded(identification, "PurposeOfUse", _purpose(event.requester))


def _purpose(requester: Requester) -> CodedValue:
    """What a user of an IHE domain says (ITI TF-2 3.40.4.1.3.3), the access mode of all others."""
    if requester.purpose:
        return CodedValue(requester.purpose, requester.purpose_system, requester.purpose)
    return CodedValue(requester.mode_acces.value, oids.MODE_ACCES, requester.mode_acces.value)


def _event_types(event: Event, transaction: Transaction) -> Iterable[CodedValue]:
    yield transaction.type
    asked = event.call.transaction
    if asked and transaction.event_id is SECURITY_ALERT:
        yield CodedValue(asked, "IHE Transactions" if asked.startswith("ITI-") else "DMP", asked)
    if event.action and event.action != transaction.type.code:
        yield CodedValue(event.action, "DMP", event.action)
    if event.table:
        yield ACCESS_CONTROL_DECISION
    if event.requester is not None and event.requester.mode_acces is not ModeAcces.NORMAL:
        yield EMERGENCY_OVERRIDE_STARTED


def _active_participants(message: etree._Element, event: Event, transaction: Transaction, site: AuditSource) -> None:
    """Source: DICOM PS3.15 A.5.2.2; ITI TF-2 3.18.5.1, 3.41.5.1, 3.43.6.1; A.5.3.1 for the application itself."""
    call = event.call
    if transaction.begun_here:  # ITI TF-2 3.46.5.1.1
        _participant(
            message,
            site.source_id,
            role=transaction.server,
            requestor=True,
            address=site.host,
            alternative_id=site.process_id,
        )
        receiver = call.endpoint or UNKNOWN
        _participant(message, receiver, role=transaction.client, requestor=False, address=_host_of(receiver))
        return
    if transaction.client is not None:
        client = call.client_certificate or call.client_address or UNKNOWN
        _participant(message, client, role=transaction.client, requestor=True, address=call.client_address or UNKNOWN)
    _participant(
        message,
        call.endpoint or site.source_id,
        role=transaction.server,
        requestor=False,
        address=site.host,
        alternative_id=site.process_id,
    )
    if transaction.medium is not None:  # ITI TF-2 3.32.5.1; DICOM PS3.15 A.5.1, MediaIdentifier
        carrier = _participant(
            message, "IHE_XDM", requestor=False, role=SOURCE if transaction.server is DESTINATION else DESTINATION
        )
        _coded(etree.SubElement(carrier, "MediaIdentifier"), "MediaType", transaction.medium)
    if transaction.server is APPLICATION:
        _participant(message, event.operator or UNKNOWN, role=APPLICATION_LAUNCHER, requestor=True)
    elif event.operator:
        _participant(message, event.operator, requestor=True)
    if event.requester is not None:
        _human(message, event.requester)


def _human(message: etree._Element, requester: Requester) -> None:
    """The requester. Source: ITI TF-2 3.40.4.2 (UserName is `alias<user@issuer>`) and 3.20.7.1.1 (RoleIDCode)."""
    user = requester.id_nat or UNKNOWN
    issuer = requester.issuer or requester.certificate_subject
    name = f"{requester.alias}<{user}@{issuer}>" if issuer else requester.name
    human = _participant(message, user, requestor=True, name=name)
    if requester.profession:
        _coded(human, "RoleIDCode", CodedValue(requester.profession, requester.profession_system, requester.profession))
    if requester.specialty:
        system = _specialty_system(requester)
        _coded(human, "RoleIDCode", CodedValue(requester.specialty, system, requester.specialty))


def _specialty_system(requester: Requester) -> str:
    if requester.specialty.startswith("SM"):
        return oids.SPECIALITE_MEDECIN
    return oids.SECTION_PHARMACIEN if requester.profession == PHARMACIEN else oids.ROLE_PRISE_CHARGE


def _participant(
    message: etree._Element,
    user_id: str,
    *,
    requestor: bool,
    role: CodedValue | None = None,
    address: str = "",
    alternative_id: str = "",
    name: str = "",
) -> etree._Element:
    attributes = {"UserID": user_id, "AlternativeUserID": alternative_id, "UserName": name}
    attributes["UserIsRequestor"] = "true" if requestor else "false"
    if address:
        attributes["NetworkAccessPointID"] = address
        attributes["NetworkAccessPointTypeCode"] = IP_ADDRESS if _is_ip_address(address) else MACHINE_NAME
    participant = _element(message, "ActiveParticipant", attributes)
    if role is not None:
        _coded(participant, "RoleIDCode", role)
    return participant


def _host_of(url: str) -> str:
    """The machine that a URL names. Source: RFC 3986 §3.2.2."""
    authority = url.partition("://")[2].partition("/")[0]
    host = authority.rpartition(":")[0] if re.search(r":[0-9]+$", authority) else authority
    return host.strip("[]") or UNKNOWN


def _is_ip_address(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def _participant_objects(message: etree._Element, event: Event, transaction: Transaction) -> None:
    """Source: DICOM PS3.15 A.5.2.5; ITI TF-2 3.18.5.1.2, 3.41.5.1.2 and 3.43.6.1.2."""
    if event.patient is not None:
        fed_by = [each.id for each in event.objects if each.kind is ObjectKind.MESSAGE]  # 3.44.5.1.2, literal II
        details = {"II": fed_by[0]} if fed_by else None
        _object(message, PERSON_PATIENT, PATIENT_NUMBER, str(event.patient), details=details)
    for audit_object in event.objects:
        _audit_object(message, audit_object, transaction)
    if event.requester is not None:
        _claims(message, event.requester)
    if transaction.event_id is SECURITY_ALERT:  # A.5.3.11, Alert Subject
        alert = {"Alert Description": event.explanation or event.outcome.name}
        _object(message, SYSTEM_SECURITY_RESOURCE, URI, event.call.endpoint or UNKNOWN, details=alert)
    if event.rule:
        details = {"table": event.table, "version": event.table_version, "row": event.row}
        _object(message, SYSTEM_SECURITY_RESOURCE, HABILITATION_RULE, event.rule, details=details)
    if event.call.request_id:
        details = {"MessageID": event.call.message_id, "event": event.id}
        _object(message, OTHER_PROCESSING_ELEMENT, REQUEST_ID, event.call.request_id, details=details)


def _audit_object(message: etree._Element, subject: AuditObject, transaction: Transaction) -> None:
    match subject.kind:
        case ObjectKind.DOCUMENT:
            details = {"Repository Unique ID": subject.repository_unique_id}  # 3.43.6.1.2, literal string
            _object(message, SYSTEM_REPORT, REPORT_NUMBER, subject.id, details=details)
        case ObjectKind.SUBMISSION_SET:
            id_type = transaction.type if transaction.medium else SUBMISSION_SET_ID  # 3.32.5.1
            _object(message, SYSTEM_JOB, id_type, subject.id)
        case ObjectKind.REGISTRY_OBJECT:
            _object(message, SYSTEM_REPORT, REGISTRY_OBJECT_ID, subject.id)  # 3.62.5.1
        case ObjectKind.PATIENT:
            _object(message, PERSON_PATIENT, PATIENT_NUMBER, subject.id)
        case ObjectKind.USER:
            _object(message, SYSTEM_USER_ENTITY, USER_IDENTIFIER, subject.id)  # A.5.1, role 11
        case ObjectKind.QUERY:
            details = {"QueryEncoding": "UTF-8" if subject.content else ""}  # 3.18.5.1.2
            _object(message, SYSTEM_QUERY, transaction.type, subject.id, query=subject.content, details=details)


def _claims(message: etree._Element, requester: Requester) -> None:
    """What the assertion said of the requester, in the words of the VIHF."""
    details = {
        "Authentification_mode": requester.authentication.value,
        "Mode_Acces": requester.mode_acces.value,
        "Mode_Acces_Raison": requester.motif,
        "Identifiant_Structure": requester.structure_id,
        "Secteur_Activite": requester.sector,
        "LPS": requester.lps,
        "Connexion_secrete": "true" if requester.secret_connection else "",
    }
    identifier = requester.assertion_id or requester.id_nat or UNKNOWN
    _object(message, SYSTEM_USER_ENTITY, USER_IDENTIFIER, identifier, name=requester.name, details=details)


def _object(
    message: etree._Element,
    kind: tuple[str, str],
    id_type: CodedValue,
    identifier: str,
    *,
    name: str = "",
    query: bytes = b"",
    details: Mapping[str, str] | None = None,
) -> None:
    """One ParticipantObjectIdentification; empty details are left out, values are base64 of UTF-8 (ValuePair)."""
    type_code, role = kind
    subject = _element(
        message,
        "ParticipantObjectIdentification",
        {
            "ParticipantObjectID": identifier,
            "ParticipantObjectTypeCode": type_code,
            "ParticipantObjectTypeCodeRole": role,
        },
    )
    _coded(subject, "ParticipantObjectIDTypeCode", id_type)
    if query:
        etree.SubElement(subject, "ParticipantObjectQuery").text = _base64(query)
    elif name:
        etree.SubElement(subject, "ParticipantObjectName").text = printable(name)
    for detail, value in (details or {}).items():
        if value:
            encoded = _base64(printable(value).encode())
            _element(subject, "ParticipantObjectDetail", {"type": detail, "value": encoded})


def _coded(parent: etree._Element, name: str, value: CodedValue) -> None:
    attributes = {"csd-code": value.code, "codeSystemName": value.system or UNKNOWN, "originalText": value.text}
    _element(parent, name, attributes)


def _element(parent: etree._Element, name: str, attributes: Mapping[str, str]) -> etree._Element:
    """A child with the attributes that have a value."""
    element = etree.SubElement(parent, name)
    for attribute, value in attributes.items():
        if value:
            element.set(attribute, printable(value))
    return element


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
