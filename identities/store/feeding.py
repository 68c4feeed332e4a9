"""What an identity source changes: which authorities it feeds, which identifiers and dossiers become one.

Source: ITI TF-2 3.44.4.1.3, 3.44.4.1.4 (add, revise) and 3.44.4.2.4 (merge).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from identities.dossier import DossierStatus
from identities.requester import PatientId
from identities.store.dossiers import Dossiers, IdentityError
from identities.store.tables import (
    ACCOUNTS,
    ALERTS,
    CREATION_CODES,
    DOSSIERS,
    FED_AUTHORITIES,
    IDENTIFIERS,
    REPRESENTATIVES,
    TERMS,
)

_RANKS = sa.select(sa.func.min(IDENTIFIERS.c.rank), sa.func.max(IDENTIFIERS.c.rank)).where(
    IDENTIFIERS.c.dossier == sa.bindparam("dossier")
)
_LOCKED = tuple(
    sa.select(column).where(column.in_(sa.bindparam("keys", expanding=True))).order_by(*order).with_for_update()
    for column, order in (
        (DOSSIERS.c.key, (DOSSIERS.c.key,)),
        (IDENTIFIERS.c.dossier, (IDENTIFIERS.c.value, IDENTIFIERS.c.authority)),
    )
)


class Feeding(Dossiers):
    """The acts of an identity source."""

    def feed(self, authorities: Collection[str]) -> None:
        """Notes that an identity source tells us the patients of these authorities."""
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        rows = [{"authority": authority} for authority in sorted(authorities) if not self.fed(authority)]
        if rows:  # another source may note the same at the same moment
            self._connection.execute(dialect.insert(FED_AUTHORITIES).on_conflict_do_nothing(), rows)

    def served(self, authority: str) -> bool:
        """Whether patients of that authority are known here, or told us."""
        one = sa.select(IDENTIFIERS.c.value).where(IDENTIFIERS.c.authority == authority).limit(1)
        return self.fed(authority) or self._connection.execute(one).first() is not None

    def link(self, key: str, identifier: PatientId, *, current: bool) -> None:
        """Gives an identifier that no dossier has to a dossier, as its current one or behind all others.

        Raises IdentityError when a dossier has it, or when it was merged into another one.
        """
        self._unknown(identifier)
        lowest, highest = self._connection.execute(_RANKS, {"dossier": key}).one()
        rank = highest + 1 if current else lowest - 1
        row = {"value": identifier.value, "authority": identifier.authority, "dossier": key, "rank": rank}
        self._insert_identifiers([row])

    def subsume(self, subsumed: PatientId, surviving: PatientId) -> None:
        """From now on `subsumed` names nobody; `surviving` takes its place where it was the current identifier.

        Both are of one dossier, or nobody ever had `subsumed`. Raises IdentityError when there is no such dossier.
        """
        survivor = self.dossier(surviving)
        if survivor is None:
            raise IdentityError("a known dossier", "none")
        if subsumed not in survivor.identifiers:
            self.link(survivor.key, subsumed, current=False)
        elif survivor.ins == subsumed:
            self.add_identifier(survivor.key, surviving)
        self._connection.execute(sa.update(IDENTIFIERS).where(*_is(subsumed)).values(subsumed=True))

    def survivor(self, subsumed: PatientId) -> str | None:
        """The key of the dossier that an identifier was merged into; None for one that was not merged."""
        found = sa.select(IDENTIFIERS.c.dossier).where(*_is(subsumed), IDENTIFIERS.c.subsumed)
        return self._connection.execute(found).scalar_one_or_none()

    def lock(self, keys: Sequence[str]) -> None:
        """Waits for whoever holds one of these dossiers; nobody can hold them before this transaction ends."""
        for statement in _LOCKED:
            self._connection.execute(statement, {"keys": sorted(keys)}).all()

    def unite(self, merged: str, into: str) -> None:
        """Gives every identifier of the dossier `merged` to `into`, behind its own; `merged` points at it for ever."""
        lowest = self._connection.execute(_RANKS, {"dossier": into}).one()[0]
        highest = self._connection.execute(_RANKS, {"dossier": merged}).one()[1]
        moved = {"dossier": into, "rank": IDENTIFIERS.c.rank + (lowest - 1 - highest)}
        self._connection.execute(sa.update(IDENTIFIERS).where(IDENTIFIERS.c.dossier == merged).values(moved))
        for table in (
            TERMS,
            REPRESENTATIVES,
            ACCOUNTS,
            CREATION_CODES,
            ALERTS,
        ):  # whoever entered there may be nobody here
            self._connection.execute(sa.delete(table).where(table.c.dossier == merged))
        pointing = sa.or_(DOSSIERS.c.key == merged, DOSSIERS.c.merged_into == merged)
        self._connection.execute(
            sa.update(DOSSIERS).where(pointing).values(status=DossierStatus.MERGED.value, merged_into=into)
        )

    def lineage(self, key: str) -> tuple[str, ...]:
        """The dossier, and those that were merged into it: what was done in them was done to this patient."""
        merged = sa.select(DOSSIERS.c.key).where(DOSSIERS.c.merged_into == key).order_by(DOSSIERS.c.key)
        return (key, *self._connection.execute(merged).scalars())


def _is(identifier: PatientId) -> tuple[sa.ColumnElement[bool], ...]:
    return IDENTIFIERS.c.value == identifier.value, IDENTIFIERS.c.authority == identifier.authority
