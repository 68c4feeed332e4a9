"""A Schematron of query binding XSLT 2 as an XSLT 3 stylesheet, for Saxon to run.

Of every node the first rule of a pattern that is about it fires. Includes are read, abstract patterns and rules
expanded, and only the patterns of the default phase are kept. Every failure comes out as one element with the path of
its node. An assertion that cannot be evaluated (a value set that is not there, an expression out of order) says so and
stops nothing.

Source: ISO/IEC 19757-3:2016 §5 (syntax), §6 (semantics), annex C (query binding); XSLT 3.0 §8.3 (xsl:try).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from lxml import etree
from lxml.builder import ElementMaker

from cda.official.package import Package, PackageError
from schemas import xml

SCH = "http://purl.oclc.org/dsdl/schematron"
XSL = "http://www.w3.org/1999/XSL/Transform"
OWN = "urn:open-dmp:schematron"
_PREFIXES = {
    "xsl": XSL,
    "own": OWN,
    "map": "http://www.w3.org/2005/xpath-functions/map",
    "xs": "http://www.w3.org/2001/XMLSchema",
    "err": "http://www.w3.org/2005/xqt-errors",
}
_S = f"{{{SCH}}}"
_DOC = re.compile(r"(?<![\w:.-])(?:document|doc)\(")
_DOC_AVAILABLE = re.compile(r"(?<![\w:.-])doc-available\(")
_FILE = re.compile(r"['\"]([^'\"]*\.xml)['\"]", re.IGNORECASE)
_MAX_INCLUDES = 5000


@dataclass(frozen=True, slots=True)
class Stylesheet:
    """What Saxon runs. `files` are the value sets that it reads; `roles` and `tests` those of its assertions."""

    text: str
    files: tuple[str, ...]
    roles: tuple[str, ...]
    tests: tuple[str, ...]


def compile_schema(package: Package, schema: Path) -> Stylesheet:
    """The stylesheet of one Schematron. Raises PackageError for what is no Schematron or includes what is not there."""
    return _Compiler(package, schema).stylesheet()


class _Compiler:
    """One Schematron on its way."""

    def __init__(self, package: Package, schema: Path) -> None:
        self._package = package
        self._included = 0
        self._schema = self._read(schema)
        if self._schema.tag != f"{_S}schema":
            raise PackageError(f"{schema.name} : attendu un Schematron (sch:schema)")
        self._spaces = {ns.get("prefix", ""): ns.get("uri", "") for ns in self._schema.iterchildren(f"{_S}ns")}
        self._abstract = {
            rule.get("id"): rule for rule in self._schema.iter(f"{_S}rule") if rule.get("abstract") == "true"
        }
        self._called: dict[str, etree._Element] = {}  # abstract rules that others extend
        self._files: dict[str, None] = {}
        self._roles: list[str] = []
        self._tests: list[str] = []
        self._x = ElementMaker(namespace=XSL, nsmap={**_PREFIXES, **self._spaces})
        self._o = ElementMaker(namespace=OWN)

    def stylesheet(self) -> Stylesheet:
        x = self._x
        root = x.stylesheet(version="3.0")
        root.append(x.output(method="xml", **{"omit-xml-declaration": "yes"}))
        root.append(x.param(name="own:files", select="map{}", **{"as": "map(xs:string, document-node())"}))
        root.extend(self._documents())
        root.extend(self._let(each) for each in self._schema.iterchildren(f"{_S}let"))
        body = x.template(self._o.report(), match="/")
        report = body[0]
        for number, pattern in enumerate(self._active()):
            root.extend(self._pattern(pattern, f"own:p{number}", report))
        root.append(body)
        root.extend(self._called.values())
        text = etree.tostring(root, encoding="unicode")
        return Stylesheet(text, tuple(self._files), tuple(self._roles), tuple(self._tests))

    # --- The schema as a whole

    def _read(self, path: Path) -> etree._Element:
        """A file of the package with everything it includes."""
        try:
            root = xml.parse(path.read_bytes())
        except xml.XmlError as error:
            raise PackageError(f"{path.name} : attendu du XML bien formé ; {error.got}") from None
        for include in list(root.iter(f"{_S}include")):
            self._included += 1
            found = self._package.find(include.get("href", ""), path.parent)
            if found is None or found.suffix.lower() != ".sch" or self._included > _MAX_INCLUDES:
                raise PackageError(f"{path.name} : attendu le fichier {include.get('href')}, absent du paquet")
            parent = include.getparent()
            if parent is not None:
                parent.replace(include, self._read(found))
        return root

    def _active(self) -> Iterator[etree._Element]:
        """The patterns of the default phase, abstract ones expanded."""
        phase = self._schema.get("defaultPhase")
        wanted = None
        for each in self._schema.iterchildren(f"{_S}phase"):
            if each.get("id") == phase:
                wanted = {active.get("pattern") for active in each.iterchildren(f"{_S}active")}
        patterns = list(self._schema.iter(f"{_S}pattern"))
        abstract = {each.get("id"): each for each in patterns if each.get("abstract") == "true"}
        for each in patterns:
            if each.get("abstract") == "true" or (wanted is not None and each.get("id") not in wanted):
                continue
            base = each.get("is-a")
            if base is None:
                yield each
            elif base in abstract:
                yield _instance(abstract[base], each)
            else:
                raise PackageError(f"{self._schema.get('schemaVersion')} : attendu le pattern abstrait {base}, absent")

    def _documents(self) -> list[etree._Element]:
        """Value sets by the name of their file: `doc('...')` means one that the package has."""
        x = self._x
        name = "lower-case(tokenize(string($name), '/')[last()])"
        one = x.function(x.param(name="name"), x.sequence(select=f"map:contains($own:files, {name})"), name="own:has")
        error = f"error(xs:QName('own:missing'), concat('fichier absent du paquet : ', {name}))"
        found = f"for $name in $names return if (own:has($name)) then $own:files({name}) else {error}"
        return [one, x.function(x.param(name="names"), x.sequence(select=found), name="own:doc")]

    # --- Patterns and rules

    def _pattern(self, pattern: etree._Element, mode: str, report: etree._Element) -> Iterator[etree._Element]:
        """The templates of a pattern; `report` receives what applies them."""
        rules = [each for each in pattern.iter(f"{_S}rule") if each.get("abstract") != "true" and each.get("context")]
        yield from (self._let(each) for each in pattern.iterchildren(f"{_S}let"))
        if not rules:
            return
        x = self._x
        if len(rules) == 1 and "|" not in (context := self._expression(rules[0].get("context", ""))):
            nodes = context if context.startswith("/") else f"//({context})"
            report.append(x("for-each", *self._rule(rules[0]), select=nodes))
            return
        nodes = "//(*|@*)" if any("@" in _last_step(each.get("context", "")) for each in rules) else "//*"
        report.append(x("apply-templates", select=nodes, mode=mode))
        yield x.template(match="node()|@*", mode=mode, priority="-1")
        for number, rule in enumerate(rules):
            match = self._expression(rule.get("context", ""))
            yield x.template(*self._rule(rule), match=match, mode=mode, priority=str(len(rules) - number))

    def _rule(self, rule: etree._Element) -> Iterator[etree._Element]:
        for each in rule.iterchildren(etree.Element):
            if each.tag == f"{_S}extends":
                yield from self._extended(each.get("rule", ""), rule)
            elif each.tag == f"{_S}let":
                yield self._let(each)
            elif each.tag in (f"{_S}assert", f"{_S}report"):
                yield self._assertion(each)

    def _extended(self, name: str, rule: etree._Element) -> Iterator[etree._Element]:
        """What an abstract rule adds: a call, or all of it where `rule` uses a variable of the abstract one."""
        base = self._abstract.get(name)
        if base is None:
            raise PackageError(f"attendu la règle abstraite {name}, absente du paquet")
        own = " ".join(str(value) for each in rule.iterdescendants(etree.Element) for value in each.attrib.values())
        if any(f"${let.get('name')}" in own for let in base.iterchildren(f"{_S}let")):
            yield from self._rule(base)
            return
        if name not in self._called:
            self._called[name] = self._x.template(name=f"own:r{len(self._called)}")
            self._called[name].extend(self._rule(base))
        yield self._x("call-template", name=self._called[name].get("name", ""))

    def _assertion(self, assertion: etree._Element) -> etree._Element:
        x, number = self._x, str(len(self._tests))
        is_report = assertion.tag == f"{_S}report"
        self._roles.append(assertion.get("role") or ("information" if is_report else "error"))
        self._tests.append(" ".join(assertion.get("test", "").split()))
        test = self._expression(assertion.get("test", ""))
        failed = self._o.failed(number=number, path="{path(.)}")
        failed.extend(self._message(assertion))
        broken = self._o.broken(x("value-of", select="$err:description"), number=number, path="{path(.)}")
        condition = f"boolean({test})" if is_report else f"not({test})"
        return x("try", x("if", failed, test=condition), x("catch", broken, errors="*"))

    def _message(self, node: etree._Element) -> Iterator[etree._Element]:
        """The text of an assertion, with what it quotes of the document."""
        x = self._x
        if node.text and node.text.strip():
            yield x.text(node.text)
        for each in node:
            if each.tag == f"{_S}value-of":
                yield x("value-of", select=self._expression(each.get("select", "''")))
            elif each.tag == f"{_S}name":
                yield x("value-of", select=f"name({self._expression(each.get('path', '.'))})")
            elif isinstance(each.tag, str):
                yield from self._message(each)
            if each.tail and each.tail.strip():
                yield x.text(each.tail)

    def _let(self, let: etree._Element) -> etree._Element:
        return self._x.variable(name=let.get("name", ""), select=self._expression(let.get("value", "''")))

    def _expression(self, text: str) -> str:
        """An expression with its value sets taken from the package."""
        for name in _FILE.findall(text):
            found = self._package.find(name)
            if found is not None:
                self._files[found.name] = None
        return _DOC_AVAILABLE.sub("own:has(", _DOC.sub("own:doc(", text))


def _instance(abstract: etree._Element, pattern: etree._Element) -> etree._Element:
    """An abstract pattern with the parameters of `pattern` in their places. Source: ISO/IEC 19757-3 §5.5.4, annex C."""
    found = deepcopy(abstract)
    parameters = {each.get("name", ""): each.get("value", "") for each in pattern.iterchildren(f"{_S}param")}
    if not parameters:
        return found
    names = re.compile(rf"\$({'|'.join(map(re.escape, sorted(parameters, key=len, reverse=True)))})(?![\w.-])")
    for element in found.iter(etree.Element):
        for name, value in element.attrib.items():
            element.set(name, names.sub(lambda match: parameters[match[1]], value))
    return found


def _last_step(context: str) -> str:
    """The end of a path, without its predicates: whether a rule is about attributes."""
    return re.sub(r"\[[^\[\]]*\]", "", re.sub(r"\[[^\[\]]*\]", "", context)).rpartition("/")[2]
