"""What every message has in common, on the wire. Source: ITI TF-2 Appendix V; SOAP 1.2; WS-Addressing 1.0."""

from __future__ import annotations

import http.client
import uuid
from collections.abc import Callable

import pytest
from lxml import etree

from registry.metadata import Code
from schemas.xml import parse
from tests.connectathon import (
    NAMESPACES,
    REGISTRY_PATH,
    REPOSITORY,
    REPOSITORY_PATH,
    RS,
    SOAP_12,
    WSA,
    XDS,
    Answer,
    Node,
    document,
    document_requests,
    new_oid,
    new_patient,
    submission,
    submit_objects,
)
from tests.hl7v3 import PATIENTS_PATH

SIMPLE = "application/soap+xml; charset=UTF-8"
MTOM = 'multipart/related; boundary="b"; type="application/xop+xml"; start="<r>"; start-info="application/soap+xml"'
REGISTER, RETRIEVE, PROVIDE = (
    "urn:ihe:iti:2007:RegisterDocumentSet-b",
    "urn:ihe:iti:2007:RetrieveDocumentSet",
    "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
)
WSDL, WSDL_SOAP_12 = "http://schemas.xmlsoap.org/wsdl/", "http://schemas.xmlsoap.org/wsdl/soap12/"
WSAW = "http://www.w3.org/2006/05/addressing/wsdl"


def registration(node: Node, *, action: str = REGISTER) -> tuple[str, bytes]:
    """A patient, and a message that registers a document of his."""
    patient = new_patient()
    return patient, node.envelope(action, submit_objects(submission(document(patient))))


def packed(envelope: bytes) -> bytes:
    head = b'--b\r\nContent-Type: application/xop+xml; type="application/soap+xml"\r\nContent-ID: <r>\r\n\r\n'
    return head + envelope + b"\r\n--b--\r\n"


def header(root: etree._Element, name: str) -> str:
    return root.findtext(f"env:Header/wsa:{name}", "", NAMESPACES)


def subcode(content: bytes) -> str:
    return parse(content).findtext(".//env:Subcode/env:Value", "", NAMESPACES)


# --- SOAP and WS-Addressing -------------------------------------------------------------------------------------------


@pytest.mark.proves("wire/soap-1.2")
@pytest.mark.parametrize(
    "content_type",
    [
        "application/soap+xml",
        SIMPLE,
        f'{SIMPLE}; action="{REGISTER}"',
        f'{SIMPLE}; action="{RETRIEVE}"',
        'application/soap+xml; action=""',
    ],
)
def test_what_is_done_is_what_the_header_says_whatever_the_soap_action(node: Node, content_type: str) -> None:
    patient, envelope = registration(node)
    status, answered, content = node.post(REGISTRY_PATH, envelope, content_type)
    assert (status, answered.partition(";")[0]) == (200, "application/soap+xml")
    assert Answer(status, parse(content)).success
    assert len(node.find_documents(patient).entries) == 1


@pytest.mark.proves("wire/soap-1.2")
def test_an_envelope_of_soap_1_1_is_of_another_version(node: Node) -> None:
    patient, envelope = registration(node)
    older = envelope.replace(SOAP_12.encode(), b"http://schemas.xmlsoap.org/soap/envelope/")
    status, _, content = node.post(REGISTRY_PATH, older, SIMPLE)
    assert (status, b"VersionMismatch" in content) == (500, True)
    assert node.post(REGISTRY_PATH, older, "text/xml")[0] == 415
    assert node.find_documents(patient).entries == ()


@pytest.mark.proves("wire/action")
@pytest.mark.parametrize("given", ["1", "true", ""])
def test_an_action_must_be_understood(node: Node, given: str) -> None:
    """By 0 or nothing as well, as some send it; one that is not served here is no action."""
    patient, envelope = registration(node)
    marked = b's:mustUnderstand="1"'
    spoken = envelope.replace(marked, f's:mustUnderstand="{given}"'.encode() if given else b"")
    assert Answer(200, parse(node.post(REGISTRY_PATH, spoken, SIMPLE)[2])).success
    for action, path in (("urn:none", REGISTRY_PATH), (PROVIDE, REGISTRY_PATH), (REGISTER, REPOSITORY_PATH)):
        _, other = registration(node, action=action)
        status, _, content = node.post(path, other, SIMPLE)
        assert (status, subcode(content)) == (400, "wsa:ActionNotSupported")
        assert b"env:Sender" in content
    assert len(node.find_documents(patient).entries) == 1


