"""Input that nobody should send, through the front door: the standard's error, nothing stored, the server unharmed."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from audit.event import Outcome
from conformance.lps import client
from conformance.lps.client import Lps
from conformance.lps.connection import REGISTRY, REPOSITORY
from conformance.lps.mtom import Attachment
from conformance.lps.people import Patient
from conformance.lps.query import FIND_DOCUMENTS, Filters, find_documents, write_query
from conformance.lps.soap import PROVIDE_AND_REGISTER, REGISTRY_STORED_QUERY, LpsError, envelope
from conformance.lps.submission import Submission
from conformance.lps.vihf import Access
from schemas import oids, xml
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from tests.village import Village

SOAP = "{http://www.w3.org/2003/05/soap-envelope}"
DOCTOR = "medecin-traitant"
SIMPLE = "application/soap+xml; charset=UTF-8"
XOP = 'multipart/related; type="application/xop+xml"; start="<root>"; start-info="application/soap+xml"; boundary=b'


@pytest.fixture(scope="module")
def patient(village: Village) -> Patient:
    return village.patient(PATIENTS[11].ins)


@pytest.fixture(scope="module")
def lps(village: Village) -> Lps:
    return village.lps(DOCTOR)


def post(lps: Lps, path: str, content_type: str, body: bytes) -> tuple[int, etree._Element]:
    """The status and the root of the answer."""
    with lps._transport.post(path, content_type, len(body), [body]) as response:
        return response.status, xml.parse(response.read())


def fault(lps: Lps, path: str, content_type: str, body: bytes) -> tuple[int, str]:
    """The status and the code of the SOAP Fault that answers."""
    status, root = post(lps, path, content_type, body)
    code = root.findtext(f"{SOAP}Body/{SOAP}Fault/{SOAP}Code/{SOAP}Value")
    assert code is not None, etree.tostring(root)
    return status, code.rpartition(":")[2]


def question(lps: Lps, patient: Patient, *, action: str = REGISTRY_STORED_QUERY, request: bytes | None = None) -> bytes:
    """A whole ITI-18 message."""
    content = request or write_query(FIND_DOCUMENTS, find_documents(patient.cx, Filters()), object_refs=False)
    _, start, end = envelope(action, "https://127.0.0.1/ihe/registry", lps.assertion(patient, Access()))
    return start + content + end


def test_the_question_itself_is_answered(lps: Lps, patient: Patient) -> None:
    status, root = post(lps, REGISTRY, SIMPLE, question(lps, patient))
    assert status == 200
    assert root.find(f"{SOAP}Body/{SOAP}Fault") is None


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (SIMPLE, b""),
        (SIMPLE, b"not XML"),
        (SIMPLE, b"<a><b></a>"),
        (SIMPLE, b"<html/>"),
        (SIMPLE, b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'),
        (SIMPLE, b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><a>&b;</a>'),
        (SIMPLE, b"<a>" * 5000),
        (SIMPLE, gzip.compress(b"<a/>")),
        ("text/xml", b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body/></Envelope>'),
        ("application/json", b"{}"),
        (XOP, b""),
        (XOP, b"--b\r\nContent-ID: <other>\r\n\r\n<a/>\r\n--b--\r\n"),
        (XOP, b"--b\r\nContent-ID: <root>\r\nContent-Type: application/xop+xml\r\n\r\n<a>\r\n--b--\r\n"),
        (XOP, b"--b\r\nContent-ID: <root>\r\n" + b"X: y\r\n" * 5000 + b"\r\n<a/>\r\n--b--\r\n"),
        (XOP.replace("boundary=b", "boundary=other"), b"--b\r\nContent-ID: <root>\r\n\r\n<a/>\r\n--b--\r\n"),
    ],
    ids=[
        "empty",
        "no XML",
        "malformed",
        "no envelope",
        "external entity",
        "entity bomb",
        "too deep",
        "gzip",
        "SOAP 1.1",
        "JSON",
        "empty package",
        "no root part",
        "malformed root part",
        "header bomb",
        "other boundary",
    ],
)
def test_what_is_no_message_gets_a_sender_fault_and_is_audited(
    village: Village, lps: Lps, content_type: str, body: bytes
) -> None:
    for path in (REGISTRY, REPOSITORY):
        status, code = fault(lps, path, content_type, body)
        assert (status, code) in (
            (400, "Sender"),
            (415, "Sender"),
            (500, "VersionMismatch"),
        )  # SOAP 1.2 Part 2 §7.5.2.2
        assert village.audit(1)[0].outcome is Outcome.SERIOUS_FAILURE


def test_an_unknown_action_is_a_fault(lps: Lps, patient: Patient) -> None:
    assert fault(lps, REGISTRY, SIMPLE, question(lps, patient, action="urn:nothing")) == (400, "Sender")
    assert fault(lps, REGISTRY, SIMPLE, question(lps, patient, action=PROVIDE_AND_REGISTER)) == (400, "Sender")


def test_a_header_that_must_be_understood_and_is_not_is_a_fault(lps: Lps, patient: Patient) -> None:
    header = b'<x:Y xmlns:x="urn:x" soap:mustUnderstand="1"/></soap:Header>'
    message = question(lps, patient).replace(b"</soap:Header>", header)
    assert fault(lps, REGISTRY, SIMPLE, message)[1] == "MustUnderstand"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (FIND_DOCUMENTS.encode(), b"urn:uuid:00000000-0000-4000-8000-000000000000", "XDSUnknownStoredQuery"),
        (b"$XDSDocumentEntryStatus", b"$Other", "XDSStoredQueryMissingParam"),
    ],
)
def test_a_wrong_query_gets_its_code_and_is_audited_with_its_requester(
    village: Village, lps: Lps, patient: Patient, old: bytes, new: bytes, code: str
) -> None:
    status, root = post(lps, REGISTRY, SIMPLE, question(lps, patient).replace(old, new))
    assert status == 200
    codes = [error.get("errorCode") for error in root.iter("{*}RegistryError")]
    assert codes == [code]
    record = village.audit(1)[0]
    assert (record.outcome, record.requester_id != "") == (Outcome.MINOR_FAILURE, True)


def test_every_fault_of_the_metadata_is_listed(
    lps: Lps, patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = write(Paper("consultation_report", DOCTOR, DOCTOR, 11, 1), tmp_path, 4000, datetime.now(UTC))
    before = len(lps.find(patient))
    original = client.write_request

    def spoiled(submission: Submission) -> list[bytes | Attachment]:
        """The same request with a type and a language that no table has."""
        return [
            piece.replace(b'nodeRepresentation="11488-4"', b'nodeRepresentation="0000-0"').replace(
                b">fr-FR<", b">xx-XX<"
            )
            if isinstance(piece, bytes)
            else piece
            for piece in original(submission)
        ]

    monkeypatch.setattr(client, "write_request", spoiled)
    with pytest.raises(LpsError) as refused:
        lps.provide([document], patient)
    monkeypatch.undo()
    contexts = " | ".join(error.context for error in refused.value.errors)
    assert len(refused.value.errors) >= 2
    assert "typeCode" in contexts
    assert "languageCode" in contexts
    assert "expected" in contexts
    assert "got" in contexts
    assert len(lps.find(patient)) == before


def test_an_oversized_body_is_refused_before_it_is_sent(lps: Lps) -> None:
    connection = lps._transport._take()
    connection.putrequest("POST", REPOSITORY)
    connection.putheader("Content-Type", XOP)
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_document_of_another_patient_is_refused(village: Village, lps: Lps, patient: Patient, tmp_path: Path) -> None:
    document = write(Paper("consultation_report", DOCTOR, DOCTOR, 0, 1), tmp_path, 4001, datetime.now(UTC))
    with pytest.raises(LpsError, match="XDSPatientIdDoesNotMatch"):
        lps.provide([document], patient)


def test_an_unknown_patient_is_unknown(village: Village, lps: Lps, tmp_path: Path) -> None:
    document = write(Paper("consultation_report", DOCTOR, DOCTOR, 0, 1), tmp_path, 4002, datetime.now(UTC))
    with pytest.raises(LpsError, match="XDSUnknownPatientId"):
        lps.provide([document], Patient("190017500100160", oids.INS_NIR_TEST))


def test_a_closed_dossier_takes_nothing(village: Village, lps: Lps, tmp_path: Path) -> None:
    document = write(Paper("consultation_report", DOCTOR, DOCTOR, 3, 1), tmp_path, 4003, datetime.now(UTC))
    with pytest.raises(LpsError, match="DMPClosed"):
        lps.provide([document], village.patient(PATIENTS[3].ins))


def test_the_same_document_twice_is_refused(lps: Lps, patient: Patient, tmp_path: Path) -> None:
    document = write(Paper("consultation_report", DOCTOR, DOCTOR, 11, 2), tmp_path, 4004, datetime.now(UTC))
    lps.provide([document], patient)
    with pytest.raises(LpsError, match="XDSRegistryMetadataError"):
        lps.provide([document], patient)


def test_inline_base64_is_the_same_document(lps: Lps, patient: Patient, tmp_path: Path) -> None:
    document = write(Paper("imaging_report", DOCTOR, DOCTOR, 11, 3), tmp_path, 4005, datetime.now(UTC))
    provided = lps.provide([document], patient, inline=True)
    lps.open(provided.unique_ids[0], tmp_path / "back.xml", patient)
    assert (tmp_path / "back.xml").read_bytes() == document.read_bytes()


@pytest.mark.parametrize("path", [REGISTRY, REPOSITORY])
def test_the_wsdl_is_served(lps: Lps, path: str) -> None:
    connection = lps._transport._take()
    connection.request("GET", f"{path}?wsdl")
    root = xml.parse(connection.getresponse().read())
    connection.close()
    assert root.get("name") in ("DocumentRegistry", "DocumentRepository")
