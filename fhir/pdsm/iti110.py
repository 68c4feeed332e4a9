"""ITI-110 Resource Subscription: a Subscription of FHIR R4 with the extensions of the backport, read and written.

Source: IHE DSUBm 1.0, 2:3.110.4.1 (message semantics, expected actions); HL7 Subscriptions R5 Backport 1.1,
backport-subscription; HL7 FHIR R4, Subscription.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from dmp.fiches import Fiches
from identities.requester import PatientId, Requester
from identities.subscription import Payload, Status, Subscription
from pdsm.asked import Asked, read_asked
from pdsm.errors import ContentError, ParameterError
from pdsm.http import FHIR_JSON
from pdsm.original import Element, extensions, value_of
from pdsm.sharing import resources_of
from pdsm.structure import check
from pdsm.topics import Topic, topic_of
from registry.changes import Change

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
FILTER = f"{BACKPORT}backport-filter-criteria"
CONTENT = f"{BACKPORT}backport-payload-content"
HEARTBEAT = f"{BACKPORT}backport-heartbeat-period"
SHORTEST_HEARTBEAT = 60  # seconds
REST_HOOK = "rest-hook"
_KEPT = ("contact", "reason", "criteria", "_criteria", "channel", "extension")  # of what came
_FAILED = "the endpoint did not take a notification"


def read_subscription(
    resource: Any, owner: Requester, base: str, now: datetime, permitted: Callable[[str], bool]
) -> Subscription:
    """What a Subscription asks for, with no id yet; `permitted` says where notifications may go. Raises ContentError.

    Every condition of 2:3.110.4.1.3 is checked here; whether the subscriber may be told, by the hall.
    """
    found = check(resource)
    _require(found.get("resourceType") == "Subscription", "resourceType", "Subscription")
    _require(found.get("status") == Status.REQUESTED, "status", "requested")
    topic, asked, criteria = _criteria(found)
    endpoint, payload = _channel(found, permitted)
    return Subscription(
        id="",
        owner=owner,
        patient=_patient(asked),
        topic=topic.url,
        criteria=criteria,
        endpoint=endpoint,
        payload=payload,
        base=base,
        end=read_end(found, now),
        heartbeat=_heartbeat(found),
        rest=json.dumps({name: found[name] for name in _KEPT if name in found}, ensure_ascii=False),
    )


def read_change(resource: Any, known: Subscription, now: datetime) -> tuple[Status, datetime | None]:
    """The status that an update asks for, and until when. Raises ContentError. Source: DSUBm, 2:3.110.4.3."""
    found = check(resource)
    _require(found.get("resourceType") == "Subscription", "resourceType", "Subscription")
    _require(found.get("id") == known.id, "id", "the id of the address")
    _require(found.get("status") in (Status.OFF, Status.REQUESTED), "status", "off or requested")
    kept = json.loads(known.rest)
    for name in ("criteria", "_criteria", "channel"):
        _require(found.get(name) == kept.get(name), name, "what was subscribed to")
    status = Status(found["status"])
    return status, known.end if status is Status.OFF else read_end(found, now)


def read_end(resource: Element, now: datetime) -> datetime | None:
    """`Subscription.end`. Raises ContentError for one that is past."""
    if "end" not in resource:
        return None
    end = datetime.fromisoformat(resource["end"]).astimezone(UTC)
    _require(end > now, "end", "a moment to come")
    return end


def write_subscription(subscription: Subscription) -> Element:
    """The resource of a subscription."""
    written: Element = {
        "resourceType": "Subscription",
        "id": subscription.id,
        "meta": {"versionId": str(subscription.version), "profile": [f"{BACKPORT}backport-subscription"]},
        "status": subscription.status.value,
        **json.loads(subscription.rest),
    }
    written.setdefault("reason", subscription.criteria or subscription.topic)
    if subscription.end is not None:
        written["end"] = f"{subscription.end:%Y-%m-%dT%H:%M:%SZ}"
    if subscription.status is Status.ERROR:
        written["error"] = _FAILED
    return written


def triggers(subscription: Subscription, kind: str, change: Change) -> bool:
    """Whether a change of an object of that class is one of the topic's."""
    topic = topic_of(subscription.topic)
    return topic is not None and topic.object_kind == kind and change in topic.changes


