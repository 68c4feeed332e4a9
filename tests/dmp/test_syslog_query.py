"""The log read as syslog messages: which ones, by which fields, in what order, and how they are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.reading import AuditReader
from audit.received import read_received, read_syslog_received
from audit.store import AuditStore
from audit.syslog import BOM, read_syslog
from audit.tables import METADATA
from audit.trail import AuditTrail
from dmp import audit_query, syslog_query
from dmp.ports import Rooms
from pdsm.errors import ParameterError
from pdsm.iti82 import JSON, XML, fields_of, read_search, write_messages
from schemas.xml import parse
from tests.audit.events import INSTANT, OPENING, SEARCH, SOURCE, SUBMISSION

SOLE = b'<38>1 2003-08-24T05:14:15.000003-07:00 Scanner.example IHE+SOLE 712 RID11616 [a@1 b="c \xc3\xa9"] '
# What came, in this order: RFC 5424 §6.5, examples 1 and 2; an event of SOLE; one without a clock.
BROUGHT = (
    b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - " + BOM + b"'su root' failed for lonvick",
    b"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
    SOLE + b"\xff<AuditMessage>",
    b"<85>1 - - - - IHE+RFC-3881 - <AuditMessage><EventIdentification EventDateTime='2001-01-01T00:00:00Z'>"
    b"<EventID csd-code='110100' originalText='Application Activity'/><EventTypeCode csd-code='110120'/>"
    b"</EventIdentification><ActiveParticipant UserID='a' UserIsRequestor='true'/>"
    b"<ActiveParticipant UserID='b' UserIsRequestor='false'/></AuditMessage>",
)  # fmt: skip
DOUGHNUTS, SU, SCANNER, CLOCKLESS = "%% It's time to make the do-nuts.", "'su root' failed for lonvick", "ÿ", "<"


@pytest.fixture
def rooms(engine: sa.Engine) -> Iterator[Rooms]:
    METADATA.create_all(engine)
    with engine.begin() as connection:
        trail = AuditTrail(AuditStore(connection), SOURCE)
        for event in (SUBMISSION, SEARCH, OPENING):
            trail.append(event)
        for number, frame in enumerate(BROUGHT):
            trail.append_received(
                read_syslog_received(frame, origin="CN=node", recorded=INSTANT + timedelta(hours=1 + number))
            )
        for other in (b'{"resourceType": "AuditEvent"}', b"no syslog message"):
            trail.append_received(read_received(other, origin="CN=node", recorded=INSTANT))
        yield cast(Rooms, SimpleNamespace(traces=AuditReader(connection)))


def found(rooms: Rooms, *parameters: tuple[str, str], date: str = "ge2000") -> list[dict[str, str]]:
    """The messages of every page, in their order."""
    question = read_search([("date", date), *parameters], b"").question
    told: list[dict[str, str]] = []
    while True:
        page = syslog_query._page(rooms, question, "dmp.example", "open-dmp")
        told += map(fields_of, page.events)
        if page.following is None:
            return told
        question = replace(question, after=page.following)


def starts(told: list[dict[str, str]]) -> list[str]:
    return [each["Msg"][:1] if each["Msg"] not in (DOUGHNUTS, SU) else each["Msg"] for each in told]


def test_what_came_by_syslog_and_what_goes_by_it(rooms: Rooms) -> None:
    """Newest first; a message without a clock stands where it came; FHIR and what has no header are not there."""
    told = found(rooms)
    assert [each["Timestamp"] for each in told[1:]] == [
        *(each.instant.isoformat().replace("+00:00", "Z") for each in (OPENING, SEARCH, SUBMISSION)),
        "2003-10-11T22:14:15.003Z",
        *["2003-08-24T05:14:15.000003-07:00"] * 2,
    ]
    assert (told[0]["Timestamp"], told[0]["Hostname"]) == ("-", "-")
    assert found(rooms, ("_sort", "date")) == told[::-1]


def test_a_message_has_the_fields_of_its_header(rooms: Rooms) -> None:
    (scanner,) = found(rooms, ("app-name", "IHE+SOLE"))
    assert scanner == {
        "Pri": "38",
        "Version": "1",
        "Timestamp": "2003-08-24T05:14:15.000003-07:00",
        "Hostname": "Scanner.example",
        "App-name": "IHE+SOLE",
        "Procid": "712",
        "Msg-id": "RID11616",
        "Structured-data": '[a@1 b="c é"]',
        "Msg": "ÿ<AuditMessage>",
    }
    own = found(rooms, ("App-Name", "open-dmp"))
    assert {each["Hostname"] for each in own} == {"dmp.example"}
    assert all(each["Msg"].startswith("<?xml") and each["Pri"] == "85" for each in own) and len(own) == 3


@pytest.mark.parametrize(
    ("parameters", "messages"),
    [
        ([("pri", "34")], [SU]),
        ([("pri", "34"), ("pri", "165")], [SU, DOUGHNUTS]),
        ([("pri", "34"), ("app-name", "myproc")], []),
        ([("version", "2")], []),
        ([("hostname", "MYMACHINE.example.com")], [SU]),
        ([("hostname", "mymachine")], []),
        ([("procid", "8710")], [DOUGHNUTS]),
        ([("MSG-ID", "ID47")], [SU]),
        ([("structured-data", 'b="c')], [SCANNER]),
        ([("msg", "time to make")], [DOUGHNUTS]),
        ([("msg", "failed, or"), ("msg", "failed for")], [SU]),
        ([("eventID", "110100")], [CLOCKLESS]),
        ([("eventID", "Application Activity")], [CLOCKLESS]),
        ([("EventTypeCode", "110120"), ("Requestor", "a"), ("Receiver", "b")], [CLOCKLESS]),
        ([("Requestor", "b")], []),
        ([("recorded", "ge2026-11-22T19:30Z"), ("procid", "712")], [SCANNER]),
        ([("recorded", "lt2026-11-22T19:30Z"), ("procid", "712")], []),
    ],
)
def test_fields_are_asked_for(rooms: Rooms, parameters: list[tuple[str, str]], messages: list[str]) -> None:
    assert starts(found(rooms, *parameters)) == messages


@pytest.mark.parametrize(
    ("date", "messages"),
    [
        ("2003-10-11", [SU]),
        ("2003-08-24T12:14:15.000003Z", [SCANNER, DOUGHNUTS]),
        ("le2003-09", [SCANNER, DOUGHNUTS]),
        ("ge2026-11-22T20:00Z", [CLOCKLESS]),
        ("2001", []),
    ],
)
def test_a_date_is_that_of_the_header(rooms: Rooms, date: str, messages: list[str]) -> None:
    """Not that which the message inside has."""
    assert starts(found(rooms, date=date)) == messages


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(count=st.integers(1, 8), looked_at=st.integers(1, 8), newest=st.booleans())
def test_pages_are_whole(rooms: Rooms, count: int, looked_at: int, newest: bool) -> None:
    order = ("_sort", "-date" if newest else "date")
    whole = found(rooms, order)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_query, "MOST_LOOKED_AT", looked_at)
        patch.setattr(syslog_query, "BATCH", 2)
        assert found(rooms, order, ("_count", str(count))) == whole


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ([], "date: expected at least one"),
        ([("date", "hier")], "date: expected a date"),
        ([("date", "2026"), ("colour", "red")], "colour: expected a parameter of ITI-82"),
        ([("date", "2026"), ("pri", "")], "pri: expected a parameter of ITI-82 with a value"),
        ([("date", "2026"), ("_count", "-1")], "_count: expected a parameter of ITI-82 with a value"),
        ([("date", "2026"), ("_format", "turtle")], "_format: expected a parameter of ITI-82 with a value"),
        ([("date", "2026"), ("msg", "\x00")], "msg: expected printable text"),
    ],
)
def test_what_cannot_be_understood_is_said_by_name(parameters: list[tuple[str, str]], said: str) -> None:
    with pytest.raises(ParameterError) as refused:
        read_search(parameters, b"")
    assert refused.value.diagnostics().startswith(said)


def test_xml_says_what_json_says() -> None:
    messages = [read_syslog(frame) for frame in (*BROUGHT, b"<0>1 - - - - - - \x00]]>&\r\n")]
    told: list[dict[str, Any]] = json.loads(write_messages(messages, JSON))
    assert told == [*map(fields_of, messages)]
    root = parse(write_messages(messages, XML))
    said = [{field.tag: field.text or "" for field in each} for each in root]
    assert said == [{name: text.replace("\x00", "\ufffd") for name, text in each.items()} for each in told]
    assert (write_messages([], JSON), parse(write_messages([], XML)).tag) == (b"[]", "SyslogMessages")


@given(st.binary())
def test_whatever_comes_is_kept_with_its_header_and_told(data: bytes) -> None:
    frame = b'<85>1 0001-01-01T00:00:00+14:00 - - - - [a b="' + data.translate(None, b'"\\]') + b'"] ' + data
    received = read_syslog_received(frame, origin="CN=node", recorded=INSTANT)
    assert received.stamped == INSTANT, "UTC has no such moment"
    assert fields_of(replace(read_syslog(received.syslog.encode()), message=received.message))["Msg"] is not None
