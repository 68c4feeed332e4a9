"""No stored query reads a table from end to end, however large it grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from registry.store import METADATA
from registry.stored_query_table import ROWS
from tests.databases import sqlite_engine
from tests.registry.test_queries_against_oracle import DOSSIERS, Maker, stored


def test_every_query_uses_an_index(tmp_path: Path) -> None:
    plans: set[str] = set()

    def explain(raw: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith("SELECT"):
            rows = raw.connection.dbapi_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.update(f"{row[3]} in {statement}" for row in rows)

    with sqlite_engine(tmp_path / "plan.sqlite") as engine, engine.connect() as connection:
        METADATA.create_all(connection)
        maker = Maker(1)
        store = stored(connection, maker.world)
        sa.event.listen(engine, "before_cursor_execute", explain)
        for row in ROWS:
            for _ in range(10):
                query = maker.query(row)
                store.find(query, maker.scope(DOSSIERS[0]))
                if not query.patient and not getattr(query, "patient_ids", ()):
                    store.dossiers_of(query)
    assert len(plans) > 200
    assert [plan for plan in plans if plan.startswith("SCAN registry")] == []
