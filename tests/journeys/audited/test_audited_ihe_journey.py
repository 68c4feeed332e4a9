"""Each transaction of an IHE affinity domain over the wire, and the whole of what it leaves in the audit log."""

from __future__ import annotations

from collections.abc import Iterator

import audited_ihe_documents
import audited_ihe_patients
import audited_ihe_queries
import audited_ihe_sharing
import audited_ihe_submissions
import audited_ihe_subscriptions
import pytest
from audited_ihe_stage import CASES, Stage, staged
from audited_ihe_table import ROWS

PERFORMED = (  # fill CASES
    audited_ihe_submissions,
    audited_ihe_queries,
    audited_ihe_documents,
    audited_ihe_patients,
    audited_ihe_sharing,
    audited_ihe_subscriptions,
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("audited")) as made:
        yield made


@pytest.mark.parametrize("title", ROWS)
def test_each_row_is_what_its_request_leaves(stage: Stage, title: str) -> None:
    stage.node.home_id = ""
    stage.watch()
    names = CASES[title](stage)
    stage.log.holds(ROWS[title], names)


def test_each_case_has_its_row() -> None:
    assert CASES.keys() == ROWS.keys()
