"""What is no FHIR R4 is refused by a fault that the door knows, wherever in a resource it stands."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from pdsm.errors import ContentError
from pdsm.iti65 import read_bundle, read_published
from pdsm.structure import check
from tests.connectathon import new_patient
from tests.journeys.test_document_providing_journey import bundle_of, described, entry

ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def patient(**name: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [name]}


def test_a_null_stands_where_the_other_list_has_something() -> None:
    found = check(patient(given=["Jean", None], _given=[None, ABSENT]))
    assert found["name"][0]["given"] == ["Jean"]


@pytest.mark.parametrize(
    "name",
    [
        {"given": ["Jean", None]},
        {"given": ["Jean", None], "_given": [None, None]},
        {"given": ["Jean", None], "_given": [ABSENT]},
        {"given": [None], "_given": ABSENT},
        {"given": None},
        {"use": "favourite", "family": "Jean"},
    ],
)
def test_what_says_nothing_or_an_unknown_code_is_refused(name: dict[str, Any]) -> None:
    with pytest.raises(ContentError) as refused:
        check(patient(**name))
    assert refused.value.status == 400


def test_a_code_that_fhir_does_not_have_is_told_by_its_place() -> None:
    resource = described(entry(new_patient()))
    resource["contained"].append({"resourceType": "Patient", "id": "x", "gender": "m"})
    with pytest.raises(ContentError) as refused:
        check(resource)
    assert refused.value.faults == (("contained: Patient.gender", "code_invalid"),)


def places(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    for key, inside in value.items() if isinstance(value, dict) else ():
        yield value, key
        yield from places(inside)
    for inside in value if isinstance(value, list) else ():
        yield from places(inside)


def changed(resource: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The resource with each of its values gone, only extended, or of another shape."""
    for number, (_, key) in enumerate(places(resource)):
        for instead in (None, ABSENT, "x", 1, True, [], [{}], {"x": "y"}):
            copied = copy.deepcopy(resource)
            holder, name = list(places(copied))[number]
            holder.pop(name)
            if instead is ABSENT:
                holder[f"_{name}"] = ABSENT
            elif instead is not None:
                holder[name] = instead
            yield key, copied


def test_no_change_of_what_is_provided_is_a_fault_of_this_house() -> None:
    resource = described(entry(new_patient()))
    resource["relatesTo"] = [{"code": "appends", "target": {"reference": "DocumentReference/1"}}]
    resource["content"][0]["attachment"]["data"] = "aGVsbG8="
    done = 0
    for key, found in changed(resource):
        try:
            read_published(found, lambda _: {}, source_id="1.2", now=NOW)
        except ContentError:
            continue
        except Exception as failure:
            raise AssertionError(key) from failure
        done += 1
    assert done > 20


@pytest.mark.long
def test_no_change_of_a_bundle_is_a_fault_of_this_house() -> None:
    bundle = bundle_of(entry(new_patient()), b"hello")
    bundle["meta"] = {"profile": ["https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Minimal.ProvideBundle"]}
    for key, found in changed(bundle):
        try:
            read_bundle(found, lambda _: {})
        except ContentError:
            continue
        except Exception as failure:
            raise AssertionError(key) from failure
