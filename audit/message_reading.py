"""An audit message read: DICOM PS3.15, of any edition, and its ancestor RFC 3881, which is never written here.

Both have the same elements and attributes; a coded value is `csd-code` in one and `code` in the other. A message is
read for what it says: what a schema would ask besides is not missed, and what nobody knows is passed over.

Source: DICOM PS3.15 A.5.1; RFC 3881 §5; ITI TF-2 3.20.7.1.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from audit.errors import AuditMessageError
from audit.transactions import APPLICATION, APPLICATION_LAUNCHER, DESTINATION, SOURCE, CodedValue
from identities.requester import PatientId
from schemas import xml
from schemas.xml import local_name

MAX_BYTES = 1024 * 1024
DICOM, RFC3881 = "dicom", "rfc3881"
OID_URI = "urn:oid:"  # RFC 3061

PARTIES = frozenset(role.code for role in (APPLICATION, APPLICATION_LAUNCHER, DESTINATION, SOURCE))
NOTHING = CodedValue("", "", "")


@dataclass(frozen=True, slots=True)
class Participant:
    """An ActiveParticipant. `address_type` is NetworkAccessPointTypeCode."""

    user_id: str
    alternative_id: str
    name: str
    requestor: bool
    roles: tuple[CodedValue, ...]
    address: str
    address_type: str
    media: tuple[CodedValue, ...]

    @property
    def party(self) -> CodedValue | None:
        """Which end of the exchange it is: source, destination, application; None of whoever stands behind one."""
        return next((role for role in self.roles if role.code in PARTIES), None)


@dataclass(frozen=True, slots=True)
class ParticipantObject:
    """A ParticipantObjectIdentification. `kind` is its type code and role; values of details are decoded."""

    id: str
    kind: tuple[str, str]
    life_cycle: str
    sensitivity: str
    id_type: CodedValue
    name: str
    query: bytes
    details: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class AuditMessage:
    """What an audit message says; '' for what it does not. `instant` is None when it names no moment of the calendar.

    `dialect` is that of its coded values.
    """

    dialect: str
    event_id: CodedValue
    types: tuple[CodedValue, ...]
    purposes: tuple[CodedValue, ...]
    action: str
    outcome: str
    description: str
    instant: datetime | None
    participants: tuple[Participant, ...]
    site: str
    source_id: str
    source_types: tuple[CodedValue, ...]
    objects: tuple[ParticipantObject, ...]


def read_message(data: bytes) -> AuditMessage:
    """The audit message in `data`. Raises AuditMessageError for what is none."""
    try:
        root = xml.parse(data, max_bytes=MAX_BYTES)
    except xml.XmlError as error:
        raise AuditMessageError(error.expected, error.got) from None
    if local_name(root.tag) != "AuditMessage":
        raise AuditMessageError("an AuditMessage", "another element")
    parts = _parts(root)
    if "EventIdentification" not in parts:
        raise AuditMessageError("an EventIdentification", "none")
    event, inside = parts["EventIdentification"][0], _parts(parts["EventIdentification"][0])
    source = parts.get("AuditSourceIdentification", [etree.Element("AuditSourceIdentification")])[0]
    named = inside.get("EventID", ())
    return AuditMessage(
        dialect=RFC3881 if any("code" in each.attrib for each in named) else DICOM,
        event_id=next(iter(_codes(named)), NOTHING),
        types=_codes(inside.get("EventTypeCode", ())),
        purposes=_codes(inside.get("PurposeOfUse", ())),
        action=_attribute(event, "EventActionCode"),
        outcome=_attribute(event, "EventOutcomeIndicator"),
        description=_text(inside, "EventOutcomeDescription"),
        instant=read_instant(_attribute(event, "EventDateTime")),
        participants=tuple(_participant(each) for each in parts.get("ActiveParticipant", ())),
        site=_attribute(source, "AuditEnterpriseSiteID"),
        source_id=_attribute(source, "AuditSourceID"),
        source_types=_codes(_parts(source).get("AuditSourceTypeCode", ())),
        objects=tuple(_object(each) for each in parts.get("ParticipantObjectIdentification", ())),
    )


def read_instant(text: str) -> datetime | None:
    """The moment that an xs:dateTime names; without a time zone it is taken to be UTC."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_patient(text: str) -> PatientId:
    """The identifier of a CX, as anybody writes it, or of a token of FHIR: its authority is '' where no OID is named.

    Source: HL7 v2.5 2.A.14 (CX.1, CX.4.2); HL7 FHIR R4, Search (token).
    """
    system, bar, value = text.partition("|")
    if bar and system.startswith(OID_URI):
        return PatientId(value, system.removeprefix(OID_URI))
    parts = text.split("^")
    authority = parts[3].split("&") if len(parts) > 3 else []
    return PatientId(parts[0], authority[1] if len(authority) > 1 else "")


def _participant(element: etree._Element) -> Participant:
    parts = _parts(element)
    return Participant(
        user_id=_attribute(element, "UserID"),
        alternative_id=_attribute(element, "AlternativeUserID"),
        name=_attribute(element, "UserName"),
        requestor=_attribute(element, "UserIsRequestor").lower() in ("true", "1"),
        roles=_codes(parts.get("RoleIDCode", ())),
        address=_attribute(element, "NetworkAccessPointID"),
        address_type=_attribute(element, "NetworkAccessPointTypeCode"),
        media=tuple(
            code for each in parts.get("MediaIdentifier", ()) for code in _codes(_parts(each).get("MediaType", ()))
        ),
    )


def _object(element: etree._Element) -> ParticipantObject:
    parts = _parts(element)
    return ParticipantObject(
        id=_attribute(element, "ParticipantObjectID"),
        kind=(_attribute(element, "ParticipantObjectTypeCode"), _attribute(element, "ParticipantObjectTypeCodeRole")),
        life_cycle=_attribute(element, "ParticipantObjectDataLifeCycle"),
        sensitivity=_attribute(element, "ParticipantObjectSensitivity"),
        id_type=next(iter(_codes(parts.get("ParticipantObjectIDTypeCode", ()))), NOTHING),
        name=_text(parts, "ParticipantObjectName"),
        query=_decoded(_text(parts, "ParticipantObjectQuery")),
        details=tuple(
            (_attribute(each, "type"), _decoded(_attribute(each, "value")))
            for each in parts.get("ParticipantObjectDetail", ())
        ),
    )


def _parts(parent: etree._Element) -> dict[str, list[etree._Element]]:
    """The children by their names."""
    found: dict[str, list[etree._Element]] = {}
    for child in parent:
        found.setdefault(local_name(child.tag), []).append(child)
    return found


def _codes(elements: Iterable[etree._Element]) -> tuple[CodedValue, ...]:
    return tuple(
        CodedValue(
            _attribute(element, "csd-code") or _attribute(element, "code"),
            _attribute(element, "codeSystemName") or _attribute(element, "codeSystem"),
            _attribute(element, "originalText") or _attribute(element, "displayName"),
        )
        for element in elements
    )


def _attribute(element: etree._Element, name: str) -> str:
    """Its value as a token: no white space around it, one space within. Source: XML Schema 1.0 Part 2, 3.3.2."""
    return " ".join(element.get(name, "").split())


def _text(parts: Mapping[str, list[etree._Element]], name: str) -> str:
    return (parts[name][0].text or "").strip() if name in parts else ""


def _decoded(text: str) -> bytes:
    """The bytes that a base64 text stands for; one that is none stands for itself, so that nothing of it is lost."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode()
