"""Professionals and structures, as the directory knows them.

An extraction of the Annuaire Santé deletes nothing: what it no longer lists is inactive from then on.

Source: Annuaire Santé (RPPS, FINESS); CI-SIS, PS_IdNat and Struct_IdNat.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from identities.requester import Authentication
from schemas import oids

_SPECIALTY_CLAIMED = frozenset({"10", "21"})  # TRE_G15, médecin and pharmacien: VIHF, second subject:role


class Origin(Enum):
    """Who wrote a row last. A full extraction of the Annuaire Santé ends its own rows, never the operator's."""

    OPERATOR = "operator"
    ANNUAIRE = "annuaire"


@dataclass(frozen=True, slots=True)
class Structure:
    """An establishment, practice or laboratory. `modes` are the indirect authentications it was approved for."""

    structure_id: str
    name: str
    sector: str
    active: bool = True
    modes: frozenset[Authentication] = frozenset()


@dataclass(frozen=True, slots=True)
class Activity:
    """What a professional does, or did until `ended`, in one structure.

    `sectors` are codes of TRE_R02 (SA07 ...), `modes` codes of TRE_R23 (L, S, B: mode d'exercice).
    """

    structure_id: str
    sectors: frozenset[str] = frozenset()
    modes: frozenset[str] = frozenset()
    ended: datetime | None = None


@dataclass(frozen=True, slots=True, order=True)
class Exercice:
    """A profession, and one savoir-faire that it is exercised with ('' when there is none).

    The savoir-faire is a code of TRE_R38 (SM26), of another kind of savoir-faire, or a section of TRE_G04 (pharmacien).
    """

    profession: str
    savoir_faire: str = ""


@dataclass(frozen=True, slots=True)
class Professional:
    """A person who may act: a health professional, or the holder of a CPE.

    `profession` and `specialty` are those first named; `exercices` are all of them, when the directory has more to say.
    `structures` are the Struct_IdNat of the activities that have not ended.
    """

    id_nat: str
    family: str
    given: str
    profession: str
    profession_system: str
    specialty: str = ""
    structures: frozenset[str] = frozenset()
    active: bool = True
    exercices: frozenset[Exercice] = frozenset()

    def exercises(self, profession: str, profession_system: str, specialty: str) -> bool:
        """Whether the directory bears out that profession and, of a médecin or pharmacien, that specialty.

        Of several savoir-faire, the one named in the VIHF counts, as long as it is one of them. A professional of whom
        the directory tells no savoir-faire may name any.
        """
        known = self.exercices | {Exercice(self.profession, self.specialty)}
        if profession_system != self.profession_system or profession not in {each.profession for each in known}:
            return False
        if profession_system != oids.PROFESSION or profession not in _SPECIALTY_CLAIMED:
            return True
        named = {each.savoir_faire for each in known if each.profession == profession and each.savoir_faire}
        return not named or not specialty or specialty in named


@dataclass(frozen=True, slots=True)
class Listing:
    """What an extraction says of one professional: himself with every exercice, and his activities.

    `spared` when it could not be read in full: nothing that is known of him ends then.
    """

    professional: Professional
    activities: tuple[Activity, ...]
    spared: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """What an extraction did to rows of one kind. `same` were known as they are listed."""

    added: int = 0
    changed: int = 0
    ended: int = 0
    same: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.added + other.added,
            self.changed + other.changed,
            self.ended + other.ended,
            self.same + other.same,
        )


def first_of(exercices: Iterable[Exercice]) -> Exercice | None:
    """The exercice that stands for all: the lowest profession, and its lowest spécialité (SM) before other kinds."""
    ordered = sorted(
        exercices,
        key=lambda each: (each.profession, not each.savoir_faire, not each.savoir_faire.startswith("SM"), each),
    )
    return ordered[0] if ordered else None
