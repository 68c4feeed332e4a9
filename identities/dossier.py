"""A dossier: one patient's DMP, with the identifiers it ever had.

Source: Référentiel INS v2; CSP R.1111-26 to R.1111-40 (opening and closing).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from identities.requester import PatientId


class DossierStatus(Enum):
    """Source: GIE SESAM-Vitale, TD0.2: patient statusCode active or terminated."""

    OPEN = "active"
    CLOSED = "terminated"


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
    closing_reason: str = ""

    @property
    def ins(self) -> PatientId:
        """The current identifier."""
        return self.identifiers[0]
