"""The records as the database has them, in order and fast: values of the driver, without a look at what they mean.

A database that somebody wrote into can hold what no server ever wrote, text that is no text included: it is read all
the same, so that it can be said where.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from audit.errors import AuditUnavailable
from audit.record import NUMBERS, TEXTS, RecordError, record_leaf
from audit.tables import EVENT, RUN

BATCH = 4 * RUN  # rows fetched at once

_COLUMNS = tuple(EVENT.c[name] for name in (*NUMBERS, *TEXTS, "message", "leaf"))

Row = Sequence[Any]
"""The values of NUMBERS and TEXTS, the message and the leaf."""


def rows(connection: sa.Connection, after: int = 0, until: int | None = None) -> Iterator[Row]:
    """The record of each sequence number behind `after`, up to `until`, in order. Raises AuditUnavailable."""
    raw: Any = connection.connection.dbapi_connection
    try:
        try:
            for row in _rows(connection, after, until):
                yield row
                after = row[0]
        except sqlite3.OperationalError:  # text that is not UTF-8
            raw.text_factory = lambda text: text.decode(errors="surrogateescape")
            yield from _rows(connection, after, until)
            raw.text_factory = str
    except (connection.dialect.dbapi.Error, sa.exc.SQLAlchemyError) as error:  # type: ignore[union-attr]
        raise AuditUnavailable("an audit log that can be read", type(error).__name__) from error


def _rows(connection: sa.Connection, after: int, until: int | None) -> Iterator[Row]:
    query = sa.select(*_COLUMNS).where(EVENT.c.sequence > after).order_by(EVENT.c.sequence)
    if until is not None:
        query = query.where(EVENT.c.sequence <= until)
    raw: Any = connection.connection.dbapi_connection
    cursor = raw.cursor() if isinstance(raw, sqlite3.Connection) else raw.cursor(name="audit_rows")  # on the server
    try:
        cursor.execute(str(query.compile(connection, compile_kwargs={"literal_binds": True})))
        while fetched := cursor.fetchmany(BATCH):
            yield from fetched
    finally:
        cursor.close()


def leaf_of(row: Row, sequence: int | None = None) -> bytes | None:
    """The leaf of such a record, with another sequence number if one is given; None of what is no record."""
    first, outcome, secret, *texts, message, _ = row
    try:
        return record_leaf((first if sequence is None else sequence, outcome, secret), texts, message)
    except RecordError:
        return None
