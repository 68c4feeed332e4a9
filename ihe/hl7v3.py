"""HL7 V3 interactions as IHE carries them: the transmission wrapper read, and answers wrapped. Pure.

Source: ITI TF-2 Appendix O (wrappers) and Appendix E (identifiers); HL7 V3 2008 Normative Edition, XML ITS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from lxml import etree

from identities.requester import PatientId
from ihe.markup import attribute, text
from ihe.soap import SoapError
from registry.errors import ErrorCode, Finding, Severity, finding
from schemas.xml import local_name

HL7 = "urn:hl7-org:v3"
INTERACTIONS = "2.16.840.1.113883.1.6"  # the OID of interactionId and of trigger events
ACKNOWLEDGEMENT = "MCCI_IN000002UV01"
MAX_VALUE = 256  # characters of an identifier

_NAMESPACES = {"hl7": HL7}
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*))+\Z", re.ASCII)
_NOT_IN_CX = re.compile(r"[\^&~|\x00-\x1f\x7f]")
_XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"

# AcknowledgementDetail.code, HL7 table 0357: 204 is printed in ITI TF-2 3.45.4.2.3 and 3.47.4.2.3.
_CONDITIONS = "2.16.840.1.113883.12.357"
_INTERNAL = ("207", "Application internal error")
_DETAILS = {
    ErrorCode.XDSUnknownPatientId: ("204", "Unknown key identifier"),
    ErrorCode.XDSPatientIDReconciliationError: ("205", "Duplicate key identifier"),
    ErrorCode.XDSRegistryBusy: ("206", "Application record locked"),
    ErrorCode.XDSRegistryMetadataError: ("101", "Required field missing"),
    ErrorCode.XDSStoredQueryMissingParam: ("101", "Required field missing"),
    ErrorCode.XDSStoredQueryParamNumber: ("102", "Data type error"),
}
# Where the first step of a finding's location stands below controlActProcess.
_BELOW = {
    "patient": "subject/registrationEvent/subject1",
    "replacementOf": "subject/registrationEvent",
    "queryByParameter": "",
    "queryContinuation": "",
    "reasonCode": "",
    "reasonOf": "",
    "subject": "",
}
_PARAMETERS = "queryByParameter/parameterList"


class Identifier(NamedTuple):
    """An II. Source: HL7 V3 Data Types; ITI TF-2 Appendix E.1."""

    root: str
    extension: str = ""

    @property
    def text(self) -> str:
        """As one text."""
        return f"{self.extension}@{self.root}" if self.extension else self.root

    def written(self, name: str) -> str:
        extension = f' extension="{attribute(self.extension)}"' if self.extension else ""
        return f'<{name} root="{attribute(self.root)}"{extension}/>'


@dataclass(frozen=True, slots=True)
class Device:
    """A sending or receiving application, the organization that it belongs to, and the name of its software."""

    ids: tuple[Identifier, ...]
    organization: tuple[Identifier, ...] = ()
    software: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """An interaction: its transmission wrapper, and the control act of it. Source: ITI TF-2 Tables O.1.1-1, O.1.3-1."""

    interaction: str
    id: Identifier
    sender: Device
    receiver: Device
    processing_code: str
    control_act: etree._Element


# --- Reading ----------------------------------------------------------------------------------------------------------


def read_message(body: etree._Element, *interactions: str) -> Message:
    """The wrapper of an interaction. Raises SoapError for another one, or one that could not even be answered."""
    if body.tag not in {f"{{{HL7}}}{name}" for name in interactions}:
        raise SoapError(f"{interactions[0]} of {HL7}", local_name(body.tag)[:64])
    name = local_name(body.tag)
    control_act = child(body, "controlActProcess")
    identifiers = [_identifier(each) for each in children(body, "id")]
    sender, receiver = _device(body, "sender"), _device(body, "receiver")
    if len(identifiers) != 1 or not identifiers[0].root:
        raise SoapError(f"one id with a root in {name}", "none" if len(identifiers) < 2 else "several")
    if control_act is None or not sender.ids or not receiver.ids:
        raise SoapError(f"sender, receiver with a device/id, and controlActProcess in {name}", "one of them missing")
    code = child(body, "processingCode")
    return Message(
        interaction=name,
        id=identifiers[0],
        sender=sender,
        receiver=receiver,
        processing_code=code.get("code", "") if code is not None else "",
        control_act=control_act,
    )


def children(parent: etree._Element, path: str) -> list[etree._Element]:
    """The elements at `path` that have a value: names separated by slashes, all of HL7 V3."""
    steps = "/".join(f"hl7:{step}" for step in path.split("/"))
    return [each for each in parent.findall(steps, _NAMESPACES) if not absent(each)]


def child(parent: etree._Element, path: str) -> etree._Element | None:
    """The first of `children`."""
    found = children(parent, path)
    return found[0] if found else None


def absent(element: etree._Element) -> bool:
    """Whether an element says that there is no value. Source: HL7 V3 Data Types, nullFlavor."""
    return "nullFlavor" in element.attrib or element.get(_XSI_NIL, "").strip() in ("1", "true")


def said(element: etree._Element | None) -> str:
    """The text of an element, white space collapsed."""
    return "" if element is None else " ".join("".join(str(each) for each in element.itertext()).split())


def read_patient_id(element: etree._Element) -> PatientId | str:
    """The patient identifier of an II, or what is wrong with it. Source: ITI TF-2 Appendix E.1 (II and CX)."""
    found = _identifier(element)
    if not is_oid(found.root):
        return "an II whose root is an ISO OID"
    if not found.extension.strip() or len(found.extension) > MAX_VALUE or _NOT_IN_CX.search(found.extension):
        return f"an extension of 1 to {MAX_VALUE} characters without ^ & ~ |"
    return PatientId(found.extension, found.root)


def is_oid(value: str) -> bool:
    """Whether `value` is an OID that fits a CX. Source: ITI TF-2 Appendix E.1."""
    return len(value) <= 64 and _OID.match(value) is not None


def wrong(attribute_: str, expected: str, got: str, location: str) -> Finding:
    """A finding about a value that is there; one about a value that is not is `missing`."""
    code = ErrorCode.XDSStoredQueryParamNumber
    return finding(code, attribute_, expected=expected, got=got[:64] or "none", location=location)


def missing(attribute_: str, expected: str, location: str, got: str = "none") -> Finding:
    """A finding about what must be there, and once, or be what the message needs."""
    return finding(ErrorCode.XDSRegistryMetadataError, attribute_, expected=expected, got=got, location=location)


def _identifier(element: etree._Element) -> Identifier:
    return Identifier(element.get("root", "").strip(), element.get("extension", ""))


def _device(body: etree._Element, role: str) -> Device:
    found = child(body, f"{role}/device")
    if found is None:
        return Device(())
    organization = children(found, "asAgent/representedOrganization/id")
    return Device(
        tuple(each for each in map(_identifier, children(found, "id")) if each.root),
        tuple(each for each in map(_identifier, organization) if each.root),
        said(child(found, "softwareName")),
    )


# --- Writing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes an answer this one: its id (a UUID, under the OID `root` where there is one) and its instant."""

    id: str
    instant: datetime
    root: str = ""

    @property
    def identifier(self) -> Identifier:
        return Identifier(self.root, self.id) if self.root else Identifier(self.id)


