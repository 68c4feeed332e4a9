"""The tree of the records held to the stored and signed roots, run by run, and what must have been done to it.

Where a stored root and the records below it differ, either may be the forged one: both are followed, until a signed
root, or at the end `audit_head`, says which it was. Found and not resolved is found all the same.

Source: RFC 9162 §2.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from audit.evidence import Evidence
from audit.findings import Finding, Kind
from audit.merkle import Frontier, complete_root
from audit.tables import LEVELS, RUN

MOST = 16  # possibilities followed at once

Leaves = Sequence[bytes | None]


@dataclass(frozen=True, slots=True)
class Run:
    """The leaves from index × RUN on, as records give them and as they were stored; None where there is no record."""

    index: int
    computed: Leaves
    stored: Leaves

    @property
    def first(self) -> int:
        """The sequence number of its first record."""
        return self.index * RUN + 1


@dataclass(frozen=True, slots=True)
class _Possibility:
    tree: Frontier
    findings: tuple[Finding, ...] = ()


class Judge:
    """Takes the runs of a log in order."""

    def __init__(self, evidence: Evidence) -> None:
        self.findings: list[Finding] = []
        self._evidence = evidence
        self._signed = sorted(size for size in evidence.roots if size)
        self._next = 0  # of _signed
        self._nodes = dict(evidence.nodes)
        self._possible = [_Possibility(Frontier())]
        self._trusted = 0  # size of the last signed root that the records lead to
        self._failing = 0  # size of the first that they do not

    def take(self, run: Run) -> None:
        """The next run, of RUN leaves but for the last."""
        versions = [[leaf for leaf in each if leaf is not None] for each in (run.computed, run.stored)]
        versions = [each for each in versions if len(each) == len(run.computed)]
        if versions[1:] == versions[:1]:
            del versions[1:]
        count = len(run.computed)
        marks = [size - run.first + 1 for size in self._signed_up_to(run.first + count - 1)]
        parts = [_parts(leaves, [*marks, count]) for leaves in versions] if marks or count < RUN else []
        for mark in marks:
            if mark < RUN:
                trees = [[_joined(each.tree, part[mark]) for part in parts] for each in self._possible]
                self._compare(run.first - 1 + mark, run.index, trees)
        if count == RUN:
            self._grow(run, versions)
            if RUN in marks:
                self._compare(run.first - 1 + RUN, run.index, [[each.tree] for each in self._possible])
        else:
            self._possible = [
                _Possibility(_joined(each.tree, part[count]), each.findings)
                for each in self._possible
                for part in parts
            ]

    def finish(self, size: int) -> bytes | None:
        """Compares with `audit_head`, after `size` records; the root over them, where it can be known."""
        evidence = self._evidence
        ends = max(evidence.size, evidence.sealed)
        if size < ends:
            self.findings.append(Finding(Kind.TRUNCATED, size + 1, ends))
        if size > evidence.size:
            self.findings.append(Finding(Kind.INSERTED, evidence.size + 1, size))
        chosen = [each for each in self._possible if each.tree == evidence.frontier] or self._possible
        if size == evidence.size and self._possible and chosen[0].tree != evidence.frontier:
            self.findings.append(Finding(Kind.HEAD, size, size))
        if self._failing:
            self._rewritten()
        if self._trusted < min(size, evidence.sealed):
            self.findings.append(Finding(Kind.UNPROVEN, self._trusted + 1, min(size, evidence.sealed)))
        if chosen:
            self.findings += min(chosen, key=lambda each: len(each.findings)).findings
        for level, index in self._nodes:
            first = (index << level) + 1 if level in LEVELS else 0
            if not size < first <= ends:  # else it went with its records
                self.findings.append(Finding(Kind.NODE, first, first, f"node {level}/{index}"))
        return chosen[0].tree.root() if chosen else None

    def _signed_up_to(self, last: int) -> list[int]:
        start = self._next
        while self._next < len(self._signed) and self._signed[self._next] <= last:
            self._next += 1
        return self._signed[start : self._next]

    def _compare(self, size: int, run: int, trees: list[list[Frontier]]) -> None:
        """Keeps the possibilities that lead to the signed root of that size, if any does."""
        if not any(trees):
            return
        roots = self._evidence.roots[size]
        kept = [
            each
            for each, possible in zip(self._possible, trees, strict=True)
            if any(roots == {tree.root()} for tree in possible)
        ]
        if kept:
            self._possible = [_Possibility(each.tree) for each in kept[:1]]
            self._settle(kept[0].findings)
            self._trusted, self._failing = size, 0
        elif not self._failing:
            self._failing = size
        elif run > (self._failing - 1) // RUN:
            self._rewritten()
            self._possible = []  # of what follows, the tree can say nothing

    def _settle(self, findings: tuple[Finding, ...]) -> None:
        """What a signed root shows to be so. A signed root that is passed over must be explained by it."""
        if self._failing and not any(each.kind is Kind.REWRITTEN for each in findings):
            self._rewritten()
        self.findings += findings

    def _rewritten(self) -> None:
        self.findings.append(Finding(Kind.REWRITTEN, self._trusted + 1, self._failing))
        self._trusted, self._failing = self._failing, 0

    def _grow(self, run: Run, versions: list[list[bytes]]) -> None:
        node = self._nodes.pop((LEVELS[0], run.index), None)
        name, last = f"node {LEVELS[0]}/{run.index}", run.first + RUN - 1
        roots: dict[bytes, tuple[Finding, ...]] = {}
        for leaves in versions:
            root = complete_root(leaves)
            roots[root] = () if root == node else (Finding(Kind.NODE, run.first, last, name),)
        if node is not None and node not in roots:
            roots[node] = () if None in run.computed else (self._rewritten_run(run, last),)
        grown = [self._grown(each, root, added) for each in self._possible for root, added in roots.items()]
        self._possible = grown if len(grown) <= MOST else [*grown[: MOST // 2], *grown[-MOST // 2 :]]
        for level in LEVELS[1:]:
            if not (run.index + 1) * RUN % (1 << level):
                self._nodes.pop((level, ((run.index + 1) * RUN >> level) - 1), None)

    def _rewritten_run(self, run: Run, last: int) -> Finding:
        """Of a run that is not what its root was made of, the part that signed roots leave open."""
        failing = self._failing if run.first <= self._failing <= last else last
        return Finding(Kind.REWRITTEN, max(run.first, self._trusted + 1), failing)

    def _grown(self, possibility: _Possibility, root: bytes, added: tuple[Finding, ...]) -> _Possibility:
        tree, ended = possibility.tree.grown(root, LEVELS[0])
        return _Possibility(tree, (*possibility.findings, *added, *self._higher(tree.size, ended)))

    def _higher(self, size: int, ended: tuple[bytes, ...]) -> Iterator[Finding]:
        for level in LEVELS[1:]:
            if level - LEVELS[0] < len(ended):
                index = (size >> level) - 1
                if self._nodes.get((level, index)) != ended[level - LEVELS[0]]:
                    yield Finding(Kind.NODE, (index << level) + 1, size, f"node {level}/{index}")


def _parts(leaves: Sequence[bytes], counts: Sequence[int]) -> dict[int, Frontier]:
    """The tree of the first so many leaves, for each count in ascending order."""
    part, found = Frontier(), dict[int, Frontier]()
    for count in counts:
        for leaf in leaves[part.size : count]:
            part, _ = part.grown(leaf)
        found[count] = part
    return found


def _joined(tree: Frontier, part: Frontier) -> Frontier:
    """With the tree of some leaves, no whole run of them, behind whole runs."""
    return Frontier(tree.size + part.size, (*tree.hashes, *part.hashes))
