"""The database: one engine, and one transaction for each unit of work.

SQLite: WAL, every commit on disk before it returns, one writer at a time (writers queue on a lock that the kernel hands
over, instead of polling). PostgreSQL: READ COMMITTED, synchronous commits. Conflicts that the database itself resolves
by giving up one transaction leave as `BusyError`: whoever asked may ask again. A database that is full, gone, read-only
or broken leaves as `ServiceUnavailable`; what is wrong with a statement stays what it is.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from dmp.errors import ServiceUnavailable

Turn = Callable[[], AbstractContextManager[None]]

# Source: SQLite documentation, PRAGMA; §synchronous: FULL makes a commit survive a power loss in WAL mode.
SQLITE_PRAGMAS = (
    "page_size=8192",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=30000",  # milliseconds
    "cache_size=-16384",  # KiB when negative, for each connection
    "mmap_size=1073741824",  # bytes
    "temp_store=MEMORY",
)
# Source: PostgreSQL 20.5.1, synchronous_commit; what is stricter (remote_apply) stays.
SYNCHRONOUS = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
SNAPSHOT = "dmp_snapshot"  # an execution option of a connection that only reads
# Source: PostgreSQL, Appendix A: serialization_failure, deadlock_detected, lock_not_available.
CONFLICT_STATES = frozenset({"40001", "40P01", "55P03"})

FORBIDDEN = "42501"  # insufficient_privilege
OF_STATEMENTS = ("SQLITE_ERROR", "SQLITE_MISUSE", "SQLITE_MISMATCH", "SQLITE_RANGE", "SQLITE_TOOBIG")
WORKING = "a database that can be read and written"


class BusyError(Exception):
    """The database gave this transaction up for another one; nothing of it remains. Trying again is right."""


# What a transaction of ours can meet that is no fault of its statements: trying again later is right.
TROUBLE = (BusyError, ServiceUnavailable, SQLAlchemyError)


@dataclass(frozen=True, slots=True)
class Database:
    """An engine and whose turn it is to write."""

    engine: sa.Engine
    turn: Turn

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """One transaction: leaving the block commits, an exception rolls back.

        Raises BusyError on a conflict, ServiceUnavailable when the database fails.
        """
        try:
            with self.turn(), self.engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            if conflicting(error):
                raise BusyError(type(error.orig).__name__) from error
            if failing(error):
                raise ServiceUnavailable(WORKING, type(error.orig).__name__) from error
            raise
        except sa.exc.TimeoutError as error:  # no connection came free
            raise ServiceUnavailable(WORKING, type(error).__name__) from error

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A transaction that only reads, sees one moment, and holds up nobody who writes, however long it takes."""
        with self.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.execution_options(**{SNAPSHOT: True})
            else:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    def dispose(self) -> None:
        """Closes what is open."""
        self.engine.dispose()


def connect(url: str, *, threads: int) -> Database:
    """A Database on that URL, for a process of that many threads. Nothing is opened before the first transaction."""
    if url.startswith("sqlite"):
        return Database(sqlite_engine(url, threads), _Queue(Path(f"{sa.make_url(url).database}-turn")))
    engine = sa.create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_size=threads,
        max_overflow=threads,
        pool_pre_ping=True,
        connect_args={"prepare_threshold": 1},
    )
    sa.event.listen(engine, "connect", _durable)
    return Database(engine, nullcontext)


def _durable(connection: Any, _record: object) -> None:
    """A commit is on the disk before it returns, also where the role or the server is set otherwise."""
    connection.execute(SYNCHRONOUS)
    connection.commit()


def sqlite_engine(url: str, threads: int) -> sa.Engine:
    """An engine on a SQLite file whose every transaction is BEGIN IMMEDIATE, but for snapshots."""
    engine = sa.create_engine(url, pool_size=threads, max_overflow=threads)

    @sa.event.listens_for(engine, "connect")
    def _configure(connection, _record) -> None:  # type: ignore[no-untyped-def]
        connection.isolation_level = None  # the driver begins no transaction of its own
        for pragma in SQLITE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get(SNAPSHOT)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def conflicting(error: DBAPIError) -> bool:
    """Whether the database gave the transaction up for another one."""
    if getattr(error.orig, "sqlstate", None) in CONFLICT_STATES:
        return True
    return str(getattr(error.orig, "sqlite_errorname", "")).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def failing(error: DBAPIError) -> bool:
    """Whether it is the database that fails, or will not commit what it was given, and not a statement of ours."""
    if name := getattr(error.orig, "sqlite_errorname", ""):
        return not str(name).startswith(OF_STATEMENTS)
    kinds = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError, sa.exc.IntegrityError)
    return isinstance(error, kinds) or getattr(error.orig, "sqlstate", None) == FORBIDDEN


class _Queue:
    """Writers of one SQLite file, one at a time: threads by a lock, processes by flock(2), which a death releases.

    A transaction inside another of the same thread would wait for itself: it is refused.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._lock, self._holder = file, threading.Lock(), 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        if self._holder == threading.get_ident():
            raise RuntimeError("a transaction inside another")
        with self._lock, self._opened() as file:
            self._holder = threading.get_ident()
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
            finally:
                self._holder = 0

    def _opened(self) -> IO[bytes]:
        try:
            return self._file.open("ab")
        except OSError as error:
            raise ServiceUnavailable(WORKING, type(error).__name__) from error
