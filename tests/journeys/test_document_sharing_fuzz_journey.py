"""Whatever is asked of the FHIR door: never its own fault, always an OperationOutcome when it is no answer."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from pdsm.errors import FormError
from pdsm.xml_writing import write_xml
from registry.metadata import DocumentEntry
from tests.connectathon import Node, document, new_patient, submission
from tests.journeys.sharing_client import FHIR_JSON, FHIR_XML, Reply, ask, patient_of
from tests.journeys.test_document_providing_journey import bundle_of, described

STRANGE: list[Any] = [
    None,
    True,
    0,
    -1,
    10**400,
    1.5,
    "",
    " ",
    "x",
    "\u2028",
    "urn:uuid:x",
    [],
    {},
    [{}],
    {"a": {}},
    "é" * 3000,
]
PATHS = [
    "DocumentReference",
    "List",
    "Binary",
    "metadata",
    "AuditEvent",
    "Patient",
    "Patient/_search",
    "Patient/$ihe-pix",
    "Patient/x",
    "",
    "DocumentReference/_search",
    "DocumentReference/x/_history/1",
    "DocumentReference/00000000-0000-4000-8000-000000000000/_history",
    "DocumentReference/$generate-metadata",
    "Binary/$x",
    "List/00000000-0000-4000-8000-000000000000",
]
NAMES = [
    "status",
    "type",
    "date",
    "creation",
    "period",
    "identifier",
    "_id",
    "_count",
    "_sort",
    "_elements",
    "_include",
    "_cursor",
    "_summary",
    "_lastUpdated",
    "author.family",
    "author:Practitioner.name:exact",
    "related:identifier",
    "relatesto",
    "code",
    "type:missing",
    "_format",
    "patient",
    "family",
    "address:exact",
    "birthdate",
    "telecom",
    "active",
    "sourceIdentifier",
    "targetSystem",
]
VALUES = [
    "",
    "x",
    "|",
    "a|b",
    "urn:oid:1.2|3",
    "2020",
    "ge2020-13",
    "\\",
    "\\|,",
    "%00",
    "9" * 30,
    "true",
    "-date",
    "ö",
    "'",
]
ACCEPTED = ["*/*", FHIR_JSON, FHIR_XML, "application/json", "text/html"]
METHODS = ["GET", "GET", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def changed(resource: Any, chance: random.Random) -> Any:
    """The resource with one to three of its values strange, gone, doubled or moved."""
    resource = copy.deepcopy(resource)
    for _ in range(chance.randint(1, 3)):
        places = list(_places(resource))
        if not places:  # all of it is gone
            break
        holder, key = chance.choice(places)
        match chance.randrange(4):
            case 0 if isinstance(holder, dict):
                holder.pop(key)
            case 1 if isinstance(holder, list):
                holder.append(holder[key])
            case 2:
                holder[key] = copy.deepcopy(chance.choice(places)[0])
            case _:
                holder[key] = copy.deepcopy(chance.choice(STRANGE))
    return resource


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in items:
        yield value, key
        yield from _places(inside)


def one(node: Node, chance: random.Random) -> Reply:
    """One request that somebody might send."""
    if chance.random() < 0.5:
        query = "&".join(f"{chance.choice(NAMES)}={chance.choice(VALUES)}" for _ in range(chance.randint(0, 4)))
        known = f"patient.identifier={patient_of(new_patient())}&" if chance.random() < 0.6 else ""
        path = f"/fhir/{chance.choice(PATHS)}?{known}{query}".encode().decode("latin-1").replace(" ", "%20")
        quoted = "".join(each if each.isascii() and each != "\\" else f"%{ord(each):02x}" for each in path)
        return ask(node, quoted, chance.choice(METHODS), Accept=chance.choice(ACCEPTED))
    if chance.random() < 0.3:
        return patched(node, chance)
    entry = document(new_patient(), hash="", size=None, repository_unique_id="")
    if chance.random() < 0.5:
        path, sound = "/fhir", bundle_of(entry, b"hello")
    else:
        path, sound = "/fhir/DocumentReference", described(entry)
        sound["content"][0]["attachment"]["data"] = "aGVsbG8="
    kind, body = _as_sent(changed(sound, chance), chance)
    if chance.random() < 0.1:
        body = body[: chance.randrange(len(body))]
    return ask(node, path, "POST", body, Content_Type=kind)


def _as_sent(resource: Any, chance: random.Random) -> tuple[str, bytes]:
    """In XML sometimes, where it has a form in XML."""
    if chance.random() < 0.3:
        with suppress(FormError):
            return FHIR_XML, write_xml(resource)
    return FHIR_JSON, json.dumps(resource).encode()


def patched(node: Node, chance: random.Random) -> Reply:
    """A patch that somebody might send, of a document that is there."""
    entry = document(new_patient(), repository_unique_id="")
    assert node.provide(submission(entry), {entry.entry_uuid: b"hello"}).success
    (known,) = node.find_documents(entry.patient_id).entries
    label = {"coding": [{"system": "urn:oid:2.999.1", "code": "V"}]}
    kind, sound = "application/json-patch+json", [{"op": "add", "path": "/securityLabel/-", "value": label}]
    if chance.random() < 0.5:
        part = [{"name": "type", "valueCode": "insert"}, {"name": "index", "valueInteger": 0}]
        part += [{"name": "path", "valueString": "DocumentReference.securityLabel"}]
        part += [{"name": "value", "valueCodeableConcept": label}]
        operation = {"name": "operation", "part": part}
        return _patched(node, known, {"resourceType": "Parameters", "parameter": [operation]}, FHIR_JSON, chance)
    return _patched(node, known, sound, kind, chance)


def _patched(node: Node, known: DocumentEntry, sound: Any, kind: str, chance: random.Random) -> Reply:
    body = json.dumps(changed(sound, chance)).encode()
    return ask(node, f"DocumentReference/{known.entry_uuid.rpartition(':')[2]}", "PATCH", body, Content_Type=kind)


def attack(node: Node, count: int, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(count):
        reply = one(node, chance)
        assert reply.status < 500, (seed, number, reply.content)
        if reply.status >= 400:
            assert reply.resource["resourceType"] == "OperationOutcome", (seed, number)


def test_a_few_strange_requests(node: Node) -> None:
    attack(node, 150, 7)


@pytest.mark.long
def test_twenty_thousand_strange_requests(node: Node) -> None:
    attack(node, 20_000, 11)
