"""SOAP 1.2 envelopes with WS-Addressing, read and written. Pure: elements and bytes in, values and bytes out.

Source: SOAP 1.2 Part 1 §5 and Part 2 §7.5; Web Services Addressing 1.0, Core and SOAP Binding; ITI TF-2 Appendix V.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lxml import etree

from ihe.identifiers import SOAP_11, SOAP_12, SOAP_FAULT_ACTION, WSA, WSA_ANONYMOUS, WSA_FAULT_ACTION, WSSE
from ihe.markup import attribute, text
from schemas.xml import local_name, parse

ENVELOPE = f"{{{SOAP_12}}}Envelope"
HEADER = f"{{{SOAP_12}}}Header"
BODY = f"{{{SOAP_12}}}Body"
SECURITY = f"{{{WSSE}}}Security"
MAX_HEADER_BLOCKS = 64
SOAP_CONTENT_TYPE = "application/soap+xml; charset=UTF-8"

_MUST_UNDERSTAND = f"{{{SOAP_12}}}mustUnderstand"
_ROLE = f"{{{SOAP_12}}}role"
_OWN_ROLES = frozenset({"", f"{SOAP_12}/role/next", f"{SOAP_12}/role/ultimateReceiver"})  # SOAP 1.2 Part 1 §2.2
_TRUE = frozenset({"1", "true"})
_BOOLEANS = _TRUE | {"0", "false"}


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
class Header:
    """What the header blocks say. `root` is the envelope they came in; `security` the one wsse:Security, if any."""

    root: etree._Element
    action: str
    message_id: str = ""
    to: str = ""
    reply_to: str = WSA_ANONYMOUS
    relates_to: str = ""
    security: etree._Element | None = None


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
    Sender for blocks that are repeated, malformed, or that ask for an answer elsewhere. soapAction plays no part.
    Source: ITI TF-2 V.3.2.2 (IHE-WSP215, IHE-WSA100 to 103); SOAP 1.2 Part 1 §5.2.3.
    """
    blocks = _header_blocks(root)
    _check_understood(blocks)
    security = [block for block in blocks if block.tag == SECURITY]
    if len(security) > 1:
        raise SoapError("at most one wsse:Security header", str(len(security)), subcodes=("wsse:InvalidSecurity",))
    action = _addressing(blocks, "Action")
    if not action:
        raise action_not_supported("")
    reply_to = _reply_address(blocks, "ReplyTo")
    _reply_address(blocks, "FaultTo")
    return Header(
        root=root,
        action=action,
        message_id=_addressing(blocks, "MessageID"),
        to=_addressing(blocks, "To"),
        reply_to=reply_to,
        relates_to=_addressing(blocks, "RelatesTo"),
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


def write_envelope(action: str, relates_to: str, body: bytes) -> bytes:
    """An answer as UTF-8: `body` is the serialised child of the SOAP Body."""
    head, tail = frame(action, relates_to)
    return head + body + tail


def frame(action: str, relates_to: str) -> tuple[bytes, bytes]:
    """What stands before and after the body of an answer, for bodies that are streamed."""
    return _frame(action, relates_to, "")


def write_fault(fault: Fault, relates_to: str = "") -> bytes:
    """A fault message as UTF-8. Source: SOAP 1.2 Part 1 §5.4; Web Services Addressing 1.0, SOAP Binding §6."""
    addressing = any(subcode.startswith("wsa:") for subcode in fault.subcodes)
    blocks = "".join(_not_understood(name) for name in fault.not_understood)
    if fault.code is FaultCode.VERSION_MISMATCH:
        blocks += '<env:Upgrade><env:SupportedEnvelope qname="env:Envelope"/></env:Upgrade>'
    head, tail = _frame(WSA_FAULT_ACTION if addressing else SOAP_FAULT_ACTION, relates_to, blocks)
    detail = f"<env:Detail><diagnostics>{text(fault.detail)}</diagnostics></env:Detail>" if fault.detail else ""
    body = (
        f"<env:Fault><env:Code><env:Value>env:{fault.code.value}</env:Value>{_subcodes(fault.subcodes)}</env:Code>"
        f'<env:Reason><env:Text xml:lang="en">{text(fault.reason)}</env:Text></env:Reason>{detail}</env:Fault>'
    )
    return head + body.encode() + tail


def _frame(action: str, relates_to: str, blocks: str) -> tuple[bytes, bytes]:
    related = f"<wsa:RelatesTo>{text(relates_to)}</wsa:RelatesTo>" if relates_to else ""
    head = (
        f'<?xml version="1.0" encoding="UTF-8"?><env:Envelope xmlns:env="{SOAP_12}" xmlns:wsa="{WSA}" '
        f'xmlns:wsse="{WSSE}"><env:Header><wsa:Action env:mustUnderstand="true">{text(action)}</wsa:Action>'
        f"{related}{blocks}</env:Header><env:Body>"
    )
    return head.encode(), b"</env:Body></env:Envelope>"


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


def _check_understood(blocks: list[etree._Element]) -> None:
    """Every mandatory block meant for this node is one of wsa:* or wsse:Security. Source: SOAP 1.2 Part 1 §2.4."""
    unknown = []
    for block in blocks:
        mandatory = block.get(_MUST_UNDERSTAND, "false")
        if mandatory.strip() not in _BOOLEANS:
            raise SoapError("true or false in mustUnderstand", "another value")
        qualified = etree.QName(block)
        understood = qualified.namespace == WSA or block.tag == SECURITY
        if mandatory.strip() in _TRUE and block.get(_ROLE, "") in _OWN_ROLES and not understood:
            unknown.append(qualified.text)
    if unknown:
        names = ", ".join(name[:200] for name in unknown)
        code = FaultCode.MUST_UNDERSTAND
        raise SoapError("header blocks that are understood here", names, code=code, not_understood=tuple(unknown))


def _block(blocks: list[etree._Element], name: str) -> etree._Element | None:
    found = [block for block in blocks if block.tag == f"{{{WSA}}}{name}"]
    if len(found) > 1:
        subcodes = ("wsa:InvalidAddressingHeader", "wsa:InvalidCardinality")
        raise SoapError(f"at most one wsa:{name}", str(len(found)), subcodes=subcodes)
    return found[0] if found else None


def _addressing(blocks: list[etree._Element], name: str) -> str:
    block = _block(blocks, name)
    return "" if block is None else (block.text or "").strip()


def _reply_address(blocks: list[etree._Element], name: str) -> str:
    """The address in ReplyTo or FaultTo: only the connection itself is answered on.

    Source: Web Services Addressing 1.0, Core §3.2.1 (absent means anonymous) and SOAP Binding §5.1.
    """
    block = _block(blocks, name)
    if block is None:
        return WSA_ANONYMOUS
    address = (block.findtext(f"{{{WSA}}}Address") or "").strip()
    if address != WSA_ANONYMOUS:
        subcodes = ("wsa:InvalidAddressingHeader", "wsa:OnlyAnonymousAddressSupported")
        raise SoapError(f"the anonymous address in wsa:{name}", address[:200] or "none", subcodes=subcodes)
    return address
