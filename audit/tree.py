"""The stored tree: roots of any complete subtree, found by few reads, for roots and proofs at any size.

Source: RFC 9162 §2.1.
"""

from __future__ import annotations

import sqlalchemy as sa

from audit.errors import AuditUnavailable
from audit.merkle import HASH_BYTES, Frontier, complete_root
from audit.store import unavailable_on_failure
from audit.tables import EVENT, LEVELS, NODE, PRUNED, RUN

_LEAVES = (
    sa.select(EVENT.c.leaf)
    .where(EVENT.c.sequence > sa.bindparam("after"), EVENT.c.sequence <= sa.bindparam("last"))
    .order_by(EVENT.c.sequence)
)
_PRUNED = sa.select(PRUNED.c.leaves).where(PRUNED.c.run == sa.bindparam("run_index"))
_NODES = (
    sa.select(NODE.c.hash)
    .where(
        NODE.c.level == sa.bindparam("at"), NODE.c.index >= sa.bindparam("start"), NODE.c.index < sa.bindparam("end")
    )
    .order_by(NODE.c.index)
)


class StoredTree:
    """The tree in the database of `connection`, as its rows say. Implements `audit.merkle.Subtrees`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._blocks: dict[tuple[int, int, int], list[bytes]] = {}

    def subtree(self, level: int, index: int) -> bytes:
        """The root of that complete subtree. Raises AuditUnavailable when the rows below it are not all there."""
        below = max((each for each in (0, *LEVELS) if each <= level), default=0)
        count = 1 << (level - below)
        start = index * count
        width = max(count, 1 << LEVELS[0])  # neighbours are asked for next: a block at a time
        block = self._block(below, start // width * width, width)
        hashes = block[start % width : start % width + count]
        if len(hashes) != count:
            raise AuditUnavailable(f"{count} rows of the tree at level {below} from {start} on", str(len(hashes)))
        return complete_root(hashes)

    def frontier(self, size: int) -> Frontier:
        """The frontier of the first `size` leaves. Raises AuditUnavailable."""
        hashes, start = list[bytes](), 0
        while start < size:
            level = (size - start).bit_length() - 1
            hashes.append(self.subtree(level, start >> level))
            start += 1 << level
        return Frontier(size, tuple(hashes))

    def _block(self, level: int, start: int, width: int) -> list[bytes]:
        key = (level, start, width)
        if key not in self._blocks:
            with unavailable_on_failure():
                self._blocks[key] = self._read(level, start, width)
        return self._blocks[key]

    def _read(self, level: int, start: int, width: int) -> list[bytes]:
        if level:
            return list(self._connection.scalars(_NODES, {"at": level, "start": start, "end": start + width}))
        kept = self._connection.scalar(_PRUNED, {"run_index": start // RUN})
        if kept is not None:
            return [kept[each : each + HASH_BYTES] for each in range(0, len(kept), HASH_BYTES)]
        return list(self._connection.scalars(_LEAVES, {"after": start, "last": start + width}))
