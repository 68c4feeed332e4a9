"""The registry against the model of the standard's text: random submissions, and every stored query after each.

What goes in goes through the door, as SOAP; what is asked is asked twice, through the door by a node that sees
everything, and of the store within a Scope that hides some of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from identities.ins import read_cx
from registry.metadata import (
    AvailabilityStatus,
)
from registry.scope import EVERY_TYPE, Reach, Scope, TypeRule
from registry.stored_query import ReturnType
from registry.stored_query_coding import read_stored_query
from tests.connectathon import APPROVED as APPROVED_URN
from tests.connectathon import DEPRECATED as DEPRECATED_URN
from tests.connectathon import document, new_oid, submission
from tests.hl7v3 import Patients, cx, name, new_authority
from tests.properties import queries
from tests.properties.model import (
    APND,
    APPROVED,
    DEPRECATED,
    HAS_MEMBER,
    RPLC,
    SIGNS,
    XFRM,
    XFRM_RPLC,
    Doc,
    Fold,
    Link,
    Model,
    Set,
)
from tests.properties.queries import Asked, Filter, View
from tests.properties.wire import MASKED, Door, Keeper, application, submitted, updated, uuid_urn

EXAMPLES = 14
CODES = ("a", "b", "c")
TIMES = ("20250101000000", "20250615120000", "20260101000000")
BOUNDS = ("", "2025", "202506", "20250615120000", "2026")
AUTHORS = ("^Smitty^Gerald^^^", "^Dopplemeyer^Sherry^^^", "^100%_sure^O'Neil^^^")
PATTERNS = ("%Smitty%", "^Dop_lemeyer%", "%100%", "^smitty%", "%", "%'Neil%")
REFERENCES = tuple(f"{value}^^^&2.999.5&ISO^urn:ihe:iti:xds:2013:order" for value in ("x", "y", "z"))
RELATIONS = (RPLC, APND, XFRM, XFRM_RPLC, SIGNS)

some_codes = st.lists(st.sampled_from(CODES), min_size=1, max_size=2, unique=True).map(tuple)
groups = st.lists(some_codes, max_size=2).map(tuple)
ranges = st.tuples(st.sampled_from(BOUNDS), st.sampled_from(BOUNDS))
statuses = st.sampled_from([(APPROVED,), (DEPRECATED,), (APPROVED, DEPRECATED)])
filters = st.builds(
    Filter,
    type_codes=st.just(()) | some_codes,
    class_codes=st.just(()) | some_codes,
    confidentiality=st.just(()) | st.just((("N",),)) | st.just((("N", "R"), ("R",))),
    event_codes=st.just(()) | groups,
    authors=st.just(()) | st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2).map(tuple),
    creation=ranges,
    service_start=ranges,
    service_stop=ranges,
)


class RegistryMachine(RuleBasedStateMachine):
    """Two patients of its own, in a registry that it shares with others."""

    door: ClassVar[Door]
    keeper: ClassVar[Keeper]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.authority, self.patients, self.subsumed = "", list[str](), list[str]()

    @initialize()
    def two_patients(self) -> None:
        self.authority = new_authority()
        self.patients, self.subsumed = [self._patient(), self._patient()], list[str]()

    def _patient(self) -> str:
        """A patient of this machine's own authority, told by its identity source."""
        pair = (f"P{uuid.uuid4().hex[:12]}", self.authority)
        assert Patients(self.door).add([pair], name("Test")).acknowledged == "CA"
        return cx(pair)

    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        """One patient becomes the other, and another one comes."""
        surviving, subsumed = data.draw(st.permutations(self.patients))
        pairs = [(text.partition("^")[0], self.authority) for text in (surviving, subsumed)]
        assert Patients(self.door).merge(pairs[0], pairs[1]).acknowledged == "CA"
        self.model.merge(subsumed, surviving)
        self.subsumed.append(subsumed)
        self.patients = [surviving, self._patient()]

    @precondition(lambda self: self.subsumed)
    @rule(data=st.data())
    def name_a_subsumed_patient(self, data: st.DataObject) -> None:
        """He has no documents, and takes none."""
        gone = data.draw(st.sampled_from(self.subsumed))
        answer = self.door.register(submission(document(gone)))
        assert (answer.status, answer.codes) == ("Failure", {"XDSUnknownPatientId"})
        found = self.door.find_documents(gone, APPROVED_URN, DEPRECATED_URN)
        assert (found.status, found.objects) == ("Success", ())

    # --- Submissions --------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def submit(self, data: st.DataObject) -> None:
        patient = data.draw(st.sampled_from(self.patients))
        one = Set(uuid_urn(), new_oid(), patient, data.draw(st.sampled_from(TIMES)), data.draw(st.sampled_from(CODES)))
        if self.model.sets and data.draw(st.integers(0, 9)) == 0:
            one = replace(one, unique_id=self.model.sets[0].unique_id)
        docs = [self._doc(data, patient) for _ in range(data.draw(st.integers(0, 2)))]
        folders = [
            Fold(uuid_urn(), new_oid(), patient, data.draw(some_codes)) for _ in range(data.draw(st.integers(0, 1)))
        ]
        links = [*self._relations(data, docs), *self._memberships(data, docs, folders)]
        if not docs and not folders and not links:
            return
        answer = self.door.register(submitted(one, docs, folders, links))
        if expected := self.model.refusals(one, docs, folders, links):
            assert (answer.status, answer.codes) == ("Failure", expected), answer.errors
        else:
            assert answer.success, answer.errors
            self.model.submit(one, docs, folders, links, [])

    def _doc(self, data: st.DataObject, patient: str) -> Doc:
        draw = data.draw
        start, stop = sorted((draw(st.sampled_from(TIMES)), draw(st.sampled_from(TIMES))))
        return Doc(
            uuid=uuid_urn(),
            unique_id=new_oid(),
            patient=patient,
            type_code=draw(st.sampled_from(CODES)),
            class_code=draw(st.sampled_from(CODES)),
            confidentiality=draw(st.sampled_from([("N",), ("R",), ("N", "R"), ("N", MASKED)])),
            event_codes=draw(st.just(()) | some_codes),
            author=draw(st.sampled_from(AUTHORS)),
            creation_time=draw(st.sampled_from(TIMES)),
            service_start=draw(st.sampled_from(["", start])),
            service_stop=draw(st.sampled_from(["", stop])),
            reference_ids=draw(st.lists(st.sampled_from(REFERENCES), max_size=2, unique=True).map(tuple)),
        )

    def _relations(self, data: st.DataObject, docs: Sequence[Doc]) -> list[Link]:
        known = [doc.uuid for doc in self.model.docs]
        if not known:
            return []
        return [
            Link(data.draw(st.sampled_from(RELATIONS)), doc.uuid, data.draw(st.sampled_from(known)))
            for doc in docs
            if data.draw(st.booleans())
        ]

    def _memberships(self, data: st.DataObject, docs: Sequence[Doc], folders: Sequence[Fold]) -> list[Link]:
        holders = [one.uuid for one in (*folders, *self.model.folders)]
        members = [one.uuid for one in (*docs, *self.model.docs)]
        if not holders or not members or not data.draw(st.booleans()):
            return []
        link = Link(HAS_MEMBER, data.draw(st.sampled_from(holders)), data.draw(st.sampled_from(members)))
        return [] if link in self.model.links else [link]

    # --- Update and removal -------------------------------------------------------------------------------------------

    @precondition(lambda self: any(doc.latest for doc in self.model.docs))
    @rule(data=st.data(), type_code=st.sampled_from(CODES), author=st.sampled_from(AUTHORS), propagates=st.booleans())
    def update(self, data: st.DataObject, type_code: str, author: str, propagates: bool) -> None:
        old = data.draw(st.sampled_from([doc for doc in self.model.docs if doc.latest]))
        number = data.draw(st.sampled_from([old.version] * 4 + [old.version + 1]))
        new = replace(old, uuid=uuid_urn(), type_code=type_code, author=author, version=old.version + 1)
        one = Set(uuid_urn(), new_oid(), old.patient, TIMES[0], CODES[0])
        answer = self.door.update(updated(one, new, number, propagates))
        expected = {"XDSMetadataVersionError"} if number != old.version else set()
        expected |= {"XDSMetadataUpdateError"} if old.status != APPROVED else set()
        if expected:
            assert (answer.status, answer.codes) == ("Failure", expected), answer.errors
        else:
            assert answer.success, answer.errors
            self.model.update(one, new, old, propagates=propagates)

    @precondition(lambda self: self.model.sets)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        """A submission set and some of what it holds, with the links of all that, but for one at times."""
        one = data.draw(st.sampled_from(self.model.sets))
        held = [link.target for link in self.model.links if link.source == one.uuid]
        objects = {one.uuid, *(each for each in held if isinstance(each, str) and data.draw(st.integers(0, 5)))}
        links = list(dict.fromkeys(self.model.touching(objects)))
        links += [link for link in self.model.links if link.target in links and link not in links]
        if links and data.draw(st.integers(0, 3)) == 0:
            links.remove(data.draw(st.sampled_from(links)))
        ids = [each for link in links for each in self.keeper.ids(link)]
        answer = self.door.remove_metadata(*sorted(objects), *ids)
        if expected := self.model.removal_refusals(objects, links):
            assert (answer.status, answer.codes) == ("Failure", expected), answer.errors
        else:
            assert answer.success, answer.errors
            self.model.remove(objects, links)

    # --- Questions ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.model.sets)
    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        asked = self._question(data, data.draw(st.sampled_from(self.patients)))
        everything = View(self.model, lambda _doc: True)
        answer = self.door.query(asked.query_id, asked.slots)
        assert answer.success, (asked, answer.errors)
        assert self.keeper.described(answer.objects) == asked.answer(everything).described(), asked
        references = self.door.query(asked.query_id, asked.slots, references=True).references
        assert sorted(references) == sorted(item.entry_uuid for item in answer.objects), asked

    @precondition(lambda self: self.model.sets)
    @rule(data=st.data(), masked=st.sampled_from(Reach), types=st.just(CODES) | some_codes, deprecated=st.booleans())
    def ask_within_a_scope(self, data: st.DataObject, masked: Reach, types: Sequence[str], deprecated: bool) -> None:
        patient = data.draw(st.sampled_from(self.patients))
        shown = {AvailabilityStatus.APPROVED} | ({AvailabilityStatus.DEPRECATED} if deprecated else set())
        seen_status = {status.name.capitalize() for status in shown}
        asked = self._question(data, patient)
        with self.keeper.house.rooms() as rooms:
            dossier = rooms.identities.dossier(read_cx(patient))
            if dossier is None:
                return
            scope = Scope(
                patient=dossier.key,
                types=EVERY_TYPE if set(types) == set(CODES) else TypeRule(codes=frozenset(types)),
                reach=Reach.ALL,
                masked=masked,
                invisible_patient=Reach.ALL,
                invisible_representatives=Reach.ALL,
                statuses=frozenset(shown),
            )
            query = read_stored_query(asked.query_id, asked.slots, ReturnType.LEAF_CLASS)
            found = rooms.registry.find(query, scope)

        newest = {doc.lid: doc for doc in self.model.docs if doc.latest}

        def permits(doc: Doc) -> bool:
            open_ = masked is Reach.ALL or MASKED not in doc.confidentiality
            return doc.patient == patient and doc.type_code in types and doc.status in seen_status and open_

        def sees(doc: Doc) -> bool:
            """An older version is seen by nobody from whom the newest is hidden."""
            return permits(doc) and permits(newest.get(doc.lid, doc))

        mine = Model(
            docs=[doc for doc in self.model.docs if doc.patient == patient],
            sets=[one for one in self.model.sets if one.patient == patient],
            folders=[one for one in self.model.folders if one.patient == patient],
        )
        own = {one.uuid for one in (*mine.docs, *mine.sets, *mine.folders)}
        mine.links = [link for link in self.model.links if link.source in own]
        assert self.keeper.described(found) == asked.answer(View(mine, sees)).described(), (asked, scope)

    def _question(self, data: st.DataObject, patient: str) -> Asked:
        draw, model = data.draw, self.model
        docs = [doc for doc in model.docs if doc.patient == patient]
        folders = [one for one in model.folders if one.patient == patient]
        sets = [one for one in model.sets if one.patient == patient]
        by_uuid = draw(st.booleans())
        asked = [
            queries.find_documents(patient, draw(statuses), draw(filters)),
            queries.find_submission_sets(patient, draw(statuses), draw(ranges), draw(st.just(()) | some_codes)),
            queries.find_folders(patient, draw(statuses), draw(groups)),
            queries.get_all(patient, draw(statuses), draw(statuses), draw(statuses)),
            queries.find_by_reference(
                patient,
                draw(statuses),
                draw(st.lists(st.lists(st.sampled_from(REFERENCES), min_size=1, max_size=2), min_size=1, max_size=2)),
                draw(st.just(Filter()) | filters),
            ),
        ]
        anything = [one.uuid for one in (*docs, *folders, *sets)]
        if anything:
            asked.append(queries.get_associations(draw(_several(anything))))
        if docs or folders:
            members = [one.uuid for one in (*docs, *folders)]
            asked.append(queries.get_submission_sets(draw(_several(members))))
        if docs:
            named = draw(_several([doc.uuid if by_uuid else doc.unique_id for doc in docs]))
            doc = draw(st.sampled_from(docs))
            types = draw(_several([*RELATIONS, HAS_MEMBER]))
            asked += [
                queries.get_documents(named, by_uuid=by_uuid),
                queries.get_documents(named, by_uuid=by_uuid, associations=True),
                queries.get_folders_for_document(doc.uuid if by_uuid else doc.unique_id, by_uuid=by_uuid),
                queries.get_related(doc.uuid, types),
            ]
        if folders:
            named = draw(_several([one.uuid if by_uuid else one.unique_id for one in folders]))
            asked.append(queries.get_folders(named, by_uuid=by_uuid))
            asked.append(queries.get_folder_and_contents(draw(st.sampled_from(folders)), by_uuid=by_uuid))
        if sets:
            groups_ = draw(st.sampled_from([(), (("N",),), (("R",), ("N",))]))
            asked.append(
                queries.get_set_and_contents(draw(st.sampled_from(sets)), by_uuid=by_uuid, confidentiality=groups_)
            )
        return draw(st.sampled_from(asked))


def _several(texts: Sequence[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(list(texts)), min_size=1, max_size=4, unique=True)


def _compare(home: Path, examples: int) -> None:
    with application(home) as (door, house):
        RegistryMachine.door, RegistryMachine.keeper = door, Keeper(house)
        chosen = settings(max_examples=examples, stateful_step_count=30, deadline=None)
        run_state_machine_as_test(RegistryMachine, settings=chosen)


def test_no_query_differs_from_the_model(tmp_path: Path) -> None:
    """Registries of thirty steps each."""
    _compare(tmp_path / "home", EXAMPLES)


@pytest.mark.long
def test_no_query_differs_from_the_model_for_long(tmp_path: Path) -> None:
    _compare(tmp_path / "home", 60 * EXAMPLES)
