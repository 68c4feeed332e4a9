"""The verdicts of an installed package on a document: its XSD and its Schematrons, told as our own findings are.

The place of each is the same path and line that our findings have, so that both can be read side by side.

Source: ISO/IEC 19757-3 (failed assertions); XPath 3.1 fn:path (places).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from itertools import islice
from pathlib import Path

from lxml import etree

from cda.official.package import Package, PackageError
from cda.official.saxon import Asked, SaxonError, SaxonProcess
from cda.official.schematron import OWN, Stylesheet, compile_schema
from cda.validation.check import Check
from cda.validation.finding import Finding, Severity, Source, quoted
from cda.validation.models import model_of
from cda.validation.schema import violations
from cda.whole import Whole
from schemas import xml

COMPILER = "1"  # a stylesheet made by another version of the compiler is made again
_STRUCTURED = "{urn:hl7-org:v3}component/{urn:hl7-org:v3}structuredBody"
_STEP = re.compile(r"Q\{([^}]*)\}([^\[/]+)\[([0-9]+)\]|@(?:Q\{([^}]*)\})?([^/]+)")
_ROLES = {
    "warning": Severity.WARNING,
    "warn": Severity.WARNING,
    "info": Severity.INFORMATION,
    "information": Severity.INFORMATION,
}


@dataclass
class Official:
    """A package with its compiled stylesheets, which are kept in the folder `cache`."""

    package: Package
    cache: Path
    saxon: SaxonProcess = field(default_factory=SaxonProcess)

    def schema_findings(self, whole: Whole) -> tuple[Finding, ...]:
        """What the package's XSD does not allow."""
        schema = self._xsd
        return () if schema is None else violations(schema, whole, Source.OFFICIAL_SCHEMA)

    def rule_findings(self, whole: Whole) -> Iterator[Finding]:
        """What the Schematrons that the document must obey do not hold of it; one finding where Saxon fails."""
        compiled = []
        for schema in self.applicable(whole):
            try:
                compiled.append((schema, *self._compiled(schema)))
            except PackageError as error:
                yield _not_run(str(error), whole)
        text = etree.tostring(whole.clinical_document, encoding="unicode", with_tail=False)
        try:
            reports = self.saxon.reports(text, [asked for _, asked, _ in compiled])
        except SaxonError as error:
            yield _not_run(str(error), whole)
            return
        for (schema, _, stylesheet), report in zip(compiled, reports, strict=True):
            for element in xml.parse(report.encode()):
                yield _finding(element, stylesheet, schema, whole)

    @property
    def checks(self) -> dict[str, Check]:
        """Both, by the names under which a report has them."""
        return {"XSD officiel": self.schema_findings, "schématrons officiels": self.rule_findings}

    def applicable(self, whole: Whole) -> tuple[Path, ...]:
        """The Schematrons of the package that a document must obey: all documents', the profiles', its model's."""
        found = [self.package.minimal]
        if whole.clinical_document.find(_STRUCTURED) is not None:
            found += self.package.profiles
            model = model_of(whole)
            if model is not None:
                found.append(self.package.model(model.name, model.version))
        return tuple(path for path in found if path is not None)

    def close(self) -> None:
        """Ends the Saxon process."""
        self.saxon.close()

    @cached_property
    def _xsd(self) -> etree.XMLSchema | None:
        return None if self.package.schema is None else etree.XMLSchema(file=str(self.package.schema))

    def _compiled(self, schema: Path) -> tuple[Asked, Stylesheet]:
        """The stylesheet of a Schematron, from the cache or made now."""
        name = schema.relative_to(self.package.folder).as_posix()
        digest = sha256(f"{COMPILER}\0{self.package.digest}\0{name}".encode()).hexdigest()[:32]
        text, facts = self.cache / f"{digest}.xsl", self.cache / f"{digest}.json"
        if facts.is_file():
            kept = json.loads(facts.read_text("utf-8"))
            stylesheet = Stylesheet("", tuple(kept["files"]), tuple(kept["roles"]), tuple(kept["tests"]))
        else:
            stylesheet = compile_schema(self.package, schema)
            kept = {"files": stylesheet.files, "roles": stylesheet.roles, "tests": stylesheet.tests}
            self.cache.mkdir(parents=True, exist_ok=True)
            _write(text, stylesheet.text)
            _write(facts, json.dumps(kept))
        files = {each.lower(): str(self.package.find(each)) for each in stylesheet.files}
        return Asked(text, files), stylesheet


def _write(path: Path, text: str) -> None:
    """A file as a whole: another process may be reading it, or writing the same."""
    written = path.with_name(f"{path.name}.{os.getpid()}")
    written.write_text(text, "utf-8")
    written.replace(path)


def _finding(element: etree._Element, stylesheet: Stylesheet, schema: Path, whole: Whole) -> Finding:
    number = int(element.get("number", "0"))
    node, attribute = _place(element.get("path", ""), whole)
    message = " ".join("".join(element.itertext()).split())
    broken = element.tag == f"{{{OWN}}}broken"
    return Finding(
        source=Source.OFFICIAL_RULES,
        rule=schema.stem,
        clause=f"{schema.name}, assertion {number + 1}",
        path=whole.path(node) + attribute,
        line=whole.line(node),
        expected=quoted(stylesheet.tests[number]) if broken else message,
        found=f"assertion non évaluée : {quoted(message)}" if broken else _brief(node),
        severity=Severity.INFORMATION if broken else _ROLES.get(stylesheet.roles[number], Severity.ERROR),
        remedy="Compléter le paquet officiel." if broken else "Voir le volet du CI-SIS.",
    )


def _brief(element: etree._Element) -> str:
    """The start tag of an element."""
    attributes = "".join(f' {etree.QName(name).localname}="{value}"' for name, value in element.attrib.items())
    return quoted(f"<{etree.QName(element).localname}{attributes}>")


def _place(path: str, whole: Whole) -> tuple[etree._Element, str]:
    """The element that a path of Saxon leads to, and the attribute where it is one of its."""
    element = whole.clinical_document
    for step in list(_STEP.finditer(path))[1:]:
        space, name, number, of, attribute = step.groups()
        if attribute is not None:
            return element, f"/@{'xsi:' if of else ''}{attribute}"
        tag = f"{{{space}}}{name}" if space else name
        child = next(islice(element.iterchildren(tag), int(number) - 1, None), None)
        if child is None:
            break
        element = child
    return element, ""


def _not_run(said: str, whole: Whole) -> Finding:
    return Finding(
        source=Source.OFFICIAL_RULES,
        rule="SAXON",
        clause="schématrons du paquet officiel",
        path=whole.path(whole.clinical_document),
        line=whole.line(whole.clinical_document),
        expected="les verdicts des schématrons officiels",
        found=quoted(said),
        severity=Severity.WARNING,
        remedy="Vérifier que saxonche est installé et que le paquet est entier ; recommencer.",
    )
