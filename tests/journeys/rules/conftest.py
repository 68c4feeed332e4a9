"""Fixtures of the rules: patients of their own in the shared village."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.somebody import CHILD, Somebody, move
from tests.village import Village


@pytest.fixture
def somebody(village: Village, tmp_path: Path) -> Somebody:
    """An adult whose DMP is open to nobody yet."""
    return move(village, tmp_path)


@pytest.fixture
def child(village: Village, tmp_path: Path) -> Somebody:
    """A minor whose DMP is open to nobody yet."""
    return move(village, tmp_path, CHILD)
