"""What the hall needs of the rooms, as Protocols. The server passes the real stores; nothing else implements them.

Each room's store is bound to one database transaction: what a passage did becomes durable all at once, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Literal, Protocol

from audit.event import Event
from habilitations.statement import Statement, Switches
from identities.dossier import Dossier
from identities.professional import Professional, Structure
from identities.requester import PatientId, Requester
from registry.existing import DocumentVersion, Existing
from registry.lifecycle import Effects
from registry.metadata import DocumentEntry, RegistryObject, Submission
from registry.scope import Custody, Scope
from registry.stored_query import StoredQuery
from repository.content import Content

Kind = Literal["person", "structure"]


class Registry(Protocol):
    """The registry's rows. `patient` is a dossier key; every read takes a Scope."""

    def existing(self, submission: Submission, patient: str, versions: Mapping[str, DocumentVersion]) -> Existing: ...

    def save(self, effects: Effects, patient: str, custody: Mapping[str, Custody], received: datetime) -> None: ...

    def find(self, query: StoredQuery, scope: Scope) -> tuple[RegistryObject, ...]: ...

    def entries(self, unique_ids: Sequence[str], scope: Scope) -> tuple[DocumentEntry, ...]: ...

    def dossiers_of(self, query: StoredQuery) -> tuple[str, ...]: ...

    def hidden(
        self, scope: Scope, *, unique_ids: Sequence[str] = (), entry_uuids: Sequence[str] = ()
    ) -> tuple[tuple[DocumentEntry, Custody], ...]: ...


class Documents(Protocol):
    """The repository's rows and bytes. `unique_id` is a document's uniqueId."""

    def record(self, patient: str, unique_id: str, content: Content, mime_type: str) -> None: ...

    def content(self, patient: str, unique_id: str) -> Content | None: ...


class Staged(Protocol):
    """A document on its way in: written chunk by chunk, hashed while written, durable after `keep`."""

    def write(self, chunk: bytes) -> None: ...

    def finish(self) -> Content: ...

    def chunks(self) -> Iterator[bytes]: ...

    def keep(self) -> None: ...

    def discard(self) -> None: ...


class Files(Protocol):
    """The repository's bytes."""

    def stage(self) -> Staged: ...

    def chunks(self, content: Content) -> Iterator[bytes]: ...


class Identities(Protocol):
    """Dossiers, professionals and structures."""

    def dossier(self, patient: PatientId) -> Dossier | None: ...

    def dossier_of_key(self, key: str) -> Dossier | None: ...

    def fed(self, authority: str) -> bool: ...

    def subsumed(self, patient: PatientId) -> bool: ...

    def open(self, dossier: Dossier) -> None: ...

    def close(self, key: str, *, instant: datetime, reason: str) -> None: ...

    def reopen(self, key: str, *, instant: datetime) -> None: ...

    def professional(self, id_nat: str) -> Professional | None: ...

    def structure(self, structure_id: str) -> Structure | None: ...


class Rights(Protocol):
    """What patients said."""

    def statement(self, dossier: Dossier, requester: Requester, instant: datetime) -> Statement: ...

    def authorise(self, dossier: str, holder: str, *, kind: Kind, start: datetime, end: datetime) -> None: ...

    def set_medecin_traitant(self, dossier: str, id_nat: str, medecin_traitant: bool) -> None: ...

    def block(self, dossier: str, holder: str, *, start: datetime) -> None: ...

    def set_switches(self, dossier: str, switches: Switches) -> None: ...


class Trail(Protocol):
    """The audit log: append only."""

    def append(self, event: Event) -> None: ...


class Rooms(Protocol):
    """The rooms, bound to one database transaction."""

    @property
    def registry(self) -> Registry: ...

    @property
    def documents(self) -> Documents: ...

    @property
    def identities(self) -> Identities: ...

    @property
    def rights(self) -> Rights: ...

    @property
    def trail(self) -> Trail: ...


UnitOfWork = Callable[[], AbstractContextManager[Rooms]]
"""Opens one database transaction; leaving the block commits, an exception rolls back."""

Clock = Callable[[], datetime]
"""The present instant, aware, UTC."""
