"""Looking up many identifiers, however many come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa

CHUNK = 1_000  # identifiers in one statement: SQLite and PostgreSQL both limit parameters

Item = TypeVar("Item")


def among(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Whether `column` has one of the values of the parameter `identifiers`."""
    return column.in_(sa.bindparam("identifiers", expanding=True, type_=column.type))


def chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    """`items`, each once, in lists of at most CHUNK."""
    iterator = iter(dict.fromkeys(items))
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
