"""The registry's store: its tables, and the Registry port over one database transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from registry.activity import Activity
from registry.changes import Changed, changes_of, changes_of_update
from registry.existing import Named
from registry.lifecycle import DocumentVersion, Effects, Existing
from registry.metadata import DocumentEntry, Submission
from registry.removal import Around
from registry.scope import Custody, Scope
from registry.store import naming
from registry.store.dating import activity
from registry.store.dossiers import dossiers_of
from registry.store.looking import Looker
from registry.store.merging import hand_over, rename, unite
from registry.store.reading import MOST, Most, Reader, find_across
from registry.store.removing import Remover, lock
from registry.store.tables import METADATA
from registry.store.updating import UpdateLooker, UpdateWriter
from registry.store.writing import Writer
from registry.stored_query import StoredQuery, Told
from registry.update import UpdateEffects
from registry.versions import Versions

__all__ = ["METADATA", "RegistryStore"]


class RegistryStore:
    """The registry over one connection; whoever opened its transaction commits it, or rolls it back on any error.

    An answer to a query holds at most so many results as `most` says for its return type.
    """

    def __init__(self, connection: sa.Connection, most: Most = MOST) -> None:
        self._connection, self._most = connection, most
        self._changes = list[Changed]()

    @property
    def changes(self) -> Sequence[Changed]:
        """What was saved since, in this order."""
        return self._changes

    def existing(self, submission: Submission, patient: str, versions: Mapping[str, DocumentVersion]) -> Existing:
        """What `submission` touches of the registry; `patient` is the dossier it goes to, `versions` by entry id."""
        return Looker(self._connection, patient).existing(submission, versions)

    def save(self, effects: Effects, patient: str, custody: Mapping[str, Custody], received: datetime) -> None:
        """Writes `effects`; `custody` is keyed by the entryUUIDs of `effects`, one for each entry.

        Raises RegistryError when another submission came first; the transaction must then be rolled back.
        """
        Writer(self._connection, patient).save(effects, custody, received)
        self._changes += changes_of(effects)

    def versions(self, submission: Submission, patient: str) -> Versions:
        """What the metadata update `submission` touches; `patient` is the dossier of its submission set.

        Raises RegistryError XDSRegistryBusy.
        """
        return UpdateLooker(self._connection, patient).versions(submission)

    def save_update(
        self, effects: UpdateEffects, patient: str, custody: Mapping[str, Custody], received: datetime
    ) -> None:
        """Writes `effects`, as `save`; those who stood behind the previous version of an entry stand behind the new."""
        UpdateWriter(self._connection, patient).save(effects, custody, received)
        self._changes += changes_of_update(effects)

    def find(self, query: StoredQuery, scope: Scope) -> tuple[Told, ...]:
        """What `query` finds within `scope`: objects, or references where it asks for these.

        Raises RegistryError XDSTooManyResults.
        """
        return Reader(self._connection, scope, self._most).find(query)

    def find_across(self, query: StoredQuery, scopes: Iterable[Scope]) -> tuple[Told, ...]:
        """What `query` finds in several dossiers, within the Scope of each.

        Raises RegistryError XDSTooManyResults, or XDSResultNotSinglePatient where the query is no multi-patient one.
        """
        return find_across(self._connection, query, scopes, self._most)

    def entries(self, unique_ids: Sequence[str], scope: Scope) -> tuple[DocumentEntry, ...]:
        """The entries of these uniqueIds that `scope` permits, whatever their status, oldest first."""
        return Reader(self._connection, scope).entries_by_unique_id(unique_ids)

    def dossiers_of(self, query: StoredQuery) -> tuple[str, ...]:
        """The keys of the dossiers that a query which names no patient comes upon; each must then be decided.

        Raises RegistryError XDSTooManyResults.
        """
        return dossiers_of(self._connection, query)

    def named(self, uuids: Iterable[str]) -> Mapping[str, Named]:
        """What these UUIDs name, in whichever dossier: no content; each dossier must then be decided."""
        return naming.named(self._connection, uuids)

    def received(self, uuids: Iterable[str]) -> Mapping[str, datetime]:
        """When objects that were found before were registered, by entryUUID."""
        return naming.received(self._connection, uuids)

    def activity(self, scopes: Iterable[Scope]) -> dict[str, Activity]:
        """When the documents of several dossiers came and changed, within the Scope of each, by dossier key."""
        return {scope.patient: activity(self._connection, scope) for scope in scopes}

    def hidden(
        self, scope: Scope, *, unique_ids: Sequence[str] = (), entry_uuids: Sequence[str] = ()
    ) -> tuple[tuple[DocumentEntry, Custody], ...]:
        """This patient's entries of these identifiers that `scope` does not permit: to explain, never to answer."""
        return Reader(self._connection, scope).hidden(unique_ids, entry_uuids)

    def dossiers_holding(self, uuids: Sequence[str]) -> tuple[str, ...]:
        """The keys of the dossiers that hold an object of these entryUUIDs; each must then be decided."""
        return Remover(self._connection).dossiers(uuids)

    def around(self, uuids: Sequence[str], scopes: Iterable[Scope]) -> Around:
        """What stands around the objects `uuids` that one of `scopes`, each of another dossier, lets be found."""
        return Remover(self._connection).around(uuids, scopes)

    def remove(self, uuids: Iterable[str], patient: str) -> None:
        """Removes these objects of the dossier `patient`, every row of them; their uniqueIds may be used again."""
        Remover(self._connection).remove(uuids, patient)

    def erase(self, patient: str) -> None:
        """Removes every object of the dossier `patient`, every row of them."""
        Remover(self._connection).erase(patient)

    def lock(self, uuids: Iterable[str], patient: str) -> None:
        """Nobody else changes these objects of the dossier `patient` before the transaction ends."""
        lock(self._connection, patient, uuids)

    def unite(self, merged: str, into: str) -> None:
        """Gives everything of the dossier `merged` to `into`."""
        unite(self._connection, merged, into)

    def rename(self, dossier: str, before: str, after: str) -> None:
        """Has the metadata of the dossier name the patient `after`, a CX, where they name `before`."""
        rename(self._connection, dossier, before, after)

    def hand_over(self, dossier: str, before: str, after: str) -> None:
        """Has the person `after` stand behind the documents of the dossier that the person `before` stood behind."""
        hand_over(self._connection, dossier, before, after)
