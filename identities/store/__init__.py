"""The identities' store: dossiers, what an identity source feeds, representatives, professionals and structures.

A store is bound to one connection, whose transaction it neither begins nor ends.
"""

from __future__ import annotations

import sqlalchemy as sa

from identities.store.continuations import Continuations
from identities.store.directory_feeding import DirectoryFeeding
from identities.store.dossiers import IdentityError
from identities.store.feeding import Feeding
from identities.store.representatives import Representatives
from identities.store.searching import Searching
from identities.store.tables import METADATA

__all__ = ["METADATA", "IdentitiesStore", "IdentityError"]


class IdentitiesStore(Feeding, Searching, Continuations, Representatives, DirectoryFeeding):
    """All of it, in the transaction of one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
