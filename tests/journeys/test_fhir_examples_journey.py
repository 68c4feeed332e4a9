"""Every example of MHD, PDSm and PDSm4DMP is accepted, or refused by a listed rule, and comes back equal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pdsm.xml_writing import write_xml
from tests.conftest import ROOT
from tests.connectathon import Node, connectathon, new_patient
from tests.journeys.fhir_examples import lost_by_no_right, mended, wrapped
from tests.journeys.sharing_client import ask, find, post
from tests.journeys.test_document_providing_journey import entry, provide

# Requests that are refused as they are published: the words of the rule. Why: `no OID` for the authority of a patient;
# a patient of another server, or without identifier; a Bundle that is no request; documents that are no new ones.
REFUSED = {
    "Bundle-ex-comprehensiveProvideDocumentBundleComplete": "the authority of a patient identifier",
    "Bundle-ex-comprehensiveProvideDocumentBundleReplace": "the authority of a patient identifier",
    "Bundle-ex-comprehensiveProvideDocumentBundleSimple": "the authority of a patient identifier",
    "Bundle-ex-minimalProvideDocumentBundleSimple": "subject: an identifier",
    "Bundle-ex-dummyBundleDocAndBinary": "one List of code submissionset",
    "DocumentReference-ex-DocumentReferenceSimplifiedPublish": "subject: an identifier",
}
# What no mending makes a new document, submission set or folder of XDS.
NONE = {
    "DocumentReference-ex-documentreference": "DocumentEntry.uniqueId",  # masterIdentifier is 1..1 in each profile
    "DocumentReference-doc-x-id": "status: current",  # it is one that another replaces
    "List-ex-list": "List.code: submissionset or folder",
}


@pytest.fixture(scope="module")
def french_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """An IHE domain that takes the components of identifiers that the CI-SIS fills."""
    folder = tmp_path_factory.mktemp("examples")
    text = (ROOT / "schemas" / "domains" / "ihe-connectathon.toml").read_text("utf-8")
    domain = folder / "french.toml"
    domain.write_text(text.replace("extra_components = false", "extra_components = true"), "utf-8")
    with connectathon(folder, domain=str(domain)) as node:
        yield node


def examples(reference: Path, *kinds: str) -> Iterator[tuple[Path, Any]]:
    for guide in ("mhd", "pdsm", "pdsm4dmp"):
        for kind in kinds:
            for path in sorted((reference / "fhir" / guide / "examples").glob(f"{kind}-*.json")):
                yield path, json.loads(path.read_text("utf-8"))


def requests(reference: Path) -> Iterator[tuple[Path, str, Any]]:
    """What is a request by itself, and where it goes."""
    for path, resource in examples(reference, "Bundle", "DocumentReference"):
        if resource.get("type") == "transaction":
            yield path, "/fhir", resource
        elif resource["resourceType"] == "DocumentReference" and "data" in resource["content"][0]["attachment"]:
            yield path, "/fhir/DocumentReference", resource


def comes_back(node: Node, sent: Any, at: str) -> None:
    """What was sent is what is read and found."""
    told = ask(node, at).resource
    assert lost_by_no_right(sent, told) == [], at
    kind, _, name = at.rpartition("/fhir/")[2].partition("/")
    assert find(node, kind, _id=name).matches == [told]


def there(node: Node, patient: str) -> str:
    """A document that is registered already."""
    return str(provide(node, entry(patient)).resource["entry"][1]["response"]["location"])


def test_each_request_is_accepted_or_refused_by_a_listed_rule(french_node: Node, reference: Path) -> None:
    accepted, refused = set(), set()
    for path, where, resource in requests(reference):
        reply = post(french_node, where, resource)
        if reply.status in (200, 201):
            accepted.add(path.stem)
        else:
            assert (reply.status, REFUSED[path.stem] in reply.content.decode()) in ((400, True), (422, True)), path.stem
            refused.add(path.stem)
    assert refused == set(REFUSED)
    assert accepted == {
        "Bundle-example-td2-iti65-lot-soumission",
        "DocumentReference-example-td2-iti105-publication-simplifiee",
    }


def test_each_request_put_right_comes_back_equal(french_node: Node, reference: Path) -> None:
    for path, where, _ in requests(reference):
        if path.stem == "Bundle-ex-dummyBundleDocAndBinary":
            continue
        patient = new_patient()
        resource = mended(path.read_text("utf-8"), path.parent, patient, there(french_node, patient))
        reply = post(french_node, where, resource)
        assert reply.status in (200, 201), (path.stem, reply.content)
        if where != "/fhir":
            comes_back(french_node, resource, f"DocumentReference/{reply.resource['id']}")
            continue
        for each, answer in zip(resource["entry"], reply.resource["entry"], strict=True):
            if each["resource"]["resourceType"] in ("DocumentReference", "List"):
                comes_back(french_node, each["resource"], answer["response"]["location"])


@pytest.mark.long
def test_each_resource_put_right_and_sent_in_xml_comes_back_equal(french_node: Node, reference: Path) -> None:
    assert sent_in_xml(french_node, [*examples(reference, "DocumentReference", "List")]) == set(NONE)


def test_some_resources_put_right_and_sent_in_xml_come_back_equal(french_node: Node, reference: Path) -> None:
    assert sent_in_xml(french_node, [*examples(reference, "DocumentReference", "List")][::5]) <= set(NONE)


def sent_in_xml(node: Node, found: list[tuple[Path, Any]]) -> set[str]:
    """The names of what is refused; all else comes back."""
    refused = set()
    for path, _ in found:
        patient = new_patient()
        resource = mended(path.read_text("utf-8"), path.parent, patient, there(node, patient))
        body = write_xml(wrapped(resource, patient))
        reply = ask(node, "/fhir", "POST", body, Content_Type="application/fhir+xml", Accept="application/json")
        if reply.status != 200:
            assert NONE[path.stem] in reply.content.decode(), (path.stem, reply.content)
            refused.add(path.stem)
            continue
        comes_back(node, resource, reply.resource["entry"][-1]["response"]["location"])
    return refused
