"""What the DMP's services leave in the audit log, and what they are told of it: who was last in which dossier."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from audit.event import AuditObject, Event, ObjectKind, Outcome
from audit.message import write_message
from audit.store import AuditStore
from audit.tables import METADATA
from audit.trail import AuditTrail
from identities.requester import Requester
from schemas.xml import parse
from tests.audit.events import DOCTOR, INSTANT, SOURCE, SUBMISSION, URGENTIST, call

NURSE = replace(DOCTOR, id_nat="899900063499", profession="60", specialty="")
MINUTE = timedelta(minutes=1)
CODES = {  # EventID, EventActionCode, EventTypeCode
    "TD0.3": ("110110", "U", "TD0.3"),
    "TD0.4": ("110112", "E", "TD0.4"),
    "TD1.5a": ("110113", "E", "110137"),
    "TD1.5b": ("110113", "E", "110137"),
    "TD1.5d": ("110113", "E", "110137"),
    "TD1.6": ("110112", "E", "TD1.6"),
}


def happened(who: Requester | None = DOCTOR, dossier: str = "d1", minute: int = 0, **changes: object) -> Event:
    event = replace(SUBMISSION, id=str(uuid.uuid4()), requester=who, dossier=dossier, instant=INSTANT + minute * MINUTE)
    return replace(event, **changes)  # type: ignore[arg-type]


def at(minute: int) -> datetime:
    return INSTANT + minute * MINUTE


@pytest.fixture
def database(engine: sa.Engine) -> sa.Engine:
    METADATA.create_all(engine)
    return engine


def record(database: sa.Engine, *events: Event) -> None:
    with database.begin() as connection:
        for event in events:
            AuditTrail(AuditStore(connection), SOURCE).append(event)


@pytest.mark.parametrize("transaction", CODES)
def test_every_service_has_its_row(transaction: str) -> None:
    message = parse(write_message(replace(SUBMISSION, call=call(transaction), action=transaction), site=SOURCE))
    identification = message.find("EventIdentification")
    assert identification is not None
    told = [identification.find(name) for name in ("EventID", "EventTypeCode")]
    codes = [each.get("csd-code") for each in told if each is not None]
    assert (codes[0], identification.get("EventActionCode"), codes[1]) == CODES[transaction]


def test_whose_rights_changed_is_an_object() -> None:
    """Source: DICOM PS3.15 A.5.1, role 11 (Security User Entity)."""
    holder = AuditObject(ObjectKind.USER, "899900063480")
    message = parse(write_message(replace(SUBMISSION, call=call("TD0.3"), objects=(holder,)), site=SOURCE))
    found = [
        each
        for each in message.iterfind("ParticipantObjectIdentification")
        if each.get("ParticipantObjectID") == holder.id
    ]
    (told,) = found
    assert (told.get("ParticipantObjectTypeCode"), told.get("ParticipantObjectTypeCodeRole")) == ("2", "11")


def test_the_last_access_is_the_requester_s_own_and_no_refusal(database: sa.Engine) -> None:
    record(
        database,
        happened(minute=0),
        happened(minute=3),
        happened(minute=2),
        happened(NURSE, minute=4),
        happened(minute=5, outcome=Outcome.MINOR_FAILURE),
        happened(dossier="d2", minute=6),
        happened(NURSE, "d3", 7),
        happened(None, "d1", 8),
    )
    with database.begin() as connection:
        trail = AuditTrail(AuditStore(connection), SOURCE)
        assert trail.last_accesses(DOCTOR.id_nat, ["d1", "d2", "d3"]) == {"d1": at(3), "d2": at(6)}
        assert trail.last_accesses(DOCTOR.id_nat, ["d2"]) == {"d2": at(6)}
        assert trail.last_accesses(DOCTOR.id_nat, []) == {}
        assert trail.last_accesses(DOCTOR.id_nat, [f"d{number}" for number in range(1200)]).keys() == {"d1", "d2"}


def test_the_last_action_is_of_each_person_and_of_each_structure(database: sa.Engine) -> None:
    other_practice = replace(DOCTOR, structure_id="10B0000009")
    record(
        database,
        happened(minute=1),
        happened(NURSE, minute=2),
        happened(other_practice, minute=3),
        happened(URGENTIST, minute=4, outcome=Outcome.MINOR_FAILURE),
        happened(replace(NURSE, secret_connection=True), minute=5),
        happened(minute=6, dossier="d2"),
    )
    with database.begin() as connection:
        trail = AuditTrail(AuditStore(connection), SOURCE)
        everything = {
            DOCTOR.id_nat: at(3),
            NURSE.id_nat: at(5),
            DOCTOR.structure_id: at(5),
            other_practice.structure_id: at(3),
        }
        assert trail.last_actions("d1", secret=True) == everything
        hidden = {**everything, NURSE.id_nat: at(2), DOCTOR.structure_id: at(2)}
        assert trail.last_actions("d1", secret=False) == hidden
        assert trail.last_actions("d9", secret=True) == {}
