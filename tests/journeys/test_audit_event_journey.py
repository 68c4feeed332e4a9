"""ITI-81 through real HTTPS: auditors read the log as AuditEvents, nobody else does, and every reading is recorded."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from acces_direct import LAETITIA, SUZANNE, Provide
from audit_nodes import AUDIT_EVENT, AUDITOR, FHIR_JSON, SENDER, STRANGER, Answer, ask, search, subject
from fhir.resources.R4B.auditevent import AuditEvent
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome

from audit.event import Outcome
from audit.store import AuditRecord
from schemas import oids
from tests.balp import judge
from tests.browser import Browser
from tests.village import Village

INS = f"urn:oid:{oids.INS_NIR_TEST}"
DCM = "http://dicom.nema.org/resources/ontology/DCM"


@pytest.fixture(scope="module")
def village(open_village: Village, tmp_path_factory: pytest.TempPathFactory) -> Village:
    """Where something happened."""
    folder = tmp_path_factory.mktemp("papers")
    letter = Provide(open_village, folder)("consultation_report", SUZANNE, by="medecin-traitant")
    open_village.lps("medecin-traitant").open(letter, folder / "opened.xml", open_village.patient(SUZANNE))
    open_village.lps("infirmier").find(open_village.patient(LAETITIA))
    return open_village


def last(village: Village) -> AuditRecord:
    return village.audit(1)[0]


def codes(event: dict[str, Any]) -> list[str]:
    return [each["code"] for each in event["subtype"]]


@pytest.mark.proves("transaction/ITI-81")
def test_the_whole_log_page_by_page(village: Village, reference: Path) -> None:
    """Every record is an AuditEvent of FHIR R4 that fulfils what it claims; no record is on two pages or on none."""
    there = [record.id for record in village.audit(1000)]
    answer, found = search(village, _count="7"), list[dict[str, Any]]()
    while True:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/fhir+json; charset=utf-8"
        Bundle.model_validate(answer.resource)
        found += answer.events
        following = answer.link("next")
        if following is None:
            break
        answer = ask(village, AUDITOR, following)
    for event in found:
        AuditEvent.model_validate(event)
        for profile in event.get("meta", {}).get("profile", ()):
            assert judge(reference).faults(event, profile) == []
    ids = [event["id"] for event in found]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(there) | {ids[0]}, "the reading itself is on its own first page"
    assert {"ITI-41", "ITI-43", "ITI-18"} <= {code for event in found for code in codes(event)}


def test_a_reading_is_recorded_once_with_what_was_asked(village: Village) -> None:
    before = last(village)
    answer = search(village, subtype="ITI-43", _count="1")
    record = last(village)
    assert record.sequence == before.sequence + 1
    assert (record.transaction, record.action, record.outcome) == ("ITI-81", "ITI-81", Outcome.SUCCESS)
    assert (record.requester_id, record.authentication) == (subject(village, AUDITOR), "AUDITEUR")
    assert (record.rule, record.rule_table) == ("droit_fonctionnel", "droits_fonctionnels/PATIENT")
    (event,) = search(village, _id=record.id).events
    assert (event["type"]["code"], event["action"]) == ("110101", "R")
    (query,) = [each for each in event["entity"] if each.get("role", {}).get("code") == "24"]
    asked = base64.b64decode(query["query"]).decode()
    assert asked.endswith("/fhir/AuditEvent?date=ge2020&subtype=ITI-43&_count=1")
    assert answer.events
    assert record.patient is None


def test_reading_about_a_patient_is_part_of_what_the_patient_sees(village: Village) -> None:
    answer = search(village, patient__identifier=f"{INS}|{SUZANNE}")
    assert {"ITI-41", "ITI-43"} <= {code for event in answer.events for code in codes(event)}
    for event in answer.events:
        assert SUZANNE in json.dumps(event)
    record = last(village)
    assert record.patient is not None
    assert (record.patient.value, bool(record.dossier)) == (SUZANNE, True)
    assert LAETITIA not in json.dumps(answer.events)
    everybody = search(village, patient__identifier=f"{SUZANNE},{LAETITIA}")
    assert {len(everybody.events) > len(answer.events), last(village).patient} == {True, None}


@pytest.mark.parametrize(
    ("parameters", "holds"),
    [
        ({"type": f"{DCM}|110106"}, lambda event: event["type"]["code"] == "110106"),
        ({"type": "110112", "outcome": "0"}, lambda event: event["outcome"] == "0"),
        ({"outcome": "4,8,12"}, lambda event: event["outcome"] != "0"),
        ({"subtype": "urn:ihe:event-type-code|ITI-41"}, lambda event: "ITI-41" in codes(event)),
        ({"entity-role": "20"}, lambda event: "20" in json.dumps([each.get("role") for each in event["entity"]])),
        ({"agent-role": "110150"}, lambda event: "110150" in json.dumps(event["agent"])),
        ({"source__identifier": "open-dmp"}, lambda event: True),
        ({"address": "127.0.0.1"}, lambda event: "127.0.0.1" in json.dumps(event["agent"])),
    ],
)
def test_every_kind_of_parameter_finds(
    village: Village, parameters: dict[str, str], holds: Callable[..., bool]
) -> None:
    answer = search(village, **parameters)
    assert answer.status == 200
    assert all(holds(event) for event in answer.events)
    if "outcome" not in parameters or parameters["outcome"] == "0":
        assert answer.events


def test_a_search_by_post(village: Village) -> None:
    form = f"date=ge2020&patient.identifier={INS}%7C{SUZANNE}&subtype=ITI-43".encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    posted = ask(village, AUDITOR, f"{AUDIT_EVENT}/_search", method="POST", body=form, headers=kind)
    got = search(village, patient__identifier=f"{INS}|{SUZANNE}", subtype="ITI-43")
    assert posted.events == got.events
    assert len(got.events) == 1


def test_one_event_by_its_address(village: Village) -> None:
    (event,) = search(village, subtype="ITI-43").events
    answer = ask(village, AUDITOR, f"{AUDIT_EVENT}/{event['id']}")
    assert (answer.status, answer.resource, answer.headers["ETag"]) == (200, event, 'W/"1"')
    assert ask(village, AUDITOR, f"{AUDIT_EVENT}/nothing").issues == [("not-found", "Not Found")]


def refused(answer: Answer, status: int, code: str) -> str:
    """What the one issue of an answer says."""
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith(FHIR_JSON)
    OperationOutcome.model_validate(answer.resource)
    ((found, said),) = answer.issues
    assert found == code
    return said


@pytest.mark.parametrize("name", [STRANGER, SENDER, "medecin-traitant", "hopital"])
@pytest.mark.parametrize("path", [f"{AUDIT_EVENT}?date=ge2020", f"{AUDIT_EVENT}/one", f"{AUDIT_EVENT}?nonsense"])
def test_nobody_else_reads(village: Village, name: str | None, path: str) -> None:
    said = refused(ask(village, name, path), 403, "forbidden")
    assert said == "expected a client certificate that this server lets in here, got another or none"
    assert_unknown(last(village))


@pytest.mark.parametrize("path", [f"{AUDIT_EVENT}?date=ge2020", f"{AUDIT_EVENT}/one", f"{AUDIT_EVENT}?nonsense"])
def test_whoever_shows_nothing_is_told_what_to_show(village: Village, path: str) -> None:
    answer = ask(village, None, path)
    said = refused(answer, 401, "login")
    assert said == "expected an access token that this server believes and that covers the request, got another or none"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="fhir"'
    assert_unknown(last(village))


def assert_unknown(record: AuditRecord) -> None:
    assert (record.transaction, record.outcome, record.rule) == ("ITI-81", Outcome.SERIOUS_FAILURE, "authentification")


def test_this_machine_reads_no_more_than_others(village: Village) -> None:
    assert village.settings.http is not None
    answer = Browser(village.settings.http, None).get(f"{AUDIT_EVENT}?date=ge2020")
    assert answer.status == 403


def test_a_revoked_auditor_reads_no_more(village: Village) -> None:
    """An auditor named by subject has any certificate of that subject, until TLS itself shuts it out."""
    village.pki.structure("jumeau", "10B9999999", f"Machine {AUDITOR}")
    assert search(village, "jumeau").status == 200
    village.pki.revoke("jumeau")
    with pytest.raises(OSError):
        search(village, "jumeau")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "date: expected at least one, got none"),
        ("type=110112", "date: expected at least one, got none"),
        ("date=yesterday", "date: expected a date"),
        ("date=ge2026-13", "date: expected a moment of the calendar"),
        ("date=ge2026&_count=many", "_count: expected a whole number"),
        ("date=ge2026&_cursor=AAAA", "_cursor: expected one that this server gave for this search"),
        ("date=ge2026&type=", "type: expected a value"),
        ("date=ge2026&agent-name=%00", "agent-name: expected printable text"),
        ("date=ge2026&agent-name=%FF", "query: expected at most 100 parameters, percent-encoded UTF-8"),
        ("date=ge2026&" + "&".join(["type=1"] * 100), "query: expected at most 100 parameters"),
    ],
)
def test_what_cannot_be_understood_is_said_by_name(village: Village, query: str, said: str) -> None:
    assert refused(ask(village, AUDITOR, f"{AUDIT_EVENT}?{query}"), 400, "invalid").startswith(said)
    record = last(village)
    assert (record.transaction, record.outcome, record.rule) == ("ITI-81", Outcome.MINOR_FAILURE, "message")


def test_an_unknown_parameter_is_ignored_unless_the_client_is_strict(village: Village) -> None:
    path = f"{AUDIT_EVENT}?date=ge2020&colour=red&_count=1"
    lenient = ask(village, AUDITOR, path)
    assert lenient.link("self") == f"{AUDIT_EVENT}?date=ge2020&_count=1"
    (outcome,) = [each["resource"] for each in lenient.resource["entry"] if each["search"]["mode"] == "outcome"]
    assert outcome["issue"][0]["diagnostics"] == "ignored: colour"
    strict = ask(village, AUDITOR, path, headers={"Prefer": "handling=strict"})
    assert refused(strict, 400, "invalid") == "colour: expected a parameter of ITI-81, got another"


def test_a_cursor_belongs_to_its_search(village: Village) -> None:
    following = search(village, _count="1").link("next")
    assert following is not None
    assert ask(village, AUDITOR, following).status == 200
    assert ask(village, AUDITOR, following.replace("_count=1", "_count=2")).status == 400
    assert ask(village, AUDITOR, following[:-2]).status == 400


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        *((each, 200) for each in ("*/*", FHIR_JSON, "application/json", "application/fhir+json; fhirVersion=4.0")),
        *((each, 200) for each in ("application/fhir+json, */*; q=0.1", "application/fhir+xml;q=0.5,application/*")),
        *((each, 200) for each in ("application/fhir+xml", "text/xml")),
        *((each, 406) for each in ("text/html", "application/fhir+xml; fhirVersion=5.0")),
    ],
)
def test_json_and_xml_are_what_is_written(village: Village, accept: str, status: int) -> None:
    path = f"{AUDIT_EVENT}?date=ge2020&_count=1"
    assert ask(village, AUDITOR, path, headers={"Accept": accept}).status == status


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("DELETE", f"{AUDIT_EVENT}/one", 405, "not-supported"),
        ("PUT", f"{AUDIT_EVENT}/one", 405, "not-supported"),
        ("PATCH", AUDIT_EVENT, 405, "not-supported"),
        ("GET", "/fhir/Observation", 404, "not-found"),
        ("GET", "/fhir/AuditEvent/one/_history", 405, "not-supported"),
        ("POST", f"{AUDIT_EVENT}/_search", 415, "not-supported"),
    ],
)
def test_what_is_not_served_is_an_operation_outcome(
    village: Village, method: str, path: str, status: int, code: str
) -> None:
    refused(ask(village, AUDITOR, path, method=method, body=b"" if method == "POST" else None), status, code)
