"""Which message asks for what, and how each is served.

Source: HL7 v2.5 and v2.6, MSH-9; CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2; ITI TF-2 3.8.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from audit.transactions import RECUEIL
from hl7v2 import adt
from hl7v2.door import Receipt
from hl7v2.er7 import Message, Segment, read_syntax
from hl7v2.errors import ANOTHER, Condition, Fault, Hl7Error
from hl7v2.exchange import Exchange
from hl7v2.header import Header
from hl7v2.mdm_t02 import CANCEL, read_mdm
from hl7v2.mdm_t02 import STRUCTURES as MDM_STRUCTURES
from hl7v2.oru_r01 import read_oru
from hl7v2.queries import QUERIES
from hl7v2.reporting import serve_results
from hl7v2.results import has_results
from hl7v2.sender import sender
from hl7v2.submission import Received, check_patient, lot_of, receive, submission_set
from hl7v2.transmission import CONNEXION_SECRETE, MODIF_CONF_CODE, Intention, Transmission
from hl7v2.zfa import read_collected
from identities.ins import AUTHORITIES, write_cx
from identities.requester import Requester

_MSH_BYTES = 4096
PROVIDE, UPDATE, FEED = "ITI-41", "ITI-57", "ITI-8"  # what the audit log calls them: Call.transaction


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of message: its structure, the transaction that it is, and what is done with it."""

    structure: str
    transaction: str
    serve: Callable[[Exchange], None]


def service_of(msh: Segment, header: Header) -> Service:
    """Who serves a message of that header. Raises Hl7Error."""
    of_code = SERVICES.get(header.message_code)
    if of_code is None:
        expected = f"one of {', '.join(sorted({*SERVICES, *QUERIES}))}"
        raise Hl7Error.single(Condition.MESSAGE_TYPE, expected, "another", msh.at(9, 1))
    service = of_code.get(header.event)
    if service is None:
        expected = f"one of {', '.join(sorted(of_code))}"
        raise Hl7Error.single(Condition.EVENT_CODE, expected, "another", msh.at(9, 2))
    return service


def kind_of(data: bytes) -> str:
    """Which of the messages that are served `data` begins: ORU^R01 ...; '' for another."""
    try:
        msh = read_syntax(data)
    except Hl7Error:
        return ""
    fields = data[:_MSH_BYTES].split(msh.field.encode(), 9)
    code, _, event = (fields[8] if len(fields) > 8 else b"").decode("ascii", "replace").partition(msh.component)
    event = event.partition(msh.component)[0]
    served = event in SERVICES.get(code, {}) or event in QUERIES.get(code, {})
    return f"{code}^{event}" if served else ""


def _transmission(exchange: Exchange, read: Callable[[Message, Header], Transmission]) -> None:
    """A document sent, replaced or deleted."""
    door, message = exchange.door, exchange.whole
    asked = read(message, exchange.header)
    exchange.heed(asked.flags)
    receipt = exchange.kept
    if asked.intention is Intention.DELETION:
        exchange.call = replace(exchange.call, transaction=UPDATE)
    _check_sent_by(asked, exchange.header)
    person = asked.sent_by.person_id if asked.sent_by else ""
    requester = exchange.requester = sender(
        exchange.known,
        exchange.header,
        asked.sent_by,
        door.professional(person) if person else None,
        secret=CONNEXION_SECRETE in asked.flags,
    )
    with ExitStack() as stack:
        documents: list[Received] = []
        for encapsulated in asked.documents:
            document = receive(encapsulated, message.syntax, door.stage)
            stack.callback(document.staged.discard)
            documents.append(document)
        if documents:
            _check_numbers(asked, documents, exchange.header)
        if asked.intention is Intention.DELETION:
            _delete(exchange, receipt, requester, asked, documents)
            return
        patients = {check_patient(each, asked) for each in documents}
        if len(patients) > 1:
            where = documents[1].location
            raise Hl7Error.single(Condition.APPLICATION, "renditions about one patient", "several", where, ANOTHER)
        lot = lot_of(asked, documents, requester, door.now())
        former = _former(asked, documents) if asked.intention is Intention.REPLACEMENT else {}
        exchange.reached_hall = True
        if asked.intention is Intention.INITIAL:
            door.provide(receipt, requester, exchange.call, lot)
        else:
            by_entry = {entry.entry_uuid: former[entry.unique_id] for entry in lot.submission.entries}
            changes = MODIF_CONF_CODE in asked.flags
            door.replace(receipt, requester, exchange.call, lot, patients.pop(), by_entry, marks_change=changes)


