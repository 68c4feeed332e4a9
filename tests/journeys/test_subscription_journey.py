"""DSUBm through a real server and its courier: subscriptions, what their endpoints are told, and what they are not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.subscription import Subscription

from pdsm.xml_reading import read_xml
from pdsm.xml_writing import write_xml
from registry.metadata import AssociationType, Code, DocumentEntry
from server.demo import background
from server.settings import load
from tests.connectathon import Node, association, connectathon, document, new_patient, submission
from tests.journeys.sharing_client import ask, find, patient_of, post
from tests.receiver import Receiver, receiving
from tests.server.servers import kill_tree
from tests.subscribing import CREATED, EVERYTHING, TOPIC, bundle, put, said, settled, subscribed, subscription

HELLO, FHIR_XML = b"hello", "application/fhir+xml"
OTHER = Code("other", "1.2.3", "another")


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        made.answers = []
        yield made


@pytest.fixture(scope="module")
def broker(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A server that may send notifications to the receiver, below /hook."""
    folder = tmp_path_factory.mktemp("broker")
    with connectathon(folder, subscription_endpoints=f"{receiver.url}/hook") as made:
        yield made


@pytest.fixture
def hook(receiver: Receiver) -> Iterator[str]:
    """An endpoint of one test."""
    receiver.clear()
    yield f"{receiver.url}/hook/{new_patient()[:17]}"
    receiver.clear()


def entry(patient: str, name: str = "Document01", **changes: Any) -> DocumentEntry:
    return document(patient, name, hash="", size=None, repository_unique_id="", **changes)


def provide(node: Node, sent: DocumentEntry, *more: Any) -> None:
    answer = node.provide(submission(sent, *more), {sent.entry_uuid: HELLO})
    assert answer.success, answer.errors


def criteria(patient: str, more: str = "") -> str:
    return f"DocumentReference?patient.identifier={patient_of(patient)}{more}"


def told(receiver: Receiver, hook: str, count: int) -> list[dict[str, Any]]:
    """The Bundles that came to an endpoint, once there are so many."""
    path = hook.removeprefix(receiver.url)
    receiver.wait(count)
    found = [bundle(each) for each in receiver.posted if each.path == path]
    for each in found:
        Bundle.model_validate(each)
    return found


def test_a_subscriber_is_told_of_new_documents_of_the_patient(broker: Node, receiver: Receiver, hook: str) -> None:
    patient = new_patient()
    made = subscribed(broker, subscription(hook, criteria(patient), content="full-resource"))
    Subscription.model_validate(made)
    assert made["status"] == "active"
    (handshake,) = told(receiver, hook, 1)
    assert (said(handshake)["type"], said(handshake)["status"]) == ("handshake", "requested")
    assert len(handshake["entry"]) == 1 and said(handshake)["topic"] == CREATED

    provide(broker, entry(new_patient()))  # of somebody else
    provide(broker, entry(patient))
    _, event = told(receiver, hook, 2)
    (found,) = find(broker, "DocumentReference", patient__identifier=patient_of(patient)).matches
    assert found["subject"].pop("reference").startswith("Patient/"), "a message names the patient by identifier alone"
    first, second = event["entry"]
    assert first["request"]["url"].endswith(f"/Subscription/{made['id']}/$status")
    assert (second["resource"], second["request"]["method"]) == (found, "POST")
    status = said(event)
    assert (status["type"], status["events-since-subscription-start"]) == ("event-notification", "1")
    assert status["events"][0]["event-number"] == "1"
    assert status["events"][0]["focus"].endswith(f"/DocumentReference/{found['id']}")


@pytest.mark.parametrize("content", ["empty", "id-only"])
def test_a_notification_says_no_more_than_was_asked_for(
    broker: Node, receiver: Receiver, hook: str, content: str
) -> None:
    patient = new_patient()
    made = subscribed(broker, subscription(hook, criteria(patient), content=content))
    provide(broker, entry(patient))
    _, event = told(receiver, hook, 2)
    (happened,) = said(event)["events"]
    assert ("focus" in happened, len(event["entry"])) == ((True, 2) if content == "id-only" else (False, 1))
    assert not any(
        each["resource"]["resourceType"] == "DocumentReference" for each in event["entry"] if "resource" in each
    )
    events = ask(broker, f"Subscription/{made['id']}/$events?content=full-resource").resource
    Bundle.model_validate(events)
    assert (said(events)["type"], len(events["entry"])) == ("query-event", len(event["entry"]))


def test_notifications_come_in_the_form_that_was_asked_for(broker: Node, receiver: Receiver, hook: str) -> None:
    patient = new_patient()
    wanted = subscription(hook, criteria(patient), content="full-resource")
    wanted["channel"]["payload"] = FHIR_XML
    reply = ask(broker, "Subscription", "POST", write_xml(wanted), Content_Type=FHIR_XML)
    assert reply.status == 201, reply.content
    settled(broker, read_xml(reply.content, max_bytes=10**6)["id"])
    provide(broker, entry(patient))
    _, event = receiver.wait(2)
    assert event.content_type == FHIR_XML
    told_ = read_xml(event.body, max_bytes=10**6)
    (found,) = find(broker, "DocumentReference", patient__identifier=patient_of(patient)).matches
    del found["subject"]["reference"]  # a message names the patient by identifier alone
    assert told_["entry"][1]["resource"] == found
    for body in (b"<Subscription", b'<Subscription xmlns="http://hl7.org/fhir"><status value="off"/></Subscription>'):
        assert ask(broker, "Subscription", "POST", body, Content_Type=FHIR_XML).status in (400, 422)
        assert broker.audit(1)[0].transaction == "ITI-110"


