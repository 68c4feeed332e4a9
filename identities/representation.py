"""Legal representatives: who acts for a minor, or for an adult under guardianship, and until when. Pure.

A representative of a minor, parent or guardian, acts until the minor comes of age or is emancipated; a guardian of an
adult, or of an emancipated minor, until the guardianship is ended. All of it ends with the death of who is represented.
Days are civil dates of Paris.

Source: Code civil, art. 388 and 414 (majority at 18), 413-1 to 413-6 (emancipation), 393 (a guardianship of a minor
ends at majority, emancipation or death), 425, 429, 440 and 443 (tutelle of an adult or an emancipated minor); public
guide of the DMP (a representative is told one month before majority, then their access ends).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from zoneinfo import ZoneInfo

from identities.demographics import Address, Telecom
from identities.dossier import Dossier

MAJORITY_YEARS = 18
PARIS = ZoneInfo("Europe/Paris")
GUARDIAN = "RESPRSN"  # responsible party: of an adult, the guardian. HL7 RoleClass


class Capacity(Enum):
    """In which capacity a representative acts."""

    PARENT = "parent"  # holder of parental authority over a minor
    TUTEUR = "tuteur"  # guardian of a minor
    TUTELLE = "tutelle"  # guardian of an adult, or of an emancipated minor; may be decided before majority

    @property
    def of_minors(self) -> bool:
        """Whether the office is over a minor, and ends when they are one no more."""
        return self is not Capacity.TUTELLE


@dataclass(frozen=True, slots=True)
class Representative:
    """One legal representative of one dossier. `id` is this house's own and names them in the audit log.

    `relationship` is a code of HL7 PersonalRelationshipRoleType (FTH, MTH, GRPRN ...) or RESPRSN. `told` is when they
    were told that their access ends, None before.
    """

    id: str
    family: str
    given: str
    relationship: str
    capacity: Capacity = Capacity.PARENT
    telecoms: tuple[Telecom, ...] = ()
    addresses: tuple[Address, ...] = ()
    since: datetime | None = None
    ended: datetime | None = None
    told: datetime | None = None


def majority(birth: date) -> date:
    """The day on which somebody born on `birth` comes of age: 1 March for who was born on 29 February."""
    year = birth.year + MAJORITY_YEARS
    if (birth.month, birth.day) == (2, 29) and monthrange(year, 2)[1] < 29:
        return date(year, 3, 1)
    return birth.replace(year=year)


def notice_day(birth: date) -> date:
    """The day from which a representative is told that their access ends: one month before majority."""
    end = majority(birth)
    year, month = (end.year, end.month - 1) if end.month > 1 else (end.year - 1, 12)
    return date(year, month, min(end.day, monthrange(year, month)[1]))


def is_minor(birth: date | None, emancipated: bool, instant: datetime) -> bool:
    """Whether somebody is a minor at an aware instant. An emancipated minor counts as an adult; who has no known birth
    date too, so that nobody acts for them without a guardianship."""
    return birth is not None and not emancipated and instant.astimezone(PARIS).date() < majority(birth)


def represents(representative: Representative, birth: date | None, emancipated: bool, instant: datetime) -> bool:
    """Whether `representative` acts at an aware instant for the person born on `birth`."""
    if representative.ended is not None and representative.ended <= instant:
        return False
    if representative.since is not None and instant < representative.since:
        return False
    return representative.capacity.of_minors is is_minor(birth, emancipated, instant)


def in_office(representatives: Iterable[Representative], dossier: Dossier, instant: datetime) -> list[Representative]:
    """Those of `representatives` who act at an aware instant for the patient of `dossier`; nobody does for the dead."""
    birth, emancipated = dossier.traits.birth_date, dossier.emancipated
    return [each for each in representatives if not dossier.deceased and represents(each, birth, emancipated, instant)]
