"""Audit messages of other nodes in the log: as they came, whatever they are, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.audit_event import audit_event
from audit.reading import AuditReader
from audit.received import read_received
from audit.selection import Selection
from audit.store import AuditStore
from audit.tables import METADATA
from audit.trail import AuditTrail
from dmp.audit_feed import keep_received
from dmp.gate import Gate
from identities.requester import PatientId
from tests.audit.events import INSTANT, SOURCE
from tests.audit.test_received import DICOM, VECTORS, fhir

RECORDED = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)


def gate_of(engine: sa.Engine) -> Gate:
    METADATA.create_all(engine)

    @contextmanager
    def unit_of_work() -> Iterator[Any]:
        with engine.begin() as connection:
            store = AuditStore(connection)
            yield SimpleNamespace(trail=AuditTrail(store, SOURCE), traces=AuditReader(connection))

    return Gate(unit_of_work, cast(Any, None), cast(Any, None), lambda: INSTANT)


def test_kept_together_and_found_by_their_ids(engine: sa.Engine) -> None:
    gate = gate_of(engine)
    messages = [read_received(each, origin="CN=node", recorded=RECORDED) for each in (DICOM, fhir(), b"\0\xff")]
    ids = keep_received(gate, messages)
    assert ids == tuple(each.id for each in messages)
    with gate.reception() as rooms:
        found = rooms.traces.records(Selection(ids=frozenset(ids)), limit=10)
    assert {each.record.id: each.record.message for each in found} == {each.id: each.message for each in messages}
    assert {each.record.origin for each in found} == {"CN=node"}


LONG = st.sampled_from(["\0", "x" * 5000, "\U0001f600" * 3000, "a\nb", "'", "\ufffe"]) | st.text(max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(message=st.sampled_from(VECTORS) | st.binary(max_size=20), texts=st.lists(LONG, min_size=5, max_size=5))
def test_whatever_comes_is_kept(engine: sa.Engine, message: bytes, texts: list[str]) -> None:
    """What read_received makes a database takes, its indexes too; and the log shows it."""
    gate = gate_of(engine)
    who, name, address, patient, document = texts
    event = fhir(
        agent=[
            {"who": {"identifier": {"value": who}}, "name": name, "requestor": True, "network": {"address": address}}
        ],
        entity=[
            {"what": {"identifier": {"value": patient}}, "type": {"code": "1"}, "role": {"code": "1"}},
            {"what": {"identifier": {"value": document}}, "type": {"code": "2"}, "role": {"code": "3"}},
        ],
    )
    kept = [read_received(each, origin=name, recorded=RECORDED) for each in (message, event)]
    ids = keep_received(gate, kept)
    with gate.reception() as rooms:
        patients = frozenset({PatientId(patient.replace("\0", ""), "")})
        found = rooms.traces.records(Selection(ids=frozenset(ids)), limit=10)
        rooms.traces.records(Selection(patients=patients), limit=10)
    assert {each.record.message for each in found} == {message, event}
    for each in found:
        assert audit_event(replace(each.record))["id"] == each.record.id
