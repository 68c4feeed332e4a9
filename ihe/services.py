"""How each transaction is served: its request translated, the hall asked through its port, the answer translated back.

Source: ITI TF-2 3.18, 3.41 to 3.43, 3.51, 3.57, 3.61, 3.62, 3.86, 3.92.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lxml import etree

from dmp.requests import Lot
from ihe import iti18, iti41, iti42, iti43, iti62, iti86
from ihe.gdp_services import GDP_SERVICES
from ihe.habilitation_services import HABILITATION_SERVICES
from ihe.mime import Outgoing
from ihe.patient_services import PATIENT_SERVICES
from ihe.registry_response import write_registry_response
from ihe.soap import frame
from ihe.transactions import Transaction
from registry.errors import Finding

if TYPE_CHECKING:
    from ihe.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Service:
    """One transaction: the answer to the element in its body, and the body that tells why there is none.

    `serve` raises what `ihe.errors` can tell. It sets `reached_hall` when it hands over to the hall, which then
    records what happens.
    """

    serve: Callable[[Exchange, etree._Element], Outgoing]
    fail: Callable[[Exchange, Sequence[Finding]], bytes]


def _search(exchange: Exchange, body: etree._Element) -> Outgoing:
    question = iti18.read_question(body, multi_patient=exchange.transaction is Transaction.ITI_51)
    requester = exchange.known()
    exchange.reached_hall = True
    call = replace(exchange.call, home_community_id=question.home_community_id)
    found = exchange.door.search(requester, call, question.query, question.query_id, question.raw)
    return exchange.enveloped(iti18.write_answer(found, question.query.return_type))


def _search_failure(_exchange: Exchange, findings: Sequence[Finding]) -> bytes:
    return iti18.write_failure(findings)


def _provide(exchange: Exchange, body: etree._Element) -> Outgoing:
    requester, (submission, findings) = exchange.known(), iti41.read_provide(body)
    entries = {entry.entry_uuid for entry in submission.entries}
    lot = Lot(
        submission=submission,
        documents={name: staged for name, staged in exchange.documents.items() if name in entries},
        findings=findings,
        extra_parts=tuple(name for name in exchange.documents if name not in entries),
    )
    exchange.reached_hall = True
    return _registered(exchange, exchange.door.provide(requester, exchange.call, lot))


def _register(exchange: Exchange, body: etree._Element) -> Outgoing:
    """ITI-42, and those that carry a SubmitObjectsRequest as it does: ITI-57, ITI-61, ITI-92."""
    requester, (submission, findings) = exchange.known(), iti42.read_register(body)
    port = {
        Transaction.ITI_57: exchange.door.update,
        Transaction.ITI_61: exchange.door.register_on_demand,
        Transaction.ITI_92: exchange.door.restricted_update,
    }.get(exchange.transaction or Transaction.ITI_42, exchange.door.register)
    exchange.reached_hall = True
    return _registered(exchange, port(requester, exchange.call, submission, findings))


def _retrieve(exchange: Exchange, body: etree._Element) -> Outgoing:
    requester = exchange.known()
    exchange.wanted = iti43.read_retrieve(body)
    exchange.reached_hall = True
    results = exchange.door.open(requester, exchange.call, exchange.wanted)
    around = frame(Transaction.ITI_43.response_action, exchange.addressed(exchange.routes.reply))
    if exchange.packaged:
        return iti43.write_opened(results, around, exchange.boundary)
    return iti43.write_opened_inline(results, around)


def _retrieve_failure(exchange: Exchange, findings: Sequence[Finding]) -> bytes:
    return iti43.write_failure(findings, exchange.wanted)


def _remove_metadata(exchange: Exchange, body: etree._Element) -> Outgoing:
    requester, uuids = exchange.known(), iti62.read_remove(body)
    exchange.reached_hall = True
    return _registered(exchange, exchange.door.remove_metadata(requester, exchange.call, uuids))


def _remove_documents(exchange: Exchange, body: etree._Element) -> Outgoing:
    requester = exchange.known()
    exchange.wanted = iti86.read_remove(body)
    exchange.reached_hall = True
    return _registered(exchange, exchange.door.remove_documents(requester, exchange.call, exchange.wanted))


def _registered(exchange: Exchange, warnings: Sequence[Finding]) -> Outgoing:
    """Success: warnings do not change it. Source: ITI TF-3 4.2.4.2."""
    return exchange.enveloped(write_registry_response(warnings))


def _registry_failure(_exchange: Exchange, findings: Sequence[Finding]) -> bytes:
    return write_registry_response(findings)


SERVICES = {
    Transaction.ITI_18: Service(_search, _search_failure),
    Transaction.ITI_41: Service(_provide, _registry_failure),
    Transaction.ITI_42: Service(_register, _registry_failure),
    Transaction.ITI_43: Service(_retrieve, _retrieve_failure),
    Transaction.ITI_51: Service(_search, _search_failure),
    Transaction.ITI_57: Service(_register, _registry_failure),
    Transaction.ITI_61: Service(_register, _registry_failure),
    Transaction.ITI_62: Service(_remove_metadata, _registry_failure),
    Transaction.ITI_86: Service(_remove_documents, _registry_failure),
    Transaction.ITI_92: Service(_register, _registry_failure),
    **{
        transaction: Service(*both)
        for transaction, both in (PATIENT_SERVICES | GDP_SERVICES | HABILITATION_SERVICES).items()
    },
}
