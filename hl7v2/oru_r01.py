"""ORU^R01: one document, or two renditions of it, sent, replaced or deleted.

Source: CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2, message ORU^R01^ORU_R01.
"""

from __future__ import annotations

from hl7v2.er7 import Message
from hl7v2.errors import Condition, Hl7Error, Location
from hl7v2.header import Header
from hl7v2.transmission import (
    Transmission,
    check_orders,
    check_types,
    not_for_the_dmp,
    read_documents,
    read_flags,
    read_patients,
    read_sent_by,
)

MOST_DOCUMENTS = 2


def read_oru(message: Message, header: Header) -> Transmission:
    """What an ORU^R01 asks. Raises Hl7Error."""
    patients = message.all("PID")
    if len(patients) != 1:
        raise Hl7Error.single(Condition.CARDINALITY, "one PID", str(len(patients)), Location("PID"))
    flags = read_flags(message)
    not_for_the_dmp(flags)
    documents, intention = read_documents(message)
    if not documents:
        raise Hl7Error.single(Condition.REQUIRED_FIELD, "an OBX with a document", "none", Location("OBX", 1, 5))
    if len(documents) > MOST_DOCUMENTS:
        raise Hl7Error.single(
            Condition.CARDINALITY, f"at most {MOST_DOCUMENTS} documents", "more", documents[-1].location
        )
    check_orders(message, header, intention)
    check_types(message, documents)
    visit = message.first("PV1")
    return Transmission(
        intention=intention,
        documents=documents,
        flags=flags,
        sent_by=read_sent_by(message),
        patients=read_patients(patients[0]),
        patient_class=visit.text(2) if visit else "",
    )
