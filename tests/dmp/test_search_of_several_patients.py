"""ITI-51 is a right of its own: nobody has it in the DMP. Source: CSP R.1111-46; ITI TF-2 3.51."""

from __future__ import annotations

import pytest

from audit.event import Outcome
from dmp.consultation import search
from dmp.errors import AccessRefused
from dmp.gate import Gate
from registry.metadata import AvailabilityStatus, Code
from registry.stored_query import FindDocumentsForMultiplePatients, FindFoldersForMultiplePatients, ReturnType
from tests.dmp import test_gate

gate, rooms = test_gate.gate, test_gate.rooms
APPROVED = (AvailabilityStatus.APPROVED,)


@pytest.mark.parametrize("return_type", ReturnType)
@pytest.mark.parametrize("patients", [(), (str(test_gate.INS),)])
def test_a_professional_searches_one_patient_at_a_time(
    gate: Gate, rooms: test_gate.Rooms, return_type: ReturnType, patients: tuple[str, ...]
) -> None:
    code = Code("10", "1.2")
    for query in (
        FindDocumentsForMultiplePatients(
            return_type=return_type, statuses=APPROVED, class_codes=(code,), patient_ids=patients
        ),
        FindFoldersForMultiplePatients(
            return_type=return_type, statuses=APPROVED, codes=((code,),), patient_ids=patients
        ),
    ):
        with pytest.raises(AccessRefused):
            search(gate, test_gate.DOCTOR, test_gate.CALL, query, "urn:uuid:1", b"<q/>")
        assert rooms.events[-1].outcome is Outcome.MINOR_FAILURE
        assert rooms.events[-1].action == "ITI-51"
