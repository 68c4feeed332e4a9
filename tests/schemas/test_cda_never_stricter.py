"""Documents of the CI-SIS changed in one place of their header: what our rules reject, the official package rejects."""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from cda_mutations import MUTATIONS
from lxml import etree

from cda.official.package import Package
from cda.official.verdicts import Official
from cda.validation.check import validate
from cda.validation.finding import Severity, Source
from cda.validation.schema import schema_findings
from cda.whole import UnreadableError, Whole, read_whole
from schemas.xml import parse

pytest.importorskip("saxonche")

V3 = "{urn:hl7-org:v3}"
LONGEST = 110_000  # bytes of an example
REJECTED = 250  # documents that our rules must have rejected
COMPARED = 120  # documents that structuration minimale must have rejected
SHARE = 0.75  # of these, how many our rules reject, too: all but what is rare, or about one data type


@pytest.fixture(scope="module")
def ans(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Official]:
    found = Official(Package(reference / "fr" / "cda"), tmp_path_factory.mktemp("compiled"))
    yield found
    found.close()


class Minimal(Official):
    """Structuration minimale alone, whatever model a document follows."""

    def applicable(self, whole: Whole) -> tuple[Path, ...]:
        assert self.package.minimal is not None
        return (self.package.minimal,)


def changed(documents: list[etree._Element], chance: random.Random) -> bytes:
    """One of the documents with one change, in its header or in the templates of its body."""
    root = deepcopy(chance.choice(documents))
    document = next(root.iter(f"{V3}ClinicalDocument"))
    *header, body = document.iterchildren(etree.Element)
    elements = [each for part in header for each in part.iter(etree.Element)]
    elements += [body, *body.iter(f"{V3}templateId")]
    chance.choice(MUTATIONS)(chance.choice(elements), elements, chance)
    return etree.tostring(root)


@pytest.mark.long
@pytest.mark.reference
def test_what_our_rules_reject_the_official_package_rejects(ans: Official, reference: Path) -> None:
    files = sorted((reference / "fr" / "cda" / "examples").glob("*.xml"))
    documents = [parse(path.read_bytes()) for path in files if path.stat().st_size < LONGEST]
    chance, rejected = random.Random(1), 0
    while rejected < REJECTED:
        data = changed(documents, chance)
        report = validate([data])
        sources = {each.source for each in report.findings if each.severity is Severity.ERROR}
        if sources != {Source.RULES} or all(each.rule == "JDV-code" for each in report.findings):
            continue  # its value set is not among the reference data
        rejected += 1
        whole = read_whole([data])
        official = (*ans.schema_findings(whole), *ans.rule_findings(whole))
        assert any(each.severity is Severity.ERROR for each in official), report.findings


@pytest.mark.long
@pytest.mark.reference
def test_most_of_what_structuration_minimale_rejects_our_rules_reject(
    ans: Official, reference: Path, tmp_path: Path
) -> None:
    files = sorted((reference / "fr" / "cda" / "examples").glob("*.xml"))
    documents = [parse(path.read_bytes()) for path in files if path.stat().st_size < LONGEST]
    minimal, chance, verdicts = Minimal(ans.package, tmp_path), random.Random(2), list[bool]()
    while len(verdicts) < COMPARED:
        data = changed(documents, chance)
        try:
            whole = read_whole([data])
        except UnreadableError:
            continue
        if list(schema_findings(whole)):
            continue
        if any(each.severity is Severity.ERROR for each in minimal.rule_findings(whole)):
            verdicts.append(not validate([data]).conforms)
    minimal.close()
    assert sum(verdicts) / len(verdicts) >= SHARE
