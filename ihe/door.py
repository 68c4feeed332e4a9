"""What the IHE door needs of the house, as ports. The server binds them to the hall.

What the hall raises, the hall has recorded; `refused` is for requests that never reached it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from audit.event import Call
from dmp.ports import Staged
from dmp.requests import DocumentRequest, Lot, Opened
from identities.requester import Requester
from ihe.mime import Limits
from ihe.soap import Header
from registry.errors import Finding
from registry.metadata import RegistryObject, Submission
from registry.stored_query import StoredQuery


class Authenticate(Protocol):
    """Who asks, from the header of an envelope and the TLS client certificate (DER). Raises AuthenticationError."""

    def __call__(self, header: Header, certificate: bytes | None, call: Call, /) -> Requester: ...


class Search(Protocol):
    """ITI-18. `query_id` is AdhocQuery/@id, `raw` the request element as received."""

    def __call__(
        self, requester: Requester, call: Call, query: StoredQuery, query_id: str, raw: bytes, /
    ) -> tuple[RegistryObject, ...]: ...


Register = Callable[[Requester, Call, Submission, tuple[Finding, ...]], tuple[Finding, ...]]
"""A submission without documents, and what the door found wrong with it; gives the warnings."""


@dataclass(frozen=True, slots=True)
class Door:
    """The ports. Those that ask the hall raise RegistryError, AccessRefused, or anything unexpected."""

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
    stage: Callable[[], Staged]
    refused: Callable[[Call, str, Requester | None], None]
    peer_certificate: Callable[[dict[str, Any]], bytes | None]
    limits: Limits = field(default_factory=Limits)
