"""The endpoints as a client sees them: the three transactions, and nobody listened to before being known."""

from __future__ import annotations

import io
from typing import Any

import pytest
from endpoint_hall import PACKAGED, SOAP, Hall, body, subcode
from ihe_wire import (
    MESSAGE_ID,
    PROVIDE,
    content_type,
    envelope,
    inline,
    package,
    provide,
    retrieve,
    root,
    stored_query,
    xop,
)
from lxml import etree

from dmp.requests import DocumentRequest
from ihe.endpoint import REGISTRY_PATH, REPOSITORY_PATH
from ihe.errors import AuthenticationError
from registry.errors import ErrorCode, Finding, Severity


@pytest.fixture
def hall() -> Hall:
    return Hall()


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
    assert (call.transaction, call.message_id, call.endpoint) == (
        "ITI-41",
        MESSAGE_ID,
        f"http://localhost{REPOSITORY_PATH}",
    )
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
