"""What document sharing by FHIR needs of the house, as ports. The server binds them to the hall.

What the hall raises, the hall has recorded; `refused` and `failed` are for requests that never reached it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from audit.event import Call
from dmp.fiches import Choose, Fiches
from dmp.modification import Standing
from dmp.ports import Clock, Staged
from dmp.requests import Lot, Opened
from identities.requester import Requester
from pdsm.door import Environ
from pdsm.patient_door import PatientPorts
from pdsm.subscription_door import Subscribing
from registry.errors import Finding
from registry.existing import Named
from registry.metadata import AvailabilityStatus, Code, DocumentEntry
from registry.stored_query import StoredQuery


class Find(Protocol):
    """TD3.1, with what relates what is found: `dmp.fiches.find_fiches`."""

    def __call__(
        self,
        requester: Requester,
        call: Call,
        query: StoredQuery,
        raw: bytes,
        choose: Choose,
        *,
        members: bool = False,
        relations: bool = False,
    ) -> Fiches: ...


@dataclass(frozen=True, slots=True)
class Sharing:
    """`requester` is who asks, or UnauthorizedError. `named` and `holding` say where something is, `about` binds who
    asks to the patient of it. `standing` and `modify` are TD3.3 (`dmp.modification`). `repository_unique_id` is where
    documents go, and the source of submission sets that this server makes. `key` signs cursors; `tokens` says whether
    anybody's access tokens are believed, `extra_components` whether identifiers may say more than IHE has them say,
    `strict_profiles` whether what departs from its profile is refused. `subscriptions` is None where the operator lets
    no notification leave.
    """

    requester: Callable[[Environ, Call], Requester]
    named: Callable[[Call, Iterable[str]], Mapping[str, Named]]
    holding: Callable[[Call, Sequence[str]], Named | None]
    about: Callable[[Call, Requester, Named | None], Requester]
    find: Find
    open: Callable[[Requester, Call, str], Opened | Finding]
    patients: PatientPorts
    provide: Callable[[Requester, Call, Lot], tuple[Finding, ...]]
    standing: Callable[[Requester, Call, StoredQuery], tuple[Standing, ...]]
    modify: Callable[[Requester, Call, Standing, tuple[Code, ...], AvailabilityStatus], DocumentEntry]
    stage: Callable[[], Staged]
    refused: Callable[[Call, str, Requester | None], None]
    failed: Callable[[Call, str, Requester | None], None]
    now: Clock
    repository_unique_id: str
    max_body_bytes: int
    key: bytes
    tokens: bool
    extra_components: bool
    strict_profiles: bool
    subscriptions: Subscribing | None = None
