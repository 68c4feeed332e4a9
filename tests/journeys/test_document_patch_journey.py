"""Metadata changed by PATCH through a real server of an IHE domain, and their versions, as ITI-57 has them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.documentreference import DocumentReference

from pdsm.document_reference import IS_ARCHIVED
from registry.metadata import DocumentEntry
from tests.connectathon import APPROVED, DEPRECATED, Node, new_oid, new_patient
from tests.journeys.sharing_client import FHIR_JSON, Reply, ask, find, patient_of
from tests.journeys.test_document_providing_journey import entry, provide

JSON_PATCH = "application/json-patch+json"
SECRET = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}
LABEL = {"op": "add", "path": "/securityLabel/-", "value": SECRET}
SUPERSEDED = {"op": "replace", "path": "/status", "value": "superseded"}
NOBODY_S = "01234567-89ab-4def-8123-456789abcdef"


def patch(node: Node, path: str, content: Any, **headers: str) -> Reply:
    kind = JSON_PATCH if isinstance(content, list) else FHIR_JSON
    return ask(node, path, "PATCH", json.dumps(content).encode(), **{"Content_Type": kind, **headers})


def parameters(*operations: dict[str, Any]) -> dict[str, Any]:
    """A FHIRPath Patch: parts by name, a code or text as such, anything else as CodeableConcept."""

    def part(name: str, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return {"name": name, "valueCodeableConcept": value}
        kind = {bool: "valueBoolean", int: "valueInteger"}.get(type(value), "valueString")
        return {"name": name, "valueCode" if name == "type" else kind: value}

    made = [{"name": "operation", "part": [part(*each) for each in one.items()]} for one in operations]
    return {"resourceType": "Parameters", "parameter": made}


def provided(node: Node, patient: str = "") -> tuple[str, DocumentEntry]:
    """Where a new document is, and its entry."""
    item = entry(patient or new_patient())
    reply = provide(node, item)
    assert reply.status == 200, reply.content
    return reply.resource["entry"][1]["response"]["location"], item


def test_a_label_is_a_new_version(node: Node) -> None:
    where, item = provided(node)
    first = ask(node, where)
    reply = patch(node, where, [LABEL], If_Match=first.headers["ETag"])
    assert reply.status == 200, reply.content
    DocumentReference.model_validate(reply.resource)
    assert reply.headers["ETag"] == 'W/"2"'
    assert reply.headers["Content-Location"].endswith(f"/fhir/{where}/_history/2")
    assert reply.headers["Last-Modified"].endswith("GMT")
    assert reply.resource["securityLabel"] == [*first.resource["securityLabel"], SECRET]
    assert ask(node, where).resource == reply.resource
    (known,) = node.find_documents(item.patient_id).entries
    assert (known.version, known.confidentiality_codes[-1].code) == (2, "V")
    stale = patch(node, where, [{"op": "remove", "path": "/securityLabel/1"}], If_Match='W/"1"')
    assert (stale.status, stale.resource["issue"][0]["code"]) == (412, "conflict")
    assert patch(node, where, [{"op": "remove", "path": "/securityLabel/1"}], If_Match='W/"2"').status == 200
    assert ask(node, where).resource["securityLabel"] == first.resource["securityLabel"]


def test_a_status_changes_and_changes_back(node: Node) -> None:
    where, item = provided(node)
    reply = patch(node, where, [{"op": "test", "path": "/status", "value": "current"}, SUPERSEDED])
    assert (reply.status, reply.resource["status"]) == (200, "superseded"), reply.content
    assert node.find_documents(item.patient_id, DEPRECATED).entries
    back = parameters({"type": "replace", "path": "DocumentReference.status", "value": "current"})
    assert patch(node, where, back).resource["status"] == "current"
    assert node.find_documents(item.patient_id, APPROVED).entries


def test_a_label_and_a_status_at_once(node: Node) -> None:
    where, item = provided(node)
    reply = patch(node, where, [LABEL, SUPERSEDED])
    assert reply.status == 200, reply.content
    (known,) = [each for each in node.find_documents(item.patient_id, DEPRECATED).entries if each.version == 2]
    assert known.confidentiality_codes[-1].code == "V"
    assert ask(node, where).resource == reply.resource


@pytest.mark.parametrize(
    "operation",
    [
        {"type": "add", "path": "DocumentReference", "name": "securityLabel", "value": SECRET},
        {"type": "insert", "path": "DocumentReference.securityLabel", "index": 1, "value": SECRET},
    ],
)
def test_by_fhirpath_patch(node: Node, operation: dict[str, Any]) -> None:
    where, _ = provided(node)
    before = ask(node, where).resource["securityLabel"]
    reply = patch(node, where, parameters(operation))
    assert reply.status == 200, reply.content
    assert reply.resource["securityLabel"] == [*before, SECRET]
    path = "DocumentReference.securityLabel[1]"
    gone = patch(node, where, parameters({"type": "delete", "path": path}), Content_Type="application/json")
    assert gone.resource["securityLabel"] == before, gone.content


def test_the_example_of_mhd(node: Node, reference: Any) -> None:
    where, item = provided(node)
    example = json.loads((reference / "fhir/mhd/examples/Parameters-ex-patchParameters.json").read_text("utf-8"))
    example.pop("text", None)
    assert patch(node, where, example).resource["status"] == "superseded"
    assert node.find_documents(item.patient_id, DEPRECATED).entries


def test_by_an_identifier(node: Node) -> None:
    where, item = provided(node)
    query = urlencode({"identifier": f"urn:ietf:rfc:3986|urn:oid:{item.unique_id}"})
    assert patch(node, f"DocumentReference?{query}", [LABEL]).status == 200
    assert ask(node, where).headers["ETag"] == 'W/"2"'
    query = urlencode({"identifier": f"urn:ietf:rfc:3986|urn:oid:{new_oid()}"})
    assert patch(node, f"DocumentReference?{query}", [LABEL]).status == 404
    other, _ = provided(node, item.patient_id)
    query = urlencode({"patient.identifier": patient_of(item.patient_id)})
    several = patch(node, f"DocumentReference?{query}", [LABEL])
    assert (several.status, ask(node, other).headers["ETag"]) == (412, 'W/"1"')
    assert patch(node, f"DocumentReference?{query}&colour=red", [LABEL]).status == 400
    assert patch(node, "DocumentReference", [LABEL]).status == 400


def test_what_is_not_there(node: Node) -> None:
    for named in (NOBODY_S, "x"):
        reply = patch(node, f"DocumentReference/{named}", [LABEL])
        assert (reply.status, reply.resource["issue"][0]["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ([{"op": "replace", "path": "/description", "value": "x"}], 405),
        ([{"op": "replace", "path": "/type/coding/0/code", "value": "x"}], 405),
        ([{"op": "add", "path": "/extension/-", "value": {"url": "urn:x", "valueBoolean": True}}], 405),
        ([{"op": "move", "from": "/type", "path": "/securityLabel/-"}], 405),
        ([{"op": "remove", "path": ""}], 405),
        ([{"op": "replace", "path": "/status", "value": "current "}], 422),
        ([{"op": "remove", "path": "/status"}], 422),
        ([{"op": "replace", "path": "/securityLabel", "value": "restricted"}], 422),
        ([{"op": "remove", "path": "/securityLabel"}], 422),
        ([{"op": "remove", "path": "/securityLabel/7"}], 422),
        ([{"op": "test", "path": "/status", "value": "superseded"}], 422),
        ([{"op": "replace", "path": f"/extension[url:'{IS_ARCHIVED}']/valueBoolean", "value": "true"}], 422),
        ([{"op": "replace", "path": f"/extension[url:'{IS_ARCHIVED}']/valueBoolean", "value": True}], 422),
        ([{"op": "replace", "path": "/status", "value": "entered-in-error"}], 422),
        ([{"op": "replace", "path": "status", "value": "superseded"}], 400),
        ([{"op": "substitute", "path": "/status"}], 400),
        ([], 400),
        (parameters({"type": "replace", "path": "DocumentReference.description", "value": "x"}), 405),
        (parameters({"type": "replace", "path": "DocumentReference.status.where(true)", "value": "x"}), 422),
        (parameters({"type": "replace", "path": "Patient.active", "value": "x"}), 400),
        ({"resourceType": "DocumentReference", "status": "superseded"}, 415),
    ],
)
def test_what_no_patch_may_do(node: Node, operations: Any, status: int, sound: str) -> None:
    before = ask(node, sound)
    reply = patch(node, sound, operations)
    assert (reply.status, reply.resource["resourceType"]) == (status, "OperationOutcome"), reply.content
    assert ("PATCH" in (reply.headers["Allow"] or "")) is (status == 405)
    assert ask(node, sound).content == before.content


@pytest.fixture(scope="module")
def sound(node: Node) -> str:
    """Where a document is that no test changes. It has a description."""
    item = entry(new_patient(), comments="Avant")
    return str(provide(node, item).resource["entry"][1]["response"]["location"])


def test_an_absent_archive_mark_that_stays_absent_changes_nothing(node: Node, sound: str) -> None:
    operation = {"op": "replace", "path": f"/extension[url:‘{IS_ARCHIVED}’]/valueBoolean", "value": False}
    reply = patch(node, sound, [operation])
    assert (reply.status, reply.headers["ETag"]) == (200, 'W/"1"'), reply.content
    assert reply.resource == ask(node, sound).resource


def test_what_is_returned_is_what_is_preferred(node: Node, sound: str) -> None:
    same = [
        {"op": "test", "path": "/status", "value": "current"},
        {"op": "replace", "path": "/status", "value": "current"},
    ]
    minimal = patch(node, sound, same, Prefer="return=minimal")
    assert (minimal.status, minimal.content, minimal.headers["ETag"]) == (200, b"", 'W/"1"')
    outcome = patch(node, sound, same, Prefer="handling=strict; return=OperationOutcome")
    assert outcome.resource["issue"] == [{"severity": "information", "code": "informational", "diagnostics": "done"}]
    assert patch(node, sound, same, Prefer="return=representation").resource["resourceType"] == "DocumentReference"


def test_versions_are_read(node: Node) -> None:
    where, _ = provided(node)
    first = ask(node, where).resource
    second = patch(node, where, [LABEL]).resource
    old, new = (ask(node, f"{where}/_history/{number}") for number in (1, 2))
    assert (new.resource, new.headers["ETag"]) == (second, 'W/"2"')
    assert (old.resource["securityLabel"], old.resource["status"]) == (first["securityLabel"], "superseded")
    assert old.resource["meta"]["versionId"] == "1"
    for number in ("0", "3", "x", "01"):
        assert ask(node, f"{where}/_history/{number}").status == 404
    history = ask(node, f"{where}/_history")
    Bundle.model_validate(history.resource)
    assert [each["resource"] for each in history.resource["entry"]] == [new.resource, old.resource]
    assert (history.resource["type"], history.resource["total"]) == ("history", 2)
    assert ask(node, f"DocumentReference/{NOBODY_S}/_history").status == 404


def test_what_a_search_finds_is_the_newest(node: Node) -> None:
    where, item = provided(node)
    patch(node, where, [LABEL])
    (told,) = find(node, "DocumentReference", patient__identifier=patient_of(item.patient_id)).matches
    assert told["meta"]["versionId"] == "2"


def test_what_changed_without_a_version_is_told_again(node: Node) -> None:
    where, _ = provided(node)
    tag = ask(node, where).headers["ETag"]
    assert ask(node, where, If_None_Match=tag).status == 304
    assert patch(node, where, [SUPERSEDED]).headers["ETag"] == tag
    again = ask(node, where, If_None_Match=tag)
    assert (again.status, again.resource["status"]) == (200, "superseded")
