"""Codes of the header that must be of a value set, and the tables of ours that hold those value sets.

Source: CI-SIS, volet Structuration minimale: jeux de valeurs JDV_J01, J02, J04, J07 and of HL7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cda.validation.finding import Finding
from cda.validation.rule import Rule, finding, selected
from cda.whole import Whole
from schemas import oids
from schemas.value_sets import ValueSets

_ENTITY = "c:assignedEntity/c:code"
_SETTING = "c:representedOrganization/c:standardIndustryClassCode"


@dataclass(frozen=True, slots=True)
class _Coded:
    """Elements whose code is one of a table of ours, by its code alone as the official rules have it."""

    rule: Rule
    table: str


def _coded(name: str, context: str, table: str, shown: str) -> _Coded:
    rule = Rule(
        f"JDV-{name}",
        f"Structuration minimale, {shown}",
        context,
        "true()",
        f"un code de {shown}",
        "Choisir un code de ce jeu de valeurs.",
    )
    return _Coded(rule, table)


VALUE_SETS = (
    _coded("code", "c:code[@code]", "type_document", "JDV_J07-XdsTypeCode-CISIS"),
    _coded(
        "auteur",
        "c:author/c:assignedAuthor/c:code[@code]",
        "author_specialty",
        "JDV_J01-XdsAuthorSpecialty-CISIS",
    ),
    _coded(
        "responsable",
        f"c:legalAuthenticator[c:signatureCode[@code = 'S']]/{_ENTITY}[@code]",
        "author_specialty",
        "JDV_J01-XdsAuthorSpecialty-CISIS",
    ),
    _coded(
        "cadre",
        f"c:documentationOf/c:serviceEvent/c:performer[@typeCode = 'PRF']/c:assignedEntity/{_SETTING}[@code]",
        "practice_setting",
        "JDV_J04-XdsPracticeSettingCode-CISIS",
    ),
    _coded(
        "structure",
        "c:componentOf/c:encompassingEncounter/c:location/c:healthCareFacility/c:code[@code]",
        "healthcare_facility_type",
        "JDV_J02-XdsHealthcareFacilityTypeCode-CISIS",
    ),
)
# Short lists, typed here. Source: HL7 AdministrativeGender as of JDV_J143; Confidentiality; JDV_J142, J140, J141, J144.
_LISTS: tuple[tuple[_Coded, frozenset[str]], ...] = (
    (
        _coded(
            "sexe",
            "c:recordTarget/c:patientRole/c:patient/c:administrativeGenderCode[@code]",
            "",
            "JDV_J143-AdministrativeGender-CISIS",
        ),
        frozenset({"M", "F", "UN"}),
    ),
    (
        _coded("confidentialite", "c:confidentialityCode[@code]", "", f"Confidentiality ({oids.HL7_CONFIDENTIALITY})"),
        frozenset({"N", "R", "V", "L", "M", "U"}),
    ),
    (
        _coded("rencontre", "c:componentOf/c:encompassingEncounter/c:code[@code]", "", "JDV_J142-TypeRencontre-CISIS"),
        frozenset({"IMP", "EMER", "AMB", "FLD", "HH", "VR", "EXTERNE", "SEANCE"}),
    ),
)


def code_findings(whole: Whole, tables: ValueSets | None = None) -> Iterator[Finding]:
    """Each code of the header that is not one of its value set."""
    tables = tables or ValueSets.load()
    known = [(coded, frozenset(each.code for each in tables.concepts(coded.table))) for coded in VALUE_SETS]
    for coded, codes in (*known, *_LISTS):
        for element in selected(coded.rule.context, whole):
            code = element.get("code", "")
            if code not in codes:
                yield finding(coded.rule, whole, element, f"{code} ({element.get('codeSystem', '')})")