def write_acknowledgement(message: Message, stamp: Stamp, findings: Sequence[Finding]) -> bytes:
    """The accept acknowledgement of `message`: CA, or CE when a finding is an error.

    Source: ITI TF-2 Table O.1.2-1 (an accept acknowledgement is CA, CE or CR).
    """
    code = "CE" if any(found.severity is Severity.ERROR for found in findings) else "CA"
    return write_answer(message, stamp, ACKNOWLEDGEMENT, code, findings, "")


def write_answer(
    message: Message, stamp: Stamp, interaction: str, code: str, findings: Iterable[Finding], control_act: str
) -> bytes:
    """An answer to `message`, from the device that was addressed to the one that sent."""
    details = "".join(write_detail(message, found, _condition(found)) for found in findings)
    acknowledged = (
        f'<hl7:acknowledgement><hl7:typeCode code="{code}"/><hl7:targetMessage>{message.id.written("hl7:id")}'
        f"</hl7:targetMessage>{details}</hl7:acknowledgement>"
    )
    return write_transmission(
        interaction,
        stamp,
        sender=message.receiver,
        receiver=message.sender,
        processing_code=message.processing_code,
        accept_ack_code="NE",
        content=acknowledged + control_act,
    ).encode()


def write_transmission(
    interaction: str,
    stamp: Stamp,
    *,
    sender: Device,
    receiver: Device,
    processing_code: str,
    accept_ack_code: str,
    content: str,
) -> str:
    """An interaction: `content` stands after its transmission wrapper."""
    return (
        f'<hl7:{interaction} xmlns:hl7="{HL7}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'ITSVersion="XML_1.0">{stamp.identifier.written("hl7:id")}'
        f'<hl7:creationTime value="{stamp.instant.astimezone(UTC):%Y%m%d%H%M%S}+0000"/>'
        f'<hl7:interactionId root="{INTERACTIONS}" extension="{interaction}"/>'
        f'<hl7:processingCode code="{attribute(processing_code or "P")}"/><hl7:processingModeCode code="T"/>'
        f'<hl7:acceptAckCode code="{accept_ack_code}"/>'
        f'<hl7:receiver typeCode="RCV">{_written(receiver)}</hl7:receiver>'
        f'<hl7:sender typeCode="SND">{_written(sender)}</hl7:sender>{content}</hl7:{interaction}>'
    )


