"""Fixtures of the registry's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from registry.store import METADATA


@pytest.fixture
def database(engine: sa.Engine) -> sa.Engine:
    """An engine with the registry's tables, empty."""
    METADATA.create_all(engine)
    return engine


@pytest.fixture
def connection(database: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction on it, rolled back in the end."""
    with database.connect() as connection:
        yield connection
