"""The log as a history reads it: newest first, from any place on, by index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from audit.event import Event, Outcome
from audit.reading import AuditReader
from audit.store import AuditStore
from audit.tables import METADATA
from audit.trace import About
from audit.trail import AuditTrail
from identities.requester import PatientId
from tests.audit.events import (
    DOCTOR,
    INSTANT,
    INTRUSION,
    LETTER,
    OPENING,
    PATIENT,
    REFUSAL,
    SEARCH,
    SOURCE,
    SUBMISSION,
    URGENTIST,
    operator_act,
)
from tests.databases import sqlite_engine

UNLISTED = replace(SEARCH, id="event-unlisted", dossier="", instant=INSTANT + timedelta(minutes=9))
NOBODY_S = replace(UNLISTED, id="event-of-another", patient=PatientId("199", PATIENT.authority))
ABOUT = About(("dossier-1", "dossier-2"), (PATIENT, PatientId("former", "1.2.3")))
MINUTE = timedelta(minutes=1)


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    METADATA.create_all(engine)
    with engine.begin() as opened:
        yield opened


def record(connection: sa.Connection, *events: Event) -> AuditReader:
    for event in events:
        AuditTrail(AuditStore(connection), SOURCE).append(event)
    return AuditReader(connection)


def ids(reader: AuditReader, about: About = ABOUT, **conditions: object) -> list[str]:
    return [trace.id for trace in reader.traces(about, **{"limit": 100, **conditions})]  # type: ignore[arg-type]


def test_a_trace_is_what_its_event_says(connection: sa.Connection) -> None:
    (trace,) = record(connection, OPENING).traces(ABOUT, limit=1)
    assert (trace.id, trace.instant, trace.action, trace.transaction) == (
        "event-iti43",
        OPENING.instant,
        "TD3.2",
        "ITI-43",
    )
    assert (trace.requester_id, trace.requester_name, trace.profession) == (URGENTIST.id_nat, "URGENCE Ali", "10")
    assert (trace.mode_acces, trace.motif, trace.outcome) == ("bris_de_glace", "patient inconscient", Outcome.SUCCESS)
    assert (trace.documents, trace.secret_connection, trace.operator) == ((LETTER.id,), False, "")


def test_newest_first_whatever_the_order_of_writing(connection: sa.Connection) -> None:
    reader = record(connection, OPENING, SUBMISSION, INTRUSION, REFUSAL, NOBODY_S, UNLISTED, SEARCH)
    newest = ["event-unlisted", "event-refusal", "event-iti43", "event-iti18", "event-iti41"]
    assert ids(reader) == newest
    assert ids(reader, limit=2) == newest[:2]
    assert ids(reader, About(("dossier-1",), ())) == newest[2:]
    assert ids(reader, About((), (PATIENT,))) == ["event-unlisted"], "an event with a dossier is the dossier's"


def test_every_condition_narrows(connection: sa.Connection) -> None:
    reader = record(connection, SUBMISSION, SEARCH, OPENING, REFUSAL)
    assert ids(reader, since=INSTANT + MINUTE, until=INSTANT + 3 * MINUTE) == ["event-iti43", "event-iti18"]
    assert ids(reader, requester=DOCTOR.id_nat) == ["event-refusal", "event-iti18", "event-iti41"]
    assert ids(reader, requester="nobody") == []


def test_events_of_one_instant_are_told_apart_by_their_place(connection: sa.Connection) -> None:
    same = [replace(SEARCH, id=f"event-{number}") for number in range(5)]
    reader = record(connection, *same)
    found, before = [], None
    while batch := reader.traces(ABOUT, before=before, limit=2):
        found += [trace.id for trace in batch]
        before = batch[-1].place
    assert found == [event.id for event in reversed(same)]
    assert ids(reader, before=reader.place("event-2")) == ["event-1", "event-0"]


def test_what_is_there_and_what_is_not(connection: sa.Connection) -> None:
    reader = record(connection, operator_act("TD1.1"))
    assert reader.holds("event-operator-TD1.1")
    assert not reader.holds("event-operator")
    assert reader.place("nothing") is None


def test_a_page_reads_ranges_of_an_index(tmp_path: Path) -> None:
    """SQLite says how it will read, whatever is there."""
    asked: list[tuple[str, Any]] = []
    with sqlite_engine(tmp_path / "log.db") as engine, engine.begin() as connection:
        METADATA.create_all(connection)
        reader = AuditReader(connection)

        @sa.event.listens_for(connection, "before_cursor_execute")
        def _note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
            asked.append((statement, parameters))

        reader.traces(ABOUT, before=(INSTANT, 7), limit=10)
        sources = tuple(asked)
        assert len(sources) == 4
        for statement, parameters in sources:
            (step,) = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            assert "USING INDEX audit_event_" in step[-1]
            assert "instant<?" in step[-1], "from the place on; within one instant rows are compared"
