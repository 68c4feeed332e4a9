"""The FHIR door of the DMP: cards; nothing told of what is masked, forbidden or not there; the same by every door."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from acces_direct import NOBODY, SUZANNE, Provide
from audit_nodes import FHIR_JSON, Answer, ask
from fhir.resources.R4B.parameters import Parameters

from schemas import oids
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from tests.journeys.attributes import Practice, practice
from tests.journeys.patches import ACTIONS, PEOPLE, same
from tests.village import Village

__all__ = ["practice"]

DOCTOR, OTHERS = "medecin-traitant", "medecin-hospitalier"


@pytest.fixture(scope="module")
def documents(village: Village, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """One document that everybody finds who may, and one that its author masked."""
    provide = Provide(village, tmp_path_factory.mktemp("papers"), 8000)
    kind = "consultation_report"
    return provide(kind, SUZANNE, by=DOCTOR), provide(kind, SUZANNE, by="medecin", masked=True)


def find(
    village: Village, name: str | None, kind: str = "DocumentReference", ins: str = SUZANNE, **more: str
) -> Answer:
    given = {"patient.identifier": f"urn:oid:{oids.INS_NIR_TEST}|{ins}", **more}
    return ask(village, name, f"/fhir/{kind}?{urlencode(given)}")


def identifiers(answer: Answer) -> dict[str, dict[str, Any]]:
    """The resources of a searchset, by the uniqueId of each."""
    return {each["masterIdentifier"]["value"].removeprefix("urn:oid:"): each for each in answer.events}


def test_a_card_finds_and_opens(village: Village, documents: tuple[str, str]) -> None:
    found = identifiers(find(village, DOCTOR, _count="200"))
    assert documents[0] in found
    one = found[documents[0]]
    read = ask(village, DOCTOR, f"/fhir/DocumentReference/{one['id']}")
    assert read.status == 200
    assert read.resource["masterIdentifier"] == one["masterIdentifier"]
    opened = ask(village, DOCTOR, f"/fhir/Binary/{one['id']}", headers={"Accept": "*/*"})
    assert opened.status == 200
    assert b"ClinicalDocument" in opened.content


def test_who_shows_no_card_is_told_nothing(village: Village) -> None:
    for path in ("DocumentReference?status=current", "List/x", "Binary/x", "DocumentReference/x"):
        answer = ask(village, None, f"/fhir/{path}")
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="fhir"')
        assert answer.issues[0][0] == "login"


def test_what_is_masked_is_not_there(village: Village, documents: tuple[str, str]) -> None:
    shown, masked = documents
    every = identifiers(find(village, "medecin", _count="200"))
    answer = find(village, OTHERS, _count="200")
    others = identifiers(answer)
    assert masked not in others
    assert answer.resource["total"] == len(others)
    hidden = every[masked]["id"]
    one = f"DocumentReference/{hidden}"
    for path in (one, f"{one}/_history", f"{one}/_history/1", f"{one}/_history/2", f"Binary/{hidden}"):
        nothing = path.replace(hidden, "01234567-89ab-4def-8123-456789abcdef")
        answers = [ask(village, OTHERS, f"/fhir/{each}", headers={"Accept": "*/*"}) for each in (path, nothing)]
        assert answers[0].status == answers[1].status == 404
        assert answers[0].content == answers[1].content
        assert "ETag" not in answers[0].headers
    for ids in (hidden, "01234567-89ab-4def-8123-456789abcdef"):
        assert find(village, OTHERS, _id=ids).resource["total"] == 0
    assert find(village, OTHERS, identifier=f"urn:ietf:rfc:3986|urn:oid:{masked}").resource["total"] == 0
    listed = json.dumps(
        find(village, OTHERS, "List", code="submissionset", _include="List:item", _count="200").resource
    )
    assert hidden not in listed
    assert masked not in listed
    assert shown in every and shown in others


def test_a_dossier_that_is_not_open_and_one_that_is_not_there_are_told_alike(village: Village) -> None:
    (closed_to_him,) = [each.ins for each in PATIENTS if each.traits.birth_family == "PERRIN"]
    refused, inexistent = (find(village, "podologue", ins=ins) for ins in (closed_to_him, NOBODY))
    assert refused.status == inexistent.status == 403
    assert refused.content == inexistent.content


# --- Metadata changed: the same by SOAP and by FHIR -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "title", "done"),
    [("medecin", "TD3.3a, mask", True), ("medecin-hospitalier", "TD3.3c", False), ("medecin-traitant", "TD3.3d", True)],
)
def test_the_same_by_every_door(practice: Practice, name: str, title: str, done: bool) -> None:
    assert same(practice, name, title) is done


@pytest.mark.long
@pytest.mark.parametrize("title", ACTIONS)
@pytest.mark.parametrize("name", PEOPLE)
def test_the_same_by_every_door_for_everybody(practice: Practice, name: str, title: str) -> None:
    same(practice, name, title)


# --- ITI-106: a CDA document alone becomes what it becomes by ITI-41 --------------------------------------------------

GENERATE = "/fhir/DocumentReference/$generate-metadata"


def asked(content: bytes, kind: str = "text/xml") -> dict[str, Any]:
    data = base64.b64encode(content).decode()
    binary = {"resourceType": "Binary", "contentType": kind, "data": data}
    return {"resourceType": "Parameters", "parameter": [{"name": "document", "resource": binary}]}


def generate(practice: Practice, resource: Any, name: str = "medecin", **headers: str) -> Answer:
    body = json.dumps(resource).encode()
    given = {"Content-Type": FHIR_JSON, **headers}
    return ask(practice.village, name, GENERATE, method="POST", body=body, headers=given)


def document(folder: Path, number: int) -> bytes:
    return write(
        Paper("consultation_report", "medecin", "medecin", 0, 1), folder, number, datetime.now(UTC)
    ).read_bytes()


def test_a_document_is_found_with_the_metadata_of_its_header(practice: Practice, tmp_path: Path) -> None:
    content = document(tmp_path, 1)
    answer = generate(practice, asked(content))
    assert answer.status == 200, answer.content
    Parameters.model_validate(answer.resource)
    (parameter,) = answer.resource["parameter"]
    assert parameter["name"] == "DocumentReference"
    where = parameter["valueReference"]["reference"]
    resource = ask(practice.village, "medecin", "/fhir/" + where.partition("/fhir/")[2]).resource
    provided = practice.document()
    twin = practice.desk("medecin").stands(provided)
    known = practice.desk("medecin").stands(resource["masterIdentifier"]["value"].removeprefix("urn:oid:"))
    own = ("entry_uuid", "logical_id", "unique_id", "creation_time", "hash", "size", "service_start_time")
    same = [name for name in known.__slots__ if name not in own]
    assert [getattr(known, name) for name in same] == [getattr(twin, name) for name in same]
    url = resource["content"][0]["attachment"]["url"]
    opened = ask(practice.village, "medecin", "/fhir/" + url.partition("/fhir/")[2], headers={"Accept": "*/*"})
    assert opened.content == content
    assert generate(practice, asked(content)).status == 422, "a version of a document is there once"


@pytest.mark.parametrize(
    ("resource", "status"),
    [
        (asked(b"<a/>"), 422),
        (asked(b"hello", "text/plain"), 422),
        ({"resourceType": "Parameters", "parameter": []}, 400),
        ({"resourceType": "Parameters", "parameter": [{"name": "document", "valueString": "x"}]}, 422),
        ({**asked(b"<a/>"), "parameter": asked(b"<a/>")["parameter"] * 2}, 422),
        ({"resourceType": "Binary", "contentType": "text/xml", "data": "PGEvPg=="}, 422),
    ],
)
def test_what_is_no_cda_document_is_refused(practice: Practice, resource: Any, status: int) -> None:
    answer = generate(practice, resource)
    assert (answer.status, answer.resource["resourceType"]) == (status, "OperationOutcome"), answer.content


def test_who_may_not_feed_a_dossier_may_not_so(practice: Practice, tmp_path: Path) -> None:
    """A patient whose DMP is closed has no more of one by this door than by another."""
    (closed,) = [number for number, each in enumerate(PATIENTS) if each.status == "closed"]
    paper = Paper("consultation_report", "medecin", "medecin", closed, 1)
    answer = generate(practice, asked(write(paper, tmp_path, 2, datetime.now(UTC)).read_bytes()))
    assert answer.status in (403, 422), answer.content
    answer = generate(practice, asked(document(tmp_path, 3)), Prefer="return=minimal")
    assert (answer.status, answer.content) == (200, b"")
