"""Column types that the stores share, and how rows change hands, or go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

FROM = sa.bindparam("from_owner", type_=sa.Text)
INTO = sa.bindparam("into_owner", type_=sa.Text)


class Instant(sa.TypeDecorator[datetime]):
    """An aware datetime, UTC in the database and when read. SQLite keeps no zone: it is put back."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("instant: expected an aware datetime, got a naive one")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def uniting(metadata: sa.MetaData, owner: str) -> tuple[sa.Executable, ...]:
    """The statements that give every row of one owner (FROM) to another (INTO), in every table with a column `owner`.

    Of two rows that an owner can have only once, that of the other stands.
    """
    tables = [table for table in metadata.sorted_tables if owner in table.c]
    return (
        *(_claimed_twice(table, table.c[owner], columns) for table in tables for columns in _once(table, owner)),
        *(sa.update(table).where(table.c[owner] == FROM).values({owner: INTO}) for table in tables),
    )


def erasing(metadata: sa.MetaData, owner: str) -> tuple[sa.Executable, ...]:
    """The statements that remove every row of one owner (FROM), in every table with a column `owner`."""
    tables = [table for table in reversed(metadata.sorted_tables) if owner in table.c]
    return tuple(sa.delete(table).where(table.c[owner] == FROM) for table in tables)


def _once(table: sa.Table, owner: str) -> Iterator[list[sa.Column[Any]]]:
    """Each set of columns that an owner can have only once, without `owner`."""
    kinds = (sa.PrimaryKeyConstraint, sa.UniqueConstraint)
    constraints = [each for each in table.constraints if isinstance(each, kinds)]
    for unique in (*constraints, *(index for index in table.indexes if index.unique)):
        columns = list(unique.columns)
        if table.c[owner] in columns:
            yield [column for column in columns if column is not table.c[owner]]


def _claimed_twice(table: sa.Table, owner: sa.Column[Any], columns: list[sa.Column[Any]]) -> sa.Delete:
    standing = table.alias()
    same = [standing.c[column.name] == column for column in columns]
    return sa.delete(table).where(owner == FROM, sa.exists().where(standing.c[owner.name] == INTO, *same))
