"""What a log is judged by: the roots that were stored or signed while it grew, as the database and others have them.

Source: RFC 9162 §2.1, §4.10.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from audit.findings import Finding, Kind
from audit.heads import TreeHead, read_head
from audit.merkle import Frontier
from audit.notes import NoteError, Verifier
from audit.segment import read_manifest
from audit.tables import HEAD, LEVELS, NODE, RUN, SEGMENT, TREE_HEAD


@dataclass(slots=True)
class Evidence:
    """`roots` are those that signatures vouch for, by size. `pruned` records are in sealed segments."""

    size: int = 0
    frontier: Frontier | None = None  # None: what stands there is not one of that size
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)
    heads: dict[int, TreeHead] = field(default_factory=dict)
    roots: dict[int, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    pruned: int = 0
    unreadable: int = 0  # published notes that this key did not sign
    findings: list[Finding] = field(default_factory=list)

    @property
    def sealed(self) -> int:
        """How many records the last head, or the last segment, covers."""
        return max(self.roots, default=0)

    @property
    def bound(self) -> int:
        """The greatest sequence number that there can be, as several things say."""
        runs = sum(level == LEVELS[0] for level, _ in self.nodes)
        return max(self.sealed, self.pruned, min(self.size, (runs + 1) * RUN))


def gather(connection: sa.Connection, verifier: Verifier | None, published: Iterable[str]) -> Evidence:
    """What the database has, and the notes that others kept of it. Without a key no signature counts."""
    found = Evidence()
    _head(found, connection)
    found.nodes = {(_number(level), _number(index)): root for level, index, root in connection.execute(sa.select(NODE))}
    if verifier is not None:
        _segments(found, connection, verifier)
        _heads(found, connection, verifier)
        _published(found, published, verifier)
    return found


def _head(found: Evidence, connection: sa.Connection) -> None:
    row = connection.execute(sa.select(HEAD.c.size, HEAD.c.frontier).where(HEAD.c.id == 1)).one_or_none()
    if row is None:
        found.frontier = Frontier()
        return
    found.size = _number(row.size)
    try:
        found.frontier = Frontier.read(found.size, row.frontier)
    except (ValueError, TypeError):
        found.frontier = None


def _text(note: Any) -> str:
    """A stored note. Raises NoteError."""
    try:
        return str(note, "utf-8")
    except (TypeError, UnicodeDecodeError):
        raise NoteError("note: expected text") from None


def _number(value: Any) -> int:
    """A column of numbers, in which SQLite lets anything be written."""
    return value if isinstance(value, int) else 0


def _segments(found: Evidence, connection: sa.Connection, verifier: Verifier) -> None:
    for last, note in connection.execute(sa.select(SEGMENT.c.last, SEGMENT.c.note).order_by(SEGMENT.c.last)):
        name = f"segment {last}"
        try:
            manifest = read_manifest(_text(note), verifier)
        except NoteError:
            found.findings.append(Finding(Kind.FORGED, last, last, name))
            continue
        if manifest.last != last:
            found.findings.append(Finding(Kind.FORGED, last, last, name))
        elif manifest.first != found.pruned + 1:
            found.findings.append(Finding(Kind.UNSEALED, found.pruned + 1, manifest.first - 1, name))
        else:
            found.pruned = last
            found.roots[last].add(manifest.root)


def _heads(found: Evidence, connection: sa.Connection, verifier: Verifier) -> None:
    """Every head is numbered one more than that before, and covers more."""
    columns = (TREE_HEAD.c.number, TREE_HEAD.c.size, TREE_HEAD.c.note)
    expected, covered = 1, 0
    for number, written, note in connection.execute(sa.select(*columns).order_by(TREE_HEAD.c.number)):
        size = _number(written)
        if number > expected:
            found.findings.append(Finding(Kind.UNSEALED, covered + 1, size, f"head {expected}"))
        expected = number + 1
        try:
            head = read_head(_text(note), verifier)
        except NoteError:
            found.findings.append(Finding(Kind.FORGED, covered + 1, max(size, covered + 1), f"head {number}"))
            continue
        if (head.number, head.size) != (number, size) or head.size <= covered:
            found.findings.append(Finding(Kind.FORGED, covered + 1, max(size, covered + 1), f"head {number}"))
            continue
        covered = head.size
        found.heads[number] = head
        found.roots[head.size].add(head.root)


def _published(found: Evidence, published: Iterable[str], verifier: Verifier) -> None:
    for note in published:
        try:
            head = read_head(note, verifier)
        except NoteError:
            found.unreadable += 1
            continue
        found.roots[head.size].add(head.root)
        if found.heads.get(head.number) != head:
            found.findings.append(Finding(Kind.UNSEALED, head.size, head.size, f"head {head.number}"))
