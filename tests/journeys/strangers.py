"""Patients whom nobody knows yet, and what was said of those who have a DMP. Values are invented."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from conformance.lps.people import Patient
from habilitations.wishes import PERSON, Kind
from identities.dossier import Dossier
from identities.requester import PatientId
from schemas import oids
from server.demo.people import invented_nir
from server.house import BoundRooms
from tests.gdp import SCHEMA, Told
from tests.village import Village

ADULT, CHILD = date(1979, 3, 28), date(2015, 6, 1)
NOW = datetime.now(UTC)
YEAR = timedelta(days=365)

_orders = itertools.count(500)


def newcomer(birth: date = ADULT, sex: str = "F") -> Patient:
    """Somebody without a DMP."""
    return Patient(invented_nir(sex, birth, "75056", next(_orders)), oids.INS_NIR_TEST)


def identifier(patient: Patient) -> PatientId:
    return PatientId(patient.ins, patient.ins_oid)


@contextmanager
def dossier(village: Village, patient: Patient) -> Iterator[tuple[BoundRooms, Dossier]]:
    """The rooms, as the house has them, and the dossier of a patient."""
    with village.house() as house, house.rooms() as rooms:
        found = rooms.identities.dossier(identifier(patient))
        assert found is not None
        yield rooms, found


def authorise(village: Village, patient: Patient, holder: str, kind: Kind = PERSON, *, ended: bool = False) -> None:
    """An authorisation for a year, which is over when `ended`."""
    start = NOW - 2 * YEAR if ended else NOW - timedelta(days=1)
    with dossier(village, patient) as (rooms, found):
        rooms.rights.authorise(found.key, holder, kind=kind, start=start, end=start + YEAR)


def refused(told: Told, code: str, text: str = "") -> None:
    """Asserts that a message was refused with that code, and tells nothing of anybody."""
    assert SCHEMA.validate(told.content), SCHEMA.error_log
    assert (told.http_status, told.acknowledged, told.errors) == (200, "AE", [code])
    assert text in told.details[0][2]
    assert told.patients == []
