"""Lines of a synthesis as sections of a CDA document: a table for people, an entry for programs, each with its source.

Source: HL7 CDA R2 §4.3.5 (narrative block: linkHtml), §4.3.8.16 (ExternalDocument).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from lxml import etree

from cda.builders.document import E
from cda.synthesis.facts import Kind
from cda.synthesis.lines import Line
from registry.hl7_types import is_oid
from registry.metadata import Code

HEADINGS: Mapping[Kind, tuple[str, ...]] = {
    Kind.PROBLEM: ("Problème", "Précisions", "Période", "Source"),
    Kind.ALLERGY: ("Agent", "Précisions", "Période", "Source"),
    Kind.TREATMENT: ("Traitement", "Posologie", "Période", "Source"),
    Kind.VACCINATION: ("Vaccin", "Précisions", "Date", "Source"),
    Kind.RESULT: ("Examen", "Résultat", "Date", "Source"),
}


def sections(
    lines: Sequence[Line],
    numbers: Mapping[str, int],
    anchor: Callable[[int], str],
    printable: Callable[[str], str],
    instance: Callable[[str, str], etree._Element],
) -> Iterator[etree._Element]:
    """A section for each kind. `numbers` are those of the documents in the list that `anchor` names the rows of."""
    numbered = enumerate(lines, start=1)
    for kind, found in groupby(numbered, lambda each: each[1].fact.kind):
        told = list(found)
        rows = [_row(number, line, numbers, anchor, printable) for number, line in told]
        yield E.section(
            _code("code", kind.value),
            E.title(kind.value.display),
            E.text(E.table(E.thead(E.tr(*map(E.th, HEADINGS[kind]))), E.tbody(*rows))),
            *(_entry(number, line, printable, instance) for number, line in told),
        )


def _row(
    number: int,
    line: Line,
    numbers: Mapping[str, int],
    anchor: Callable[[int], str],
    printable: Callable[[str], str],
) -> etree._Element:
    sources = [numbers[each] for each in line.sources if each in numbers]
    links = [E.linkHtml(f"Document {each}", href=f"#{anchor(each)}") for each in sources]
    for link in links[:-1]:
        link.tail = ", "
    fact = line.fact
    cells = (E.td(printable(each)) for each in (fact.label, fact.details, fact.period))
    return E.tr(*cells, E.td(*links), ID=_id(number))


def _entry(
    number: int, line: Line, printable: Callable[[str], str], instance: Callable[[str, str], etree._Element]
) -> etree._Element:
    """The line for a program: what it is about, and the documents that say it."""
    references = (
        E.reference(E.externalDocument(instance("id", each), classCode="DOC", moodCode="EVN"), typeCode="REFR")
        for each in line.sources
    )
    code, label = line.fact.code, printable(line.fact.label)
    coded = code is not None and is_oid(code.scheme) and re.fullmatch(r"[\x21-\x7e]{1,100}", code.code)
    named = (
        _code("code", Code(code.code, code.scheme, label))
        if code is not None and coded
        else E.code(E.originalText(label), nullFlavor="OTH")
    )
    told = E.text(E.reference(value=f"#{_id(number)}"))
    return E.entry(E.act(named, told, *references, classCode="ACT", moodCode="EVN"), typeCode="DRIV")


def _code(name: str, code: Code) -> etree._Element:
    label = {"displayName": code.display} if code.display else {}
    return E(name, code=code.code, codeSystem=code.scheme, **label)


def _id(number: int) -> str:
    return f"ligne-{number}"
