"""MDM^T02, T10, T04 and T11: one document sent, replaced, deleted, or cancelled by its number alone.

Source: CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2, messages MDM^Txx^MDM_T02; HL7 v2.6 9.5 (T11: document
cancel notification).
"""

from __future__ import annotations

from hl7v2.er7 import Message
from hl7v2.errors import Condition, Fault, Hl7Error
from hl7v2.header import Header
from hl7v2.transmission import (
    Intention,
    Transmission,
    check_orders,
    check_types,
    not_for_the_dmp,
    read_documents,
    read_entity,
    read_flags,
    read_patients,
    read_sent_by,
)

CANCEL = "T11"
EVENTS = {
    "T02": Intention.INITIAL,
    "T10": Intention.REPLACEMENT,
    "T04": Intention.DELETION,
    CANCEL: Intention.DELETION,
}
STRUCTURES = {event: "MDM_T01" if event == CANCEL else "MDM_T02" for event in EVENTS}


def read_mdm(message: Message, header: Header) -> Transmission:
    """What an MDM of EVENTS asks. Raises Hl7Error."""
    txa = message.all("TXA")[0]
    wanted = EVENTS[header.event]
    patients, document_id = read_patients(message.first("PID")), read_entity(txa, 12)
    if header.event == CANCEL:
        check_orders(message, header, wanted)
        sender = read_sent_by(message)
        return Transmission(wanted, (), frozenset(), sender, patients, document_id=document_id)
    flags = read_flags(message)
    not_for_the_dmp(flags)
    documents, intention = read_documents(message)
    if len(documents) != 1:
        condition = Condition.CARDINALITY if documents else Condition.REQUIRED_FIELD
        where = message.all("OBX")[0].at(5)
        raise Hl7Error.single(condition, "one OBX with a document", str(len(documents)), where)
    if intention is not wanted:
        expected = f"expected the OBX-11 of {header.event} ({wanted.value}), got {intention.value}"
        raise Hl7Error([Fault(Condition.OTHER, expected, message.all("OBX")[0].at(11))])
    check_orders(message, header, intention)
    check_types(message, documents)
    return Transmission(
        intention=intention,
        documents=documents,
        flags=flags,
        sent_by=read_sent_by(message),
        patients=patients,
        patient_class=message.all("PV1")[0].text(2),
        document_id=document_id,
        replaced=read_entity(txa, 13) if txa.present(13) else "",
    )
