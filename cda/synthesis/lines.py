"""Facts of several documents as lines: the same thing once, as the newest document says it, with every document that
says it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cda.synthesis.facts import Fact, Kind


@dataclass(frozen=True, slots=True)
class Line:
    """A fact, and the uniqueIds of the documents that say it, the newest first."""

    fact: Fact
    sources: tuple[str, ...]


def gathered(told: Iterable[tuple[str, tuple[Fact, ...]]]) -> tuple[Line, ...]:
    """Lines by kind: what goes on before what is over, then the newest first. `told` is from the newest document on.

    That nothing is known is a line only where no document knows anything. Of a result the last one is told.
    """
    found: dict[tuple[Kind, tuple[str, ...]], list[tuple[Fact, str]]] = {}
    for unique_id, facts in told:
        for fact in facts:
            found.setdefault((fact.kind, fact.key), []).append((fact, unique_id))
    lines = [_line(each) for each in found.values()]
    known = {line.fact.kind for line in lines if not line.fact.nothing}
    kept = [line for line in lines if not line.fact.nothing or line.fact.kind not in known]
    kept.sort(key=lambda line: (line.fact.label, line.sources))
    kept.sort(key=lambda line: line.fact.since, reverse=True)
    kept.sort(key=lambda line: (list(Kind).index(line.fact.kind), line.fact.over))
    return tuple(kept)


def _line(told: list[tuple[Fact, str]]) -> Line:
    """What the newest document says; of results, the last one and where it stands."""
    first, _ = told[0]
    if first.kind is Kind.RESULT:
        last = max(told, key=lambda each: each[0].since)[0]
        return Line(last, tuple(dict.fromkeys(source for fact, source in told if fact.since == last.since)))
    return Line(first, tuple(dict.fromkeys(source for _, source in told)))
