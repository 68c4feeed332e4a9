"""ITI-20 by FHIR: bodies read, faults told, and what a Bundle holds kept byte for byte."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.received import FHIR, Received
from pdsm import spans
from pdsm.errors import ContentError
from pdsm.iti20 import MAX_ENTRIES, Arrival, read_batch, read_event, write_batch
from schemas import strict_json
from schemas.strict_json import JsonError
from tests.audit.test_audit_event import every_row, written

ARRIVAL = Arrival("CN=node", datetime(2026, 11, 29, 8, 0, tzinfo=UTC))
EVENT: dict[str, Any] = {
    "resourceType": "AuditEvent",
    "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110112"},
    "recorded": "2026-11-22T16:53:12.345Z",
    "agent": [{"requestor": True, "who": {"display": "é"}}],
    "source": {"observer": {"display": "node"}},
}
ADDRESS = "https://x.example/fhir/AuditEvent"


def batch(*resources: str, method: str = "POST", url: str = "AuditEvent") -> bytes:
    entries = ",".join(
        f'{{ "request": {{"method": "{method}", "url": "{url}"}}, "resource" :\n {each} }}' for each in resources
    )
    return f'{{"resourceType":"Bundle" , "entry":[ {entries} ],"type":"batch"}}'.encode()


def changed(**changes: Any) -> bytes:
    return json.dumps({key: value for key, value in {**EVENT, **changes}.items() if value is not None}).encode()


def test_an_event_is_kept_as_it_came() -> None:
    body = b" " + changed().replace(b": ", b"  :\t")
    received = read_event(body, ARRIVAL)
    assert (received.message, received.format, received.origin) == (body, FHIR, "CN=node")
    assert (received.event_code, received.recorded) == ("110112", ARRIVAL.recorded)


def test_the_official_examples_are_taken(reference: Path) -> None:
    for file in sorted((reference / "fhir" / "balp" / "examples").glob("AuditEvent-*.json")):
        assert read_event(file.read_bytes(), ARRIVAL).format == FHIR


def test_what_one_server_writes_another_takes() -> None:
    for event in islice(every_row(), 0, None, 3):
        body = json.dumps(written(event)).encode()
        assert read_event(body, ARRIVAL).message == body


@pytest.mark.parametrize(
    ("changes", "path", "fault"),
    [
        ({"agent": None}, "AuditEvent.agent", "missing"),
        ({"source": {"site": "x"}}, "AuditEvent.source.observer", "missing"),
        ({"recorded": "2026-02-30T00:00:00Z"}, "AuditEvent.recorded", "datetime_from_date_parsing"),
        ({"type": "110112"}, "AuditEvent.type", "model_type"),
        ({"surprise": 1}, "AuditEvent.surprise", "extra_forbidden"),
        ({"agent": [{"requestor": "perhaps"}]}, "AuditEvent.agent[0].requestor", "bool_parsing"),
    ],
)
def test_a_fault_is_told_by_its_place_and_quotes_nothing(changes: dict[str, Any], path: str, fault: str) -> None:
    with pytest.raises(ContentError) as refused:
        read_event(changed(**changes), ARRIVAL)
    assert (path, fault) in refused.value.faults


@pytest.mark.parametrize(
    "changes",
    [
        *({"recorded": each} for each in ("yesterday", "2026-11-22", "2026-11-22T16:53:12", 1763830392, -1.5, True)),
        *({"contained": [{"resourceType": each}]} for each in ("os", "../x", 7, ["a"], {"a": 1})),
        {"contained": ["x"]},
        {"contained": [{"resourceType": "Bundle", "type": "batch", "entry": [{"resource": {"resourceType": "no"}}]}]},
        {"extension": [{"url": "x", "valueInteger": 10**100}]},
        {"id": "a/b"},
    ],
)
def test_what_the_models_did_not_foresee_is_refused_like_the_rest(changes: dict[str, Any]) -> None:
    with pytest.raises(ContentError):
        read_event(changed(**changes), ARRIVAL)


@pytest.mark.parametrize("changes", [{"agent": []}, {"meta": {}}, {"outcomeDesc": ""}, {"agent": [{"who": {}}]}])
def test_nothing_is_empty(changes: dict[str, Any]) -> None:
    with pytest.raises(ContentError, match="expected elements with a value, got an empty one"):
        read_event(changed(**changes), ARRIVAL)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"<AuditEvent/>",
        b"\xff",
        b"[" * 100_000,
        b'{"a":' * 60 + b"1" + b"}" * 60,
        b'{"resourceType": "Patient"}',
        b'{"resourceType": "AuditEvent", "resourceType": "AuditEvent"}',
        b'{"resourceType": "AuditEvent", "recorded": NaN}',
        b'{"resourceType": "AuditEvent", "recorded": -1e999}',
        b'{"resourceType": "AuditEvent", "recorded": ' + b"1" * 5000 + b"}",
        b'{"resourceType": "AuditEvent", "recorded": "\\ud83d"}',
        b'{"resourceType": "AuditEvent", "\\u0000": 1}',
        b'{"resourceType": "AuditEvent", "a": "' + b"x" * 1024 * 1024 + b'"}',
    ],
)
def test_what_is_no_json_that_all_read_alike_is_refused(body: bytes) -> None:
    with pytest.raises(JsonError):
        read_event(body, ARRIVAL)
    with pytest.raises((JsonError, ContentError)):
        read_batch(body, ARRIVAL)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.sampled_from(["code", "coding", "who", "requestor", "id", "x"]), inside, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from([*EVENT, "entity", "subtype", "text", "contained", "meta"]), JSON, max_size=3))
def test_no_shape_of_an_event_hurts(changes: dict[str, Any]) -> None:
    """It is taken, or refused with a reason."""
    with suppress(ContentError, JsonError):
        assert isinstance(read_event(changed(**changes), ARRIVAL), Received)


ODD = [
    None,
    True,
    -1,
    1.5,
    10**400,
    "x",
    "2020",
    [1],
    {"a": 1},
    ["x"],
    {"resourceType": "Patient"},
    "http://a b",
    "é" * 50,
]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place of a value that can be written to: its container, and the key."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in ((value, key), *places(value[key]))]


@settings(max_examples=60)
@given(random=st.randoms(use_true_random=False), times=st.integers(1, 4))
def test_no_change_of_an_official_example_hurts(reference: Path, random: Random, times: int) -> None:
    file = random.choice(sorted((reference / "fhir" / "balp" / "examples").glob("AuditEvent-*.json")))
    event = json.loads(file.read_text("utf-8"))
    for _ in range(times):
        container, key = random.choice(places(event))
        container[key] = copy.deepcopy(random.choice(ODD))
    with suppress(ContentError, JsonError):
        assert isinstance(read_event(json.dumps(event).encode(), ARRIVAL), Received)


def test_a_batch_is_answered_entry_by_entry() -> None:
    first, second = json.dumps(EVENT, indent=3), json.dumps({**EVENT, "action": "E"}, ensure_ascii=False)
    answers = read_batch(batch(first, '{"resourceType":"AuditEvent"}', second), ARRIVAL)
    kept = [each for each in answers if isinstance(each, Received)]
    assert [each.message for each in kept] == [first.encode(), second.encode()]
    told = write_batch(answers, ADDRESS)["entry"]
    assert [each["response"]["status"] for each in told] == ["201 Created", "400", "201 Created"]
    assert told[0]["response"]["location"] == f"{ADDRESS}/{kept[0].id}/_history/1"
    issues = told[1]["response"]["outcome"]["issue"]
    fault = {"severity": "error", "code": "structure", "diagnostics": "missing"}
    assert fault | {"expression": ["AuditEvent.type"]} in issues


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"resourceType": "Bundle", "type": "transaction"}',
        b'{"resourceType": "Bundle", "type": "batch", "entry": {}}',
        b'{"resourceType": "Bundle", "type": "batch", "entry": [1]}',
        batch(*["{}"] * (MAX_ENTRIES + 1)),
    ],
)
def test_what_is_no_batch_is_refused_whole(body: bytes) -> None:
    with pytest.raises(ContentError):
        read_batch(body, ARRIVAL)


def test_an_empty_batch_is_one() -> None:
    body = b'{"resourceType": "Bundle", "type": "batch"}'
    assert write_batch(read_batch(body, ARRIVAL), ADDRESS) == {"resourceType": "Bundle", "type": "batch-response"}


@pytest.mark.parametrize(
    "body",
    [
        batch("{}", method="DELETE"),
        batch("{}", url="Patient"),
        b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"POST","url":"AuditEvent"}}]}',
        b'{"resourceType":"Bundle","type":"batch","entry":[{"request":7,"resource":{}}]}',
        b'{"resourceType":"Bundle","type":"batch","entry":[{}]}',
    ],
)
def test_an_entry_that_creates_no_event_is_told_so(body: bytes) -> None:
    (answer,) = read_batch(body, ARRIVAL)
    assert not isinstance(answer, Received)
    assert answer[0] == 400


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=8,
)


@settings(max_examples=50)
@given(VALUES, st.sampled_from([None, 1, 4]), st.booleans())
def test_values_are_found_where_they_stand(value: Any, indent: int | None, plain: bool) -> None:
    text = json.dumps({"before": value, "entry": [value, value], "after": value}, indent=indent, ensure_ascii=plain)
    span = spans.member(text, 0, "entry")
    assert span is not None
    assert json.loads(text[slice(*span)]) == [value, value]
    assert [json.loads(text[slice(*each)]) for each in spans.items(text, span[0])] == [value, value]
    assert [key for key, _ in spans.members(text, 0)] == ["before", "entry", "after"]
    assert spans.member(text, 0, "nothing") is None


@settings(max_examples=50)
@given(VALUES)
def test_what_is_read_is_what_python_reads(value: Any) -> None:
    text = json.dumps(value)
    try:
        assert strict_json.read(text.encode(), max_bytes=10_000) == value
    except JsonError:
        assert "\\u0000" in text
