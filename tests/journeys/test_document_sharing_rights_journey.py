"""The FHIR door of the DMP: cards, and nothing told of what is masked, forbidden or not there."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from acces_direct import NOBODY, SUZANNE, Provide
from audit_nodes import Answer, ask

from schemas import oids
from server.demo.people import PATIENTS
from tests.village import Village

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
    for path in (f"DocumentReference/{hidden}", f"Binary/{hidden}"):
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
