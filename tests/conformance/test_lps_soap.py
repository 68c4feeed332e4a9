"""Envelopes, faults and registry errors."""

from __future__ import annotations

import pytest
from lps_fakes import FAILURE, SEVERITY, SUCCESS, soap

from conformance.lps.soap import LpsError, check, envelope, read_body
from schemas.xml import parse

NS = {
    "soap": "http://www.w3.org/2003/05/soap-envelope",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
}
ID = "urn:uuid:1"


def test_an_envelope_as_appendix_v_has_it() -> None:
    assertion = b'<?xml version="1.0"?>\n<a:Assertion xmlns:a="urn:a"  ID="x"/>'
    message_id, start, end = envelope("urn:action", "https://h/?a=1&b=2", assertion)
    root = parse(start + b"<body/>" + end)
    (action,) = root.xpath("soap:Header/wsa:Action", namespaces=NS)
    assert action.text == "urn:action"
    assert action.get(f"{{{NS['soap']}}}mustUnderstand") == "1"
    assert root.xpath("string(soap:Header/wsa:MessageID)", namespaces=NS) == message_id
    assert root.xpath("string(soap:Header/wsa:To)", namespaces=NS) == "https://h/?a=1&b=2"
    assert root.xpath("string(soap:Header/wsa:ReplyTo/wsa:Address)", namespaces=NS).endswith("/anonymous")
    assert root.xpath("count(soap:Header/wsse:Security/*)", namespaces=NS) == 1
    assert b'<a:Assertion xmlns:a="urn:a"  ID="x"/>' in start  # byte for byte: it is signed
    assert root.xpath("local-name(soap:Body/*)", namespaces=NS) == "body"


def test_without_an_assertion_there_is_no_security_header() -> None:
    _, start, _ = envelope("urn:a", "http://h")
    assert b"Security" not in start


def test_a_fault_gives_its_subcode_reason_and_detail() -> None:
    fault = (
        "<soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value><soap:Subcode><soap:Value>d:DMPClosed</soap:Value>"
        "</soap:Subcode></soap:Code><soap:Reason><soap:Text>closed</soap:Text></soap:Reason>"
        "<soap:Detail><x>since</x> <x>2020</x></soap:Detail></soap:Fault>"
    )
    with pytest.raises(LpsError) as caught:
        read_body(soap(ID, fault), 400, ID)
    assert (caught.value.code, caught.value.context) == ("DMPClosed", "closed since 2020")
    assert caught.value.reason == "SOAP Fault Sender"


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        (b"Not found", 404, "SOAP envelope.*HTTP 404"),
        (b"<html/>", 502, "SOAP 1.2 envelope, got html"),
        (soap(ID, ""), 200, "Body with content"),
        (soap(ID, "<a/>"), 500, "HTTP 200"),
        (soap("urn:uuid:2", "<a/>"), 200, "answer to this message"),
        (soap(ID, "<soap:Fault/>"), 500, "Fault: no reason given"),
    ],
)
def test_answers_that_are_none(data: bytes, status: int, message: str) -> None:
    with pytest.raises(LpsError, match=message):
        read_body(data, status, ID)


def response(status: str, errors: str = "") -> str:
    listed = f"<rs:RegistryErrorList>{errors}</rs:RegistryErrorList>"
    return f'<rs:RegistryResponse status="{status}">{listed}</rs:RegistryResponse>'


def error(code: str, severity: str) -> str:
    return (
        f'<rs:RegistryError errorCode="{code}" codeContext="of {code}" severity="{SEVERITY}{severity}" location="l"/>'
    )


def test_every_registry_error_is_told_and_warnings_apart() -> None:
    body = response(FAILURE, error("W", "Warning") + error("A", "Error") + error("B", "Error"))
    with pytest.raises(LpsError) as caught:
        check(read_body(soap(ID, body), 200, ID))
    assert (caught.value.code, caught.value.context, caught.value.reason) == ("A", "of A", "Failure")
    assert [(item.code, item.location) for item in caught.value.errors] == [("A", "l"), ("B", "l")]


def test_a_success_may_carry_warnings() -> None:
    assert check(read_body(soap(ID, response(SUCCESS, error("W", "Warning"))), 200, ID)) == ["W: of W"]


def test_a_failure_without_errors_and_an_answer_without_status() -> None:
    with pytest.raises(LpsError, match="no error was given"):
        check(read_body(soap(ID, response(FAILURE)), 200, ID))
    with pytest.raises(LpsError, match="status in other"):
        check(read_body(soap(ID, "<other/>"), 200, ID))
