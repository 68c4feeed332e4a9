"""The endpoints as a client sees them, with a hall that only notes what it is asked."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from ihe_wire import (
    BOUNDARY,
    MESSAGE_ID,
    PROVIDE,
    SECURITY,
    content_type,
    envelope,
    inline,
    package,
    part,
    provide,
    retrieve,
    root,
    stored_query,
    xop,
)
from lxml import etree
from werkzeug.test import TestResponse

from audit.event import Call
from dmp.errors import AccessRefused
from dmp.requests import DocumentRequest, Lot, Opened
from identities.requester import Authentication, Requester
from ihe.door import Door
from ihe.endpoint import REGISTRY_PATH, REPOSITORY_PATH, blueprint
from ihe.errors import AuthenticationError
from ihe.exchange import Actor
from ihe.mime import Limits
from ihe.soap import ENVELOPE, Header
from ihe.wsdl import write_wsdl
from registry.errors import ErrorCode, Finding, RegistryError, Severity
from registry.metadata import RegistryObject
from registry.stored_query import StoredQuery
from repository.content import Content
from repository.errors import ContentTooLarge
from schemas.xml import parse

SOAP = "application/soap+xml; charset=UTF-8"
SOMEBODY = Requester("8990", "Ada", "10", "1.2", "SM26", "1990", "SA01", Authentication.DIRECTE)
NS = {"env": "http://www.w3.org/2003/05/soap-envelope", "wsa": "http://www.w3.org/2005/08/addressing"}
REFUSAL = Finding(ErrorCode.DMPAccessDeniedByRightsService, "Accès refusé")
SECRET = "DUPONT"  # stands for what must never reach a log or a client


class Staged:
    """A staged document in memory."""

    def __init__(self) -> None:
        self.content, self.discarded = bytearray(), False

    def write(self, chunk: bytes) -> None:
        self.content += chunk

    def finish(self) -> Content:
        return Content(hashlib.sha256(self.content).hexdigest(), "", len(self.content))

    def chunks(self) -> Iterator[bytes]:
        yield bytes(self.content)

    def keep(self) -> None: ...

    def discard(self) -> None:
        self.discarded = True


@dataclass
class Hall:
    """Notes what comes; `raises` is what the hall, or whoever authenticates, answers with."""

    raises: Exception | None = None
    unknown: Exception | None = None
    lots: list[Lot] = field(default_factory=list)
    questions: list[tuple[StoredQuery, str, bytes]] = field(default_factory=list)
    wanted: list[Sequence[DocumentRequest]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    refused: list[tuple[Call, str, Requester | None]] = field(default_factory=list)
    staged: list[Staged] = field(default_factory=list)
    warnings: tuple[Finding, ...] = ()

    def authenticate(self, header: Header, certificate: bytes | None, call: Call) -> Requester:
        assert header.root.tag == ENVELOPE
        if self.unknown:
            raise self.unknown
        return SOMEBODY

    def _asked(self, call: Call) -> None:
        self.calls.append(call)
        if self.raises:
            raise self.raises

    def provide(self, requester: Requester, call: Call, lot: Lot) -> tuple[Finding, ...]:
        self.lots.append(lot)
        self._asked(call)
        return self.warnings

    def search(
        self, requester: Requester, call: Call, query: StoredQuery, query_id: str, raw: bytes
    ) -> tuple[RegistryObject, ...]:
        self.questions.append((query, query_id, raw))
        self._asked(call)
        return ()

    def open(self, requester: Requester, call: Call, wanted: Sequence[DocumentRequest]) -> Sequence[Opened | Finding]:
        self.wanted.append(wanted)
        self._asked(call)
        return [Opened(asked, "text/xml", 3, iter([b"a", b"bc"])) for asked in wanted]

    def stage(self) -> Staged:
        self.staged.append(Staged())
        return self.staged[-1]

    def client(self, limits: Limits | None = None) -> FlaskClient:
        door = Door(
            authenticate=self.authenticate,
            provide=self.provide,
            search=self.search,
            open=self.open,
            stage=self.stage,
            refused=lambda call, reason, requester: self.refused.append((call, reason, requester)),
            peer_certificate=lambda _environ: None,
            limits=limits or Limits(),
        )
        app = Flask(__name__)
        app.register_blueprint(blueprint(door))
        return app.test_client()

    def post(self, path: str, message: bytes, header: str = SOAP, **more: Any) -> TestResponse:
        limits = more.pop("limits", None)
        return self.client(limits).post(path, data=message, headers={"Content-Type": header}, **more)


@pytest.fixture
def hall() -> Hall:
    return Hall()


PACKAGED = package(root(provide(xop("Document01", "cid:d1"))), part("d1", b"content"))


def body(response: TestResponse) -> etree._Element:
    """The child of the Body of a simple or MTOM answer."""
    data = response.data
    start = data.index(b"<?xml")
    end = data.index(b"</env:Envelope>") + len(b"</env:Envelope>")
    found = parse(data[start:end])
    assert found.findtext("env:Header/wsa:RelatesTo", None, NS) in (MESSAGE_ID, None)
    return found.find("env:Body", NS)[0]  # type: ignore[index]


def subcode(response: TestResponse) -> str | None:
    assert response.content_type == SOAP
    values = [value.text for value in body(response).iterfind(".//env:Subcode/env:Value", NS)]
    return values[-1] if values else None


# --- The three transactions -------------------------------------------------------------------------------------------


def test_provide(hall: Hall) -> None:
    response = hall.post(REPOSITORY_PATH, PACKAGED, content_type())
    assert response.status_code == 200
    assert response.content_type.startswith('multipart/related; boundary="uuid-')
    assert response.content_length == len(response.data)
    assert body(response).get("status") == "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
    (lot,) = hall.lots
    assert {name: bytes(found.content) for name, found in lot.documents.items()} == {"Document01": b"content"}  # type: ignore[attr-defined]
    assert (lot.findings, lot.extra_parts) == ((), ())
    assert hall.refused == []
    assert not hall.staged[0].discarded
    (call,) = hall.calls
    assert (call.transaction, call.message_id, call.endpoint) == ("ITI-41", MESSAGE_ID, REPOSITORY_PATH)
    assert call.request_id


def test_provide_inline_in_simple_soap_is_answered_so(hall: Hall) -> None:
    response = hall.post(REPOSITORY_PATH, provide(inline("Document01", b"content"), inline("other", b"x")))
    assert (response.status_code, response.content_type) == (200, SOAP)
    assert list(hall.lots[0].documents) == ["Document01"]
    assert hall.lots[0].extra_parts == ("other",)


def test_warnings_are_told(hall: Hall) -> None:
    hall.warnings = (Finding(ErrorCode.XDSExtraMetadataNotSaved, "x", Severity.WARNING),)
    answer = body(hall.post(REPOSITORY_PATH, PACKAGED, content_type()))
    assert answer.get("status", "").endswith(":Success")
    assert answer[0][0].get("errorCode") == "XDSExtraMetadataNotSaved"


def test_structural_findings_go_to_the_hall(hall: Hall) -> None:
    hall.post(REPOSITORY_PATH, PACKAGED.replace(b"<Value>24<", b"<Value>many<"), content_type())
    assert ["DocumentEntry.size" in found.context for found in hall.lots[0].findings] == [True]


def test_search(hall: Hall) -> None:
    response = hall.post(REGISTRY_PATH, stored_query())
    assert (response.status_code, response.content_type) == (200, SOAP)
    assert etree.QName(body(response)).localname == "AdhocQueryResponse"
    ((_, query_id, raw),) = hall.questions
    assert query_id == "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
    assert b"AdhocQueryRequest" in raw


def test_open_in_mtom(hall: Hall) -> None:
    response = hall.post(REPOSITORY_PATH, package(root(retrieve("1.2.3.4"))), content_type())
    assert b"\r\nContent-ID: <document-1@open-dmp>\r\n\r\nabc\r\n--" in response.data
    assert response.content_length == len(response.data)
    assert hall.wanted == [(DocumentRequest("1.2.3", "1.2.3.4"),)]


def test_open_in_simple_soap(hall: Hall) -> None:
    response = hall.post(REPOSITORY_PATH, retrieve("1.2.3.4"))
    assert response.content_type == SOAP
    assert b"<xds:Document>YWJj</xds:Document>" in response.data


# --- Nobody is listened to before being known -------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["wsse:InvalidSecurityToken", "wsse:MessageExpired", "DMPInvalidCertificate"])
def test_who_is_not_believed_gets_a_fault(hall: Hall, code: str) -> None:
    hall.unknown = AuthenticationError("VIHF: expected a signature, got none", code)
    response = hall.post(REPOSITORY_PATH, PACKAGED, content_type())
    assert (response.status_code, subcode(response)) == (400, code)
    assert (hall.lots, hall.staged) == ([], [])
    ((call, reason, requester),) = hall.refused
    assert (call.transaction, reason) == ("ITI-41", f"{code}: VIHF: expected a signature, got none")
    assert requester is None


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (REPOSITORY_PATH, provide("<broken/>", submission="<nothing/>")),
        (REPOSITORY_PATH, provide(inline("Document01", "no base64!"))),
        (REPOSITORY_PATH, provide(xop("a", "cid:none"))),
        (REPOSITORY_PATH, envelope(PROVIDE, "<a/><b/>")),
        (REGISTRY_PATH, stored_query("Nonsense")),
    ],
)
def test_authentication_comes_before_the_body(hall: Hall, path: str, message: bytes) -> None:
    hall.unknown = AuthenticationError("no", "wsse:FailedAuthentication")
    assert subcode(hall.post(path, message)) == "wsse:FailedAuthentication"
    assert len(hall.refused) == 1


class _Endless(io.RawIOBase):
    """A client that sends for as long as it is listened to."""

    def __init__(self, start: bytes, piece: bytes) -> None:
        super().__init__()
        self._start, self._piece, self.sent = start, piece, 0

    def readinto(self, buffer: Any, /) -> int:
        piece = (self._start or self._piece)[: len(buffer)]
        self._start = self._start[len(piece) :]
        buffer[: len(piece)] = piece
        self.sent += len(piece)
        return len(piece)


@pytest.mark.parametrize("inside", [False, True])
def test_who_is_not_believed_cannot_make_us_store(hall: Hall, inside: bool) -> None:
    hall.unknown = AuthenticationError("no", "wsse:FailedAuthentication")
    if inside:
        start, header = provide(inline("Document01", "SPLIT")).partition(b"SPLIT")[0], SOAP
    else:
        start, header = PACKAGED.partition(b"content")[0], content_type()
    stream = _Endless(start, b"QUJD" * 16384)
    environ = {"wsgi.input": stream, "CONTENT_LENGTH": str(10**8)}
    response = hall.post(REPOSITORY_PATH, b"", header, environ_overrides=environ)
    assert response.status_code == 400
    assert hall.staged == []
    assert stream.sent < 8 * 1024 * 1024


# --- What cannot be understood ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "message", "header", "status", "code"),
    [
        (REGISTRY_PATH, retrieve("1"), SOAP, 400, "wsa:ActionNotSupported"),
        (REPOSITORY_PATH, stored_query(), SOAP, 400, "wsa:ActionNotSupported"),
        (REPOSITORY_PATH, envelope("urn:ihe:iti:2010:DeleteDocumentSet", "<b/>"), SOAP, 400, "wsa:ActionNotSupported"),
        (REPOSITORY_PATH, envelope(PROVIDE, "<b/>", blocks=SECURITY * 2), SOAP, 400, "wsse:InvalidSecurity"),
        (REPOSITORY_PATH, envelope(PROVIDE, "<b/>"), SOAP, 400, None),
        (REPOSITORY_PATH, envelope(PROVIDE, "<b/>", blocks='<x s:mustUnderstand="1"/>'), SOAP, 500, None),
        (REPOSITORY_PATH, b"<a", SOAP, 400, None),
        (REPOSITORY_PATH, b"", SOAP, 400, None),
        (REPOSITORY_PATH, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", SOAP, 400, None),
        (REPOSITORY_PATH, PACKAGED[:-8], content_type(), 400, None),
        (REPOSITORY_PATH, PACKAGED, content_type(boundary="another"), 400, None),
        (REPOSITORY_PATH, PACKAGED, "text/xml", 415, None),
        (REPOSITORY_PATH, provide(inline("a", "====")), SOAP, 400, None),
    ],
    ids=str,
)  # fmt: skip
def test_faults(hall: Hall, path: str, message: bytes, header: str, status: int, code: str | None) -> None:
    response = hall.post(path, message, header)
    assert (response.status_code, subcode(response)) == (status, code)
    assert etree.QName(body(response)).localname == "Fault"
    assert len(hall.refused) == 1
    assert hall.calls == []
    assert all(staged.discarded for staged in hall.staged)


def test_a_fault_relates_to_its_request(hall: Hall) -> None:
    assert MESSAGE_ID.encode() in hall.post(REGISTRY_PATH, retrieve("1")).data


def test_the_requester_is_recorded_when_known(hall: Hall) -> None:
    hall.post(REPOSITORY_PATH, envelope(PROVIDE, "<b/>"))
    assert hall.refused[0][2] == SOMEBODY


def test_a_body_announced_too_long_is_not_read(hall: Hall) -> None:
    response = hall.post(REPOSITORY_PATH, PACKAGED, content_type(), limits=Limits(total_bytes=1000))
    assert response.status_code == 413
    assert hall.staged == []
    assert len(hall.refused) == 1


def test_a_document_too_long_is_discarded(hall: Hall) -> None:
    response = hall.post(REPOSITORY_PATH, PACKAGED, content_type(), limits=Limits(document_bytes=6))
    assert response.status_code == 413
    assert [staged.discarded for staged in hall.staged] == [True]


def test_a_document_too_long_for_the_repository(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: Staged, _chunk: bytes) -> None:
        raise ContentTooLarge("a document of at most 3 bytes", "more")

    monkeypatch.setattr(Staged, "write", full)
    assert hall.post(REPOSITORY_PATH, PACKAGED, content_type()).status_code == 413


def test_a_client_that_goes_away_leaves_nothing(hall: Hall) -> None:
    environ = {"wsgi.input": io.BytesIO(PACKAGED[:-24]), "CONTENT_LENGTH": str(len(PACKAGED))}
    response = hall.post(REPOSITORY_PATH, b"", content_type(), environ_overrides=environ)
    assert response.status_code == 400
    assert [staged.discarded for staged in hall.staged] == [True]
    assert len(hall.refused) == 1


# --- What the hall refuses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [AccessRefused(REFUSAL), RegistryError([REFUSAL])])
@pytest.mark.parametrize(
    ("path", "message", "header", "answer"),
    [
        (REPOSITORY_PATH, PACKAGED, content_type(), "RegistryResponse"),
        (REPOSITORY_PATH, package(root(retrieve("1.2.3.4"))), content_type(), "RetrieveDocumentSetResponse"),
        (REGISTRY_PATH, stored_query(), SOAP, "AdhocQueryResponse"),
    ],
)  # fmt: skip
def test_refusals_are_failures(
    hall: Hall, error: Exception, path: str, message: bytes, header: str, answer: str
) -> None:
    hall.raises = error
    response = hall.post(path, message, header)
    assert response.status_code == 200
    assert response.content_type.partition(";")[0] == header.partition(";")[0]
    assert etree.QName(body(response)).localname == answer
    assert b'errorCode="DMPAccessDeniedByRightsService"' in response.data
    assert b"ResponseStatusType:Failure" in response.data
    assert all(staged.discarded for staged in hall.staged)
    assert hall.refused == []  # the hall has recorded what it refused


def test_metadata_that_never_reach_the_hall_are_recorded_here(hall: Hall) -> None:
    response = hall.post(REPOSITORY_PATH, PACKAGED.replace(b"a54d6aa5-d40d", b"d9d542f3-6cc4"), content_type())
    assert b"SubmissionSet: expected exactly one in a submission, got 0" in response.data
    assert [(reason, known) for _, reason, known in hall.refused] == [("XDSRegistryMetadataError", SOMEBODY)]


@pytest.mark.parametrize("where", ["hall", "authentication"])
def test_the_unexpected_is_told_by_number_and_logged_without_content(
    hall: Hall, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    problem = KeyError(SECRET)
    hall.raises, hall.unknown = (problem, None) if where == "hall" else (None, problem)
    with caplog.at_level(logging.INFO):
        response = hall.post(REPOSITORY_PATH, PACKAGED, content_type())
    assert response.status_code == 500
    assert b"env:Receiver" in response.data
    (line,) = [record.getMessage() for record in caplog.records if record.name == "dmp.ihe"]
    request_id = line.split()[1]
    assert request_id.encode() in response.data
    assert "KeyError" in line
    assert SECRET not in caplog.text + response.text
    assert len(hall.refused) == (0 if where == "hall" else 1)
    assert all(staged.discarded for staged in hall.staged)


def test_what_cannot_be_recorded_is_not_answered(hall: Hall) -> None:
    def broken(*_: object) -> None:
        raise OSError

    client = hall.client()
    door_of = replace(
        Door(hall.authenticate, hall.provide, hall.search, hall.open, hall.stage, broken, lambda _environ: None)
    )
    app = Flask(__name__)
    app.register_blueprint(blueprint(door_of))
    response = app.test_client().post(REGISTRY_PATH, data=b"<a", headers={"Content-Type": SOAP})
    assert (response.status_code, b"env:Receiver" in response.data) == (500, True)
    assert client.post(REGISTRY_PATH, data=b"<a", headers={"Content-Type": SOAP}).status_code == 400


# --- WSDL -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["wsdl", "WSDL"])
def test_wsdl(hall: Hall, question: str) -> None:
    response = hall.client().get(f"{REPOSITORY_PATH}?{question}")
    definitions = parse(response.data)
    assert definitions.get("name") == "DocumentRepository"
    assert b'location="http://localhost/ihe/repository"' in response.data


def test_get_without_wsdl(hall: Hall) -> None:
    assert hall.client().get(REGISTRY_PATH).status_code == 405
    assert hall.client().delete(REGISTRY_PATH).status_code == 405


@pytest.mark.parametrize(
    ("actor", "operations"),
    [
        (Actor.DOCUMENT_REGISTRY, {"DocumentRegistry_RegistryStoredQuery"}),
        (
            Actor.DOCUMENT_REPOSITORY,
            {"DocumentRepository_ProvideAndRegisterDocumentSet-b", "DocumentRepository_RetrieveDocumentSet"},
        ),
    ],
)
def test_a_client_library_understands_the_wsdl(actor: Actor, operations: set[str], tmp_path: Any) -> None:
    zeep = pytest.importorskip("zeep")
    file = tmp_path / "actor.wsdl"
    file.write_bytes(write_wsdl(actor, "https://127.0.0.1:8443/ihe"))
    client = zeep.Client(str(file))
    (service,) = client.wsdl.services.values()
    (port,) = service.ports.values()
    assert set(port.binding.all()) == operations
    assert client.get_element("{urn:ihe:iti:xds-b:2007}RetrieveDocumentSetRequest")


def test_boundaries_differ(hall: Hall) -> None:
    first, second = (hall.post(REPOSITORY_PATH, PACKAGED, content_type()).content_type for _ in range(2))
    assert first != second
    assert BOUNDARY not in first


# --- Damage -----------------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(data=st.data())
def test_damaged_requests_are_answered_and_never_an_internal_error(data: st.DataObject) -> None:
    message = bytearray(PACKAGED)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(message) - 1))
        message[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=8) | st.just(b"\r\n--"))
    hall = Hall()
    response = hall.post(REPOSITORY_PATH, bytes(message), content_type())
    assert b"internal error" not in response.data
    assert response.status_code in (200, 400, 500)
    assert len(hall.calls) + len(hall.refused) == 1
    assert hall.calls or all(staged.discarded for staged in hall.staged)
