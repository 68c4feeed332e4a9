"""Subscriptions by FHIR in an IHE domain, performed."""

from __future__ import annotations

import json
from typing import Any

from audited_ihe_stage import Stage, case
from audited_stage import Names

from tests.connectathon import document, new_patient, submission
from tests.journeys.sharing_client import ask, patient_of, post
from tests.subscribing import put, said, subscribed, subscription

AT = "/fhir/Subscription"


def _wanted(stage: Stage, patient: str) -> Any:
    return subscription(stage.consumer.hook, f"DocumentReference?patient.identifier={patient_of(patient)}")


def _subscribed(stage: Stage, patient: str) -> dict[str, Any]:
    """A subscription, once its endpoint has been tried."""
    made = subscribed(stage.node, _wanted(stage, patient))
    assert said(json.loads(stage.consumer.wait()))["type"] == "handshake"
    return made


@case("ITI-110")
def _(stage: Stage) -> Names:
    patient = new_patient()
    reply = post(stage.node, "Subscription", _wanted(stage, patient))
    assert reply.status == 201, reply.content
    stage.consumer.wait()
    return {"patient": patient, "subscription": reply.resource["id"], "endpoint": stage.there(AT)}


@case("ITI-110, unsubscribed")
def _(stage: Stage) -> Names:
    made = _subscribed(stage, new_patient())
    stage.watch()
    assert put(stage.node, made, status="off").status == 200
    stage.consumer.wait()
    return {"subscription": made["id"], "endpoint": stage.there(f"{AT}/{made['id']}")}


@case("ITI-110, wrong")
def _(stage: Stage) -> Names:
    wanted = {**_wanted(stage, new_patient()), "status": "active"}
    assert post(stage.node, "Subscription", wanted).status == 422
    return {"endpoint": stage.there(AT)}


@case("ITI-112")
def _(stage: Stage) -> Names:
    patient = new_patient()
    made = _subscribed(stage, patient)
    entry = document(patient, hash="", size=None)
    sent = submission(entry)
    stage.watch()
    assert stage.node.provide(sent, {entry.entry_uuid: b"hello"}).success
    assert said(json.loads(stage.consumer.wait()))["type"] == "event-notification"
    return {
        "patient": patient,
        "set": sent.submission_set.unique_id,
        "document": entry.unique_id,
        "subscription": made["id"],
        "endpoint": stage.there("/ihe/repository"),
        "receiver": stage.consumer.hook,
    }


@case("ITI-113")
def _(stage: Stage) -> Names:
    made = _subscribed(stage, new_patient())
    stage.watch()
    assert ask(stage.node, f"Subscription/{made['id']}").status == 200
    return {"subscription": made["id"], "endpoint": stage.there(f"{AT}/{made['id']}")}


@case("ITI-113, $events")
def _(stage: Stage) -> Names:
    patient = new_patient()
    made = _subscribed(stage, patient)
    stage.watch()
    assert ask(stage.node, f"Subscription/{made['id']}/$events").status == 200
    return {"patient": patient, "subscription": made["id"], "endpoint": stage.there(f"{AT}/{made['id']}/$events")}
