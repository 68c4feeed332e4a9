"""How the transactions of patient identities are served.

What cannot even be answered (no wrapper) is a SOAP fault; what is understood and cannot be done is an acknowledgement
that says why.

Source: ITI TF-2 3.44 (Patient Identity Feed), 3.45 (PIX Query), 3.47 (Patient Demographics Query), all HL7 V3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lxml import etree

from ihe import iti44, iti45, iti47
from ihe.hl7v3 import Message, Stamp, read_message, write_acknowledgement
from ihe.hl7v3_query import raw_query
from ihe.mime import Outgoing
from ihe.soap import SoapError
from ihe.transactions import Transaction
from registry.errors import Finding

if TYPE_CHECKING:
    from ihe.exchange import Exchange

Serve = Callable[["Exchange", etree._Element], Outgoing]
Fail = Callable[["Exchange", Sequence[Finding]], bytes]


def _feed(exchange: Exchange, body: etree._Element) -> Outgoing:
    message = exchange.message = read_message(body, _interaction(exchange))
    requester, said = exchange.known(), iti44.read_feed(message)
    exchange.reached_hall = True
    warnings = exchange.door.patients.feed(requester, exchange.call, said)
    return exchange.enveloped(write_acknowledgement(message, stamp(exchange), warnings))


def _merge(exchange: Exchange, body: etree._Element) -> Outgoing:
    message = exchange.message = read_message(body, iti44.MERGE)
    requester, (said, subsumed) = exchange.known(), iti44.read_merge(message)
    exchange.reached_hall = True
    warnings = exchange.door.patients.merge(requester, exchange.call, said, subsumed)
    return exchange.enveloped(write_acknowledgement(message, stamp(exchange), warnings))


def _identifiers(exchange: Exchange, body: etree._Element) -> Outgoing:
    message = exchange.message = read_message(body, iti45.QUERY)
    requester, asked = exchange.known(), iti45.read_identifiers_query(message)
    exchange.reached_hall = True
    found = exchange.door.patients.identifiers_of(
        requester, exchange.call, asked.patient, asked.authorities, asked.question
    )
    return exchange.enveloped(iti45.write_identifiers(message, stamp(exchange), asked.question.raw, found))


def _find(exchange: Exchange, body: etree._Element) -> Outgoing:
    message = exchange.message = read_message(body, iti47.QUERY)
    requester, asked = exchange.known(), iti47.read_patients_query(message)
    exchange.reached_hall = True
    found = exchange.door.patients.find(
        requester, exchange.call, asked.query, asked.authorities, asked.quantity, asked.question
    )
    return exchange.enveloped(iti47.write_patients(message, stamp(exchange), asked.authorities, found))


def _continue(exchange: Exchange, body: etree._Element) -> Outgoing:
    message = exchange.message = read_message(body, iti47.CONTINUATION, iti47.CANCELLATION)
    requester, asked = exchange.known(), iti47.read_continuation(message)
    if asked.aborted:
        exchange.is_about(Transaction.ITI_47_CANCEL)
        return _cancelled(exchange, message, asked)
    exchange.reached_hall = True
    found = exchange.door.patients.proceed(requester, exchange.call, asked.question, asked.start, asked.quantity)
    authorities = iti47.scoping_domains(found.question)
    return exchange.enveloped(iti47.write_patients(message, stamp(exchange), authorities, found))


def _cancel(exchange: Exchange, body: etree._Element) -> Outgoing:
    message = exchange.message = read_message(body, iti47.CANCELLATION, iti47.CONTINUATION)
    return _cancelled(exchange, message, iti47.read_continuation(message))


def _cancelled(exchange: Exchange, message: Message, asked: iti47.AskedRest) -> Outgoing:
    requester = exchange.known()
    exchange.reached_hall = True
    exchange.door.patients.cancel(requester, exchange.call, asked.question)
    return exchange.enveloped(write_acknowledgement(message, stamp(exchange), ()))


def _not_acknowledged(exchange: Exchange, findings: Sequence[Finding]) -> bytes:
    return write_acknowledgement(message_of(exchange), stamp(exchange), findings)


def _no_identifiers(exchange: Exchange, findings: Sequence[Finding]) -> bytes:
    message = message_of(exchange)
    return iti45.write_failure(message, stamp(exchange), raw_query(message), findings)


def _no_patients(exchange: Exchange, findings: Sequence[Finding]) -> bytes:
    message = message_of(exchange)
    return iti47.write_failure(message, stamp(exchange), raw_query(message), findings)


def message_of(exchange: Exchange) -> Message:
    """The interaction that came. Raises SoapError when none did that could be read."""
    if exchange.message is None:
        raise SoapError("an HL7 V3 interaction", "none that could be read")
    return exchange.message


def _interaction(exchange: Exchange) -> str:
    return iti44.ADD if exchange.transaction is Transaction.ITI_44_ADD else iti44.REVISE


def stamp(exchange: Exchange) -> Stamp:
    """That of the answer."""
    return Stamp(exchange.answer_id.removeprefix("urn:uuid:"), exchange.door.patients.now())


PATIENT_SERVICES: dict[Transaction, tuple[Serve, Fail]] = {
    Transaction.ITI_44_ADD: (_feed, _not_acknowledged),
    Transaction.ITI_44_REVISE: (_feed, _not_acknowledged),
    Transaction.ITI_44_MERGE: (_merge, _not_acknowledged),
    Transaction.ITI_45: (_identifiers, _no_identifiers),
    Transaction.ITI_47: (_find, _no_patients),
    Transaction.ITI_47_CONTINUE: (_continue, _no_patients),
    Transaction.ITI_47_CANCEL: (_cancel, _not_acknowledged),
}