def _delete(
    exchange: Exchange, receipt: Receipt, requester: Requester, asked: Transmission, documents: list[Received]
) -> None:
    door = exchange.door
    patients = {check_patient(each, asked) for each in documents}
    patients |= {each for each in asked.patients if each.authority in AUTHORITIES and not documents}
    if len(patients) != 1:
        where = documents[0].location if documents else None
        raise Hl7Error.single(Condition.APPLICATION, "one patient by an INS", str(len(patients)), where, ANOTHER)
    patient = patients.pop()
    own = submission_set(asked, requester, write_cx(patient, "NH"), door.now())
    unique_ids = [each.unique_id for each in documents] or [asked.document_id]
    exchange.reached_hall = True
    door.delete(receipt, requester, exchange.call, own, patient, unique_ids)


def _former(asked: Transmission, documents: list[Received]) -> dict[str, str]:
    """The uniqueId that each document replaces, by its own: what its header says, else TXA-13. Raises Hl7Error."""
    found: dict[str, str] = {}
    for document in documents:
        named = document.replaced or tuple(filter(None, (asked.replaced,)))
        if len(named) != 1 or (asked.replaced and asked.replaced not in named):
            expected = "one relatedDocument RPLC, the same as TXA-13 where there is one"
            got = "none" if not named else "others"
            raise Hl7Error.single(Condition.APPLICATION, expected, got, document.location, ANOTHER)
        found[document.unique_id] = named[0]
    return found


def _check_sent_by(asked: Transmission, header: Header) -> None:
    """From version 2.0 on, who sends is named, where a PRT may stand. Raises Hl7Error.

    Source: the volet 2.0, PRT (required for the DMP).
    """
    if asked.sent_by is None and header.event != CANCEL and not header.profile.startswith("1."):
        raise Hl7Error([Fault(Condition.SEGMENT_SEQUENCE, "expected a PRT of participation SB, got none")])


def _check_numbers(asked: Transmission, documents: list[Received], header: Header) -> None:
    """TXA-12 is the number of the document, from version 2.0 on. Raises Hl7Error."""
    said = asked.document_id
    if said and not header.profile.startswith("1.") and said != documents[0].unique_id:
        where = documents[0].location
        raise Hl7Error.single(Condition.OTHER, "the ClinicalDocument/id in TXA-12", "another", where)


def _oru(exchange: Exchange) -> None:
    reporting = exchange.door.reporting
    if reporting is not None and has_results(exchange.whole):
        serve_results(exchange, reporting)
    else:
        _transmission(exchange, read_oru)


def _mdm(exchange: Exchange) -> None:
    _transmission(exchange, read_mdm)


def _feed(exchange: Exchange) -> None:
    """An identity fed; of an establishment of the DMP that says what it collected of a patient, nothing but that."""
    message, requester, receipt = exchange.whole, _requester(exchange), exchange.kept
    if exchange.known.structure_id and message.first("ZFA") is not None:
        _collect(exchange, message, requester, receipt)
        return
    said = adt.read_feed(message, exchange.header, exchange.door.namespaces)
    exchange.reached_hall = True
    exchange.door.feed(receipt, requester, exchange.call, said)


def _collect(exchange: Exchange, message: Message, requester: Requester, receipt: Receipt) -> None:
    exchange.call = replace(exchange.call, transaction=RECUEIL)
    collected = read_collected(message, exchange.header, exchange.door.now())
    patient = adt.read_qualified(message)
    exchange.reached_hall = True
    exchange.door.collect(receipt, requester, exchange.call, patient, collected)


def _merge(exchange: Exchange) -> None:
    requester, receipt = _requester(exchange), exchange.kept
    said, subsumed = adt.read_merge(exchange.whole, exchange.header, exchange.door.namespaces)
    exchange.reached_hall = True
    exchange.door.merge(receipt, requester, exchange.call, said, subsumed)


def _requester(exchange: Exchange) -> Requester:
    if exchange.requester is None:
        raise LookupError("a requester who is known")
    return exchange.requester


SERVICES: dict[str, dict[str, Service]] = {
    "ADT": {
        event: Service(structure, FEED, _merge if event in adt.MERGES else _feed)
        for event, structure in adt.STRUCTURES.items()
    },
    "ORU": {"R01": Service("ORU_R01", PROVIDE, _oru)},
    "MDM": {
        event: Service(structure, UPDATE if event in ("T04", CANCEL) else PROVIDE, _mdm)
        for event, structure in MDM_STRUCTURES.items()
    },
}
