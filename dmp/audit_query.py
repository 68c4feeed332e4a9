"""ITI-81: the audit log read by an auditor, as AuditEvents.

What columns can tell is asked of the database; the rest of the question is put to each AuditEvent that it finds. A
page ends when it is full, or when enough was looked at: the next one goes on where it ended. The reading is recorded
like any other, about the patient whom it names, so that the patient sees who read.

Source: ITI TF-2 3.81 (Retrieve ATNA Audit Event), and 3.81.5.1 (its audit event).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from audit.audit_event import audit_event
from audit.event import AuditObject, Call, ObjectKind
from audit.received import MAX_COLUMN
from audit.selection import Placed, Selection
from audit.trace import Place
from dmp.gate import Gate
from dmp.ports import Rooms
from habilitations.action import Action
from identities.requester import PatientId, Requester

BATCH = 50  # records fetched at once
MOST_LOOKED_AT = 2000  # of one page
MOST_BYTES = 32 * 1024 * 1024  # of the messages looked at for one page: one may have a mebibyte

AuditEvent = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What is wanted: a `selection`, of which `holds` says what belongs; `count` of them at most, behind `after`.

    `raw` is the request as it came.
    """

    selection: Selection
    raw: bytes
    holds: Callable[[AuditEvent], bool] = lambda _event: True
    count: int = 50
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of AuditEvents; `following` is where the next one begins, None when there is none."""

    events: tuple[AuditEvent, ...]
    following: Place | None = None


def search_audit(gate: Gate, requester: Requester, call: Call, question: Question) -> Found:
    """The page that answers `question`. Raises AccessRefused."""
    patients = question.selection.patients or frozenset()
    asked = AuditObject(ObjectKind.QUERY, call.endpoint, content=question.raw)
    with gate.passage(requester, Action.ITI_81, _named(patients), call, asked=[asked]) as passage:
        dossiers = frozenset(_dossiers(passage.rooms, patients))
        return _page(passage.rooms, replace(question, selection=replace(question.selection, dossiers=dossiers)))


def _named(patients: frozenset[PatientId]) -> PatientId | None:
    """Whom the reading is about, when it is about one."""
    whole = [each for each in patients if each.authority and len(each.value) <= MAX_COLUMN]
    return whole[0] if len(whole) == len(patients) == 1 else None


def _dossiers(rooms: Rooms, patients: frozenset[PatientId]) -> Iterator[str]:
    for patient in patients:
        if (dossier := rooms.identities.dossier(patient)) is not None:
            yield dossier.key


def _page(rooms: Rooms, question: Question) -> Found:
    events: list[AuditEvent] = []
    last, looked_at, size = question.after, 0, 0
    for placed in _looked_at(rooms, question):
        if len(events) == question.count or looked_at == MOST_LOOKED_AT or size > MOST_BYTES:
            return Found(tuple(events), last)
        event = audit_event(placed.record)
        if question.holds(event):
            events.append(event)
        last, looked_at, size = placed.place, looked_at + 1, size + len(placed.record.message)
    return Found(tuple(events))


def _looked_at(rooms: Rooms, question: Question) -> Iterator[Placed]:
    after = question.after
    while batch := rooms.traces.records(question.selection, after=after, limit=BATCH):
        yield from batch
        after = batch[-1].place
