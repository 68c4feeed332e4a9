"""What metadata say, as people read it in French: dates of Paris, names, labels of codes, sizes.

Source: ITI TF-3 Table 4.2.3.1.7-2 (DTM, XCN, XON); ANS, code tables of the CI-SIS.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from habilitations.labels import specialties
from identities.demographics import Address, Telecom
from registry.metadata import Author, Code, dtm_floor
from schemas.value_sets import ValueSets

PARIS = ZoneInfo("Europe/Paris")
_KIBI = 1024
# HL7 PersonalRelationshipRoleType, and RoleClass for a guardian
_RELATIONSHIPS = {"FTH": "père", "MTH": "mère", "PRN": "parent", "GRPRN": "grand-parent", "RESPRSN": "tuteur"}
_TO_THE_HOUR = 10  # digits of a DTM


def local(dtm: str) -> str:
    """A DTM (UTC) in Paris as 14 digits. What names no hour is no instant, and stays in its day."""
    floor = dtm_floor(dtm)
    if len(dtm) < _TO_THE_HOUR:
        return floor
    moment = datetime.strptime(floor, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return f"{moment.astimezone(PARIS):%Y%m%d%H%M%S}"


def date_of(dtm: str) -> str:
    """A DTM (UTC) as precise as it is: `2021`, `03/2021`, `14/03/2021`, `14/03/2021 à 09:30`."""
    digits = local(dtm)[: len(dtm)]
    day = "/".join(filter(None, (digits[6:8], digits[4:6], digits[:4])))
    return f"{day} à {digits[8:10]}:{digits[10:12] or '00'}" if len(digits) >= _TO_THE_HOUR else day


def instant(moment: datetime) -> str:
    """An aware instant, to the minute, in Paris."""
    return f"{moment.astimezone(PARIS):%d/%m/%Y à %H:%M}"


def author(said: Author) -> str:
    """Family and given name of a person, or of what is not one."""
    parts = said.person.split("^")
    return " ".join(filter(None, parts[1:3])) or parts[0]


def institutions(said: Author) -> str:
    """The names of an author's institutions."""
    return ", ".join(filter(None, (each.partition("^")[0] for each in said.institutions)))


def author_specialties(said: Author) -> str:
    """The labels of an author's specialties: `G15_10/SM26^Médecin - ...^OID` has it in the second place."""
    found = ([*each.split("^"), ""] for each in said.specialties)
    return ", ".join(filter(None, (parts[1] or parts[0] for parts in found)))


def label(table: str, code: Code) -> str:
    """The label that a code table gives, else the one that came, else the code."""
    return ValueSets.load().label(table, code.code, code.scheme) or code.display or code.code


def profession(code: str) -> str:
    """The label of a profession (TRE_G15) or of another role (TRE_A00), else the code."""
    return next((role.label for role in ValueSets.load().concepts("subject_role") if role.code == code), code)


def specialty(code: str) -> str:
    """The label of a specialty (TRE_R38, TRE_G04), else its code."""
    return specialties().get(code, code)


def day(when: date | None) -> str:
    """A day of the calendar."""
    return f"{when:%d/%m/%Y}" if when else ""


def address(said: Address) -> str:
    """The parts of an address, in the order they came."""
    return ", ".join(part.text for part in said.parts)


def telecom(said: Telecom) -> str:
    """A number or an address of mail, without the scheme of its URL."""
    return said.value.partition(":")[2] or said.value


def relationship(code: str) -> str:
    """What a legal representative is to the patient, else the code."""
    return _RELATIONSHIPS.get(code, code)


def ins(value: str) -> str:
    """An INS in its groups: `2 51 03 75 056 101 42`."""
    if len(value) != 15:
        return value
    cuts = (0, 1, 3, 5, 7, 10, 13, 15)
    return " ".join(value[start:stop] for start, stop in pairwise(cuts))


def size(count: int | None) -> str:
    """A number of bytes."""
    if count is None:
        return ""
    if count < _KIBI:
        return f"{count} octets"
    if count < _KIBI * _KIBI:
        return f"{count / _KIBI:.0f} Kio"
    return f"{count / _KIBI / _KIBI:.1f} Mio".replace(".", ",")
