"""Fixtures of the journeys: a real server, its own or a shared one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from audit_nodes import open_to_nodes

from tests.mllp import open_to_hl7
from tests.village import Village, settle


@pytest.fixture(scope="session")
def new_village(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Village]:
    """Makes a village that the test starts and stops by itself."""
    return lambda **how: settle(tmp_path_factory.mktemp("village") / "demo", **how)


@pytest.fixture(scope="session")
def village(new_village: Callable[[], Village]) -> Iterator[Village]:
    """A running village, shared: tests of it write documents of their own and look at nothing else."""
    settled = new_village()
    settled.start()
    yield settled
    settled.stop()


@pytest.fixture(scope="session")
def open_village(new_village: Callable[[], Village]) -> Iterator[Village]:
    """A running village whose audit log an auditor reads and a node feeds, by FHIR."""
    settled = new_village()
    open_to_nodes(settled)
    settled.start()
    yield settled
    settled.stop()


@pytest.fixture(scope="session")
def hospital(new_village: Callable[[], Village]) -> Iterator[Village]:
    """A running village whose server takes HL7 v2 messages, shared as `village` is."""
    settled = new_village()
    open_to_hl7(settled)
    settled.start()
    yield settled
    settled.stop()
