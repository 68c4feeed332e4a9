"""What ORU and MDM messages of the volet share: documents, the wishes of the sender as flags, and the sender.

Source: CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2, versions 1.2, 2.0 and 2.1: OBX of documents, table
MetaDMP/MSS, PRT.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from hl7v2.er7 import Message, Raw, Segment
from hl7v2.errors import ANOTHER, Condition, Fault, Hl7Error, Location
from hl7v2.header import Header
from identities.requester import PatientId

META = "MetaDMPMSS"  # OBX-3.3; version 1.2 leaves it out
MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REP_LEGAUX = "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REP_LEGAUX"
CONNEXION_SECRETE, MODIF_CONF_CODE, DESTDMP = "CONNEXION_SECRETE", "MODIF_CONF_CODE", "DESTDMP"
ACK_RECEPTION = "ACK_RECEPTION"
REQUIRED = (MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REP_LEGAUX, CONNEXION_SECRETE, MODIF_CONF_CODE, DESTDMP)
# Those that say nothing to a DMP: they are for MSSanté.
_OF_MSSANTE = frozenset({"DESTMSSANTEPS", "DESTMSSANTEPAT", "ACK_LECTURE_MSS", "CORPSMAIL_PS", "CORPSMAIL_PATIENT"})
_OF_MSSANTE |= {"COMP_LOT"}  # 1.2
_NAMES_OF_1_2 = {
    "INVISIBLE_REPRESENTANTS_LEGAUX": INVISIBLE_REP_LEGAUX,
    "MODIF_CONFIDENTIALITYCODE": MODIF_CONF_CODE,
}
_VALUES = {"Y": True, "N": False}  # HL7 table 0136
_SENT_BY = "SB"  # PRT-4


class Intention(Enum):
    """What becomes of the documents: the value is OBX-11. Source: HL7 table 0085."""

    INITIAL = "F"
    REPLACEMENT = "C"
    DELETION = "D"


# ORC-1, HL7 table 0119. SC (status changed) says nothing of what is asked: the examples of 1.2 and 2.0 have it.
_ORDERS = {
    "NW": Intention.INITIAL,
    "RO": Intention.REPLACEMENT,
    "RP": Intention.REPLACEMENT,
    "CA": Intention.DELETION,
}
_SAYS_NOTHING = "SC"


@dataclass(frozen=True, slots=True)
class Encapsulated:
    """A CDA document in OBX-5: base64 as it came, the type that OBX-3 says, and where it stands."""

    data: Raw
    type_code: str
    location: Location


@dataclass(frozen=True, slots=True)
class SentBy:
    """PRT of participation SB: the person, the structure and the device behind the message; '' for what it leaves out.

    `person_id` is a PS_IdNat, `structure_id` a Struct_IdNat.
    """

    person_id: str = ""
    family: str = ""
    given: str = ""
    structure_id: str = ""
    structure_name: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True)
class Transmission:
    """What one message asks. `patients` are those of PID-3 with an ISO authority, `replaced` TXA-13 or ''.

    `document_id` is TXA-12, '' where the message has none; `patient_class` PV1-2.
    """

    intention: Intention
    documents: tuple[Encapsulated, ...]
    flags: frozenset[str]
    sent_by: SentBy | None
    patients: tuple[PatientId, ...]
    patient_class: str = ""
    document_id: str = ""
    replaced: str = ""


def read_flags(message: Message, required: Iterable[str] = REQUIRED) -> frozenset[str]:
    """The flags that are Y, by the names of version 2.1. Raises Hl7Error for one that is missing, unknown or no Y or N.

    A flag that is missing is no N: nothing is shown to anybody because a sender forgot to say so.
    """
    said: dict[str, bool] = {}
    faults: list[Fault] = []
    for segment in _observations(message):
        name = _flag(segment)
        if name is None or name in _OF_MSSANTE:
            continue
        value = _VALUES.get(segment.text(5))
        if name in said or value is None or name not in (*REQUIRED, ACK_RECEPTION):
            expected = "each flag of MetaDMP/MSS once" if value is not None else "Y or N"
            where = segment.at(3 if value is not None else 5, 1)
            faults.append(Fault(Condition.TABLE_VALUE, f"expected {expected}, got another", where))
        else:
            said[name] = value
    faults += [
        Fault(Condition.REQUIRED_FIELD, f"expected an OBX {name}, got none", Location("OBX"))
        for name in required
        if name not in said and not faults
    ]
    if faults:
        raise Hl7Error(faults)
    return frozenset(name for name, value in said.items() if value)


def read_documents(message: Message) -> tuple[tuple[Encapsulated, ...], Intention]:
    """The documents of a message, and what OBX-11 asks of all of them. Raises Hl7Error; () is not an error here."""
    found, asked, faults = [], set[Intention](), list[Fault]()
    for segment in _observations(message):
        if segment.text(2) != "ED" or is_flag(segment):
            continue
        components = segment.components(5)
        said = [bytes(each).decode(message.syntax.codec, "replace").strip().upper() for each in components[:4]]
        if len(components) != 5 or said[1:] != ["TEXT", "XML", "BASE64"] or not components[4]:
            expected = "expected TEXT, XML, Base64 and a document as components 2 to 5, got others"
            faults.append(Fault(Condition.TABLE_VALUE, expected, segment.at(5)))
            continue
        try:
            asked.add(Intention(segment.text(11)))
        except ValueError:
            faults.append(Fault(Condition.TABLE_VALUE, "expected F, C or D, got another", segment.at(11)))
        found.append(Encapsulated(components[4], segment.text(3), segment.at(5, 5)))
    if len(asked) > 1:
        faults.append(_incoherent("one OBX-11 of all documents", message.all("OBX")[0].at(11)))
    if faults:
        raise Hl7Error(faults)
    return tuple(found), next(iter(asked), Intention.INITIAL)


def check_orders(message: Message, header: Header, intention: Intention) -> None:
    """ORC-1 asks for the same as OBX-11, or says nothing of it before 2.1. Raises Hl7Error."""
    silent = () if header.profile == "2.1" else ("", _SAYS_NOTHING)
    for segment in message.all("ORC"):
        order = segment.text(1)
        if order not in silent and _ORDERS.get(order) is not intention:
            raise Hl7Error(
                [_incoherent(f"an ORC-1 that asks for the same as OBX-11 ({intention.value})", segment.at(1))]
            )


def check_types(message: Message, documents: Iterable[Encapsulated]) -> None:
    """OBX-3 says one type of document, in whatever rendition. Raises Hl7Error."""
    for document in documents:
        if not document.type_code:
            raise Hl7Error.single(Condition.REQUIRED_FIELD, "a type of document", "none", document.location)
    if len({each.type_code for each in documents}) > 1:
        raise Hl7Error([_incoherent("one OBX-3.1 of all renditions", message.all("OBX")[0].at(3, 1))])


def read_sent_by(message: Message) -> SentBy | None:
    """Who sends, of the first PRT of participation SB; None without one."""
    segment = next((each for each in message.all("PRT") if each.text(4).upper() == _SENT_BY), None)
    if segment is None:
        return None
    return SentBy(
        person_id=segment.text(5, 1),
        family=segment.text(5, 2),
        given=segment.text(5, 3),
        structure_id=_struct_id_nat(segment.text(8, 10), segment.text(8, 7)),
        structure_name=segment.text(8, 1),
        device=segment.text(10, 1),
    )


def read_patients(segment: Segment | None) -> tuple[PatientId, ...]:
    """The identifiers of PID-3 whose authority is an OID. Raises Hl7Error when there is none."""
    if segment is None:
        raise Hl7Error.single(Condition.SEGMENT_SEQUENCE, "PID", "none", Location("PID"))
    found = [
        PatientId(segment.part(text, 1), segment.part(text, 4, 2))
        for text in segment.repetitions(3)
        if segment.part(text, 1) and segment.part(text, 4, 2) and segment.part(text, 4, 3) == "ISO"
    ]
    if not found:
        expected = "an identifier with an ISO authority"
        raise Hl7Error.single(Condition.REQUIRED_FIELD, expected, "none", segment.at(3))
    return tuple(dict.fromkeys(found))


def read_entity(segment: Segment, field: int) -> str:
    """A document identifier (EI): an OID, or OID^extension as XDS writes it. Source: the volet, TXA-12 note 1."""
    entity, universal = segment.text(field, 1), segment.text(field, 3)
    return f"{universal}^{entity}" if universal else entity


def not_for_the_dmp(flags: frozenset[str]) -> None:
    """Raises Hl7Error for a message that asks nothing of a DMP: nobody here takes charge of it."""
    if DESTDMP not in flags:
        raise Hl7Error.single(Condition.APPLICATION, "DESTDMP Y", "N: no other destination is served", None, ANOTHER)


def is_flag(segment: Segment) -> bool:
    """Whether an OBX is a wish of the sender, and no observation."""
    return _flag(segment) is not None


def _observations(message: Message) -> tuple[Segment, ...]:
    return message.all("OBX")


def _flag(segment: Segment) -> str | None:
    """The flag that an OBX is; None for another observation."""
    name = segment.text(3, 1).upper()
    name = _NAMES_OF_1_2.get(name, name)
    known = name in REQUIRED or name in _OF_MSSANTE or name == ACK_RECEPTION
    return name if known or segment.text(3, 3) == META else None


def _incoherent(expected: str, where: Location) -> Fault:
    return Fault(Condition.OTHER, f"expected {expected}, got another", where)


def _struct_id_nat(number: str, kind: str) -> str:
    """A Struct_IdNat: FINESS numbers may come without the digit that says what they are. Source: CI-SIS, Annexe sources
    des données métier (1 + FINESS)."""
    return f"1{number}" if kind in ("FINEG", "FINEJ", "FINESS") and len(number) == 9 else number
