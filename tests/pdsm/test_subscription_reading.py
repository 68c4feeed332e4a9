"""A Subscription as it comes: the examples' shape is understood, and whatever else comes is refused in words."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from fhir.resources.R4B.subscription import Subscription as Model
from hypothesis import given
from hypothesis import strategies as st

from identities.requester import Authentication, Requester
from identities.subscription import Payload
from pdsm.errors import ContentError
from pdsm.forms import Form
from pdsm.iti110 import form_of, read_subscription, write_subscription
from pdsm.topics import TOPICS, topic_of
from tests.subscribing import BACKPORT, subscription

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
NODE = Requester("node", "node", "", "", "", "", "", Authentication.NOEUD_IHE)
HOOK, PATIENT = "https://hook.example/a", "urn:oid:1.2.3|P1"
GOOD = subscription(HOOK, f"DocumentReference?patient.identifier={PATIENT}&type=57832-8", end="2027-01-01T00:00:00Z")
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=20), st.just({}), st.just([]), st.just([{"url": "x"}])
)


def read(resource: Any) -> Any:
    return read_subscription(resource, NODE, "https://dmp.example/fhir", NOW, lambda address: address == HOOK)


def places(element: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a resource."""
    found = [way] if way else []
    pairs = element.items() if isinstance(element, dict) else enumerate(element) if isinstance(element, list) else ()
    for name, value in pairs:
        found += places(value, (*way, name))
    return found


def test_a_subscription_is_read_and_written() -> None:
    found = read(GOOD)
    assert (str(found.patient), found.payload, found.end) == (
        "P1^^^&1.2.3&ISO",
        Payload.ID_ONLY,
        datetime(2027, 1, 1, tzinfo=UTC),
    )
    assert form_of(found) is Form.JSON
    written = write_subscription(found)
    Model.model_validate({**written, "id": "x"})
    for name in ("criteria", "_criteria", "channel", "reason", "end"):
        assert written[name] == GOOD[name]


def test_both_names_of_a_topic_are_known() -> None:
    for url in TOPICS:
        assert topic_of(url) is TOPICS[url]
        assert topic_of(url.replace("/SubscriptionTopic/", "/")) is TOPICS[url]
        assert topic_of(f"{url}|1") is TOPICS[url]
    assert topic_of("https://topic.example") is None


@pytest.mark.parametrize(
    "change",
    [
        {"header": ["Authorization: Bearer x"]},
        {"type": "websocket"},
        {"payload": "text/plain"},
        {"endpoint": "https://hook.example/b"},
        {"extension": [{"url": f"{BACKPORT}backport-heartbeat-period", "valueUnsignedInt": 1}]},
    ],
)
def test_another_channel_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ContentError):
        read({**GOOD, "channel": {**GOOD["channel"], **change}})


@given(st.sampled_from(places(GOOD)), JUNK)
def test_whatever_comes_is_understood_or_refused(place: tuple[Any, ...], junk: Any) -> None:
    resource = copy.deepcopy(GOOD)
    element = resource
    for step in place[:-1]:
        element = element[step]
    element[place[-1]] = junk
    try:
        assert read(resource).endpoint == HOOK
    except ContentError as refused:
        assert refused.status in (400, 422)


@given(st.text(max_size=80))
def test_whatever_comes_for_a_filter_is_understood_or_refused(criteria: str) -> None:
    for text in (
        criteria,
        f"DocumentReference?{criteria}",
        f"DocumentReference?patient.identifier={PATIENT}&{criteria}",
    ):
        try:
            read(subscription(HOOK, text))
        except ContentError as refused:
            assert refused.status in (400, 422)
