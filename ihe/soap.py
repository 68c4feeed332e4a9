"""SOAP 1.2 envelopes with WS-Addressing, read and written. Pure: elements and bytes in, values and bytes out.

Source: SOAP 1.2 Part 1 §5 and Part 2 §7.5; Web Services Addressing 1.0, Core and SOAP Binding; ITI TF-2 Appendix V.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from lxml import etree

from ihe.identifiers import SOAP_11, SOAP_12, SOAP_FAULT_ACTION, WSA, WSA_ANONYMOUS, WSA_FAULT_ACTION, WSA_NONE, WSSE
from ihe.markup import attribute, text
from schemas.xml import local_name, parse

ENVELOPE = f"{{{SOAP_12}}}Envelope"
HEADER = f"{{{SOAP_12}}}Header"
BODY = f"{{{SOAP_12}}}Body"
SECURITY = f"{{{WSSE}}}Security"
MAX_HEADER_BLOCKS = 64
SOAP_CONTENT_TYPE = "application/soap+xml; charset=UTF-8"

MUST_UNDERSTAND = f"{{{SOAP_12}}}mustUnderstand"
_ROLE = f"{{{SOAP_12}}}role"
_OWN_ROLES = frozenset({"", f"{SOAP_12}/role/next", f"{SOAP_12}/role/ultimateReceiver"})  # SOAP 1.2 Part 1 §2.2
TRUE = frozenset({"1", "true"})
_BOOLEANS = TRUE | {"0", "false"}
# Source: Web Services Addressing 1.0, Core §3.2.
_ADDRESSING = frozenset(
    f"{{{WSA}}}{name}" for name in ("To", "From", "ReplyTo", "FaultTo", "Action", "MessageID", "RelatesTo")
)


class FaultCode(Enum):
    """Source: SOAP 1.2 Part 1 §5.4.6."""

    SENDER = "Sender"
    RECEIVER = "Receiver"
    MUST_UNDERSTAND = "MustUnderstand"
    VERSION_MISMATCH = "VersionMismatch"


@dataclass(frozen=True, slots=True)
class Fault:
    """A SOAP fault. `subcodes` go from the general to the particular, as `wsa:X`, `wsse:X` or a bare name.

    `not_understood` names the header blocks of a MustUnderstand fault, as `{namespace}name`.
    """

    code: FaultCode
    reason: str
    subcodes: tuple[str, ...] = ()
    detail: str = ""
    not_understood: tuple[str, ...] = ()
    http_status: int = 0

    @property
    def status(self) -> int:
        """The HTTP status: 400 for the sender's faults, 500 otherwise. Source: SOAP 1.2 Part 2 §7.5.2.2."""
        return self.http_status or (400 if self.code is FaultCode.SENDER else 500)


