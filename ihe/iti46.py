"""ITI-46 PIXV3 Update Notification: what a consumer is told of one patient.

Source: ITI TF-2 3.46.4.1.2 (PRPA_IN201302UV02).
"""

from __future__ import annotations

import uuid

from dmp.patients import Notice
from ihe.hl7v3 import INTERACTIONS, Device, Identifier, Stamp, write_transmission
from ihe.hl7v3_person import write_names
from ihe.identifiers import WSA_ANONYMOUS
from ihe.iti45 import write_event, write_patient_ids
from ihe.soap import Reply, write_envelope

INTERACTION, TRIGGER = "PRPA_IN201302UV02", "PRPA_TE201302UV02"
ACTION = "urn:hl7-org:v3:PRPA_IN201302UV02"
_REPLY_TO = f"<wsa:ReplyTo><wsa:Address>{WSA_ANONYMOUS}</wsa:Address></wsa:ReplyTo>".encode()  # IHE-WSA102


def write_notification(notice: Notice, device: str) -> bytes:
    """The SOAP message of a notice, from the device of that OID."""
    sender = Device((Identifier(device),))
    patient = (
        f'<hl7:patient classCode="PAT">{write_patient_ids(notice.identifiers)}<hl7:statusCode code="active"/>'
        f'<hl7:patientPerson classCode="PSN" determinerCode="INSTANCE">{write_names(notice.traits.names)}'
        "</hl7:patientPerson></hl7:patient>"
    )
    body = write_transmission(
        INTERACTION,
        Stamp(notice.id, notice.instant),
        sender=sender,
        receiver=Device(()),  # which application listens at that address nobody told us
        processing_code="P",
        accept_ack_code="AL",
        content=(
            f'<hl7:controlActProcess classCode="CACT" moodCode="EVN"><hl7:code code="{TRIGGER}" '
            f'codeSystem="{INTERACTIONS}"/>{write_event(patient, sender)}</hl7:controlActProcess>'
        ),
    )
    reply = Reply(to=notice.address, message_id=f"urn:uuid:{uuid.uuid4()}", parameters=(_REPLY_TO,))
    return write_envelope(ACTION, reply, body.encode())
