"""ADT: a patient fed, revised, or merged into another, as identity sources say it (ITI-8, PAM).

| event | what is done |
|---|---|
| A01 A04 A05 A14 A28 | the patient is fed: opened, or found by any identifier |
| A08 A31 Z99 | the same, revised |
| A40 | the identifier of MRG-1 becomes one with that of PID-3 |
| A47 | the identifier of MRG-1 gives way to that of PID-3 |

Identifiers are those of PID-3 with an ISO authority. An INS counts only where PID-32 says that the identity is
qualified (VALI). PID-5 of type L is the birth name, of type D the one that is used.

Source: ITI TF-2 3.8 (Patient Identity Feed), 3.30 and 3.31 (PAM); IHE France, PAM national extension 2.11; Référentiel
INS v2.
"""

from __future__ import annotations

import re
from datetime import date

from dmp.patients import Said
from hl7v2.er7 import Message, Segment
from hl7v2.errors import Condition, Hl7Error
from hl7v2.header import Header
from hl7v2.transmission import read_patients
from identities.dossier import Traits
from identities.ins import AUTHORITIES
from identities.requester import PatientId

FEEDS = ("A01", "A04", "A05", "A08", "A14", "A28", "A31", "Z99")
MERGES = ("A40", "A47")
# The structure of each event. Source: HL7 v2.5 table 0354; PAM.fr 2.11.2 (Z99).
STRUCTURES = {
    "A01": "ADT_A01",
    "A04": "ADT_A01",
    "A05": "ADT_A05",
    "A08": "ADT_A01",
    "A14": "ADT_A05",
    "A28": "ADT_A05",
    "A31": "ADT_A05",
    "A40": "ADT_A39",
    "A47": "ADT_A30",
    "Z99": "ADT_A01",
}
QUALIFIED = "VALI"  # HL7 table 0445, as IHE France has it
_SEXES = frozenset("MFU")
_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")


def read_feed(message: Message, header: Header) -> Said:
    """What an event of FEEDS says of its patient. Raises Hl7Error."""
    return _said(_pid(message), header)


def read_merge(message: Message, header: Header) -> tuple[Said, PatientId]:
    """Who stays, under which identifier first, and the identifier that goes. Raises Hl7Error."""
    pid, mrg = _pid(message), message.all("MRG")
    if len(mrg) != 1:
        raise Hl7Error.single(Condition.CARDINALITY, "one MRG", str(len(mrg)), mrg[-1].at() if mrg else None)
    gone = _identifiers(mrg[0], 1)
    if len(gone) != 1:
        raise Hl7Error.single(Condition.CARDINALITY, "one identifier", str(len(gone)), mrg[0].at(1))
    said = _said(pid, header)
    same = [each for each in said.identifiers if each.authority == gone[0].authority]
    first = next((each for each in same if each != gone[0]), said.identifiers[0])
    others = tuple(each for each in said.identifiers if each not in (first, gone[0]))
    return Said((first, *others), said.traits, said.message_id), gone[0]


def read_qualified(message: Message) -> PatientId:
    """The INS of the one patient of a message, whose identity is qualified. Raises Hl7Error."""
    pid = _pid(message)
    found = next((each for each in read_patients(pid) if each.authority in AUTHORITIES), None)
    if found is None:
        raise Hl7Error.single(Condition.REQUIRED_FIELD, "an INS", "none", pid.at(3))
    if not _is_qualified(pid):
        raise Hl7Error.single(Condition.UNKNOWN_KEY, "PID-32 VALI", "an INS that is not qualified", pid.at(32))
    return found


def _is_qualified(pid: Segment) -> bool:
    return any(pid.part(text) == QUALIFIED for text in pid.repetitions(32))


def _pid(message: Message) -> Segment:
    found = message.all("PID")
    if len(found) != 1:
        raise Hl7Error.single(Condition.CARDINALITY, "one PID", str(len(found)), found[-1].at() if found else None)
    return found[0]


def _identifiers(segment: Segment, field: int) -> tuple[PatientId, ...]:
    return tuple(
        PatientId(segment.part(text, 1), segment.part(text, 4, 2))
        for text in segment.repetitions(field)
        if segment.part(text, 1) and segment.part(text, 4, 2) and segment.part(text, 4, 3) == "ISO"
    )


def _said(pid: Segment, header: Header) -> Said:
    qualified = _is_qualified(pid)
    taken = tuple(each for each in read_patients(pid) if qualified or each.authority not in AUTHORITIES)
    if not taken:
        expected = "an identifier that is no INS, or PID-32 VALI"
        raise Hl7Error.single(Condition.UNKNOWN_KEY, expected, "an INS that is not qualified", pid.at(3))
    return Said(taken, _traits(pid), header.control_id)


def _traits(pid: Segment) -> Traits:
    names = pid.repetitions(5)
    birth = next((each for each in names if pid.part(each, 7) in ("L", "")), names[0] if names else "")
    used = next((each for each in names if pid.part(each, 7) == "D"), "")
    sex = pid.text(8).upper()
    places = (pid.part(each, 9) for each in pid.repetitions(11) if pid.part(each, 7) == "BDL")
    return Traits(
        birth_family=pid.part(birth, 1),
        birth_given=pid.part(birth, 2),
        birth_date=_birth_date(pid),
        sex=sex if sex in _SEXES else "U",
        birth_place=next(places, ""),
        used_family=pid.part(used, 1),
        used_given=pid.part(used, 2),
        birth_time=pid.text(7),
    )


def _birth_date(pid: Segment) -> date | None:
    """The day of birth; None where nobody said one. Raises Hl7Error for a day that is none."""
    found = _DATE.match(pid.text(7))
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        raise Hl7Error.single(Condition.DATA_TYPE, "a day", "another number", pid.at(7)) from None
