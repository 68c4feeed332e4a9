"""SOAP 1.2 envelopes out, answers in: WS-Addressing, WS-Security, faults and registry errors.

Sources: ITI TF-2 Appendix V (web services for IHE transactions); SOAP 1.2 Part 1; ITI TF-3 4.2.4 (errors).
"""

from __future__ import annotations

import html
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from schemas.xml import XmlError, local_name, parse

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
LCM = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
QUERY = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
XDS = "urn:ihe:iti:xds-b:2007"
XOP = "http://www.w3.org/2004/08/xop/include"

ANONYMOUS = "http://www.w3.org/2005/08/addressing/anonymous"
SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"  # ITI TF-3 Table 4.2.4.1-1
_SEVERITY_WARNING = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning"  # ITI TF-3 4.2.4.1

# ITI TF-2 3.18.4, 3.41.4, 3.43.4, 3.57.4
REGISTRY_STORED_QUERY = "urn:ihe:iti:2007:RegistryStoredQuery"
PROVIDE_AND_REGISTER = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
RETRIEVE_DOCUMENT_SET = "urn:ihe:iti:2007:RetrieveDocumentSet"
UPDATE_DOCUMENT_SET = "urn:ihe:iti:2010:UpdateDocumentSet"


@dataclass(frozen=True, slots=True)
class RegistryError:
    """One rs:RegistryError. Source: ITI TF-3 4.2.4.1."""

    code: str
    context: str
    location: str = ""


class LpsError(Exception):
    """The server refused or failed.

    `code` is that of a RegistryError or an acknowledgementDetail, the status of a service when it is not DMPOk, the
    subcode of a SOAP Fault, or `Transport`; `context` what the server said about it; `reason` where it came from
    (`RegistryResponse`, `acknowledgement AE`, `SOAP Fault`, `HTTP 413` ...). `errors` lists them all.
    """

    def __init__(self, code: str, context: str, reason: str, errors: tuple[RegistryError, ...] = ()) -> None:
        super().__init__(f"{code}: {context} ({reason})")
        self.code = code
        self.context = context
        self.reason = reason
        self.errors = errors or (RegistryError(code, context),)


def envelope(
    action: str, to: str, assertion: bytes = b"", *, message_id: str | None = None
) -> tuple[str, bytes, bytes]:
    """The MessageID of an envelope, what stands before its body's content and what stands after.

    The assertion goes in byte for byte: it is signed. Source: ITI TF-2 Appendix V.3.2.2 (WSA101, WSA102); WSS 1.1.
    """
    message_id = message_id or uuid.uuid4().urn
    security = b""
    if assertion:
        security = b'<wsse:Security xmlns:wsse="%s" soap:mustUnderstand="1">%s</wsse:Security>' % (
            WSSE.encode(),
            _without_declaration(assertion),
        )
    head = (
        f'<?xml version="1.0" encoding="UTF-8"?>'
        f'<soap:Envelope xmlns:soap="{SOAP}" xmlns:wsa="{WSA}"><soap:Header>'
        f'<wsa:Action soap:mustUnderstand="1">{html.escape(action)}</wsa:Action>'
        f"<wsa:MessageID>{html.escape(message_id)}</wsa:MessageID>"
        f"<wsa:To>{html.escape(to)}</wsa:To>"
        f"<wsa:ReplyTo><wsa:Address>{ANONYMOUS}</wsa:Address></wsa:ReplyTo>"
    )
    start = head.encode() + security + b"</soap:Header><soap:Body>"
    return message_id, start, b"</soap:Body></soap:Envelope>"


def _without_declaration(xml: bytes) -> bytes:
    xml = xml.strip()
    return xml[xml.index(b"?>") + 2 :].lstrip() if xml.startswith(b"<?xml") else xml


def split_at(element: etree._Element, marker: str) -> list[bytes]:
    """An element as bytes, cut wherever the text `marker` stands."""
    return etree.tostring(element, encoding="UTF-8", xml_declaration=False).split(marker.encode())


