"""Search parameters: dates with their precision, tokens, texts, and the table of ITI-81."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.selection import Period
from dmp.audit_query import Found
from identities.requester import PatientId
from pdsm.cursor import read_cursor, write_cursor
from pdsm.errors import ParameterError
from pdsm.iti81 import COUNT, MOST, PARAMETERS, read_search, write_bundle
from pdsm.search import Token, read_period, read_token, values_of

DATE = ("date", "ge2026-11-22")
EVENT: dict[str, Any] = {
    "id": "event-1",
    "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110112"},
    "subtype": [{"system": "urn:ihe:event-type-code", "code": "ITI-18"}, {"system": "urn:dmp", "code": "TD3.1"}],
    "action": "E",
    "outcome": "0",
    "agent": [
        {
            "type": {"coding": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110153"}]},
            "who": {"identifier": {"value": "CN=a,O=b"}},
            "network": {"address": "192.0.2.7", "type": "2"},
            "altId": "4711",
        },
        {
            "role": [{"coding": [{"system": "urn:oid:1.2.250.1.71.1.2.7", "code": "10"}]}],
            "who": {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "899900063480"}},
            "name": "Zoé Exemple",
            "policy": ["_assertion-1"],
        },
    ],
    "source": {"site": "1.2.3", "observer": {"identifier": {"value": "dmp-1"}}},
    "entity": [
        {
            "what": {"type": "Patient", "identifier": {"system": "urn:oid:1.2.3", "value": "279035121518989"}},
            "type": {"code": "1"},
            "role": {"code": "1"},
        },
        {
            "what": {"reference": "https://x.example/fhir/DocumentReference/7", "identifier": {"value": "a,b|c"}},
            "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": "2"},
            "role": {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "24"},
            "name": "Lettre",
        },
    ],
}


def holds(*parameters: tuple[str, str]) -> bool:
    return read_search([DATE, *parameters], b"", strict=True).question.holds(EVENT)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("value", "since", "until"),
    [
        ("2026", at(2026, 1, 1), at(2027, 1, 1)),
        ("eq2026-11", at(2026, 11, 1), at(2026, 12, 1)),
        ("2026-12", at(2026, 12, 1), at(2027, 1, 1)),
        ("2026-02-28", at(2026, 2, 28), at(2026, 3, 1)),
        ("2026-11-22T16:53Z", at(2026, 11, 22, 16, 53), at(2026, 11, 22, 16, 54)),
        ("2026-11-22T17:53:12+01:00", at(2026, 11, 22, 16, 53, 12), at(2026, 11, 22, 16, 53, 13)),
        ("2026-11-22T16:53:12.345Z", at(2026, 11, 22, 16, 53, 12, 345_000), at(2026, 11, 22, 16, 53, 12, 346_000)),
        ("2026-11-22T16:53:12.3456789Z", at(2026, 11, 22, 16, 53, 12, 345_678), at(2026, 11, 22, 16, 53, 12, 345_679)),
        ("ge2026-11-22", at(2026, 11, 22), None),
        ("gt2026-11-22", at(2026, 11, 23), None),
        ("sa2026-11-22", at(2026, 11, 23), None),
        ("le2026-11-22", None, at(2026, 11, 23)),
        ("lt2026-11-22", None, at(2026, 11, 22)),
        ("eb2026-11-22", None, at(2026, 11, 22)),
    ],
)
def test_a_date_is_as_long_as_it_is_written(value: str, since: datetime | None, until: datetime | None) -> None:
    assert read_period("date", value) == Period(since, until)


def test_not_equal_is_all_but_that() -> None:
    assert read_period("date", "ne2026") == Period(at(2026, 1, 1), at(2027, 1, 1), outside=True)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            "today",
            "2026-13",
            "2026-02-30",
            "0000",
            "9999",
            "xx2026",
            "ap2026",
            "2026-11-22T16:53",
            "2026-11-22T16Z",
        ),
        *("2026-11-22T24:00Z", "2026-11-22T16:53:60Z", "2026-11-22T16:53+15:00", "٢٠٢٦", "2026 ", "2026,2027"),
    ],
)
def test_what_is_no_date_is_refused(value: str) -> None:
    with pytest.raises(ParameterError, match=r"^date: expected a"):
        read_period("date", value)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), st.integers(0, 6))
def test_every_instant_lies_in_its_own_day_second_and_millisecond(moment: datetime, digits: int) -> None:
    moment = moment.replace(tzinfo=UTC)
    for form in ("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ"):
        period = read_period("date", moment.strftime(form).rjust(len(form) - 2, "0"))
        assert period.since is not None
        assert period.until is not None
        assert period.since <= moment < period.until
    fraction = f"{moment.microsecond:06d}"[:digits] if digits else ""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction}" if fraction else "") + "Z"
    period = read_period("date", text)
    assert period.since is not None
    assert period.until is not None
    assert period.since <= moment < period.until
    assert period.until - period.since == timedelta(microseconds=10 ** (6 - digits))


def test_commas_and_bars_part_unless_a_backslash_holds_them() -> None:
    assert values_of(r"a,b\,c,d") == ["a", r"b\,c", "d"]
    assert read_token("a") == Token(None, "a")
    assert read_token("s|a") == Token("s", "a")
    assert read_token("|a") == Token("", "a")
    assert read_token("s|") == Token("s", None)
    assert read_token(r"a\|b\,c") == Token(None, "a|b,c")


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("action", "E", "R"),
        ("action", "http://hl7.org/fhir/audit-event-action|E", "http://x.example|E"),
        ("address", "192.0.2", "0.2.7"),
        ("address:contains", "0.2.7", "0.2.8"),
        ("address:exact", "192.0.2.7", "192.0.2"),
        ("agent.identifier", "899900063480", "8999000634"),
        ("agent.identifier", "urn:oid:1.2.250.1.71.4.2.1|899900063480", "urn:oid:1.2|899900063480"),
        ("agent:identifier", r"CN=a\,O=b", "CN=a,O=b"),
        ("agent-name", "zoe", "exemple"),
        ("agent-name:contains", "EXEMPLE", "x y"),
        ("agent-role", "10", "11"),
        ("agent-role", "110153", "110152"),
        ("altid", "4711", "471"),
        ("entity", "DocumentReference/7", "DocumentReference/77"),
        ("entity", "https://x.example/fhir/DocumentReference/7", "https://y.example/fhir/DocumentReference/7"),
        ("entity.identifier", r"a\,b\|c", "a"),
        ("entity:identifier", r"a\,b\|c", "b"),
        ("entity-id", "279035121518989", "27903512151898"),
        ("entity-name", "let", "ettre"),
        ("entity-role", "http://terminology.hl7.org/CodeSystem/object-role|24", "3"),
        ("entity-type", "2", "3"),
        ("outcome", "0", "4"),
        ("outcome", "4,http://terminology.hl7.org/CodeSystem/audit-event-outcome|0", "http://x.example|0"),
        ("patient.identifier", "urn:oid:1.2.3|279035121518989", "899900063480"),
        ("patient:identifier", "279035121518989", "urn:oid:1.2.4|279035121518989"),
        ("policy", "_assertion-1", "_assertion"),
        ("site", "1.2.3", "1.2"),
        ("source.identifier", "dmp-1", "dmp"),
        ("subtype", "urn:ihe:event-type-code|ITI-18", "urn:ihe:event-type-code|TD3.1"),
        ("subtype", "TD3.1", "TD3.2"),
        ("type", "http://dicom.nema.org/resources/ontology/DCM|", "http://x.example|"),
        ("type", "110112,110100", "110100"),
    ],
)
def test_what_each_parameter_finds(name: str, right: str, wrong: str) -> None:
    assert holds((name, right))
    assert not holds((name, wrong))
    assert not holds((name, right), (name, wrong)), "every parameter narrows"


def test_every_parameter_is_tried_here() -> None:
    (mark,) = [each for each in test_what_each_parameter_finds.pytestmark if each.name == "parametrize"]  # type: ignore[attr-defined]
    tried = {name.replace(":identifier", ".identifier").partition(":")[0] for name, _, _ in mark.args[1]}
    assert tried | {"agent", "source", "patient"} == set(PARAMETERS)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inside: (
            st.lists(inside, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "type",
                        "role",
                        "code",
                        "coding",
                        "who",
                        "what",
                        "identifier",
                        "value",
                        "system",
                        "reference",
                        "agent",
                        "entity",
                        "network",
                        "address",
                    ]
                ),
                inside,
                max_size=4,
            )
        ),
        max_leaves=15,
    )
)
def test_no_shape_of_an_event_hurts(event: Any) -> None:
    """What another node sent stays as it came, and is searched."""
    for name, (readers, _) in PARAMETERS.items():
        for modifier in readers:
            asked = read_search([DATE, (f"{name}:{modifier}".rstrip(":"), "1")], b"", strict=True)
            asked.question.holds(event if isinstance(event, dict) else {"entity": event, "agent": event})


def test_what_columns_tell_is_asked_of_the_database() -> None:
    asked = read_search(
        [
            DATE,
            ("date", "lt2026-12-01"),
            ("_lastUpdated", "2026-11-23"),
            ("type", "s|110112,110106"),
            ("type", "110106"),
            ("outcome", "4,8"),
            ("patient.identifier", "urn:oid:1.2.3|1"),
            ("patient.identifier", "2"),
            ("_id", "a,b"),
            ("_sort", "date"),
            ("_count", "7"),
        ],
        b"",
        strict=True,
    )
    selection = asked.question.selection
    assert selection.happened == (Period(since=at(2026, 11, 22)), Period(until=at(2026, 12, 1)))
    assert selection.recorded == (Period(at(2026, 11, 23), at(2026, 11, 24)),)
    assert (selection.event_codes, selection.outcomes) == ({"110106"}, {4, 8})
    assert selection.patients == {PatientId("1", "1.2.3"), PatientId("2", "")}
    assert (selection.ids, selection.newest_first, asked.question.count) == ({"a", "b"}, False, 7)


@pytest.mark.parametrize(("count", "kept"), [("0", 1), ("1", 1), ("200", 200), ("999999999", MOST), (None, COUNT)])
def test_a_page_has_a_size(count: str | None, kept: int) -> None:
    parameters = [DATE, ("_count", count)] if count else [DATE]
    assert read_search(parameters, b"", strict=True).question.count == kept


@pytest.mark.parametrize(
    ("parameters", "parameter"),
    [
        ([], "date"),
        ([("_lastUpdated", "2026")], "date"),
        ([DATE, ("_count", "-1")], "_count"),
        ([DATE, ("_count", "9" * 5000)], "_count"),
        ([DATE, ("_sort", "patient")], "_sort"),
        ([DATE, ("_format", "ttl")], "_format"),
        ([DATE, ("_id", "a/b")], "_id"),
        ([DATE, ("type", "")], "type"),
        ([DATE, ("type", "110112,")], "type"),
        ([DATE, ("type:not", "110112")], "type:not"),
        ([DATE, ("agent-name", "a\0b")], "agent-name"),
        ([DATE, ("surprise", "1")], "surprise"),
        ([DATE, ("agent:Practitioner.name", "x")], "agent:Practitioner.name"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(parameters: list[tuple[str, str]], parameter: str) -> None:
    with pytest.raises(ParameterError) as refused:
        read_search(parameters, b"", strict=True)
    assert refused.value.parameter == parameter


def test_an_unknown_parameter_is_ignored_aloud() -> None:
    asked = read_search([DATE, ("surprise", "1"), ("surprise", "2")], b"", strict=False)
    assert (asked.used, asked.ignored) == ([DATE], ("surprise",))
    bundle = write_bundle(Found((EVENT,)), asked, "https://x.example/fhir/AuditEvent", "")
    assert bundle["link"] == [{"relation": "self", "url": "https://x.example/fhir/AuditEvent?date=ge2026-11-22"}]
    assert [each["search"]["mode"] for each in bundle["entry"]] == ["match", "outcome"]


KEY = b"k" * 32


@given(st.datetimes(timezones=st.just(UTC)), st.integers(1, 2**40))
def test_a_cursor_means_what_was_handed_out(instant: datetime, sequence: int) -> None:
    text = write_cursor((instant, sequence), [DATE], KEY)
    assert read_cursor("_cursor", text, [DATE], KEY) == (instant, sequence)
    for other in ([], [DATE, ("type", "1")], [("date", "ge2026-11-23")]):
        with pytest.raises(ParameterError):
            read_cursor("_cursor", text, other, KEY)
    with pytest.raises(ParameterError):
        read_cursor("_cursor", text, [DATE], b"another")


@given(st.text(max_size=40))
def test_no_other_text_is_a_cursor(text: str) -> None:
    with pytest.raises(ParameterError):
        read_cursor("_cursor", text, [DATE], KEY)
