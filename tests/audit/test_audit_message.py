"""Audit messages: the standard's tables field by field, and its schema where the reference data is at hand."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from audit.errors import AuditMessageError
from audit.event import Event, Outcome
from audit.markup import printable
from audit.message import write_message
from audit.transactions import (
    APPLICATION_START,
    APPLICATION_STOP,
    AUTHENTICATION_FAILURE,
    OPERATOR_ACTS,
    TRANSACTIONS,
    UNFORESEEN,
    UNFORESEEN_ACT,
    transaction_of,
)
from identities.requester import PatientId
from schemas import oids
from schemas.xml import parse
from tests.audit.events import (
    ALERT,
    DOCTOR,
    INTRUSION,
    OPENING,
    PATIENT,
    REFUSAL,
    SEARCH,
    SOURCE,
    SUBMISSION,
    UNKNOWN_ACTION,
    application,
    operator_act,
)

SUBMISSION_SET = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"  # ITI TF-3 4.2.5.2
ACTS = [operator_act(act) for act in (*OPERATOR_ACTS, "unheard-of")]
EVENTS = [
    SUBMISSION,
    SEARCH,
    OPENING,
    REFUSAL,
    INTRUSION,
    UNKNOWN_ACTION,
    ALERT,
    application(APPLICATION_START),
    application(APPLICATION_STOP),
    *ACTS,
]


def message(event: Event) -> etree._Element:
    return parse(write_message(event, site=SOURCE))


def codes(root: etree._Element, path: str) -> list[tuple[str | None, str | None, str | None]]:
    return [
        (found.get("csd-code"), found.get("codeSystemName"), found.get("originalText")) for found in root.findall(path)
    ]


def participants(root: etree._Element) -> list[tuple[str | None, ...]]:
    """UserID, UserIsRequestor and the first RoleIDCode of each ActiveParticipant."""
    found: list[tuple[str | None, ...]] = []
    for participant in root.findall("ActiveParticipant"):
        roles = codes(participant, "RoleIDCode")
        role = roles[0][0] if roles else None
        found.append((participant.get("UserID"), participant.get("UserIsRequestor"), role))
    return found


def objects(root: etree._Element, type_code: str, role: str) -> list[etree._Element]:
    return [
        found
        for found in root.findall("ParticipantObjectIdentification")
        if found.get("ParticipantObjectTypeCode") == type_code and found.get("ParticipantObjectTypeCodeRole") == role
    ]


def details(found: etree._Element) -> dict[str | None, str]:
    return {
        detail.get("type"): base64.b64decode(detail.get("value", "")).decode()
        for detail in found.findall("ParticipantObjectDetail")
    }


def test_every_transaction_of_the_house_has_its_row() -> None:
    assert {"ITI-18", "ITI-41", "ITI-43", APPLICATION_START, APPLICATION_STOP} <= set(TRANSACTIONS)
    assert {"TD1.1", "TD1.3a", "TD1.4", "TD1.6"} <= set(OPERATOR_ACTS)


@pytest.mark.parametrize(
    ("event", "event_id", "action", "type_code"),
    [
        # ITI TF-2 3.41.5.1.2
        (SUBMISSION, ("110107", "DCM", "Import"), "C", "Provide and Register Document Set-b"),
        (SEARCH, ("110112", "DCM", "Query"), "E", "Registry Stored Query"),  # 3.18.5.1.2
        (OPENING, ("110106", "DCM", "Export"), "R", "Retrieve Document Set"),  # 3.43.6.1.2
    ],
    ids=["ITI-41", "ITI-18", "ITI-43"],
)
def test_event_identification(event: Event, event_id: tuple[str, ...], action: str, type_code: str) -> None:
    identification = message(event).find("EventIdentification")
    assert identification is not None
    assert codes(identification, "EventID") == [event_id]
    assert codes(identification, "EventTypeCode")[:2] == [
        (event.call.transaction, "IHE Transactions", type_code),
        (event.action, "DMP", event.action),
    ]
    assert identification.get("EventActionCode") == action
    assert identification.get("EventOutcomeIndicator") == "0"


def test_the_instant_is_written_in_utc() -> None:
    paris = timezone(timedelta(hours=1))
    event = replace(SUBMISSION, instant=datetime(2026, 11, 22, 17, 53, 12, 345_678, paris))
    identification = message(event).find("EventIdentification")
    assert identification is not None
    assert identification.get("EventDateTime") == "2026-11-22T16:53:12.345Z"


def test_an_instant_without_time_zone_is_refused() -> None:
    with pytest.raises(AuditMessageError, match="expected an instant with a time zone, got one without"):
        write_message(replace(SUBMISSION, instant=SUBMISSION.instant.replace(tzinfo=None)), site=SOURCE)


def test_who_sent_a_submission() -> None:
    """The client is the source, this repository the destination, the human the requester."""
    root = message(SUBMISSION)
    assert participants(root) == [
        ("CN=899900063480,O=TEST,C=FR", "true", "110153"),
        ("https://dmp.example/ihe/repository", "false", "110152"),
        ("899900063480", "true", "10"),
    ]
    client, server, human = root.findall("ActiveParticipant")
    assert (client.get("NetworkAccessPointID"), client.get("NetworkAccessPointTypeCode")) == ("192.0.2.7", "2")
    assert (server.get("NetworkAccessPointID"), server.get("NetworkAccessPointTypeCode")) == ("dmp.example", "1")
    assert server.get("AlternativeUserID") == "4711"
    assert human.get("UserName") == "<899900063480@CN=899900063480,OU=Médecin,O=TEST,C=FR>"  # 3.40.4.2
    assert codes(human, "RoleIDCode") == [("10", oids.PROFESSION, "10"), ("SM26", oids.SPECIALITE_MEDECIN, "SM26")]


def test_of_an_opening_this_repository_is_the_source() -> None:
    assert participants(message(OPENING))[:2] == [
        ("CN=899900063480,O=TEST,C=FR", "true", "110152"),
        ("https://dmp.example/ihe/repository", "false", "110153"),
    ]


@pytest.mark.parametrize(
    ("profession", "specialty", "system"),
    [
        ("10", "SM54", oids.SPECIALITE_MEDECIN),
        ("21", "A", oids.SECTION_PHARMACIEN),
        ("60", "316", oids.ROLE_PRISE_CHARGE),
    ],
)
def test_a_specialty_names_its_table(profession: str, specialty: str, system: str) -> None:
    requester = replace(DOCTOR, profession=profession, specialty=specialty)
    human = message(replace(SUBMISSION, requester=requester)).findall("ActiveParticipant")[-1]
    assert codes(human, "RoleIDCode")[1] == (specialty, system, specialty)


def test_what_was_submitted() -> None:
    root = message(SUBMISSION)
    (patient,) = objects(root, "1", "1")
    assert patient.get("ParticipantObjectID") == f"279035121518989^^^&{oids.INS_NIR_TEST}&ISO"
    assert codes(patient, "ParticipantObjectIDTypeCode") == [("2", "RFC-3881", "Patient Number")]
    (lot,) = objects(root, "2", "20")
    assert lot.get("ParticipantObjectID") == "1.2.250.1.213.1.1.9.77"
    assert codes(lot, "ParticipantObjectIDTypeCode")[0][0] == SUBMISSION_SET
    (document,) = objects(root, "2", "3")
    assert document.get("ParticipantObjectID") == "1.2.250.1.213.1.1.9^LETTER-1"
    assert details(document) == {"Repository Unique Id": "1.2.250.1.213.4.1.1.1.2"}


def test_what_was_asked() -> None:
    (query,) = objects(message(SEARCH), "2", "24")
    assert query.get("ParticipantObjectID") == "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
    assert codes(query, "ParticipantObjectIDTypeCode") == [("ITI-18", "IHE Transactions", "Registry Stored Query")]
    assert base64.b64decode(query.findtext("ParticipantObjectQuery", "")) == SEARCH.objects[0].content
    assert details(query) == {"QueryEncoding": "UTF-8"}


def test_the_claims_of_the_assertion_are_an_object() -> None:
    (claims,) = objects(message(SUBMISSION), "2", "11")
    assert claims.get("ParticipantObjectID") == "_assertion-1"
    assert claims.findtext("ParticipantObjectName") == "EXEMPLE Zoé"
    assert details(claims) == {
        "Authentification_mode": "DIRECTE",
        "Mode_Acces": "normal",
        "Identifiant_Structure": "10B0000001",
        "Secteur_Activite": "SA07",
        "LPS": "LPS 1.0",
    }


def test_emergency_access_is_flagged_with_its_reason() -> None:
    root = message(OPENING)
    assert codes(root, "EventIdentification/PurposeOfUse") == [("bris_de_glace", oids.MODE_ACCES, "bris_de_glace")]
    assert ("110127", "DCM", "Emergency Override Started") in codes(root, "EventIdentification/EventTypeCode")
    (claims,) = objects(root, "2", "11")
    assert details(claims)["Mode_Acces_Raison"] == "patient inconscient"


def test_normal_access_is_no_emergency() -> None:
    root = message(SUBMISSION)
    assert codes(root, "EventIdentification/PurposeOfUse") == [("normal", oids.MODE_ACCES, "normal")]
    assert "110127" not in [code for code, *_ in codes(root, "EventIdentification/EventTypeCode")]


def test_a_refusal_carries_rule_table_version_and_row() -> None:
    root = message(REFUSAL)
    identification = root.find("EventIdentification")
    assert identification is not None
    assert identification.get("EventOutcomeIndicator") == "4"
    assert identification.findtext("EventOutcomeDescription") == REFUSAL.explanation
    assert ("110147", "DCM", "Access Control Decision") in codes(identification, "EventTypeCode")
    (rule,) = objects(root, "2", "13")
    assert rule.get("ParticipantObjectID") == "matrice"
    assert details(rule) == {"table": "matrice_habilitation", "version": "2023-10-26", "row": "podologue × 34112-3"}


def test_an_unauthenticated_request_is_a_security_alert() -> None:
    root = message(INTRUSION)
    assert transaction_of(INTRUSION) is AUTHENTICATION_FAILURE
    assert codes(root, "EventIdentification/EventID") == [("110113", "DCM", "Security Alert")]
    assert [code for code, *_ in codes(root, "EventIdentification/EventTypeCode")] == ["110126", "ITI-41"]
    assert len(root.findall("ActiveParticipant")) == 2  # nobody known asked
    alert, _rule = objects(root, "2", "13")
    assert details(alert) == {"Alert Description": "assertion signed by an unknown authority"}


def test_of_an_alert_this_server_is_the_source_and_a_person_the_destination() -> None:
    assert participants(message(ALERT)) == [("dmp-1", "true", "110153"), (PATIENT.value, "false", "110152")]


def test_a_request_that_no_row_stands_for_is_recorded_all_the_same() -> None:
    assert transaction_of(UNKNOWN_ACTION) is UNFORESEEN
    assert transaction_of(operator_act("unheard-of")) is UNFORESEEN_ACT
    types = [code for code, *_ in codes(message(UNKNOWN_ACTION), "EventIdentification/EventTypeCode")]
    assert types == ["110132", "urn:example:DoSomething"]


def test_an_operators_act_names_the_operator_and_no_client() -> None:
    root = message(operator_act("TD1.1"))
    assert participants(root) == [("dmp-1", "false", "110152"), ("alice", "true", None)]
    assert codes(root, "EventIdentification/EventID") == [("110110", "DCM", "Patient Record")]


def test_start_and_stop() -> None:
    """DICOM PS3.15 A.5.3.1: the application, and who launched it."""
    root = message(application(APPLICATION_START))
    assert participants(root) == [("dmp-1", "false", "110150"), ("dmp", "true", "110151")]
    assert [code for code, *_ in codes(root, "EventIdentification/EventTypeCode")] == ["110120"]


def test_the_key_of_a_dossier_never_leaves_the_house() -> None:
    for event in EVENTS:
        text = write_message(event, site=SOURCE)
        assert b"dossier-1" not in text
        assert base64.b64encode(b"dossier-1") not in text


hostile = st.text(st.characters(codec=None), max_size=20)


@given(value=hostile, name=hostile, address=hostile, explanation=hostile)
def test_whatever_a_request_says_its_message_is_written(value: str, name: str, address: str, explanation: str) -> None:
    """Control characters, lone surrogates and markup from outside neither break nor forge a message."""
    event = replace(
        SUBMISSION,
        patient=PatientId(value, "1.2.3"),
        requester=replace(DOCTOR, id_nat=value, name=name, profession_system=""),
        call=replace(SUBMISSION.call, client_address=address, client_certificate=name),
        explanation=explanation,
    )
    root = message(event)
    assert [child.tag for child in root] == [child.tag for child in message(SUBMISSION)]
    (patient,) = objects(root, "1", "1")
    assert patient.get("ParticipantObjectID") == f"{printable(value)}^^^&1.2.3&ISO"


@pytest.fixture(scope="module")
def schema(reference: Path) -> etree.XMLSchema:
    """The PS3.15 schema, edition 2017c."""
    return etree.XMLSchema(parse((reference / "security/atna/ipf_dicom2017c.xsd").read_bytes()))


@pytest.mark.reference
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.id)
@pytest.mark.parametrize("outcome", Outcome)
def test_every_message_is_valid(schema: etree.XMLSchema, event: Event, outcome: Outcome) -> None:
    schema.assertValid(message(replace(event, outcome=outcome)))


@pytest.mark.reference
def test_a_message_with_every_field_empty_is_valid(schema: etree.XMLSchema) -> None:
    nobody = replace(DOCTOR, id_nat="", name="", profession_system="", assertion_id="", certificate_subject="")
    call = replace(SUBMISSION.call, endpoint="", message_id="", client_address="", client_certificate="")
    schema.assertValid(message(replace(SUBMISSION, requester=nobody, call=call, objects=(), patient=None)))


@pytest.mark.reference
def test_the_schema_does_refuse(schema: etree.XMLSchema) -> None:
    root = message(SUBMISSION)
    for source in root.findall("AuditSourceIdentification"):
        root.remove(source)
    assert not schema.validate(root)
