"""The same resources in XML and in JSON through a real server, at every address; what is no resource is told in XML."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import pytest

from pdsm.xml_writing import write_xml
from tests.connectathon import Node, new_oid, new_patient
from tests.journeys.sharing_client import FHIR_JSON, FHIR_XML, Reply, ask, patient_of, post
from tests.journeys.test_document_providing_journey import HELLO, bundle_of, described, entry

HOSTILE = (
    b'<!DOCTYPE Bundle [<!ENTITY e SYSTEM "file:///etc/passwd">]><Bundle xmlns="http://hl7.org/fhir">&e;</Bundle>',
    b'<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/><colour value="red"/></Bundle>',
    b'<Bundle xmlns="http://hl7.org/fhir">' + b"<entry>" * 300,
    b'{"resourceType": "Bundle"}',
    b"",
)


def send(node: Node, path: str, resource: Any, **headers: str) -> Reply:
    return ask(node, path, "POST", write_xml(resource), **{"Content_Type": FHIR_XML, **headers})


@pytest.fixture(scope="module")
def shelf(node: Node) -> str:
    """A patient of one document, which came in XML."""
    patient = new_patient()
    reply = send(node, "/fhir", bundle_of(entry(patient, unique_id=new_oid()), HELLO))
    assert (reply.status, reply.headers["Content-Type"]) == (200, f"{FHIR_XML}; charset=utf-8"), reply.content
    answers = [each["response"] for each in reply.resource["entry"]]
    assert [each["status"] for each in answers] == ["201 Created"] * 3
    return patient


@pytest.mark.parametrize(
    "path",
    [
        "DocumentReference?{patient}",
        "DocumentReference?{patient}&_elements=type",
        "DocumentReference?{patient}&_summary=count",
        "DocumentReference?{patient}&colour=red",
        "List?{patient}&code=submissionset&_include=List:item",
        "DocumentReference/{id}",
        "List/00000000-0000-4000-8000-000000000000",
        "Binary/{id}",
        "Patient?identifier={token}",
        "Patient/$ihe-pix?sourceIdentifier={token}",
        "Patient/$ihe-pix",
        "Subscription",
        "metadata",
        "DocumentReference?status=current",
        "Nothing",
    ],
)
def test_each_address_tells_the_same_in_both_forms(node: Node, shelf: str, path: str) -> None:
    asked = urlencode({"patient.identifier": patient_of(shelf)})
    (found,) = ask(node, f"DocumentReference?{asked}", Accept=FHIR_JSON).matches
    path = path.format(patient=asked, id=found["id"], token=quote(patient_of(shelf)))
    in_json, in_xml = (ask(node, path, Accept=each) for each in (FHIR_JSON, FHIR_XML))
    assert in_xml.headers["Content-Type"] == f"{FHIR_XML}; charset=utf-8"
    assert in_json.headers["Content-Type"] == f"{FHIR_JSON}; charset=utf-8"
    assert (in_xml.status, in_xml.resource) == (in_json.status, in_json.resource)
    assert in_xml.headers["ETag"] == in_json.headers["ETag"]
    assert "Accept" in in_xml.headers["Vary"]
    if not path.startswith("Binary"):
        named = "&" if "?" in path else "?"
        assert ask(node, f"{path}{named}_format=xml", Accept=FHIR_JSON).headers["Content-Type"].startswith(FHIR_XML)
        refused = ask(node, f"{path}{named}_format=html")
        assert (refused.status, refused.resource["issue"][0]["code"]) == (406, "not-supported")


def test_a_search_by_post_names_its_form_in_the_form(node: Node, shelf: str) -> None:
    form = urlencode({"patient.identifier": patient_of(shelf), "_format": "xml"}).encode()
    reply = ask(node, "DocumentReference/_search", "POST", form, Content_Type="application/x-www-form-urlencoded")
    assert reply.headers["Content-Type"].startswith(FHIR_XML)
    assert reply.resource["total"] == 1
    assert "_format=xml" in reply.resource["link"][0]["url"]


def test_a_document_published_in_xml_is_answered_in_xml(node: Node) -> None:
    resource = described(entry(new_patient()))
    resource["content"][0]["attachment"]["data"] = "aGVsbG8="
    reply = send(node, "DocumentReference", resource)
    assert (reply.status, reply.resource["resourceType"]) == (201, "DocumentReference")
    assert reply.headers["Content-Type"].startswith(FHIR_XML)
    again = send(node, "DocumentReference", resource, Accept=FHIR_JSON)
    assert again.headers["Content-Type"].startswith(FHIR_JSON)
    raw = ask(node, reply.resource["content"][0]["attachment"]["url"], Accept="application/xml")
    assert raw.content == HELLO


def test_a_patient_is_matched_by_what_is_said_in_xml(node: Node, shelf: str) -> None:
    system, value = patient_of(shelf).split("|")
    sought = {"resourceType": "Patient", "identifier": [{"system": system, "value": value}]}
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": sought}]}
    reply = send(node, "Patient/$match", parameters)
    assert (reply.status, reply.resource["type"]) == (200, "searchset"), reply.content
    in_json = post(node, "Patient/$match", parameters)
    assert reply.resource["entry"] == in_json.resource["entry"]


@pytest.mark.parametrize("path", ["/fhir", "/fhir/DocumentReference"])
@pytest.mark.parametrize("body", HOSTILE)
def test_what_is_no_resource_is_told_in_xml_and_recorded_once(node: Node, path: str, body: bytes) -> None:
    before = node.audit(1)[0].sequence
    reply = ask(node, path, "POST", body, Content_Type=FHIR_XML)
    assert reply.status == 400, reply.content
    assert reply.resource["issue"][0]["code"] == "structure"
    assert reply.headers["Content-Type"].startswith(FHIR_XML)
    assert b"passwd" not in reply.content
    assert node.audit(1)[0].sequence == before + 1


@pytest.mark.parametrize("kind", [f"{FHIR_XML}; fhirVersion=5.0", f"{FHIR_JSON}; fhirVersion=3.0", "text/turtle"])
def test_another_form_or_version_is_not_read(node: Node, kind: str) -> None:
    assert ask(node, "DocumentReference", "POST", b"{}", Content_Type=kind).status == 415


def test_a_refusal_of_the_registry_is_told_in_xml(node: Node, shelf: str) -> None:
    bundle = bundle_of(entry(shelf), HELLO)
    bundle["entry"][1]["resource"]["content"][0]["attachment"]["hash"] = "AAAA"
    reply = send(node, "/fhir", bundle, Accept=FHIR_XML)
    assert reply.status == 422
    assert reply.resource["issue"][0]["details"]["coding"][0]["code"]


def test_the_capability_statement_names_both_forms(node: Node) -> None:
    assert set(ask(node, "metadata").resource["format"]) == {FHIR_JSON, FHIR_XML, "json", "xml"}
