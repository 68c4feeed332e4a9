"""Units of work: all or nothing, one writer at a time, conflicts told apart."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from server.database import BusyError, Database, connect

pytest_plugins = ["databases"]

TABLE = sa.Table("counted", sa.MetaData(), sa.Column("value", sa.Integer, nullable=False))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    sqlite = request.param == "sqlite"
    made = connect(f"sqlite:///{tmp_path}/dmp.db" if sqlite else request.getfixturevalue("postgresql_url"), threads=4)
    with made.transaction() as connection:
        TABLE.drop(connection, checkfirst=True)
        TABLE.create(connection)
        connection.execute(TABLE.insert().values(value=0))
    return made


def value(database: Database) -> int:
    with database.transaction() as connection:
        return connection.execute(sa.select(TABLE.c.value)).scalar_one()


def test_leaving_the_block_commits(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(TABLE.update().values(value=1))
    assert value(database) == 1


def test_an_exception_rolls_back(database: Database) -> None:
    with pytest.raises(KeyError), database.transaction() as connection:
        connection.execute(TABLE.update().values(value=1))
        raise KeyError
    assert value(database) == 0


def test_sqlite_is_durable_and_journalled_ahead(tmp_path: Path) -> None:
    with connect(f"sqlite:///{tmp_path}/dmp.db", threads=1).transaction() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_writers_of_one_sqlite_file_take_turns(tmp_path: Path) -> None:
    """Read, then write what was read plus one, from threads on two engines: nothing is lost, nobody is turned away."""
    databases = [connect(f"sqlite:///{tmp_path}/dmp.db", threads=4) for _ in range(2)]
    with databases[0].transaction() as connection:
        TABLE.create(connection)
        connection.execute(TABLE.insert().values(value=0))

    def count(database: Database) -> None:
        for _ in range(20):
            with database.transaction() as connection:
                seen = connection.execute(sa.select(TABLE.c.value)).scalar_one()
                connection.execute(TABLE.update().values(value=seen + 1))

    threads = [threading.Thread(target=count, args=(database,)) for database in databases * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(databases[0]) == 120


def test_a_transaction_inside_another_is_refused_instead_of_waiting_for_itself(tmp_path: Path) -> None:
    database = connect(f"sqlite:///{tmp_path}/dmp.db", threads=2)
    with database.transaction(), pytest.raises(RuntimeError, match="inside another"):
        database.transaction().__enter__()
    assert isinstance(database.engine, sa.Engine)


def test_a_deadlock_leaves_as_busy(postgresql_url: str) -> None:
    database = connect(postgresql_url, threads=2)
    with pytest.raises(BusyError), database.transaction() as connection:
        connection.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$")


def test_other_database_errors_stay_what_they_are(database: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError), database.transaction() as connection:
        connection.exec_driver_sql("SELECT nothing FROM nowhere")
