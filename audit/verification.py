"""The whole log, read once: each record held to its leaf, the leaves to the tree, the tree to what was signed.

Source: RFC 9162 §2.1; ITI TF-1 9.1 (ATNA).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from audit.evidence import Evidence, gather
from audit.findings import Finding, Kind, merged
from audit.judgement import Judge, Run
from audit.merkle import HASH_BYTES
from audit.notes import Verifier
from audit.rows import Row, leaf_of, rows
from audit.store import unavailable_on_failure
from audit.tables import PRUNED, RUN

BEFORE_ALL = -(1 << 63)
SUSPECTS = 64  # altered records that are looked at again: they may only have changed places

_PRUNED = sa.select(PRUNED.c.leaves).where(PRUNED.c.run == sa.bindparam("run_index"))


@dataclass(frozen=True, slots=True)
class Verification:
    """What a log is: `size` records with `root` over them, of which `sealed` are covered by signatures; what was found.

    `root` is None where it cannot be known; `unreadable` counts published notes that another key signed, or none.
    """

    size: int
    root: bytes | None
    sealed: int
    pruned: int
    findings: tuple[Finding, ...]
    unreadable: int = 0

    @property
    def intact(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def verify(connection: sa.Connection, verifier: Verifier | None = None, published: Iterable[str] = ()) -> Verification:
    """Reads the whole log in the transaction of `connection`, which must see one moment. Raises AuditUnavailable.

    `published` are signed heads that others kept: read them before the transaction begins.
    """
    with unavailable_on_failure():
        evidence = gather(connection, verifier, published)
        reader, judge = _Reader(connection, evidence), Judge(evidence)
        for run in reader.runs():
            judge.take(run)
        root = judge.finish(reader.size)
    findings = merged([*evidence.findings, *reader.findings, *reader.moved(), *judge.findings])
    return Verification(reader.size, root, evidence.sealed, evidence.pruned, findings, evidence.unreadable)


class _Reader:
    """Makes the leaves of a log again, run by run."""

    def __init__(self, connection: sa.Connection, evidence: Evidence) -> None:
        self.size = evidence.pruned
        self.findings: list[Finding] = []
        self._connection, self._evidence = connection, evidence
        self._suspects: list[Row] = []

    def runs(self) -> Iterator[Run]:
        """Every run in order; the last may be short."""
        for row in rows(self._connection, BEFORE_ALL, 0):
            self.findings.append(Finding(Kind.INSERTED, row[0], row[0]))
        yield from self._pruned()
        computed, stored = list[bytes | None](), list[bytes | None]()
        for row in rows(self._connection, self.size):
            sequence = row[0]
            if sequence != self.size + 1:
                if sequence > self._evidence.bound:
                    self.findings.append(Finding(Kind.INSERTED, sequence, sequence))
                    continue
                self.findings.append(Finding(Kind.MISSING, self.size + 1, sequence - 1))
                while sequence != self.size + 1:
                    computed.append(None)
                    stored.append(None)
                    self.size += 1
                    if len(computed) == RUN:
                        yield Run(self.size // RUN - 1, computed, stored)
                        computed, stored = [], []
            leaf = leaf_of(row)
            if leaf != row[-1]:
                self._altered(row)
            computed.append(leaf)
            stored.append(row[-1])
            self.size = sequence
            if len(computed) == RUN:
                yield Run(sequence // RUN - 1, computed, stored)
                computed, stored = [], []
        if computed:
            yield Run(self.size // RUN, computed, stored)

    def moved(self) -> Iterator[Finding]:
        """The altered records: those that once had the place of another, and those that really were altered."""
        places = {row[0] for row in self._suspects}
        for gap in self.findings:
            if gap.kind is Kind.MISSING:
                places.update(range(gap.first, min(gap.last, gap.first + SUSPECTS) + 1))
        for row in self._suspects:
            came = any(leaf_of(row, place) == row[-1] for place in places)
            yield Finding(Kind.REORDERED if came else Kind.ALTERED, row[0], row[0])

    def _altered(self, row: Row) -> None:
        sequence = row[0]
        if row[-1] in (leaf_of(row, sequence - 1), leaf_of(row, sequence + 1)):
            self.findings.append(Finding(Kind.REORDERED, sequence, sequence))
        elif len(self._suspects) < SUSPECTS:
            self._suspects.append(row)
        else:
            self.findings.append(Finding(Kind.ALTERED, sequence, sequence))

    def _pruned(self) -> Iterator[Run]:
        """The runs of which a sealed segment has the records, with those that stayed."""
        runs = self._evidence.pruned // RUN
        for index in range(runs):
            kept = self._connection.scalar(_PRUNED, {"run_index": index})
            stored = _leaves(kept)
            if None in stored:
                self.findings.append(Finding(Kind.NODE, index * RUN + 1, (index + 1) * RUN, f"leaves {index}"))
            computed = list(stored)
            for row in rows(self._connection, index * RUN, (index + 1) * RUN):
                place = (row[0] - 1) % RUN
                computed[place] = leaf_of(row)
                if computed[place] != row[-1] or computed[place] != stored[place]:
                    self._altered(row)
            yield Run(index, computed, stored)
        outside = sa.or_(PRUNED.c.run < 0, PRUNED.c.run >= runs)
        for index in self._connection.scalars(sa.select(PRUNED.c.run).where(outside)):
            self.findings.append(Finding(Kind.NODE, index * RUN + 1, index * RUN + 1, f"leaves {index}"))


def _leaves(joined: bytes | None) -> list[bytes | None]:
    """The leaves of a run, one behind another; none of what is not that."""
    if not isinstance(joined, bytes) or len(joined) != RUN * HASH_BYTES:
        return [None] * RUN
    return [joined[start : start + HASH_BYTES] for start in range(0, len(joined), HASH_BYTES)]
