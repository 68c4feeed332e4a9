"""An installed package: what is registered, how Schematrons are compiled, and the verdicts of the one of ANS."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from cda_vectors import FOLDER
from lxml import etree
from schematron import check
from test_validation_rules import BROKEN, NS

import cda.official.installing
from cda.official.installing import install, installed
from cda.official.package import Package, PackageError
from cda.official.saxon import SaxonError, SaxonProcess
from cda.official.verdicts import Official
from cda.validation.check import validate
from cda.validation.finding import Finding, Severity, Source
from cda.whole import read_whole
from schemas.xml import parse

pytest.importorskip("saxonche")

LETTER = (FOLDER / "discharge_letter.xml").read_bytes()
HEAD = '<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2" defaultPhase="all">'
NAMES = '<ns prefix="cda" uri="urn:hl7-org:v3"/><ns prefix="svs" uri="urn:ihe:iti:svs:2008"/>'
VALUES = '<R xmlns="urn:ihe:iti:svs:2008"><Concept code="N" codeSystem="1"/></R>'
# A package of our own, of every construct that those of ANS have.
PACKAGE = {
    "xsd/CDA_extended.xsd": '<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:hl7-org:v3">'
    '<element name="ClinicalDocument"><complexType/></element></schema>',
    "sch/profils/IHE.sch": f"{HEAD}{NAMES}</schema>",
    "sch/ASIP-STRUCT-MIN-StrucMin.sch": f"""{HEAD}<title>T</title>{NAMES}
      <include href="../Abstract/Dans.sch"/><include href="included one.sch"/>
      <phase id="all"><active pattern="a"/><active pattern="b"/><active pattern="c"/><active pattern="d"/></phase>
      <pattern id="a" is-a="dans"><param name="elt" value="cda:confidentialityCode"/>
        <param name="jdv" value="'../ailleurs/Niveaux.xml'"/></pattern>
      <pattern id="b">
        <let name="un" value="1"/>
        <rule abstract="true" id="base"><let name="ici" value="name(.)"/>
          <assert test="@code" role="warning">base <value-of select="$ici"/></assert></rule>
        <rule context="cda:languageCode"><extends rule="base"/><report test="@code" role="info">langue</report></rule>
        <rule context="cda:ClinicalDocument/cda:code | cda:languageCode">
          <assert test="$un = 2">first of two: <name/></assert></rule>
        <rule context="cda:ClinicalDocument/cda:code/@code"><assert test="false()">attribute</assert></rule>
      </pattern>
      <pattern id="d"><rule context="/cda:ClinicalDocument/cda:title">
        <assert test="doc('absent.xml')//x">missing</assert><assert test="false()">after</assert>
        <assert test="substring(//cda:id, 1) = ''">several</assert></rule></pattern>
      <pattern id="idle"><rule context="*"><assert test="false()">of no phase</assert></rule></pattern>
    </schema>""",
    "sch/included_One.sch": '<pattern xmlns="http://purl.oclc.org/dsdl/schematron" id="c"><rule context="cda:setId">'
    '<let name="nom" value="name(.)"/><assert test="$nom = &quot;x&quot;">included</assert></rule></pattern>',
    "abstract/dans.sch": '<pattern xmlns="http://purl.oclc.org/dsdl/schematron" id="dans" abstract="true">'
    '<rule context="$elt"><assert test="document($jdv)//svs:Concept[@code = \'R\']">'
    'pas dans <value-of select="$jdv"/></assert></rule></pattern>',
    "jeux/NIVEAUX.xml": VALUES,
    "LISEZMOI.txt": "not taken",
}  # fmt: skip


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source", PACKAGE)


@pytest.fixture
def official(source: Path, tmp_path: Path) -> Iterator[Official]:
    found = Official(install(source, tmp_path / "schemas"), tmp_path / "compiled")
    yield found
    found.close()


def rules(official: Official, document: bytes = LETTER) -> list[Finding]:
    return list(official.rule_findings(read_whole([document])))


def test_every_construct_of_a_schematron(official: Official) -> None:
    found = {(each.path, each.expected, each.severity) for each in rules(official)}
    assert found == {
        ("/ClinicalDocument/confidentialityCode", "pas dans ../ailleurs/Niveaux.xml", Severity.ERROR),
        ("/ClinicalDocument/languageCode", "langue", Severity.INFORMATION),
        ("/ClinicalDocument/code", "first of two: code", Severity.ERROR),
        ("/ClinicalDocument/code/@code", "attribute", Severity.ERROR),
        ("/ClinicalDocument/title", "after", Severity.ERROR),
        ("/ClinicalDocument/title", "doc('absent.xml')//x", Severity.INFORMATION),
        ("/ClinicalDocument/title", "substring(//cda:id, 1) = ''", Severity.INFORMATION),
        ("/ClinicalDocument/setId", "included", Severity.ERROR),
    }
    lines = LETTER.decode().splitlines()
    assert all(f"<{each.path.split('/')[2]}" in lines[each.line - 1] for each in rules(official))


def test_the_package_schema_is_asked_too(official: Official) -> None:
    (first, *_) = official.schema_findings(read_whole([LETTER]))
    assert (first.source, first.path) == (Source.OFFICIAL_SCHEMA, "/ClinicalDocument")


def test_stylesheets_are_compiled_once(official: Official) -> None:
    first = rules(official)
    kept = {path.name: path.stat().st_mtime_ns for path in official.cache.iterdir()}
    again = Official(official.package, official.cache)
    assert rules(again) == first
    assert {path.name: path.stat().st_mtime_ns for path in official.cache.iterdir()} == kept
    again.close()


def test_another_package_is_compiled_again(official: Official, source: Path, tmp_path: Path) -> None:
    before = official.package.digest
    write(source, {"jeux/NIVEAUX.xml": VALUES.replace('"N"', '"R"')})
    other = Official(install(source, tmp_path / "schemas"), official.cache)
    assert other.package.digest != before
    assert "pas dans ../ailleurs/Niveaux.xml" not in {each.expected for each in rules(other)}
    other.close()


def test_a_process_that_died_is_replaced(official: Official) -> None:
    first = rules(official)
    process = official.saxon._process
    assert process is not None
    process.kill()
    process.wait()
    (failed,) = rules(official)
    assert (failed.rule, failed.severity) == ("SAXON", Severity.WARNING)
    assert rules(official) == first


def test_a_process_that_takes_too_long_is_ended(official: Official) -> None:
    official.saxon = SaxonProcess(timeout=0.0)
    assert [each.rule for each in rules(official)] == ["SAXON"]


def test_a_process_is_replaced_when_it_has_grown(official: Official, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cda.official.saxon.MAX_MEGABYTES", 1)
    first = rules(official)
    assert official.saxon._process is None
    assert rules(official) == first


def test_a_package_without_an_included_file(official: Official) -> None:
    (official.package.folder / "sch" / "included_One.sch").unlink()
    broken = Official(Package(official.package.folder), official.cache)
    assert [each.rule for each in rules(broken)] == ["SAXON"]
    assert "included one.sch" in rules(broken)[0].found
    broken.close()


# --- Registering ------------------------------------------------------------------------------------------------------


def test_a_zip_file_and_a_folder_are_the_same(source: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for name, text in PACKAGE.items():
            archive.writestr(name, text)
    assert install(tmp_path / "p.zip", tmp_path / "a").digest == install(source, tmp_path / "b").digest
    found = installed(tmp_path / "a")
    assert found is not None and len(found.files) == len(PACKAGE) - 1
    assert installed(tmp_path / "nowhere") is None


@pytest.mark.parametrize("name", ["../out.sch", "/abs.sch", "a/../../out.sch", "c:out.sch", "..\\out.sch"])
def test_a_zip_file_stays_inside(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr(name, "<x/>")
    with pytest.raises(PackageError, match="intérieur"):
        install(tmp_path / "p.zip", tmp_path / "schemas")
    assert not (tmp_path / "out.sch").exists()


def test_what_is_no_package_leaves_the_one_before(source: Path, tmp_path: Path) -> None:
    before = install(source, tmp_path / "schemas").digest
    (tmp_path / "text.zip").write_bytes(b"no zip")
    for other in (tmp_path / "text.zip", write(tmp_path / "other", {"a.xml": "<a/>"}), write(tmp_path / "none", {})):
        other.mkdir(exist_ok=True) if not other.exists() else None
        with pytest.raises(PackageError):
            install(other, tmp_path / "schemas")
    found = installed(tmp_path / "schemas")
    assert found is not None and found.digest == before


def test_a_package_is_bounded(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cda.official.installing, "MAX_FILES", 2)
    with pytest.raises(PackageError, match="au plus 2"):
        install(source, tmp_path / "schemas")


def test_without_saxonche(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(SaxonError, match="saxonche"):
        SaxonProcess()


# --- The package of ANS -----------------------------------------------------------------------------------------------

# The value set of document types, which StrucMin reads, is not among the reference data.
NOT_EVALUATED = {"JDV-code"}


@pytest.fixture(scope="module")
def ans(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Official]:
    found = Official(Package(reference / "fr" / "cda"), tmp_path_factory.mktemp("compiled"))
    yield found
    found.close()


def official_errors(ans: Official, document: bytes) -> list[Finding]:
    whole = read_whole([document])
    found = [*ans.schema_findings(whole), *ans.rule_findings(whole)]
    assert "SAXON" not in {each.rule for each in found}
    return [each for each in found if each.severity is Severity.ERROR]


def never_stricter(ans: Official, document: bytes, name: str) -> None:
    """Our errors are errors of the official package."""
    if not validate([document]).conforms:
        assert official_errors(ans, document), name


def broken_letters(names: list[str]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        document = parse(LETTER)
        path, change = BROKEN[name]
        for element in document.xpath(path, namespaces=NS):
            change(element)
        yield name, etree.tostring(document)


@pytest.mark.reference
def test_what_some_of_our_rules_reject_the_official_ones_reject(ans: Official) -> None:
    assert official_errors(ans, LETTER) == []
    for name, document in broken_letters(sorted(set(BROKEN) - NOT_EVALUATED)[::4]):
        never_stricter(ans, document, name)


@pytest.mark.long
@pytest.mark.reference
def test_what_each_of_our_rules_rejects_the_official_ones_reject(ans: Official) -> None:
    for name, document in broken_letters(sorted(set(BROKEN) - NOT_EVALUATED)):
        never_stricter(ans, document, name)


@pytest.mark.long
@pytest.mark.reference
def test_no_example_is_rejected_by_us_alone(ans: Official, reference: Path) -> None:
    for path in sorted((reference / "fr" / "cda" / "examples").glob("*.xml")):
        never_stricter(ans, path.read_bytes(), path.name)


@pytest.mark.long
@pytest.mark.reference
def test_same_failures_as_another_engine(ans: Official, reference: Path) -> None:
    """The Schematrons of the models, run over XPath 2 in Python: each failure that it finds is one of ours."""
    for name, model in (("VSM_1.4_2022.01", "VSM"), ("LDL-SES_2022.01", "LDL-SES"), ("VAC_2023.01", "VAC")):
        document = parse((reference / "fr" / "cda" / "examples" / f"{name}.xml").read_bytes())
        for section in document.xpath("//c:section/c:templateId", namespaces=NS):
            section.set("root", "1.2.3")
        for event in document.xpath("//c:performer | //c:author/c:time", namespaces=NS):
            event.getparent().remove(event)
        data = etree.tostring(deepcopy(document))
        schema = ans.package.model(model, "2022.01")
        assert schema is not None
        other = check(schema, data)
        ours = {each.expected for each in rules(ans, data) if each.rule == schema.stem}
        assert set(other.failures) - ours == set() and other.failures
