"""What structured bodies are made of: sections, tables of the narrative, entries that point into them.

Source: HL7 CDA R2 §4.3; CI-SIS, Modèles de contenus CDA.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import count

from lxml import etree

from cda.builders.document import XSI, E, coded
from registry.metadata import Code
from schemas import oids

TYPE = f"{{{XSI}}}type"
COMPLETED = "completed"
SYSTEM_NAMES = {  # as the CI-SIS writes them
    oids.LOINC: "LOINC",
    oids.SNOMED_CT: "SNOMED CT",
    oids.CIM_10: "CIM-10",
    oids.TERMINOLOGY_ANS: "TA_ASIP",
    oids.CCAM: "CCAM",
    oids.CIS: "CIS",
    oids.EDQM_STANDARD_TERMS: "EDQM",
    oids.HL7_ACT_CODE: "HL7:ActCode",
}


@dataclass
class Numbers:
    """The identifiers of what is inside one document, one after the other: OIDs below its own."""

    oid: str
    _next: Iterator[int] = field(default_factory=lambda: count(1))

    def id(self) -> etree._Element:
        """The next one."""
        return E.id(root=f"{self.oid}.{next(self._next)}")


def section(
    roots: Sequence[str], code: Code, title: str, *content: etree._Element, identifier: etree._Element
) -> etree._Element:
    """A section; `content` is its text and entries, or the components inside."""
    return E.section(*templates(*roots), identifier, named("code", code), E.title(title), *content)


def templates(*roots: str) -> list[etree._Element]:
    """The templates that an element follows."""
    return [E.templateId(root=root) for root in roots]


def table(headings: Iterable[str], rows: Iterable[Sequence[str]], anchor: str, *, first: int = 0) -> etree._Element:
    """A table of the narrative block; the first cell of each row can be referred to as `anchor-number`."""
    body = (
        E.tr(E.td(E.content(row[0], ID=f"{anchor}-{number}")), *(E.td(cell) for cell in row[1:]))
        for number, row in enumerate(rows, first)
    )
    return E.table(E.thead(E.tr(*(E.th(heading) for heading in headings))), E.tbody(*body), border="0")


def named(name: str, code: Code, *children: etree._Element) -> etree._Element:
    """An element that is a code, with the name of its system where that is known."""
    made = coded(name, code, *children)
    if code.scheme in SYSTEM_NAMES:
        made.set("codeSystemName", SYSTEM_NAMES[code.scheme])
    return made


def value(code: Code, *children: etree._Element) -> etree._Element:
    """A value that is a code."""
    made = named("value", code, *children)
    made.set(TYPE, "CD")
    return made


def text_value(text: str) -> etree._Element:
    """A value that is text."""
    return E.value(text, **{TYPE: "ST"})


def boolean_value(said: bool) -> etree._Element:
    """A value that is yes or no."""
    return E.value(**{TYPE: "BL", "value": "true" if said else "false"})


def refers(anchor: str) -> etree._Element:
    """A text that is in the narrative."""
    return E.text(E.reference(value=f"#{anchor}"))


def original(anchor: str) -> etree._Element:
    """The text of a code, in the narrative."""
    return E.originalText(E.reference(value=f"#{anchor}"))


def since(start: date | None, stop: date | None = None, *, ended: bool = False) -> list[etree._Element]:
    """The bounds of a time; the end of what `ended` is said even when it is not known."""
    low = E.low(**_day(start))
    return [low, E.high(**_day(stop))] if ended or stop else [low]


def shown(day: date | None) -> str:
    """A day as people read it."""
    return f"{day:%d/%m/%Y}" if day else "-"


def simple_observation(
    root: str, code: Code, anchor: str, day: date, told: etree._Element, identifier: etree._Element, *more: str
) -> etree._Element:
    """An entry FR-Simple-Observation of a more precise template `root`."""
    return E.entry(
        E.observation(
            *templates(oids.TEMPLATE_PCC_SIMPLE_OBSERVATION, oids.TEMPLATE_FR_SIMPLE_OBSERVATION, root, *more),
            identifier,
            named("code", code),
            refers(anchor),
            E.statusCode(code=COMPLETED),
            E.effectiveTime(value=f"{day:%Y%m%d}"),
            told,
            classCode="OBS",
            moodCode="EVN",
        )
    )


def _day(day: date | None) -> dict[str, str]:
    return {"value": f"{day:%Y%m%d}"} if day else {"nullFlavor": "UNK"}
