"""Our XSDs of CDA R2: what they accept and refuse, by themselves and beside the official ones."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from cda_instances import FOLDER, HL7, XSD_SPACE, instance, qualified, types
from cda_mutations import SPACES, TYPE, mutated, swept
from lxml import etree

from schemas.xml import parse
from tests.conftest import ROOT

PROBE = "urn:probe"
CLINICAL_DOCUMENT = f"{{{HL7}}}ClinicalDocument"
VECTORS = sorted((ROOT / "tests" / "vectors" / "cda").glob("*.xml"))
NAMES = [(space, name) for space in SPACES for name in types().names(space)]
MUTATED = 1000


@cache
def ours() -> etree.XMLSchema:
    return etree.XMLSchema(file=str(FOLDER / "cda.xsd"))


@cache
def official(reference: Path) -> etree.XMLSchema:
    return etree.XMLSchema(file=str(reference / "fr" / "cda" / "xsd" / "CDA_extended.xsd"))


@cache
def probing(schema: Path) -> etree.XMLSchema:
    """A schema with an element of its own for each type of ours, as that schema declares the type."""
    prefixes = {space: f"n{number}" for number, space in enumerate(SPACES)}
    declared = "".join(f' xmlns:{prefix}="{space}"' for space, prefix in prefixes.items())
    imports = f'<xsd:import namespace="{HL7}" schemaLocation="{schema.as_uri()}"/>' + "".join(
        f'<xsd:import namespace="{space}"/>' for space in SPACES if space != HL7
    )
    elements = "".join(f'<xsd:element name="{prefixes[s]}.{name}" type="{prefixes[s]}:{name}"/>' for s, name in NAMES)
    text = f'<xsd:schema xmlns:xsd="{XSD_SPACE}"{declared} targetNamespace="{PROBE}">{imports}{elements}</xsd:schema>'
    return etree.XMLSchema(parse(text.encode()))


def probe(space: str, name: str, *, full: bool) -> etree._Element:
    return instance(space, name, f"{{{PROBE}}}n{SPACES.index(space)}.{name}", full=full)


def documents(files: list[Path]) -> dict[str, etree._Element]:
    """The ClinicalDocument of each, whatever stands around it."""
    found = {}
    for path in files:
        document = next(parse(path.read_bytes()).iter(CLINICAL_DOCUMENT))
        found[path.name] = parse(etree.tostring(document, with_tail=False))
    return found


# --- By themselves ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [path.name for path in VECTORS])
def test_our_vectors_are_valid(name: str) -> None:
    (document,) = documents([path for path in VECTORS if path.name == name]).values()
    ours().assertValid(document)


def test_every_type_holds_what_it_declares() -> None:
    schema = probing(FOLDER / "cda.xsd")
    for space, name in NAMES:
        for full in (False, True):
            schema.assertValid(probe(space, name, full=full))
    assert len(NAMES) > 400


def changed(old: str, new: str) -> etree._Element:
    """The lab report of our vectors with one text in the place of another."""
    text = (ROOT / "tests" / "vectors" / "cda" / "lab_report.xml").read_text("utf-8")
    assert old in text
    return parse(text.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('<realmCode code="FR"/>', "<realm/>"),
        ('extension="POCD_HD000040"', ""),
        ("<title>", '<title mediaType="text/html">'),
        ("<title>", "<subtitle/><title>"),
        ("</ClinicalDocument>", "<custodian/></ClinicalDocument>"),
        ("<effectiveTime value=", '<effectiveTime nullFlavor="XYZ" value='),
        ("<recordTarget>", '<recordTarget typeCode="AUT">'),
    ],
)
def test_what_is_not_of_the_standard(old: str, new: str) -> None:
    assert not ours().validate(changed(old, new))


def test_what_the_standard_does_not_ask_for() -> None:
    assert ours().validate(changed('<realmCode code="FR"/>', ""))


# --- Beside the official ones -----------------------------------------------------------------------------------------


@pytest.mark.reference
def test_same_verdict_on_every_example(reference: Path) -> None:
    found = documents(sorted((reference / "fr" / "cda" / "examples").glob("*.xml")))
    assert len(found) == 54
    for name, document in {**found, **documents(VECTORS)}.items():
        assert ours().validate(document), name
        assert official(reference).validate(document), name


def compare_mutations(reference: Path, seed: int, number: int, longest: int) -> Counter[bool]:
    """As many documents, each changed in one place; which one and where follows from the seed."""
    chance, found = random.Random(seed), documents(sorted((reference / "fr" / "cda" / "examples").glob("*.xml")))
    small = [document for document in found.values() if len(etree.tostring(document)) < longest]
    verdicts = Counter[bool]()
    for turn in range(number):
        root = mutated(chance.choice(small), chance)
        verdict = official(reference).validate(root)
        assert ours().validate(root) is verdict, (seed, turn, told(reference))
        verdicts[verdict] += 1
    return verdicts


def told(reference: Path) -> list[str]:
    return [str(error) for schema in (ours(), official(reference)) for error in list(schema.error_log)[:2]]


@pytest.mark.reference
def test_same_verdict_on_mutated_documents(reference: Path) -> None:
    verdicts = compare_mutations(reference, 1, MUTATED, 150_000)
    assert verdicts[True] > 100 and verdicts[False] > 500


@pytest.mark.long
@pytest.mark.reference
def test_same_verdict_on_very_many_mutated_documents(reference: Path) -> None:
    compare_mutations(reference, 2, 30 * MUTATED, 2_000_000)


def verdicts_on(space: str, name: str, reference: Path, *, every_name: bool) -> Counter[bool]:
    """Every single change of an instance of one type."""
    schemas = probing(FOLDER / "cda.xsd"), probing(reference / "fr" / "cda" / "xsd" / "CDA_extended.xsd")
    found = Counter[bool]()
    for full in (False, True):
        element = probe(space, name, full=full)
        for _ in swept(element, every_name=every_name):
            own, other = (schema.validate(element) for schema in schemas)
            assert own is other, (name, own, etree.tostring(element).decode())
            found[own] += 1
    return found


@pytest.mark.reference
def test_same_verdict_on_changes_of_every_type(reference: Path) -> None:
    found = sum((verdicts_on(space, name, reference, every_name=False) for space, name in NAMES), Counter[bool]())
    assert found[True] > 1000 and found[False] > 10_000


@pytest.mark.long
@pytest.mark.reference
def test_same_verdict_on_every_single_change_of_every_type(reference: Path) -> None:
    for space, name in NAMES:
        verdicts_on(space, name, reference, every_name=True)


def compare_retyped(reference: Path, step: int) -> int:
    """An element of each type that says it is of another, and holds what that one must; each `step`-th of them."""
    schemas = probing(FOLDER / "cda.xsd"), probing(reference / "fr" / "cda" / "xsd" / "CDA_extended.xsd")
    accepted = 0
    for space, name, other in islice(((*of, other) for of in NAMES for other in types().names(HL7)), 0, None, step):
        element = instance(HL7, other, f"{{{PROBE}}}n{SPACES.index(space)}.{name}", full=False)
        element.set(TYPE, qualified(element, HL7, other))
        own, official_one = (schema.validate(element) for schema in schemas)
        assert own is official_one, etree.tostring(element).decode()
        accepted += own
    return accepted


@pytest.mark.reference
def test_same_verdict_on_types_by_name(reference: Path) -> None:
    assert compare_retyped(reference, 37) > 5


@pytest.mark.long
@pytest.mark.reference
def test_same_verdict_on_every_type_by_every_name(reference: Path) -> None:
    assert compare_retyped(reference, 1) > 300
