"""A subscription: what one requester wants to be told of documents, where to, and how far that has come. Pure.

Source: IHE DSUBm 1.0, 2:3.110 (Resource Subscription) and 2:3.112 (Resource Notify); HL7 Subscriptions R5 Backport
1.1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any

from identities.requester import Authentication, ModeAcces, PatientId, Requester


class Status(StrEnum):
    """Source: HL7 FHIR R4, subscription-status."""

    REQUESTED = "requested"
    ACTIVE = "active"
    ERROR = "error"
    OFF = "off"


class Payload(StrEnum):
    """How much a notification says. Source: HL7 Subscriptions R5 Backport, backport-content-value-set."""

    EMPTY = "empty"
    ID_ONLY = "id-only"
    FULL_RESOURCE = "full-resource"


class Message(StrEnum):
    """What is sent. Source: HL7 Subscriptions R5 Backport, subscription-notification-type; DSUBm, 2:3.112.4.7."""

    HANDSHAKE = "handshake"
    HEARTBEAT = "heartbeat"
    EVENT = "event-notification"
    DEACTIVATION = "deactivation"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What `owner` wants. `patient` None: of every patient. `events` is the number of the newest event.

    `topic` is a canonical URL, `criteria` the filter as it came, `base` the address of the door that it came by,
    `rest` what else the resource says, as that door keeps it. `heartbeat` is in seconds, 0 for none; `beat` when the
    next one is due.
    """

    id: str
    owner: Requester
    patient: PatientId | None
    topic: str
    criteria: str
    endpoint: str
    payload: Payload
    base: str
    status: Status = Status.REQUESTED
    end: datetime | None = None
    heartbeat: int = 0
    beat: datetime | None = None
    events: int = 0
    version: int = 1
    rest: str = "{}"

    @property
    def told(self) -> bool:
        """Whether events are told: in error, too, as long as it is not off."""
        return self.status in (Status.ACTIVE, Status.ERROR)


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of an object (registry.changes), and nobody was told of yet."""

    id: int
    instant: datetime
    uuid: str
    kind: str
    change: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One event of a subscription: `uuid` is the entryUUID of a version of the object of class `kind`."""

    subscription: str
    number: int
    instant: datetime
    uuid: str
    kind: str
    created: bool


def owner_key(requester: Requester) -> str:
    """By what an owner is known again, however they come in: a person in one structure, or a node."""
    return "|".join((requester.authentication.value, requester.structure_id, requester.id_nat, requester.client_id))


def write_requester(requester: Requester) -> str:
    """A requester as a text that `read_requester` reads."""
    said = {each.name: getattr(requester, each.name) for each in fields(requester)}
    said |= {name: value.value for name, value in said.items() if isinstance(value, Enum)}
    patient = requester.patient
    return json.dumps({**said, "patient": [patient.value, patient.authority] if patient else None})


def read_requester(text: str) -> Requester:
    """The requester that was written."""
    said: dict[str, Any] = json.loads(text)
    patient = said["patient"]
    return Requester(
        **{
            **said,
            "authentication": Authentication(said["authentication"]),
            "mode_acces": ModeAcces(said["mode_acces"]),
            "patient": PatientId(*patient) if patient else None,
        }
    )
