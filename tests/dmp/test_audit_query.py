"""The log read by an auditor: what the database selects misses nothing, and pages are whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.audit_event import audit_event
from audit.event import AuditObject, ObjectKind
from audit.reading import AuditReader
from audit.received import read_received
from audit.selection import Selection
from audit.store import AuditStore
from audit.tables import METADATA
from audit.trail import AuditTrail
from dmp import audit_query
from dmp.audit_query import Question
from dmp.ports import Rooms
from identities.requester import PatientId
from pdsm.iti81 import read_search
from tests.audit.events import (
    INSTANT,
    INTRUSION,
    OPENING,
    PATIENT,
    REFUSAL,
    SEARCH,
    SOURCE,
    SUBMISSION,
    operator_act,
)

OTHER = PatientId("199", PATIENT.authority)
NAMES_ANOTHER = replace(
    SEARCH, id="event-two", patient=PATIENT, dossier="dossier-1", objects=(AuditObject(ObjectKind.PATIENT, str(OTHER)),)
)
FHIR = {
    "resourceType": "AuditEvent",
    "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
    "recorded": "2026-11-22T16:53:30Z",
    "outcome": "8",
    "agent": [{"requestor": True, "who": {"identifier": {"value": "899900063480"}}}],
    "source": {"observer": {"display": "node"}},
    "entity": [
        {
            "what": {"identifier": {"value": each.value, "system": f"urn:oid:{each.authority}"}},
            "type": {"code": "1"},
            "role": {"code": "1"},
        }
        for each in (PATIENT, OTHER)
    ],
}


@dataclass
class OneDossier:
    """Identities that know one patient."""

    key: str = "dossier-1"

    def dossier(self, patient: PatientId) -> OneDossier | None:
        return self if patient in (PATIENT, OTHER) else None


@dataclass
class LogAlone:
    traces: AuditReader
    identities: OneDossier


@pytest.fixture
def rooms(engine: sa.Engine) -> Iterator[Rooms]:
    METADATA.create_all(engine)
    with engine.begin() as connection:
        store = AuditStore(connection)
        trail = AuditTrail(store, SOURCE)
        for event in (SUBMISSION, SEARCH, OPENING, REFUSAL, INTRUSION, operator_act("TD1.1"), NAMES_ANOTHER):
            trail.append(event)
        for number, message in enumerate((json.dumps(FHIR).encode(), b"what is this?", b"<AuditMessage/>")):
            came = INSTANT + timedelta(minutes=number)
            trail.append_received(read_received(message, origin="CN=node", recorded=came))
        yield cast(Rooms, LogAlone(AuditReader(connection), OneDossier()))


def found(rooms: Rooms, *parameters: tuple[str, str]) -> list[str]:
    """The ids of every page, in their order."""
    question = asked(*parameters)
    ids: list[str] = []
    while True:
        page = audit_query._page(rooms, question)
        ids += [event["id"] for event in page.events]
        if page.following is None:
            return ids
        question = replace(question, after=page.following)


def asked(*parameters: tuple[str, str]) -> Question:
    question = read_search([("date", "ge2000"), *parameters], b"", strict=True).question
    return replace(question, selection=replace(question.selection, dossiers=frozenset({"dossier-1"})))


def everything(rooms: Rooms) -> dict[str, Any]:
    placed = rooms.traces.records(Selection(newest_first=False), limit=100)
    return {each.record.id: audit_event(each.record) for each in placed}


VALUES = {
    "type": ["110112", "http://dicom.nema.org/resources/ontology/DCM|110106", "rest", "unknown", "|x", "110106,rest"],
    "outcome": ["0", "4,8", "12", "99", "http://terminology.hl7.org/CodeSystem/audit-event-outcome|0"],
    "patient.identifier": [PATIENT.value, f"urn:oid:{PATIENT.authority}|{OTHER.value}", "x", f"{PATIENT.value},x"],
    "subtype": ["ITI-18", "TD3.2"],
    "agent.identifier": ["899900063480"],
    "address": ["192.0.2"],
    "entity-type": ["1", "2"],
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    parameters=st.lists(
        st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(VALUES[name]))),
        max_size=3,
    ),
    count=st.integers(1, 4),
    newest=st.booleans(),
)
def test_what_is_found_is_what_holds(rooms: Rooms, parameters: list[tuple[str, str]], count: int, newest: bool) -> None:
    question = asked(*parameters)
    expected = {key for key, event in everything(rooms).items() if question.holds(event)}
    paging = [("_count", str(count)), ("_sort", "-date" if newest else "date")]
    answer = found(rooms, *parameters, *paging)
    assert len(answer) == len(set(answer)), "no event on two pages"
    assert set(answer) == expected


def test_newest_first_and_oldest_first(rooms: Rooms) -> None:
    newest = found(rooms, ("_count", "3"))
    assert len(newest) == 10
    assert found(rooms, ("_sort", "date"), ("_count", "4")) == list(reversed(newest))
    assert newest[0] == "event-intrusion"


@pytest.mark.parametrize(
    ("dates", "ids"),
    [
        (["2026-11-22T16:54:12.345Z"], ["event-two", "event-iti18"]),
        (["gt2026-11-22T16:54:12Z", "lt2026-11-22T16:56:12Z"], ["event-iti43"]),
        (["ne2026-11-22"], []),
        (["ge2026-11-22T16:58Z"], []),
    ],
)
def test_dates_are_those_of_the_events(rooms: Rooms, dates: list[str], ids: list[str]) -> None:
    own = [each for each in found(rooms, *(("date", date) for date in dates)) if each.startswith("event-")]
    assert own == ids


def test_a_page_ends_when_enough_was_looked_at(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere = found(rooms, ("agent.identifier", "899900063480"))
    monkeypatch.setattr(audit_query, "MOST_LOOKED_AT", 1)
    page = audit_query._page(rooms, asked(("agent.identifier", "nobody")))
    assert page.events == ()
    assert page.following is not None
    assert found(rooms, ("agent.identifier", "899900063480")) == everywhere
    monkeypatch.setattr(audit_query, "MOST_LOOKED_AT", 1000)
    monkeypatch.setattr(audit_query, "MOST_BYTES", 1)
    assert found(rooms, ("agent.identifier", "899900063480")) == everywhere


def test_one_event_by_its_identifier(rooms: Rooms) -> None:
    page = audit_query._page(rooms, Question(Selection(ids=frozenset({"event-iti43"})), b"", count=1))
    assert [event["id"] for event in page.events] == ["event-iti43"]
    assert audit_query._page(rooms, Question(Selection(ids=frozenset({"nothing"})), b"", count=1)).events == ()


@contextmanager
def listening(connection: sa.Connection) -> Iterator[list[tuple[str, Any]]]:
    heard: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        heard.append((statement, parameters))

    sa.event.listen(connection, "before_cursor_execute", note)
    yield heard
    sa.event.remove(connection, "before_cursor_execute", note)


def test_a_page_reads_a_range_of_an_index(rooms: Rooms) -> None:
    """SQLite says how it will read, whatever is there."""
    connection = rooms.traces._connection  # type: ignore[attr-defined]
    if connection.dialect.name != "sqlite":
        pytest.skip("its planner reads a short table whole")
    with listening(connection) as heard:
        found(rooms, ("date", "lt2026-12-01"), ("outcome", "4"))
    statement, parameters = heard[0]
    steps = [step[-1] for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()]
    assert steps == ["SEARCH audit_event USING INDEX audit_event_instant (instant>? AND instant<?)"]
