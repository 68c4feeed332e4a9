"""Where people are reached, and what of a wish is kept."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from identities.account import Channel
from identities.alerts import Alerts, Party, reach_of
from identities.demographics import Telecom
from identities.dossier import Dossier, DossierStatus, Traits
from identities.requester import Authentication, PatientId
from identities.store import METADATA, IdentitiesStore
from identities.store.alerts import AlertsStore
from schemas import oids
from tests.registry.samples import NOW

MAIL, SMS = Channel.EMAIL, Channel.SMS


@pytest.mark.parametrize(
    ("value", "use", "found"),
    [
        ("mailto:anne@patient.example", "", [(MAIL, "anne@patient.example")]),
        ("tel:0612345678", "", [(SMS, "+33612345678")]),
        ("tel:+33 7 12 34 56 78", "H", [(SMS, "+33712345678")]),
        ("tel:0692123456", "", [(SMS, "+262692123456")]),
        ("tel:0142000000", "", []),
        ("tel:0142000000", "MC", [(SMS, "+33142000000")]),
        ("tel:+4915123456789", "", []),
        ("tel:+4915123456789", "HP MC", [(SMS, "+4915123456789")]),
        ("fax:0612345678", "", []),
        ("0612345678", "", []),
        ("mailto:anne", "", []),
        ("tel:", "MC", []),
        ("mailto:a@b.example\r\nBcc: x@y.example", "", []),
    ],
)
def test_mail_and_mobiles_are_reached_and_nothing_else(value: str, use: str, found: list[object]) -> None:
    assert list(reach_of([Telecom(value, use)])) == found


def test_each_address_once() -> None:
    twice = (Telecom("tel:0612345678"), Telecom("tel:+33612345678", "MC"))
    assert reach_of(twice) == ((SMS, "+33612345678"),)


def test_a_wish_by_type() -> None:
    assert not Alerts("", Party.PATIENT).wants("34112-3")
    assert Alerts("", Party.PATIENT, documents=True).wants("34112-3")
    only = Alerts("", Party.PATIENT, documents=True, types=frozenset({"11502-2"}))
    assert only.wants("11502-2") and not only.wants("34112-3")


def test_wishes_are_kept_by_dossier_and_person_and_go_with_a_merged_dossier(engine: sa.Engine) -> None:
    METADATA.create_all(engine)
    of_patient = Alerts("", Party.PATIENT, documents=True, email="anne@patient.example")
    of_doctor = Alerts(
        "899900000017",
        Party.PROFESSIONNEL,
        True,
        frozenset({"11502-2", "34112-3"}),
        "paul@cabinet.example",
        "+33612345678",
        "1990000018",
        Authentication.INDIRECTE_RENFORCEE,
    )
    with engine.begin() as connection:
        identities, alerts = IdentitiesStore(connection), AlertsStore(connection)
        for number in (1, 2):
            patient = PatientId(f"27903512151898{number}", oids.INS_NIR_TEST)
            identities.open(Dossier(f"d{number}", (patient,), Traits("A", "B", None, "F"), DossierStatus.OPEN, NOW))
        for wish in (Alerts("", Party.PATIENT), of_doctor, of_patient):
            alerts.save("d1", wish)
        alerts.save("d2", of_doctor)
        assert alerts.of("d1") == (of_patient, of_doctor)
        identities.unite("d2", "d1")
        assert (alerts.of("d1"), alerts.of("d2")) == ((of_patient, of_doctor), ())
