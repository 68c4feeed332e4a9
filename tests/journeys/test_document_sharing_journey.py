"""ITI-66, ITI-67 and ITI-68 through a real server: what SOAP provided is found, read and opened by FHIR."""

from __future__ import annotations

import gzip
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from registry.metadata import AssociationType, Author, Code, DocumentEntry
from tests.connectathon import Node, association, document, folder, new_patient, submission
from tests.journeys.sharing_client import FHIR_JSON, ask, find, patient_of, post

HELLO = b"hello"
NOBODY_S = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def patient() -> str:
    return new_patient()


def provide(node: Node, *entries: DocumentEntry, content: bytes = HELLO) -> None:
    answer = node.provide(submission(*entries), {each.entry_uuid: content for each in entries})
    assert answer.success, answer.errors


def entry(patient: str, name: str = "Document01", **changes: Any) -> DocumentEntry:
    return document(patient, name, hash="", size=None, repository_unique_id="", **changes)


def test_what_soap_provides_fhir_finds_and_opens(node: Node, patient: str) -> None:
    sent = entry(patient)
    provide(node, sent)
    (known,) = node.find_documents(patient).entries
    reply = find(node, "DocumentReference", patient__identifier=patient_of(patient), status="current")
    assert reply.status == 200, reply.content
    Bundle.model_validate(reply.resource)
    (found,) = reply.matches
    assert reply.resource["total"] == 1
    assert found["id"] == known.entry_uuid.removeprefix("urn:uuid:")
    assert found["masterIdentifier"]["value"] == f"urn:oid:{sent.unique_id}"
    read = ask(node, f"DocumentReference/{found['id']}")
    assert (read.status, read.resource, read.headers["ETag"]) == (200, found, 'W/"1"')
    assert ask(node, f"DocumentReference/{found['id']}", If_None_Match='W/"1"').status == 304
    document_ = ask(node, found["content"][0]["attachment"]["url"])
    assert (document_.status, document_.content, document_.headers["Content-Type"]) == (200, HELLO, "text/plain")
    binary = ask(node, f"Binary/{found['id']}", Accept="application/fhir+json").resource
    assert (binary["contentType"], binary["data"]) == ("text/plain", "aGVsbG8=")


def test_what_is_not_there_is_not_there(node: Node) -> None:
    for path in ("DocumentReference", "List", "Binary"):
        for name in ("00000000-0000-4000-8000-000000000000", "x", "%2e%2e"):
            reply = ask(node, f"{path}/{name}")
            assert reply.status == 404
            assert reply.resource["issue"][0]["code"] == "not-found"
    nobody = find(node, "DocumentReference", patient__identifier=patient_of(new_patient()))
    assert (nobody.status, nobody.resource["total"]) == (200, 0)


def test_every_page_is_found_once_while_documents_come_in(node: Node, patient: str) -> None:
    for number in range(5):
        provide(node, entry(patient, creation_time=f"202601020304{number:02}"))
    asked = {"patient__identifier": patient_of(patient), "_count": "2", "_sort": "-date"}
    reply = find(node, "DocumentReference", **asked)
    seen = [each["id"] for each in reply.matches]
    provide(node, entry(patient, creation_time="20260102030459"))
    while links := [each["url"] for each in reply.resource["link"] if each["relation"] == "next"]:
        reply = ask(node, links[0].partition(str(node.port))[2])
        assert reply.status == 200, reply.content
        seen += [each["id"] for each in reply.matches]
    assert len(seen) == len(set(seen)) == 5
    forged = find(node, "DocumentReference", **asked, _cursor="AAAA")
    assert forged.status == 400


