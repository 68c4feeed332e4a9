"""A report as text, JSON or SVRL: what people and programs read of a validation.

Source: ISO/IEC 19757-3 annex D (SVRL, the Schematron validation report language).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from lxml import etree
from lxml.builder import ElementMaker

from cda.document import HL7_V3
from cda.validation.check import Report
from cda.validation.finding import Finding, Severity

SVRL = "http://purl.oclc.org/dsdl/svrl"
_E = ElementMaker(namespace=SVRL, nsmap={"svrl": SVRL})
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 §2.2, Char
_STEP = re.compile(r"/(?=[^/@:]+(?:/|$))")  # before a name without prefix
_SPACES = {
    "cda": HL7_V3,
    "sdtc": "urn:hl7-org:sdtc",
    "pharm": "urn:ihe:pharm:medication",
    "lab": "urn:oid:1.3.6.1.4.1.19376.1.3.2",
    "ps3-20": "urn:dicom-org:ps3-20",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
_ROLES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFORMATION: "information"}


def verdict(report: Report) -> str:
    """The whole report in one line of French."""
    counted = Counter(finding.severity for finding in report.findings)
    said = [
        f"{number} {severity.value}{'s' if number > 1 else ''}"
        for severity in Severity
        if (number := counted[severity])
    ]
    model = f" ({report.model.label}, {report.model.name} {report.model.version}".rstrip() + ")" if report.model else ""
    return ("conforme" if report.conforms else "NON CONFORME") + model + (f" : {', '.join(said)}" if said else "")


def text_lines(name: str, report: Report) -> Iterator[str]:
    """The report as people read it in a terminal."""
    yield f"{name} : {verdict(report)}"
    for finding in report.findings:
        yield f"  {finding.severity.value}, ligne {finding.line} : {finding.path}"
        yield f"     règle    {finding.rule} ({finding.source.value} ; {finding.clause})"
        yield f"     attendu  {finding.expected}"
        yield f"     trouvé   {finding.found}"
        yield f"     remède   {finding.remedy}"


def json_value(name: str, report: Report) -> dict[str, Any]:
    """The report as a value for JSON."""
    model = report.model
    return {
        "file": name,
        "conforms": report.conforms,
        "model": {"name": model.name, "version": model.version, "template": model.template} if model else None,
        "findings": [_finding(each) for each in report.findings],
        "milliseconds": {part: round(taken * 1000, 1) for part, taken in report.seconds.items()},
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "source": finding.source.value,
        "rule": finding.rule,
        "clause": finding.clause,
        "path": finding.path,
        "line": finding.line,
        "expected": finding.expected,
        "found": finding.found,
        "severity": finding.severity.value,
        "remedy": finding.remedy,
    }


def svrl(name: str, report: Report) -> bytes:
    """The report as SVRL: one fired rule and failed assertion for each finding. Names of HL7 V3 have the prefix cda."""
    root = _E("schematron-output", title=_printable(f"Validation de {name}"), schemaVersion="ISO19757-3")
    root.extend(_E("ns-prefix-in-attribute-values", prefix=prefix, uri=space) for prefix, space in _SPACES.items())
    root.append(_E("active-pattern", name="CDA R2, CI-SIS"))
    for finding in report.findings:
        place = _printable(_STEP.sub("/cda:", finding.path))
        text = f"{finding.clause} : attendu {finding.expected} ; trouvé {finding.found}. {finding.remedy}"
        assertion = _E("failed-assert", _E("text", _printable(f"Ligne {finding.line}. {text}")), location=place)
        assertion.set("id", _printable(finding.rule))
        assertion.set("test", _printable(finding.expected))
        assertion.set("role", _ROLES[finding.severity])
        root.append(_E("fired-rule", context=place, id=_printable(finding.rule)))
        root.append(assertion)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _printable(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
