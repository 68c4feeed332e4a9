"""One thing that is wrong with a document, or worth knowing: which rule says so, where, and how to mend it.

What people read is in French. A finding quotes the document (a code, a date, a name of an element): it goes to whoever
has the document, and into no log.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MAX_QUOTED = 120  # characters of the document in one finding


class Severity(Enum):
    """What follows from a finding: a document with an error does not conform."""

    ERROR = "erreur"
    WARNING = "avertissement"
    INFORMATION = "information"


class Source(Enum):
    """Who says so."""

    READING = "lecture"  # the bytes are no document
    SCHEMA = "schéma"  # our XSD
    RULES = "règles"  # our rules and value sets
    OFFICIAL_SCHEMA = "schéma officiel"  # of an installed package
    OFFICIAL_RULES = "schématron officiel"


@dataclass(frozen=True, slots=True)
class Finding:
    """`path` is an XPath from ClinicalDocument on, where names without prefix are of HL7 V3; `line` counts from 1."""

    source: Source
    rule: str
    clause: str
    path: str
    line: int
    expected: str
    found: str
    severity: Severity
    remedy: str


def quoted(text: str) -> str:
    """A text of the document on one line, not too long."""
    text = " ".join(text.split())
    return text if len(text) <= MAX_QUOTED else f"{text[: MAX_QUOTED - 1]}…"
