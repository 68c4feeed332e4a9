"""Somebody who can write the whole database: what can be done to an audit log, clumsily and cleverly.

The clever ones know how leaves, nodes and `audit_head` are made, and make them again. What they have not is the key.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from audit.merkle import Frontier
from audit.record import NUMBERS, TEXTS, record_leaf
from audit.tables import EVENT, HEAD, LEVELS, NODE, TREE_HEAD

BIG = 1 << 40  # sequence numbers nobody uses


class Forger:
    """Tampers with the log in the transaction of `connection`; what is done and where is up to `chance`."""

    def __init__(self, connection: sa.Connection, chance: random.Random, size: int) -> None:
        self.connection, self.chance, self.size = connection, chance, size

    def somewhere(self) -> int:
        """Some sequence number."""
        return self.chance.randint(1, self.size)

    def row(self, sequence: int) -> dict[str, Any]:
        query = sa.select(EVENT).where(EVENT.c.sequence == sequence)
        return dict(self.connection.execute(query).mappings().one())

    def flip(self, table: sa.Table, column: str, **where: Any) -> None:
        """Flips one bit of one value."""
        condition = sa.and_(*(table.c[name] == value for name, value in where.items()))
        value = self.connection.execute(sa.select(table.c[column]).where(condition)).scalar_one()
        if isinstance(value, bool | int):
            bit = self.chance.randrange(20) if table is EVENT else self.chance.randrange(8, 28)  # indices stay unique
            changed: Any = sa.literal(int(value) ^ (1 << bit), sa.BigInteger)
        elif isinstance(value, bytes):
            changed = _flipped(value, self.chance)
        else:
            text = _flipped(value.encode(), self.chance)
            changed = sa.cast(sa.literal(text, sa.LargeBinary), sa.Text)  # it may not be UTF-8 any more
        self.connection.execute(sa.update(table).where(condition).values({column: changed}))

    def flip_column(self, sequence: int) -> None:
        """One bit of any column of a record but the number that orders it."""
        row = self.row(sequence)
        filled = [name for name, value in row.items() if name != "sequence" and value not in ("", b"")]
        self.flip(EVENT, self.chance.choice(filled), sequence=sequence)

    def delete(self, first: int, last: int) -> None:
        self.connection.execute(sa.delete(EVENT).where(EVENT.c.sequence.between(first, last)))

    def shift(self, start: int, by: int) -> None:
        """Gives every record from `start` on another sequence number."""
        for step in (BIG, by - BIG):
            moving = EVENT.c.sequence >= (start if step == BIG else BIG)
            self.connection.execute(sa.update(EVENT).where(moving).values(sequence=EVENT.c.sequence + step))

    def close_gap(self, first: int, last: int) -> None:
        self.delete(first, last)
        self.shift(last + 1, first - last - 1)

    def swap(self, one: int, other: int) -> None:
        for sequence, to in ((one, BIG), (other, one), (BIG, other)):
            self.connection.execute(sa.update(EVENT).where(EVENT.c.sequence == sequence).values(sequence=to))

    def insert(self, sequence: int) -> None:
        """A record like another, where none is."""
        copied = {**self.row(self.somewhere()), "sequence": sequence, "id": f"forged-{sequence}"}
        self.connection.execute(sa.insert(EVENT).values(copied))

    def make_room(self, sequence: int) -> None:
        self.shift(sequence, 1)
        copied = {**self.row(sequence + 1), "sequence": sequence, "id": "forged"}
        self.connection.execute(sa.insert(EVENT).values(copied))

    def forge(self, sequence: int) -> None:
        """Another message, and its leaf."""
        self.connection.execute(sa.update(EVENT).where(EVENT.c.sequence == sequence).values(message=b"<Forged/>"))
        self.leaves(sequence)

    def leaves(self, start: int = 1) -> None:
        """Makes the leaves of all records from `start` on again."""
        changes = [
            {"at": row["sequence"], "made": _leaf(row)}
            for row in self.connection.execute(sa.select(EVENT).where(EVENT.c.sequence >= start)).mappings()
            if _leaf(row) != row["leaf"]
        ]
        if changes:
            at, made = sa.bindparam("at"), sa.bindparam("made")
            self.connection.execute(sa.update(EVENT).where(EVENT.c.sequence == at).values(leaf=made), changes)

    def tree(self, *, nodes: bool = True) -> None:
        """Makes `audit_head` again of the leaves, and the nodes too."""
        tree, made = Frontier(), []
        for leaf in self._leaves():
            tree, ended = tree.grown(leaf)
            made += [
                {"level": level, "index": (tree.size >> level) - 1, "hash": ended[level]}
                for level in LEVELS
                if level < len(ended)
            ]
        self.connection.execute(sa.update(HEAD).values(size=tree.size, frontier=tree.joined()))
        if nodes:
            self.connection.execute(sa.delete(NODE))
            if made:
                self.connection.execute(sa.insert(NODE), made)

    def forget_heads(self, size: int) -> None:
        """Takes away every signed head of more than `size` records."""
        self.connection.execute(sa.delete(TREE_HEAD).where(TREE_HEAD.c.size > size))

    def _leaves(self) -> Iterator[bytes]:
        yield from self.connection.scalars(sa.select(EVENT.c.leaf).order_by(EVENT.c.sequence)).all()


def _leaf(row: Any) -> bytes:
    return record_leaf([row[name] for name in NUMBERS], [row[name] for name in TEXTS], row["message"])


def _flipped(value: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(value))
    return value[:place] + bytes([value[place] ^ (1 << chance.randrange(8))]) + value[place + 1 :]
