"""PostgreSQL crashes under load and comes back; its audit log may not be written: nothing is lost, nothing told."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from load import Load, every_action, health, is_clear, wait_for_health

from server.database import connect
from tests.connectathon import Node, connectathon
from tests.databases import Stoppable, stoppable_postgresql

ROLE = "CREATE ROLE dmp LOGIN; GRANT ALL ON SCHEMA public TO dmp"


@pytest.fixture(scope="module")
def database() -> Iterator[Stoppable]:
    with stoppable_postgresql() as found:
        _administer(found, ROLE)
        yield found


@pytest.fixture(scope="module")
def node(database: Stoppable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Of a server that connects as an ordinary role."""
    url = database.url.replace("postgres@", "dmp@")
    with connectathon(tmp_path_factory.mktemp("gone"), database_url=url) as served:
        yield served


def _administer(database: Stoppable, statements: str) -> None:
    with psycopg.connect(database.url.replace("+psycopg", ""), autocommit=True) as connection:
        for statement in statements.split("; "):
            connection.execute(statement.encode())


@pytest.mark.parametrize("times", [1, pytest.param(5, marks=pytest.mark.long)])
def test_a_database_that_crashes_under_load_and_comes_back(node: Node, database: Stoppable, times: int) -> None:
    load = Load(node)
    with load.running():
        for _ in range(times):
            kept = len(load.acknowledged)
            while len(load.acknowledged) < kept + 5:
                load.ended.wait(0.05)
            refused = load.refusals
            database.halt()
            load.wait_for(refused + 6)
            assert '"database":"ServiceUnavailable"' in wait_for_health(node, 503)
            for transaction, answer in every_action(node):
                assert is_clear(answer), (transaction, answer.http_status, answer.fault)
            database.start()
            wait_for_health(node, 200)
        kept = len(load.acknowledged)
        while len(load.acknowledged) < kept + 5:
            load.ended.wait(0.05)
    load.is_true()


def test_an_audit_log_that_may_not_be_written(node: Node, database: Stoppable) -> None:
    load = Load(node)
    load.once()
    _administer(database, "REVOKE INSERT ON audit_event FROM dmp")
    try:
        said = wait_for_health(node, 503)
        assert '"audit":"AuditUnavailable"' in said and '"database":"ok"' in said
        for transaction, answer in every_action(node):
            assert is_clear(answer), (transaction, answer.fault)
        assert is_clear(node.find_documents(load.patient))
        assert is_clear(node.retrieve(*load.acknowledged))
    finally:
        _administer(database, "GRANT INSERT ON audit_event TO dmp")
    wait_for_health(node, 200)
    load.is_true()
    assert health(node)[0] == 200


def test_a_commit_waits_for_the_disk_whatever_the_role_is_set_to(node: Node, database: Stoppable) -> None:
    _administer(database, "ALTER ROLE dmp SET synchronous_commit = off")
    try:
        opened = connect(node.settings.database_url, threads=1)
        with opened.transaction() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
            assert connection.exec_driver_sql("SHOW fsync").scalar() == "on"
        opened.dispose()
    finally:
        _administer(database, "ALTER ROLE dmp RESET synchronous_commit")
