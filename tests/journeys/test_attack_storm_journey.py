"""A storm of everything at once on the same few objects, through HTTP: whatever wins, what is left holds together.

Source: ITI TF-2 3.42.4.1.3.1 (atomicity), 3.57.4.1.3 (versions), 3.62.4.1.3 (no association without its ends).
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa

from registry.metadata import AssociationType, DocumentEntry
from server.house import House
from tests.connectathon import (
    XDS,
    Answer,
    Node,
    association,
    connectathon,
    document,
    folder,
    new_patient,
    submission,
)
from tests.databases import postgresql_engine
from tests.hl7v3 import Patients, cx, new_authority
from tests.journeys.updates import revision, status_change, successor

THREADS, REQUESTS = 8, 16
FEED = frozenset({"CA", "CE", "AE", "AA"})  # how a feed is acknowledged
HAS_MEMBER, RPLC, APND = AssociationType.HAS_MEMBER, AssociationType.RPLC, AssociationType.APND

_DOSSIERS = "SELECT count(*), count(DISTINCT logical_id) FROM registry_entry WHERE latest"
_ALL = "SELECT count(DISTINCT logical_id) FROM registry_entry"
_LOOSE_ENDS = """
    SELECT count(*) FROM registry_association a
    WHERE NOT EXISTS (SELECT 1 FROM ({objects}) o WHERE o.entry_uuid = a.source)
       OR NOT EXISTS (SELECT 1 FROM ({objects}) o WHERE o.entry_uuid = a.target)
""".format(
    objects=" UNION ALL ".join(
        f"SELECT entry_uuid FROM registry_{kind}" for kind in ("entry", "folder", "submission_set", "association")
    )
)
_REPLACED_AND_APPROVED = """
    SELECT count(*) FROM registry_association a JOIN registry_entry e ON e.entry_uuid = a.target
    WHERE a.type IN ('RPLC', 'XFRM_RPLC') AND e.availability_status = 'APPROVED'
"""
_OLD_AND_APPROVED = "SELECT count(*) FROM registry_entry WHERE NOT latest AND availability_status = 'APPROVED'"
_APART = """
    SELECT count(*) FROM registry_association a JOIN registry_entry e ON e.entry_uuid = a.target
    WHERE a.type = 'HAS_MEMBER' AND e.patient <> a.patient AND e.latest
"""
_KEPT = """
    SELECT DISTINCT d.unique_id FROM repository_document d
    JOIN registry_entry e ON e.unique_id = d.unique_id AND e.patient = d.patient
