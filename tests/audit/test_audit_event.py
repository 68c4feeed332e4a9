"""AuditEvents: one for every row of the table and every outcome, held to FHIR R4 and to the profiles claimed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, product
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.audit_event import Record, audit_event
from audit.event import Event, Outcome
from audit.message import write_message
from audit.message_reading import read_message
from audit.profiles import DISCLOSURE_RECIPIENT, DISCLOSURE_SOURCE, SAML_COMPREHENSIVE
from audit.received import FHIR, OTHER, read_received
from audit.transactions import APPLICATION_START, APPLICATION_STOP, CONNEXION, OPERATOR_ACTS, SECRETS, TRANSACTIONS
from identities.requester import Authentication, Requester
from schemas import oids
from tests.audit.events import (
    ALERT,
    DOCTOR,
    FIND_DOCUMENTS,
    INSTANT,
    INTRUSION,
    LETTER,
    LOT,
    OPENING,
    PATIENT,
    REFUSAL,
    SEARCH,
    SOURCE,
    SUBMISSION,
    UNKNOWN_ACTION,
    URGENTIST,
    application,
    call,
    operator_act,
)
from tests.balp import judge

BALP_EXAMPLES = Path("fhir", "balp", "examples")
XUA_USER = replace(
    DOCTOR,
    authentication=Authentication.XUA,
    id_nat="jdoe",
    alias="john",
    issuer="https://sts.example",
    structure_id="",
    purpose="TREAT",
    purpose_system="2.16.840.1.113883.1.11.20448",
)
NODE = Requester(
    id_nat="",
    name="CN=node",
    profession="",
    profession_system="",
    specialty="",
    structure_id="",
    sector="",
    authentication=Authentication.NOEUD_IHE,
    certificate_subject="CN=node",
)
SUBJECT = replace(
    NODE, id_nat=PATIENT.value, name="EXEMPLE Anne", authentication=Authentication.PATIENT, patient=PATIENT
)
REFUSED = {
    "rule": "matrice",
    "table": "matrice_habilitation",
    "table_version": "1",
    "row": "x × y",
    "explanation": "Non.",
}


def record(event: Event) -> Record:
    return Record("5c5d1a59-7b5c-4ab6-a3b1-6d2bbf7b3b5f", write_message(event, site=SOURCE), "dicom", "", event.instant)


def written(event: Event) -> dict[str, Any]:
    return audit_event(record(event))


def every_row() -> Iterator[Event]:
    """Two events of each row for each outcome: by a doctor, and by every other kind of requester in turn."""
    others = cycle((URGENTIST, XUA_USER, NODE, SUBJECT, None))
    for transaction, by_doctor, outcome in product(TRANSACTIONS, (True, False), Outcome):
        if transaction in (APPLICATION_START, APPLICATION_STOP):
            continue
        requester = DOCTOR if by_doctor else next(others)
        event = Event(
            id="event-1",
            instant=INSTANT,
            call=call(transaction),
            outcome=outcome,
            action="TD3.2",
            requester=requester,
            patient=PATIENT,
            objects=(LOT, LETTER, FIND_DOCUMENTS),
        )
        yield replace(event, **REFUSED) if outcome is Outcome.MINOR_FAILURE else event  # type: ignore[arg-type]
    yield from (operator_act(act) for act in (*OPERATOR_ACTS, "unheard-of"))
    yield from (application(APPLICATION_START), application(APPLICATION_STOP))
    yield from (ALERT, INTRUSION, OPENING, REFUSAL, SEARCH, SUBMISSION, UNKNOWN_ACTION)


def agents(event: dict[str, Any], code: str) -> list[dict[str, Any]]:
    return [
        each
        for each in event["agent"]
        if any(coding["code"] == code for coding in each.get("type", {}).get("coding", ()))
    ]


def entities(event: dict[str, Any], kind: str, role: str) -> list[dict[str, Any]]:
    return [
        each
        for each in event["entity"]
        if (each.get("type", {}).get("code"), each.get("role", {}).get("code")) == (kind, role)
    ]


def test_every_event_is_fhir_and_loses_nothing() -> None:
    for event in every_row():
        made = record(event)
        resource, message = audit_event(made), read_message(made.message)
        AuditEvent.model_validate(resource)
        extra = [each for each in agents(resource, "PROV") if each["who"]]
        assert len(resource["agent"]) == len(message.participants) + len(extra)
        assert len(resource.get("entity", ())) == len(message.objects)
        assert [each["code"] for each in resource["subtype"]][: len(message.types)] == [
            each.code for each in message.types
        ]
        assert resource["type"]["code"] == message.event_id.code
        assert (resource["action"], resource["outcome"]) == (message.action, message.outcome)


def test_every_claimed_profile_is_fulfilled(reference: Path) -> None:
    claims: set[str] = set()
    for event in every_row():
        resource = written(event)
        for profile in resource.get("meta", {}).get("profile", ()):
            claims.add(profile)
            assert judge(reference).faults(resource, profile) == [], (event.call.transaction, event.outcome)
    assert claims == {DISCLOSURE_RECIPIENT, DISCLOSURE_SOURCE, SAML_COMPREHENSIVE}


def test_the_official_examples_fulfil_their_profiles_and_not_without_what_these_ask(reference: Path) -> None:
    """What stands between an AuditEvent and a claim that does not hold is the judge: it is judged here."""
    examples = [json.loads(file.read_text("utf-8")) for file in (reference / BALP_EXAMPLES).glob("AuditEvent-*.json")]
    assert len(examples) > 30
    for example in examples:
        (profile,) = example["meta"]["profile"]
        assert judge(reference).faults(example, profile) == [], example["id"]
        assert judge(reference).faults({**example, "agent": []}, profile), example["id"]
        if "TokenUse" not in profile:
            assert judge(reference).faults({**example, "type": {"code": "else"}}, profile), example["id"]
            assert judge(reference).faults({**example, "entity": []}, profile), example["id"]
            assert judge(reference).faults({**example, "subtype": []}, profile), example["id"]


@pytest.mark.parametrize(
    ("example", "change", "fault"),
    [
        ("auditPoke-SAML-Comp", lambda e: e["agent"][0].pop("policy"), "agent:user.policy: 1..1, found 0"),
        ("auditPoke-SAML-Comp", lambda e: e["agent"][0].update(altId="x"), "agent:user.altId: 0..0, found 1"),
        ("auditPoke-SAML-Min", lambda e: e["agent"][0].update(requestor=False), "agent:user.requestor: another"),
        ("auditBasicReadClient", lambda e: e.update(outcome="4"), "outcome: another value"),
        ("auditBasicReadClient", lambda e: e["subtype"][0].update(code="search"), "subtype:anyRead: 1..1, found 0"),
        ("auditBasicQueryGetServer", lambda e: e["entity"][0].update(what={}), "entity:query.what: 0..0, found 1"),
        ("auditAuthZconsent", lambda e: e["entity"].append({"type": {"code": "2"}}), "entity: closed, and 1 in no"),
    ],
)
def test_the_judge_says_what_is_missing(reference: Path, example: str, change: Any, fault: str) -> None:
    resource = json.loads((reference / BALP_EXAMPLES / f"AuditEvent-ex-{example}.json").read_text("utf-8"))
    change(resource)
    faults = judge(reference).faults(resource, resource["meta"]["profile"][0])
    assert any(fault in each for each in faults), faults


def test_an_opening_is_a_disclosure_by_its_source() -> None:
    resource = written(replace(OPENING, requester=DOCTOR))
    assert resource["meta"]["profile"] == [DISCLOSURE_SOURCE, SAML_COMPREHENSIVE]
    assert resource["type"]["code"] == "110106"
    assert [each["code"] for each in resource["subtype"]] == ["ITI-43", "TD3.2", "disclose"]
    assert resource["subtype"][0]["system"] == "urn:ihe:event-type-code"
    (source,), (destination,) = agents(resource, "110153"), agents(resource, "110152")
    assert source["who"]["identifier"]["value"] == "https://dmp.example/ihe/repository"
    assert (destination["network"], destination["requestor"]) == ({"address": "192.0.2.7", "type": "2"}, True)
    (patient,) = entities(resource, "1", "1")
    assert patient["what"]["type"] == "Patient"
    assert patient["what"]["identifier"]["system"] == f"urn:oid:{oids.INS_NIR_TEST}"
    assert patient["what"]["identifier"]["value"] == PATIENT.value
    (document,) = entities(resource, "2", "3")
    assert document["what"]["identifier"]["value"] == LETTER.id
    assert document["detail"] == [{"type": "Repository Unique Id", "valueString": LETTER.repository_unique_id}]


def test_who_acts_by_an_assertion_is_known_by_it() -> None:
    by_vihf = written(replace(SEARCH, requester=DOCTOR))
    (doctor,) = agents(by_vihf, "UserSamlAgent")
    assert doctor["policy"] == ["_assertion-1"]
    assert doctor["who"]["identifier"] == {
        "system": f"urn:oid:{oids.PS_ID_NAT}",
        "value": "899900063480",
        "assigner": {"display": DOCTOR.certificate_subject},
    }
    assert [each["coding"][0]["code"] for each in doctor["role"]] == ["10", "SM26"]
    assert doctor["extension"][0]["valueIdentifier"]["value"] == "EXEMPLE Zoé"
    (structure,) = agents(by_vihf, "PROV")
    assert structure["who"]["identifier"]["value"] == "10B0000001"
    (user,) = agents(written(replace(SEARCH, requester=XUA_USER)), "UserSamlAgent")
    assert user["who"]["identifier"] == {"system": "https://sts.example", "value": "jdoe"}
    assert user["purposeOfUse"][0]["coding"][0]["code"] == "TREAT"


@pytest.mark.parametrize(("requester", "people"), [(NODE, 0), (SUBJECT, 1), (URGENTIST, 1)])
def test_who_has_no_assertion_claims_none(requester: Requester, people: int) -> None:
    resource = written(replace(SEARCH, requester=requester))
    assert "meta" not in resource
    assert len(agents(resource, "IRCP")) == people


@pytest.mark.parametrize("transaction", [CONNEXION, SECRETS])
def test_who_proves_who_they_are_is_a_person(transaction: str) -> None:
    """Where a person is somewhere (A.5.3.12), and where it is them that an alert is about (A.5.3.11)."""
    call = replace(SEARCH.call, transaction=transaction)
    (person,) = agents(written(replace(SEARCH, call=call, requester=SUBJECT)), "IRCP")
    assert (person["who"]["identifier"]["value"], person["requestor"]) == (PATIENT.value, transaction == CONNEXION)


def test_a_refusal_tells_what_was_refused_and_by_which_rule() -> None:
    resource = written(REFUSAL)
    assert (resource["type"]["code"], resource["outcome"]) == ("110106", "4")
    assert [each["code"] for each in resource["subtype"]] == ["ITI-43", "TD3.2", "110147"]
    assert resource["outcomeDesc"] == REFUSAL.explanation
    (rule,) = entities(resource, "2", "13")
    assert rule["what"]["identifier"]["value"] == "matrice"
    assert {each["type"]: each["valueString"] for each in rule["detail"]} == {
        "table": "matrice_habilitation",
        "version": "2023-10-26",
        "row": "podologue × 34112-3",
    }
    assert entities(resource, "2", "3")


def test_a_query_is_told_whole_and_its_request_named() -> None:
    resource = written(SEARCH)
    (query,) = entities(resource, "2", "24")
    assert base64.b64decode(query["query"]) == FIND_DOCUMENTS.content
    (request,) = [each for each in resource["entity"] if each.get("type", {}).get("code") == "XrequestId"]
    assert request["what"]["identifier"]["value"] == "request-1"


def test_messages_of_other_nodes(reference: Path) -> None:
    for file in sorted((reference / "security" / "atna" / "samples").glob("*.xml")):
        received = read_received(file.read_bytes(), origin="CN=node", recorded=INSTANT)
        assert received.format != OTHER, file.name
        made = audit_event(Record(received.id, received.message, received.format, "CN=node", INSTANT))
        AuditEvent.model_validate(made)
        assert made["id"] == received.id
        assert made["source"]["observer"]["identifier"]["value"] == received.source_id
        for profile in made.get("meta", {}).get("profile", ()):
            assert judge(reference).faults(made, profile) == []


def test_an_audit_event_of_another_node_stays_as_it_came(reference: Path) -> None:
    for file in sorted((reference / "fhir" / "balp" / "examples").glob("AuditEvent-*.json")):
        made = audit_event(Record("event-1", file.read_bytes(), FHIR, "CN=node", INSTANT))
        assert made == json.loads(file.read_text("utf-8")) | {"id": "event-1"}


@pytest.mark.parametrize("message", [b"", b"\xff\x00", b"<a/>", b"{}"])
@pytest.mark.parametrize("kept", ["dicom", "rfc3881", FHIR, OTHER])
def test_what_cannot_be_read_is_shown_as_bytes(message: bytes, kept: str) -> None:
    made = audit_event(Record("event-1", message, kept, "CN=node", INSTANT))
    AuditEvent.model_validate(made)
    (detail,) = made["entity"][0]["detail"]
    assert base64.b64decode(detail["valueBase64Binary"]) == (message or b"\0")


ANY = st.text(max_size=12)


@settings(max_examples=40)
@given(values=st.lists(ANY, min_size=12, max_size=12), requester=st.sampled_from([DOCTOR, XUA_USER, URGENTIST, None]))
def test_whatever_an_event_holds_its_audit_event_is_fhir(values: list[str], requester: Requester | None) -> None:
    who = requester and replace(
        requester,
        id_nat=values[0],
        name=values[1],
        issuer=values[2],
        assertion_id=values[3],
        structure_id=values[4],
        profession_system=values[5],
        motif=values[6],
    )
    event = replace(REFUSAL, requester=who, explanation=values[7], row=values[8], rule=values[9])
    event = replace(
        event, outcome=Outcome.SUCCESS, objects=(replace(LETTER, id=values[10]), replace(LOT, id=values[11]))
    )
    AuditEvent.model_validate(written(event))