def test_a_filter_is_held_against_the_document(broker: Node, receiver: Receiver, hook: str) -> None:
    patient = new_patient()
    subscribed(broker, subscription(hook, criteria(patient, "&type=1.2.3|other,urn:oid:1.2.3|other")))
    provide(broker, entry(patient))
    provide(broker, entry(patient, type_code=OTHER))
    _, event = told(receiver, hook, 2)
    assert said(event)["events-since-subscription-start"] == "1"
    assert len(told(receiver, hook, 2)) == 2


def test_a_document_that_is_replaced_is_told_with_its_status(broker: Node, receiver: Receiver, hook: str) -> None:
    patient, first = new_patient(), None
    provide(broker, entry(patient))
    (first,) = broker.find_documents(patient).entries
    made = subscribed(broker, subscription(hook, criteria(patient), EVERYTHING, "full-resource"))
    sent = entry(patient)
    provide(broker, sent, association(AssociationType.RPLC, sent.entry_uuid, first.entry_uuid))
    events = told(receiver, hook, 3)[1:]
    assert {said(each)["events"][0]["event-number"] for each in events} == {"1", "2"}
    statuses = {each["entry"][1]["request"]["method"]: each["entry"][1]["resource"]["status"] for each in events}
    assert statuses == {"POST": "current", "PUT": "superseded"}
    every = said(ask(broker, f"Subscription/{made['id']}/$events").resource)
    assert [each["event-number"] for each in every["events"]] == ["1", "2"]
    since = ask(broker, f"Subscription/{made['id']}/$events?eventsSinceNumber=2&content=empty").resource
    assert [each["event-number"] for each in said(since)["events"]] == ["2"]


def test_a_submission_set_is_told_of(broker: Node, receiver: Receiver, hook: str) -> None:
    patient = new_patient()
    wanted = f"List?code=submissionset&patient.identifier={patient_of(patient)}"
    subscribed(broker, subscription(hook, wanted, f"{TOPIC}SubmissionSet-PatientDependent", "full-resource"))
    provide(broker, entry(patient))
    _, event = told(receiver, hook, 2)
    assert event["entry"][1]["resource"]["resourceType"] == "List"


def test_of_every_patient(broker: Node, receiver: Receiver, hook: str) -> None:
    topic = f"{TOPIC}DocumentReference-MultiPatient"
    made = subscribed(broker, subscription(hook, "DocumentReference?type=urn:oid:1.2.3|other", topic))
    provide(broker, entry(new_patient(), type_code=OTHER))
    provide(broker, entry(new_patient(), type_code=OTHER))
    told(receiver, hook, 3)
    assert put(broker, made, status="off").status == 200
    told(receiver, hook, 4)  # its end, too: nothing of this subscription is on its way any more


def test_an_endpoint_that_refuses_is_in_error_and_tried_again_when_asked(
    broker: Node, receiver: Receiver, hook: str
) -> None:
    receiver.answers = [500]
    made = subscribed(broker, subscription(hook, criteria(new_patient())))
    assert made["status"] == "error" and made["error"]
    again = put(broker, made, status="requested")
    assert (again.status, again.resource["status"]) == (200, "requested")
    assert settled(broker, made["id"])["status"] == "active"
    assert put(broker, again.resource, status="requested").status == 422  # it is active


def test_a_notification_that_failed_comes_again_with_its_number(broker: Node, receiver: Receiver, hook: str) -> None:
    patient = new_patient()
    made = subscribed(broker, subscription(hook, criteria(patient)))
    receiver.answers = [503]
    provide(broker, entry(patient))
    first, second = told(receiver, hook, 3)[1:]
    assert said(first)["events"] == said(second)["events"]
    assert (said(first)["status"], said(second)["status"]) == ("active", "error")
    assert settled(broker, made["id"], "error")["status"] == "active"


def test_who_unsubscribes_is_told_so_and_of_nothing_more(broker: Node, receiver: Receiver, hook: str) -> None:
    patient = new_patient()
    made = subscribed(broker, subscription(hook, criteria(patient)))
    off = put(broker, made, status="off")
    assert (off.status, off.resource["status"]) == (200, "off")
    _, end = told(receiver, hook, 2)
    assert (said(end)["type"], said(end)["status"]) == ("event-notification", "off")
    assert len(end["entry"]) == 1 and not said(end)["events"]
    provide(broker, entry(patient))
    other = subscribed(broker, subscription(f"{hook}-other", criteria(patient)))
    provide(broker, entry(patient))
    told(receiver, f"{hook}-other", 4)
    assert len(told(receiver, hook, 2)) == 2
    assert other["status"] == "active"


