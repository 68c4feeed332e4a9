"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.databases", "tests.connectathon", "tests.proofs", "tests.rsyslog"]

# A busy machine is no fault of what is tested: no test asserts time.
settings.register_profile("dmp", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dmp")

ROOT = Path(__file__).resolve().parent.parent


def reference_folder() -> Path | None:
    """The folder of real documents and official schemas, where it is at hand."""
    folder = Path(os.environ.get("DMP_REFERENCE", ROOT.parent / "shared"))
    return folder if (folder / "fr" / "cda" / "examples").is_dir() else None


@pytest.fixture(scope="session")
def reference() -> Path:
    """The reference data; a test that asks for it is left out, and counted as such, where there is none."""
    folder = reference_folder()
    if folder is None:
        if os.environ.get("DMP_REQUIRE_REFERENCE"):
            pytest.fail("reference data not found, and DMP_REQUIRE_REFERENCE is set: set DMP_REFERENCE")
        pytest.skip("reference data not found: set DMP_REFERENCE")
    return folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`long` tests run only when asked for with `-m long`."""
    if "long" in (config.getoption("markexpr") or ""):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="runs in make long"))
