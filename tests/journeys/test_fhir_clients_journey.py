"""Five FHIR clients that we did not write do the main job: find, page, read, open, provide, and be refused.

Source: MHD 4.2, ITI-65, 67 and 68; HL7 FHIR R4, http.html and search.html.
"""

from __future__ import annotations

from functools import partial

import pytest

from tests.connectathon import Node, new_patient, submission
from tests.fhir_clients import NODE, Job, Told, by_node, fhirclient, fhirpy
from tests.journeys.sharing_client import patient_of
from tests.journeys.test_document_providing_journey import bundle_of, entry

HELLO = b"hello"
CLIENTS = {"fhirpy": fhirpy, "fhirclient for Python": fhirclient, **{name: partial(by_node, name) for name in NODE}}
# What a client tells of a refusal: status and code of the issue, or the code alone.
MISSING = ([404, "not-found"], "not-found")
REFUSED = ([422, "business-rule"], "business-rule")


@pytest.mark.parametrize("name", CLIENTS)
def test_the_main_job(node: Node, name: str) -> None:
    patient = new_patient()
    for number in range(3):
        sent = entry(patient, creation_time=f"2026010203040{number}")
        assert node.provide(submission(sent), {sent.entry_uuid: HELLO}).success
    known = {each.entry_uuid.removeprefix("urn:uuid:"): each for each in node.find_documents(patient).entries}
    spoiled = bundle_of(entry(patient), HELLO)
    del spoiled["entry"][0]  # no submission set
    base = f"http://127.0.0.1:{node.port}/fhir"
    told: Told = CLIENTS[name](Job(base, patient_of(patient), bundle_of(entry(patient), HELLO), spoiled))
    assert (told["version"], told["total"], told["content"]) == ("4.0.1", 3, "hello")
    assert len(told["found"]) == 3 and set(told["found"]) == known.keys()
    assert told["read"] == f"urn:oid:{known[told['found'][0]].unique_id}"
    assert [each.partition("/")[0] for each in told["provided"]] == ["List", "DocumentReference", "Binary"]
    assert told["missing"] in MISSING
    assert told["refused"] in REFUSED
    after = {each.entry_uuid.removeprefix("urn:uuid:") for each in node.find_documents(patient).entries}
    assert after - known.keys() == {told["provided"][1].partition("/")[2]}
