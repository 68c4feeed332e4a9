"""Validating one document: read, held to the XSD, then to the rules; how long each took.

The rules are applied to documents that break the schema, too: whoever mends a document wants to know everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from cda.validation.body_rules import body_findings
from cda.validation.code_rules import code_findings
from cda.validation.finding import Finding, Severity, Source, quoted
from cda.validation.header_rules import HEADER
from cda.validation.models import Model, model_findings, model_of
from cda.validation.party_rules import PARTY_RULES, party_findings
from cda.validation.rule import broken
from cda.validation.schema import schema_findings
from cda.validation.value_rules import VALUE_RULES, value_findings
from cda.whole import UnreadableError, Whole, read_whole

MAX_FINDINGS = 1000  # of one document and source


@dataclass(frozen=True, slots=True)
class Report:
    """What is wrong with one document. `seconds` says how long each part took, by name."""

    findings: tuple[Finding, ...]
    model: Model | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def conforms(self) -> bool:
        """Whether no finding is an error."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)


Check = Callable[[Whole], Iterable[Finding]]


def validate(chunks: Iterable[bytes], *, more: dict[str, Check] | None = None) -> Report:
    """Everything that is wrong with the document of `chunks`; `more` are checks beside ours, by name.

    A document that cannot be read has one finding, which says where it stops being one.
    """
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    try:
        whole = read_whole(chunks)
    except UnreadableError as error:
        seconds["lecture"] = time.perf_counter() - started
        return Report((_unreadable(error),), None, seconds)
    seconds["lecture"] = time.perf_counter() - started
    found: list[Finding] = []
    for name, check in {"XSD": schema_findings, "règles": rule_findings, **(more or {})}.items():
        started = time.perf_counter()
        found += sorted(islice(check(whole), MAX_FINDINGS), key=lambda each: each.line)
        seconds[name] = time.perf_counter() - started
    return Report(tuple(found), model_of(whole), seconds)


def rule_findings(whole: Whole) -> Iterator[Finding]:
    """What our rules say: header, codes, body, sections of the model."""
    yield from broken(HEADER, whole)
    yield from broken(PARTY_RULES, whole)
    yield from party_findings(whole)
    yield from broken(VALUE_RULES, whole)
    yield from value_findings(whole)
    yield from code_findings(whole)
    yield from body_findings(whole)
    yield from model_findings(whole)


def _unreadable(error: UnreadableError) -> Finding:
    return Finding(
        source=Source.READING,
        rule="LECTURE",
        clause="XML 1.0 ; CI-SIS, Structuration minimale",
        path=error.path,
        line=error.line,
        expected=error.expected,
        found=quoted(error.got),
        severity=Severity.ERROR,
        remedy="Fournir un document XML bien formé, sans DTD, dont un ClinicalDocument est la racine ou le contenu.",
    )
