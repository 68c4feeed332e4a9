"""One request's way through the IHE door: read, authenticate, translate, ask the hall, answer.

Nobody is listened to before being known: the requester is authenticated on the header alone, before a document of an
envelope that comes first is staged, and before anything is read in the body. Whatever fails, what was staged is
discarded, and a request that did not reach the hall is recorded once; what the hall raises, the hall has recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import TracebackType

from cryptography import x509
from lxml import etree

from audit.event import Call
from dmp.ports import Staged
from dmp.requests import DocumentRequest
from identities.requester import Requester
from ihe.door import Door, Peer
from ihe.errors import AuthenticationError, findings_of, is_ours, reason_of
from ihe.hl7v3 import Message
from ihe.mime import Outgoing, PackageError, Readable
from ihe.mtom import is_packaged, read_package, write_package
from ihe.reply import Routes, exchange_key, routes
from ihe.services import SERVICES
from ihe.soap import (
    SOAP_CONTENT_TYPE,
    EndpointReference,
    Fault,
    Header,
    Reply,
    SoapError,
    action_not_supported,
    read_body,
    read_header,
    write_envelope,
    write_fault,
)
from ihe.transactions import Actor, Transaction


@dataclass(slots=True)
class Exchange:
    """One request, and what is known of it so far. Leaving it by an exception cleans up and records."""

    door: Door
    actor: Actor
    content_type: str
    content_encoding: str
    boundary: str  # of the answer
    answer_id: str  # MessageID of an answer that leaves by another connection
    peer: Callable[[], Peer]
    call: Call
    header: Header | None = None
    transaction: Transaction | None = None
    requester: Requester | None = None
    routes: Routes = field(default_factory=Routes)  # until the requester is known, everything goes back at once
    documents: dict[str, Staged] = field(default_factory=dict)  # that came with the request, by entry id
    wanted: tuple[DocumentRequest, ...] = ()  # what ITI-43 asks for
    message: Message | None = None  # the HL7 V3 interaction that came
    reached_hall: bool = False
    _staged: list[Staged] = field(default_factory=list)

    def __enter__(self) -> Exchange:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        for staged in self._staged:
            staged.discard()
        if not self.reached_hall and isinstance(error, Exception):
            note = self.door.failed if is_ours(error) else self.door.refused
            note(self.call, reason_of(error), self.requester)

    def addressed(self, endpoint: EndpointReference) -> Reply:
        """How a message to `endpoint` is addressed, as far as the request could be read."""
        relates_to = self.header.message_id if self.header else ""
        if not endpoint.elsewhere:
            return Reply(relates_to, parameters=endpoint.parameters)
        return Reply(relates_to, endpoint.address, self.answer_id, endpoint.parameters)

    @property
    def packaged(self) -> bool:
        """Whether the request came as an MTOM package, and so whether the answer goes as one. Source: TF-2 V.3.6."""
        return is_packaged(self.content_type)

    def known(self) -> Requester:
        """The requester. Raises AuthenticationError when there is none, whatever way led here."""
        if self.requester is None:
            raise AuthenticationError("expected an authenticated requester, got none")
        return self.requester

    def answer(self, stream: Readable, content_length: int | None) -> Outgoing:
        """The answer to the request in `stream`. Raises what `ihe.errors` can tell, and what nobody expected."""
        limit = self.door.limits.total_bytes
        if content_length is not None and content_length > limit:
            raise PackageError(f"a body of at most {limit} bytes", str(content_length), 413)
        if self.content_encoding.strip().lower() not in ("", "identity"):
            raise PackageError("a body without Content-Encoding", self.content_encoding[:40], 415)
        package = read_package(self.content_type, stream, self._stage, self.door.limits, self._admit)
        self.documents = package.documents
        body = read_body(package.root)
        if self.transaction is None:
            raise action_not_supported("")
        return SERVICES[self.transaction].serve(self, body)

    def is_about(self, transaction: Transaction) -> None:
        """Says which of the transactions that share an action the request is, once its body tells."""
        self.transaction = transaction
        self.call = replace(self.call, transaction=transaction.number)

    def failure(self, error: Exception) -> Outgoing | None:
        """The Failure answer to a request that was understood; None for an error that a fault tells."""
        findings = findings_of(error)
        if findings is None or self.transaction is None:
            return None
        return self.enveloped(SERVICES[self.transaction].fail(self, findings))

    def enveloped(self, body: bytes) -> Outgoing:
        """An answer in the encoding of the request."""
        action = self.transaction.response_action if self.transaction else ""
        envelope = write_envelope(action, self.addressed(self.routes.reply), body)
        return write_package(self.boundary, envelope) if self.packaged else _simple(envelope)

    def fault(self, fault: Fault) -> Outgoing:
        """A fault, in simple SOAP."""
        return _simple(write_fault(fault, self.addressed(self.routes.fault)))

    def send(self, endpoint: EndpointReference, outgoing: Outgoing) -> Outgoing | None:
        """What goes back on the connection: `outgoing` itself, or None when it leaves by another one, or nowhere."""
        if endpoint.elsewhere:
            self.door.outbox.post(endpoint.address, outgoing, self._key())
        return None if endpoint.elsewhere or endpoint.nowhere else outgoing

    def _admit(self, root: etree._Element) -> None:
        """Header, action, requester, in this order: the first thing done with an envelope."""
        peer = self.peer()
        self.call = replace(self.call, client_certificate=_subject(peer.certificate))
        self.header = header = read_header(root)
        self.call = replace(self.call, message_id=header.message_id, reply_to=header.reply_to.address)
        action = "".join(header.action.split())  # ITI TF-2 3.47.4.2.3.1.1 prints one with a space in it
        self.transaction = next((served for served in self.actor.transactions if served.action == action), None)
        if self.transaction is None:
            raise action_not_supported(header.action)
        self.call = replace(self.call, transaction=self.transaction.number)
        self.requester = self.door.authenticate(header, peer, self.call)
        self.routes = self._routed(header)

    def _routed(self, header: Header) -> Routes:
        """Where answers go. Raises SoapError, also for a request that was carried out before.

        Source: Web Services Addressing 1.0, Core §3.2 (a message may be sent twice), SOAP Binding §6.4.1.4.
        """
        chosen = routes(header, self.door.outbox)
        if chosen.elsewhere and self.door.outbox.seen(self._key()):
            subcodes = ("wsa:InvalidAddressingHeader", "wsa:DuplicateMessageID")
            raise SoapError("a new wsa:MessageID", "one whose answer is on its way", subcodes=subcodes)
        return chosen

    def _key(self) -> str:
        sender = self.call.client_certificate or self.call.client_address
        return exchange_key(sender, self.header.message_id if self.header else "")

    def _stage(self) -> Staged:
        staged = self.door.stage()
        self._staged.append(staged)
        return staged


def _simple(envelope: bytes) -> Outgoing:
    return Outgoing(SOAP_CONTENT_TYPE, len(envelope), iter([envelope]))


def _subject(certificate: bytes | None) -> str:
    """The RFC 4514 subject of a DER certificate; '' without one."""
    if certificate is None:
        return ""
    try:
        return x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
    except ValueError:
        raise AuthenticationError("TLS client certificate: expected X.509 DER, got something else") from None
