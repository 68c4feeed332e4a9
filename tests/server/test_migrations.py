"""The revisions lead to what the stores declare, on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from server.database import connect
from server.migrations import METADATA, RevisionError, check_revision, configuration, head, upgrade
from server.settings import load

pytest_plugins = ["databases"]


def shape(engine: sa.Engine) -> dict[str, Any]:
    """Everything that reflection says of every table but alembic's own."""
    found = {}
    inspector = sa.inspect(engine)
    for table in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
        columns = {
            column["name"]: (str(column["type"]), column["nullable"], column.get("primary_key"))
            for column in inspector.get_columns(table)
        }
        found[table] = {
            "columns": columns,
            "primary_key": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign_keys": sorted(
                (key["constrained_columns"], key["referred_table"], key["referred_columns"])
                for key in inspector.get_foreign_keys(table)
            ),
            "indexes": sorted((str(i["name"]), i["column_names"], i["unique"]) for i in inspector.get_indexes(table)),
            "unique": sorted(constraint["column_names"] for constraint in inspector.get_unique_constraints(table)),
            "checks": sorted(str(check["sqltext"]) for check in inspector.get_check_constraints(table)),
        }
    return found


def test_the_last_revision_is_what_the_stores_declare(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for metadata in METADATA:
            metadata.create_all(connection)
    declared = shape(engine)
    with engine.begin() as connection:
        for metadata in METADATA:
            metadata.drop_all(connection)
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "head")
    assert shape(engine) == declared
    assert len(declared) > 15


def test_migrate_creates_then_changes_nothing(tmp_path: Path) -> None:
    settings = load({"home": tmp_path}, {})
    assert upgrade(settings) == (None, head())
    assert upgrade(settings) == (head(), head())
    check_revision(settings)


def test_a_server_refuses_a_database_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RevisionError, match="dmp migrate --home"):
        check_revision(load({"home": tmp_path}, {}))
    assert not (tmp_path / "dmp.db").exists()


def test_a_server_refuses_a_database_of_another_revision(tmp_path: Path) -> None:
    settings = load({"home": tmp_path}, {})
    upgrade(settings)
    database = connect(settings.database_url, threads=1)
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(RevisionError, match="got 0000"):
        check_revision(settings)
