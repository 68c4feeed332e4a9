"""What the HL7 v2 door needs of the house, as ports. The server binds them to the hall.

What the hall raises, the hall has recorded; `refused` is for messages that never reached it, `failed` for those that
did not by this server's own fault. A port that changes something gets the `Receipt` of the message: it is durable with
the change, or neither is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from audit.event import Call
from dmp.patient_search import Aliases, Matches, Question
from dmp.patients import Said
from dmp.ports import Clock, Staged
from dmp.recueil import Collected
from dmp.requests import Lot
from dmp.transmission import Versions
from hl7v2.identifiers import Namespaces
from hl7v2.sender import Known
from identities.patient_query import PatientQuery
from identities.professional import Professional, Structure
from identities.requester import PatientId, Requester
from registry.errors import Finding
from registry.metadata import SubmissionSet


@dataclass(frozen=True, slots=True)
class Receipt:
    """That one message was carried out: who sent it under which number, what it was (SHA-256), and how it was answered.

    A number names one message of one sender. `told` is what the sender is told by a message back, b"" for nothing.
    Source: HL7 v2.5 2.15.9.10; CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2, ZAM^Z01.
    """

    sender: str
    control_id: str
    digest: str
    answer: bytes
    told: bytes = b""


class Replace(Protocol):
    """Documents in the place of others, by uniqueId: see `dmp.transmission.Transmissions.replace`."""

    def __call__(
        self,
        receipt: Receipt,
        requester: Requester,
        call: Call,
        lot: Lot,
        patient: PatientId,
        former: Mapping[str, str],
        /,
        *,
        marks_change: bool,
    ) -> tuple[Finding, ...]: ...


class Find(Protocol):
    """Patients by their traits: see `dmp.patient_search.PatientSearch.find`."""

    def __call__(
        self,
        requester: Requester,
        call: Call,
        query: PatientQuery,
        authorities: Sequence[str],
        quantity: int | None,
        question: Question,
        /,
        *,
        identified: bool,
    ) -> Matches: ...


@dataclass(frozen=True, slots=True)
class PaperTable:
    """A table on paper: what stands above it, its headings and rows, and what stands below it."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Paper:
    """A report on paper: its title, lines about whom and by whom, tables; made on a day."""

    title: str
    about: tuple[str, ...]
    tables: tuple[PaperTable, ...]
    made: date


@dataclass(frozen=True, slots=True)
class Reporting:
    """What is needed where the domain has laboratory reports made of results: `structure` of the directory, `versions`
    of a report, its `copy` as PDF, which raises PrintingError."""

    structure: Callable[[str], Structure | None]
    versions: Callable[[Requester, Call, PatientId, Sequence[str]], Versions]
    copy: Callable[[Paper], bytes]


Provide = Callable[[Receipt, Requester, Call, Lot], tuple[Finding, ...]]
Delete = Callable[[Receipt, Requester, Call, SubmissionSet, PatientId, Sequence[str]], tuple[Finding, ...]]
Feed = Callable[[Receipt, Requester, Call, Said], tuple[Finding, ...]]
Merge = Callable[[Receipt, Requester, Call, Said, PatientId], tuple[Finding, ...]]
Collect = Callable[[Receipt, Requester, Call, PatientId, Collected], None]
IdentifiersOf = Callable[[Requester, Call, PatientId, Sequence[str], Question], Aliases]
Proceed = Callable[[Requester, Call, Question, int | None, int | None], Matches]
Cancel = Callable[[Requester, Call, Question], None]


@dataclass(frozen=True, slots=True)
class Door:
    """The ports. Those that ask the hall raise RegistryError, AccessRefused, or anything unexpected.

    `known` tells whom a TLS client certificate (DER) proves, and raises UnknownSenderError. `receipt` is that of a
    message that was carried out, None for one that was not. `tell` has a sender (as receipts name
    him) told something by a message, where he takes any. Without `reporting`, results need a document.
    """

    known: Callable[[bytes], Known]
    professional: Callable[[str], Professional | None]
    receipt: Callable[[str, str], Receipt | None]
    provide: Provide
    replace: Replace
    delete: Delete
    feed: Feed
    merge: Merge
    collect: Collect
    identifiers_of: IdentifiersOf
    find: Find
    proceed: Proceed
    cancel: Cancel
    namespaces: Namespaces
    stage: Callable[[], Staged]
    refused: Callable[[Call, str, Requester | None], None]
    failed: Callable[[Call, str, Requester | None], None]
    now: Clock
    tell: Callable[[str, bytes], None] = lambda _sender, _message: None
    reporting: Reporting | None = None


class UnknownSenderError(Exception):
    """A certificate that proves no sender. The message is technical, and quotes no name."""