@pytest.mark.proves("wire/action")
def test_a_reply_to_may_or_may_not_have_to_be_understood(node: Node) -> None:
    patient, envelope = registration(node)
    marked = envelope.replace(b"<wsa:ReplyTo>", b'<wsa:ReplyTo s:mustUnderstand="1">')
    assert Answer(200, parse(node.post(REGISTRY_PATH, marked, SIMPLE)[2])).success
    assert len(node.find_documents(patient).entries) == 1


@pytest.mark.proves("wire/relates-to")
@pytest.mark.parametrize(
    ("path", "action", "response"),
    [
        (REGISTRY_PATH, REGISTER, f"{REGISTER}Response"),
        (
            REGISTRY_PATH,
            "urn:ihe:iti:2010:RegisterOnDemandDocumentEntry",
            "urn:ihe:iti:2010:RegisterOnDemandDocumentResponse",
        ),
        (REGISTRY_PATH, "urn:ihe:iti:2010:UpdateDocumentSet", "urn:ihe:iti:2010:UpdateDocumentSetResponse"),
        (
            REGISTRY_PATH,
            "urn:ihe:iti:2018:RestrictedUpdateDocumentSet",
            "urn:ihe:iti:2018:RestrictedUpdateDocumentSetResponse",
        ),
        (REPOSITORY_PATH, RETRIEVE, f"{RETRIEVE}Response"),
    ],
)
def test_an_answer_says_what_it_is_and_to_what(node: Node, path: str, action: str, response: str) -> None:
    body = submit_objects(submission(document(new_patient())))
    if action == RETRIEVE:
        asked = document_requests([new_oid()], REPOSITORY)
        body = f'<xds:RetrieveDocumentSetRequest xmlns:xds="{XDS}">{asked}</xds:RetrieveDocumentSetRequest>'
    envelope = node.envelope(action, body)
    root = parse(node.post(path, envelope, SIMPLE)[2])
    assert header(root, "Action") == response
    assert header(root, "RelatesTo") == header(parse(envelope), "MessageID") != ""


@pytest.mark.proves("wire/relates-to")
def test_a_fault_says_so_too(node: Node) -> None:
    envelope = node.envelope("urn:none", "<b/>")
    root = parse(node.post(REGISTRY_PATH, envelope, SIMPLE)[2])
    assert header(root, "Action") == f"{WSA}/fault"
    assert header(root, "RelatesTo") == header(parse(envelope), "MessageID")


@pytest.mark.proves("wire/must-understand")
def test_a_header_that_nobody_knows(node: Node) -> None:
    patient, envelope = registration(node)
    for value, understood in (("1", False), ("true", False), ("0", True)):
        block = f'<x:Y xmlns:x="urn:x" s:mustUnderstand="{value}"/></s:Header>'.encode()
        status, _, content = node.post(REGISTRY_PATH, envelope.replace(b"</s:Header>", block), SIMPLE)
        assert (status == 200) is understood
        assert (b"env:MustUnderstand" in content) is not understood
        assert len(node.find_documents(patient).entries) == understood


# --- Encodings --------------------------------------------------------------------------------------------------------


@pytest.mark.proves("wire/same-encoding")
@pytest.mark.parametrize("action", [PROVIDE, RETRIEVE])
def test_an_answer_is_in_the_encoding_of_its_request(node: Node, action: str) -> None:
    """ITI-41 too, though nothing in its answer is optimised; and a failure as well as a success."""
    entry = document(new_patient())
    assert node.provide(submission(entry), {entry.entry_uuid: b"hello"}).success
    for unique_id in (entry.unique_id, new_oid()):
        if action == RETRIEVE:
            asked = document_requests([unique_id], REPOSITORY)
            body = f'<xds:RetrieveDocumentSetRequest xmlns:xds="{XDS}">{asked}</xds:RetrieveDocumentSetRequest>'
        else:
            again = document(entry.patient_id, unique_id=unique_id, hash="", size=None)
            body = (
                f'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="{XDS}">{submit_objects(submission(again))}'
                f'<xds:Document id="{again.entry_uuid}">aGVsbG8=</xds:Document>'
                "</xds:ProvideAndRegisterDocumentSetRequest>"
            )
        envelope = node.envelope(action, body)
        assert node.post(REPOSITORY_PATH, envelope, SIMPLE)[1].startswith("application/soap+xml")
        _, content_type, content = node.post(REPOSITORY_PATH, packed(envelope), MTOM)
        assert content_type.startswith("multipart/related")
        assert 'type="application/xop+xml"' in content_type
        assert 'start-info="application/soap+xml"' in content_type
        assert (b"xop:Include" in content) is (action == RETRIEVE and unique_id == entry.unique_id)


