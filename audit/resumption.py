"""The tree of a log made again from its records as they are, for an operator who has seen why it was another."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from audit.errors import AuditUnavailable
from audit.merkle import Frontier
from audit.notes import Verifier
from audit.rows import leaf_of, rows
from audit.sealing import beginning
from audit.store import unavailable_on_failure
from audit.tables import EVENT, HEAD, LEVELS, NODE


def rebuild(connection: sa.Connection, verifier: Verifier) -> Frontier:
    """Writes leaves, nodes and `audit_head` as the records behind the last sealed segment give them; the tree.

    Raises AuditUnavailable when a record is missing: only a backup can help then.
    """
    tree = beginning(connection, verifier)
    leaves, nodes = list[dict[str, Any]](), list[dict[str, Any]]()
    pruned = tree.size
    for row in rows(connection, pruned):
        leaf = leaf_of(row)
        if row[0] != tree.size + 1 or leaf is None:
            raise AuditUnavailable(f"every record, from {pruned + 1} on", f"none or another as {tree.size + 1}")
        if leaf != row[-1]:
            leaves.append({"at": row[0], "made": leaf})
        tree, ended = tree.grown(leaf)
        for level in LEVELS[: sum(level < len(ended) for level in LEVELS)]:
            nodes.append({"level": level, "index": (tree.size >> level) - 1, "hash": ended[level]})
    with unavailable_on_failure():
        if leaves:
            changed = sa.update(EVENT).where(EVENT.c.sequence == sa.bindparam("at"))
            connection.execute(changed.values(leaf=sa.bindparam("made")), leaves)
        connection.execute(sa.delete(NODE).where(sa.or_(*(_behind(level, pruned) for level in LEVELS))))
        if nodes:
            connection.execute(sa.insert(NODE), nodes)
        connection.execute(sa.delete(HEAD))
        connection.execute(sa.insert(HEAD), {"id": 1, "size": tree.size, "frontier": tree.joined()})
    return tree


def _behind(level: int, pruned: int) -> sa.ColumnElement[bool]:
    return sa.and_(NODE.c.level == level, NODE.c.index >= pruned >> level)