def matches(subscription: Subscription, fiches: Fiches) -> bool:
    """Whether an object is what the filter asks for: held against it as it will be told."""
    topic = topic_of(subscription.topic)
    if topic is None:
        return False
    asked = _filter(topic, subscription.criteria)
    return all(asked.holds(each) for each in resources_of(fiches, subscription.base))


def _criteria(resource: Element) -> tuple[Topic, Asked, str]:
    topic = topic_of(resource["criteria"])
    if topic is None:
        raise ContentError(
            "Subscription.criteria: a topic of DSUBm for documents or submission sets", "another", status=422
        )
    found = [each.get("valueString") for each in extensions(resource.get("_criteria", {}), FILTER)]
    _require(len(found) <= 1, "criteria.extension", "one filter-criteria at most")
    criteria = str(found[0] or "") if found else ""
    try:
        asked = _filter(topic, criteria)
    except ParameterError as error:
        raise ContentError(f"Subscription.criteria.extension: {error.expected}", error.got, status=422) from None
    _require(bool(asked.patients) is topic.of_one_patient, "criteria.extension", "a patient where the topic is of one")
    _require(len(set(asked.patients)) <= 1, "criteria.extension", "one patient")
    return topic, asked, criteria


def _filter(topic: Topic, criteria: str) -> Asked:
    """A filter as a search. Raises ParameterError."""
    kind, _, query = criteria.partition("?")
    name = topic.kind.name
    if criteria and kind != name:
        raise ParameterError("criteria", f"{name}?...", "something else")
    try:
        given = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict", max_num_fields=50)
    except ValueError:
        raise ParameterError("criteria", "parameters, percent-encoded", "something else") from None
    for each, _ in given:
        if each.partition(":")[0] not in topic.filters:
            raise ParameterError(each, ", ".join(sorted(topic.filters)), "another parameter")
    asked = read_asked(topic.kind, given, strict=True)
    if asked.references:
        raise ParameterError("patient", "patient.identifier=system|value, which names the patient", "a reference")
    return asked


def _channel(resource: Element, permitted: Callable[[str], bool]) -> tuple[str, Payload]:
    channel = resource["channel"]
    _require(channel.get("type") == REST_HOOK, "channel.type", REST_HOOK)
    _require("header" not in channel, "channel.header", "none: this server shows its certificate")
    _require(channel.get("payload") == FHIR_JSON, "channel.payload", FHIR_JSON)
    content = value_of(channel.get("_payload", {}), CONTENT, "valueCode")
    _require(content in {each.value for each in Payload}, "channel.payload.extension", ", ".join(Payload))
    endpoint = channel.get("endpoint", "")
    _require(permitted(endpoint), "channel.endpoint", "an address that this server may send to")
    return endpoint, Payload(content)


def _heartbeat(resource: Element) -> int:
    period = value_of(resource["channel"], HEARTBEAT, "valueUnsignedInt")
    if period is None:
        return 0
    good = isinstance(period, int) and SHORTEST_HEARTBEAT <= period < 2**31
    _require(good, "channel.extension", f"a heartbeat of {SHORTEST_HEARTBEAT} seconds or more")
    return int(period)


def _patient(asked: Asked) -> PatientId | None:
    if not asked.patients:
        return None
    value, _, rest = asked.patients[0].partition("^^^&")
    return PatientId(value, rest.removesuffix("&ISO"))


def _require(holds: bool, element: str, expected: str) -> None:
    if not holds:
        raise ContentError(f"Subscription.{element}: {expected}", "another, or none", status=422)