"""
_LEFT_BEHIND = (
    "SELECT count(*) FROM registry_{table} c WHERE NOT EXISTS (SELECT 1 FROM registry_entry e WHERE e.id = c.entry)"
)


@dataclass
class Storm:
    """What eight nodes at once do to three patients, of whom two become one."""

    node: Node
    seed: int
    documents: list[str] = field(default_factory=list)  # uniqueIds that were accepted
    removed: set[str] = field(default_factory=set)
    answers: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        authority = new_authority()
        self.pairs = [(name, authority) for name in "ABC"]
        self.patients = Patients(self.node)
        for pair in self.pairs:
            assert self.patients.add([pair]).acknowledged in FEED
            for _ in range(3):
                self.provide(cx(pair))
        self.stranger = new_patient()

    def provide(self, patient: str) -> Answer:
        sent, held = document(patient, hash="", size=None), folder(patient)
        member = association(HAS_MEMBER, held.entry_uuid, sent.entry_uuid)
        answer = self.node.provide(submission(sent, held, member), {sent.entry_uuid: sent.unique_id.encode()})
        if answer.success:
            self.documents.append(sent.unique_id)
        return answer

    def some(self, chance: random.Random) -> DocumentEntry | None:
        slots = {"$XDSDocumentEntryUniqueId": [f"('{chance.choice(self.documents)}')"]}
        entries = self.node.query("urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4", slots).entries
        return entries[-1] if entries else None

    def act(self, chance: random.Random, turn: int) -> None:
        if turn == REQUESTS // 2 and chance.random() < 0.5:
            into, gone = chance.sample(self.pairs, 2)
            self.patients.merge(into, gone)
        there = self.some(chance)
        if there is None:
            return
        match chance.randrange(8):
            case 0:
                answer = self.provide(chance.choice([*map(cx, self.pairs), self.stranger]))
            case 1 | 2:
                new = document(there.patient_id, hash="", size=None)
                relation = association(chance.choice((RPLC, RPLC, APND)), new.entry_uuid, there.entry_uuid)
                answer = self.node.provide(submission(new, relation), {new.entry_uuid: new.unique_id.encode()})
                if answer.success:
                    self.documents.append(new.unique_id)
            case 3 | 4:
                answer = self.node.update(revision(successor(there, title=f"turn {turn}")))
            case 5:
                to = chance.choice([*map(cx, self.pairs), self.stranger])
                moved = successor(there, patient_id=to)
                answer = self.node.update(revision(moved, propagation="no", patient=to))
            case 6:
                answer = self.node.update(submission(status_change(there.entry_uuid), patient=there.patient_id))
            case _:
                answer = self.remove(chance, there)
        self.answers.append(answer)

    def remove(self, chance: random.Random, there: DocumentEntry) -> Answer:
        if chance.random() < 0.3:
            answer = self.node.remove_documents(there.unique_id)
            if answer.success:
                self.removed.add(there.unique_id)
            return answer
        around = self.node.query(
            "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155",
            {"$uuid": [f"('{there.entry_uuid}')"], "$MetadataLevel": ["2"]},
        )
        inner = [item.entry_uuid for item in around.associations]
        outer = [
            item.entry_uuid
            for uuid in inner
            for item in self.node.query(
                "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155", {"$uuid": [f"('{uuid}')"]}
            ).associations
        ]
        return self.node.remove_metadata(*dict.fromkeys([there.entry_uuid, *inner, *outer]))

    def rage(self) -> None:
        barrier = Barrier(THREADS)

        def one(number: int) -> None:
            chance = random.Random(self.seed * 1000 + number)
            barrier.wait()
            for turn in range(REQUESTS):
                self.act(chance, turn)

        with ThreadPoolExecutor(THREADS) as pool:
            for done in [pool.submit(one, number) for number in range(THREADS)]:
                done.result()


@pytest.fixture(params=["sqlite", "postgresql"])
def own_node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    """A server of its own: its log is counted, and its rows are read."""
    if request.param == "sqlite":
        with connectathon(tmp_path) as node:
            yield node
        return
    url = request.getfixturevalue("postgresql_url")
    with postgresql_engine(url), connectathon(tmp_path, database_url=url) as node:
        yield node


def test_after_a_storm_everything_holds_together(own_node: Node, tmp_path: Path) -> None:
    storm = Storm(own_node, seed=1)
    storm.rage()
    assert not [answer.fault for answer in storm.answers if answer.fault]
    codes = {code for answer in storm.answers for code in answer.codes}
    assert "XDSRegistryError" not in codes
    assert "XDSRepositoryError" not in codes
    assert sum(answer.success for answer in storm.answers) > len(storm.answers) // 10
    house = House.build(own_node.settings, anchors=False)
    try:
        with house.database.transaction() as connection:

            def count(statement: str) -> int:
                return int(connection.execute(sa.text(statement)).scalar_one())

            latest, logical = connection.execute(sa.text(_DOSSIERS)).one()
            assert latest == logical == count(_ALL), "one latest version of each document"
            assert count(_OLD_AND_APPROVED) == 0
            assert count(_LOOSE_ENDS) == 0
            assert count(_REPLACED_AND_APPROVED) == 0
            assert count(_APART) == 0
            for table in ("code", "author", "custody"):
                assert count(_LEFT_BEHIND.format(table=table)) == 0
            kept = connection.execute(sa.text(_KEPT)).scalars().all()
    finally:
        house.database.dispose()
    opened = own_node.retrieve(*kept)
    assert opened.success, opened.errors
    contents = [base64.b64decode(each.text or "").decode() for each in opened.root.iter(f"{{{XDS}}}Document")]
    assert contents == kept, "the bytes of every row"
    log = (tmp_path / "server.log").read_text("utf-8")
    requests = log.count('"method": "POST"')
    recorded = [record for record in own_node.audit(5000) if record.transaction.startswith("ITI-")]
    assert len({record.request_id for record in recorded}) == requests
    once = [record.request_id for record in recorded if record.transaction != "ITI-44"]  # a merge is about two patients
    assert len(set(once)) == len(once)
    assert " failed: " not in log


def test_first_submissions_for_one_patient_open_one_dossier(own_node: Node) -> None:
    """Each is accepted, or told to come again."""
    for _ in range(3):
        patient, barrier = new_patient(), Barrier(THREADS)

        def first(_number: int, patient: str = patient, barrier: Barrier = barrier) -> Answer:
            barrier.wait()
            return own_node.register(submission(document(patient)))

        with ThreadPoolExecutor(THREADS) as pool:
            answers = list(pool.map(first, range(THREADS)))
        assert not [answer.fault for answer in answers if answer.fault]
        refused = [answer for answer in answers if not answer.success]
        assert all(answer.codes == {"XDSRegistryBusy"} for answer in refused)
        assert len(own_node.find_documents(patient).entries) == THREADS - len(refused) > 0
