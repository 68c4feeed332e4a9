"""HL7 V3 interactions: the wrapper around what is asked, and what the acknowledgement of the answer says.

Sources: HL7 V3 Normative Edition 2008, Transmission and Message Control Act wrappers (MCCI, MFMI, QUQI); GIE
SESAM-Vitale, DMP message examples v02.05.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from conformance.lps.people import Patient, Sender
from conformance.lps.soap import LpsError, RegistryError
from conformance.lps.submission import dtm, source_oid
from conformance.lps.vihf import LPS
from schemas import oids
from schemas.xml import local_name

HL7 = "urn:hl7-org:v3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
NS = {"h": HL7}
_INTERACTION = "2.16.840.1.113883.1.6"  # HL7 registered interactions
_ACCEPTED = ("AA", "CA")  # HL7 V3, AcknowledgementType


@dataclass(frozen=True, slots=True)
class Interaction:
    """A message to send: its root, its control act to be filled, and its id (root, extension)."""

    root: etree._Element
    control_act: etree._Element
    id: tuple[str, str]

    def content(self) -> bytes:
        """The message as the content of a Body."""
        return etree.tostring(self.root, encoding="UTF-8", xml_declaration=False)


def child(parent: etree._Element, name: str, text: str | None = None, **attributes: str) -> etree._Element:
    """Adds an element of HL7 V3; attributes that are '' stay out."""
    element = etree.SubElement(parent, f"{{{HL7}}}{name}", {key: value for key, value in attributes.items() if value})
    element.text = text
    return element


def typed(parent: etree._Element, kind: str, text: str | None = None, **attributes: str) -> etree._Element:
    """Adds a `value` of a named data type."""
    element = child(parent, "value", text, **attributes)
    element.set(f"{{{XSI}}}type", kind)
    return element


def interaction(name: str, sender: Sender, now: datetime, *, reason: tuple[str, str] = ("", "")) -> Interaction:
    """A message of `name` (PRPA_IN...) to the DMP. `reason` is the control act's reasonCode and its code system.

    Without a reason the control act has the trigger event that goes with the name instead.
    """
    identifier = (source_oid(sender), str(uuid.uuid4()))
    root = etree.Element(f"{{{HL7}}}{name}", {"ITSVersion": "XML_1.0"}, nsmap={None: HL7, "xsi": XSI})
    child(root, "id", root=identifier[0], extension=identifier[1])
    child(root, "creationTime", value=dtm(now))
    child(root, "interactionId", root=_INTERACTION, extension=name)
    child(root, "processingCode", code="P")
    child(root, "processingModeCode", code="T")
    child(root, "acceptAckCode", code="AL")
    _device(root, "receiver", "RCV", oids.DMP_DEVICE, "DMP")
    _device(root, "sender", "SND", source_oid(sender), " ".join(LPS))
    control_act = child(root, "controlActProcess", classCode="CACT", moodCode="EVN")
    if reason[0]:
        child(control_act, "reasonCode", code=reason[0], codeSystem=reason[1])
    else:
        child(control_act, "code", code=name.replace("_IN", "_TE"), codeSystem=_INTERACTION)
    return Interaction(root, control_act, identifier)


def _device(root: etree._Element, role: str, type_code: str, identifier: str, software: str) -> None:
    device = child(child(root, role, typeCode=type_code), "device", classCode="DEV", determinerCode="INSTANCE")
    child(device, "id", root=identifier)
    child(device, "softwareName", software)


def query_by_parameter(message: Interaction) -> etree._Element:
    """Adds a query to the control act; the parameterList to be filled."""
    query = child(message.control_act, "queryByParameter")
    child(query, "queryId", root=message.id[0], extension=str(uuid.uuid4()))
    child(query, "statusCode", code="new")
    return child(query, "parameterList")


def malformed(expected: str, got: str, where: str) -> LpsError:
    """The answer is none that its transaction has."""
    return LpsError("Transport", f"expected {expected}, got {got}", where)


def check_acknowledgement(message: etree._Element, sent: Interaction, *, as_element: bool = False) -> None:
    """Raises LpsError unless the message accepts the one `sent`: with every acknowledgementDetail when it refuses.

    The type of the acknowledgement is an attribute, and in the interactions of IHE an element (`as_element`).
    """
    name = local_name(message.tag)
    acknowledgement = message.find("h:acknowledgement", NS)
    if acknowledgement is None:
        raise malformed("an acknowledgement", "none", name)
    said = acknowledgement.find("h:typeCode", NS) if as_element else None
    type_code = (said.get("code") if said is not None else acknowledgement.get("typeCode")) or ""
    if type_code not in _ACCEPTED:
        errors = tuple(_details(acknowledgement))
        first = errors[0] if errors else RegistryError(type_code or "none", "no acknowledgementDetail was given")
        raise LpsError(first.code, first.context, f"acknowledgement {type_code}", errors)
    target = acknowledgement.find("h:targetMessage/h:id", NS)
    if target is None or (target.get("root"), target.get("extension")) != sent.id:
        raise malformed("an acknowledgement of this message", "none or one of another", name)


def _details(acknowledgement: etree._Element) -> Iterator[RegistryError]:
    for detail in acknowledgement.iterfind("h:acknowledgementDetail", NS):
        location = " ".join(text_of(each) for each in detail.iterfind("h:location", NS))
        yield RegistryError(attribute(detail, "h:code", "code"), text_of(detail.find("h:text", NS)), location)


def response_code(message: etree._Element) -> str:
    """OK or NF. Raises LpsError when the query failed. Source: HL7 V3, QueryResponse."""
    code = attribute(message, "h:controlActProcess/h:queryAck/h:queryResponseCode", "code")
    if code not in ("OK", "NF"):
        raise malformed("a queryResponseCode OK or NF", code or "none", local_name(message.tag))
    return code


def text_of(element: etree._Element | None) -> str:
    """All the text in an element ('' for none), its white space condensed."""
    return " ".join("".join(str(text) for text in element.itertext()).split()) if element is not None else ""


def attribute(element: etree._Element, path: str, name: str) -> str:
    """An attribute of the first element that the path leads to, '' for none."""
    found = element.find(path, NS)
    return str(found.get(name) or "") if found is not None else ""


def boolean(element: etree._Element | None, where: str) -> bool:
    """A value of type BL. Raises LpsError for anything else."""
    value = element.get("value") if element is not None else None
    if value not in ("true", "false"):
        raise malformed(f"true or false for {where}", str(value), "BL")
    return value == "true"


def identifiers(patient: etree._Element) -> tuple[Patient, ...]:
    """The ids of a patient, in their order."""
    ids = ((each.get("extension"), each.get("root")) for each in patient.iterfind("h:id", NS))
    return tuple(Patient(extension, root) for extension, root in ids if extension and root)


def coded_values(element: etree._Element, path: str, code: str = "h:code") -> dict[tuple[str, str], etree._Element]:
    """The values of observations, or of whatever else the path leads to, by code and code system."""
    return {
        (attribute(each, code, "code"), attribute(each, code, "codeSystem")): value
        for each in element.iterfind(path, NS)
        if (value := each.find("h:value", NS)) is not None
    }
