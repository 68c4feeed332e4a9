"""Subscriptions by FHIR, as a subscriber writes them, and what its endpoint is told."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.connectathon import Node
from tests.journeys.sharing_client import Reply, ask, post
from tests.receiver import Posted

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
TOPIC = "https://profiles.ihe.net/ITI/DSUBm/SubscriptionTopic/DSUBm-SubscriptionTopic-"
CREATED, EVERYTHING = f"{TOPIC}DocumentReference-PatientDependent", f"{TOPIC}DocReference-PatientDependent-AllEvents"


def subscription(endpoint: str, criteria: str, topic: str = CREATED, content: str = "id-only", **more: Any) -> Any:
    """The example of DSUBm with these."""
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "new documents",
        "criteria": topic,
        "_criteria": {"extension": [{"url": f"{BACKPORT}backport-filter-criteria", "valueString": criteria}]},
        "channel": {
            "type": "rest-hook",
            "endpoint": endpoint,
            "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": f"{BACKPORT}backport-payload-content", "valueCode": content}]},
        },
        **more,
    }


def subscribed(node: Node, resource: Any) -> dict[str, Any]:
    """The Subscription, once its endpoint has been tried."""
    reply = post(node, "Subscription", resource)
    assert reply.status == 201, reply.content
    assert reply.resource["status"] == "requested"
    return settled(node, reply.resource["id"])


def settled(node: Node, id_: str, *not_yet: str) -> dict[str, Any]:
    """A Subscription whose status is none of these any more (`requested` where none is said)."""
    give_up = time.monotonic() + 30
    while (found := ask(node, f"Subscription/{id_}").resource)["status"] in (not_yet or ("requested",)):
        assert time.monotonic() < give_up, found
        time.sleep(0.05)
    return found


def put(node: Node, resource: dict[str, Any], **changes: Any) -> Reply:
    """ITI-110 by PUT."""
    body = json.dumps({**resource, **changes}).encode()
    return ask(node, f"Subscription/{resource['id']}", "PUT", body, Content_Type="application/fhir+json")


def bundle(posted: Posted) -> dict[str, Any]:
    assert posted.content_type == "application/fhir+json"
    return dict(json.loads(posted.body))


def said(told: dict[str, Any]) -> dict[str, Any]:
    """The SubscriptionStatus of a Bundle: each parameter by its name, events as dicts in a list."""
    first = told["entry"][0]["resource"]
    found: dict[str, Any] = {"events": []}
    for each in first["parameter"]:
        if "part" in each:
            found["events"].append({part["name"]: _value(part) for part in each["part"]})
        else:
            found[each["name"]] = _value(each)
    return found


def _value(parameter: dict[str, Any]) -> Any:
    (value,) = (value for name, value in parameter.items() if name.startswith("value"))
    return value["reference"] if isinstance(value, dict) else value
