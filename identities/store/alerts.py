"""What people want to be told, as rows. Source: identities.alerts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from identities.alerts import Alerts, Party
from identities.requester import Authentication
from identities.store.tables import ALERTS

_OF = sa.select(ALERTS).where(ALERTS.c.dossier == sa.bindparam("dossier")).order_by(ALERTS.c.party, ALERTS.c.holder)


class AlertsStore:
    """Wishes, in the transaction of one connection. `dossier` is a dossier key."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def of(self, dossier: str) -> tuple[Alerts, ...]:
        """Everybody's of that dossier."""
        return tuple(map(_alerts, self._connection.execute(_OF, {"dossier": dossier})))

    def save(self, dossier: str, alerts: Alerts) -> None:
        """What somebody wants, in the place of what they wanted."""
        key = {"dossier": dossier, "party": alerts.party.value, "holder": alerts.holder}
        mine = (ALERTS.c[name] == value for name, value in key.items())
        self._connection.execute(sa.delete(ALERTS).where(*mine))
        self._connection.execute(
            sa.insert(ALERTS).values(
                **key,
                documents=alerts.documents,
                types=" ".join(sorted(alerts.types)),
                email=alerts.email,
                sms=alerts.sms,
                structure_id=alerts.structure_id,
                authentication=alerts.authentication.value,
            )
        )


def _alerts(row: sa.Row[Any]) -> Alerts:
    return Alerts(
        holder=row.holder,
        party=Party(row.party),
        documents=row.documents,
        types=frozenset(row.types.split()),
        email=row.email,
        sms=row.sms,
        structure_id=row.structure_id,
        authentication=Authentication(row.authentication),
    )
