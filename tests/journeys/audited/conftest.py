"""A village whose mail is taken, and its audit log, for every journey of what is audited."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from audited_stage import log_of
from audited_village import Audited

from tests.conftest import reference_folder
from tests.journeys.audit_nodes import open_to_nodes
from tests.journeys.patients import posted
from tests.mllp import open_to_hl7
from tests.village import Village


@pytest.fixture(scope="session")
def audited(new_village: Callable[[], Village], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    village = new_village()
    open_to_nodes(village)
    open_to_hl7(village)
    with posted(village) as box:
        village.start()
        with log_of(village.settings, reference_folder()) as log:
            yield Audited(village, box, log, tmp_path_factory.mktemp("papers"))
        village.stop()
