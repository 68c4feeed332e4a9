"""ITI-81: the audit log read by an auditor, as AuditEvents.

What columns can tell is asked of the database; the rest of the question is put to each AuditEvent that it finds. A
page ends when it is full, or when enough was looked at: the next one goes on where it ended. The reading is recorded
like any other, about the patient whom it names, so that the patient sees who read.

Source: ITI TF-2 3.81 (Retrieve ATNA Audit Event), and 3.81.5.1 (its audit event).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

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
Told = TypeVar("Told")


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
class Found(Generic[Told]):
    """A page of AuditEvents, or of what else records are told as; `following` is where the next one begins, if any."""

    events: tuple[Told, ...]
    following: Place | None = None


def search_audit(gate: Gate, requester: Requester, call: Call, question: Question) -> Found[AuditEvent]:
    """The page that answers `question`. Raises AccessRefused."""
    patients = question.selection.patients or frozenset()
    asked = AuditObject(ObjectKind.QUERY, call.endpoint, content=question.raw)
    with gate.passage(requester, Action.ITI_81, _named(patients), call, asked=[asked]) as passage:
        dossiers = frozenset(_dossiers(passage.rooms, patients))
        return _page(passage.rooms, replace(question, selection=replace(question.selection, dossiers=dossiers)))


def page(
    read: Callable[..., tuple[Placed, ...]],
    tell: Callable[[Placed], Told | None],
    *,
    count: int,
    after: Place | None,
) -> Found[Told]:
    """The first `count` of what `tell` makes of records, None of what does not belong here; `read` finds them.

    A page ends before that when enough was looked at.
    """
    told: list[Told] = []
    last, looked_at, size = after, 0, 0
    for placed in _in_batches(read, after):
        if len(told) == count or looked_at == MOST_LOOKED_AT or size > MOST_BYTES:
            return Found(tuple(told), last)
        each = tell(placed)
        if each is not None:
            told.append(each)
        last, looked_at, size = placed.place, looked_at + 1, size + len(placed.record.message)
    return Found(tuple(told))


def _in_batches(read: Callable[..., tuple[Placed, ...]], after: Place | None) -> Iterator[Placed]:
    while batch := read(after=after):
        yield from batch
        after = batch[-1].place


def _page(rooms: Rooms, question: Question) -> Found[AuditEvent]:
    read = partial(rooms.traces.records, question.selection, limit=BATCH)
    return page(read, partial(_told, question), count=question.count, after=question.after)


def _told(question: Question, placed: Placed) -> AuditEvent | None:
    event = audit_event(placed.record)
    return event if question.holds(event) else None


def _named(patients: frozenset[PatientId]) -> PatientId | None:
    """Whom the reading is about, when it is about one."""
    whole = [each for each in patients if each.authority and len(each.value) <= MAX_COLUMN]
    return whole[0] if len(whole) == len(patients) == 1 else None


def _dossiers(rooms: Rooms, patients: frozenset[PatientId]) -> Iterator[str]:
    for patient in patients:
        if (dossier := rooms.identities.dossier(patient)) is not None:
            yield dossier.key
