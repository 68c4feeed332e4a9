"""Legal representatives, as rows. Source: identities.representation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from identities.demographics import Demographics, from_json, to_json
from identities.representation import Capacity, Representative
from identities.store.tables import REPRESENTATIVES

_OF = (
    sa.select(REPRESENTATIVES)
    .where(REPRESENTATIVES.c.dossier == sa.bindparam("dossier"))
    .order_by(REPRESENTATIVES.c.since, REPRESENTATIVES.c.id)
)


class Representatives:
    """Legal representatives, in the transaction of one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def representatives(self, dossier: str) -> tuple[Representative, ...]:
        """Those of the dossier of that key, former ones too, the oldest first."""
        return _read(self._connection.execute(_OF, {"dossier": dossier}))

    def untold_representatives(self) -> tuple[tuple[str, Representative], ...]:
        """Representatives of minors whom nobody told yet that their access ends, each with the key of the dossier."""
        waiting = sa.select(REPRESENTATIVES).where(
            REPRESENTATIVES.c.capacity.in_([each.value for each in Capacity if each.of_minors]),
            REPRESENTATIVES.c.told.is_(None),
            REPRESENTATIVES.c.ended.is_(None),
        )
        rows = self._connection.execute(waiting.order_by(REPRESENTATIVES.c.dossier, REPRESENTATIVES.c.id)).all()
        return tuple(zip((row.dossier for row in rows), _read(rows), strict=True))

    def save_representative(self, dossier: str, representative: Representative) -> None:
        """Adds a representative to the dossier of that key, or replaces what was known of them."""
        mine = (REPRESENTATIVES.c.dossier == dossier, REPRESENTATIVES.c.id == representative.id)
        self._connection.execute(sa.delete(REPRESENTATIVES).where(*mine))
        contacts = Demographics(addresses=representative.addresses, telecoms=representative.telecoms)
        self._connection.execute(
            sa.insert(REPRESENTATIVES).values(
                dossier=dossier,
                id=representative.id,
                family=representative.family,
                given=representative.given,
                relationship=representative.relationship,
                capacity=representative.capacity.value,
                contacts=to_json(contacts),
                since=representative.since,
                ended=representative.ended,
                told=representative.told,
            )
        )

    def end_representation(self, dossier: str, representative: str, *, instant: datetime) -> None:
        """A representative who is in office is no longer from `instant` on."""
        mine = (REPRESENTATIVES.c.dossier == dossier, REPRESENTATIVES.c.id == representative)
        in_office = REPRESENTATIVES.c.ended.is_(None)
        self._connection.execute(sa.update(REPRESENTATIVES).where(*mine, in_office).values(ended=instant))


def _read(rows: Iterable[sa.Row[Any]]) -> tuple[Representative, ...]:
    return tuple(map(_representative, rows))


def _representative(row: sa.Row[Any]) -> Representative:
    columns: dict[str, Any] = dict(row._mapping)
    contacts = from_json(columns.pop("contacts"))
    del columns["dossier"]
    return Representative(
        **{**columns, "capacity": Capacity(columns["capacity"])},
        telecoms=contacts.telecoms,
        addresses=contacts.addresses,
    )
