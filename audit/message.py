"""The audit message of an event: DICOM PS3.15 XML, edition 2017c, as IHE uses it.

Beyond what the standard asks, a message holds what makes an event understandable on its own: the assertion's claims as
a Security User Entity, the deciding rule as a Security Resource, the request's identifiers as a Processing Element.

Source: DICOM PS3.15 A.5 (schema and messages); ITI TF-2 3.20.7.1 (IHE's constraints) and 3.40.4.2 (XUA).
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache

from audit.errors import AuditMessageError
from audit.event import AuditObject, Event, ObjectKind
from audit.markup import document, element, printable, text
from audit.participants import UNKNOWN, Participant, participants_of
from audit.transactions import (
    ACCESS_CONTROL_DECISION,
    AUDIT_LOG_USED,
    BY_HL7_V2,
    EMERGENCY_OVERRIDE_STARTED,
    SECURITY_ALERT,
    CodedValue,
    EventAction,
    Transaction,
    transaction_of,
)
from identities.requester import Authentication, ModeAcces, Requester
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
OAUTH_CLIENT = "Client_OAuth"  # detail of the claims: of an access token, RFC 9068 §2.2
NODE_ID = CodedValue("110182", "DCM", "Node ID")
SUBSCRIPTION_ID = CodedValue("subscription", "DMP", "Subscription")
CONFIGURATION_KEY = CodedValue("configuration", "DMP", "Configuration")

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
PERMANENT_ERASURE = "15"  # ParticipantObjectDataLifeCycle, A.5.1
HOME_COMMUNITY = "urn:ihe:iti:xca:2010:homeCommunityId"  # ITI TF-2 3.18.5.1.2
SECURITY_AUDIT_LOG = "Security Audit Log"  # A.5.3.2


@dataclass(frozen=True, slots=True)
class AuditSource:
    """This server, as audit messages name it. `host` is its machine name, `process_id` that of the local logs.

    Source: DICOM PS3.15 A.5.2.4; ITI TF-2 3.43.6.1.2 (AlternativeUserID).
    """

    source_id: str
    host: str
    enterprise_site_id: str = ""
    process_id: str = ""

    @property
    def log_uri(self) -> str:
        """What names this server's audit log. Source: DICOM PS3.15 A.5.3.2 (the URI of the audit log)."""
        return f"audit://{self.host}/{self.source_id}"


def write_message(event: Event, *, site: AuditSource) -> bytes:
    """The audit message of `event`, UTF-8. Raises AuditMessageError when `event.instant` has no time zone."""
    if event.instant.utcoffset() is None:
        raise AuditMessageError("an instant with a time zone", "one without")
    transaction = transaction_of(event)
    participants = map(_active_participant, participants_of(event, transaction, site))
    objects = _participant_objects(event, transaction, site)
    source = _source_identification(site)
    return document(
        element("AuditMessage", {}, _event_identification(event, transaction), *participants, source, *objects)
    )


def _event_identification(event: Event, transaction: Transaction) -> str:
    """Source: DICOM PS3.15 A.5.2.1; PurposeOfUse: ITI TF-2 3.20.7.1.2."""
    said = [_coded("EventID", transaction.event_id)]
    said += [_coded("EventTypeCode", type_code) for type_code in _event_types(event, transaction)]
    if event.explanation:
        said.append(element("EventOutcomeDescription", {}, text(event.explanation)))
    if event.requester is not None and (purpose := _purpose(event.requester)):
        said.append(_coded("PurposeOfUse", purpose))
    attributes = {
        "EventActionCode": event.event_action or transaction.action.value,
        "EventDateTime": event.instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "EventOutcomeIndicator": str(event.outcome.value),
    }
    return element("EventIdentification", attributes, *said)


@lru_cache(maxsize=8)
def _source_identification(site: AuditSource) -> str:
    """Source: DICOM PS3.15 A.5.2.4."""
    attributes = {"AuditEnterpriseSiteID": site.enterprise_site_id, "AuditSourceID": site.source_id}
    return element("AuditSourceIdentification", attributes, _coded("AuditSourceTypeCode", APPLICATION_SERVER))