@pytest.fixture(scope="module")
def cabinet(node: Node) -> str:
    """A patient of two documents that differ in everything."""
    patient = new_patient()
    one = entry(
        patient,
        type_code=Code("T1", "2.999.1"),
        class_code=Code("C1", "2.999.1"),
        format_code=Code("F1", "2.999.1"),
        healthcare_facility_type_code=Code("H1", "2.999.1"),
        practice_setting_code=Code("P1", "2.999.1"),
        event_codes=(Code("E1", "2.999.1"),),
        confidentiality_codes=(Code("R", "2.16.840.1.113883.5.25"),),
        creation_time="20200101100000",
        service_start_time="201912",
        service_stop_time="20200101",
        authors=(Author("1^Dupont^Élodie^^^^^^&1.2.3.4&ISO", ("Hôpital",)),),
        reference_ids=("77^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:order",),
        unique_id="1.2.3.4.5.1",
        title="one",
    )
    assert node.provide(submission(one), {"Document01": HELLO}).success
    two = entry(patient, creation_time="20250101100000", service_start_time="20250101", title="two")
    assert node.provide(submission(two), {"Document01": HELLO}).success
    return patient


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("type", "urn:oid:2.999.1|T1"),
        ("type", "T1,nothing"),
        ("category", "urn:oid:2.999.1|C1"),
        ("format", "|F1,urn:oid:2.999.1|F1"),
        ("facility", "H1"),
        ("setting", "urn:oid:2.999.1|P1"),
        ("event", "urn:oid:2.999.1|E1"),
        ("security-label", "http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R"),
        ("creation", "2020"),
        ("creation", "lt2021"),
        ("date", "le2020-01-01T10:00:00Z"),
        ("period", "lt2020-06"),
        ("period-start", "2019-12"),
        ("PDSm_DocumentReference_period-end", "ge2020-01-01"),
        ("author.family", "dupont"),
        ("author.given", "elo"),
        ("author.identifier", "urn:oid:1.2.3.4|1"),
        ("author:PractitionerRole.name", "hopital"),
        ("related:identifier", "urn:oid:1.2.3|77"),
        ("identifier", "urn:ietf:rfc:3986|urn:oid:1.2.3.4.5.1"),
        ("type:not", "code"),
        ("author.family", "Dup"),
        ("period-end:missing", "false"),
    ],
)
def test_each_parameter_finds_the_one_that_has_it(node: Node, cabinet: str, name: str, value: str) -> None:
    reply = find(node, "DocumentReference", (name, value), patient__identifier=patient_of(cabinet))
    assert reply.status == 200, reply.content
    assert [each["content"][0]["attachment"]["title"] for each in reply.matches] == ["one"]


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("status", "current", 2),
        ("status", "superseded", 0),
        ("isArchived", "false", 2),
        ("PDSm_isArchived", "true", 0),
        ("_lastUpdated", "ge2020", 2),
        ("_lastUpdated", "lt2020", 0),
        ("relation", "replaces", 0),
        ("_summary", "count", 2),
        ("_count", "0", 2),
    ],
)
def test_each_parameter_counts(node: Node, cabinet: str, name: str, value: str, found: int) -> None:
    reply = find(node, "DocumentReference", (name, value), patient__identifier=patient_of(cabinet))
    assert reply.resource["total"] == found
    assert bool(reply.matches) is (bool(found) and name not in ("_summary", "_count"))


def test_by_post_with_less_of_each_and_compressed(node: Node, cabinet: str) -> None:
    form = urlencode({"patient.identifier": patient_of(cabinet), "_elements": "type", "_sort": "date"}).encode()
    reply = ask(
        node,
        "DocumentReference/_search",
        "POST",
        form,
        Content_Type="application/x-www-form-urlencoded",
        Accept_Encoding="gzip",
    )
    assert reply.headers["Content-Encoding"] == "gzip"
    bundle = json.loads(gzip.decompress(reply.content))
    first = bundle["entry"][0]["resource"]
    assert set(first) == {"resourceType", "id", "meta", "status", "content", "type"}
    assert first["meta"]["tag"][0]["code"] == "SUBSETTED"


@pytest.mark.parametrize(
    "query",
    [
        "patient.identifier=x",
        "patient=Group/1",
        "status=current",
        "patient.identifier=urn:oid:1.2.3|4&date=yesterday",
        "patient.identifier=urn:oid:1.2.3|4&_sort=nothing",
        "patient.identifier=urn:oid:1.2.3|4&type:near=1",
        "patient.identifier=urn:oid:1.2.3|4&patient.identifier=urn:oid:1.2.3|5",
        "patient.identifier=urn:oid:1.2.3|4&_count=many",
        "%ff=1",
    ],
)
def test_a_search_that_cannot_be_understood_is_told_so(node: Node, query: str) -> None:
    reply = ask(node, f"DocumentReference?{query}")
    assert reply.status == 400, reply.content
    assert reply.resource["resourceType"] == "OperationOutcome"


def test_a_parameter_that_is_not_known_is_ignored_or_refused(node: Node, cabinet: str) -> None:
    reply = find(node, "DocumentReference", patient__identifier=patient_of(cabinet), colour="red")
    assert reply.resource["entry"][-1]["search"]["mode"] == "outcome"
    assert "colour" not in reply.resource["link"][0]["url"]
    query = urlencode({"patient.identifier": patient_of(cabinet), "colour": "red"})
    assert ask(node, f"DocumentReference?{query}", Prefer="handling=strict").status == 400


