"""The rows of the audit log: append only, one tree for all appenders, and every tampering found where it was done."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from audit.errors import AuditUnavailable
from audit.event import Event, Outcome
from audit.listing import AuditListings
from audit.merkle import Frontier
from audit.message import write_message
from audit.received import Received
from audit.selection import Period, Selection
from audit.store import AuditStore
from audit.tables import EVENT, HEAD, METADATA, NODE, RUN
from audit.trace import About
from audit.trail import AuditTrail
from audit.verification import verify as verify_rows
from identities.requester import PatientId
from tests.audit.events import (
    INSTANT,
    INTRUSION,
    LETTER,
    LOT,
    OPENING,
    PATIENT,
    REFUSAL,
    SEARCH,
    SOURCE,
    SUBMISSION,
    operator_act,
)

HISTORY = (SUBMISSION, SEARCH, OPENING, REFUSAL, INTRUSION)


@pytest.fixture
def database(engine: sa.Engine) -> sa.Engine:
    METADATA.create_all(engine)
    return engine


def record(database: sa.Engine, *events: Event) -> None:
    """Each in a transaction of its own, as requests are."""
    for event in events:
        with database.begin() as connection:
            AuditTrail(AuditStore(connection), SOURCE).append(event)


def verify(database: sa.Engine) -> int | None:
    """The sequence number of the first event that is not as it was written, or is missing; None when all are."""
    with database.begin() as connection:
        found = verify_rows(connection).findings
    return min(each.first for each in found) if found else None


def test_what_is_recorded_is_read_back(database: sa.Engine) -> None:
    record(database, SUBMISSION)
    with database.begin() as connection:
        found = AuditStore(connection).get("event-iti41")
    assert found is not None
    assert found.message == write_message(SUBMISSION, site=SOURCE)
    assert (found.sequence, found.origin, found.format, found.source_id) == (1, "", "dicom", "dmp-1")
    assert (found.recorded, found.event_code) == (INSTANT, "110107")
    assert (found.instant, found.transaction, found.action) == (INSTANT, "ITI-41", "TD2.1")
    assert (found.outcome, found.dossier, found.patient) == (Outcome.SUCCESS, "dossier-1", PATIENT)
    assert (found.requester_id, found.requester_name, found.profession) == ("899900063480", "EXEMPLE Zoé", "10")
    assert (found.structure_id, found.authentication, found.mode_acces) == ("10B0000001", "DIRECTE", "normal")
    assert (found.documents, found.submission_sets) == ((LETTER.id,), (LOT.id,))
    assert found.request_id == "request-1"


def test_a_refusal_is_read_back_with_what_decided(database: sa.Engine) -> None:
    record(database, REFUSAL)
    with database.begin() as connection:
        (found,) = AuditListings(connection).newest(Selection(outcomes=frozenset({4})), limit=2)
    assert (found.rule, found.rule_table, found.rule_version) == ("matrice", "matrice_habilitation", "2023-10-26")
    assert (found.rule_row, found.explanation) == ("podologue × 34112-3", REFUSAL.explanation)


def test_emergency_access_is_read_back_with_its_reason(database: sa.Engine) -> None:
    record(database, OPENING)
    with database.begin() as connection:
        (found,) = AuditListings(connection).newest(Selection(about=About(("dossier-1",), ())), limit=2)
    assert (found.mode_acces, found.motif) == ("bris_de_glace", "patient inconscient")


def test_an_event_without_requester_and_patient(database: sa.Engine) -> None:
    record(database, INTRUSION, operator_act("TD1.1"))
    with database.begin() as connection:
        act, intrusion = AuditListings(connection).newest(Selection(), limit=10)
    assert (intrusion.patient, intrusion.requester_id, intrusion.outcome) == (None, "", Outcome.SERIOUS_FAILURE)
    assert (act.operator, act.patient) == ("alice", PATIENT)


def test_an_unknown_event_is_none(database: sa.Engine) -> None:
    with database.begin() as connection:
        assert AuditStore(connection).get("nothing") is None


def test_listing_is_newest_first_and_every_condition_narrows(database: sa.Engine) -> None:
    record(database, *HISTORY)
    with database.begin() as connection:

        def ids(limit: int = 10, **conditions: Any) -> list[str]:
            found = AuditListings(connection).newest(Selection(**conditions), limit=limit)
            return [each.id for each in found]

        assert ids() == [event.id for event in reversed(HISTORY)]
        assert ids(limit=2) == ["event-intrusion", "event-refusal"]
        assert ids(about=About(("dossier-1",), ())) == ["event-iti43", "event-iti18", "event-iti41"]
        assert ids(about=About((), (PATIENT,)), outcomes=frozenset({4})) == ["event-refusal"]
        assert ids(about=About((), (PatientId(PATIENT.value, "1.2.3"),))) == []
        assert ids(about=About((), ())) == []
        assert ids(rule="matrice") == ["event-refusal"]
        assert ids(transaction="TD2.1") == ["event-iti41"]
        assert ids(transaction="ITI-41") == ["event-intrusion", "event-iti41"]
        minute = timedelta(minutes=1)
        period = Period(INSTANT + minute, INSTANT + 3 * minute)
        assert ids(happened=(period,)) == ["event-iti43", "event-iti18"]


def test_the_same_event_is_recorded_once(database: sa.Engine) -> None:
    record(database, SUBMISSION)
    with pytest.raises(AuditUnavailable):
        record(database, SUBMISSION)
    assert verify(database) is None


def test_rolling_back_leaves_neither_event_nor_gap(database: sa.Engine) -> None:
    record(database, SUBMISSION)
    with database.connect() as connection:
        AuditTrail(AuditStore(connection), SOURCE).append(SEARCH)
        connection.rollback()
    record(database, OPENING)
    with database.begin() as connection:
        assert [found.sequence for found in AuditListings(connection).newest(Selection(), limit=10)] == [2, 1]
    assert verify(database) is None


def test_several_events_of_one_transaction_are_leaves_of_one_tree(database: sa.Engine) -> None:
    with database.begin() as connection:
        trail = AuditTrail(AuditStore(connection), SOURCE)
        trail.append(OPENING)
        trail.append(REFUSAL)
    assert verify(database) is None


def test_hostile_text_is_recorded(database: sa.Engine) -> None:
    """NUL, lone surrogates: neither XML nor PostgreSQL holds them; the event is kept with U+FFFD in their place."""
    record(database, replace(INTRUSION, explanation="a\x00b\ud800c", call=replace(INTRUSION.call, request_id="\x1f")))
    with database.begin() as connection:
        (found,) = AuditListings(connection).newest(Selection(), limit=10)
        assert (found.explanation, found.request_id) == ("a\ufffdb\ufffdc", "\ufffd")
    assert verify(database) is None


def test_an_empty_log_is_whole(database: sa.Engine) -> None:
    assert verify(database) is None
    with database.begin() as connection:
        assert AuditStore(connection).head() == Frontier()


Tamper = Callable[[sa.Connection], object]


def _alter(column: str, value: object) -> Tamper:
    return lambda connection: connection.execute(sa.update(EVENT).where(EVENT.c.sequence == 3).values({column: value}))


def _delete(sequence: int) -> Tamper:
    return lambda connection: connection.execute(sa.delete(EVENT).where(EVENT.c.sequence == sequence))


def _insert_copy(connection: sa.Connection) -> None:
    row = dict(connection.execute(sa.select(EVENT).where(EVENT.c.sequence == 5)).mappings().one())
    connection.execute(sa.insert(EVENT).values({**row, "sequence": 6, "id": "forged"}))


def _swap(connection: sa.Connection) -> None:
    for sequence, other in ((2, -1), (3, 2), (-1, 3)):
        connection.execute(sa.update(EVENT).where(EVENT.c.sequence == sequence).values(sequence=other))


def _close_gap(connection: sa.Connection) -> None:
    _delete(3)(connection)
    for sequence in (4, 5):
        connection.execute(sa.update(EVENT).where(EVENT.c.sequence == sequence).values(sequence=sequence - 1))


@pytest.mark.parametrize(
    ("tamper", "broken"),
    [
        (_alter("message", b"<AuditMessage/>"), 3),
        (_alter("outcome", 12), 3),
        (_alter("requester_id", "somebody else"), 3),
        (_alter("dossier", "dossier-9"), 3),
        (_alter("instant", "2026-01-01T00:00:00.000000Z"), 3),
        (_alter("secret_connection", True), 3),
        (_alter("documents", "[]"), 3),
        (_alter("leaf", b"f" * 32), 3),
        (_delete(1), 1),
        (_delete(3), 3),
        (_delete(5), 5),
        (_close_gap, 3),
        (_insert_copy, 6),
        (_swap, 2),
        (lambda connection: connection.execute(sa.delete(EVENT)), 1),
        (lambda connection: connection.execute(sa.delete(HEAD)), 1),
        (lambda connection: connection.execute(sa.update(HEAD).values(frontier=b"f" * 64)), 5),
        (lambda connection: connection.execute(sa.update(HEAD).values(size=9)), 6),
        (lambda connection: connection.execute(sa.update(HEAD).values(size=3)), 4),
    ],
    ids=[
        "message",
        "outcome",
        "requester",
        "dossier",
        "instant",
        "secret connection",
        "documents",
        "leaf",
        "first deleted",
        "middle deleted",
        "last deleted",
        "gap closed",
        "inserted",
        "swapped",
        "all deleted",
        "head deleted",
        "head altered",
        "head moved on",
        "head moved back",
    ],
)
def test_tampering_is_found_where_it_was_done(database: sa.Engine, tamper: Tamper, broken: int | None) -> None:
    record(database, *HISTORY)
    assert verify(database) is None
    with database.begin() as connection:
        tamper(connection)
    assert verify(database) == broken


def test_every_column_that_says_something_is_in_the_leaf(database: sa.Engine) -> None:
    record(database, REFUSAL)
    for column in EVENT.columns:
        if column.name in {"sequence", "outcome", "secret_connection", "message", "leaf"}:
            continue  # numbers and bytes: above
        with database.connect() as connection:
            connection.execute(sa.update(EVENT).values({column.name: "forged"}))
            assert [each.first for each in verify_rows(connection).findings] == [1], column.name
            connection.rollback()


def test_the_log_never_forks(database: sa.Engine) -> None:
    """Appenders at once, some of which give up, from an empty log on: one tree without gaps."""
    threads, each = 6, 8
    start = threading.Barrier(threads)
    failures: list[BaseException] = []

    def append(worker: int) -> None:
        start.wait()
        for number in range(each):
            try:
                with database.connect() as connection:
                    event = replace(SUBMISSION, id=f"event-{worker}-{number}")
                    AuditTrail(AuditStore(connection), SOURCE).append(event)
                    if number % 4 == 3:
                        connection.rollback()
                    else:
                        connection.commit()
            except AuditUnavailable as error:
                failures.append(error)

    workers = [threading.Thread(target=append, args=(worker,)) for worker in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    assert verify(database) is None
    with database.begin() as connection:
        assert AuditStore(connection).head().size == threads * each * 3 // 4


def test_the_format_of_a_record_is_fixed(database: sa.Engine) -> None:
    """An archive of today must verify tomorrow: the leaf, made here by hand."""
    with database.begin() as connection:
        AuditStore(connection).append(REFUSAL, b"<AuditMessage/>", "dmp-1")
        head = AuditStore(connection).head()
    columns = (
        *("1", "4", "0", "event-refusal", "2026-11-22T16:56:12.345678Z", "2026-11-22T16:56:12.345678Z", "", "dicom"),
        *("dmp-1", "110106", "request-1", "ITI-43", "TD3.2", "dossier-2", "279035121518989", "1.2.250.1.213.1.4.10"),
        *("899900063480", "EXEMPLE Zoé", "10", "SM26", "10B0000001", "DIRECTE", "normal", "", "", "192.0.2.7"),
        *("matrice", "matrice_habilitation", "2023-10-26", "podologue × 34112-3"),
        *("La profession de podologue ne donne pas accès à ce type de document.",),
        *('["1.2.250.1.213.1.1.9^LETTER-1"]', "[]", "", ""),
    )
    record = "\x1f".join(columns).encode() + b"\x1e<AuditMessage/>"
    assert head == Frontier(1, (hashlib.sha256(b"\x00" + record).digest(),))


def test_a_message_of_another_node_is_kept_as_it_came(database: sa.Engine) -> None:
    message = b"\x00\x1e\x1f\xff<AuditMessage"
    received = Received(
        message=message,
        format="other",
        origin="CN=node\x1f",
        recorded=INSTANT,
        instant=INSTANT - timedelta(hours=1),
        id="received-1",
        transaction="ITI-43",
        event_code="110107",
        source_id="their source",
        outcome=Outcome.MINOR_FAILURE,
        patient=PATIENT,
        requester_id=OPENING.requester.id_nat if OPENING.requester else "",
        requester_name="URGENCE Ali",
        client_address="192.0.2.9",
        documents=(LETTER.id,),
        submission_sets=(),
    )
    with database.begin() as connection:
        store = AuditStore(connection)
        assert store.append_received(received) == "received-1"
        found = store.get("received-1")
    assert found is not None
    assert (found.message, found.origin, found.format) == (message, "CN=node\ufffd", "other")
    assert (found.instant, found.recorded) == (received.instant, INSTANT)
    assert (found.source_id, found.event_code, found.outcome) == ("their source", "110107", Outcome.MINOR_FAILURE)
    assert (found.patient, found.documents, found.dossier) == (PATIENT, (LETTER.id,), "")
    assert verify(database) is None


def test_roots_of_whole_runs_are_kept(database: sa.Engine) -> None:
    with database.begin() as connection:
        store = AuditStore(connection)
        for number in range(2 * RUN + 3):
            store.append(replace(SEARCH, id=f"event-{number}"), b"")
        nodes = connection.execute(sa.select(NODE).order_by(NODE.c.index)).all()
        assert [(node.level, node.index) for node in nodes] == [(8, 0), (8, 1)]
        whole, *_ = store.head().hashes
        assert hashlib.sha256(b"\x01" + nodes[0].hash + nodes[1].hash).digest() == whole
    assert verify(database) is None


def test_a_log_that_cannot_be_written_is_said_so(engine: sa.Engine) -> None:
    """No tables: nothing is answered without its event."""
    with pytest.raises(AuditUnavailable, match="expected an audit log that can be read and written, got"):
        record(engine, SUBMISSION)


def test_an_event_that_no_message_can_be_written_of_is_unavailable_too(database: sa.Engine) -> None:
    with pytest.raises(AuditUnavailable, match="time zone"):
        record(database, replace(SUBMISSION, instant=INSTANT.replace(tzinfo=None)))
    with database.begin() as connection:
        assert AuditListings(connection).newest(Selection(), limit=10) == ()


def test_a_read_only_log_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "audit.sqlite"
    sqlite3.connect(file).close()
    writable = sa.create_engine(f"sqlite:///{file}")
    METADATA.create_all(writable)
    writable.dispose()
    read_only = sa.create_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    with pytest.raises(AuditUnavailable):
        record(read_only, SUBMISSION)
    read_only.dispose()
