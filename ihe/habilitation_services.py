"""How the transactions of authorisations and internet accounts are served.

What cannot be read is a SOAP fault; what is understood and cannot be done is a status that says why.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD0.3, TD0.4, TD1.5 and TD1.6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lxml import etree

from ihe import habilitations, patient_access
from ihe.document_literal import raw_request, write_failure, write_response
from ihe.mime import Outgoing
from ihe.transactions import Transaction
from registry.errors import Finding

if TYPE_CHECKING:
    from ihe.exchange import Exchange

Serve = Callable[["Exchange", etree._Element], Outgoing]
Fail = Callable[["Exchange", Sequence[Finding]], bytes]


def _declare(exchange: Exchange, body: etree._Element) -> Outgoing:
    requester, change = exchange.known(), habilitations.read_change(body)
    exchange.reached_hall = True
    context = exchange.door.habilitations.declare(requester, exchange.call, change)
    return exchange.enveloped(write_response(habilitations.SET_AUTHORIZATION, context=context))


def _holders(exchange: Exchange, body: etree._Element) -> Outgoing:
    requester, mode = exchange.known(), habilitations.read_mode(body)
    exchange.reached_hall = True
    found = exchange.door.habilitations.holders(requester, exchange.call, mode, raw_request(body))
    return exchange.enveloped(habilitations.write_holders(found))


def _dossiers(exchange: Exchange, body: etree._Element) -> Outgoing:
    requester, (since, owner) = exchange.known(), habilitations.read_list(body)
    exchange.reached_hall = True
    found = exchange.door.habilitations.dossiers(requester, exchange.call, since, owner, raw_request(body))
    return exchange.enveloped(habilitations.write_list(found))


def _create_access(exchange: Exchange, body: etree._Element) -> Outgoing:
    requester, (channel, address) = exchange.known(), patient_access.read_channel(body)
    exchange.reached_hall = True
    access = exchange.door.accounts.create(requester, exchange.call, channel, address)
    return exchange.enveloped(patient_access.write_access(patient_access.CREATE_ACCESS, access))


def _update_channel(exchange: Exchange, body: etree._Element) -> Outgoing:
    requester, (change, channel, address) = exchange.known(), patient_access.read_channel_change(body)
    exchange.reached_hall = True
    exchange.door.accounts.update_channel(requester, exchange.call, change, channel, address)
    return exchange.enveloped(write_response(patient_access.OTP_UPDATE, context=patient_access.OTP_UPDATED))


def _renew_access(exchange: Exchange, body: etree._Element) -> Outgoing:
    requester = exchange.known()
    patient_access.read_renewal(body)
    exchange.reached_hall = True
    access = exchange.door.accounts.renew(requester, exchange.call)
    return exchange.enveloped(patient_access.write_access(patient_access.UPDATE_ACCESS, access))


def _failing(element: str) -> Fail:
    def fail(_exchange: Exchange, findings: Sequence[Finding]) -> bytes:
        return write_failure(element, findings)

    return fail


HABILITATION_SERVICES: dict[Transaction, tuple[Serve, Fail]] = {
    Transaction.TD0_3: (_declare, _failing(habilitations.SET_AUTHORIZATION)),
    Transaction.TD0_4: (_dossiers, _failing(habilitations.PATIENT_LIST)),
    Transaction.TD1_5A: (_create_access, _failing(patient_access.CREATE_ACCESS)),
    Transaction.TD1_5B: (_update_channel, _failing(patient_access.OTP_UPDATE)),
    Transaction.TD1_5D: (_renew_access, _failing(patient_access.UPDATE_ACCESS)),
    Transaction.TD1_6: (_holders, _failing(habilitations.LIST_AUTHORIZATION)),
}
