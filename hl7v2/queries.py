"""Which query asks for what, and how each is answered: identifiers (ITI-9), patients by their traits (ITI-21).

Who may ask what is decided in the hall, as by HL7 V3 (ITI-45, ITI-47).

Source: ITI TF-2 3.9 (PIX Query), 3.21 (Patient Demographics Query); HL7 v2.5, MSH-9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from hl7v2 import qbp_q22, qbp_q23
from hl7v2.er7 import Message
from hl7v2.errors import Condition, Fault, Hl7Error
from hl7v2.exchange import Exchange
from hl7v2.header import Header
from hl7v2.message import check_structure
from identities.requester import Requester
from registry.errors import Finding, RegistryError

PIX, PDQ = "ITI-9", "ITI-21"  # what the audit log calls them: Call.transaction
Answer = Callable[[Exchange, Message, Requester], bytes]
Located = Callable[[Iterable[Finding]], tuple[Fault, ...]]


@dataclass(frozen=True, slots=True)
class Query:
    """One kind of query: its structure, its transaction, MSH-9 of its answer (none for ACK), and who answers it."""

    structure: str
    transaction: str
    response: tuple[str, ...]
    answer: Answer


def asked(exchange: Exchange, message: Message, header: Header) -> bytes:
    """The frame that answers a query. Raises Hl7Error, and what the hall raises."""
    of_code = QUERIES[header.message_code]
    query = of_code.get(header.event)
    if query is None:
        expected = f"one of {', '.join(sorted(of_code))}"
        raise Hl7Error.single(Condition.EVENT_CODE, expected, "another", message.msh.at(9, 2))
    exchange.call = replace(exchange.call, transaction=query.transaction, message_id=header.control_id)
    exchange.response = query.response
    requester = exchange.requester = exchange.known.requester(header)
    check_structure(message, query.structure, header.version)
    return query.answer(exchange, message, requester)


def _identifiers(exchange: Exchange, message: Message, requester: Requester) -> bytes:
    door = exchange.door
    asked_for = qbp_q23.read_identifiers_query(message, exchange.header, door.namespaces)
    exchange.reached_hall = True
    with _located(qbp_q23.located):
        found = door.identifiers_of(
            requester, exchange.call, asked_for.patient, asked_for.authorities, asked_for.question
        )
    return exchange.found(qbp_q23.write_identifiers_found(found, message.syntax, door.namespaces))


def _patients(exchange: Exchange, message: Message, requester: Requester) -> bytes:
    door, call = exchange.door, exchange.call
    wanted = qbp_q22.read_patients_query(message, exchange.header, door.namespaces)
    exchange.reached_hall = True
    with _located(qbp_q22.located):
        if wanted.start is None:
            found = door.find(
                requester, call, wanted.query, wanted.authorities, wanted.quantity, wanted.question, identified=True
            )
        else:
            found = door.proceed(requester, call, wanted.question, wanted.start, wanted.quantity)
    return exchange.found(*qbp_q22.write_patients(wanted, found, message.syntax, door.namespaces))


def _cancel(exchange: Exchange, message: Message, requester: Requester) -> bytes:
    question = qbp_q22.read_cancellation(message, exchange.header)
    exchange.reached_hall = True
    exchange.door.cancel(requester, exchange.call, question)
    return exchange.accepted()


@contextmanager
def _located(locate: Located) -> Iterator[None]:
    """What the hall finds wrong with a query, told with its place in it."""
    try:
        yield
    except RegistryError as error:
        raise Hl7Error(locate(error.findings)) from None


QUERIES: dict[str, dict[str, Query]] = {
    "QBP": {
        "Q22": Query("QBP_Q21", PDQ, qbp_q22.RESPONSE, _patients),
        "Q23": Query("QBP_Q21", PIX, qbp_q23.RESPONSE, _identifiers),
    },
    "QCN": {"J01": Query("QCN_J01", PDQ, (), _cancel)},
}
