"""Audit messages of other nodes: read as they are meant, and kept whatever they are."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.event import Outcome
from audit.message import write_message
from audit.message_reading import read_patient
from audit.received import MAX_COLUMN, OTHER, Received, read_received
from identities.requester import PatientId
from tests.audit.events import DOCTOR, INSTANT, LETTER, LOT, PATIENT, REFUSAL, SEARCH, SOURCE, SUBMISSION

RECORDED = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
DICOM = write_message(replace(SUBMISSION, objects=(LOT, LETTER, LETTER)), site=SOURCE)
FHIR: dict[str, Any] = {
    "resourceType": "AuditEvent",
    "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110106"},
    "subtype": [
        {"system": "http://hl7.org/fhir/restful-interaction", "code": "read"},
        {"system": "urn:ihe:event-type-code", "code": "ITI-68"},
    ],
    "recorded": "2026-11-22T17:53:12.345+01:00",
    "outcome": "4",
    "agent": [
        {"who": {"display": "a machine"}, "requestor": True, "network": {"address": "192.0.2.9", "type": "2"}},
        {"who": {"identifier": {"value": "899900063480"}}, "name": "EXEMPLE Zoé", "requestor": True},
    ],
    "source": {"observer": {"identifier": {"value": "node-7"}}},
    "entity": [
        {
            "what": {"identifier": {"system": f"urn:oid:{PATIENT.authority}", "value": PATIENT.value}},
            "type": {"code": "1"},
            "role": {"code": "1"},
        },
        {"what": {"identifier": {"value": LETTER.id}}, "type": {"code": "2"}, "role": {"code": "3"}},
        {"what": {"identifier": {"value": LOT.id}}, "type": {"code": "2"}, "role": {"code": "20"}},
    ],
}


def read(message: bytes) -> Received:
    return read_received(message, origin="CN=node", recorded=RECORDED)


def dialect(message: bytes) -> bytes:
    """The same message as RFC 3881 has it. Source: RFC 3881 §6 (attribute `code`)."""
    return message.replace(b"csd-code=", b"code=").replace(b"originalText=", b"displayName=")


def fhir(**changes: Any) -> bytes:
    return json.dumps({**FHIR, **changes}).encode()


@pytest.mark.parametrize(("message", "kept"), [(DICOM, "dicom"), (dialect(DICOM), "rfc3881")])
def test_a_message_in_xml(message: bytes, kept: str) -> None:
    found = read(message)
    assert (found.message, found.format, found.origin, found.recorded) == (message, kept, "CN=node", RECORDED)
    assert found.instant == INSTANT.replace(microsecond=345_000)
    assert (found.transaction, found.event_code, found.source_id) == ("ITI-41", "110107", "dmp-1")
    assert (found.outcome, found.patient) == (Outcome.SUCCESS, PATIENT)
    assert (found.requester_id, found.client_address) == (DOCTOR.id_nat, "192.0.2.7")
    assert (found.documents, found.submission_sets) == ((LETTER.id,), (LOT.id,))


def test_comments_and_instructions_say_nothing() -> None:
    assert replace(read(DICOM.replace(b"><", b"><!-- a --><?b c?><")), id="", message=b"") == replace(
        read(DICOM), id="", message=b""
    )


def test_a_message_in_json() -> None:
    found = read(fhir())
    assert (found.format, found.instant) == ("fhir", INSTANT.replace(microsecond=345_000))
    assert (found.transaction, found.event_code, found.source_id) == ("ITI-68", "110106", "node-7")
    assert (found.outcome, found.patient) == (Outcome.MINOR_FAILURE, PATIENT)
    assert (found.requester_id, found.requester_name) == ("899900063480", "EXEMPLE Zoé")
    assert found.client_address == "192.0.2.9"
    assert (found.documents, found.submission_sets) == ((LETTER.id,), (LOT.id,))


def test_a_refusal_is_one_for_whoever_receives_it() -> None:
    assert read(write_message(REFUSAL, site=SOURCE)).outcome is Outcome.MINOR_FAILURE


def test_each_has_an_identifier_of_its_own() -> None:
    assert read(DICOM).id != read(DICOM).id


def test_several_patients_are_nobody_s_event() -> None:
    one, other = FHIR["entity"][0], {**FHIR["entity"][0], "what": {"identifier": {"value": "another"}}}
    assert read(fhir(entity=[one, one])).patient == PATIENT
    assert read(fhir(entity=[one, other])).patient is None
    assert read(fhir(entity=[])).patient is None


@pytest.mark.parametrize(
    ("text", "patient"),
    [
        ("1^^^&1.2.3&ISO", PatientId("1", "1.2.3")),
        ("1^^^&1.2.3&ISO^NH^x", PatientId("1", "1.2.3")),
        ("MW-1^^^NIST&1.2.3&ISO", PatientId("MW-1", "1.2.3")),
        ("urn:oid:1.2.3|1", PatientId("1", "1.2.3")),
        ("ptid12345", PatientId("ptid12345", "")),
        ("1^^^NAME", PatientId("1", "")),
        ("", PatientId("", "")),
    ],
)
def test_the_identifier_of_a_patient(text: str, patient: PatientId) -> None:
    assert read_patient(text) == patient


@pytest.mark.parametrize("instant", ["", "yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "2026"])
def test_an_event_without_an_instant_has_that_of_its_receipt(instant: str) -> None:
    assert read(fhir(recorded=instant)).instant == RECORDED


def test_an_instant_without_time_zone_is_utc() -> None:
    assert read(fhir(recorded="2026-11-22T16:53:12")).instant == INSTANT.replace(microsecond=0)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"<AuditMessage/>",
        b"<AuditMessage>",
        b"<Other/>",
        b"plain text",
        b"\xff\xfe\x00",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><AuditMessage><EventIdentification/></AuditMessage>",
        b"<AuditMessage>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</AuditMessage>",
        b"<AuditMessage><EventIdentification/>" + b" " * 1024 * 1024 + b"</AuditMessage>",
        b"[]",
        b'{"resourceType": "Patient"}',
        b'{"resourceType": "AuditEvent", "resourceType": "AuditEvent"}',
        b'{"resourceType": "AuditEvent", "a": NaN}',
        b'{"resourceType": "AuditEvent", "a": 1e999}',
        b'{"resourceType": "AuditEvent", "a": ' + b"9" * 5000 + b"}",
        b'{"resourceType": "AuditEvent", "a": "\\ud800"}',
        b'{"resourceType": "AuditEvent", "a": "\\u0000"}',
        b'{"resourceType": "AuditEvent", "a": ' + b"[" * 60 + b"]" * 60 + b"}",
        b"[" * 100_000,
        b'{"resourceType": "AuditEvent", "\\udc00": 1}',
    ],
)
def test_what_cannot_be_read_is_kept_as_it_came(message: bytes) -> None:
    found = read(message)
    assert (found.message, found.format, found.instant, found.recorded) == (message, OTHER, RECORDED, RECORDED)
    named = {field.name for field in fields(Received)} - {"message", "format", "origin", "recorded", "instant", "id"}
    assert all(not getattr(found, name) for name in named)


@pytest.mark.parametrize(
    "changes",
    [
        {"agent": None, "entity": 3, "subtype": "x", "source": [], "type": [], "recorded": {}, "outcome": 0},
        {"agent": [1, None, []], "entity": [{"what": []}], "subtype": [None], "source": {"observer": 1}},
        {"agent": [{"requestor": "true"}], "entity": [{"what": {"identifier": "x"}, "type": {"code": "1"}}]},
    ],
)
def test_an_audit_event_of_another_shape_is_read_for_what_it_has(changes: dict[str, Any]) -> None:
    found = read(fhir(**changes))
    assert found.format == "fhir"
    assert (found.patient, found.requester_id, found.documents) == (None, "", ())


def check(found: Received) -> None:
    """Nothing that a database refuses, and no more than an index takes."""
    patient = found.patient or PatientId("", "")
    indexed = (
        *(found.transaction, found.event_code, found.source_id, found.requester_id, found.requester_name),
        *(found.client_address, patient.value, patient.authority),
    )
    assert all(len(text) <= MAX_COLUMN for text in indexed)
    for text in (*indexed, found.origin, *found.documents, *found.submission_sets):
        assert "\0" not in text
        text.encode()
    assert found.instant.utcoffset() is not None


VECTORS = [DICOM, dialect(DICOM), write_message(SEARCH, site=SOURCE), fhir()]
PIECES = [b"\0", b"&#0;", b"\\u0000", b"\\ud800", b"\xed\xa0\x80", b"&#xD800;", b"<", b'"', b"}", b"\xff", b"A" * 9000]


@given(
    message=st.sampled_from(VECTORS),
    place=st.floats(0, 1),
    length=st.integers(0, 12),
    piece=st.sampled_from(PIECES) | st.binary(max_size=8),
)
def test_no_change_of_a_message_hurts(message: bytes, place: float, length: int, piece: bytes) -> None:
    at = int(place * len(message))
    changed = message[:at] + piece + message[at + length :]
    found = read(changed)
    assert found.message == changed
    check(found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(sorted(FHIR)), inside, max_size=3),
    max_leaves=8,
)


@given(changes=st.dictionaries(st.sampled_from(sorted(FHIR)), JSON))
def test_no_audit_event_hurts(changes: dict[str, Any]) -> None:
    check(read(fhir(**changes)))


@given(st.text(), st.text(alphabet=st.characters(categories=["Cs", "Cc", "L"])))
def test_no_sender_hurts(message: str, origin: str) -> None:
    found = read_received(message.encode("utf-8", "surrogatepass"), origin=origin, recorded=RECORDED)
    check(found)


def test_a_long_text_is_cut_where_an_index_ends() -> None:
    found = read(fhir(agent=[{"who": {"identifier": {"value": "9" * 100_000}}, "requestor": True}]))
    assert found.requester_id == "9" * MAX_COLUMN


def test_the_official_samples(reference: Path) -> None:
    files = sorted((reference / "security" / "atna" / "samples").glob("*.xml"))
    found = {file.name: read(file.read_bytes()) for file in files}
    assert {each.format for name, each in found.items() if name != "ipf_atna-record-1.xml"} == {"dicom"}
    old = found["ipf_atna-record-1.xml"]  # with `code`, and without a time zone
    assert (old.format, old.instant) == ("rfc3881", datetime(2001, 12, 17, 9, 30, 47, tzinfo=UTC))
    assert (old.event_code, old.requester_id) == ("110104", "smitty@readingroom.hospital.org")
    assert found["ipf_pixv3feed.xml"].patient == PatientId("JW-824-v3", "2.16.840.1.113883.3.72.5.9.1")
    assert (found["ipf_atna-record-2.xml"].transaction, found["ipf_start.xml"].transaction) == ("ITI-43", "110120")
    assert found["ipf_pixm.xml"].patient == PatientId("IHEBLUE-2340", "1.3.6.1.4.1.21367.13.20.3000")
