"""Headers damaged at random: what the official structuration minimale rejects, ours rejects, nearly all of it."""

from __future__ import annotations

import random
from copy import deepcopy
from pathlib import Path

import pytest
from lxml import etree

from cda.official.package import Package
from cda.official.verdicts import Official
from cda.validation.check import validate
from cda.validation.finding import Severity
from cda.whole import read_whole
from schemas.xml import parse

pytest.importorskip("saxonche")

SEED, MUTATIONS = 20261129, 200
MISSED = 0.05  # of what the official rules reject; value sets that are not at hand are most of it
LARGEST = 160_000  # bytes of an example
ATTRIBUTES = ("nullFlavor", "use", "code", "value", "extension", "root", "displayName", "codeSystem", "qualifier")
VALUES = ("R", "x", "1.2.3", "", "UNK", "20", "fr", "20240101", "tel:1")
COMPONENT = "{urn:hl7-org:v3}component"


def damaged(document: etree._Element, choose: random.Random) -> bytes | None:
    """The document with one change of its header; None where the change that was chosen makes none."""
    changed = deepcopy(document)
    element = choose.choice([each for top in changed if top.tag != COMPONENT for each in top.iter(etree.Element)])
    match choose.choice(("gone", "twice", "null", "emptied", "attribute gone", "attribute changed", "attribute new")):
        case "gone":
            element.getparent().remove(element)
        case "twice":
            element.addnext(deepcopy(element))
        case "null":
            element.set("nullFlavor", choose.choice(("UNK", "NA", "NAV", "MSK", "NASK", "NI")))
        case "emptied" if len(element) == 0 and (element.text or "").strip():
            element.text = None
        case "attribute gone" if element.attrib:
            del element.attrib[choose.choice(list(element.attrib))]
        case "attribute changed" if element.attrib:
            element.set(choose.choice(list(element.attrib)), choose.choice(VALUES))
        case "attribute new":
            element.set(choose.choice(ATTRIBUTES), choose.choice(VALUES))
        case _:
            return None
    return etree.tostring(changed)


@pytest.mark.long
@pytest.mark.reference
def test_nearly_all_that_the_official_rules_reject_of_headers_ours_reject(reference: Path, tmp_path: Path) -> None:
    official, choose = Official(Package(reference / "fr" / "cda"), tmp_path), random.Random(SEED)

    def rejected(content: bytes, part: str = "") -> bool:
        whole = read_whole([content])
        found = [*official.schema_findings(whole), *official.rule_findings(whole)]
        return any(each.severity is Severity.ERROR and part in each.rule for each in found)

    examples = (path.read_bytes() for path in sorted((reference / "fr" / "cda" / "examples").glob("*.xml")))
    sound = [parse(each) for each in examples if len(each) < LARGEST and validate([each]).conforms]
    refused, missed = 0, list[bytes]()
    for _ in range(MUTATIONS):
        content = damaged(choose.choice(sound), choose)
        if content is None:
            continue
        ours = not validate([content]).conforms
        if rejected(content, "StrucMin"):
            refused += 1
            missed += [] if ours else [content]
        else:
            assert not ours or rejected(content), "ours are never stricter"
    official.close()
    assert refused > MUTATIONS / 4
    assert len(missed) <= MISSED * refused
