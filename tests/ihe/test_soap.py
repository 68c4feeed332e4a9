"""SOAP 1.2 envelopes: what is accepted, what is refused with which fault, and how answers look."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ihe_wire import MESSAGE_ID, SECURITY, SOAP_12, envelope, retrieve
from lxml import etree

from ihe.identifiers import WSA, WSA_ANONYMOUS, WSA_NONE
from ihe.soap import (
    ON_CONNECTION,
    EndpointReference,
    Fault,
    FaultCode,
    Reply,
    SoapError,
    read_envelope,
    read_header,
    write_envelope,
    write_fault,
)
from schemas.xml import parse

ENV = {"env": SOAP_12, "wsa": WSA}
XML_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=40)


def refused(message: bytes) -> Fault:
    with pytest.raises(SoapError) as caught:
        read_envelope(message)
    return caught.value.fault


def test_header_and_body_are_read() -> None:
    found = read_envelope(retrieve("1.2.3.4"))
    assert found.header.action == "urn:ihe:iti:2007:RetrieveDocumentSet"
    assert found.header.message_id == MESSAGE_ID
    assert (found.header.reply_to, found.header.fault_to) == (ON_CONNECTION, None)
    assert found.header.security is not None
    assert etree.QName(found.body).localname == "RetrieveDocumentSetRequest"


def reply_to(inside: str, name: str = "ReplyTo") -> bytes:
    return envelope("urn:a", "<b/>", blocks=f"<wsa:{name}>{inside}</wsa:{name}>")


@pytest.mark.parametrize("address", [WSA_ANONYMOUS, WSA_NONE, "https://elsewhere.example/"])
def test_endpoint_references_are_read(address: str) -> None:
    """Core §2.1: whether a message may go there is not asked here."""
    for name in ("ReplyTo", "FaultTo"):
        header = read_header(parse(reply_to(f"<wsa:Address> {address}\n</wsa:Address>", name)))
        found = header.reply_to if name == "ReplyTo" else header.fault_to
        assert found == EndpointReference(address)
        assert (found.elsewhere, found.nowhere) == (address.startswith("https"), address == WSA_NONE)


@pytest.mark.parametrize(
    ("inside", "subcode"),
    [
        ("", "wsa:MissingAddressInEPR"),
        ("<wsa:ReferenceParameters/>", "wsa:MissingAddressInEPR"),
        ("<wsa:Address/>", "wsa:InvalidEPR"),
        ("<wsa:Address>urn:a</wsa:Address><wsa:Address>urn:b</wsa:Address>", "wsa:InvalidEPR"),
    ],
)
def test_endpoint_references_without_one_address(inside: str, subcode: str) -> None:
    """SOAP Binding §6.4.1.2, §6.4.1.5."""
    for name in ("ReplyTo", "FaultTo"):
        fault = refused(reply_to(inside, name))
        assert (fault.code, fault.subcodes) == (FaultCode.SENDER, ("wsa:InvalidAddressingHeader", subcode))


def test_reference_parameters_come_back_marked() -> None:
    """Core §3.4; SOAP Binding §4."""
    inside = (
        '<wsa:Address>urn:a</wsa:Address><wsa:ReferenceParameters xmlns:p="urn:p">'
        "<p:Session at='p:x'>1&lt;2</p:Session><plain/></wsa:ReferenceParameters>"
    )
    found = read_header(parse(reply_to(inside))).reply_to
    answer = parse(write_envelope("urn:b", Reply(parameters=found.parameters), b"<b/>"))
    session = answer.find("env:Header/{urn:p}Session", ENV)
    assert session is not None
    assert (session.text, session.get("at"), session.get(f"{{{WSA}}}IsReferenceParameter")) == ("1<2", "p:x", "true")
    assert session.nsmap["p"] == "urn:p"
    assert answer.find("env:Header/plain", ENV) is not None


def test_an_answer_elsewhere_is_addressed() -> None:
    """TF-2 V.9.2.4."""
    answer = parse(write_envelope("urn:b", Reply("urn:m", "https://a.example/?x&y", "urn:n"), b"<b/>"))
    header = {etree.QName(block).localname: block.text for block in answer.find("env:Header", ENV)}  # type: ignore[union-attr]
    assert header == {"Action": "urn:b", "MessageID": "urn:n", "RelatesTo": "urn:m", "To": "https://a.example/?x&y"}
    assert answer.find("env:Header/wsa:To", ENV).get(f"{{{SOAP_12}}}mustUnderstand") == "true"  # type: ignore[union-attr]


def test_soap_1_1_is_a_version_mismatch_with_an_upgrade() -> None:
    message = retrieve("1").replace(SOAP_12.encode(), b"http://schemas.xmlsoap.org/soap/envelope/")
    fault = refused(message)
    assert (fault.code, fault.status) == (FaultCode.VERSION_MISMATCH, 500)
    assert b'<env:SupportedEnvelope qname="env:Envelope"/>' in write_fault(fault)


def test_something_else_than_an_envelope_is_refused() -> None:
    assert refused(b"<html/>").code is FaultCode.VERSION_MISMATCH


# --- mustUnderstand. Source: SOAP 1.2 Part 1 §2.2 (roles), §2.4, §5.2.2, §5.2.3, §5.4.8 -------------------------------

OURS = [None, "", " ", f"{SOAP_12}/role/next", f"{SOAP_12}/role/ultimateReceiver", f"\n{SOAP_12}/role/next "]
OTHERS = [f"{SOAP_12}/role/none", "urn:another-node", f"{SOAP_12}/role/NEXT", "next"]
YES, NO = ["1", "true", " true\n"], [None, "0", "false", " 0 "]


def targeted(element: str, mandatory: str | None, role: str | None) -> bytes:
    """An envelope with that header block, its attributes as given."""
    attributes = "" if mandatory is None else f' s:mustUnderstand="{mandatory}"'
    attributes += "" if role is None else f' s:role="{role}"'
    return envelope("urn:a", "<b/>", blocks=f"<{element}{attributes}/>")


@pytest.mark.parametrize("role", OURS)
@pytest.mark.parametrize("mandatory", YES)
def test_a_mandatory_unknown_block_is_not_understood(mandatory: str, role: str | None) -> None:
    fault = refused(targeted('x:T xmlns:x="urn:t"', mandatory, role))
    assert (fault.code, fault.status, fault.not_understood) == (FaultCode.MUST_UNDERSTAND, 500, ("{urn:t}T",))
    assert b'<env:NotUnderstood qname="n:T" xmlns:n="urn:t"/>' in write_fault(fault)


@pytest.mark.parametrize(
    ("mandatory", "role"),
    [(mandatory, role) for mandatory in [*YES, *NO, "yes"] for role in OTHERS]
    + [(no, role) for no in NO for role in OURS],
)
def test_a_block_that_is_not_mandatory_or_not_ours_is_passed_over(mandatory: str | None, role: str | None) -> None:
    assert read_envelope(targeted('x:T xmlns:x="urn:t"', mandatory, role)).header.action == "urn:a"


@pytest.mark.parametrize("mandatory", ["yes", "TRUE", "2", "", "true false"])
def test_must_understand_is_a_boolean(mandatory: str) -> None:
    fault = refused(targeted('x:T xmlns:x="urn:t"', mandatory, None))
    assert (fault.code, "true or false" in fault.reason) == (FaultCode.SENDER, True)


@pytest.mark.parametrize("name", ["To", "From", "RelatesTo"])
def test_the_headers_of_ws_addressing_are_understood(name: str) -> None:
    """Core §3.2."""
    block = f'<wsa:{name} s:mustUnderstand="true">urn:here</wsa:{name}>'
    assert read_envelope(envelope("urn:a", "<b/>", blocks=block)).header.action == "urn:a"


@pytest.mark.parametrize("name", ["ReplyTo", "FaultTo"])
def test_endpoint_references_are_understood(name: str) -> None:
    """TF-2 V.3.2.2, note 1: mustUnderstand on ReplyTo."""
    block = f'<wsa:{name} s:mustUnderstand="1"><wsa:Address>{WSA_ANONYMOUS}</wsa:Address></wsa:{name}>'
    assert read_envelope(envelope("urn:a", "<b/>", blocks=block)).header.action == "urn:a"


@pytest.mark.parametrize(
    "element",
    [
        "wsa:Destination",
        "wsa:action",
        'old:Action xmlns:old="http://schemas.xmlsoap.org/ws/2004/08/addressing"',
        'wsse:Other xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"',
        "Action",
    ],
)
def test_other_names_of_known_namespaces_are_not(element: str) -> None:
    assert refused(targeted(element, "1", None)).code is FaultCode.MUST_UNDERSTAND
    assert read_envelope(targeted(element, "0", None)).header.action == "urn:a"


def test_security_is_understood() -> None:
    block = SECURITY.replace("/>", ' s:mustUnderstand="1"/>')
    assert read_envelope(envelope("urn:a", "<b/>", blocks=block)).header.security is not None


def test_every_block_that_is_not_understood_is_named() -> None:
    blocks = '<x:T xmlns:x="urn:t" s:mustUnderstand="1"/><U s:mustUnderstand="1"/><V/>'
    fault = refused(envelope("urn:a", "<b/>", blocks=blocks))
    root = parse(write_fault(fault))
    named = root.findall("env:Header/env:NotUnderstood", ENV)
    assert [block.get("qname") for block in named] == ["n:T", "U"]
    assert named[0].nsmap["n"] == "urn:t"
    assert named[1].nsmap.get(None) is None


def test_blocks_for_other_nodes_say_nothing_to_this_one() -> None:
    """SOAP 1.2 Part 1 §2.6: not even a second Security, nor another Action."""
    other = ' s:role="urn:another-node">'
    blocks = SECURITY + SECURITY.replace("/>", f"{other}</wsse:Security>") + f"<wsa:Action{other}urn:b</wsa:Action>"
    header = read_envelope(envelope("urn:a", "<b/>", blocks=blocks)).header
    assert (header.action, header.security is not None) == ("urn:a", True)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (envelope("urn:a", "<b/>", blocks=SECURITY * 2), "at most one wsse:Security"),
        (envelope("urn:a", "<b/>", blocks="<wsa:Action>urn:b</wsa:Action>"), "at most one wsa:Action"),
        (envelope("urn:a", "<b/>", blocks="<wsa:MessageID>x</wsa:MessageID>"), "at most one wsa:MessageID"),
        (reply_to(f"<wsa:Address>{WSA_ANONYMOUS}</wsa:Address></wsa:ReplyTo><wsa:ReplyTo>"), "at most one wsa:ReplyTo"),
        (envelope("urn:a", "<b/>", blocks="<x/>" * 65), "at most 64 header blocks"),
        (envelope("urn:a", ""), "exactly one element"),
        (envelope("urn:a", "<b/><b/>"), "exactly one element"),
        (envelope("urn:a", "<b/></s:Body><s:Body><b/>"), "Header and Body"),
        (envelope("urn:a", "<b/>").replace(b"<s:Header>", b"<s:Header/><s:Header>"), "Header and Body"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_malformed_envelopes_are_the_senders_fault(message: bytes, expected: str) -> None:
    fault = refused(message)
    assert expected in fault.reason
    assert (fault.code, fault.status) == (FaultCode.SENDER, 400)


@pytest.mark.parametrize(
    "message", [envelope("", "<b/>"), f'<s:Envelope xmlns:s="{SOAP_12}"><s:Body><b/></s:Body></s:Envelope>'.encode()]
)
def test_a_missing_action_is_not_supported(message: bytes) -> None:
    assert refused(message).subcodes == ("wsa:ActionNotSupported",)


def test_the_header_is_read_whatever_the_body_holds() -> None:
    assert read_header(parse(envelope("urn:a", "<b/><b/>"))).action == "urn:a"


@given(action=XML_TEXT, relates_to=XML_TEXT)
def test_an_answer_reads_back(action: str, relates_to: str) -> None:
    root = parse(write_envelope(action, Reply(relates_to), b"<b/>"))
    assert (root.findtext("env:Header/wsa:Action", None, ENV) or "") == action
    assert (root.findtext("env:Header/wsa:RelatesTo", None, ENV) or "") == relates_to
    assert root.find("env:Body/b", ENV) is not None


@given(reason=XML_TEXT, detail=XML_TEXT)
def test_a_fault_reads_back(reason: str, detail: str) -> None:
    told = Fault(FaultCode.SENDER, reason, ("wsse:A", "DMPInvalidCertificate"), detail)
    root = parse(write_fault(told, Reply(MESSAGE_ID)))
    fault = root.find("env:Body/env:Fault", ENV)
    assert fault is not None
    assert fault.findtext("env:Code/env:Value", None, ENV) == "env:Sender"
    assert fault.findtext("env:Code/env:Subcode/env:Value", None, ENV) == "wsse:A"
    assert fault.findtext("env:Code/env:Subcode/env:Subcode/env:Value", None, ENV) == "DMPInvalidCertificate"
    assert fault.findtext("env:Reason/env:Text", None, ENV) == reason
    assert (fault.findtext("env:Detail/diagnostics", None, ENV) or "") == detail
    assert root.findtext("env:Header/wsa:RelatesTo", None, ENV) == MESSAGE_ID


def test_addressing_faults_have_the_addressing_action() -> None:
    addressing = write_fault(Fault(FaultCode.SENDER, "r", ("wsa:ActionNotSupported",)))
    other = write_fault(Fault(FaultCode.RECEIVER, "r"))
    assert parse(addressing).findtext("env:Header/wsa:Action", None, ENV) == f"{WSA}/fault"
    assert parse(other).findtext("env:Header/wsa:Action", None, ENV) == f"{WSA}/soap/fault"
