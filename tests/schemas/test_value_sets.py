"""The code tables: complete, traced, and what a domain accepts of them."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.metadata import Code
from schemas import domain, oids, value_sets
from schemas.value_sets import ValueSetError, ValueSets

TABLES = Path(value_sets.__file__).parent / "tables"
PROVENANCE = TABLES.parent / "PROVENANCE.toml"

VALUES = ValueSets.load()
FRENCH_DMP = domain.load("fr-dmp")

# ANS: an implant card and a style sheet; the second's class (99) is none of the DMP's.
TYPES_WITHOUT_CLASS = {"101881-1", "FEUILLE-DE-STYLE"}

SIGNATURE_CODES = [  # of the signature document of a DMP submission
    ("class_code", Code(oids.DSG_CLASS_CODE, "URN")),
    ("type_code", Code("E1762", "ASTM")),
    ("format_code", Code("http://www.w3.org/2000/09/xmldsig#", "URN")),
    ("confidentiality_codes", Code("N", oids.HL7_CONFIDENTIALITY)),
    ("confidentiality_codes", Code("MASQUE_PS", oids.CONFIDENTIALITE_CISIS)),
    ("confidentiality_codes", Code("INVISIBLE_PATIENT", oids.CONFIDENTIALITE_CISIS)),
]


def test_tables_are_read_once_and_cannot_change() -> None:
    assert ValueSets.load() is VALUES
    with pytest.raises(FrozenInstanceError):
        VALUES._classes = {}  # type: ignore[misc]
    with pytest.raises(TypeError):
        VALUES._tables["confidentiality"] = {}  # type: ignore[index]


def test_every_table_says_where_it_comes_from() -> None:
    provenance = tomllib.loads(PROVENANCE.read_text("utf-8"))
    assert {path.stem for path in TABLES.glob("*.csv")} == set(provenance)
    for path in TABLES.glob("*.csv"):
        assert path.read_text("utf-8").startswith("# Source: ")
        assert {"publisher", "source", "version", "date"} <= set(provenance[path.stem])


def test_every_table_of_the_french_domain_exists() -> None:
    named = {table for tables in FRENCH_DMP.codes.values() for table in tables}
    assert named <= VALUES.tables


def test_no_row_is_empty_or_written_twice() -> None:
    for table in VALUES.tables:
        with (TABLES / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(line for line in file if not line.startswith("#")))[1:]
        assert all(code and system and label for code, system, label in rows), table
        assert len({(code, system) for code, system, _ in rows}) == len(rows), table
        assert len(VALUES.concepts(table)) == len(rows)


def test_a_code_is_its_value_in_its_scheme() -> None:
    assert VALUES.contains("type_document", "34112-3", oids.LOINC)
    assert not VALUES.contains("type_document", "34112-3", oids.TYPE_DOCUMENT)
    assert VALUES.label("type_document", "34112-3", oids.LOINC) == "CR hospitalier (séjour)"
    assert VALUES.label("type_document", "34112-3", "2.999") == ""


@pytest.mark.parametrize(("attribute", "code"), SIGNATURE_CODES)
def test_the_signature_document_of_a_submission_is_accepted(attribute: str, code: Code) -> None:
    assert VALUES.is_code(FRENCH_DMP, attribute, code)


def test_types_have_a_class_of_the_dmp() -> None:
    without = {
        kind.code for kind in VALUES.concepts("type_document") if not VALUES.class_for_type(kind.code, kind.scheme)
    }
    assert without == TYPES_WITHOUT_CLASS
    class_code = VALUES.class_for_type("34112-3")
    assert class_code is not None
    assert (class_code.code, class_code.scheme, class_code.label) == ("10", oids.CLASSE_DOCUMENT, "Compte rendu")
    assert VALUES.class_for_type("34112-3", oids.TYPE_DOCUMENT) is None
    assert VALUES.class_for_type("no such type") is None


@pytest.mark.parametrize(
    ("media_type", "format_code"),
    [
        ("application/pdf", "urn:ihe:iti:xds-sd:pdf:2008"),
        ("text/plain", "urn:ihe:iti:xds-sd:text:2008"),
        ("image/jpeg", "urn:ihe:iti-fr:xds-sd:jpeg:2010"),
        ("text/rtf", "urn:ihe:iti-fr:xds-sd:rtf:2010"),
        ("image/tiff", "urn:ihe:iti-fr:xds-sd:tiff:2010"),
    ],
)
def test_level_1_formats_follow_the_media_type(media_type: str, format_code: str) -> None:
    found = VALUES.format_for_templates(
        [oids.TEMPLATE_HL7_FRANCE, oids.TEMPLATE_CISIS, oids.TEMPLATE_XDS_SD], media_type
    )
    assert found is not None
    assert (found.code, found.scheme) == (format_code, oids.IHE_FORMAT_CODE)


def test_the_last_template_with_a_format_decides() -> None:
    general, special = "1.3.6.1.4.1.19376.1.3.3", "1.2.250.1.213.1.1.1.36"
    assert _format([general, special]) == "urn:asip:ci-sis:hr:2019"
    assert _format([special, general]) == "urn:ihe:lab:xd-lab:2008"
    assert _format([special, "2.999"]) == "urn:asip:ci-sis:hr:2019"
    assert _format(["2.999"]) is None
    assert _format([oids.TEMPLATE_XDS_SD]) is None  # level 1 has a format of its media type only


def test_every_format_of_a_template_is_accepted() -> None:
    with (TABLES / "template_to_format.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(line for line in file if not line.startswith("#")))[1:]
    assert len(rows) > 80
    assert all(VALUES.is_code(FRENCH_DMP, "format_code", Code(code, system)) for _, _, code, system in rows)


@given(st.sampled_from(sorted(FRENCH_DMP.codes)), st.text(max_size=12), st.text(max_size=12))
def test_what_no_table_has_is_refused(attribute: str, code: str, scheme: str) -> None:
    tables = FRENCH_DMP.codes[attribute]
    expected = any(VALUES.contains(table, code, scheme) for table in tables)
    assert VALUES.is_code(FRENCH_DMP, attribute, Code(code, scheme)) is expected


def test_unknown_names_are_errors_and_not_refusals() -> None:
    with pytest.raises(ValueSetError, match=r"an attribute among .*type_code.*, got typeCode"):
        VALUES.is_code(FRENCH_DMP, "typeCode", Code("34112-3", oids.LOINC))
    with pytest.raises(ValueSetError, match=r"a table among .*, got types"):
        VALUES.contains("types", "34112-3", oids.LOINC)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the tables, to be spoilt."""
    for path in TABLES.glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(value_sets, "_FOLDER", tmp_path)
    value_sets._load.cache_clear()
    yield tmp_path
    value_sets._load.cache_clear()


