"""The Merkle tree held to the published vectors, and to another implementation: roots and both kinds of proof."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    check_consistency,
    complete_root,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    root_by_inclusion,
    root_of,
)

# Source: the reference trees of Certificate Transparency (certificate-transparency-go, merkletree tests).
INPUTS = tuple(
    bytes.fromhex(each)
    for each in (*("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"),)
)
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
ALL = 130


@dataclass(frozen=True)
class Whole:
    """A tree of which every leaf is at hand."""

    leaves: tuple[bytes, ...]

    def subtree(self, level: int, index: int) -> bytes:
        return complete_root(self.leaves[index << level : (index + 1) << level])


def entries(size: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(size)]


@cache
def whole(size: int) -> Whole:
    return Whole(tuple(map(leaf_hash, entries(size))))


@cache
def theirs() -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for entry in entries(ALL):
        tree.append_entry(entry)
    return tree


def root(size: int) -> bytes:
    return root_of(whole(size), 0, size)


def grown(leaves: tuple[bytes, ...]) -> Frontier:
    frontier = Frontier()
    for leaf in leaves:
        frontier, _ = frontier.grown(leaf)
    return frontier


def test_the_published_roots() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Frontier().root() == EMPTY_ROOT == root_of(Whole(()), 0, 0)
    leaves = tuple(map(leaf_hash, INPUTS))
    assert [grown(leaves[: size + 1]).root().hex() for size in range(len(leaves))] == list(ROOTS)
    assert [root_of(Whole(leaves), 0, size + 1).hex() for size in range(len(leaves))] == list(ROOTS)


def test_roots_are_those_of_another_implementation() -> None:
    for size in range(1, ALL + 1):
        assert root(size) == grown(whole(size).leaves).root() == theirs().get_root(size)


def test_every_inclusion_proof_up_to_a_size_is_that_of_another_implementation() -> None:
    for size in (*range(1, 40), 63, 64, 65, 127, 128, 129, ALL):
        for index in range(size):
            path = inclusion_path(whole(size), index, size)
            assert root_by_inclusion(whole(size).leaves[index], index, size, path) == root(size)
            their_path = theirs().prove_inclusion(index + 1, size).path  # the leaf itself comes first
            assert path == their_path[1:]


def test_every_consistency_proof_up_to_a_size_holds() -> None:
    for new in (*range(1, 40), 63, 64, 65, 127, 128, 129, ALL):
        for old in range(new + 1):
            path = consistency_path(whole(new), old, new)
            check_consistency(old, root(old), new, root(new), path)


@given(st.data())
def test_proofs_of_random_trees_hold_and_changed_ones_do_not(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 700))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size - 1))
    path = inclusion_path(whole(size), index, size)
    leaf = whole(size).leaves[index]
    assert root_by_inclusion(leaf, index, size, path) == root(size)
    assert _proved(leaf_hash(b"another"), index, size, path) != root(size)
    changed = data.draw(st.sampled_from(_changes(path)))
    assert _proved(leaf, index, size, changed) != root(size)
    consistency = consistency_path(whole(size), old, size)
    check_consistency(old, root(old), size, root(size), consistency)
    for wrong in _changes(consistency):
        with pytest.raises(ProofError):
            check_consistency(old, root(old), size, root(size), wrong)
    with pytest.raises(ProofError):
        check_consistency(old, root(size), size, root(size), consistency)


def _changes(path: list[bytes]) -> list[list[bytes]]:
    """The path with a hash too few, too many, or another."""
    return [path[:-1], path[1:], [*path, path[-1]], [leaf_hash(b"x"), *path[1:]], [*path[:-1], leaf_hash(b"x")]]


def _proved(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    try:
        return root_by_inclusion(leaf, index, size, path)
    except ProofError:
        return None


@given(st.integers(0, 5000), st.integers(0, 12))
def test_a_frontier_grows_by_whole_subtrees_as_by_leaves(count: int, level: int) -> None:
    subtree = hashlib.sha256(b"%d" % level).digest()
    frontier = Frontier(count << level, tuple(hashlib.sha256(b"%d" % n).digest() for n in range(count.bit_count())))
    bigger, ended = frontier.grown(subtree, level)
    assert bigger.size == (count + 1) << level
    assert len(bigger.hashes) == bigger.size.bit_count()
    assert bigger.hashes[-1] == ended[-1] and ended[0] == subtree
    assert Frontier.read(bigger.size, bigger.joined()) == bigger


def test_two_leaves_make_a_node() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert complete_root([left, right]) == node_hash(left, right) == grown((left, right)).root()


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 4)])
def test_a_leaf_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(ProofError):
        root_by_inclusion(leaf_hash(b""), index, size, [])


@pytest.mark.parametrize(("old", "new"), [(3, 2), (-1, 2)])
def test_sizes_the_wrong_way_round_are_refused(old: int, new: int) -> None:
    with pytest.raises(ProofError):
        check_consistency(old, EMPTY_ROOT, new, EMPTY_ROOT, [])


def test_hashes_that_are_no_frontier_are_refused() -> None:
    with pytest.raises(ValueError, match="frontier"):
        Frontier.read(3, bytes(32))
