"""One request's way through the IHE door: read, authenticate, translate, ask the hall, answer.

Nobody is listened to before being known: the requester is authenticated on the header alone, before a document of an
envelope that comes first is staged, and before anything is read in the body. Whatever fails, what was staged is
discarded, and a request that did not reach the hall is recorded once; what the hall raises, the hall has recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from types import TracebackType

from cryptography import x509
from lxml import etree

from audit.event import Call
from dmp.ports import Staged
from dmp.requests import DocumentRequest, Lot
from identities.requester import Requester
from ihe import identifiers, iti18, iti41, iti43
from ihe.door import Door
from ihe.errors import AuthenticationError, findings_of, reason_of
from ihe.mime import Outgoing, PackageError, Readable
from ihe.mtom import is_packaged, read_package, write_package
from ihe.soap import Header, action_not_supported, frame, read_body, read_header, write_envelope

SOAP_CONTENT_TYPE = "application/soap+xml; charset=UTF-8"


class Transaction(Enum):
    """What this door serves: the transaction's number, its action, its name. Source: ITI TF-2 3.18, 3.41, 3.43."""

    ITI_18 = ("ITI-18", identifiers.REGISTRY_STORED_QUERY)
    ITI_41 = ("ITI-41", identifiers.PROVIDE_AND_REGISTER)
    ITI_43 = ("ITI-43", identifiers.RETRIEVE_DOCUMENT_SET)

    @property
    def number(self) -> str:
        return self.value[0]

    @property
    def action(self) -> str:
        return self.value[1]

    @property
    def response_action(self) -> str:
        return f"{self.value[1]}Response"


class Actor(Enum):
    """Who answers at an endpoint, and what. Source: ITI TF-1 10.1 (XDS.b actors and transactions)."""

    DOCUMENT_REGISTRY = (Transaction.ITI_18,)
    DOCUMENT_REPOSITORY = (Transaction.ITI_41, Transaction.ITI_43)


@dataclass(slots=True)
class Exchange:
    """One request, and what is known of it so far. Leaving it by an exception cleans up and records."""

    door: Door
    actor: Actor
    content_type: str
    boundary: str  # of the answer
    peer_certificate: Callable[[], bytes | None]
    call: Call
    header: Header | None = None
    transaction: Transaction | None = None
    requester: Requester | None = None
    wanted: tuple[DocumentRequest, ...] = ()
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
            self.door.refused(self.call, reason_of(error), self.requester)

    @property
    def relates_to(self) -> str:
        """The MessageID that the answer relates to, as far as it could be read."""
        return self.header.message_id if self.header else ""

    def answer(self, stream: Readable, content_length: int | None) -> Outgoing:
        """The answer to the request in `stream`. Raises what `ihe.errors` can tell, and what nobody expected."""
        limit = self.door.limits.total_bytes
        if content_length is not None and content_length > limit:
            raise PackageError(f"a body of at most {limit} bytes", str(content_length), 413)
        package = read_package(self.content_type, stream, self._stage, self.door.limits, self._admit)
        body = read_body(package.root)
        match self.transaction:
            case Transaction.ITI_18:
                return self._enveloped(self._search(body))
            case Transaction.ITI_41:
                return self._enveloped(self._provide(body, package.documents))
            case _:
                return self._retrieve(body)

    def failure(self, error: Exception) -> Outgoing | None:
        """The Failure answer to a request that was understood; None for an error that a fault tells."""
        findings = findings_of(error)
        if findings is None or self.transaction is None:
            return None
        match self.transaction:
            case Transaction.ITI_18:
                return self._enveloped(iti18.write_failure(findings))
            case Transaction.ITI_41:
                return self._enveloped(iti41.write_failure(findings))
            case Transaction.ITI_43:
                return self._enveloped(iti43.write_failure(findings, self.wanted))

    def _admit(self, root: etree._Element) -> None:
        """Header, action, requester, in this order: the first thing done with an envelope."""
        certificate = self.peer_certificate()
        self.call = replace(self.call, client_certificate=_subject(certificate))
        self.header = header = read_header(root)
        self.call = replace(self.call, message_id=header.message_id)
        self.transaction = next((served for served in self.actor.value if served.action == header.action), None)
        if self.transaction is None:
            raise action_not_supported(header.action)
        self.call = replace(self.call, transaction=self.transaction.number)
        self.requester = self.door.authenticate(header, certificate, self.call)

    def _stage(self) -> Staged:
        staged = self.door.stage()
        self._staged.append(staged)
        return staged

    def _known(self) -> Requester:
        """The requester. Raises AuthenticationError when there is none, whatever way led here."""
        if self.requester is None:
            raise AuthenticationError("expected an authenticated requester, got none")
        return self.requester

    def _search(self, body: etree._Element) -> bytes:
        requester, question = self._known(), iti18.read_question(body)
        self.reached_hall = True
        found = self.door.search(requester, self.call, question.query, question.query_id, question.raw)
        return iti18.write_answer(found, question.query.return_type)

    def _provide(self, body: etree._Element, documents: dict[str, Staged]) -> bytes:
        requester, (submission, findings) = self._known(), iti41.read_provide(body)
        entries = {entry.entry_uuid for entry in submission.entries}
        lot = Lot(
            submission=submission,
            documents={name: staged for name, staged in documents.items() if name in entries},
            findings=findings,
            extra_parts=tuple(name for name in documents if name not in entries),
        )
        self.reached_hall = True
        return iti41.write_success(self.door.provide(requester, self.call, lot))

    def _retrieve(self, body: etree._Element) -> Outgoing:
        requester = self._known()
        self.wanted = iti43.read_retrieve(body)
        self.reached_hall = True
        results = self.door.open(requester, self.call, self.wanted)
        around = frame(Transaction.ITI_43.response_action, self.relates_to)
        if is_packaged(self.content_type):
            return iti43.write_opened(results, around, self.boundary)
        return iti43.write_opened_inline(results, around, SOAP_CONTENT_TYPE)

    def _enveloped(self, body: bytes) -> Outgoing:
        """An answer in the encoding of the request. Source: ITI TF-2 V.3.6."""
        action = self.transaction.response_action if self.transaction else ""
        envelope = write_envelope(action, self.relates_to, body)
        if is_packaged(self.content_type):
            return write_package(self.boundary, envelope)
        return Outgoing(SOAP_CONTENT_TYPE, len(envelope), iter([envelope]))


def _subject(certificate: bytes | None) -> str:
    """The RFC 4514 subject of a DER certificate; '' without one."""
    if certificate is None:
        return ""
    try:
        return x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
    except ValueError:
        raise AuthenticationError("TLS client certificate: expected X.509 DER, got something else") from None
