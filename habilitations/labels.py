"""What the codes of a matrix are called, in French: professions, specialties, document types.

Source: ANS, TRE_G15, TRE_R38, TRE_G04 (schemas/tables/subject_role.csv), JDV_J07 and JDV_J66 (type_document.csv).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from schemas import oids
from schemas.value_sets import Concept, ValueSets

EVERY_TYPE = "*"
_EVERY_OTHER = "tout autre type"


@cache
def professions() -> Mapping[str, str]:
    """The health professions of the DMP: code of TRE_G15 -> label."""
    return {role.code: role.label for role in _roles() if role.scheme == oids.PROFESSION}


@cache
def specialties() -> Mapping[str, str]:
    """Their specialties and sections: code of TRE_R38 or TRE_G04 -> label."""
    return {role.code: role.label for role in _roles() if role.scheme not in (oids.PROFESSION, oids.ROLE_NON_PS)}


@cache
def document_types() -> Mapping[str, str]:
    """The document types of the DMP: typeCode -> label."""
    return {kind.code: kind.label for kind in ValueSets.load().concepts("type_document")}


def type_label(code: str) -> str:
    """The label of a typeCode, or of `*`; '' for a code that the table does not have."""
    return _EVERY_OTHER if code == EVERY_TYPE else document_types().get(code, "")


def role_label(code: str) -> str:
    """The label of a profession (TRE_G15) or of another role (TRE_A00); of a code that the table lacks, the code."""
    return next((role.label for role in _roles() if role.code == code), code)


def who_label(profession: str, specialite: str) -> str:
    """A profession and its specialty with their codes: `Médecin (10), Médecine du travail (SM) (SM25)`."""
    named = f"{professions().get(profession, '')} ({profession})"
    return f"{named}, {specialties().get(specialite, '')} ({specialite})" if specialite else named


def _roles() -> tuple[Concept, ...]:
    return ValueSets.load().concepts("subject_role")
