"""The practice software connected to one server as one sender: assertions made and reused, requests out, answers in.

Sources: ITI TF-2 Appendix V; CI-SIS, volet Transport synchrone (VIHF).
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from lxml import etree

from conformance.lps import people
from conformance.lps.mtom import Attachment, Package, Received, receive
from conformance.lps.people import Demo, Patient, Sender
from conformance.lps.soap import envelope, read_body
from conformance.lps.transport import Transport, client_context
from conformance.lps.vihf import Access, vihf
from schemas.value_sets import ValueSets

REGISTRY = "/ihe/registry"
REPOSITORY = "/ihe/repository"
PATIENTS = "/ihe/patients"
HABILITATIONS = "/ihe/habilitations"
ASSERTION_REUSED_FOR = timedelta(minutes=20)  # well inside the hour that a server accepts
TIMEOUT_SECONDS = 120.0

Progress = Callable[[int], None]


def silent(_bytes: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request with all its signatures, ready to be posted: `body` gives its `length` bytes, as often as asked."""

    path: str
    content_type: str
    length: int
    body: Iterable[bytes]
    message_id: str


def _now() -> datetime:
    return datetime.now(UTC)


class Connection:
    """One sender at one server. One instance serves several threads, each with its own connection.

    An assertion is made for one patient and one access mode, and used again for `ASSERTION_REUSED_FOR`.
    """

    def __init__(
        self,
        address: str,
        sender: Sender,
        *,
        ca: Path | None = None,
        vihf_version: str = "4.0",
        clock: Callable[[], datetime] = _now,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        context = client_context(sender.keys, str(ca) if ca else None) if address.startswith("https:") else None
        self._address, self._transport = address.rstrip("/"), Transport(address, context, timeout)
        self._sender, self._version, self._clock = sender, vihf_version, clock
        self._values = ValueSets.load()
        self._assertions: dict[tuple[Patient | None, Access], tuple[datetime, bytes]] = {}
        self._lock = threading.Lock()

    @classmethod
    def from_demo(
        cls,
        demo: Demo | Path,
        name: str,
        *,
        mode: str | None = None,
        user: str | None = None,
        server: str | None = None,
    ) -> Self:
        """The software as `name` of a demo folder uses it. Raises LpsUsageError when the folder cannot say how."""
        demo = people.load(demo) if isinstance(demo, Path) else demo
        return cls(demo.address(server), demo.sender(name, mode=mode, user=user), ca=demo.ca)

    def close(self) -> None:
        """Closes the idle connections."""
        self._transport.close()

    def assertion(self, patient: Patient | None, access: Access) -> bytes:
        """The VIHF for a patient (or none) and an access mode: the same one while it is young, then a new one."""
        now = self._clock()
        with self._lock:
            made, assertion = self._assertions.get((patient, access), (now, b""))
            if not assertion or now - made > ASSERTION_REUSED_FOR:
                assertion = vihf(self._sender, patient, access, self._version, now)
                self._assertions[patient, access] = (now, assertion)
            return assertion

    def message(
        self, path: str, action: str, content: bytes, patient: Patient | None, *, access: Access | None = None
    ) -> Request:
        """Any content as a simple SOAP request, nothing sent; `patient` is whom the VIHF names."""
        assertion = self.assertion(patient, access or Access())
        message_id, start, end = envelope(action, self._address + path, assertion)
        data = start + content + end
        return Request(path, f'application/soap+xml; charset=UTF-8; action="{action}"', len(data), [data], message_id)

    def package(
        self,
        path: str,
        action: str,
        content: Sequence[bytes | Attachment],
        patient: Patient | None,
        *,
        access: Access | None = None,
        inline: bool = False,
    ) -> Request:
        """As `message`, with documents, in MTOM; `inline` writes them as base64 in the envelope."""
        assertion = self.assertion(patient, access or Access())
        message_id, start, end = envelope(action, self._address + path, assertion)
        package = Package([start, *content, end], action, inline=inline)
        return Request(path, package.content_type, len(package), package, message_id)

    def ask(self, request: Request) -> etree._Element:
        """Sends a request whose answer has no documents; what its Body holds. Raises LpsError for a Fault."""
        with tempfile.TemporaryDirectory(prefix="lps-") as folder:
            return self.exchange(request, Path(folder))[0]

    def exchange(
        self, request: Request, folder: Path, *, sent: Progress = silent, received: Progress = silent
    ) -> tuple[etree._Element, Received]:
        """Sends a request; what the Body of the answer holds, and its documents as files of `folder`."""
        with self._transport.post(request.path, request.content_type, request.length, request.body, sent) as response:
            answer = receive(response, response.headers.get("Content-Type", ""), folder, progress=received)
            return read_body(answer.envelope, response.status, request.message_id), answer
