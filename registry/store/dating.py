"""When documents came and changed, within one Scope: what is hidden leaves no trace in a date."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from registry.activity import Activity
from registry.scope import Scope
from registry.store.tables import ENTRY
from registry.store.visibility import ScopeShape, scope_clause, scope_shape, scope_values


def activity(connection: sa.Connection, scope: Scope) -> Activity:
    """When the last document that `scope` permits was added, and when one was last changed."""
    row = connection.execute(_statement(scope_shape(scope)), scope_values(scope)).one()
    return Activity(*map(_instant, row))


def _instant(received: str | None) -> datetime | None:
    return datetime.strptime(received, "%Y%m%d%H%M%S").replace(tzinfo=UTC) if received else None


@lru_cache(maxsize=64)
def _statement(shape: ScopeShape) -> sa.Select[Any]:
    """A document is added with its first version, and changed with each other one."""
    first = ENTRY.alias("first_version")
    same = sa.and_(first.c.logical_id == ENTRY.c.logical_id, first.c.version == 1)
    changed = sa.case((ENTRY.c.version > 1, ENTRY.c.received))
    return (
        sa.select(sa.func.max(first.c.received), sa.func.max(changed))
        .select_from(ENTRY.outerjoin(first, same))
        .where(ENTRY.c.latest, scope_clause(shape))
    )
