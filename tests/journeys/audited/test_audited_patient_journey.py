"""Each page and button of the patient over the wire, and the whole of what it leaves in the audit log."""

from __future__ import annotations

import audited_patient_access
import audited_patient_documents
import audited_patient_rights
import pytest
from audited_patient_cases import CASES
from audited_patient_table import ROWS
from audited_village import Audited

PERFORMED = (audited_patient_access, audited_patient_documents, audited_patient_rights)  # fill CASES


@pytest.mark.parametrize("title", ROWS)
def test_each_row_is_what_its_page_leaves(audited: Audited, title: str) -> None:
    audited.watch()
    names = CASES[title](audited)
    audited.log.holds(ROWS[title], names)


def test_each_case_has_its_row() -> None:
    assert CASES.keys() == ROWS.keys()