def _purpose(requester: Requester) -> CodedValue | None:
    """What a user of an IHE domain says, if anything (ITI TF-2 3.40.4.1.3.3), the access mode of all others."""
    if requester.purpose:
        return CodedValue(requester.purpose, requester.purpose_system, requester.purpose)
    if requester.authentication.ihe:
        return None
    return CodedValue(requester.mode_acces.value, oids.MODE_ACCES, requester.mode_acces.value)


def _event_types(event: Event, transaction: Transaction) -> Iterator[CodedValue]:
    """What the standard calls it, then what this house does, where that says more."""
    yield transaction.type
    said, asked = {transaction.type.code}, event.call.transaction
    if asked and transaction.event_id is SECURITY_ALERT:
        yield CodedValue(asked, "IHE Transactions" if asked.startswith("ITI-") else "DMP", asked)
        said.add(asked)
    if event.action and event.action not in said and event.action != asked:
        yield CodedValue(event.action, "DMP", event.action)
    if event.table:
        yield ACCESS_CONTROL_DECISION
    if event.requester is not None and event.requester.mode_acces is not ModeAcces.NORMAL:
        yield EMERGENCY_OVERRIDE_STARTED


@lru_cache(maxsize=1024)  # this server, and whoever asks more than once
def _active_participant(participant: Participant) -> str:
    """Source: DICOM PS3.15 A.5.1 and A.5.2.2."""
    attributes = {
        "UserID": participant.user_id,
        "AlternativeUserID": participant.alternative_id,
        "UserName": participant.name,
        "UserIsRequestor": "true" if participant.requestor else "false",
    }
    if address := participant.address:
        attributes["NetworkAccessPointID"] = address
        attributes["NetworkAccessPointTypeCode"] = IP_ADDRESS if _is_ip_address(address) else MACHINE_NAME
    said = [_coded("RoleIDCode", role) for role in participant.roles]
    if participant.medium is not None:
        said.append(element("MediaIdentifier", {}, _coded("MediaType", participant.medium)))
    return element("ActiveParticipant", attributes, *said)


