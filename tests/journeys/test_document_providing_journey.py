"""ITI-65 and ITI-105 through a real server: the same documents and metadata by every door."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.documentreference import DocumentReference

from cda.document import read_document
from cda.header import read_header
from cda.metadata import document_entry
from identities.ins import read_cx
from pdsm.document_reference import write_document_reference
from pdsm.submission_list import write_submission_set
from registry.metadata import DocumentEntry
from tests.conftest import ROOT
from tests.connectathon import APPROVED, DEPRECATED, Node, connectathon, document, new_oid, new_patient, submission
from tests.journeys.sharing_client import Reply, ask, find, patient_of, post

HELLO = b"hello"
# What each door sets by itself.
OWN = {"entry_uuid", "logical_id", "unique_id", "repository_unique_id"}


def entry(patient: str, **changes: Any) -> DocumentEntry:
    return document(patient, hash="", size=None, repository_unique_id="", **changes)


def described(item: DocumentEntry) -> dict[str, Any]:
    resource = write_document_reference(replace(item, entry_uuid=""), "")
    del resource["content"][0]["attachment"]["url"]
    return {name: value for name, value in resource.items() if name not in ("id", "meta")}


def bundle_of(item: DocumentEntry, content: bytes, **changes: Any) -> dict[str, Any]:
    """What ITI-65 carries of one document."""
    reference, binary, own = (uuid.uuid4().urn for _ in range(3))
    resource = described(item) | changes
    resource["content"][0]["attachment"]["url"] = binary
    listed = write_submission_set(replace(submission(item).submission_set, entry_uuid=""), [reference])
    listed = {name: value for name, value in listed.items() if name not in ("id", "meta")}
    data = {"resourceType": "Binary", "contentType": item.mime_type, "data": base64.b64encode(content).decode()}
    parts = ((own, "List", listed), (reference, "DocumentReference", resource), (binary, "Binary", data))
    entries = [
        {"fullUrl": full, "resource": each, "request": {"method": "POST", "url": kind}} for full, kind, each in parts
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def provide(node: Node, item: DocumentEntry, content: bytes = HELLO, **changes: Any) -> Reply:
    return post(node, "/fhir", bundle_of(item, content, **changes))


def publish(node: Node, item: DocumentEntry, content: bytes = HELLO) -> Reply:
    resource = described(item)
    resource["content"][0]["attachment"]["data"] = base64.b64encode(content).decode()
    return post(node, "DocumentReference", resource)


def told(item: DocumentEntry) -> dict[str, Any]:
    return {name: getattr(item, name) for name in item.__slots__ if name not in OWN}


def same_by_every_door(node: Node, item: DocumentEntry, content: bytes) -> None:
    """One document, provided three times: found and opened alike, by SOAP and by FHIR."""
    found = []
    for door in ("ITI-41", "ITI-65", "ITI-105"):
        sent = replace(item, unique_id=new_oid())
        if door == "ITI-41":
            answer = node.provide(submission(replace(sent, entry_uuid="Document01")), {"Document01": content})
            assert answer.success, answer.errors
        else:
            reply = (provide if door == "ITI-65" else publish)(node, sent, content)
            assert reply.status == (200 if door == "ITI-65" else 201), reply.content
        (known,) = [each for each in node.find_documents(item.patient_id).entries if each.unique_id == sent.unique_id]
        identifier = f"urn:ietf:rfc:3986|urn:oid:{sent.unique_id}"
        (resource,) = find(
            node, "DocumentReference", identifier=identifier, patient__identifier=patient_of(item.patient_id)
        ).matches
        opened = ask(node, resource["content"][0]["attachment"]["url"]).content
        (element,) = node.retrieve(sent.unique_id).root.iter("{urn:ihe:iti:xds-b:2007}Document")
        assert opened == base64.b64decode(element.text or "") == content
        kept = ("id", "meta", "masterIdentifier", "identifier", "content", "extension")
        found.append((told(known), {name: value for name, value in resource.items() if name not in kept}))
    assert found[0] == found[1] == found[2]


def test_one_document_is_the_same_by_every_door(node: Node) -> None:
    same_by_every_door(node, entry(new_patient()), HELLO)


@pytest.fixture(scope="module")
def french_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """An IHE domain that takes the components of identifiers that the CI-SIS fills."""
    folder = tmp_path_factory.mktemp("french")
    text = (ROOT / "schemas" / "domains" / "ihe-connectathon.toml").read_text("utf-8")
    domain = folder / "french.toml"
    domain.write_text(text.replace("extra_components = false", "extra_components = true"), "utf-8")
    with connectathon(folder, domain=str(domain)) as node:
        node.validating = False
        yield node


@pytest.mark.long
def test_every_example_is_the_same_by_every_door(french_node: Node, reference: Path) -> None:
    assert _examples(french_node, sorted((reference / "fr" / "cda" / "examples").glob("*.xml"))) > 30


def test_some_examples_are_the_same_by_every_door(french_node: Node, reference: Path) -> None:
    paths = sorted((reference / "fr" / "cda" / "examples").glob("*.xml"), key=lambda path: path.stat().st_size)
    assert _examples(french_node, paths[:3]) > 0


def _examples(node: Node, paths: list[Path]) -> int:
    """How many of these documents this domain takes; each of them is the same by every door, the others by none."""
    done = 0
    for path in paths:
        content = path.read_bytes()
        patient = new_patient()
        item = document_entry(read_header(read_document([content])), entry_uuid="Document01", patient=read_cx(patient))
        if not node.provide(
            submission(replace(item, entry_uuid="Document01", unique_id=new_oid())), {"Document01": content}
        ).success:
            assert provide(node, replace(item, unique_id=new_oid()), content).status == 422, path.name
            continue
        same_by_every_door(node, item, content)
        done += 1
    return done


def test_the_answer_says_what_each_entry_became(node: Node) -> None:
    patient = new_patient()
    reply = provide(node, entry(patient))
    Bundle.model_validate(reply.resource)
    answers = [each["response"] for each in reply.resource["entry"]]
    assert [each["status"] for each in answers] == ["201 Created"] * 3
    assert [each["location"].partition("/")[0] for each in answers] == ["List", "DocumentReference", "Binary"]
    for each in answers:
        assert ask(node, each["location"]).status == 200
    created = publish(node, entry(patient))
    DocumentReference.model_validate(created.resource)
    assert created.headers["Location"].endswith(f"/DocumentReference/{created.resource['id']}/_history/1")


def test_a_replacement(node: Node) -> None:
    patient = new_patient()
    old = provide(node, entry(patient)).resource["entry"][1]["response"]["location"]
    bundle = bundle_of(entry(patient), HELLO, relatesTo=[{"code": "replaces", "target": {"reference": old}}])
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "DocumentReference.status"},
        {"name": "value", "valueCode": "superseded"},
    ]
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    bundle["entry"].append({"resource": patch, "request": {"method": "PATCH", "url": old}})
    reply = post(node, "/fhir/", bundle)
    assert reply.status == 200, reply.content
    assert reply.resource["entry"][3]["response"] == {"status": "200 OK", "location": old}
    assert ask(node, old).resource["status"] == "superseded"
    assert len(node.find_documents(patient, APPROVED, DEPRECATED).entries) == 2
    again = post(node, "/fhir", bundle)
    assert again.status in (409, 422)
    assert again.resource["issue"][0]["details"]["coding"][0]["code"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda bundle: bundle.update(type="collection"), 400),
        (lambda bundle: bundle.update(entry=[]), 400),
        (lambda bundle: bundle["entry"].pop(0), 422),
        (lambda bundle: bundle["entry"].pop(2), 422),
        (lambda bundle: bundle["entry"][1]["resource"].update(status="nothing"), 400),
        (lambda bundle: bundle["entry"][1]["resource"].update(colour="red"), 400),
        (lambda bundle: bundle["entry"][1]["resource"]["content"][0]["attachment"].update(hash="AAAA"), 422),
        (lambda bundle: bundle["entry"][1]["resource"]["subject"].update(identifier={"value": "x"}), 400),
        (lambda bundle: bundle["entry"][2]["resource"].update(data="?"), 400),
        (lambda bundle: bundle["entry"].append({"resource": {"resourceType": "Medication"}, "request": {}}), 422),
    ],
)
def test_all_of_it_or_nothing(node: Node, change: Any, status: int) -> None:
    patient = new_patient()
    bundle = bundle_of(entry(patient), HELLO)
    change(bundle)
    reply = post(node, "/fhir", bundle)
    assert (reply.status, reply.resource["resourceType"]) == (status, "OperationOutcome"), reply.content
    assert not node.find_documents(patient).entries


def test_bytes_are_those_that_came(node: Node) -> None:
    content = bytes(range(256)) * 4000
    patient = new_patient()
    location = provide(node, entry(patient), content).resource["entry"][2]["response"]["location"]
    assert hashlib.sha256(ask(node, location).content).digest() == hashlib.sha256(content).digest()
    (known,) = node.find_documents(patient).entries
    assert known.hash == hashlib.sha1(content).hexdigest()


def uncontained(bundle: dict[str, Any]) -> dict[str, Any]:
    """The same with people and organizations beside the resources that refer to them, as entries of their own."""
    moved = []
    for each in list(bundle["entry"]):
        text = json.dumps(each["resource"])
        for inside in each["resource"].pop("contained", []):
            name = uuid.uuid4().urn
            text = text.replace(f'"#{inside["id"]}"', f'"{name}"')
            moved.append((name, inside["id"]))
        each["resource"] = json.loads(text)
        held = {inside["id"]: inside for inside in each["resource"].pop("contained", [])}
        for name, own in [pair for pair in moved if pair[1] in held]:
            resource = {key: value for key, value in held[own].items() if key != "id"}
            request = {"method": "POST", "url": resource["resourceType"]}
            bundle["entry"].append({"fullUrl": name, "resource": resource, "request": request})
        moved = []
    return bundle


def test_people_may_stand_beside_what_refers_to_them(node: Node) -> None:
    """Source: MHD 4.2, IHE.MHD.UnContained.Comprehensive.ProvideBundle."""
    patient, item = new_patient(), entry(new_patient())
    bundles = [bundle_of(replace(item, patient_id=patient, unique_id=new_oid()), HELLO) for _ in range(2)]
    beside = uncontained(bundles[1])
    assert "contained" not in json.dumps(beside)
    assert len(beside["entry"]) > 3
    for bundle in (bundles[0], beside):
        reply = post(node, "/fhir", bundle)
        assert reply.status == 200, reply.content
        assert len(reply.resource["entry"]) == len(bundle["entry"])
    one, other = node.find_documents(patient).entries
    assert one.authors and told(one) == told(other)


def test_what_is_preferred_is_returned(node: Node) -> None:
    patient = new_patient()
    told_ = post(node, "/fhir", bundle_of(entry(patient), HELLO), Prefer="return=representation").resource
    Bundle.model_validate(told_)
    for each in told_["entry"][:2]:
        known = ask(node, each["response"]["location"]).resource
        known["meta"].pop("lastUpdated", None)
        known["subject"].pop("reference")  # the Patient is told to who reads
        assert each["resource"] == known
    outcome = post(node, "/fhir", bundle_of(entry(patient), HELLO), Prefer="return=OperationOutcome").resource
    codes = [each["response"]["outcome"]["issue"][0]["code"] for each in outcome["entry"]]
    assert codes == ["business-rule", "informational", "informational"], "what departs from the profile is told first"
    minimal = post(node, "/fhir", bundle_of(entry(patient), HELLO), Prefer="return=minimal").resource
    assert all(each.keys() == {"response"} for each in minimal["entry"])
    resource = described(entry(patient))
    resource["content"][0]["attachment"]["data"] = "aGVsbG8="
    for value, content in (("minimal", False), ("OperationOutcome", True)):
        resource["masterIdentifier"]["value"] = resource["identifier"][0]["value"] = f"urn:oid:{new_oid()}"
        reply = post(node, "DocumentReference", resource, Prefer=f"return={value}")
        assert (reply.status, bool(reply.content)) == (201, content), reply.content
        assert reply.headers["ETag"] == 'W/"1"'