def test_subscriptions_are_searched(broker: Node, hook: str) -> None:
    patient = new_patient()
    made = subscribed(broker, subscription(hook, criteria(patient)))
    for asked in (
        {"_id": made["id"]},
        {"url": hook},
        {"url": hook, "status": "active,error"},
        {"url": hook, "topic": CREATED},
        {"url": hook, "filter-criteria": "DocumentReference?patient"},
        {"channel__endpoint": hook},
    ):
        reply = find(broker, "Subscription", **asked)
        assert [each["id"] for each in reply.matches] == [made["id"]], asked
    assert not find(broker, "Subscription", url=hook, status="off").matches
    assert find(broker, "Subscription", _count="1").resource["total"] >= 1
    status = ask(broker, f"Subscription/{made['id']}/$status").resource
    Bundle.model_validate(status)
    assert (said(status)["type"], said(status)["status"]) == ("query-status", "active")
    every = ask(broker, f"Subscription/$status?id={made['id']}&status=active").resource
    assert every["total"] == 1
    assert ask(broker, f"Subscription/$status?id={made['id']}&status=off").resource["total"] == 0
    resources = ask(broker, "metadata").resource["rest"][0]["resource"]
    (told_,) = (each for each in resources if each["type"] == "Subscription")
    assert [each["code"] for each in told_["interaction"]] == ["read", "create", "update", "search-type"]


@pytest.mark.parametrize(
    "change",
    [
        {"status": "active"},
        {"criteria": "DocumentReference?patient.identifier=x"},
        {"criteria": f"{TOPIC}Basic-Folder-Subscription"},
        {"criteria": f"{TOPIC}DocumentReference-MultiPatient"},
        {"end": "2020-01-01T00:00:00Z"},
    ],
)
def test_what_is_no_subscription_of_dsubm_is_refused(broker: Node, hook: str, change: dict[str, Any]) -> None:
    reply = post(broker, "Subscription", {**subscription(hook, criteria(new_patient())), **change})
    assert (reply.status, reply.resource["resourceType"]) == (422, "OperationOutcome"), reply.content


@pytest.mark.parametrize(
    "filter_", ["DocumentReference?type=x", "List?code=submissionset", "DocumentReference?patient=Patient/1", "x"]
)
def test_a_filter_that_the_topic_does_not_have_is_refused(broker: Node, hook: str, filter_: str) -> None:
    assert post(broker, "Subscription", subscription(hook, filter_)).status == 422


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://169.254.169.254/latest",
        "http://127.0.0.1:1/hook",
        "http://127.0.0.1/hook",
        "file:///etc/passwd",
        "{}/hooks",
        "{}/hook/../x",
        "{}/hook/%2e%2e/x",
        "{}@evil.example/hook",
        "",
    ],
)
def test_notifications_go_where_the_operator_lets_them(
    broker: Node, receiver: Receiver, hook: str, endpoint: str
) -> None:
    wanted = subscription(endpoint.format(receiver.url) or " ", criteria(new_patient()))
    assert post(broker, "Subscription", wanted).status in (400, 422)
    assert not receiver.posted


def test_what_is_subscribed_to_does_not_change(broker: Node, hook: str) -> None:
    made = subscribed(broker, subscription(hook, criteria(new_patient())))
    assert put(broker, made, status="off", criteria=EVERYTHING).status == 422
    assert put(broker, {**made, "id": "00000000-0000-4000-8000-000000000000"}, status="off").status == 404
    assert ask(broker, f"Subscription/{made['id']}", "DELETE").status == 405
    assert ask(broker, f"Subscription/{made['id']}").resource["status"] == "active"


def test_without_endpoints_nobody_subscribes(node: Node) -> None:
    reply = post(node, "Subscription", subscription("https://subscriber.example/hook", criteria(new_patient())))
    assert reply.status == 404
    resources = ask(node, "metadata").resource["rest"][0]["resource"]
    assert "Subscription" not in {each["type"] for each in resources}


@pytest.mark.long
def test_what_happened_before_the_server_was_killed_is_told_once_it_is_back(tmp_path: Path) -> None:
    """Whatever was on its way comes, and comes under its number."""
    patient = new_patient()
    with receiving() as receiver, connectathon(tmp_path, subscription_endpoints=receiver.url) as broker:
        hook = f"{receiver.url}/hook"
        made = subscribed(broker, subscription(hook, criteria(patient)))
        receiver.answers = [503]
        provide(broker, entry(patient))
        receiver.wait(2)
        provide(broker, entry(patient))
        kill_tree(tmp_path)
        background.start(tmp_path, load({"home": broker.home}, {}))
        settled(broker, made["id"], "error")
        give_up, events = time.monotonic() + 30, dict[str, set[str]]()
        while set(events) != {"1", "2"} or len(told(receiver, hook, 4)) < 4:
            assert time.monotonic() < give_up, events
            for each in told(receiver, hook, 3)[1:]:
                (happened,) = said(each)["events"]
                events.setdefault(happened["event-number"], set()).add(happened["focus"])
        assert [len(each) for each in events.values()] == [1, 1]
        assert events["1"] != events["2"]
