"""What was appended since the last head, read again from the bytes: what may be signed, or what was done to it.

The sealer goes on from the tree that it signed last, which it keeps itself, not from what the database says of it.

Source: RFC 9162 §4.10.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from audit.errors import AuditUnavailable
from audit.findings import Finding, Kind
from audit.heads import TreeHead, read_head
from audit.merkle import Frontier
from audit.notes import NoteError, Signer, Verifier
from audit.rows import leaf_of, rows
from audit.segment import read_manifest
from audit.store import AuditStore, unavailable_on_failure
from audit.tables import SEGMENT, TREE_HEAD
from audit.tree import StoredTree

EMPTY = Frontier()
MOST = 1000  # records that one head covers beyond the one before

_LAST_SEGMENT = sa.select(SEGMENT.c.note).order_by(SEGMENT.c.last.desc()).limit(1)


class TamperedError(Exception):
    """A log that is not what it was; `finding` says what and where."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        super().__init__(f"{finding.kind.value}: records {finding.first} to {finding.last} {finding.detail}".rstrip())


@dataclass(frozen=True, slots=True)
class Seal:
    """The last head that was signed, and the whole frontier of its tree."""

    number: int = 0
    note: str = ""
    tree: Frontier = EMPTY


class HeadStore:
    """The signed heads, in the transaction of `connection`. Every method raises AuditUnavailable."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def after(self, number: int, limit: int | None = None) -> list[tuple[int, str]]:
        """Number and note of the heads behind that number, in order."""
        query = sa.select(TREE_HEAD.c.number, TREE_HEAD.c.note).where(TREE_HEAD.c.number > number)
        return self._read(query.order_by(TREE_HEAD.c.number).limit(limit))

    def covering(self, size: int) -> str | None:
        """The note of the last head, if it covers so many records."""
        last = sa.select(TREE_HEAD.c.number, TREE_HEAD.c.note).where(TREE_HEAD.c.size >= size)
        found = self._read(last.order_by(TREE_HEAD.c.number.desc()).limit(1))
        return found[0][1] if found else None

    def of_size(self, size: int) -> str | None:
        """The note of the head of exactly so many records."""
        found = self._read(sa.select(TREE_HEAD.c.number, TREE_HEAD.c.note).where(TREE_HEAD.c.size == size))
        return found[0][1] if found else None

    def add(self, heads: Iterable[tuple[TreeHead, str]]) -> None:
        """Writes heads; one whose number another server took meanwhile makes it AuditUnavailable."""
        values = [{"number": head.number, "size": head.size, "note": note.encode()} for head, note in heads]
        with unavailable_on_failure():
            self._connection.execute(sa.insert(TREE_HEAD), values)

    def _read(self, query: sa.Select[int, bytes]) -> list[tuple[int, str]]:
        with unavailable_on_failure():
            return [(number, note.decode(errors="replace")) for number, note in self._connection.execute(query)]


def beginning(connection: sa.Connection, verifier: Verifier) -> Frontier:
    """Where whoever kept no seal begins to read: at the first record, or behind the last sealed segment."""
    with unavailable_on_failure():
        note = connection.scalar(_LAST_SEGMENT)
    if note is None:
        return Frontier()
    try:
        manifest = read_manifest(note.decode(errors="replace"), verifier)
    except NoteError:
        raise TamperedError(Finding(Kind.FORGED, 1, 1, "segment")) from None
    tree = StoredTree(connection).frontier(manifest.last)
    if tree.root() != manifest.root:
        raise TamperedError(Finding(Kind.REWRITTEN, 1, manifest.last))
    return tree


def grown_trees(connection: sa.Connection, seal: Seal, verifier: Verifier) -> tuple[list[Frontier], int]:
    """The trees to sign, in order, and the number of the last head there is. Raises TamperedError, AuditUnavailable.

    A head may be there that `seal` does not know: of another server, or of this one before it was killed.
    """
    try:
        end = AuditStore(connection).head()
    except AuditUnavailable:
        raise TamperedError(Finding(Kind.HEAD, seal.tree.size, seal.tree.size)) from None
    if end.size < seal.tree.size:
        raise TamperedError(Finding(Kind.TRUNCATED, end.size + 1, seal.tree.size))
    others = _others(connection, seal, verifier)
    covered = max((head.size for head in others), default=seal.tree.size)
    roots = {head.size: head.root for head in others}
    trees, tree = [], seal.tree
    for row in rows(connection, seal.tree.size):
        tree = _grown(tree, row, end.size)
        if tree.size in roots and roots[tree.size] != tree.root():
            raise TamperedError(Finding(Kind.REWRITTEN, seal.tree.size + 1, tree.size))
        if tree.size > covered and (tree.size - covered) % MOST == 0:
            trees.append(tree)
    if tree.size < max(end.size, covered):
        raise TamperedError(Finding(Kind.TRUNCATED, tree.size + 1, max(end.size, covered)))
    if tree != end:
        raise TamperedError(Finding(Kind.HEAD, tree.size, tree.size))
    if tree.size > covered and (tree.size - covered) % MOST:
        trees.append(tree)
    return trees, max((head.number for head in others), default=seal.number)


def signed(trees: Sequence[Frontier], number: int, instant: str, signer: Signer) -> list[tuple[TreeHead, str]]:
    """The heads of these trees behind head `number`, each with its note."""
    heads = [
        TreeHead(signer.name, tree.size, tree.root(), number + place, instant)
        for place, tree in enumerate(trees, start=1)
    ]
    return [(head, head.note(signer)) for head in heads]


def check_continued(connection: sa.Connection, head: TreeHead) -> None:
    """Raises TamperedError unless the log, as its leaves and nodes stand, continues that head."""
    size = AuditStore(connection).head().size
    if size < head.size:
        raise TamperedError(Finding(Kind.TRUNCATED, size + 1, head.size))
    if StoredTree(connection).frontier(head.size).root() != head.root:
        raise TamperedError(Finding(Kind.REWRITTEN, 1, head.size, f"head {head.number}"))


def _others(connection: sa.Connection, seal: Seal, verifier: Verifier) -> list[TreeHead]:
    """The heads behind the one of the seal, which must be there."""
    found = HeadStore(connection).after(max(0, seal.number - 1))
    if seal.number and (not found or found[0] != (seal.number, seal.note)):
        raise TamperedError(Finding(Kind.UNSEALED, seal.tree.size, seal.tree.size, f"head {seal.number}"))
    heads = []
    for number, note in found[1:] if seal.number else found:
        try:
            head = read_head(note, verifier)
        except NoteError:
            head = None
        if head is None or head.number != number or (seal.number and head.size <= seal.tree.size):
            raise TamperedError(Finding(Kind.FORGED, seal.tree.size, seal.tree.size, f"head {number}"))
        heads.append(head)
    return heads


def _grown(tree: Frontier, row: Sequence[object], size: int) -> Frontier:
    sequence = row[0]
    if not isinstance(sequence, int) or sequence > size:
        raise TamperedError(Finding(Kind.INSERTED, size + 1, size + 1))
    if sequence != tree.size + 1:
        raise TamperedError(Finding(Kind.MISSING, tree.size + 1, sequence - 1))
    leaf = leaf_of(row)
    if leaf is None or leaf != row[-1]:
        raise TamperedError(Finding(Kind.ALTERED, sequence, sequence))
    return tree.grown(leaf)[0]
