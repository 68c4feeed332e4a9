"""Whatever happens in whatever order, a history is the one there would be without what its reader may not know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.event import AuditObject, Event, ObjectKind, Outcome
from audit.reading import AuditReader
from audit.store import AuditStore
from audit.tables import METADATA
from audit.trail import AuditTrail
from dmp.sentences import ENTERED
from dmp.traces import Reader, Seen, Sight
from habilitations.action import Action
from habilitations.decision import patient_copy
from identities.dossier import Dossier, DossierStatus, Traits
from registry.metadata import Code, DocumentEntry
from registry.scope import Custody, Scope
from tests.audit.events import DOCTOR, INSTANT, PATIENT, SEARCH, SOURCE
from tests.dmp.life import ANNOUNCED, KEPT, MASKED
from tests.registry.samples import NORMAL, document

DOSSIER = Dossier("dossier-1", (PATIENT,), Traits("A", "B", None, "F"), DossierStatus.OPEN, INSTANT)
PATIENT_READER = Reader(patient_copy(DOSSIER.key), patient=True)
MOTHER_READER = Reader(patient_copy(DOSSIER.key, for_representative=True), patient=True, represents=True)
NOBODY = Custody()
ACTIONS = (Action.TD2_1, Action.TD3_1, Action.TD3_2, Action.TD3_3A_MASQUER, Action.TD3_3B, Action.TD3_3C, Action.HA)


@dataclass(frozen=True)
class Happened:
    """One event: its documents are numbers; of those that are not registered nobody knows anything."""

    action: Action
    documents: frozenset[int]
    secret: bool
    outcome: Outcome


@dataclass(frozen=True)
class Registered:
    """A registry of these documents."""

    entries_: tuple[DocumentEntry, ...]

    def entries(self, unique_ids: Sequence[str], scope: Scope) -> tuple[DocumentEntry, ...]:
        return tuple(each for each in self.entries_ if each.unique_id in unique_ids and scope.permits(each, NOBODY))

    def hidden(self, scope: Scope, *, unique_ids: Sequence[str]) -> tuple[tuple[DocumentEntry, Custody], ...]:
        hidden = (each for each in self.entries_ if not scope.permits(each, NOBODY))
        return tuple((each, NOBODY) for each in hidden if each.unique_id in unique_ids)


class Rooms:
    """What a history reads."""

    def __init__(self, connection: sa.Connection, entries: Iterable[DocumentEntry]) -> None:
        self.traces, self.registry, self.identities = AuditReader(connection), Registered(tuple(entries)), self

    def lineage(self, key: str) -> tuple[str, ...]:
        return (key,)


def entry(number: int, codes: frozenset[Code]) -> DocumentEntry:
    return document(number=number, confidentiality_codes=(NORMAL, *sorted(codes, key=lambda code: code.code)))


def seen_by(reader: Reader, happened: Sequence[Happened | None], entries: Iterable[DocumentEntry]) -> list[Any]:
    """What the reader sees, as what can be told apart; None stands for an event that never was."""
    with log().connect() as connection:  # what is written is rolled back
        trail = AuditTrail(AuditStore(connection), SOURCE)
        for number, each in enumerate(happened):
            if each is not None:
                trail.append(event(number, each))
        rooms: Any = Rooms(connection, entries)
        return [told(each) for each in Sight(rooms, DOSSIER, reader).seen()]


@cache
def log() -> sa.Engine:
    engine = sa.create_engine("sqlite://")
    METADATA.create_all(engine)
    return engine


def event(number: int, happened: Happened) -> Event:
    return replace(
        SEARCH,
        id=f"event-{number}",
        instant=INSTANT + timedelta(minutes=number),
        call=replace(SEARCH.call, request_id=f"request-{number}"),
        action=happened.action.value,
        outcome=happened.outcome,
        requester=replace(DOCTOR, secret_connection=happened.secret),
        objects=tuple(
            AuditObject(ObjectKind.DOCUMENT, entry(each, frozenset()).unique_id) for each in happened.documents
        ),
    )


def told(seen: Seen) -> tuple[str, str, str, tuple[str, ...]]:
    names = tuple(sorted(each.unique_id for each in seen.documents))
    return (seen.trace.id, seen.sentence.text, seen.trace.outcome.name, names)


numbers = st.integers(0, 7)
marks = st.frozensets(st.sampled_from([ANNOUNCED, KEPT, MASKED]))
registries = st.dictionaries(numbers, marks, max_size=6)
happenings = st.lists(
    st.builds(
        Happened,
        st.sampled_from(ACTIONS),
        st.frozensets(numbers, max_size=3),
        st.booleans(),
        st.sampled_from([Outcome.SUCCESS, Outcome.MINOR_FAILURE]),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(happenings, registries)
def test_a_representative_s_history_is_the_one_of_a_world_without_what_is_kept_from_them(
    happened: list[Happened], registered: dict[int, frozenset[Code]]
) -> None:
    kept = {number for number, codes in registered.items() if KEPT in codes}
    announced = {number for number, codes in registered.items() if ANNOUNCED in codes}

    def without(each: Happened) -> Happened | None:
        rest = each.documents - kept
        if each.secret or (rest != each.documents and not rest & (registered.keys() - announced)):
            return None
        return replace(each, documents=rest)

    here = seen_by(MOTHER_READER, happened, (entry(*each) for each in registered.items()))
    there = seen_by(
        MOTHER_READER,
        [without(each) for each in happened],
        (entry(number, codes) for number, codes in registered.items() if number not in kept),
    )
    assert here == there


@settings(deadline=None)
@given(happenings, registries, st.data())
def test_of_what_must_be_announced_a_patient_learns_neither_what_nor_what_was_done(
    happened: list[Happened], registered: dict[int, frozenset[Code]], data: st.DataObject
) -> None:
    """Acts on documents that must be announced can be exchanged with acts on what never was, and nothing is seen."""
    announced = {number for number, codes in registered.items() if ANNOUNCED in codes}
    known = registered.keys() - announced

    def other(each: Happened) -> Happened:
        if not each.documents or each.documents & known:
            return replace(each, documents=each.documents - announced)
        never = data.draw(st.sampled_from([Action.TD2_1, Action.TD3_2, Action.TD3_3B, Action.TD3_3C]))
        return replace(each, action=never, documents=frozenset({99}))

    here = seen_by(PATIENT_READER, happened, (entry(*each) for each in registered.items()))
    there = seen_by(
        PATIENT_READER,
        [other(each) for each in happened],
        (entry(number, codes) for number, codes in registered.items() if number in known),
    )
    assert here == there
    assert len(here) == len(happened), "of the patient's own dossier no trace is missing"
    hidden = {entry(number, frozenset()).unique_id for number in announced}
    assert not hidden & {name for _, _, _, names in here for name in names}


@settings(deadline=None)
@given(happenings, registries)
def test_a_professional_s_own_acts_are_theirs_alone(
    happened: list[Happened], registered: dict[int, frozenset[Code]]
) -> None:
    documents = [entry(*each) for each in registered.items()]
    scope = patient_copy(DOSSIER.key)
    others = Reader(scope, own="899999999999")
    mine = Reader(scope, own=DOCTOR.id_nat)
    assert seen_by(others, happened, documents) == []
    assert ENTERED.text not in {text for _, text, _, _ in seen_by(mine, happened, documents)}
