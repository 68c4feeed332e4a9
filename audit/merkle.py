"""The Merkle tree over a log's records: how it grows, its root, and both kinds of proof, made and checked.

Source: RFC 9162 §2.1 (the same tree as RFC 6962 §2.1), SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()  # RFC 9162 §2.1.1, of no entries


class ProofError(ValueError):
    """A proof that does not prove what it should; the text says what was expected and what came."""


def leaf_hash(record: bytes) -> bytes:
    """Source: RFC 9162 §2.1.1."""
    return hashlib.sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Source: RFC 9162 §2.1.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that is needed of a tree to make it grow: the roots of its complete subtrees, the largest first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def grown(self, subtree: bytes, level: int = 0) -> tuple[Frontier, tuple[bytes, ...]]:
        """With a complete subtree of 2^level leaves behind what is there, a multiple of that.

        Also the roots of the complete subtrees that end with it: those of 2^level leaves, twice as many, and so on.
        """
        hashes, count, ended = list(self.hashes), self.size >> level, [subtree]
        while count & 1:
            ended.append(node_hash(hashes.pop(), ended[-1]))
            count >>= 1
        hashes.append(ended[-1])
        return Frontier(self.size + (1 << level), tuple(hashes)), tuple(ended)

    def root(self) -> bytes:
        """The tree's root."""
        return reduce(lambda right, left: node_hash(left, right), reversed(self.hashes)) if self.hashes else EMPTY_ROOT

    @classmethod
    def read(cls, size: int, joined: bytes) -> Frontier:
        """Of the hashes one behind another. Raises ValueError when they are not those of a tree of that size."""
        if size < 0 or len(joined) != size.bit_count() * HASH_BYTES:
            raise ValueError(f"frontier: expected {HASH_BYTES} bytes for each complete subtree, got {len(joined)}")
        starts = range(0, len(joined), HASH_BYTES)
        return cls(size, tuple(joined[start : start + HASH_BYTES] for start in starts))

    def joined(self) -> bytes:
        """The hashes one behind another."""
        return b"".join(self.hashes)


def complete_root(hashes: Sequence[bytes]) -> bytes:
    """The root of a complete subtree, of the hashes of one level of it: a power of two of them."""
    while len(hashes) > 1:
        pairs = iter(hashes)
        hashes = [node_hash(left, right) for left, right in zip(pairs, pairs, strict=True)]
    return hashes[0]


class Subtrees(Protocol):
    """Where proofs find the roots of complete subtrees."""

    def subtree(self, level: int, index: int) -> bytes:
        """The root over the 2^level leaves from index × 2^level on."""
        ...


def root_of(subtrees: Subtrees, start: int, end: int) -> bytes:
    """The root over the leaves from `start` up to `end`, where a subtree of the whole tree begins and ends."""
    if start == end:
        return EMPTY_ROOT
    *before, last = (subtrees.subtree(level, index) for level, index in _pieces(start, end))
    return reduce(lambda right, left: node_hash(left, right), reversed(before), last)


def _pieces(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The complete subtrees, by level and index, that make up such a range: the largest first."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def inclusion_path(subtrees: Subtrees, index: int, size: int) -> list[bytes]:
    """The proof that leaf `index` is in the tree of that size. Source: RFC 9162 §2.1.3.1."""
    start, end, path = 0, size, list[bytes]()
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(root_of(subtrees, middle, end))
            end = middle
        else:
            path.append(root_of(subtrees, start, middle))
            start = middle
    return path[::-1]


def consistency_path(subtrees: Subtrees, old: int, new: int) -> list[bytes]:
    """The proof that the tree of size `new` begins with that of size `old`. Source: RFC 9162 §2.1.4.1."""
    if old in (0, new):
        return []
    start, end, path = 0, new, list[bytes]()
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(root_of(subtrees, middle, end))
            end = middle
        else:
            path.append(root_of(subtrees, start, middle))
            start = middle
    if start:
        path.append(root_of(subtrees, start, end))
    return path[::-1]


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def root_by_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that the proof leads to. Raises ProofError. Source: RFC 9162 §2.1.3.2."""
    if not 0 <= index < size:
        raise ProofError(f"index: expected one below the size {size}, got {index}")
    here, last, found = index, size - 1, leaf
    for each in path:
        if last == 0:
            raise ProofError(f"inclusion proof: expected fewer than {len(path)} hashes")
        if here & 1 or here == last:
            found = node_hash(each, found)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            found = node_hash(found, each)
        here, last = here >> 1, last >> 1
    if last:
        raise ProofError(f"inclusion proof: expected more than {len(path)} hashes")
    return found


def check_consistency(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> None:
    """Raises ProofError unless the proof shows that the new tree begins with the old. Source: RFC 9162 §2.1.4.2."""
    if not 0 <= old <= new:
        raise ProofError(f"sizes: expected the older tree to be no larger, got {old} and {new}")
    if old == new or old == 0:
        same = old_root == new_root if old == new else old_root == EMPTY_ROOT
        if path or not same:
            raise ProofError("consistency proof: expected the same root and no hashes, got others")
        return
    hashes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not hashes:
        raise ProofError("consistency proof: expected hashes, got none")
    here, last = old - 1, new - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    first = second = hashes[0]
    for each in hashes[1:]:
        if last == 0:
            raise ProofError(f"consistency proof: expected fewer than {len(path)} hashes")
        if here & 1 or here == last:
            first, second = node_hash(each, first), node_hash(each, second)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            second = node_hash(second, each)
        here, last = here >> 1, last >> 1
    if last or first != old_root or second != new_root:
        raise ProofError("consistency proof: expected it to lead to both roots, it does not")