@pytest.mark.parametrize(
    ("table", "content", "expected"),
    [
        ("confidentiality", "code;system;label\n", "confidentiality.csv with the columns code, system, label"),
        ("confidentiality", "", "confidentiality.csv with the columns"),
        ("confidentiality", "code,system,label\nN,2.16\n", "3 columns in every row of confidentiality.csv"),
        ("type_to_class", "code,system,class_code,class_system\nX,Y,77,Z\n", "a code of classe_document, got 77"),
    ],
)
def test_a_table_out_of_shape_is_said(folder: Path, table: str, content: str, expected: str) -> None:
    (folder / f"{table}.csv").write_text(content, "utf-8")
    with pytest.raises(ValueSetError, match=expected):
        ValueSets.load()


@pytest.mark.reference
@pytest.mark.parametrize(
    ("table", "source"),
    [
        ("author_specialty", "JDV_J01_XdsAuthorSpecialty_CISIS.csv"),
        ("healthcare_facility_type", "JDV_J02_XdsHealthcareFacilityTypeCode_CISIS.csv"),
        ("practice_setting", "JDV_J04_XdsPracticeSettingCode_CISIS.csv"),
        ("confidentiality", "JDV_J08_XdsConfidentialityCode_CISIS.csv"),
        ("classe_document", "TRE_A03_ClasseDocument.csv"),
    ],
)
def test_tables_equal_the_published_ones(reference: Path, table: str, source: str) -> None:
    published = _published(reference, source)
    ours = {(concept.code, concept.scheme): concept.label for concept in VALUES.concepts(table)}
    assert ours == {(row["code"], row["codeSystem"]): row["displayName"] for row in published}


@pytest.mark.reference
def test_types_and_their_classes_cover_the_published_ones(reference: Path) -> None:
    for row in _published(reference, "JDV_J07_XdsTypeCode_CISIS.csv"):
        assert VALUES.label("type_document", row["code"], row["codeSystem"]) == row["displayName"]
    for row in _published(reference, "ASS_X16_typeCode_classCode_DMP.csv"):
        found = VALUES.class_for_type(row["typeCode"], row["typeCode_system"])
        assert found is not None
        assert found.code == row["classCode"]


@pytest.mark.reference
def test_formats_cover_the_published_ones(reference: Path) -> None:
    for row in _published(reference, "ASS_A11_templateId_formatCode.csv"):
        template, _, media_type = row["templateId"].partition(" + ")
        found = VALUES.format_for_templates([template], media_type)
        assert found is not None
        assert (found.code, found.scheme) == (row["formatCode"], row["formatCode_system"])


def _published(reference: Path, name: str) -> list[dict[str, str]]:
    with (reference / "fr" / "terminology" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _format(templates: list[str]) -> str | None:
    found = VALUES.format_for_templates(templates)
    return found.code if found else None
