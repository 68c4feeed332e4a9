"""The official Schematrons of the CI-SIS, run by Saxon: what documents written here are held to.

A schema is turned into one XSLT style sheet: includes and abstract patterns are written out, each pattern becomes a
mode, each rule a template. Value sets are found beside it, where the schemas look for them.
"""

from __future__ import annotations

import locale
import re
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import saxonche
from lxml import etree
from lxml.builder import ElementMaker

from schemas import xml

SCH = "{http://purl.oclc.org/dsdl/schematron}"
XSLT = "http://www.w3.org/1999/XSL/Transform"
MINIMUM = "profils/structurationMinimale/ASIP-STRUCT-MIN-StrucMin.sch"
PROFILES = ("profils/IHE.sch", "profils/CI-SIS_ModelesDeContenusCDA.sch", "profils/CI-SIS_Modeles_ANS.sch")


@cache
def _processor() -> saxonche.PySaxonProcessor:
    """Saxon, which takes the locale of the whole process with it: that is put back."""
    before = locale.setlocale(locale.LC_ALL)
    started = saxonche.PySaxonProcessor(license=False)
    locale.setlocale(locale.LC_ALL, before)
    return started


def faults(reference: Path, schema: str, document: bytes) -> list[str]:
    """The assertions of a schema that do not hold, each with the place; empty when all do."""
    node = _processor().parse_xml(xml_text=document.decode())
    said = _compiled(reference, schema).transform_to_string(xdm_node=node)
    return [" ".join(line.split()) for line in said.split("\ue01e") if line.strip()]


@cache
def _compiled(reference: Path, schema: str) -> saxonche.PyXsltExecutable:
    folder = reference / "fr" / "cda"
    home = Path(tempfile.mkdtemp(prefix="schematron-"))
    (home / "jeuxDeValeurs").symlink_to(folder / "jdv")
    place = home / "regles" / "regles.xsl"
    place.parent.mkdir()
    place.write_bytes(_style_sheet(folder / "schematron" / schema))
    return _processor().new_xslt30_processor().compile_stylesheet(stylesheet_file=str(place))


def _style_sheet(path: Path) -> bytes:
    root = _included(xml.parse(path.read_bytes()), path.parent)
    spaces = {each.get("prefix", ""): each.get("uri", "") for each in root.iter(f"{SCH}ns")}
    make = ElementMaker(namespace=XSLT, nsmap={**spaces, "xsl": XSLT})
    patterns = [each for each in root.iter(f"{SCH}pattern") if each.get("abstract") != "true"]
    abstract = {each.get("id"): each for each in root.iter(f"{SCH}pattern") if each.get("abstract") == "true"}
    active = {each.get("pattern") for each in root.iter(f"{SCH}active")}
    sheet = make.stylesheet(make.output(method="text"), version="3.0")
    starts = make.template(match="/")
    named = set()
    globals_ = [each for each in root if each.tag == f"{SCH}let"]
    for number, pattern in enumerate(patterns):
        if active and pattern.get("id") not in active:
            continue
        given = {each.get("name", ""): each.get("value", "") for each in pattern.iter(f"{SCH}param")}
        source = abstract[pattern.get("is-a")] if pattern.get("is-a") else pattern
        globals_ += [each for each in source if each.tag == f"{SCH}let"]
        rules = source.findall(f"{SCH}rule")
        mode = f"m{number}"
        sheet.append(make.mode(**{"name": mode, "on-no-match": "shallow-skip", "on-multiple-match": "use-last"}))
        starts.append(make("apply-templates", select="/", mode=mode))
        for place, rule in enumerate(rules):
            if rule.get("abstract") != "true":
                sheet.append(_template(make, rule, given, mode, len(rules) - place))
    for each in globals_:
        if each.get("name") not in named:
            named.add(each.get("name"))
            sheet.append(make.variable(name=each.get("name"), select=each.get("value")))
    sheet.append(starts)
    return etree.tostring(sheet)


def _template(
    make: ElementMaker, rule: etree._Element, given: Mapping[str, str], mode: str, priority: int
) -> etree._Element:
    """A rule: what it is about, its variables, and a line for each assertion that fails."""

    def filled(text: str) -> str:
        for name in sorted(given, key=len, reverse=True):
            text = text.replace(f"${name}", given[name])
        return text

    made = make.template(match=filled(rule.get("context", "")), mode=mode, priority=str(priority))
    for step in _steps(rule):
        if step.tag == f"{SCH}let":
            made.append(make.variable(name=step.get("name"), select=filled(step.get("value", ""))))
        else:
            test = filled(step.get("test", ""))
            wanted = f"not({test})" if step.tag == f"{SCH}assert" else test
            said = f"{' '.join(''.join(map(str, step.itertext())).split())} | "
            told = make("if", make.text(said), make("value-of", select="path(.)"), make.text("\ue01e"), test=wanted)
            made.append(make("try", told, make.catch(errors="*:FODC0002")))  # some value sets are not published
    made.append(make("apply-templates", select="@* | node()", mode=mode))
    return made


def _steps(rule: etree._Element) -> Iterator[etree._Element]:
    for step in rule:
        if step.tag == f"{SCH}extends":
            known = rule.getroottree().getroot().iter(f"{SCH}rule")
            yield from _steps(next(each for each in known if each.get("id") == step.get("rule")))
        elif step.tag in (f"{SCH}let", f"{SCH}assert", f"{SCH}report"):
            yield step


def _included(root: etree._Element, folder: Path) -> etree._Element:
    """The schema with what it includes written out. A file that is not there is left out."""
    for include in list(root.iter(f"{SCH}include")):
        path = folder / re.sub(r"\\", "/", include.get("href", ""))
        parent = include.getparent()
        if parent is None:
            continue
        if path.exists():
            parent.replace(include, _included(xml.parse(path.read_bytes()), path.parent))
        else:
            parent.remove(include)
    return root
