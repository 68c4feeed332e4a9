"""The synthesis of a dossier as a page shows it: chapters of lines, each with the documents that say it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from cda.synthesis.facts import Fact
from cda.synthesis.sections import HEADINGS
from dmp.synthese import Synthesis
from portal.documents import EVERYTHING, Line, lines


@dataclass(frozen=True, slots=True)
class Chapter:
    """Lines of one kind, under the headings of their table."""

    title: str
    headings: tuple[str, ...]
    lines: tuple[tuple[Fact, tuple[Line, ...]], ...]


def chapters(said: Synthesis) -> list[Chapter]:
    """The chapters that have lines."""
    documents = {each.unique_id: each for each in lines(said.documents, EVERYTHING)}
    return [
        Chapter(
            kind.value.display,
            HEADINGS[kind],
            tuple((line.fact, tuple(documents[each] for each in line.sources if each in documents)) for line in found),
        )
        for kind, found in groupby(said.lines, lambda line: line.fact.kind)
    ]
