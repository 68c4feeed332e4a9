"""ITI-83 and ITI-119 through a real server: identifiers of patients whom a source fed, and whom a Patient may be."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.parameters import Parameters
from patient_client import NOBODY, URN, clan, issue, new_family, patients, token

from audit.event import Outcome
from pdsm.demographics import MOTHERS_MAIDEN_NAME
from tests.connectathon import Node
from tests.hl7v3 import Patients, new_authority
from tests.journeys.sharing_client import Reply, ask, post
from tests.journeys.test_document_sharing_fuzz_journey import changed

__all__ = ["clan", "patients"]  # fixtures


# --- ITI-83 -----------------------------------------------------------------------------------------------------------


def pix(node: Node, source: str, *targets: str) -> Reply:
    query = urlencode([("sourceIdentifier", source), *(("targetSystem", each) for each in targets)])
    reply = ask(node, f"Patient/$ihe-pix?{query}")
    if reply.status == 200:
        Parameters.model_validate(reply.resource)
    return reply


def told(reply: Reply) -> tuple[set[str], list[str]]:
    """Values of identifiers, and references."""
    assert reply.status == 200, reply.content
    given = reply.resource.get("parameter", [])
    identifiers = {each["valueIdentifier"]["value"] for each in given if each["name"] == "targetIdentifier"}
    return identifiers, [each["valueReference"]["reference"] for each in given if each["name"] == "targetId"]


@pytest.mark.proves("transaction/ITI-83")
def test_the_identifiers_of_a_patient_are_those_of_iti_45(node: Node, patients: Patients) -> None:
    a, b, c = (("a", new_authority()), ("b", new_authority()), ("c", new_authority()))
    patients.add([a, b, c])
    elsewhere = ("d", new_authority())
    patients.add([elsewhere])
    identifiers, references = told(pix(node, token(a)))
    assert identifiers == {value for value, _ in patients.identifiers_of(a).identifiers[0]} == {"b", "c"}
    (read,) = [ask(node, each).resource for each in references]
    assert {each["value"] for each in read["identifier"]} == {"a", "b", "c"}
    assert told(pix(node, token(a), URN + c[1])) == ({"c"}, references)
    assert told(pix(node, token(a), URN + c[1], URN + b[1])) == ({"b", "c"}, references)
    assert told(pix(node, token(a), URN + elsewhere[1])) == (set(), [])
    here = f"http://127.0.0.1:{node.port}/fhir"
    assert told(pix(node, token(a), here)) == (set(), references)
    assert told(pix(node, f"{here}|{references[0]}")) == ({"a", "b", "c"}, [])
    assert told(pix(node, f"{here}|{references[0]}", URN + b[1])) == ({"b"}, [])
    resource = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "sourceIdentifier", "valueString": token(a)},
            {"name": "targetSystem", "valueString": URN + b[1]},
        ],
    }
    assert told(post(node, "Patient/$ihe-pix", resource)) == ({"b"}, references)


def test_what_is_not_known_is_told_as_printed(node: Node, patients: Patients) -> None:
    known = ("1", new_authority())
    patients.add([known])
    here = f"http://127.0.0.1:{node.port}/fhir"
    not_found = (404, "error", "not-found", "sourceIdentifier Patient Identifier not found")
    no_authority = (400, "error", "code-invalid", "sourceIdentifier Assigning Authority not found")
    assert issue(pix(node, token(("unheard-of", known[1])))) == not_found
    assert issue(pix(node, f"{here}|Patient/{NOBODY}")) == not_found
    assert issue(pix(node, f"{here}|Patient/x")) == not_found
    assert issue(pix(node, token(("1", new_authority())))) == no_authority
    assert issue(pix(node, "http://example.org/patients|1")) == no_authority
    unknown = pix(node, token(known), URN + new_authority())
    assert issue(unknown) == (403, "error", "code-invalid", "targetSystem not found")
    record = node.audit(1)[0]
    assert (record.transaction, record.action, record.outcome) == ("ITI-83", "ITI-45", Outcome.MINOR_FAILURE)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "sourceIdentifier=1",
        "sourceIdentifier=urn:oid:1.2|",
        "sourceIdentifier=urn:oid:1.2|1&sourceIdentifier=urn:oid:1.2|2",
        "sourceIdentifier=urn:oid:1.2|1%00",
        "sourceIdentifier=urn:oid:1.2|1^2",
        "sourceIdentifier=urn:oid:1.2|1&targetSystem=",
    ],
)
def test_an_operation_without_what_it_needs(node: Node, query: str) -> None:
    assert ask(node, f"Patient/$ihe-pix?{query}").status == 400


@pytest.mark.reference
def test_the_example_of_ihe_in_xml(node: Node, patients: Patients, reference: Path) -> None:
    """Its authorities are known nowhere here, but by the feed of this test."""
    known, other = ("IHERED-994", "1.3.6.1.4.1.21367.13.20.1000"), ("IHEBLUE-994", "1.3.6.1.4.1.21367.13.20.3000")
    patients.add([known, other])
    content = (reference / "fhir/pixm/examples/pixm-request-mohralice-red-all.xml").read_bytes()
    reply = ask(node, "Patient/$ihe-pix", "POST", content, Content_Type="application/fhir+xml")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/fhir+xml; charset=utf-8")
    assert b'<value value="IHEBLUE-994"/>' in reply.content
    assert b"IHERED" not in reply.content


# --- ITI-119 ----------------------------------------------------------------------------------------------------------


def match(node: Node, patient: dict[str, Any], **more: Any) -> Reply:
    resource = {"resourceType": "Patient", **patient}
    if more:
        named = [{"name": key, **value} for key, value in more.items()]
        resource = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": resource}, *named]}
    reply = post(node, "Patient/$match", resource)
    if reply.status == 200:
        Bundle.model_validate(reply.resource)
    return reply


def grades(reply: Reply, clan: dict[str, Any]) -> list[tuple[str, str]]:
    """First identifier and grade of each match among the clan, in their order: others may be born on one day."""
    assert reply.status == 200, reply.content
    entries = reply.resource.get("entry", [])
    scores = [each["search"]["score"] for each in entries]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    return [
        (each["resource"]["identifier"][0]["value"], each["search"]["extension"][0]["valueCode"])
        for each in entries
        if each["resource"]["name"][0]["family"] == clan["family"]
    ]


CERTAIN = {"onlyCertainMatches": {"valueBoolean": True}}


@pytest.mark.proves("transaction/ITI-119")
def test_matches_are_graded(node: Node, clan: dict[str, Any]) -> None:
    eleonore = {"name": [{"family": clan["family"].upper(), "given": ["Eleonore"]}], "birthDate": "1970-06-15"}
    assert grades(match(node, eleonore), clan) == [("1", "probable")]
    own = {"identifier": [{"system": URN + clan["red"], "value": "1"}]}
    assert grades(match(node, {**eleonore, **own}), clan) == [("1", "certain")]
    assert grades(match(node, own), clan) == [("1", "certain")]
    somebody = {"name": [{"family": "Else", "given": ["Jo"]}], "birthDate": "1999-01-01"}
    assert grades(match(node, {**somebody, **own}), clan) == [("1", "possible")]
    assert grades(match(node, {**eleonore, "birthDate": "1970-06-16"}), clan) == [("1", "possible")]
    other = {"identifier": [{"system": URN + clan["red"], "value": "9"}]}
    assert grades(match(node, {**eleonore, **other}), clan) == [("1", "possible")]
    family_alone = grades(match(node, {"name": [{"family": clan["family"]}]}), clan)
    assert sorted(family_alone) == [("1", "possible"), ("2", "possible")]
    assert grades(match(node, {"name": [{"family": new_family()}]}), clan) == []


def test_only_what_is_certain_and_so_many(node: Node, clan: dict[str, Any]) -> None:
    own = {"identifier": [{"system": URN + clan["red"], "value": each} for each in ("1", "2")]}
    assert grades(match(node, {"name": [{"family": clan["family"]}]}, **CERTAIN), clan) == []
    assert grades(match(node, {"identifier": own["identifier"][:1]}, **CERTAIN), clan) == [("1", "certain")]
    assert grades(match(node, own, **CERTAIN), clan) == [], "two who are certain are two persons"
    family = {"name": [{"family": clan["family"]}]}
    assert len(grades(match(node, family), clan)) == 2
    assert len(grades(match(node, family, count={"valueInteger": 1}), clan)) == 1


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient"},
        {"resourceType": "Patient", "gender": "female"},
        {"resourceType": "Patient", "birthDate": "soon"},
        {"resourceType": "Bundle", "type": "transaction"},
        {"resourceType": "Parameters"},
        {"resourceType": "Parameters", "parameter": [{"name": "count", "valueInteger": 1}]},
        {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": {"resourceType": "List"}}]},
        {"resourceType": "Patient", "name": [{"family": "X"}], "implicitRules": "http://example.org"},
        [],
    ],
)
def test_who_cannot_be_sought(node: Node, resource: Any) -> None:
    reply = post(node, "Patient/$match", resource)
    assert reply.status in (400, 422)
    OperationOutcome.model_validate(reply.resource)


@pytest.mark.reference
def test_the_examples_of_ihe_are_understood(node: Node, reference: Path) -> None:
    """None of them names an authority by an OID, or anybody who is here."""
    for file in (reference / "fhir/pdqm/examples").glob("Parameters-*.json"):
        reply = post(node, "Patient/$match", json.loads(file.read_bytes()))
        assert (reply.status, reply.resource["type"]) == (200, "searchset"), reply.content


def test_whatever_is_sought_is_answered(node: Node, clan: dict[str, Any]) -> None:
    chance = random.Random(119)
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": URN + clan["red"], "value": "1"}],
        "name": [{"family": clan["family"], "given": ["Éléonore"]}],
        "telecom": [{"system": "phone", "value": "+33 1-23"}],
        "birthDate": "1970-06-15",
        "address": [{"city": "Saint-Malo", "postalCode": "35400"}],
        "extension": [{"url": MOTHERS_MAIDEN_NAME, "valueString": "Le Goff"}],
    }
    listed = [{"name": "resource", "resource": patient}, {"name": "count", "valueInteger": 1}]
    sound = {"resourceType": "Parameters", "parameter": listed}
    assert grades(post(node, "Patient/$match", sound), clan) == [("1", "certain")]
    for path in ("Patient/$match", "Patient/$ihe-pix"):
        for _ in range(100):
            reply = post(node, path, changed(sound, chance))
            assert reply.status in (200, 400, 422), reply.content
            assert reply.resource["resourceType"] in ("Bundle", "OperationOutcome")