class SoapError(Exception):
    """An envelope that this house does not accept, with the fault to answer."""

    def __init__(
        self,
        expected: str,
        got: str,
        *,
        code: FaultCode = FaultCode.SENDER,
        subcodes: tuple[str, ...] = (),
        not_understood: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected, self.got = expected, got
        self.fault = Fault(code, str(self), subcodes, not_understood=not_understood)

    def diagnostics(self) -> dict[str, str]:
        """What was expected and what came; quotes no body content."""
        return {"expected": self.expected, "got": self.got}


@dataclass(frozen=True, slots=True)
class EndpointReference:
    """Where to send. `parameters` are header blocks that a message to it carries, serialised and marked as such.

    Source: Web Services Addressing 1.0, Core §2.1; SOAP Binding §4 (wsa:IsReferenceParameter).
    """

    address: str = WSA_ANONYMOUS
    parameters: tuple[bytes, ...] = ()

    @property
    def nowhere(self) -> bool:
        """Whether what is sent there is dropped. Source: WS-Addressing 1.0, Core §2.1."""
        return self.address == WSA_NONE

    @property
    def elsewhere(self) -> bool:
        """Whether it is reached by another connection than the request's."""
        return self.address not in (WSA_ANONYMOUS, WSA_NONE)


ON_CONNECTION = EndpointReference()


@dataclass(frozen=True, slots=True)
class Header:
    """What the header blocks say. `root` is the envelope they came in; `security` the one wsse:Security, if any."""

    root: etree._Element
    action: str
    message_id: str = ""
    to: str = ""
    reply_to: EndpointReference = ON_CONNECTION
    fault_to: EndpointReference | None = None  # None: faults go where answers go
    relates_to: str = ""
    security: etree._Element | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """How an answer is addressed. `to` and `message_id` are '' for one that goes back on the connection.

    Source: Web Services Addressing 1.0, Core §3.4; ITI TF-2 V.9.2.2 and V.9.2.4.
    """

    relates_to: str = ""
    to: str = ""
    message_id: str = ""
    parameters: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope: its header, and the one child of its body."""

    header: Header
    body: etree._Element


def read_envelope(envelope: bytes | etree._Element) -> Envelope:
    """Header and body of a SOAP 1.2 envelope. Raises SoapError, and XmlError for bytes that are no XML."""
    root = parse(envelope) if isinstance(envelope, bytes) else envelope
    return Envelope(read_header(root), read_body(root))


def read_header(root: etree._Element) -> Header:
    """The header of an envelope, whatever its body holds.

    Raises SoapError: VersionMismatch for another SOAP, MustUnderstand for a mandatory block that nobody here knows,
    Sender for blocks that are repeated or malformed. Blocks for other nodes and soapAction play no part.
    Source: ITI TF-2 V.3.2.2 (IHE-WSP215, IHE-WSA100 to 103); SOAP 1.2 Part 1 §2.2 to §2.6 and §5.2.
    """
    blocks = [block for block in _header_blocks(root) if block.get(_ROLE, "").strip() in _OWN_ROLES]
    _check_understood(blocks)
    security = [block for block in blocks if block.tag == SECURITY]
    if len(security) > 1:
        raise SoapError("at most one wsse:Security header", str(len(security)), subcodes=("wsse:InvalidSecurity",))
    action = _addressing(blocks, "Action")
    if not action:
        raise action_not_supported("")
    return Header(
        root=root,
        action=action,
        message_id=_addressing(blocks, "MessageID"),
        to=_addressing(blocks, "To"),
        reply_to=_endpoint_reference(blocks, "ReplyTo") or ON_CONNECTION,
        fault_to=_endpoint_reference(blocks, "FaultTo"),
        relates_to=_relates_to(blocks),
        security=security[0] if security else None,
    )


def read_body(root: etree._Element) -> etree._Element:
    """The one child of the body. Raises SoapError when there is none, or more than one."""
    _, body = _structure(root)
    children = _elements(body)
    if len(children) != 1:
        raise SoapError("exactly one element in the SOAP Body", str(len(children)))
    return children[0]


def action_not_supported(action: str) -> SoapError:
    """The fault for an action that is missing or that this endpoint does not serve.

    Source: Web Services Addressing 1.0, SOAP Binding §6.4.4.
    """
    got = action[:200] if action else "none"
    return SoapError("a wsa:Action that this endpoint serves", got, subcodes=("wsa:ActionNotSupported",))


def write_envelope(action: str, reply: Reply, body: bytes) -> bytes:
    """An answer as UTF-8: `body` is the serialised child of the SOAP Body."""
    head, tail = frame(action, reply)
    return head + body + tail


def frame(action: str, reply: Reply) -> tuple[bytes, bytes]:
    """What stands before and after the body of an answer, for bodies that are streamed."""
    return _frame(action, reply, "")


def write_fault(fault: Fault, reply: Reply = Reply()) -> bytes:
    """A fault message as UTF-8. Source: SOAP 1.2 Part 1 §5.4; Web Services Addressing 1.0, SOAP Binding §6."""
    addressing = any(subcode.startswith("wsa:") for subcode in fault.subcodes)
    blocks = "".join(_not_understood(name) for name in fault.not_understood)
    if fault.code is FaultCode.VERSION_MISMATCH:
        blocks += '<env:Upgrade><env:SupportedEnvelope qname="env:Envelope"/></env:Upgrade>'
    head, tail = _frame(WSA_FAULT_ACTION if addressing else SOAP_FAULT_ACTION, reply, blocks)
    detail = f"<env:Detail><diagnostics>{text(fault.detail)}</diagnostics></env:Detail>" if fault.detail else ""
    body = (
        f"<env:Fault><env:Code><env:Value>env:{fault.code.value}</env:Value>{_subcodes(fault.subcodes)}</env:Code>"
        f'<env:Reason><env:Text xml:lang="en">{text(fault.reason)}</env:Text></env:Reason>{detail}</env:Fault>'
    )
    return head + body.encode() + tail


def _frame(action: str, reply: Reply, blocks: str) -> tuple[bytes, bytes]:
    message = f"<wsa:MessageID>{text(reply.message_id)}</wsa:MessageID>" if reply.message_id else ""
    related = f"<wsa:RelatesTo>{text(reply.relates_to)}</wsa:RelatesTo>" if reply.relates_to else ""
    to = f'<wsa:To env:mustUnderstand="true">{text(reply.to)}</wsa:To>' if reply.to else ""
    head = (
        f'<?xml version="1.0" encoding="UTF-8"?><env:Envelope xmlns:env="{SOAP_12}" xmlns:wsa="{WSA}" '
        f'xmlns:wsse="{WSSE}"><env:Header><wsa:Action env:mustUnderstand="true">{text(action)}</wsa:Action>'
        f"{message}{related}{to}{blocks}"
    )
    return head.encode() + b"".join(reply.parameters) + b"</env:Header><env:Body>", b"</env:Body></env:Envelope>"


def _subcodes(subcodes: tuple[str, ...]) -> str:
    nested = ""
    for subcode in reversed(subcodes):
        nested = f"<env:Subcode><env:Value>{text(subcode)}</env:Value>{nested}</env:Subcode>"
    return nested


def _not_understood(name: str) -> str:
    qualified = etree.QName(name)
    if qualified.namespace is None:
        return f'<env:NotUnderstood qname="{attribute(qualified.localname)}"/>'
    return f'<env:NotUnderstood qname="n:{qualified.localname}" xmlns:n="{attribute(qualified.namespace)}"/>'


def _structure(root: etree._Element) -> tuple[etree._Element | None, etree._Element]:
    """The Header, if any, and the Body. Source: SOAP 1.2 Part 1 §5.1; §5.4.7 for the fault."""
    if root.tag != ENVELOPE:
        got = "SOAP 1.1" if root.tag == f"{{{SOAP_11}}}Envelope" else f"an element {local_name(root.tag)[:64]}"
        raise SoapError("a SOAP 1.2 Envelope", got, code=FaultCode.VERSION_MISMATCH)
    children = _elements(root)
    tags = [child.tag for child in children]
    if tags not in ([HEADER, BODY], [BODY]):
        got = ", ".join(local_name(tag)[:64] for tag in tags[:5]) or "none"
        raise SoapError("Header and Body, in this order, in the Envelope", got)
    return (children[0] if len(children) == 2 else None), children[-1]


def _header_blocks(root: etree._Element) -> list[etree._Element]:
    header, _ = _structure(root)
    blocks = [] if header is None else _elements(header)
    if len(blocks) > MAX_HEADER_BLOCKS:
        raise SoapError(f"at most {MAX_HEADER_BLOCKS} header blocks", str(len(blocks)))
    return blocks


def _elements(parent: etree._Element) -> list[etree._Element]:
    return [child for child in parent if isinstance(child.tag, str)]


def _check_understood(blocks: Sequence[etree._Element]) -> None:
    """Every mandatory block is one of WS-Addressing or wsse:Security. Source: SOAP 1.2 Part 1 §2.4, §5.2.3, §5.4.8."""
    unknown = []
    for block in blocks:
        mandatory = block.get(MUST_UNDERSTAND, "false").strip()
        if mandatory not in _BOOLEANS:
            raise SoapError("true or false in mustUnderstand", "another value")
        if mandatory in TRUE and block.tag not in _ADDRESSING and block.tag != SECURITY:
            unknown.append(etree.QName(block).text)
    if unknown:
        names = ", ".join(name[:200] for name in unknown)
        code = FaultCode.MUST_UNDERSTAND
        raise SoapError("header blocks that are understood here", names, code=code, not_understood=tuple(unknown))


def _block(blocks: Sequence[etree._Element], name: str) -> etree._Element | None:
    found = [block for block in blocks if block.tag == f"{{{WSA}}}{name}"]
    if len(found) > 1:
        subcodes = ("wsa:InvalidAddressingHeader", "wsa:InvalidCardinality")
        raise SoapError(f"at most one wsa:{name}", str(len(found)), subcodes=subcodes)
    return found[0] if found else None


def _addressing(blocks: Sequence[etree._Element], name: str) -> str:
    block = _block(blocks, name)
    return "" if block is None else (block.text or "").strip()


def _relates_to(blocks: Sequence[etree._Element]) -> str:
    """The first message that this one relates to: there may be several. Source: WS-Addressing 1.0, Core §3.2."""
    found = next((block for block in blocks if block.tag == f"{{{WSA}}}RelatesTo"), None)
    return "" if found is None else (found.text or "").strip()


def _endpoint_reference(blocks: Sequence[etree._Element], name: str) -> EndpointReference | None:
    """The endpoint reference in ReplyTo or FaultTo. Source: WS-Addressing 1.0, Core §2.2; SOAP Binding §4, §6.4.1."""
    block = _block(blocks, name)
    if block is None:
        return None
    addresses = block.findall(f"{{{WSA}}}Address")
    address = (addresses[0].text or "").strip() if len(addresses) == 1 else ""
    if not address:
        subcode = "wsa:InvalidEPR" if addresses else "wsa:MissingAddressInEPR"
        raise SoapError(
            f"one wsa:Address in wsa:{name}",
            "several, or an empty one" if addresses else "none",
            subcodes=("wsa:InvalidAddressingHeader", subcode),
        )
    parameters = block.find(f"{{{WSA}}}ReferenceParameters")
    marked = () if parameters is None else tuple(map(_reference_parameter, _elements(parameters)))
    return EndpointReference(address, marked)


def _reference_parameter(element: etree._Element) -> bytes:
    marked = copy.deepcopy(element)
    marked.set(f"{{{WSA}}}IsReferenceParameter", "true")
    return etree.tostring(marked, with_tail=False)