# --- Errors and faults ------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Callable[[Node], tuple[str, bytes, str]], int]] = {
    "a business error": (lambda node: (REGISTRY_PATH, bad_metadata(node), SIMPLE), 200),
    "not XML": (lambda _: (REGISTRY_PATH, b"not XML", SIMPLE), 400),
    "no envelope": (lambda _: (REGISTRY_PATH, b"<a/>", SIMPLE), 500),
    "another action": (lambda node: (REGISTRY_PATH, node.envelope("urn:none", "<b/>"), SIMPLE), 400),
    "another body": (lambda node: (REGISTRY_PATH, node.envelope(REGISTER, "<b/>"), SIMPLE), 400),
    "a package without root": (
        lambda _: (REPOSITORY_PATH, b"--b\r\nContent-ID: <o>\r\n\r\n<a/>\r\n--b--\r\n", MTOM),
        400,
    ),
    "another media type": (lambda _: (REGISTRY_PATH, b"{}", "application/json"), 415),
}


def bad_metadata(node: Node) -> bytes:
    return node.envelope(REGISTER, submit_objects(submission(document(new_patient(), class_code=Code("", "1.2.3")))))


@pytest.mark.proves("wire/http-status")
@pytest.mark.parametrize("name", REFUSED)
def test_http_status(node: Node, name: str) -> None:
    request, status = REFUSED[name]
    got, _, content = node.post(*request(node))
    answer = Answer(got, parse(content))
    assert got == status
    assert bool(answer.fault) is (status != 200)
    assert answer.status == ("Failure" if status == 200 else "")
    code = answer.root.findtext(".//env:Code/env:Value", "", NAMESPACES)
    assert code == {200: "", 500: "env:VersionMismatch"}.get(status, "env:Sender")


@pytest.mark.proves("wire/registry-error")
def test_an_error_list_says_how_bad_it_is(node: Node) -> None:
    """TF-3 4.2.4.2: errorCode, codeContext and severity on each, nothing in it; the most severe on the list."""
    unknown = (
        f'<rim:Classification id="c" classifiedObject="SubmissionSet01" classificationScheme="urn:uuid:{uuid.uuid4()}" '
        'nodeRepresentation="x"/><rim:ExternalIdentifier'
    )
    for changes, severities, highest in (
        (
            {"language_code": "", "service_start_time": "2027", "service_stop_time": "2026"},
            {"Error", "Warning"},
            "Error",
        ),
        ({}, {"Warning"}, "Warning"),
    ):
        body = submit_objects(submission(document(new_patient(), **changes)))
        assert body.index("SubmissionSet01") < body.index("<rim:ExternalIdentifier") < body.index("Document01")
        answer = node.soap(REGISTRY_PATH, REGISTER, body.replace("<rim:ExternalIdentifier", unknown, 1))
        (listed,) = answer.root.iter(f"{{{RS}}}RegistryErrorList")
        assert listed.get("highestSeverity") == f"urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:{highest}"
        assert {severity for _, severity, _, _ in answer.errors} == severities
        assert all(code and context for code, _, _, context in answer.errors)
        assert not any(error.text or len(error) for error in listed)
        assert answer.status == ("Failure" if highest == "Error" else "Success")


# --- WSDL -------------------------------------------------------------------------------------------------------------


@pytest.mark.proves("wire/wsdl")
@pytest.mark.parametrize(
    ("path", "name", "actions"),
    [
        (
            REGISTRY_PATH,
            "DocumentRegistry",
            {
                "urn:ihe:iti:2007:RegistryStoredQuery",
                REGISTER,
                "urn:ihe:iti:2009:MultiPatientStoredQuery",
                "urn:ihe:iti:2010:UpdateDocumentSet",
                "urn:ihe:iti:2010:RegisterOnDemandDocumentEntry",
                "urn:ihe:iti:2010:DeleteDocumentSet",
                "urn:ihe:iti:2018:RestrictedUpdateDocumentSet",
            },
        ),
        (REPOSITORY_PATH, "DocumentRepository", {PROVIDE, RETRIEVE, "urn:ihe:iti:2017:RemoveDocuments"}),
        (PATIENTS_PATH, "PIXManager", {f"urn:hl7-org:v3:PRPA_IN2013{each}UV02" for each in ("01", "02", "04", "09")}),
    ],
)
def test_each_actor_tells_what_it_serves(node: Node, path: str, name: str, actions: set[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    connection.request("GET", f"{path}?wsdl")
    definitions = parse(connection.getresponse().read())
    connection.close()
    assert (definitions.tag, definitions.get("name")) == (f"{{{WSDL}}}definitions", name)
    served = {each.get(f"{{{WSAW}}}Action") for each in definitions.iter(f"{{{WSDL}}}input")}
    assert actions <= served
    operations = list(definitions.iter(f"{{{WSDL_SOAP_12}}}operation"))
    assert operations
    assert {each.get("soapActionRequired") for each in operations} == {"false"}
