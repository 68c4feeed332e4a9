"""Retention: records older than the policy leave the database for sealed segments, whole runs of the tree at a time.

What stays is proved as before: the leaves of a pruned run are kept, and so are its node and the segment's manifest. Of
each DMP the last hundred events stay too, however old: its history shows them.

Source: CSP L.1142-28; GIE SESAM-Vitale, PDT-INF-527 v1.7 (history on line for a year, a hundred traces at least).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from audit.errors import AuditUnavailable
from audit.findings import Finding, Kind
from audit.heads import read_head
from audit.merkle import ProofError, check_consistency, consistency_path
from audit.notes import Signer, Verifier
from audit.record import record_bytes
from audit.rows import leaf_of, rows
from audit.sealing import HeadStore, TamperedError
from audit.segment import Manifest, read_segment, write_segment
from audit.store import OWN, instant_text, unavailable_on_failure
from audit.tables import EVENT, PRUNED, RUN, SEGMENT
from audit.tree import StoredTree
from identities.requester import PatientId

RUNS = 64  # in one segment
SHOWN = 100  # traces that a history always shows, however old
SUFFIX = ".dmpaudit"

_Query = TypeVar("_Query", bound=sa.Select[Any])
Concerns = Callable[[str, PatientId | None], bool]
"""Whether there still is a DMP of that key, or of that patient."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Records to seal away, by sequence number."""

    first: int
    last: int

    @property
    def file_name(self) -> str:
        """Sorts in the order of the log."""
        return f"{self.first:012}-{self.last:012}{SUFFIX}"


def next_segment(connection: sa.Connection, before: datetime, not_beyond: int | None, sealed: int) -> Segment | None:
    """The next records that may go: whole runs, all recorded before that instant, and covered by a head.

    None beyond `not_beyond`, which somebody still has to have.
    """
    with unavailable_on_failure():
        pruned = connection.scalar(sa.select(sa.func.max(SEGMENT.c.last))) or 0
        young = sa.select(EVENT.c.sequence).where(EVENT.c.sequence > pruned, EVENT.c.recorded >= instant_text(before))
        first_young = connection.scalar(young.order_by(EVENT.c.sequence).limit(1))
    limits = [sealed, pruned + RUNS * RUN]
    if first_young is not None:
        limits.append(first_young - 1)
    if not_beyond is not None:
        limits.append(not_beyond)
    last = min(limits) // RUN * RUN
    return Segment(pruned + 1, last) if last > pruned else None


def seal_away(
    connection: sa.Connection, segment: Segment, folder: Path, signer: Signer, instant: str
) -> tuple[Path, str]:
    """Writes the records of a segment, as they were sealed, into a file of `folder`; the file and its signed manifest.

    The file is read again before it counts. Raises TamperedError, AuditUnavailable, SegmentError, OSError.
    """
    tree = StoredTree(connection)
    before = tree.frontier(segment.first - 1)
    file = folder / segment.file_name
    file.touch(mode=0o600)
    records = _records(connection, segment)
    manifest, note = write_segment(file, records, first=segment.first, before=before, instant=instant, signer=signer)
    _check_sealed(connection, manifest, tree, signer.verifier)
    with file.open("rb") as written:
        os.fsync(written.fileno())
    read_segment(file, signer.verifier)
    return file, note


def forget(connection: sa.Connection, segment: Segment, note: str, concerns: Concerns) -> int:
    """Takes the records of a segment away, but for those that histories show; how many went.

    Raises AuditUnavailable.
    """
    runs = range((segment.first - 1) // RUN, segment.last // RUN)
    with unavailable_on_failure():
        leaves = connection.scalars(_within(sa.select(EVENT.c.leaf), segment).order_by(EVENT.c.sequence)).all()
        if len(leaves) != len(runs) * RUN:
            raise AuditUnavailable(f"{len(runs) * RUN} records from {segment.first} on", str(len(leaves)))
        values = [
            {"run": run, "leaves": b"".join(leaves[place * RUN : (place + 1) * RUN])} for place, run in enumerate(runs)
        ]
        connection.execute(sa.insert(PRUNED), values)
        connection.execute(sa.insert(SEGMENT), {"last": segment.last, "note": note.encode()})
        return _forget(connection, segment, concerns)


def forget_outgrown(connection: sa.Connection, concerns: Concerns) -> int:
    """Takes away what stayed of sealed segments and no history shows any more; how many. Raises AuditUnavailable."""
    with unavailable_on_failure():
        pruned = connection.scalar(sa.select(sa.func.max(SEGMENT.c.last))) or 0
        return _forget(connection, Segment(1, pruned), concerns)


def _forget(connection: sa.Connection, segment: Segment, concerns: Concerns) -> int:
    shown = set(_shown(connection, segment, concerns))
    there = connection.scalars(_within(sa.select(EVENT.c.sequence), segment)).all()
    going = [{"going": sequence} for sequence in there if sequence not in shown]
    if going:
        connection.execute(sa.delete(EVENT).where(EVENT.c.sequence == sa.bindparam("going")), going)
    return len(going)


def _records(connection: sa.Connection, segment: Segment) -> Iterator[bytes]:
    expected = segment.first
    for row in rows(connection, segment.first - 1, segment.last):
        sequence, outcome, secret, *texts, message, leaf = row
        if sequence != expected or leaf_of(row) != leaf:
            raise TamperedError(Finding(Kind.ALTERED, expected, expected))
        expected += 1
        yield record_bytes((sequence, outcome, secret), texts, message)
    if expected != segment.last + 1:
        raise TamperedError(Finding(Kind.MISSING, expected, segment.last))


def _check_sealed(connection: sa.Connection, manifest: Manifest, tree: StoredTree, verifier: Verifier) -> None:
    """Raises TamperedError unless a signed head continues the tree that ends with the segment."""
    note = HeadStore(connection).covering(manifest.last)
    if note is None:
        raise TamperedError(Finding(Kind.UNSEALED, manifest.first, manifest.last))
    head = read_head(note, verifier)
    path = consistency_path(tree, manifest.last, head.size)
    try:
        check_consistency(manifest.last, manifest.root, head.size, head.root, path)
    except ProofError:
        raise TamperedError(Finding(Kind.REWRITTEN, manifest.first, manifest.last)) from None


def _shown(connection: sa.Connection, segment: Segment, concerns: Concerns) -> Iterator[int]:
    """The records that are among the last of a history which has some in the segment."""
    own = EVENT.c.origin == OWN
    dossiers = sa.select(EVENT.c.dossier).where(own, EVENT.c.dossier != "").distinct()
    for dossier in connection.scalars(_within(dossiers, segment)).all():
        if concerns(dossier, None):
            yield from _newest(connection, own, EVENT.c.dossier == dossier)
    identifiers = (
        sa.select(EVENT.c.patient_value, EVENT.c.patient_authority).where(own, EVENT.c.dossier == "").distinct()
    )
    for value, authority in connection.execute(_within(identifiers, segment)).all():
        if value and concerns("", PatientId(value, authority)):
            his = (EVENT.c.patient_value == value, EVENT.c.patient_authority == authority, EVENT.c.dossier == "")
            yield from _newest(connection, own, *his)


def _newest(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> sa.ScalarResult[int]:
    query = sa.select(EVENT.c.sequence).where(*conditions)
    return connection.scalars(query.order_by(EVENT.c.instant.desc(), EVENT.c.sequence.desc()).limit(SHOWN))


def _within(query: _Query, segment: Segment) -> _Query:
    return query.where(EVENT.c.sequence.between(segment.first, segment.last))
