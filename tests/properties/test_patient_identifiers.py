"""Which identifiers find which documents, after whatever an identity source and a document source did.

The model is plain sets in memory; the house is a real one on SQLite, entered by the ports that the doors use.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.event import Call
from dmp.errors import AccessRefused
from dmp.patient_search import Question
from dmp.patients import Said
from identities.demographics import Demographics, Part, PersonName
from identities.dossier import Traits
from identities.patient_query import PatientQuery, name_patterns
from identities.requester import Authentication, PatientId, Requester
from ihe.door import Door
from registry.errors import ErrorCode, RegistryError
from registry.metadata import AvailabilityStatus, DocumentEntry
from registry.stored_query import FindDocuments, ReturnType
from server.house import House
from server.migrations import upgrade
from server.settings import load
from server.wiring import ihe_door
from tests.connectathon import document, submission

NODE = Requester("", "127.0.0.1", "", "", "", "", "", Authentication.NOEUD_IHE)
NAMED = Traits("Muster", "Maja", None, "F", demographics=Demographics((PersonName((Part("family", "Muster"),)),)))
FED, UNFED = "1.2.3.1", "1.2.3.2"
UNIVERSE = [PatientId(value, authority) for authority in (FED, UNFED) for value in "abcd"]
IDS = st.sampled_from(UNIVERSE)


@dataclass
class Patient:
    """Somebody: every identifier that leads to him, and his documents."""

    ids: set[PatientId]
    documents: set[str] = field(default_factory=set)


@dataclass
class Model:
    """The rules, as sets."""

    patients: list[Patient] = field(default_factory=list)
    fed: set[str] = field(default_factory=set)
    subsumed: dict[PatientId, Patient] = field(default_factory=dict)

    def of(self, identifier: PatientId) -> Patient | None:
        return next((each for each in self.patients if identifier in each.ids), None)

    def documents(self, identifier: PatientId) -> set[str]:
        patient = self.of(identifier)
        return patient.documents if patient else set()

    def feed(self, ids: list[PatientId]) -> bool:
        if any(each in self.subsumed for each in ids):
            return False
        known = list({id(p): p for each in ids if (p := self.of(each))}.values())
        held: set[str] = set()
        for each in known:  # two patients of one authority become one by a merge only
            authorities = {i.authority for i in each.ids}
            if held & authorities:
                return False
            held |= authorities
        patient = known[0] if known else Patient(set())
        if not known:
            self.patients.append(patient)
        for other in known[1:]:
            self._unite(other, patient)
        patient.ids |= set(ids)
        self.fed |= {each.authority for each in ids}
        return True

    def merge(self, surviving: PatientId, subsumed: PatientId) -> bool:
        if surviving == subsumed or surviving in self.subsumed:
            return False
        survivor, losing = self.of(surviving), self.of(subsumed)
        if subsumed in self.subsumed:
            return survivor is not None and self.subsumed[subsumed] is survivor
        if losing is None and subsumed.authority in self.fed:
            return False
        if survivor is None:
            survivor = losing or Patient(set())
            survivor.ids.add(surviving)
            if survivor not in self.patients:
                self.patients.append(survivor)
        elif losing is not None and losing is not survivor:
            self._unite(losing, survivor)
        survivor.ids.discard(subsumed)
        self.subsumed[subsumed] = survivor
        self.fed |= {surviving.authority, subsumed.authority}
        return True

    def submit(self, identifier: PatientId, unique_id: str) -> bool:
        patient = self.of(identifier)
        if patient is None:
            if identifier in self.subsumed or identifier.authority in self.fed:
                return False
            patient = Patient({identifier})
            self.patients.append(patient)
        patient.documents.add(unique_id)
        return True

    def _unite(self, merged: Patient, into: Patient) -> None:
        into.ids |= merged.ids
        into.documents |= merged.documents
        self.patients = [each for each in self.patients if each is not merged]
        self.subsumed = {i: into if p is merged else p for i, p in self.subsumed.items()}


ACTS = st.one_of(
    st.tuples(st.just("feed"), st.lists(IDS, min_size=1, max_size=3)),
    st.tuples(st.just("merge"), st.tuples(IDS, IDS).map(list)),
    st.tuples(st.just("submit"), st.lists(IDS, min_size=1, max_size=1)),
)


@contextmanager
def opened() -> Iterator[tuple[House, Door]]:
    """A house of its own, and its door."""
    with tempfile.TemporaryDirectory() as folder:
        loaded = load({"home": Path(folder), "domain": "ihe-connectathon", "http": "127.0.0.1:1"}, {})
        upgrade(loaded)
        house = House.build(loaded, anchors=False)
        try:
            yield house, ihe_door(house)
        finally:
            house.database.dispose()


def call(transaction: str) -> Call:
    return Call(transaction, uuid.uuid4().hex)


def found(door: Door, identifier: PatientId) -> set[str]:
    query = FindDocuments(
        return_type=ReturnType.LEAF_CLASS, patient_id=str(identifier), statuses=tuple(AvailabilityStatus)
    )
    answer = door.search(NODE, call("ITI-18"), query, "q", b"")
    entries = [item for item in answer if isinstance(item, DocumentEntry)]
    return {entry.unique_id for entry in entries}


def done(door: Door, act: str, ids: list[PatientId], unique_id: str) -> bool:
    """Whether the house did it; what it refuses it must refuse for a reason that the standard knows."""
    try:
        if act == "feed":
            door.patients.feed(NODE, call("ITI-44"), Said(tuple(ids), NAMED, "m"))
        elif act == "merge":
            door.patients.merge(NODE, call("ITI-44"), Said((ids[0],), NAMED, "m"), ids[1])
        else:
            door.register(NODE, call("ITI-42"), submission(document(str(ids[0]), unique_id=unique_id)), ())
    except RegistryError as error:
        known = {ErrorCode.XDSUnknownPatientId, ErrorCode.XDSPatientIDReconciliationError}
        assert {each.code for each in error.findings} <= known, error
        return False
    return True


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ACTS, max_size=10))
def test_which_identifiers_find_which_documents(acts: list[tuple[str, list[PatientId]]]) -> None:
    model = Model()
    with opened() as (_, door):
        for act, ids in acts:
            unique_id = f"2.25.{uuid.uuid4().int}"
            expected = {
                "feed": lambda ids=ids: model.feed(ids),
                "merge": lambda ids=ids: model.merge(*ids),
                "submit": lambda ids=ids, unique_id=unique_id: model.submit(ids[0], unique_id),
            }[act]()
            assert done(door, act, ids, unique_id) is expected, (act, ids)
        for identifier in UNIVERSE:
            assert found(door, identifier) == model.documents(identifier), identifier


# --- The same house, by other requesters ------------------------------------------------------------------------------


def test_a_continuation_is_of_whoever_asked() -> None:
    query = PatientQuery(names=(name_patterns(NAMED.names[0], search=False),))
    question = Question("1@1.2.3", b"<q/>")
    other = replace(NODE, name="CN=another node", certificate_subject="CN=another node")
    with opened() as (_, door):
        for value in "abc":
            door.patients.feed(NODE, call("ITI-44"), Said((PatientId(value, FED),), NAMED, "m"))
        first = door.patients.find(NODE, call("ITI-47"), query, (), 1, question)
        assert (len(first.patients), first.remaining) == (1, 2)
        with pytest.raises(RegistryError, match="a query of this requester"):
            door.patients.proceed(other, call("ITI-47"), question, None, None)
        door.patients.cancel(other, call("ITI-47"), question)
        rest = door.patients.proceed(NODE, call("ITI-47"), question, None, 2)
        assert (len(rest.patients), rest.remaining, rest.question) == (2, 0, b"<q/>")


def test_a_user_of_an_assertion_feeds_nothing() -> None:
    user = replace(NODE, authentication=Authentication.XUA, id_nat="ada")
    with opened() as (_, door), pytest.raises(AccessRefused):
        door.patients.feed(user, call("ITI-44"), Said((UNIVERSE[0],), NAMED, "m"))
