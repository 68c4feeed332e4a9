"""What one requester may read of one patient's dossier, as data.

Made by `habilitations.decision` only, read by `registry.store` only (import contract): the store turns it into SQL, and
a property test holds that SQL equal to `Scope.permits`. A Scope is about one patient: whatever stands outside does not
exist for this request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from registry.metadata import AvailabilityStatus, DocumentEntry
from schemas import oids

MASQUE_PS = ("MASQUE_PS", oids.CONFIDENTIALITE_CISIS)
INVISIBLE_PATIENT = ("INVISIBLE_PATIENT", oids.CONFIDENTIALITE_CISIS)
INVISIBLE_REPRESENTANTS_LEGAUX = ("INVISIBLE_REPRESENTANTS_LEGAUX", oids.CONFIDENTIALITE_CISIS)


class Reach(Enum):
    """How far a permission goes: nothing, what one wrote, what one's structure wrote too, everything."""

    NONE = "none"
    OWN = "own"
    STRUCTURE = "structure"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Custody:
    """Who stands behind a stored document: the authors of its entry, and who deposited it.

    `persons` are XCN.1 / PS_IdNat values, `structures` XON.10 / Struct_IdNat values.
    """

    persons: frozenset[str] = frozenset()
    structures: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TypeRule:
    """Which document types may be read: all but `codes` when `but`, else only `codes`. Codes are typeCode.code.

    The default permits nothing.
    """

    but: bool = False
    codes: frozenset[str] = frozenset()

    def permits(self, type_code: str) -> bool:
        return (type_code in self.codes) is not self.but


EVERY_TYPE = TypeRule(but=True)


@dataclass(frozen=True, slots=True)
class Scope:
    """The documents of `patient` (the key of a dossier) that one requester may read. The default reads nothing."""

    patient: str
    person: str = ""
    structure: str = ""
    types: TypeRule = field(default_factory=TypeRule)
    reach: Reach = Reach.NONE
    masked: Reach = Reach.NONE  # documents with MASQUE_PS
    invisible_patient: Reach = Reach.NONE  # documents with INVISIBLE_PATIENT
    invisible_representatives: Reach = Reach.NONE  # documents with INVISIBLE_REPRESENTANTS_LEGAUX
    statuses: frozenset[AvailabilityStatus] = frozenset()

    def permits(self, entry: DocumentEntry, custody: Custody) -> bool:
        """Whether `entry`, an entry of this patient, may be read."""
        return self.obstacle(entry, custody) is None

    def obstacle(self, entry: DocumentEntry, custody: Custody) -> str | None:
        """The name of the first field of this Scope that hides `entry`, or None when it may be read."""
        codes = {(code.code, code.scheme) for code in entry.confidentiality_codes}
        if not self._reaches(self.reach, custody):
            return "reach"
        if not self.types.permits(entry.type_code.code):
            return "types"
        if entry.availability_status not in self.statuses:
            return "statuses"
        if MASQUE_PS in codes and not self._reaches(self.masked, custody):
            return "masked"
        if INVISIBLE_PATIENT in codes and not self._reaches(self.invisible_patient, custody):
            return "invisible_patient"
        if INVISIBLE_REPRESENTANTS_LEGAUX in codes and not self._reaches(self.invisible_representatives, custody):
            return "invisible_representatives"
        return None

    def _reaches(self, reach: Reach, custody: Custody) -> bool:
        if reach is Reach.ALL:
            return True
        own = bool(self.person) and self.person in custody.persons
        if reach is Reach.OWN:
            return own
        if reach is Reach.STRUCTURE:
            return own or (bool(self.structure) and self.structure in custody.structures)
        return False
