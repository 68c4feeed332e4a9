"""ITI-112 Resource Notify, and the answers of $status and $events: Bundles that begin with a SubscriptionStatus.

Source: IHE DSUBm 1.0, 2:3.112.4 (message semantics), 2:3.113.4.4 and 2:3.113.4.6; HL7 Subscriptions R5 Backport 1.1,
backport-subscription-status-r4 and backport-subscription-notification-r4.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from dmp.diffusion import Told
from identities.subscription import Message, Payload, Subscription
from pdsm.iti110 import BACKPORT
from pdsm.original import Element
from pdsm.sharing import resources_of

QUERY_STATUS, QUERY_EVENT = "query-status", "query-event"


def write_notification(subscription: Subscription, message: Message, told: Told | None, now: datetime) -> Element:
    """The Bundle that leaves: a handshake, a heartbeat, an event, or the end."""
    kind = Message.EVENT if message is Message.DEACTIVATION else message
    return _bundle("history", subscription, kind, [told] if told else [], subscription.payload, now)


def write_events(subscription: Subscription, told: Sequence[Told], content: Payload, now: datetime) -> Element:
    """The answer to $events."""
    return _bundle("history", subscription, QUERY_EVENT, told, content, now)


def write_statuses(subscriptions: Iterable[Subscription], address: str) -> Element:
    """The answer to $status."""
    entries = [
        {
            "fullUrl": f"urn:uuid:{uuid.uuid4()}",
            "resource": _status(each, QUERY_STATUS, ()),
            "search": {"mode": "match"},
        }
        for each in subscriptions
    ]
    links = [{"relation": "self", "url": address}]
    bundle: Element = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "link": links}
    return {**bundle, "entry": entries} if entries else bundle


def _bundle(
    type_: str, subscription: Subscription, kind: str, told: Sequence[Told], content: Payload, now: datetime
) -> Element:
    where = f"{subscription.base}/Subscription/{subscription.id}/$status"
    said = [(each, _resource(subscription, each)) for each in told]
    status = _status(subscription, kind, said, content)
    entries: list[Element] = [
        {
            "fullUrl": f"urn:uuid:{status['id']}",
            "resource": status,
            "request": {"method": "GET", "url": where},
            "response": {"status": "200"},
        }
    ]
    if content is not Payload.EMPTY:
        shown = [(each, resource) for each, resource in said if resource]
        entries += [_entry(subscription, each, resource, content) for each, resource in shown]
    return {
        "resourceType": "Bundle",
        "id": str(uuid.uuid4()),
        "meta": {"profile": [f"{BACKPORT}backport-subscription-notification-r4"]},
        "type": type_,
        "timestamp": _instant(now),
        "entry": entries,
    }


def _entry(subscription: Subscription, told: Told, resource: Element, content: Payload) -> Element:
    kind, full = resource["resourceType"], _url(subscription, resource)
    created = told.event.created
    request = {"method": "POST", "url": kind} if created else {"method": "PUT", "url": f"{kind}/{resource['id']}"}
    entry: Element = {"fullUrl": full, "request": request, "response": {"status": "201" if created else "200"}}
    return {**entry, "resource": resource} if content is Payload.FULL_RESOURCE else entry


def _status(
    subscription: Subscription,
    kind: str,
    said: Iterable[tuple[Told, Element | None]],
    content: Payload = Payload.EMPTY,
) -> Element:
    parameters: list[dict[str, Any]] = [
        {
            "name": "subscription",
            "valueReference": {"reference": f"{subscription.base}/Subscription/{subscription.id}"},
        },
        {"name": "topic", "valueCanonical": subscription.topic},
        {"name": "status", "valueCode": subscription.status.value},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(subscription.events)},
    ]
    for each, resource in said:
        part: list[dict[str, Any]] = [
            {"name": "event-number", "valueString": str(each.event.number)},
            {"name": "timestamp", "valueInstant": _instant(each.event.instant)},
        ]
        if resource and content is not Payload.EMPTY:
            part.append({"name": "focus", "valueReference": {"reference": _url(subscription, resource)}})
        parameters.append({"name": "notification-event", "part": part})
    profile = f"{BACKPORT}backport-subscription-status-r4"
    return {
        "resourceType": "Parameters",
        "id": str(uuid.uuid4()),
        "meta": {"profile": [profile]},
        "parameter": parameters,
    }


def _resource(subscription: Subscription, told: Told) -> Element | None:
    return next(iter(resources_of(told.fiches, subscription.base)), None)


def _url(subscription: Subscription, resource: Element) -> str:
    return f"{subscription.base}/{resource['resourceType']}/{resource['id']}"


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
