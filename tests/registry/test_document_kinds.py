"""Documents of the patient, and signatures, known by their metadata. Source: GIE SESAM-Vitale, EX_3.1-1040, TD2.1."""

from __future__ import annotations

from typing import Any

import pytest

from registry.document_kinds import is_patient_document, is_signature
from registry.metadata import Code
from schemas import oids
from schemas.value_sets import ValueSets
from tests.registry.samples import document

EXPRESSION = Code("EXP_PATIENT", oids.ROLE_NON_PS)


@pytest.mark.parametrize(
    "changes",
    [
        {"class_code": Code("90", oids.CLASSE_DOCUMENT)},
        {"type_code": Code("DOCPAT01", oids.TYPE_DOCUMENT)},
        {"healthcare_facility_type_code": EXPRESSION},
        {"practice_setting_code": EXPRESSION},
    ],
)
def test_one_mark_is_enough(changes: dict[str, Any]) -> None:
    assert is_patient_document(document(**changes))
    assert not is_signature(document(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"class_code": Code("90", "1.2.3")},
        {"type_code": Code("DOCPAT01", oids.LOINC)},
        {"type_code": Code("DOCPAT", oids.TYPE_DOCUMENT)},
    ],
)
def test_other_documents_are_the_professionals(changes: dict[str, Any]) -> None:
    assert not is_patient_document(document(**changes))


def test_every_type_that_is_deposited_by_the_patient_is_known() -> None:
    types = [concept for concept in ValueSets.load().concepts("type_document") if "déposé" in concept.label]
    assert len(types) > 5
    assert all(is_patient_document(document(type_code=Code(each.code, each.scheme))) for each in types)


@pytest.mark.parametrize("code", [oids.DSG_FORMAT_CODE, "urn:ihe:iti:dsg:detached:2014"])
def test_a_signature_is_known_by_its_format(code: str) -> None:
    assert is_signature(document(format_code=Code(code, "URN")))
    assert not is_signature(document())
