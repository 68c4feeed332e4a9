"""MSH: what kind of message it is, from whom, under which number, and how it wants to be acknowledged.

Source: HL7 v2.5 2.15.9 (MSH), 2.9.2 and 2.9.3 (original and enhanced mode), HL7 table 0155.
"""

from __future__ import annotations

from dataclasses import dataclass

from hl7v2.er7 import Segment
from hl7v2.errors import Condition, Fault, Hl7Error

MOST_CONTROL_ID = 199  # HL7 v2.7; 20 before
PROCESSING_IDS = frozenset("PTD")  # HL7 table 0103
_CONDITIONS = frozenset({"", "AL", "NE", "ER", "SU"})  # HL7 table 0155


@dataclass(frozen=True, slots=True)
class Header:
    """What MSH says. Applications and facilities are fields as they came, for the answer to say them."""

    sending_application: str
    sending_facility: str
    receiving_application: str
    receiving_facility: str
    message_code: str
    event: str
    structure: str
    control_id: str
    processing_id: str
    version: str
    accept_condition: str  # MSH-15
    application_condition: str  # MSH-16
    country: str
    charset: str
    profile: str  # MSH-21, entity identifier

    @property
    def enhanced(self) -> bool:
        """Whether the sender asks for the enhanced mode; who asks for what no table has is answered in any case."""
        asked = {self.accept_condition, self.application_condition}
        return asked != {""} and asked <= _CONDITIONS


def read_header(msh: Segment) -> Header:
    """What MSH says, as far as it can be read: `header_faults` says what is wrong with it."""

    def whole(field: int) -> str:
        return next(iter(msh.repetitions(field)), "")

    return Header(
        sending_application=whole(3),
        sending_facility=whole(4),
        receiving_application=whole(5),
        receiving_facility=whole(6),
        message_code=msh.text(9, 1),
        event=msh.text(9, 2),
        structure=msh.text(9, 3),
        control_id=msh.text(10),
        processing_id=msh.text(11),
        version=msh.text(12),
        accept_condition=msh.text(15).upper(),
        application_condition=msh.text(16).upper(),
        country=msh.text(17),
        charset=msh.text(18),
        profile=msh.text(21),
    )


def check_header(msh: Segment, header: Header, versions: frozenset[str]) -> None:
    """Raises Hl7Error with everything that keeps a message of this header from being read any further."""
    faults = [
        Fault(Condition.REQUIRED_FIELD, f"expected {what}, got none", msh.at(field, component))
        for field, component, what, value in (
            (9, 1, "a message code", header.message_code),
            (10, 0, "a message control id", header.control_id),
            (11, 1, "a processing id", header.processing_id),
            (12, 1, "a version", header.version),
        )
        if not value
    ]
    if len(header.control_id) > MOST_CONTROL_ID:
        expected = f"expected at most {MOST_CONTROL_ID} characters, got more"
        faults.append(Fault(Condition.DATA_TYPE, expected, msh.at(10)))
    if header.processing_id and header.processing_id not in PROCESSING_IDS:
        faults.append(Fault(Condition.PROCESSING_ID, "expected P, T or D, got another", msh.at(11, 1)))
    if header.version and header.version not in versions:
        expected = f"expected one of {', '.join(sorted(versions))}, got another"
        faults.append(Fault(Condition.VERSION, expected, msh.at(12, 1)))
    for field, condition in ((15, header.accept_condition), (16, header.application_condition)):
        if condition not in _CONDITIONS:
            faults.append(Fault(Condition.TABLE_VALUE, "expected AL, NE, ER or SU, got another", msh.at(field)))
    if faults:
        raise Hl7Error(faults)
