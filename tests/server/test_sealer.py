"""The sealer: signs what it read, hands it on, and tells when the log is not what it signed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from audit.event import Outcome
from audit.findings import Kind
from audit.heads import TreeHead, read_head
from audit.listing import AuditListings
from audit.notes import notes_in
from audit.sealing import HeadStore, TamperedError
from audit.selection import Selection
from audit.tables import EVENT, HEAD, NODE, TREE_HEAD
from audit.verification import Verification, verify
from server.alarm import raised, read_alarm, silence
from server.health import Health
from server.home_key import audit_key
from server.house import House
from server.migrations import upgrade
from server.sealer import FILE, Sealer
from server.settings import load
from server.witness import FileWitness, UrlWitness
from tests.receiver import receiving


def house_in(home: Path, **settings: Any) -> House:
    home.mkdir(exist_ok=True)
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in {"domain": "ihe-connectathon", **settings}.items()]
    (home / "settings.toml").write_text("".join(lines))
    found = load({"home": home}, {})
    upgrade(found)
    return House.build(found, anchors=False)


@pytest.fixture
def sealer(tmp_path: Path) -> Sealer:
    house = house_in(tmp_path)
    return Sealer(house, audit_key(tmp_path))


def events(sealer: Sealer, count: int) -> None:
    for _ in range(count):
        sealer.house.record("operator", "audit", "test")


def heads(sealer: Sealer) -> list[TreeHead]:
    with sealer.house.database.snapshot() as connection:
        notes = HeadStore(connection).after(0)
    return [read_head(note, sealer.signer.verifier) for _, note in notes]


def verified(sealer: Sealer) -> Verification:
    with sealer.house.database.snapshot() as connection:
        return verify(connection, sealer.signer.verifier)


def test_a_head_is_signed_when_the_log_grew_and_only_then(sealer: Sealer) -> None:
    assert sealer.once() == 0
    events(sealer, 3)
    assert (sealer.once(), sealer.once()) == (1, 0)
    events(sealer, 2)
    assert sealer.once() == 1
    assert [(head.number, head.size) for head in heads(sealer)] == [(1, 3), (2, 5)]
    found = verified(sealer)
    assert (found.findings, found.sealed) == ((), 5)


def test_a_thousand_events_never_go_without_a_head(sealer: Sealer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.sealing.MOST", 4)
    events(sealer, 10)
    assert sealer.once() == 3
    assert [head.size for head in heads(sealer)] == [4, 8, 10]
    assert verified(sealer).intact


def test_a_sealer_that_was_killed_goes_on_from_the_heads_that_are_there(sealer: Sealer, tmp_path: Path) -> None:
    events(sealer, 3)
    sealer.once()
    kept = (tmp_path / FILE).read_bytes()
    events(sealer, 3)
    sealer.once()
    (tmp_path / FILE).write_bytes(kept)  # killed before it kept its seal
    events(sealer, 1)
    assert sealer.once() == 1
    (tmp_path / FILE).unlink()
    events(sealer, 1)
    assert sealer.once() == 1
    assert [(head.number, head.size) for head in heads(sealer)] == [(1, 3), (2, 6), (3, 7), (4, 8)]
    assert verified(sealer).intact


def test_two_servers_seal_one_log(tmp_path: Path, postgresql: str) -> None:
    """Each keeps a seal of its own; they share the key, and take turns with the numbers."""
    first = house_in(tmp_path / "a", database_url=postgresql)
    (tmp_path / "b").mkdir()
    key = audit_key(tmp_path / "a")
    one = Sealer(first, key)
    other = Sealer(house_in(tmp_path / "b", database_url=postgresql), key)
    for sealer in (one, other, other, one):
        events(sealer, 2)
        assert sealer.once() == 1
    assert [(head.number, head.size) for head in heads(one)] == [(1, 2), (2, 4), (3, 6), (4, 8)]
    assert verified(other).intact
    one.house.database.dispose()
    other.house.database.dispose()


@pytest.fixture
def postgresql(postgresql_url: str) -> str:
    from tests.databases import postgresql_engine

    with postgresql_engine(postgresql_url):
        return postgresql_url


def _on(table: sa.Table, **changed: Any) -> Callable[[sa.Connection], object]:
    return lambda connection: connection.execute(sa.update(table).values(changed))


def _delete(table: sa.Table, condition: sa.ColumnElement[bool]) -> Callable[[sa.Connection], object]:
    return lambda connection: connection.execute(sa.delete(table).where(condition))


def _insert(connection: sa.Connection) -> None:
    row = dict(connection.execute(sa.select(EVENT).where(EVENT.c.sequence == 5)).mappings().one())
    connection.execute(sa.insert(EVENT).values({**row, "sequence": 6, "id": "forged"}))


def _truncate(connection: sa.Connection) -> None:
    """As if a copy of before the last head had been put in place."""
    connection.execute(sa.delete(EVENT))
    connection.execute(sa.delete(HEAD))


@pytest.mark.parametrize(
    ("tamper", "kind", "first"),
    [
        (_delete(EVENT, EVENT.c.sequence == 4), Kind.MISSING, 4),
        (_delete(EVENT, EVENT.c.sequence == 5), Kind.TRUNCATED, 5),
        (_delete(TREE_HEAD, TREE_HEAD.c.number == 1), Kind.UNSEALED, 3),
        (_on(EVENT, message=b"<Forged/>"), Kind.ALTERED, 4),
        (_on(EVENT, leaf=bytes(32)), Kind.ALTERED, 4),
        (_on(HEAD, frontier=bytes(64)), Kind.HEAD, 5),
        (_on(HEAD, frontier=b""), Kind.HEAD, 3),
        (_on(HEAD, size=2, frontier=bytes(32)), Kind.TRUNCATED, 3),
        (_on(TREE_HEAD, note=b"forged"), Kind.UNSEALED, 3),
        (_insert, Kind.INSERTED, 6),
        (_truncate, Kind.TRUNCATED, 1),
    ],
)
def test_a_log_that_is_another_is_not_signed(
    sealer: Sealer, tamper: Callable[[sa.Connection], object], kind: Kind, first: int
) -> None:
    events(sealer, 3)
    sealer.once()
    events(sealer, 2)
    with sealer.house.database.transaction() as connection:
        tamper(connection)
    with pytest.raises(TamperedError) as caught:
        sealer.once()
    assert (caught.value.finding.kind, caught.value.finding.first) == (kind, first)
    assert len(heads_left(sealer)) <= 1


def heads_left(sealer: Sealer) -> list[tuple[int, str]]:
    with sealer.house.database.snapshot() as connection:
        return HeadStore(connection).after(0)


def test_the_alarm_is_told_everywhere_and_stays(sealer: Sealer, tmp_path: Path) -> None:
    events(sealer, 3)
    sealer.once()
    events(sealer, 2)
    with sealer.house.database.transaction() as connection:
        connection.execute(sa.update(EVENT).where(EVENT.c.sequence == 5).values(message=b"<Forged/>"))
    assert Health(sealer.house)()["audit"] == "ok"
    with capture_logs() as logged:
        sealer.attempt()
    assert [(line["log_level"], line["kind"], line["first"]) for line in logged] == [("error", "altered", 5)]
    assert Health(sealer.house)()["audit"] == "tampered"
    alarm = read_alarm(tmp_path)
    assert alarm is not None and (alarm[0].kind, alarm[0].first) == (Kind.ALTERED, 5)
    with sealer.house.database.snapshot() as connection:
        (told,) = AuditListings(connection).newest(Selection(), limit=1)
    assert (told.action, told.outcome, told.event_code) == ("integrite", Outcome.MAJOR_FAILURE, "110113")
    assert "altered : 5 à 5" in told.explanation
    sealer.attempt()
    assert len(heads(sealer)) == 1, "nothing more is signed"
    silence(tmp_path)
    assert not raised(tmp_path) and read_alarm(tmp_path) is None


def test_whatever_else_goes_wrong_is_tried_again(sealer: Sealer) -> None:
    events(sealer, 1)
    with sealer.house.database.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE audit_tree_head RENAME TO gone")
    sealer.attempt()
    assert not raised(sealer.home)
    with sealer.house.database.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO audit_tree_head")
    sealer.attempt()
    assert len(heads(sealer)) == 1


def test_a_witness_file_gets_every_head_in_order(sealer: Sealer, tmp_path: Path) -> None:
    file = tmp_path / "witness.txt"
    witness = FileWitness(file, sealer.signer.verifier)
    for count in (1, 2, 3):
        events(sealer, count)
        sealer.once()
    assert (sealer.hand(witness), sealer.hand(witness)) == (3, 0)
    with file.open("a") as stream:
        stream.write("torn")  # by somebody's crash
    events(sealer, 1)
    sealer.once()
    assert sealer.hand(witness) == 1
    assert [read_head(note, sealer.signer.verifier) for note in notes_in(file.read_text())] == heads(sealer)


def test_a_witness_at_an_address_gets_them_until_it_has_taken_each(
    sealer: Sealer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.sealer.SECONDS", 0.02)
    with receiving() as receiver:
        house = sealer.house
        house = House.build(load({"home": tmp_path, "audit_witness": f"{receiver.url}/heads"}, {}), anchors=False)
        posting = Sealer(house, sealer.signer)
        (witness,) = posting.witnesses()
        assert isinstance(witness, UrlWitness)
        for count in (1, 2):
            events(posting, count)
            posting.once()
        receiver.answers[:] = [503, 200, 500]
        stop = threading.Event()
        thread = threading.Thread(target=posting.witness, args=(witness, stop), daemon=True)
        thread.start()
        receiver.wait(4)
        stop.set()
        thread.join()
        house.database.dispose()
    bodies = [posted.body.decode() for posted in receiver.posted]
    first, second = (note for _, note in heads_left(sealer))
    assert bodies == [first, first, second, second]
    assert witness.position() == 2


def test_a_witness_shows_a_log_that_was_cut_before_the_server_began(sealer: Sealer, tmp_path: Path) -> None:
    file = tmp_path / "witness.txt"
    witness = FileWitness(file, sealer.signer.verifier)
    events(sealer, 5)
    sealer.once()
    sealer.hand(witness)
    sealer.check(witness)
    with sealer.house.database.transaction() as connection:
        for table in (EVENT, HEAD, NODE, TREE_HEAD):
            connection.execute(sa.delete(table))
    (tmp_path / FILE).unlink()
    events(sealer, 3)
    assert sealer.once() == 1, "by itself, the sealer cannot know"
    with pytest.raises(TamperedError) as caught:
        sealer.check(witness)
    assert (caught.value.finding.kind, caught.value.finding.first) == (Kind.TRUNCATED, 4)
    events(sealer, 5)
    with pytest.raises(TamperedError) as caught:
        sealer.check(witness)
    assert caught.value.finding.kind is Kind.REWRITTEN
