"""Five hundred attacks on the audit log, at random places: each is found, and where it was done; nothing else is."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from audit.event import Event
from audit.findings import Kind
from audit.heads import TreeHead
from audit.notes import Signer
from audit.store import AuditStore, instant_text
from audit.tables import HEAD, METADATA, NODE, RUN, TREE_HEAD
from audit.verification import Verification, verify
from tests.audit.events import INSTANT, OPENING, REFUSAL, SEARCH, SUBMISSION
from tests.audit.forger import Forger
from tests.databases import sqlite_engine

ATTACKS, SEED, SIZE = 500, 20261129, 600
SIGNER = Signer.make("test/audit")
OF_RECORDS = {Kind.ALTERED, Kind.MISSING, Kind.INSERTED, Kind.REORDERED, Kind.TRUNCATED}
KINDS = (SUBMISSION, SEARCH, OPENING, REFUSAL)


@dataclass(frozen=True)
class Log:
    """A log of SIZE events with its signed heads, of which somebody else keeps the last."""

    engine: sa.Engine
    sizes: tuple[int, ...]
    published: tuple[str, ...]

    def verify(self, connection: sa.Connection) -> Verification:
        return verify(connection, SIGNER.verifier, self.published)

    def around(self, sequence: int) -> tuple[int, int]:
        """The records that the heads next to a record leave open: from the one before to the one after."""
        before = max((size for size in self.sizes if size < sequence), default=0)
        return before + 1, min(size for size in self.sizes if size >= sequence)


def seal(connection: sa.Connection, number: int) -> str:
    """A signed head of what is there; its note."""
    tree = AuditStore(connection).head()
    note = TreeHead(SIGNER.name, tree.size, tree.root(), number, instant_text(INSTANT)).note(SIGNER)
    connection.execute(sa.insert(TREE_HEAD).values(number=number, size=tree.size, note=note.encode()))
    return note


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    chance = random.Random(SEED)
    with sqlite_engine(tmp_path_factory.mktemp("attacks") / "log.db") as engine, engine.begin() as connection:
        METADATA.create_all(connection)
        sizes, note, due = [], "", 1
        for number in range(1, SIZE + 1):
            record(connection, number)
            if number in (due, SIZE):
                sizes.append(number)
                note = seal(connection, len(sizes))
                due = number + chance.choice((1, 2, 7, 50, 200, 400))
        connection.commit()
        yield Log(engine, tuple(sizes), (note,))


def record(connection: sa.Connection, number: int) -> None:
    event: Event = KINDS[number % len(KINDS)]
    moved = replace(event, id=f"event-{number}", instant=INSTANT + timedelta(seconds=number))
    AuditStore(connection).append(moved, f"<AuditMessage>{number} é</AuditMessage>".encode(), "dmp-1")


Attack = Callable[[Forger], int]
"""Does something, and says at which record."""


def flip_column(forger: Forger) -> int:
    place = forger.somewhere()
    forger.flip_column(place)
    return place


def delete(forger: Forger) -> int:
    place = forger.somewhere()
    forger.delete(place, min(place + forger.chance.choice((0, 0, 1, 300)), forger.size))
    return place


def close_gap(forger: Forger) -> int:
    place = forger.somewhere()
    forger.close_gap(place, place)
    return place


def swap(forger: Forger) -> int:
    one, other = sorted(forger.chance.sample(range(1, forger.size + 1), 2))
    forger.swap(one, other)
    return one


def insert_behind(forger: Forger) -> int:
    place = forger.size + forger.chance.choice((1, 2, 1 << 30))
    forger.insert(place)
    return place


def insert_before(forger: Forger) -> int:
    place = -forger.chance.choice((0, 1, 1 << 30))
    forger.insert(place)
    return place


def make_room(forger: Forger) -> int:
    place = forger.somewhere()
    forger.make_room(place)
    return place


def truncate(forger: Forger) -> int:
    place = forger.somewhere()
    forger.delete(place, forger.size)
    return place


CLUMSY: tuple[Attack, ...] = (
    *(flip_column, flip_column, flip_column),
    *(delete, close_gap, swap, insert_behind, insert_before, make_room, truncate),
)


def forge(forger: Forger) -> int:
    place = forger.somewhere()
    forger.forge(place)
    return place


def forge_with_tree(forger: Forger) -> int:
    place = forge(forger)
    forger.tree()
    return place


def forge_with_head(forger: Forger) -> int:
    place = forge(forger)
    forger.tree(nodes=False)
    return place


def close_gap_with_tree(forger: Forger) -> int:
    place = close_gap(forger)
    forger.leaves(place)
    forger.tree()
    return place


def make_room_with_tree(forger: Forger) -> int:
    place = make_room(forger)
    forger.leaves(place)
    forger.tree(nodes=forger.chance.random() < 0.5)
    return place


def swap_with_tree(forger: Forger) -> int:
    one, other = sorted(forger.chance.sample(range(1, forger.size + 1), 2))
    forger.swap(one, other)
    forger.leaves(one)
    forger.tree()
    return one


def truncate_with_everything(forger: Forger) -> int:
    place = truncate(forger)
    forger.tree()
    forger.forget_heads(place - 1)
    return place


CLEVER: tuple[Attack, ...] = (
    *(forge, forge_with_tree, forge_with_head),
    *(close_gap_with_tree, make_room_with_tree, swap_with_tree, truncate_with_everything),
)


def test_an_untouched_log_gives_no_alarm(log: Log) -> None:
    with log.engine.connect() as connection:
        found = log.verify(connection)
    assert (found.findings, found.size, found.sealed) == ((), SIZE, SIZE)


@pytest.mark.parametrize("part", range(10))
def test_every_attack_is_found_where_it_was_done(log: Log, part: int) -> None:
    for number in range(part * ATTACKS // 10, (part + 1) * ATTACKS // 10):
        with log.engine.connect() as connection:
            _attack(log, connection, random.Random(f"{SEED} {number}"))
            connection.rollback()


def _attack(log: Log, connection: sa.Connection, chance: random.Random) -> None:
    forger = Forger(connection, chance, SIZE)
    attack = chance.choice(CLUMSY if chance.random() < 0.6 else CLEVER)
    place = attack(forger)
    found = log.verify(connection).findings
    told = (attack.__name__, place, found)
    assert found, told
    near = min(found, key=lambda each: (not each.first <= place <= each.last, each.last - each.first))
    assert near.first <= place <= near.last, told
    if attack in CLEVER:
        first, last = log.around(min(place, SIZE))
        if attack is not truncate_with_everything:
            assert near.first >= min(first, (place - 1) // RUN * RUN + 1), told
            assert near.last - near.first < max(RUN, last - first + 1), told
    else:
        assert any(each.first <= place <= each.last and each.kind in OF_RECORDS for each in found), told
        assert min(each.first for each in found if each.kind in OF_RECORDS) == place, told


@pytest.mark.parametrize("number", range(40))
def test_every_attack_on_what_records_are_judged_by_is_found(log: Log, number: int) -> None:
    chance = random.Random(f"{SEED} evidence {number}")
    with log.engine.connect() as connection:
        forger = Forger(connection, chance, SIZE)
        node, head = chance.randrange(SIZE // RUN), chance.randint(1, len(log.sizes))
        kind, where = chance.choice(
            (
                (Kind.NODE, lambda: forger.flip(NODE, "hash", level=8, index=node)),
                (Kind.NODE, lambda: forger.flip(NODE, "index", level=8, index=node)),
                (Kind.NODE, lambda: forger.flip(NODE, "level", level=8, index=node)),
                (Kind.NODE, lambda: connection.execute(sa.delete(NODE).where(NODE.c.index == node))),
                (Kind.HEAD, lambda: forger.flip(HEAD, "frontier", id=1)),
                (None, lambda: forger.flip(HEAD, "size", id=1)),
                (None, lambda: connection.execute(sa.delete(HEAD))),
                (Kind.FORGED, lambda: forger.flip(TREE_HEAD, "note", number=head)),
                (Kind.FORGED, lambda: forger.flip(TREE_HEAD, "size", number=head)),
                (Kind.UNSEALED, lambda: connection.execute(sa.delete(TREE_HEAD).where(TREE_HEAD.c.number == head))),
            )
        )
        where()
        found = log.verify(connection).findings
        connection.rollback()
    assert found
    assert kind is None or kind in {each.kind for each in found}, found
    if kind is Kind.NODE:
        assert any(each.detail == f"node 8/{node}" for each in found), found
    elif kind in (Kind.FORGED, Kind.UNSEALED):
        assert any(each.detail.startswith("head ") for each in found), found


@pytest.mark.long
def test_again_with_other_attacks(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, with others each time it is asked for."""
    monkeypatch.setitem(globals(), "SEED", time.time_ns())
    for part in range(10):
        test_every_attack_is_found_where_it_was_done(log, part)