def _is_ip_address(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def _participant_objects(event: Event, transaction: Transaction, site: AuditSource) -> Iterator[str]:
    """Source: DICOM PS3.15 A.5.2.5; ITI TF-2 3.18.5.1.2, 3.41.5.1.2 and 3.43.6.1.2."""
    if event.patient is not None:
        named = "MSH-10" if event.call.transaction in BY_HL7_V2 else "II"  # 3.8.5.1, 3.44.5.1.2
        fed_by = [(named, each.id) for each in event.objects if each.kind is ObjectKind.MESSAGE]
        yield _object(PERSON_PATIENT, PATIENT_NUMBER, str(event.patient), details=fed_by[:1])
    for audit_object in event.objects:
        yield from _audit_objects(audit_object, transaction)
    if event.requester is not None and event.requester.authentication is not Authentication.NOEUD_IHE:
        yield _claims(event.requester)
    if transaction.event_id is AUDIT_LOG_USED:  # A.5.3.2
        yield _object(SYSTEM_SECURITY_RESOURCE, URI, site.log_uri, name=SECURITY_AUDIT_LOG)
    if transaction.event_id is SECURITY_ALERT:  # A.5.3.11, Alert Subject
        alert = [("Alert Description", event.explanation or event.outcome.name)]
        yield _object(SYSTEM_SECURITY_RESOURCE, URI, event.call.endpoint or UNKNOWN, details=alert)
    if event.rule:
        decided = [("table", event.table), ("version", event.table_version), ("row", event.row)]
        yield _object(SYSTEM_SECURITY_RESOURCE, HABILITATION_RULE, event.rule, details=decided)
    if event.call.request_id:
        ids = [("MessageID", event.call.message_id), ("event", event.id)]
        yield _object(OTHER_PROCESSING_ELEMENT, REQUEST_ID, event.call.request_id, details=ids)


def _audit_objects(subject: AuditObject, transaction: Transaction) -> Iterator[str]:
    match subject.kind:
        case ObjectKind.DOCUMENT:
            where, community = subject.repository_unique_id, subject.home_community_id
            details = [("Repository Unique Id", where), ("ihe:homeCommunityID", community)]  # 3.43.6.1.2
            erased = PERMANENT_ERASURE if transaction.action is EventAction.DELETE else ""  # 3.86.5.1
            yield _object(SYSTEM_REPORT, REPORT_NUMBER, subject.id, details=details, life_cycle=erased)
        case ObjectKind.SUBMISSION_SET:
            id_type = transaction.type if transaction.medium else SUBMISSION_SET_ID  # 3.32.5.1
            yield _object(SYSTEM_JOB, id_type, subject.id)
        case ObjectKind.REGISTRY_OBJECT:  # 3.62.5.1
            yield _object(SYSTEM_REPORT, REGISTRY_OBJECT_ID, subject.id, life_cycle=PERMANENT_ERASURE)
        case ObjectKind.PATIENT:
            yield _object(PERSON_PATIENT, PATIENT_NUMBER, subject.id, details=subject.details)
        case ObjectKind.USER:
            yield _object(SYSTEM_USER_ENTITY, USER_IDENTIFIER, subject.id)  # A.5.1, role 11
        case ObjectKind.QUERY:
            encoding, community = "UTF-8" if subject.content else "", subject.home_community_id
            details = [("QueryEncoding", encoding), (HOME_COMMUNITY, community), *subject.details]  # 3.18.5.1.2
            yield _object(SYSTEM_QUERY, transaction.type, subject.id, query=subject.content, details=details)
        case ObjectKind.NODE:  # A.5.3.11, Alert Subject
            yield _object(SYSTEM_SECURITY_RESOURCE, NODE_ID, subject.id, details=subject.details)
        case ObjectKind.SUBSCRIPTION:  # DSUBm, audit of ITI-110 and ITI-112: object-role 20, Job
            yield _object(SYSTEM_JOB, SUBSCRIPTION_ID, subject.id)
        case ObjectKind.CONFIGURATION:
            yield _object(SYSTEM_SECURITY_RESOURCE, CONFIGURATION_KEY, subject.id, details=subject.details)


@lru_cache(maxsize=256)  # of a consultation
def _claims(requester: Requester) -> str:
    """What the assertion said of the requester, in the words of the VIHF."""
    details = [
        ("Authentification_mode", requester.authentication.value),
        ("Mode_Acces", requester.mode_acces.value),
        ("Mode_Acces_Raison", requester.motif),
        ("Identifiant_Structure", requester.structure_id),
        ("Secteur_Activite", requester.sector),
        ("LPS", requester.lps),
        (OAUTH_CLIENT, requester.client_id),
        ("Connexion_secrete", "true" if requester.secret_connection else ""),
    ]
    identifier = requester.assertion_id or requester.id_nat or UNKNOWN
    return _object(SYSTEM_USER_ENTITY, USER_IDENTIFIER, identifier, name=requester.name, details=details)


def _object(
    kind: tuple[str, str],
    id_type: CodedValue,
    identifier: str,
    *,
    name: str = "",
    query: bytes = b"",
    details: Iterable[tuple[str, str]] = (),
    life_cycle: str = "",
) -> str:
    """One ParticipantObjectIdentification; empty details are left out, values are base64 of UTF-8 (ValuePair)."""
    type_code, role = kind
    said = [_coded("ParticipantObjectIDTypeCode", id_type)]
    if query:
        said.append(element("ParticipantObjectQuery", {}, _base64(query)))
    elif name:
        said.append(element("ParticipantObjectName", {}, text(name)))
    said += [
        element("ParticipantObjectDetail", {"type": detail, "value": _base64(printable(value).encode())})
        for detail, value in details
        if value
    ]
    attributes = {
        "ParticipantObjectID": identifier,
        "ParticipantObjectTypeCode": type_code,
        "ParticipantObjectTypeCodeRole": role,
        "ParticipantObjectDataLifeCycle": life_cycle,
    }
    return element("ParticipantObjectIdentification", attributes, *said)


@lru_cache(maxsize=1024)  # nearly all are constants, or codes of few tables
def _coded(name: str, value: CodedValue) -> str:
    attributes = {"csd-code": value.code, "codeSystemName": value.system or UNKNOWN, "originalText": value.text}
    return element(name, attributes)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
