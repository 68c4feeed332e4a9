"""SOAP 1.2 envelopes: what is accepted, what is refused with which fault, and how answers look."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ihe_wire import MESSAGE_ID, SECURITY, SOAP_12, envelope, retrieve
from lxml import etree

from ihe.identifiers import WSA, WSA_ANONYMOUS
from ihe.soap import Fault, FaultCode, SoapError, read_envelope, read_header, write_envelope, write_fault
from schemas.xml import parse

ENV = {"env": SOAP_12, "wsa": WSA}
XML_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)


def refused(message: bytes) -> Fault:
    with pytest.raises(SoapError) as caught:
        read_envelope(message)
    return caught.value.fault


def test_header_and_body_are_read() -> None:
    found = read_envelope(retrieve("1.2.3.4"))
    assert found.header.action == "urn:ihe:iti:2007:RetrieveDocumentSet"
    assert found.header.message_id == MESSAGE_ID
    assert found.header.reply_to == WSA_ANONYMOUS
    assert found.header.security is not None
    assert etree.QName(found.body).localname == "RetrieveDocumentSetRequest"


def test_an_anonymous_reply_address_is_accepted() -> None:
    assert read_envelope(envelope("urn:a", "<b/>", reply_to=WSA_ANONYMOUS)).header.reply_to == WSA_ANONYMOUS


def test_another_reply_address_is_refused() -> None:
    fault = refused(envelope("urn:a", "<b/>", reply_to="http://elsewhere.example/"))
    assert fault.code is FaultCode.SENDER
    assert fault.subcodes == ("wsa:InvalidAddressingHeader", "wsa:OnlyAnonymousAddressSupported")


def test_another_fault_address_is_refused() -> None:
    fault_to = "<wsa:FaultTo><wsa:Address>http://elsewhere.example/</wsa:Address></wsa:FaultTo>"
    assert "wsa:OnlyAnonymousAddressSupported" in refused(envelope("urn:a", "<b/>", blocks=fault_to)).subcodes


def test_soap_1_1_is_a_version_mismatch_with_an_upgrade() -> None:
    message = retrieve("1").replace(SOAP_12.encode(), b"http://schemas.xmlsoap.org/soap/envelope/")
    fault = refused(message)
    assert (fault.code, fault.status) == (FaultCode.VERSION_MISMATCH, 500)
    assert b'<env:SupportedEnvelope qname="env:Envelope"/>' in write_fault(fault)


def test_something_else_than_an_envelope_is_refused() -> None:
    assert refused(b"<html/>").code is FaultCode.VERSION_MISMATCH


@pytest.mark.parametrize("role", ["", f' s:role="{SOAP_12}/role/next"', f' s:role="{SOAP_12}/role/ultimateReceiver"'])
def test_a_mandatory_unknown_block_is_not_understood(role: str) -> None:
    fault = refused(envelope("urn:a", "<b/>", blocks=f'<x:T xmlns:x="urn:t" s:mustUnderstand="true"{role}/>'))
    assert (fault.code, fault.status) == (FaultCode.MUST_UNDERSTAND, 500)
    assert b'<env:NotUnderstood qname="n:T" xmlns:n="urn:t"/>' in write_fault(fault)


@pytest.mark.parametrize(
    "block",
    [
        '<x:T xmlns:x="urn:t" s:mustUnderstand="0"/>',
        '<x:T xmlns:x="urn:t"/>',
        '<x:T xmlns:x="urn:t" s:mustUnderstand="1" s:role="urn:another-node"/>',
        SECURITY.replace("/>", ' s:mustUnderstand="1"/>'),
        '<wsa:To s:mustUnderstand="true">urn:here</wsa:To>',
    ],
)
def test_blocks_that_need_not_be_understood_or_are(block: str) -> None:
    assert read_envelope(envelope("urn:a", "<b/>", blocks=block)).header.action == "urn:a"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (envelope("urn:a", "<b/>", blocks=SECURITY * 2), "at most one wsse:Security"),
        (envelope("urn:a", "<b/>", blocks="<wsa:Action>urn:b</wsa:Action>"), "at most one wsa:Action"),
        (envelope("urn:a", "<b/>", blocks="<wsa:MessageID>x</wsa:MessageID>"), "at most one wsa:MessageID"),
        (envelope("urn:a", "<b/>", blocks='<x s:mustUnderstand="yes"/>'), "true or false"),
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
    root = parse(write_envelope(action, relates_to, b"<b/>"))
    assert (root.findtext("env:Header/wsa:Action", None, ENV) or "") == action
    assert (root.findtext("env:Header/wsa:RelatesTo", None, ENV) or "") == relates_to
    assert root.find("env:Body/b", ENV) is not None


@given(reason=XML_TEXT, detail=XML_TEXT)
def test_a_fault_reads_back(reason: str, detail: str) -> None:
    root = parse(write_fault(Fault(FaultCode.SENDER, reason, ("wsse:A", "DMPInvalidCertificate"), detail), MESSAGE_ID))
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
