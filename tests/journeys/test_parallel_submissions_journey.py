"""Submissions that meet, through HTTP: of two hundred replacements of one document exactly one wins.

Source: ITI TF-2 3.42.4.1.3.1 (atomicity) and 3.42.4.1.3.5 (only the most recent version can be replaced).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from audit.event import Outcome
from registry.metadata import AssociationType
from tests.connectathon import DEPRECATED, Answer, Node, association, document, new_patient, submission

REPLACEMENTS = 200
AT_ONCE = 20
REFUSED = {"XDSRegistryDeprecatedDocumentError", "XDSRegistryBusy"}


@pytest.mark.proves("association/one-winner")
def test_of_parallel_replacements_of_a_document_one_wins(node: Node) -> None:
    patient = new_patient()
    assert node.provide(submission(document(patient)), {"Document01": b"hello"}).success
    (target,) = node.find_documents(patient).entries
    contents = [f"replacement {number}".encode() for number in range(REPLACEMENTS)]
    items = [document(patient, hash="", size=None) for _ in contents]
    start = Barrier(AT_ONCE)

    def replace(number: int) -> Answer:
        if number < AT_ONCE:
            start.wait()
        entry = items[number]
        relation = association(AssociationType.RPLC, entry.entry_uuid, target.entry_uuid)
        return node.provide(submission(entry, relation), {entry.entry_uuid: contents[number]})

    before = node.audit(1)[0].sequence
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(replace, range(REPLACEMENTS)))
    won = [number for number, answer in enumerate(answers) if answer.success]
    assert len(won) == 1
    lost = [answer for number, answer in enumerate(answers) if number != won[0]]
    assert all(answer.status == "Failure" and answer.codes and answer.codes <= REFUSED for answer in lost)

    everything = node.everything(patient)
    assert {entry.unique_id for entry in everything.entries} == {target.unique_id, items[won[0]].unique_id}
    assert [entry.unique_id for entry in node.find_documents(patient, DEPRECATED).entries] == [target.unique_id]
    for number in (won[0], *range(0, REPLACEMENTS, 40)):
        assert node.retrieve(items[number].unique_id).success is (number == won[0])

    recorded = [
        record
        for record in node.audit(REPLACEMENTS + 100)
        if record.sequence > before and record.transaction == "ITI-41"
    ]
    assert len(recorded) == REPLACEMENTS
    assert sum(record.outcome is Outcome.SUCCESS for record in recorded) == 1
