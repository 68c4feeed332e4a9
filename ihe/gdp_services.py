"""How the transactions that manage a DMP are served: existence, search, administrative data, the life of a dossier.

Several share an action: the reason in the body tells which one a request is.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD0.2, TD0.5, TD1.1 to TD1.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lxml import etree

from ihe import gdp, iti47
from ihe.gdp_registration import read_registration
from ihe.hl7v3 import Message, read_message
from ihe.mime import Outgoing
from ihe.patient_services import Fail, Serve, message_of, stamp
from ihe.transactions import Transaction
from registry.errors import Finding

if TYPE_CHECKING:
    from ihe.exchange import Exchange


def _query(exchange: Exchange, body: etree._Element) -> Outgoing:
    message, transaction = _read(exchange, body, gdp.QUERY)
    requester, (patient, question) = exchange.known(), gdp.read_dossier_query(message)
    exchange.reached_hall = True
    if transaction is Transaction.TD0_2:
        existence = exchange.door.dossiers.existence(requester, exchange.call, patient, question)
        return exchange.enveloped(gdp.write_existence(message, stamp(exchange), existence))
    data = exchange.door.dossiers.consult(requester, exchange.call, patient, question)
    return exchange.enveloped(gdp.write_consulted(message, stamp(exchange), data))


def _find(exchange: Exchange, body: etree._Element) -> Outgoing:
    message = exchange.message = read_message(body, iti47.QUERY)
    requester, asked = exchange.known(), iti47.read_patients_query(message)
    exchange.reached_hall = True
    found = exchange.door.dossiers.candidates(requester, exchange.call, asked.query, asked.question)
    return exchange.enveloped(gdp.write_candidates(message, stamp(exchange), found))


def _create(exchange: Exchange, body: etree._Element) -> Outgoing:
    return _register(exchange, *_read(exchange, body, gdp.CREATION))


def _revise(exchange: Exchange, body: etree._Element) -> Outgoing:
    return _register(exchange, *_read(exchange, body, gdp.REVISION))


def _read(exchange: Exchange, body: etree._Element, interaction: str) -> tuple[Message, Transaction]:
    message = exchange.message = read_message(body, interaction)
    transaction = gdp.read_transaction(message)
    exchange.is_about(transaction)
    return message, transaction


def _register(exchange: Exchange, message: Message, transaction: Transaction) -> Outgoing:
    creating, closing = transaction is Transaction.TD1_1, transaction is Transaction.TD1_4
    requester, said = exchange.known(), read_registration(message, creating=creating, closing=closing)
    ports = exchange.door.dossiers
    port = {
        Transaction.TD1_1: ports.create,
        Transaction.TD1_2: ports.reactivate,
        Transaction.TD1_3B: ports.amend,
        Transaction.TD1_4: ports.close,
    }[transaction]
    exchange.reached_hall = True
    registered = port(requester, exchange.call, said)
    return exchange.enveloped(gdp.write_registered(message, stamp(exchange), registered))


def _not_told(exchange: Exchange, findings: Sequence[Finding]) -> bytes:
    return gdp.write_query_failure(message_of(exchange), stamp(exchange), findings)


def _nobody_found(exchange: Exchange, findings: Sequence[Finding]) -> bytes:
    return gdp.write_no_candidates(message_of(exchange), stamp(exchange), findings)


def _not_registered(exchange: Exchange, findings: Sequence[Finding]) -> bytes:
    return gdp.write_registration_failure(message_of(exchange), stamp(exchange), findings)


GDP_SERVICES: dict[Transaction, tuple[Serve, Fail]] = {
    Transaction.TD0_2: (_query, _not_told),
    Transaction.TD0_5: (_find, _nobody_found),
    Transaction.TD1_1: (_create, _not_registered),
    Transaction.TD1_2: (_revise, _not_registered),
    Transaction.TD1_3A: (_query, _not_told),
    Transaction.TD1_3B: (_revise, _not_registered),
    Transaction.TD1_4: (_revise, _not_registered),
}