def _written(device: Device) -> str:
    ids = "".join(each.written("hl7:id") for each in device.ids) or '<hl7:id nullFlavor="UNK"/>'
    agent = ""
    if device.organization:
        organization = "".join(each.written("hl7:id") for each in device.organization)
        agent = (
            '<hl7:asAgent classCode="AGNT"><hl7:representedOrganization classCode="ORG" determinerCode="INSTANCE">'
            f"{organization}</hl7:representedOrganization></hl7:asAgent>"
        )
    software = f"<hl7:softwareName>{text(device.software)}</hl7:softwareName>" if device.software else ""
    return f'<hl7:device classCode="DEV" determinerCode="INSTANCE">{ids}{software}{agent}</hl7:device>'


def write_detail(message: Message, found: Finding, code: str) -> str:
    """The acknowledgementDetail of one finding on `message`; `code` is its code element."""
    kind = "E" if found.severity is Severity.ERROR else "W"
    where = _xpath(message.interaction, found.location) if found.location else ""
    location = f"<hl7:location>{text(where)}</hl7:location>" if where else ""
    return (
        f'<hl7:acknowledgementDetail typeCode="{kind}">{code}<hl7:text>{text(found.context)}</hl7:text>{location}'
        "</hl7:acknowledgementDetail>"
    )


def _condition(found: Finding) -> str:
    code, meaning = _DETAILS.get(found.code, _INTERNAL)
    return f'<hl7:code code="{code}" codeSystem="{_CONDITIONS}" displayName="{meaning}"/>'


def _xpath(interaction: str, location: str) -> str:
    """The XPath of a place in the request, with the prefix that the answer binds. A location begins at its class."""
    first = re.split(r"[/\[]", location)[0]
    steps = (interaction, "controlActProcess", *_BELOW.get(first, _PARAMETERS).split("/"), *location.split("/"))
    return "".join(f"/hl7:{step}" for step in steps if step)
