"""ADT: a patient fed, revised, or merged into another, as identity sources say it (ITI-8, PAM).

| event | what is done |
|---|---|
| A01 A04 A05 A14 A28 | the patient is fed: opened, or found by any identifier |
| A08 A31 Z99 | the same, revised |
| A40 | the identifier of MRG-1 becomes one with that of PID-3 |
| A47 | the identifier of MRG-1 gives way to that of PID-3 |

Identifiers are those of PID-3 whose authority is known by an OID. An INS counts only where PID-32 says that the
identity is qualified (VALI).

Source: ITI TF-2 3.8 (Patient Identity Feed), 3.30 and 3.31 (PAM); IHE France, PAM national extension 2.11; Référentiel
INS v2.
"""

from __future__ import annotations

from dmp.patients import Said
from hl7v2.er7 import Message, Segment
from hl7v2.errors import Condition, Hl7Error
from hl7v2.header import Header
from hl7v2.identifiers import Namespaces, read_identifiers
from hl7v2.pid import read_traits
from hl7v2.transmission import read_patients
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


def read_feed(message: Message, header: Header, namespaces: Namespaces) -> Said:
    """What an event of FEEDS says of its patient. Raises Hl7Error."""
    return _said(_pid(message), header, namespaces)


def read_merge(message: Message, header: Header, namespaces: Namespaces) -> tuple[Said, PatientId]:
    """Who stays, under which identifier first, and the identifier that goes. Raises Hl7Error."""
    pid, mrg = _pid(message), message.all("MRG")
    if len(mrg) != 1:
        raise Hl7Error.single(Condition.CARDINALITY, "one MRG", str(len(mrg)), mrg[-1].at() if mrg else None)
    gone = read_identifiers(mrg[0], 1, namespaces)
    if len(gone) != 1:
        raise Hl7Error.single(Condition.CARDINALITY, "one identifier", str(len(gone)), mrg[0].at(1))
    said = _said(pid, header, namespaces)
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
    if not is_qualified(pid):
        raise Hl7Error.single(Condition.UNKNOWN_KEY, "PID-32 VALI", "an INS that is not qualified", pid.at(32))
    return found


def is_qualified(pid: Segment) -> bool:
    """Whether the identity is qualified, so that its INS counts."""
    return any(pid.part(text) == QUALIFIED for text in pid.repetitions(32))


def _pid(message: Message) -> Segment:
    found = message.all("PID")
    if len(found) != 1:
        raise Hl7Error.single(Condition.CARDINALITY, "one PID", str(len(found)), found[-1].at() if found else None)
    return found[0]


def _said(pid: Segment, header: Header, namespaces: Namespaces) -> Said:
    qualified = is_qualified(pid)
    read = read_identifiers(pid, 3, namespaces)
    if not read:
        expected = "an identifier whose authority is known by an OID"
        raise Hl7Error.single(Condition.REQUIRED_FIELD, expected, "none", pid.at(3))
    taken = tuple(each for each in read if qualified or each.authority not in AUTHORITIES)
    if not taken:
        expected = "an identifier that is no INS, or PID-32 VALI"
        raise Hl7Error.single(Condition.UNKNOWN_KEY, expected, "an INS that is not qualified", pid.at(3))
    return Said(taken, read_traits(pid), header.control_id)
