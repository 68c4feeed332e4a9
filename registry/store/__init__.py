"""The registry's store: its tables, and the Registry port over one database transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from registry.lifecycle import DocumentVersion, Effects, Existing
from registry.metadata import DocumentEntry, RegistryObject, Submission
from registry.scope import Custody, Scope
from registry.store.dossiers import dossiers_of
from registry.store.looking import Looker
from registry.store.reading import Reader
from registry.store.tables import METADATA
from registry.store.writing import Writer
from registry.stored_query import StoredQuery

__all__ = ["METADATA", "RegistryStore"]


class RegistryStore:
    """The registry over one connection; whoever opened its transaction commits it, or rolls it back on any error."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def existing(self, submission: Submission, patient: str, versions: Mapping[str, DocumentVersion]) -> Existing:
        """What `submission` touches of the registry; `patient` is the dossier it goes to, `versions` by entry id."""
        return Looker(self._connection, patient).existing(submission, versions)

    def save(self, effects: Effects, patient: str, custody: Mapping[str, Custody], received: datetime) -> None:
        """Writes `effects`; `custody` is keyed by the entryUUIDs of `effects`, one for each entry.

        Raises RegistryError when another submission came first; the transaction must then be rolled back.
        """
        Writer(self._connection, patient).save(effects, custody, received)

    def find(self, query: StoredQuery, scope: Scope) -> tuple[RegistryObject, ...]:
        """What `query` finds within `scope`. Raises RegistryError XDSTooManyResults."""
        return Reader(self._connection, scope).find(query)

    def entries(self, unique_ids: Sequence[str], scope: Scope) -> tuple[DocumentEntry, ...]:
        """The entries of these uniqueIds that `scope` permits, whatever their status, oldest first."""
        return Reader(self._connection, scope).entries_by_unique_id(unique_ids)

    def dossiers_of(self, query: StoredQuery) -> tuple[str, ...]:
        """The keys of the dossiers that a query which names no patient comes upon; each must then be decided."""
        return dossiers_of(self._connection, query)

    def hidden(
        self, scope: Scope, *, unique_ids: Sequence[str] = (), entry_uuids: Sequence[str] = ()
    ) -> tuple[tuple[DocumentEntry, Custody], ...]:
        """This patient's entries of these identifiers that `scope` does not permit: to explain, never to answer."""
        return Reader(self._connection, scope).hidden(unique_ids, entry_uuids)
