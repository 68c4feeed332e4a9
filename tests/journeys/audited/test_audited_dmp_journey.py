"""Each transaction of practice software over the wire, and the whole of what it leaves in the audit log of a DMP."""

from __future__ import annotations

import audited_dmp_documents
import audited_dmp_dossiers
import pytest
from audited_dmp_cases import CASES
from audited_dmp_table import ROWS
from audited_village import Audited

PERFORMED = (audited_dmp_documents, audited_dmp_dossiers)  # fill CASES


@pytest.mark.parametrize("title", ROWS)
def test_each_row_is_what_its_request_leaves(audited: Audited, title: str) -> None:
    audited.watch()
    names = CASES[title](audited)
    audited.log.holds(ROWS[title], names)


def test_each_case_has_its_row() -> None:
    assert CASES.keys() == ROWS.keys()
