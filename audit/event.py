"""The audit event: what happened, as data, one for each request.

Source: DICOM PS3.15 A.5; ITI TF-2 3.20 and the audit considerations of each transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum

from identities.requester import PatientId, Requester


class Outcome(IntEnum):
    """Source: DICOM PS3.15 A.5.3.1, EventOutcomeIndicator."""

    SUCCESS = 0
    MINOR_FAILURE = 4  # refused, or the request was wrong
    SERIOUS_FAILURE = 8  # authentication failed
    MAJOR_FAILURE = 12  # the server failed


class ObjectKind(Enum):
    """What a participant object is."""

    DOCUMENT = "document"
    SUBMISSION_SET = "submission_set"
    QUERY = "query"
    MESSAGE = "message"  # of an identity source: `id` is its message.id
    PATIENT = "patient"  # another than the event is about, a CX
    REGISTRY_OBJECT = "registry_object"
    USER = "user"  # whose rights were changed: a PS_IdNat, or a Struct_IdNat
    NODE = "node"  # another machine: the subject of its certificate, else its address
    SUBSCRIPTION = "subscription"  # by its id
    CONFIGURATION = "configuration"  # a part of what the server runs with, by its name


@dataclass(frozen=True, slots=True)
class AuditObject:
    """A document (`id` is its uniqueId), a submission set (uniqueId), a query (its UUID; `content` the request), an
    object of the registry (its entryUUID), or another of ObjectKind. `details` are said of it beside.
    """

    kind: ObjectKind
    id: str
    repository_unique_id: str = ""
    content: bytes = b""
    home_community_id: str = ""
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """The request as the door saw it on the wire. `transaction` is the standard's number: `ITI-41`.

    `endpoint` is the URL that was asked, without its query; or whom this server tells something.
    """

    transaction: str
    request_id: str
    endpoint: str = ""
    message_id: str = ""
    reply_to: str = ""  # where the client has answers sent, where WS-Addressing says so
    home_community_id: str = ""  # of the community that a query is for, where it names one
    client_address: str = ""
    client_certificate: str = ""  # RFC 4514 subject of the TLS client certificate, '' without one
    operator: str = ""  # account of the operator who typed it at the server itself, for a requester or as a node


@dataclass(frozen=True, slots=True)
class Event:
    """One audit event. `action` is the DMP action (`TD3.2`); a refusal carries the rule, table and row that decided."""

    id: str
    instant: datetime
    call: Call
    outcome: Outcome
    action: str = ""
    requester: Requester | None = None
    patient: PatientId | None = None
    dossier: str = ""
    objects: tuple[AuditObject, ...] = ()
    rule: str = ""  # name of the deciding rule
    table: str = ""
    table_version: str = ""
    row: str = ""
    explanation: str = ""  # French sentence, without health data
    operator: str = ""  # account of the operator, for command-line acts
    event_action: str = ""  # EventActionCode, where a transaction has several
