"""The hook that holds every answer of every journey to the official schema: what it lets pass, and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from tests.official import SOAP_12, XDS, XOP, validate_answer

SOAP = "application/soap+xml; charset=UTF-8"
PACKAGE = 'multipart/related; boundary="b-1"; type="application/xop+xml"; start-info="application/soap+xml"'
RESPONSE = '<r:RegistryResponse xmlns:r="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0" status="urn:s"/>'
FAULT = f'<s:Fault xmlns:s="{SOAP_12}"/>'
HL7 = '<MCCI_IN000002UV01 xmlns="urn:hl7-org:v3"/>'
INCLUDED = f'<i:Include xmlns:i="{XOP}" href="cid:1"/>'


def retrieved(document: str) -> str:
    return (
        f'<x:RetrieveDocumentSetResponse xmlns:x="{XDS}">{RESPONSE}<x:DocumentResponse><x:RepositoryUniqueId>1'
        "</x:RepositoryUniqueId><x:DocumentUniqueId>2</x:DocumentUniqueId><x:mimeType>a/b</x:mimeType>"
        f"<x:Document>{document}</x:Document></x:DocumentResponse></x:RetrieveDocumentSetResponse>"
    )


def envelope(body: str) -> bytes:
    return f'<s:Envelope xmlns:s="{SOAP_12}"><s:Body>{body}</s:Body></s:Envelope>'.encode()


def package(body: str) -> bytes:
    head = b"\r\n--b-1\r\nContent-Type: application/xop+xml\r\n\r\n"
    return head + envelope(body) + b"\r\n--b-1\r\nContent-ID: <1>\r\n\r\n\xff--b\r\n--b-1--\r\n"


@pytest.mark.reference
@pytest.mark.parametrize("body", [RESPONSE, retrieved("aGVsbG8="), FAULT, HL7, ""])
def test_answers_in_order(reference: Path, body: str) -> None:
    validate_answer(SOAP, envelope(body))
    validate_answer(PACKAGE, package(body))


@pytest.mark.reference
def test_a_document_in_its_own_part(reference: Path) -> None:
    validate_answer(PACKAGE, package(retrieved(INCLUDED)))


@pytest.mark.reference
@pytest.mark.parametrize(
    "body",
    [
        RESPONSE.replace("status", "state"),
        retrieved("===="),
        retrieved("").replace("mimeType", "mimetype"),
        RESPONSE.replace("RegistryResponse", "Other"),
        RESPONSE + RESPONSE.replace("status", "state"),
    ],
)
def test_answers_that_fail_a_journey(reference: Path, body: str) -> None:
    with pytest.raises(etree.DocumentInvalid):
        validate_answer(SOAP, envelope(body))
    with pytest.raises(etree.DocumentInvalid):
        validate_answer(PACKAGE, package(body))


@pytest.mark.parametrize("content_type", ["", "text/plain", "text/html; charset=utf-8"])
def test_what_is_no_soap_is_not_judged(content_type: str) -> None:
    validate_answer(content_type, b"expected POST\n")
