"""What the IHE door needs of the house, as ports. The server binds them to the hall.

What the hall raises, the hall has recorded; `refused` is for requests that never reached it, `failed` for those that
did not by this server's own fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from audit.event import Call
from dmp.acces import Candidate, Existence
from dmp.administration import AdministrativeData, Registered, Registration
from dmp.autorisations import Change, Holder, Mode
from dmp.compte import Access
from dmp.dossiers_autorises import AuthorisedDossier, Since
from dmp.patient_search import Aliases, Matches, Question
from dmp.patients import Said
from dmp.ports import Clock, Staged
from dmp.requests import DocumentRequest, Lot, Opened
from identities.account import Channel, ChannelChange
from identities.patient_query import PatientQuery
from identities.requester import PatientId, Requester
from ihe.mime import Limits
from ihe.reply import NoOutbox, Outbox
from ihe.soap import Header
from ihe.transactions import Actor
from registry.errors import Finding
from registry.metadata import Submission
from registry.stored_query import StoredQuery, Told


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of the connection. `certificate` is that of the TLS client (DER), None without one.

    `local` is plain HTTP that never left this machine.
    """

    certificate: bytes | None = None
    local: bool = False


class Authenticate(Protocol):
    """Who asks, from the header of an envelope and the other end of the connection. Raises AuthenticationError."""

    def __call__(self, header: Header, peer: Peer, call: Call, /) -> Requester: ...


class Search(Protocol):
    """ITI-18 and ITI-51. `query_id` is AdhocQuery/@id, `raw` the request element as received."""

    def __call__(
        self, requester: Requester, call: Call, query: StoredQuery, query_id: str, raw: bytes, /
    ) -> tuple[Told, ...]: ...


Register = Callable[[Requester, Call, Submission, tuple[Finding, ...]], tuple[Finding, ...]]
"""A submission without documents, and what the door found wrong with it; gives the warnings."""


@dataclass(frozen=True, slots=True)
class PatientPorts:
    """ITI-44, ITI-45 and ITI-47: as `dmp.patients` and `dmp.patient_search` have them."""

    feed: Callable[[Requester, Call, Said], tuple[Finding, ...]]
    merge: Callable[[Requester, Call, Said, PatientId], tuple[Finding, ...]]
    identifiers_of: Callable[[Requester, Call, PatientId, Sequence[str], Question], Aliases]
    find: Callable[[Requester, Call, PatientQuery, Sequence[str], int | None, Question], Matches]
    proceed: Callable[[Requester, Call, Question, int | None, int | None], Matches]
    cancel: Callable[[Requester, Call, Question], None]
    now: Clock


Manage = Callable[[Requester, Call, Registration], Registered]


@dataclass(frozen=True, slots=True)
class DossierPorts:
    """TD0.2, TD0.5 and TD1.1 to TD1.4: as `dmp.acces` and `dmp.administration` have them."""

    existence: Callable[[Requester, Call, PatientId, Question], Existence]
    candidates: Callable[[Requester, Call, PatientQuery, Question], tuple[Candidate, ...]]
    consult: Callable[[Requester, Call, PatientId, Question], AdministrativeData]
    create: Manage
    reactivate: Manage
    amend: Manage
    close: Manage


@dataclass(frozen=True, slots=True)
class HabilitationPorts:
    """TD0.3, TD0.4 and TD1.6: as `dmp.autorisations` and `dmp.dossiers_autorises` have them."""

    declare: Callable[[Requester, Call, Change], str]
    dossiers: Callable[[Requester, Call, Since | None, str, bytes], Sequence[AuthorisedDossier]]
    holders: Callable[[Requester, Call, Mode, bytes], Sequence[Holder]]


@dataclass(frozen=True, slots=True)
class AccountPorts:
    """TD1.5: as `dmp.compte` has it."""

    create: Callable[[Requester, Call, Channel, str], Access]
    update_channel: Callable[[Requester, Call, ChannelChange, Channel, str], None]
    renew: Callable[[Requester, Call], Access]


@dataclass(frozen=True, slots=True)
class Door:
    """Who answers at which path, and the ports. Those that ask the hall raise RegistryError, AccessRefused, or anything
    unexpected."""

    actors: Mapping[str, Actor]
    authenticate: Authenticate
    provide: Callable[[Requester, Call, Lot], tuple[Finding, ...]]
    register: Register
    register_on_demand: Register
    update: Register
    restricted_update: Register
    search: Search
    open: Callable[[Requester, Call, Sequence[DocumentRequest]], Sequence[Opened | Finding]]
    remove_metadata: Callable[[Requester, Call, Sequence[str]], tuple[Finding, ...]]
    remove_documents: Callable[[Requester, Call, Sequence[DocumentRequest]], tuple[Finding, ...]]
    patients: PatientPorts
    dossiers: DossierPorts
    habilitations: HabilitationPorts
    accounts: AccountPorts
    stage: Callable[[], Staged]
    refused: Callable[[Call, str, Requester | None], None]
    failed: Callable[[Call, str, Requester | None], None]
    peer: Callable[[dict[str, Any]], Peer]
    outbox: Outbox = field(default_factory=NoOutbox)
    limits: Limits = field(default_factory=Limits)
