"""A message's way through the HL7 v2 door: read, known, translated, asked of the hall, acknowledged.

Whatever comes is answered: what no header can be read of, too. What was staged is discarded when the hall has not kept
it, and a message that did not reach the hall is recorded once; what the hall raises, the hall has recorded.

A message that was carried out before is answered as it was then, and nothing is done. Other content under its number is
refused. What was refused left nothing, and may come again under its number. A query is asked anew each time.

Source: HL7 v2.5 2.9.2 and 2.9.3 (processing rules), 2.10.2 (sequence number and duplicates).
"""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress
from dataclasses import replace

from audit.event import Call
from hl7v2.ack import Stamp
from hl7v2.door import Door, UnknownSenderError
from hl7v2.errors import is_ours, reason_of
from hl7v2.exchange import Exchange
from hl7v2.message import check_structure
from hl7v2.queries import QUERIES, asked
from hl7v2.sender import Known
from hl7v2.services import service_of
from registry.errors import RegistryError

_log = logging.getLogger("dmp.hl7")


def answer(door: Door, known: Known, call: Call, data: bytes) -> bytes:
    """The frames that answer the message in `data`; b"" for a message that wants no answer.

    Raises what even the audit log could not hold: then nothing may be answered.
    """
    stamp = Stamp(uuid.uuid4().hex[:20], door.now())
    exchange = Exchange(door, known, call, data, stamp)
    try:
        return _answer(exchange)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is recorded and answered
        if is_ours(error):
            _log.error("request %s failed: %s", call.request_id, type(error).__name__)
        if not exchange.reached_hall:
            note = door.failed if is_ours(error) else door.refused
            note(exchange.call, reason_of(error), exchange.requester)
        with suppress(Exception):  # the answer says it, too
            exchange.tell_refused(error)
        return exchange.refused(error)


def _answer(exchange: Exchange) -> bytes:
    message = exchange.read()
    header = exchange.header
    if header.message_code in QUERIES:
        return asked(exchange, message, header)
    service = service_of(message.msh, header)
    exchange.call = replace(exchange.call, transaction=service.transaction, message_id=header.control_id)
    if (found := exchange.carried_out()) is not None:
        return found.answer
    exchange.requester = exchange.known.requester(header)
    check_structure(message, service.structure, header.version)
    receipt = exchange.receipt = exchange.receipt_of(exchange.accepted())
    try:
        service.serve(exchange)
    except RegistryError:
        if (again := exchange.carried_out()) is None:
            raise
        return again.answer  # another connection carried it out meanwhile
    return receipt.answer


def known_sender(door: Door, certificate: bytes, call: Call) -> Known | None:
    """Whom the certificate of a connection proves; None, and recorded, when nobody that may send."""
    try:
        return door.known(certificate)
    except UnknownSenderError as error:
        with suppress(Exception):  # nothing was disclosed
            door.refused(call, str(error), None)
        return None
