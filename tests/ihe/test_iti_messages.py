"""ITI-18, ITI-41 and ITI-43: requests read, answers written as the official schema wants them."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from ihe_wire import SUBMIT_OBJECTS, Sink, envelope, provide, retrieve, stored_query
from lxml import etree

from dmp.requests import DocumentRequest, Opened
from ihe import iti18, iti41, iti43
from ihe.ebrim import read_objects
from ihe.identifiers import FAILURE, PARTIAL_SUCCESS, RIM, RS, SUCCESS, XDS
from ihe.mime import Limits, Outgoing
from ihe.mtom import read_package
from ihe.registry_response import write_registry_response
from ihe.soap import Reply, SoapError, frame, read_envelope
from registry.errors import ErrorCode, Finding, RegistryError, Severity
from registry.metadata import RegistryObject
from registry.stored_query import GetDocuments, ReturnType
from schemas.xml import parse

NS = {"rs": RS, "rim": RIM, "xds": XDS}
ERROR = Finding(ErrorCode.XDSRegistryMetadataError, 'a: expected "b", got <c>', location="Document01")
WARNING = Finding(ErrorCode.XDSExtraMetadataNotSaved, "d was not saved", Severity.WARNING)
ASKED = DocumentRequest("1.2.3", "1.2.3.4")


def body(message: bytes) -> etree._Element:
    return read_envelope(message).body


# --- ITI-41 -----------------------------------------------------------------------------------------------------------


def test_iti41_reads_the_submission() -> None:
    submission, findings = iti41.read_provide(body(provide()))
    assert [entry.entry_uuid for entry in submission.entries] == ["Document01"]
    assert findings == ()


@pytest.mark.parametrize("message", [retrieve("1"), provide(submission="<x/>")])
def test_iti41_refuses_other_elements(message: bytes) -> None:
    with pytest.raises(SoapError, match="ProvideAndRegisterDocumentSetRequest"):
        iti41.read_provide(body(message))


def test_a_success_without_warnings_is_bare() -> None:
    root = parse(write_registry_response())
    assert (root.tag, root.get("status"), len(root)) == (f"{{{RS}}}RegistryResponse", SUCCESS, 0)


def test_warnings_leave_a_success_a_success() -> None:
    root = parse(write_registry_response([WARNING]))
    assert root.get("status") == SUCCESS
    assert root[0].get("highestSeverity") == Severity.WARNING.value


def test_a_failure_tells_every_finding_with_empty_elements() -> None:
    root = parse(write_registry_response([WARNING, ERROR]))
    assert root.get("status") == FAILURE
    assert root[0].get("highestSeverity") == Severity.ERROR.value
    warning, error = root[0]
    assert dict(error.attrib) == {
        "codeContext": ERROR.context,
        "errorCode": "XDSRegistryMetadataError",
        "severity": Severity.ERROR.value,
        "location": "Document01",
    }
    assert warning.get("location") is None
    assert error.text is None


# --- ITI-18 -----------------------------------------------------------------------------------------------------------


def test_iti18_reads_the_question() -> None:
    question = iti18.read_question(body(stored_query("ObjectRef")))
    assert question.query == GetDocuments(return_type=ReturnType.OBJECT_REF, unique_ids=("1.2.3",))
    assert question.query_id == "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
    assert parse(question.raw).tag == iti18.REQUEST


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (stored_query("RegistryObject"), ErrorCode.XDSRegistryError),
        (stored_query(query_id="urn:uuid:00000000-0000-0000-0000-000000000000"), ErrorCode.XDSUnknownStoredQuery),
        (stored_query().replace(b"UniqueId", b"Other"), ErrorCode.XDSStoredQueryMissingParam),
    ],
)
def test_iti18_questions_that_cannot_be_answered(message: bytes, code: ErrorCode) -> None:
    with pytest.raises(RegistryError) as caught:
        iti18.read_question(body(message))
    assert code in [found.code for found in caught.value.findings]


@pytest.mark.parametrize("message", [retrieve("1"), stored_query().replace(b"ResponseOption", b"Option")])
def test_iti18_refuses_other_elements(message: bytes) -> None:
    with pytest.raises(SoapError, match="AdhocQueryRequest"):
        iti18.read_question(body(message))


def test_iti18_without_result_has_an_empty_list() -> None:
    root = parse(iti18.write_answer([], ReturnType.LEAF_CLASS))
    assert root.get("status") == SUCCESS
    assert [(child.tag, len(child)) for child in root] == [(f"{{{RIM}}}RegistryObjectList", 0)]


def test_iti18_answers_with_objects_or_references() -> None:
    submission, _ = iti41.read_provide(body(provide()))
    whole = parse(iti18.write_answer(submission.entries, ReturnType.LEAF_CLASS))
    assert read_objects(whole[0])[0] == (replace(submission.entries[0], logical_id="Document01"),)
    references = parse(iti18.write_answer(submission.entries, ReturnType.OBJECT_REF))
    assert [found.tag for found in references[0]] == [f"{{{RIM}}}ObjectRef"]


def test_iti18_failure_has_errors_and_an_empty_list() -> None:
    root = parse(iti18.write_failure([ERROR]))
    assert root.get("status") == FAILURE
    assert [etree.QName(child).localname for child in root] == ["RegistryErrorList", "RegistryObjectList"]


# --- ITI-43 -----------------------------------------------------------------------------------------------------------


def opened(unique_id: str, content: bytes, *, home: str = "", mime_type: str = "text/xml") -> Opened:
    request = DocumentRequest("1.2.3", unique_id, home)
    return Opened(request, mime_type, len(content), iter([content[:1], content[1:]]))


def unpacked(outgoing: Outgoing) -> tuple[etree._Element, list[bytes]]:
    """The envelope of an MTOM answer, and its documents in the order of the references in it."""
    written = b"".join(outgoing.chunks)
    assert len(written) == outgoing.length
    # The reader takes documents of requests only: make the answer look like one.
    as_request = written.replace(b"RetrieveDocumentSetResponse", b"ProvideAndRegisterDocumentSetRequest")
    as_request = as_request.replace(b"<xds:DocumentResponse>", b"").replace(b"</xds:DocumentResponse>", b"")
    for number in range(written.count(b"<xds:Document>")):
        as_request = as_request.replace(b"<xds:Document>", b'<xds:Document id="%d">' % number, 1)

    class Stream:
        def __init__(self) -> None:
            self.left = as_request

        def read(self, size: int, /) -> bytes:
            taken, self.left = self.left[:size], self.left[size:]
            return taken

    package = read_package(outgoing.content_type, Stream(), Sink, Limits(), lambda _root: None)
    start = written.index(b"<?xml")
    return parse(written[start : written.index(b"\r\n--", start)]), [bytes(sink) for sink in package.documents.values()]


def test_iti43_reads_the_documents_asked_for() -> None:
    asked = iti43.read_retrieve(body(retrieve("1.2.3.4", "1.2.3.5", home="urn:oid:1.2")))
    assert asked == (
        DocumentRequest("1.2.3", "1.2.3.4", "urn:oid:1.2"),
        DocumentRequest("1.2.3", "1.2.3.5", "urn:oid:1.2"),
    )


@pytest.mark.parametrize("message", [retrieve(), retrieve(""), stored_query(), retrieve(*["1"] * 1001)])
def test_iti43_refuses_other_requests(message: bytes) -> None:
    with pytest.raises(SoapError):
        iti43.read_retrieve(body(message))


def test_iti43_answers_each_document_in_a_part_of_its_own() -> None:
    around = frame("urn:a", Reply("urn:m"))
    found = iti43.write_opened([opened("1", b"first", home="urn:oid:9"), opened("2", b"second")], around, "uuid-1")
    root, documents = unpacked(found)
    assert documents == [b"first", b"second"]
    answer = read_envelope(root).body
    assert answer.findall("rs:RegistryResponse", NS)[0].get("status") == SUCCESS
    one, other = answer.findall("xds:DocumentResponse", NS)
    names = ["HomeCommunityId", "RepositoryUniqueId", "DocumentUniqueId", "mimeType", "Document"]
    assert [etree.QName(child).localname for child in one] == names
    assert [etree.QName(child).localname for child in other] == names[1:]


def test_iti43_partial_success_and_failure() -> None:
    missing = Finding(ErrorCode.XDSDocumentUniqueIdError, "none", location="1.2.3.4")
    cases: list[tuple[list[Opened | Finding], str]] = [
        ([opened("1", b"x"), missing], PARTIAL_SUCCESS),
        ([missing], FAILURE),
    ]
    for results, status in cases:
        root, documents = unpacked(iti43.write_opened(results, frame("urn:a", Reply()), "uuid-1"))
        response = read_envelope(root).body.find("rs:RegistryResponse", NS)
        assert response is not None
        assert response.get("status") == status
        assert response[0][0].get("location") == "1.2.3.4"
        assert len(documents) == len(results) - 1


def test_iti43_inline_for_simple_soap() -> None:
    found = iti43.write_opened_inline([opened("1", b"first"), opened("2", b"")], frame("urn:a", Reply()))
    written = b"".join(found.chunks)
    assert len(written) == found.length
    texts = [item.text or "" for item in parse(written).iter(f"{{{XDS}}}Document")]
    assert [base64.b64decode(item) for item in texts] == [b"first", b""]


def test_iti43_media_types_add_no_headers() -> None:
    found = iti43.write_opened([opened("1", b"x", mime_type="text/xml\r\nEvil: 1")], frame("urn:a", Reply()), "uuid-1")
    written = b"".join(found.chunks)
    assert b"\r\nEvil" not in written
    assert b"Content-Type: application/octet-stream\r\n" in written


def test_iti43_a_refusal_is_said_of_every_document_asked_for() -> None:
    refusal = Finding(ErrorCode.DMPAccessDeniedByRightsService, "no")
    root = parse(iti43.write_failure([refusal], [ASKED, replace(ASKED, document_unique_id="9")]))
    assert root[0].get("status") == FAILURE
    assert [error.get("location") for error in root[0][0]] == ["1.2.3.4", "9"]


# --- The official schema ----------------------------------------------------------------------------------------------


@pytest.mark.reference
def test_answers_are_valid_by_the_official_schema(reference: Path) -> None:
    folder = reference / "ihe" / "schema" / "xds-nist-v3"
    xds = etree.XMLSchema(file=str(folder / "XDS.b_DocumentRepository.xsd"))
    query = etree.XMLSchema(file=str(folder / "query.xsd"))
    submission, _ = iti41.read_provide(body(provide()))
    everything: list[RegistryObject] = [submission.submission_set, *submission.entries, *submission.folders]
    everything += submission.associations
    for return_type in ReturnType:
        query.assertValid(parse(iti18.write_answer(everything, return_type)))
    query.assertValid(parse(iti18.write_failure([ERROR, WARNING])))
    xds.assertValid(parse(iti43.write_failure([ERROR], [ASKED])))
    inline = iti43.write_opened_inline([opened("1", b"x", home="urn:oid:1"), ERROR], (b"", b""))
    xds.assertValid(parse(b"".join(inline.chunks)))
    etree.XMLSchema(file=str(folder / "lcm.xsd")).assertValid(parse(SUBMIT_OBJECTS.encode()))


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("xcadocumentsource-iti/IT_iti-18_request.xml", iti18.read_question),
        ("xcadocumentsource-iti/IT_iti-43_request.xml", iti43.read_retrieve),
        ("nist-messagevalidator/soap-sq-req.xml", iti18.read_question),
        ("nist-messagevalidator/soap-ret-req.xml", iti43.read_retrieve),
    ],
)
def test_real_requests(reference: Path, name: str, read: object) -> None:
    assert callable(read)
    message = (reference / "ihe" / "samples" / name).read_bytes()
    assert read(read_envelope(message).body)


def test_an_empty_body_is_told() -> None:
    with pytest.raises(SoapError, match="exactly one element"):
        body(envelope("urn:a", ""))
