"""Copies of a dossier: what is on one, by whom it is for."""

from __future__ import annotations

import pytest

from habilitations.decision import patient_copy, whole_dossier
from registry.metadata import AvailabilityStatus, Code
from registry.scope import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS, Custody
from tests.connectathon import document

NOBODY = Custody()
PLAIN = (("N", "2.16.840.1.113883.5.25"),)


@pytest.mark.parametrize(
    ("said", "patient", "representative"),
    [
        (PLAIN, True, True),
        ((*PLAIN, MASQUE_PS), True, True),
        ((*PLAIN, INVISIBLE_REPRESENTANTS_LEGAUX), True, False),
        ((*PLAIN, INVISIBLE_PATIENT), False, False),
        ((MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX), False, False),
    ],
)
def test_a_copy_is_what_its_recipient_may_see(
    said: tuple[tuple[str, str], ...], patient: bool, representative: bool
) -> None:
    entry = document("p", confidentiality_codes=tuple(Code(*code) for code in said))
    assert whole_dossier("d").permits(entry, NOBODY)
    assert patient_copy("d").permits(entry, NOBODY) is patient
    assert patient_copy("d", for_representative=True).permits(entry, NOBODY) is representative


@pytest.mark.parametrize("status", AvailabilityStatus)
def test_what_was_deleted_is_in_no_copy(status: AvailabilityStatus) -> None:
    entry = document("p", availability_status=status)
    copied = status is not AvailabilityStatus.DELETED
    assert whole_dossier("d").permits(entry, NOBODY) is copied
    assert patient_copy("d").permits(entry, NOBODY) is copied


def test_a_copy_is_of_one_dossier() -> None:
    assert {whole_dossier("d").patient, patient_copy("d").patient} == {"d"}
