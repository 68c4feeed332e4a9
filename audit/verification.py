"""The whole log, read once and compared with itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from audit.findings import Finding, Kind
from audit.merkle import Frontier
from audit.record import NUMBERS, TEXTS, RecordError, record_leaf
from audit.store import AuditStore, unavailable_on_failure
from audit.tables import EVENT, LEVELS, NODE

ROWS = 1000  # fetched at once

_IN_ORDER = sa.select(*(EVENT.c[name] for name in (*NUMBERS, *TEXTS, "message", "leaf"))).order_by(EVENT.c.sequence)


@dataclass(frozen=True, slots=True)
class Verification:
    """How many events a log has, the root over them, and what is wrong with it."""

    size: int
    root: bytes
    findings: tuple[Finding, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def verify(connection: sa.Connection) -> Verification:
    """Reads the whole log, a batch at a time, in the transaction of `connection`. Raises AuditUnavailable."""
    with unavailable_on_failure():
        head = AuditStore(connection).head()
        nodes = {(level, index): found for level, index, found in connection.execute(sa.select(NODE)).tuples()}
        computed, findings = _read(connection, nodes)
        if head.size > computed.size:
            findings.append(Finding(Kind.TRUNCATED, computed.size + 1, head.size))
        elif head.size < computed.size:
            findings.append(Finding(Kind.INSERTED, head.size + 1, computed.size))
        elif not findings and head != computed:
            findings.append(Finding(Kind.HEAD, 1, computed.size))
        return Verification(head.size, head.root(), tuple(findings))


def _read(connection: sa.Connection, nodes: dict[tuple[int, int], bytes]) -> tuple[Frontier, list[Finding]]:
    computed, findings = Frontier(), list[Finding]()
    with connection.execution_options(yield_per=ROWS).execute(_IN_ORDER) as rows:
        for row in rows:
            sequence, stored = row[0], row[-1]
            while computed.size + 1 < sequence:
                findings.append(Finding(Kind.MISSING, computed.size + 1, computed.size + 1))
                computed, _ = computed.grown(bytes(32))
            leaf = _leaf(row)
            if leaf != stored:
                findings.append(Finding(Kind.ALTERED, sequence, sequence))
            computed, ended = computed.grown(leaf or stored)
            findings += _nodes(computed.size, ended, nodes)
    return computed, findings


def _leaf(row: sa.Row[Any]) -> bytes | None:
    values = tuple(row)
    try:
        return record_leaf(values[: len(NUMBERS)], values[len(NUMBERS) : -2], values[-2])
    except RecordError:
        return None


def _nodes(size: int, ended: tuple[bytes, ...], nodes: dict[tuple[int, int], bytes]) -> Iterator[Finding]:
    for level in LEVELS:
        if level < len(ended) and nodes.get((level, (size >> level) - 1)) != ended[level]:
            yield Finding(Kind.NODE, size - (1 << level) + 1, size)