def read_body(data: bytes, status: int, message_id: str) -> etree._Element:
    """The first element of the Body of an answer. A Fault, or what is no SOAP answer to our message, is an LpsError."""
    try:
        root = parse(data)
    except XmlError as error:
        raise LpsError("Transport", f"expected a SOAP envelope, got {error.got}", f"HTTP {status}") from None
    if root.tag != f"{{{SOAP}}}Envelope":
        raise LpsError("Transport", f"expected a SOAP 1.2 envelope, got {local_name(root.tag)}", f"HTTP {status}")
    body = root.find(f"{{{SOAP}}}Body")
    content = next((child for child in body if isinstance(child.tag, str)), None) if body is not None else None
    if content is None:
        raise LpsError("Transport", "expected a Body with content, got an empty one", f"HTTP {status}")
    if content.tag == f"{{{SOAP}}}Fault":
        raise _fault(content)
    if status != 200:
        raise LpsError("Transport", f"expected HTTP 200, got {local_name(content.tag)}", f"HTTP {status}")
    relates_to = root.findtext(f"{{{SOAP}}}Header/{{{WSA}}}RelatesTo")
    if relates_to is not None and relates_to.strip() != message_id:
        raise LpsError("Transport", "expected an answer to this message, got one to another", "wsa:RelatesTo")
    return content


def _fault(fault: etree._Element) -> LpsError:
    """Source: SOAP 1.2 Part 1 5.4."""
    names = [text.rpartition(":")[2] for text in _texts(fault, f".//{{{SOAP}}}Value")]
    reason = " ".join(_texts(fault, f"{{{SOAP}}}Reason/{{{SOAP}}}Text")) or "no reason given"
    detail = fault.find(f"{{{SOAP}}}Detail")
    said = " ".join(" ".join(str(text) for text in detail.itertext()).split()) if detail is not None else ""
    code = names[-1] if names else "Fault"
    return LpsError(code, f"{reason} {said}".strip(), f"SOAP Fault {names[0]}" if names else "SOAP Fault")


def _texts(element: etree._Element, path: str) -> list[str]:
    return [found.text.strip() for found in element.iterfind(path) if found.text and found.text.strip()]


def check(response: etree._Element) -> list[str]:
    """The warnings of a RegistryResponse, AdhocQueryResponse or RetrieveDocumentSetResponse.

    Raises LpsError with every RegistryError when the status is not Success. Source: ITI TF-3 4.2.4.1.
    """
    holder = response if response.get("status") else response.find(f"{{{RS}}}RegistryResponse")
    if holder is None:
        raise LpsError("Transport", f"expected a status in {local_name(response.tag)}, got none", "RegistryResponse")
    errors: list[RegistryError] = []
    warnings: list[str] = []
    for element in holder.iterfind(f".//{{{RS}}}RegistryError"):
        error = RegistryError(*(str(element.get(key) or "") for key in ("errorCode", "codeContext", "location")))
        if element.get("severity") == _SEVERITY_WARNING:
            warnings.append(f"{error.code}: {error.context}")
        else:
            errors.append(error)
    status = str(holder.get("status"))
    if status != SUCCESS:
        first = errors[0] if errors else RegistryError("RegistryError", "no error was given")
        raise LpsError(first.code, first.context, local_name(status), tuple(errors))
    return warnings


def slot(parent: etree._Element, name: str, values: list[str]) -> None:
    """Adds a rim:Slot. Source: ITI TF-3 4.2.3.1.2."""
    element = etree.SubElement(parent, f"{{{RIM}}}Slot", name=name)
    value_list = etree.SubElement(element, f"{{{RIM}}}ValueList")
    for value in values:
        etree.SubElement(value_list, f"{{{RIM}}}Value").text = value


def slots(parent: etree._Element) -> Iterator[tuple[str, list[str]]]:
    """The rim:Slots of an object: name and values."""
    for element in parent.iterfind(f"{{{RIM}}}Slot"):
        yield str(element.get("name")), [str(value.text or "") for value in element.iterfind(f".//{{{RIM}}}Value")]
