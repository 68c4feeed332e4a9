"""The endpoints as a client sees them: what cannot be understood, what the hall refuses, damage."""

from __future__ import annotations

import io
import logging
from dataclasses import replace

import pytest
from endpoint_hall import PACKAGED, REFUSAL, SECRET, SOAP, SOMEBODY, Hall, Staged, body, subcode
from flask import Flask
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
    provide,
    retrieve,
    root,
    stored_query,
)
from lxml import etree

from dmp.errors import AccessRefused
from ihe.endpoint import REGISTRY_PATH, REPOSITORY_PATH, blueprint
from ihe.mime import Limits
from registry.errors import RegistryError
from repository.errors import ContentTooLarge


@pytest.fixture
def hall() -> Hall:
    return Hall()


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
    assert hall.refused == []
    assert len(hall.failed) == (0 if where == "hall" else 1)
    assert all(staged.discarded for staged in hall.staged)


def test_what_cannot_be_recorded_is_not_answered(hall: Hall) -> None:
    def broken(*_: object) -> None:
        raise OSError

    client = hall.client()
    door_of = replace(hall.door(), refused=broken)
    app = Flask(__name__)
    app.register_blueprint(blueprint(door_of))
    response = app.test_client().post(REGISTRY_PATH, data=b"<a", headers={"Content-Type": SOAP})
    assert (response.status_code, b"env:Receiver" in response.data) == (500, True)
    assert client.post(REGISTRY_PATH, data=b"<a", headers={"Content-Type": SOAP}).status_code == 400


# --- Packages ---------------------------------------------------------------------------------------------------------


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
    assert response.status_code in (200, 400, 415, 500)
    assert len(hall.calls) + len(hall.refused) == 1
    assert hall.calls or all(staged.discarded for staged in hall.staged)
