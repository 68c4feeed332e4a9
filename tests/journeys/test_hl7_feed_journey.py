"""Identities fed and merged by HL7 v2, and asked for by HL7 V3. Source: ITI TF-2 3.8, 3.45."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from conformance.pki import Pki, ec_key, reused
from tests.connectathon import connectathon
from tests.hl7v3 import Patients, by_name, cx, new_authority
from tests.mllp import Sender, adt
from tests.ports import free_port

# What feeds a patient, as PAM has it (2.5) and as ITI-8 does (2.3.1). Source: ITI TF-2 3.8.4.1, 3.30.4, 3.31.4.
EVENTS = (
    *((event, "ADT_A01", "2.5") for event in ("A01", "A04", "A08", "Z99")),
    *((event, "ADT_A05", "2.5") for event in ("A05", "A14", "A28", "A31")),
    *((event, "ADT_A01", "2.3.1") for event in ("A01", "A04", "A05", "A08")),
    *((event, "ADT_A05", "2.6") for event in ("A28", "A31")),
)


def every_event(patients: Patients, sender: Sender, event: str, structure: str, version: str) -> None:
    """A patient is fed by one event and revised by it."""
    patient, alias, family = (
        (uuid.uuid4().hex[:12], new_authority()),
        (uuid.uuid4().hex[:12], new_authority()),
        uuid.uuid4().hex,
    )
    how = {"structure": structure, "version": version}
    assert sender.send(adt(event, [cx(patient)], family="BEFORE", **how)).accepted, (event, version)
    answer = sender.send(adt(event, [cx(patient), cx(alias)], family=family, **how))
    assert (answer.accepted, f"ACK^{event}" in answer.raw.decode()) == (True, True)
    assert patients.identifiers_of(alias).identifiers == [[patient]]
    assert patients.find(by_name(family)).identifiers == [[patient, alias]]


@pytest.mark.proves("transaction/ITI-8")
def test_identities_that_hl7_v2_feeds_are_those_that_hl7_v3_finds(tmp_path: Path) -> None:
    port, authority, other = free_port(), new_authority(), new_authority()
    Pki.create(tmp_path / "home", key_maker=reused(ec_key)).structure("hopital", "1990000018", "Hôpital")
    first, second = (f"A{uuid.uuid4().hex[:10]}", authority), (f"B{uuid.uuid4().hex[:10]}", authority)
    alias = (f"C{uuid.uuid4().hex[:10]}", other)
    with connectathon(tmp_path, mllp=f"127.0.0.1:{port}") as node, Sender(node.home, port) as sender:
        patients = Patients(node)
        for event, structure, version in EVENTS:
            every_event(patients, sender, event, structure, version)
        assert sender.send(adt("A28", [cx(first), cx(alias)], structure="ADT_A05")).accepted
        assert patients.identifiers_of(first).answered == "OK"
        assert sender.send(adt("A04", [cx(second)])).accepted
        assert patients.identifiers_of(second).answered == "NF"
        merging = adt("A40", [cx(second)], structure="ADT_A39", gone=cx(first))
        answer = sender.send(merging)
        assert answer.accepted
        assert sender.send(merging).raw == answer.raw
        assert patients.identifiers_of(second).answered == "OK"
        refused = sender.send(adt("A08", [cx(first)]))
        assert (refused.code, refused.applications) == ("AE", ("906",))
        renamed = (f"D{uuid.uuid4().hex[:10]}", authority)
        assert sender.send(adt("A47", [cx(renamed)], structure="ADT_A30", gone=cx(second))).accepted
        assert patients.identifiers_of(renamed).answered == "OK"
