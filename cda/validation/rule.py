"""A rule as data: which elements it is about, what must hold of each, how to mend it. Rules are XPath 1.0 over HL7 V3.

Source: ISO/IEC 19757-3 (Schematron), whose notion of a rule this is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from lxml import etree

from cda.document import HL7_V3
from cda.validation.finding import Finding, Severity, Source, quoted
from cda.whole import Whole

_NAMESPACES = {
    "c": HL7_V3,
    "sdtc": "urn:hl7-org:sdtc",
    "lab": "urn:oid:1.3.6.1.4.1.19376.1.3.2",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "re": "http://exslt.org/regular-expressions",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """`context` is a path from ClinicalDocument ('.' for itself), `test` holds in it, `found` says what is there."""

    name: str
    clause: str
    context: str
    test: str
    expected: str
    remedy: str
    found: str = ""
    severity: Severity = Severity.ERROR


def once(name: str, clause: str, context: str, child: str, remedy: str) -> Rule:
    """Exactly one such child, which has a value."""
    shown = child.replace("c:", "")
    counted = f"count({child}[not(@nullFlavor)])"
    return Rule(name, clause, context, f"{counted} = 1", f"un {shown}, sans nullFlavor", remedy, f"string({counted})")


def at_most_once(name: str, clause: str, context: str, child: str) -> Rule:
    """No more than one such child."""
    shown = child.replace("c:", "")
    return Rule(
        name,
        clause,
        context,
        f"count({child}) <= 1",
        f"au plus un {shown}",
        f"Ne garder qu'un {shown}.",
        f"string(count({child}))",
    )


def attributes(name: str, clause: str, context: str, *names: str) -> Rule:
    """Each of these attributes on every such element."""
    test = " and ".join(f"@{each}" for each in names)
    shown = ", ".join(f"@{each}" for each in names)
    missing = "concat(" + ", ".join(f"substring('@{each} ', 1 div boolean(@{each}))" for each in names) + ", '')"
    return Rule(name, clause, context, test, shown, f"Renseigner {shown}.", f"normalize-space({missing})")


def broken(rules: Iterable[Rule], whole: Whole) -> Iterator[Finding]:
    """A finding for each element of which one of the rules does not hold."""
    for rule in rules:
        for element in _compiled(rule.context)(whole.clinical_document):
            if not _compiled(f"boolean({rule.test})")(element):
                yield finding(rule, whole, element, str(_compiled(rule.found)(element)) if rule.found else "")


def finding(rule: Rule, whole: Whole, element: etree._Element, found: str) -> Finding:
    """What is told of one element that breaks a rule."""
    return Finding(
        source=Source.RULES,
        rule=rule.name,
        clause=rule.clause,
        path=whole.path(element),
        line=whole.line(element),
        expected=rule.expected,
        found=quoted(found) or "rien",
        severity=rule.severity,
        remedy=rule.remedy,
    )


def selected(path: str, whole: Whole) -> list[etree._Element]:
    """The elements at a path from ClinicalDocument."""
    return list(_compiled(path)(whole.clinical_document))


@cache
def _compiled(path: str) -> etree.XPath:
    return etree.XPath(path, namespaces=_NAMESPACES)
