"""Assertions that must not be believed, each through the front door: SOAP Fault, nothing stored, audited."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree

from audit.event import Outcome
from conformance.lps.client import Lps
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError
from conformance.lps.vihf import Access, vihf
from conformance.pki import Pki
from conformance.signing import build_vihf
from schemas import xml
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from tests.ihe.vihf_messages import WRAPPINGS, Wrapping, evil_of
from tests.village import Village

Forge = Callable[[Village, Lps, Patient], bytes]
DOCTOR, OTHER = "medecin-traitant", "medecin"
NOW = datetime.now(UTC)


def genuine(village: Village, _lps: Lps, patient: Patient, *, name: str = DOCTOR, at: datetime | None = None) -> bytes:
    return vihf(village.demo.sender(name), patient, Access(), "4.0", at or datetime.now(UTC))


def direct(village: Village, patient: Patient, **changes: object) -> bytes:
    """The doctor's own assertion, built with `changes`."""
    sender = village.demo.sender(DOCTOR)
    arguments: dict[str, object] = {
        "certificate": sender.keys.sign_cert.read_bytes(),
        "key": sender.keys.sign_key.read_bytes(),
        "name_id": sender.name_id,
        "issued": datetime.now(UTC),
        "structure_id": sender.structure_id,
        "sector": sender.sector,
        "patient": patient.cx,
        "whole_chain": True,
        **changes,
    }
    return build_vihf(**arguments)  # type: ignore[arg-type]


def unsigned(village: Village, _lps: Lps, patient: Patient) -> bytes:
    return direct(village, patient, signed=False)


def altered(village: Village, lps: Lps, patient: Patient) -> bytes:
    return genuine(village, lps, patient).replace(b"SA07", b"SA01")


def expired(village: Village, lps: Lps, patient: Patient) -> bytes:
    return genuine(village, lps, patient, at=datetime.now(UTC) - timedelta(days=2))


def from_the_future(village: Village, lps: Lps, patient: Patient) -> bytes:
    return genuine(village, lps, patient, at=datetime.now(UTC) + timedelta(hours=3))


def by_an_unknown_ca(village: Village, _lps: Lps, patient: Patient) -> bytes:
    folder = village.folder.parent / "stranger"
    folder.mkdir(exist_ok=True)
    sender = village.demo.sender(DOCTOR)
    forged = Pki.create(folder).person("fake", sender.name_id, "MARCHAND", "Claire", "10", "SM26")
    return direct(village, patient, certificate=forged.sign_pem, key=forged.sign_key)


def by_the_authentication_certificate(village: Village, _lps: Lps, patient: Patient) -> bytes:
    keys = village.demo.sender(DOCTOR).keys
    return direct(village, patient, certificate=keys.auth_cert.read_bytes(), key=keys.auth_key.read_bytes())


def of_another_person_than_the_tls_client(village: Village, lps: Lps, patient: Patient) -> bytes:
    return genuine(village, lps, patient, name=OTHER)


def for_another_name_than_the_signer_s(village: Village, _lps: Lps, patient: Patient) -> bytes:
    return direct(village, patient, name_id=village.demo.sender(OTHER).name_id)


def with_a_profession_that_the_card_does_not_have(village: Village, _lps: Lps, patient: Patient) -> bytes:
    return direct(village, patient, roles=(("60", "1.2.250.1.71.1.2.7"),))


def twice(village: Village, lps: Lps, patient: Patient) -> bytes:
    return genuine(village, lps, patient) + genuine(village, lps, patient)


def missing(_village: Village, _lps: Lps, _patient: Patient) -> bytes:
    return b""


def wrapping(attack: Wrapping) -> Forge:
    def forge(village: Village, lps: Lps, patient: Patient) -> bytes:
        true = xml.parse(genuine(village, lps, patient))
        security, body = attack(true, evil_of(true))
        return b"".join(etree.tostring(element) for element in (*security, *body))

    forge.__name__ = attack.__name__
    return forge


FORGERIES: tuple[Forge, ...] = (
    unsigned,
    altered,
    expired,
    from_the_future,
    by_an_unknown_ca,
    by_the_authentication_certificate,
    of_another_person_than_the_tls_client,
    for_another_name_than_the_signer_s,
    with_a_profession_that_the_card_does_not_have,
    twice,
    missing,
    *(wrapping(attack) for attack in WRAPPINGS),
)


@pytest.fixture(scope="module")
def patient(village: Village) -> Patient:
    return village.patient(PATIENTS[11].ins)


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forged_assertion_gets_a_fault_stores_nothing_and_is_audited(
    village: Village, patient: Patient, tmp_path: Path, forge: Forge
) -> None:
    lps, honest = village.lps(DOCTOR), village.lps(DOCTOR)
    document = write(Paper("consultation_report", DOCTOR, DOCTOR, 11, 1), tmp_path, 3000, datetime.now(UTC))
    before = len(honest.find(patient))
    lps.assertion = lambda _patient, _access: forge(village, lps, patient)  # type: ignore[method-assign]
    with pytest.raises(LpsError) as searched:
        lps.find(patient)
    assert searched.value.reason.startswith("SOAP Fault")
    with pytest.raises(LpsError) as provided:
        lps.provide([document], patient)
    assert provided.value.reason.startswith("SOAP Fault")
    newest, older = village.audit(2)
    assert [newest.outcome, older.outcome] == [Outcome.SERIOUS_FAILURE] * 2
    assert {newest.transaction, older.transaction} == {"ITI-18", "ITI-41"}
    assert newest.requester_id == "", "a requester who is not believed is not named as one who is"
    assert len(honest.find(patient)) == before


def test_the_genuine_one_is_believed_and_may_be_used_again(village: Village, patient: Patient) -> None:
    lps = village.lps(DOCTOR)
    assertion = genuine(village, lps, patient)
    lps.assertion = lambda _patient, _access: assertion  # type: ignore[method-assign]
    assert lps.find(patient) == lps.find(patient)


def test_an_assertion_of_version_3_is_believed(village: Village, patient: Patient) -> None:
    lps = village.lps(DOCTOR)
    lps.assertion = lambda _patient, _access: vihf(  # type: ignore[method-assign]
        village.demo.sender(DOCTOR), patient, Access(), "3.0", datetime.now(UTC)
    )
    assert isinstance(lps.find(patient), list)


def test_the_same_id_over_other_bytes_is_a_replay(village: Village, patient: Patient) -> None:
    lps = village.lps(DOCTOR)
    first = direct(village, patient, assertion_id="_same")
    second = direct(village, patient, assertion_id="_same", lps=("Autre", "2.0"))
    lps.assertion = lambda _patient, _access: first  # type: ignore[method-assign]
    lps.find(patient)
    lps.assertion = lambda _patient, _access: second  # type: ignore[method-assign]
    with pytest.raises(LpsError, match="already used"):
        lps.find(patient)


def test_a_revoked_card_is_refused_from_the_next_request_on(new_village: Callable[[], Village], tmp_path: Path) -> None:
    village = new_village()
    village.start()
    try:
        patient = village.patient(PATIENTS[0].ins)
        assert isinstance(village.lps("dentiste").find(patient), list)
        village.pki.revoke("dentiste")
        with pytest.raises(LpsError):
            village.lps("dentiste").find(patient)
        assert isinstance(village.lps(DOCTOR).find(patient), list)
    finally:
        village.stop()
