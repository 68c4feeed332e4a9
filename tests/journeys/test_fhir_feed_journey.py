"""ITI-20 by FHIR through real HTTPS: nodes that are let in feed the log, which shows what came as it came."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from acces_direct import SUZANNE, page
from audit_nodes import AUDIT_EVENT, AUDITOR, FHIR_JSON, SENDER, STRANGER, ask, post, search, subject
from fhir.resources.R4B.bundle import Bundle

from audit.event import Outcome
from pdsm.xml_reading import read_xml
from pdsm.xml_writing import write_xml
from schemas import oids
from tests.browser import Browser
from tests.village import Village

EVENT: dict[str, Any] = {
    "resourceType": "AuditEvent",
    "id": "of-the-sender",
    "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110112"},
    "subtype": [{"system": "urn:ihe:event-type-code", "code": "ITI-78"}],
    "action": "E",
    "recorded": "2026-11-22T16:53:12.345Z",
    "outcome": "0",
    "agent": [{"requestor": True, "who": {"identifier": {"value": "somebody-else"}}}],
    "source": {"observer": {"identifier": {"value": "a-node"}}},
    "entity": [
        {
            "what": {"identifier": {"system": f"urn:oid:{oids.INS_NIR_TEST}", "value": SUZANNE}},
            "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": "1"},
            "role": {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1"},
        }
    ],
}
BODY = json.dumps(EVENT, indent=1).encode()


def count(open_village: Village) -> int:
    return open_village.audit(1)[0].sequence


def test_an_event_comes_in_and_is_found_as_it_came(open_village: Village) -> None:
    before = count(open_village)
    answer = post(open_village, BODY)
    assert (answer.status, answer.content, answer.headers["ETag"]) == (201, b"", 'W/"1"')
    (record,) = open_village.audit(1)
    assert record.sequence == before + 1, "the receipt makes no event of its own"
    assert (record.message, record.format, record.origin) == (BODY, "fhir", subject(open_village, SENDER))
    assert answer.headers["Location"].endswith(f"{AUDIT_EVENT}/{record.id}/_history/1")
    (found,) = search(open_village, source__identifier="a-node", patient__identifier=SUZANNE).events
    assert found == EVENT | {"id": record.id}
    assert ask(open_village, AUDITOR, f"{AUDIT_EVENT}/{record.id}").resource == found


def test_what_other_nodes_report_is_no_part_of_a_history(open_village: Village) -> None:
    post(open_village, BODY)
    shown = page(open_village, "medecin-traitant", f"HistoriqueDMP/{SUZANNE}")
    assert "somebody-else" not in shown.source


def test_an_event_in_xml_is_the_same_event(open_village: Village) -> None:
    answer = post(open_village, write_xml(EVENT), kind="application/fhir+xml")
    assert answer.status == 201
    (record,) = open_village.audit(1)
    headers = {"Accept": "application/fhir+xml"}
    told = ask(open_village, AUDITOR, f"{AUDIT_EVENT}/{record.id}", headers=headers)
    assert read_xml(told.content, max_bytes=10**6) == {**EVENT, "id": record.id}
    before = count(open_village)
    refused = post(open_village, b"<AuditEvent/>", kind="application/fhir+xml")
    assert (refused.status, count(open_village)) == (400, before)


@pytest.mark.parametrize("path", ["/fhir", "/fhir/"])
def test_a_batch_comes_in_whole_but_for_what_is_unsound(open_village: Village, path: str, reference: Path) -> None:
    resources = [json.loads(each.read_text("utf-8")) for each in (reference / "fhir" / "balp" / "examples").glob("A*")]
    resources.append({"resourceType": "AuditEvent"})
    entries = [{"request": {"method": "POST", "url": "AuditEvent"}, "resource": each} for each in resources]
    before = count(open_village)
    answer = post(
        open_village, json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries}).encode(), path=path
    )
    assert answer.status == 200
    Bundle.model_validate(answer.resource)
    statuses = [each["response"]["status"] for each in answer.resource["entry"]]
    assert statuses == ["201 Created"] * (len(resources) - 1) + ["400"]
    assert count(open_village) == before + len(resources) - 1
    location = answer.resource["entry"][0]["response"]["location"]
    kept = ask(open_village, AUDITOR, "/" + location.split("/", 3)[3].removesuffix("/_history/1")).resource
    assert kept == resources[0] | {"id": kept["id"]}


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"", FHIR_JSON, 400, "structure"),
        (b"<AuditEvent/>", FHIR_JSON, 400, "structure"),
        (b"AuditEvent", "text/turtle", 415, "not-supported"),
        (b'{"resourceType": "Patient"}', "application/json", 400, "structure"),
        (b'{"resourceType": "AuditEvent"}', "application/json", 400, "structure"),
        (BODY.replace(b'"id"', b'"action"'), FHIR_JSON, 400, "structure"),
        (BODY.replace(b'"E"', b"NaN"), FHIR_JSON, 400, "structure"),
        (BODY.replace(b'"E"', b'"\\ud800"'), FHIR_JSON, 400, "structure"),
        (BODY.replace(b'"E"', b'"\\u0000"'), FHIR_JSON, 400, "structure"),
        (b"[" * 900_000, FHIR_JSON, 400, "structure"),
        (b" " * (1024 * 1024) + BODY, FHIR_JSON, 413, "too-long"),
    ],
)
def test_a_hostile_body_is_refused_and_kept_nowhere(
    open_village: Village, body: bytes, kind: str, status: int, code: str
) -> None:
    before = count(open_village)
    answer = post(open_village, body, kind=kind)
    assert (answer.status, answer.issues[0][0]) == (status, code)
    assert answer.headers["Content-Type"].startswith(FHIR_JSON)
    assert SUZANNE not in answer.content.decode()
    assert count(open_village) == before


@pytest.mark.parametrize("path", [AUDIT_EVENT, "/fhir"])
@pytest.mark.parametrize("name", [None, STRANGER, AUDITOR, "medecin-traitant"])
def test_who_is_not_let_in_feeds_nothing(open_village: Village, name: str | None, path: str) -> None:
    answer = post(open_village, BODY, name=name, path=path)
    told, transaction = ((403, "forbidden"), "ITI-20")
    if name is None and path == "/fhir":  # documents come in there, too, from whoever has a token
        told, transaction = ((401, "login"), "ITI-65")
    assert (answer.status, answer.issues[0][0]) == told
    (record,) = open_village.audit(1)
    assert (record.origin, record.transaction, record.outcome) == ("", transaction, Outcome.SERIOUS_FAILURE)


def test_this_machine_feeds_no_more_than_others(open_village: Village) -> None:
    assert open_village.settings.http is not None
    here = Browser(open_village.settings.http, None).ask("POST", AUDIT_EVENT, BODY, {"Content-Type": FHIR_JSON})
    assert here.status == 403


@pytest.mark.parametrize("name", [None, "hopital", "medecin"])
def test_a_log_that_takes_no_feed_has_no_such_address(village: Village, name: str | None) -> None:
    """Nothing is taken unless the settings say so."""
    assert post(village, BODY, name=name).issues == [("not-found", "Not Found")]
    assert post(village, BODY, name=name, path="/fhir").status == (404 if name else 401)
    assert village.audit(1)[0].transaction != "ITI-20"
