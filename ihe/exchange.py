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
from ihe.door import Door
from ihe.errors import AuthenticationError, findings_of, reason_of
from ihe.mime import Outgoing, PackageError, Readable
from ihe.mtom import is_packaged, read_package, write_package
from ihe.services import SERVICES
from ihe.soap import SOAP_CONTENT_TYPE, Header, action_not_supported, read_body, read_header, write_envelope
from ihe.transactions import Actor, Transaction


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
    documents: dict[str, Staged] = field(default_factory=dict)  # that came with the request, by entry id
    wanted: tuple[DocumentRequest, ...] = ()  # what ITI-43 asks for
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
        package = read_package(self.content_type, stream, self._stage, self.door.limits, self._admit)
        self.documents = package.documents
        body = read_body(package.root)
        if self.transaction is None:
            raise action_not_supported("")
        return SERVICES[self.transaction].serve(self, body)

    def failure(self, error: Exception) -> Outgoing | None:
        """The Failure answer to a request that was understood; None for an error that a fault tells."""
        findings = findings_of(error)
        if findings is None or self.transaction is None:
            return None
        return self.enveloped(SERVICES[self.transaction].fail(self, findings))

    def enveloped(self, body: bytes) -> Outgoing:
        """An answer in the encoding of the request."""
        action = self.transaction.response_action if self.transaction else ""
        envelope = write_envelope(action, self.relates_to, body)
        if self.packaged:
            return write_package(self.boundary, envelope)
        return Outgoing(SOAP_CONTENT_TYPE, len(envelope), iter([envelope]))

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


def _subject(certificate: bytes | None) -> str:
    """The RFC 4514 subject of a DER certificate; '' without one."""
    if certificate is None:
        return ""
    try:
        return x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
    except ValueError:
        raise AuthenticationError("TLS client certificate: expected X.509 DER, got something else") from None