def test_sets_and_folders_with_what_they_hold(node: Node, patient: str) -> None:
    one, kept = entry(patient), folder(patient)
    held = association(AssociationType.HAS_MEMBER, kept.entry_uuid, one.entry_uuid)
    assert node.provide(submission(one, kept, held), {one.entry_uuid: HELLO}).success
    (found,) = find(node, "DocumentReference", patient__identifier=patient_of(patient)).matches
    for code in ("submissionset", "folder"):
        asked = {"patient__identifier": patient_of(patient), "code": code, "status": "current"}
        reply = find(node, "List", **asked, _include="List:item")
        Bundle.model_validate(reply.resource)
        (listed,) = reply.matches
        items = [each["item"]["reference"] for each in listed["entry"]]
        assert f"DocumentReference/{found['id']}" in items
        assert [each["id"] for each in reply.included] == [found["id"]]
        assert ask(node, f"List/{listed['id']}").resource == listed
        by_item = find(node, "List", **asked, item=f"DocumentReference/{found['id']}")
        assert [each["id"] for each in by_item.matches] == [listed["id"]]


def test_a_replacement_is_told_by_both(node: Node, patient: str) -> None:
    provide(node, entry(patient))
    (old,) = node.find_documents(patient).entries
    new = entry(patient)
    replaces = association(AssociationType.RPLC, new.entry_uuid, old.entry_uuid)
    assert node.provide(submission(new, replaces), {new.entry_uuid: HELLO}).success
    by_status = {
        each["status"]: each
        for each in find(node, "DocumentReference", patient__identifier=patient_of(patient)).matches
    }
    target = f"DocumentReference/{by_status['superseded']['id']}"
    assert by_status["current"]["relatesTo"] == [{"code": "replaces", "target": {"reference": target}}]
    found = find(node, "DocumentReference", patient__identifier=patient_of(patient), relatesto=target)
    assert [each["id"] for each in found.matches] == [by_status["current"]["id"]]


def test_the_capability_statement_is_true(node: Node, cabinet: str) -> None:
    statement = ask(node, "metadata").resource
    CapabilityStatement.model_validate(statement)
    (rest,) = statement["rest"]
    for resource in rest["resource"]:
        done = {each["code"] for each in resource["interaction"]}
        path = resource["type"]
        assert (ask(node, f"{path}/00000000-0000-4000-8000-000000000000").status == 404) is ("read" in done)
        versions = {"vread": "_history/1", "history-instance": "_history"}
        for interaction, where in versions.items():
            assert ask(node, f"{path}/{NOBODY_S}/{where}").status == (404 if interaction in done else 405)
        nothing = {"Content_Type": "application/json-patch+json"}
        assert (ask(node, f"{path}/{NOBODY_S}", "PATCH", b"[]", **nothing).status == 404) is ("patch" in done)
        assert (ask(node, path, "PATCH", b"[]", **nothing).status == 400) is resource.get("conditionalUpdate", False)
        for operation in resource.get("operation", []):
            assert ask(node, f"{path}/${operation['name']}", "POST", b"{}", Content_Type=FHIR_JSON).status == 422
        assert ask(node, f"{path}/x", "DELETE").status == 405
        assert (ask(node, path).status == 400) is ("search-type" in done)
        for parameter in resource.get("searchParam", []):
            value = {"date": "2020", "reference": "DocumentReference/x"}.get(parameter["type"], "x")
            if parameter["name"] == "patient.identifier":
                continue
            by_reference = parameter["name"] in ("patient", "subject")
            patient_ = [("patient.identifier", patient_of(cabinet))] if path != "Patient" and not by_reference else []
            more = [("code", "folder")] if path == "List" and parameter["name"] != "code" else []
            value = "folder" if parameter["name"] == "code" else value
            value = "Patient/x" if by_reference else value
            query = [*patient_, (parameter["name"], value), *more]
            reply = ask(node, f"{path}?{urlencode(query)}", Prefer="handling=strict")
            assert reply.status == 200, (parameter, reply.content)
            assert parameter["name"] in reply.resource["link"][0]["url"]
        for operation in resource.get("operation", []):
            answers = [ask(node, f"{path}/${operation['name']}", each).status for each in ("GET", "POST", "PUT")]
            assert answers[2] == 405
            assert {400, 415} & {*answers[:2]}, "it is there, and was told nothing"


def test_each_request_leaves_one_event(node: Node, patient: str) -> None:
    provide(node, entry(patient))
    (found,) = find(node, "DocumentReference", patient__identifier=patient_of(patient)).matches
    for path, transaction in ((f"DocumentReference/{found['id']}", "ITI-67"), (f"Binary/{found['id']}", "ITI-68")):
        before = node.audit(1)[0].sequence
        ask(node, path)
        (record,) = node.audit(1)
        assert record.sequence == before + 1
        assert transaction.encode() in record.message
    assert post(node, "DocumentReference/x", {}).status == 405
