"""An audit message of another node: the bytes that came, and what the log's columns need of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from audit.event import Outcome
from identities.requester import PatientId


@dataclass(frozen=True, slots=True)
class Received:
    """An audit message of another node, as bytes and as what columns need.

    `message` is exactly as it came: the syslog MSG without BOM, or the JSON of an AuditEvent. `format` is `dicom`,
    `rfc3881`, `fhir`, or `other` when nothing could be read. `origin` says who sent it. `instant` is the event's own,
    `recorded` when it has none; `id` is made here.
    """

    message: bytes
    format: str
    origin: str
    recorded: datetime
    instant: datetime
    id: str
    transaction: str
    event_code: str
    source_id: str
    outcome: Outcome
    patient: PatientId | None
    requester_id: str
    requester_name: str
    client_address: str
    documents: tuple[str, ...]
    submission_sets: tuple[str, ...]
