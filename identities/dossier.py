"""A dossier: one patient's DMP, with the identifiers it ever had.

Source: Référentiel INS v2; CSP R.1111-26 to R.1111-40 (opening and closing).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from identities.demographics import (
    BIRTH_QUALIFIER,
    FAMILY,
    GIVEN,
    LEGAL_USE,
    NOTHING_SAID,
    PREFIX,
    SPOUSE_QUALIFIER,
    Demographics,
    Part,
    PersonName,
)
from identities.requester import PatientId


class DossierStatus(Enum):
    """Source: GIE SESAM-Vitale, TD0.2: patient statusCode active or terminated."""

    OPEN = "active"
    CLOSED = "terminated"
    MERGED = "merged"  # into another dossier: kept so that its history can be followed


@dataclass(frozen=True, slots=True)
class Traits:
    """The identity traits of the INS. `sex` is M, F or U; `birth_place` a COG code."""

    birth_family: str
    birth_given: str
    birth_date: date | None  # None: nobody said
    sex: str
    birth_place: str = ""
    used_family: str = ""
    used_given: str = ""
    birth_time: str = ""  # as a source said it, of any precision: YYYY[MM[DD[hhmm[ss]]]]
    demographics: Demographics = NOTHING_SAID

    @property
    def birth_text(self) -> str:
        """The birth date or time as a DTM; '' when nobody said."""
        return self.birth_time or (f"{self.birth_date:%Y%m%d}" if self.birth_date else "")

    @property
    def names(self) -> tuple[PersonName, ...]:
        """The names that a source said, the legal one first; else those of the INS."""
        if self.demographics.names:
            return self.demographics.names
        birth = _name(self.birth_family, self.birth_given, BIRTH_QUALIFIER, LEGAL_USE)
        used = _name(self.used_family, self.used_given)
        return tuple(name for name in (birth, used) if name.parts)

    @property
    def dmp_name(self) -> PersonName:
        """The name as the DMP writes it: prefix, given names, used name (SP), birth name (BR)."""
        prefixes = (part for name in self.demographics.names[:1] for part in name.parts if part.kind == PREFIX)
        parts = (
            *prefixes,
            Part(GIVEN, self.birth_given),
            Part(FAMILY, self.used_family or self.birth_family, SPOUSE_QUALIFIER),
            Part(FAMILY, self.birth_family, BIRTH_QUALIFIER),
        )
        return PersonName(tuple(part for part in parts if part.text))

    def over(self, former: Traits) -> Traits:
        """These traits where they say something, the former ones where they do not."""
        said, before = self.demographics, former.demographics
        named, born = (self if self.names else former), (self if self.birth_text else former)
        return Traits(
            birth_family=named.birth_family,
            birth_given=named.birth_given,
            birth_date=born.birth_date,
            sex=self.sex or former.sex,
            birth_place=self.birth_place or former.birth_place,
            used_family=named.used_family,
            used_given=named.used_given,
            birth_time=born.birth_time,
            demographics=Demographics(
                names=named.demographics.names,
                addresses=said.addresses or before.addresses,
                telecoms=said.telecoms or before.telecoms,
                mothers_maiden_name=said.mothers_maiden_name or before.mothers_maiden_name,
            ),
        )

    @property
    def born(self) -> date:
        """The birth date, for papers that must print it. Raises ValueError when nobody said."""
        if self.birth_date is None:
            raise ValueError("birth date: expected one, got none")
        return self.birth_date


@dataclass(frozen=True, slots=True)
class Dossier:
    """One DMP. `key` is internal and never leaves the house; `identifiers` has the current INS first."""

    key: str
    identifiers: tuple[PatientId, ...]
    traits: Traits
    status: DossierStatus
    opened: datetime
    closed: datetime | None = None
    closing_code: str = ""  # as TD1.4 had it: FERMETURE_DEMANDE_PATIENT ...
    closing_reason: str = ""
    attached_to_mes: bool = False  # to Mon espace santé, where the patient manages it
    deceased: bool = False
    emancipated: bool = False  # a minor who counts as an adult: Code civil, art. 413-6
    destruction_requested: datetime | None = None  # of a closed dossier, before its ten years are over

    @property
    def ins(self) -> PatientId:
        """The current identifier."""
        return self.identifiers[0]


def _name(family: str, given: str, qualifier: str = "", use: str = "") -> PersonName:
    said = (Part(FAMILY, family, qualifier), Part(GIVEN, given))
    return PersonName(tuple(part for part in said if part.text), use)
