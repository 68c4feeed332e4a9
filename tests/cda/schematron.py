"""A small Schematron runner over XPath 2, enough for the official rules of the CI-SIS.

Patterns that instantiate an abstract one, and assertions that read another document, are left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import elementpath
from lxml import etree

from schemas import xml

_SCH = "{http://purl.oclc.org/dsdl/schematron}"


@dataclass
class Outcome:
    """What a run found: how many assertions held, which did not, how many were left out."""

    held: int = 0
    left_out: int = 0
    failures: list[str] = field(default_factory=list)


def check(schema: Path, document: bytes) -> Outcome:
    """Every rule of `schema` on every element that it is about."""
    outcome = Outcome()
    parse, rules = _load(schema)
    tree = elementpath.get_node_tree(xml.parse(document).getroottree())

    def evaluate(path: str, **scope: object) -> object:
        return parse(path).get_results(elementpath.XPathContext(tree, **scope))

    for rule in rules:
        context = rule.get("context", "")
        path = context if context.startswith("/") else f"//{context}"
        for node in list(parse(path).select(elementpath.XPathContext(tree))):
            _apply(rule, node, evaluate, outcome)
    return outcome


@cache
def _load(schema: Path) -> tuple[Callable[[str], elementpath.XPathToken], list[etree._Element]]:
    """The parser of the schema's paths, each parsed once, and its rules."""
    root = xml.parse(schema.read_bytes())
    namespaces = {ns.get("prefix"): ns.get("uri") for ns in root.iter(f"{_SCH}ns")}
    parse = cache(elementpath.XPath2Parser(namespaces).parse)
    return parse, [rule for rule in _rules(root, schema.parent) if "$" not in rule.get("context", "$")]


def _rules(element: etree._Element, folder: Path) -> Iterator[etree._Element]:
    for child in element:
        if child.tag == f"{_SCH}include" and (folder / child.get("href")).exists():
            included = xml.parse((folder / child.get("href")).read_bytes())
            yield from [included] if included.tag == f"{_SCH}rule" else _rules(included, folder)
        elif child.tag == f"{_SCH}rule" and child.get("abstract") != "true":
            yield child
        elif child.tag == f"{_SCH}pattern":
            yield from _rules(child, folder)


def _apply(rule: etree._Element, node: object, evaluate: Callable[..., object], outcome: Outcome) -> None:
    variables: dict[str, object] = {}
    for step in rule.iter(f"{_SCH}let", f"{_SCH}assert"):
        try:
            if step.tag == f"{_SCH}let":
                variables[step.get("name", "")] = evaluate(step.get("value", ""), item=node, variables=variables)
            elif evaluate(f"boolean({step.get('test')})", item=node, variables=variables):
                outcome.held += 1
            else:
                outcome.failures.append(" ".join("".join(step.itertext()).split()))
        except (elementpath.ElementPathError, OSError):
            outcome.left_out += 1
