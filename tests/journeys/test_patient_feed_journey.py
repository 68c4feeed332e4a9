"""Patient identities from outside: an identity source adds and revises, and registry and consumers see it."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Callable

import pytest

from audit.event import Outcome
from conformance.lps.soap import envelope
from conformance.lps.vihf import Access
from identities.requester import PatientId
from schemas.xml import parse
from server.demo.people import PATIENTS
from tests.connectathon import (
    Node,
)
from tests.hl7v3 import (
    HL7,
    NS,
    PATIENTS_PATH,
    RECEIVER,
    REGISTRY_PATH,
    SENDER,
    Patients,
    by_id,
    ii,
    message,
    name,
    new_authority,
    registration,
    replacement,
)
from tests.journeys.attacks import SIMPLE, post
from tests.journeys.fed import authority, found, patients, refused, registered
from tests.village import Village

__all__ = ["authority", "patients"]


# --- ITI-44: add and revise -------------------------------------------------------------------------------------------


@pytest.mark.proves("transaction/ITI-44", "patient/fed")
def test_of_a_fed_authority_unknown_patients_are_refused(patients: Patients, node: Node, authority: str) -> None:
    assert not refused(node, ("before", authority))
    assert patients.add([("A", authority)]).acknowledged == "CA"
    assert not refused(node, ("A", authority))
    assert not refused(node, ("before", authority))
    assert refused(node, ("unheard-of", authority))


@pytest.mark.parametrize("path", [PATIENTS_PATH, REGISTRY_PATH], ids=["PIX Manager", "Document Registry"])
def test_the_acknowledgement_names_the_message_and_goes_to_its_sender(node: Node, authority: str, path: str) -> None:
    source = Patients(node, path)
    answer = source.add([("A", authority)])
    assert (answer.http_status, answer.interaction, answer.acknowledged) == (200, "MCCI_IN000002UV01", "CA")
    (sent,) = source.sent
    asked = parse(sent.encode()).find("h:id", NS)
    target = answer.body.find("h:acknowledgement/h:targetMessage/h:id", NS)
    assert asked is not None and target is not None and asked.get("root") == target.get("root")
    for role, root in (("receiver", SENDER), ("sender", RECEIVER)):
        device = answer.body.find(f"h:{role}/h:device/h:id", NS)
        assert device is not None and device.get("root") == root
    action = answer.root.findtext(".//{http://www.w3.org/2005/08/addressing}Action")
    assert action == "urn:hl7-org:v3:MCCI_IN000002UV01"


@pytest.mark.proves("patient/link")
def test_several_identifiers_of_one_patient_find_the_same_documents(patients: Patients, node: Node) -> None:
    local, national = ("L1", new_authority()), ("N1", new_authority())
    assert patients.add([local, national]).acknowledged == "CA"
    entries = {registered(node, each).unique_id for each in (local, national)}
    assert found(node, local) == found(node, national) == entries


@pytest.mark.proves("patient/change")
def test_an_identifier_that_changed_still_finds_and_still_submits(
    patients: Patients, node: Node, authority: str
) -> None:
    former, current = ("former", authority), ("current", authority)
    patients.add([former])
    before = registered(node, former)
    assert patients.revise([former, current]).acknowledged == "CA"
    after, late = registered(node, current), registered(node, former)
    assert found(node, former) == found(node, current) == {before.unique_id, after.unique_id, late.unique_id}


def test_dossiers_that_submissions_opened_are_linked_with_all_their_documents(patients: Patients, node: Node) -> None:
    one, other = ("1", new_authority()), ("2", new_authority())
    entries = {registered(node, each).unique_id for each in (one, other)}
    assert found(node, one).isdisjoint(found(node, other))
    assert patients.revise([one, other]).acknowledged == "CA"
    assert found(node, one) == found(node, other) == entries


def test_two_patients_of_one_authority_become_one_by_a_merge_only(
    patients: Patients, node: Node, authority: str
) -> None:
    one, other = ("1", authority), ("2", authority)
    patients.add([one])
    patients.add([other])
    entry = registered(node, one)
    answer = patients.revise([one, other])
    assert answer.acknowledged == "CE"
    ((kind, code, text, location),) = answer.details
    assert (kind, code) == ("E", "205") and "expected identifiers of one patient" in text
    assert location.endswith("/hl7:patient/hl7:id")
    assert (found(node, one), found(node, other)) == ({entry.unique_id}, set())


def test_a_message_that_is_sent_again_changes_nothing(patients: Patients, node: Node, authority: str) -> None:
    patients.add([("A", authority)], name("Muster", "Maja"))
    assert patients.add([("A", authority)], name("Muster", "Maja")).acknowledged == "CA"
    answer = patients.find(by_id(("A", authority)))
    assert answer.quantities == (1, 1, 0)


@pytest.mark.parametrize(
    ("identifiers", "expected"),
    [
        ("", "at least one identifier"),
        ('<id nullFlavor="UNK"/>', "at least one identifier"),
        ('<id extension="1"/>', "at least one identifier"),
        ('<id root="1.2.3"/>', "at least one identifier"),
        ('<id root="not-an-oid" extension="1"/>', "at least one identifier"),
        (f'<id root="1.2.3" extension="{"x" * 257}"/>', "at least one identifier"),
        ('<id root="1.2.3" extension="a^b"/>', "at least one identifier"),
    ],
)
def test_a_patient_without_a_usable_identifier_is_not_acknowledged(
    patients: Patients, identifiers: str, expected: str
) -> None:
    act = registration(identifiers, name("A", "B"), "PRPA_TE201301UV02")
    answer = patients.send("PRPA_IN201301UV02", message("PRPA_IN201301UV02", act))
    assert (answer.http_status, answer.acknowledged) == (200, "CE")
    assert expected in answer.details[0][2]


def test_an_identifier_that_cannot_be_used_is_a_warning_beside_one_that_can(patients: Patients, authority: str) -> None:
    act = registration(f'{ii(("A", authority))}<id extension="B"/>', name("A", "B"), "PRPA_TE201301UV02")
    answer = patients.send("PRPA_IN201301UV02", message("PRPA_IN201301UV02", act))
    assert answer.acknowledged == "CA"
    ((kind, _, text, location),) = answer.details
    assert kind == "W" and "ISO OID" in text and location.endswith("hl7:id[2]")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: m.replace('<birthTime value="19600618"/>', '<birthTime value="19600632"/>'),
        lambda m: m.replace("<patientPerson", "<patientNonPersonLivingSubject").replace(
            "</patientPerson", "</patientNonPersonLivingSubject"
        ),
        lambda m: m.replace(
            '<statusCode code="active"/><patientPerson', '<statusCode code="nullified"/><patientPerson'
        ),
        lambda m: m.replace("</registrationEvent>", replacement(("X", "1.2.3")) + "</registrationEvent>"),
        lambda m: m.replace("<subject typeCode", '<subject typeCode="SUBJ"/><other typeCode').replace(
            "</subject></control", "</other></control"
        ),
    ],
    ids=["birth time", "no person", "not active", "replacementOf in an Add", "no event"],
)
def test_a_message_that_says_something_else_is_not_acknowledged_and_changes_nothing(
    patients: Patients, node: Node, authority: str, spoil: Callable[[str], str]
) -> None:
    person = f'{name("Muster", "Maja")}<birthTime value="19600618"/>'
    sound = message("PRPA_IN201301UV02", registration(ii(("A", authority)), person, "PRPA_TE201301UV02"))
    answer = patients.send("PRPA_IN201301UV02", spoil(sound))
    assert (answer.http_status, answer.acknowledged) == (200, "CE"), answer.fault
    assert answer.details
    assert not refused(node, ("unheard-of", authority)), "the authority must not be fed by a message that failed"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: "<nothing/>",
        lambda m: m.replace(HL7, "urn:hl7-org:v4"),
        lambda m: m.replace("PRPA_IN201301UV02 ", "PRPA_IN201302UV02 ").replace(
            "/PRPA_IN201301UV02", "/PRPA_IN201302UV02"
        ),
        lambda m: m.replace("<id root", '<id nullFlavor="UNK" x', 1),
        lambda m: m.replace("<sender", "<sonder").replace("</sender", "</sonder"),
        lambda m: m.replace("<controlActProcess", "<no").replace("</controlActProcess", "</no"),
    ],
    ids=["another element", "another namespace", "another interaction", "no id", "no sender", "no control act"],
)
def test_what_cannot_be_acknowledged_is_a_soap_fault(
    patients: Patients, authority: str, spoil: Callable[[str], str]
) -> None:
    sound = message("PRPA_IN201301UV02", registration(ii(("A", authority)), name("A", "B"), "PRPA_TE201301UV02"))
    answer = patients.send("PRPA_IN201301UV02", spoil(sound))
    assert answer.http_status == 400
    assert answer.fault.startswith("expected")


# --- Behind the wire --------------------------------------------------------------------------------------------------


def test_each_message_is_recorded_once_and_a_merge_as_update_and_delete(
    patients: Patients, node: Node, authority: str
) -> None:
    survivor, subsumed = ("S", authority), ("X", authority)
    patients.add([survivor])
    patients.add([subsumed])
    patients.revise([survivor])
    patients.merge(survivor, subsumed)
    patients.merge(survivor, ("unheard-of", authority))
    records = node.audit(6)
    assert {record.transaction for record in records} == {"ITI-44"}
    events = [parse(record.message) for record in records]
    actions = [event.find("EventIdentification").get("EventActionCode") for event in events]  # type: ignore[union-attr]
    assert actions == ["U", "D", "U", "U", "C", "C"]
    ids = [event.find("EventIdentification/EventID").get("csd-code") for event in events]  # type: ignore[union-attr]
    assert set(ids) == {"110110"}
    named = [record.patient for record in records]
    who = PatientId(*survivor)
    assert named == [who, PatientId(*subsumed), who, who, PatientId(*subsumed), who]
    assert [record.outcome for record in records] == [Outcome.MINOR_FAILURE] + 5 * [Outcome.SUCCESS]
    detail = events[-1].find("ParticipantObjectIdentification/ParticipantObjectDetail[@type='II']")
    sent = parse(patients.sent[0].encode()).find("h:id", NS)
    assert detail is not None and sent is not None
    assert base64.b64decode(detail.get("value", "")).decode() == sent.get("root")


def test_the_french_domain_takes_no_feed(village: Village) -> None:
    """Its registry refuses one, and its patients have other services."""
    lps = village.lps(village.demo.people[0].name)
    patient = village.patient(PATIENTS[0].ins)
    fed = (patient.ins, patient.ins_oid)
    body = message("PRPA_IN201301UV02", registration(ii(fed), name("X", "Y"), "PRPA_TE201301UV02")).encode()
    answers = []
    for path in (REGISTRY_PATH, PATIENTS_PATH):
        assertion = lps.assertion(patient, Access())
        _, start, end = envelope("urn:hl7-org:v3:PRPA_IN201301UV02", f"https://x{path}", assertion)
        answers.append(post(lps, path, SIMPLE, start + body + end))
    refused, not_served = answers
    code = parse(refused.body).find(f".//{{{HL7}}}acknowledgement/{{{HL7}}}typeCode")
    assert refused.status == 200 and code is not None and code.get("code") == "CE"
    assert not_served.status == 400 and b"wsa:ActionNotSupported" in not_served.body
    _, record = village.audit(2)
    assert (record.transaction, record.action, record.outcome) == ("ITI-44", "ITI-44", Outcome.MINOR_FAILURE)


def test_a_wsdl_tells_what_is_served(node: Node) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    connection.request("GET", f"{PATIENTS_PATH}?wsdl")
    definitions = parse(connection.getresponse().read())
    assert definitions.get("name") == "PIXManager"
    actions = {each.get("{http://www.w3.org/2006/05/addressing/wsdl}Action") for each in definitions.iter()}
    assert {f"urn:hl7-org:v3:{each}" for each in ("PRPA_IN201301UV02", "QUQI_IN000003UV01_Cancel")} <= actions
