"""A repository in a new folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from repository.files import LocalFiles


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "documents"


@pytest.fixture
def files(root: Path) -> LocalFiles:
    return LocalFiles(root)
