"""JSON Patch by the examples of RFC 6902, and what patches make of a document."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdsm.changes import Changed, changed
from pdsm.document_reference import IS_ARCHIVED, write_document_reference
from pdsm.errors import ContentError
from pdsm.json_patch import MAX_OPERATIONS, patched
from registry.metadata import AvailabilityStatus, Code
from schemas import oids
from tests.connectathon import document

EVERY = ("foo", "baz", "qux", "child", "hello", "/", "~1", "a")

# Appendix A: a document, its patch, what becomes of it; None: it cannot be done.
RFC_6902: list[tuple[Any, Any, Any]] = [
    ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux"}, {"baz": "qux", "foo": "bar"}),
    ({"foo": ["bar", "baz"]}, {"op": "add", "path": "/foo/1", "value": "qux"}, {"foo": ["bar", "qux", "baz"]}),
    ({"baz": "qux", "foo": "bar"}, {"op": "remove", "path": "/baz"}, {"foo": "bar"}),
    ({"foo": ["bar", "qux", "baz"]}, {"op": "remove", "path": "/foo/1"}, {"foo": ["bar", "baz"]}),
    ({"baz": "qux", "foo": "bar"}, {"op": "replace", "path": "/baz", "value": "boo"}, {"baz": "boo", "foo": "bar"}),
    (
        {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
        {"op": "move", "from": "/foo/waldo", "path": "/qux/thud"},
        {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
    ),
    (
        {"foo": ["all", "grass", "cows", "eat"]},
        {"op": "move", "from": "/foo/1", "path": "/foo/3"},
        {"foo": ["all", "cows", "eat", "grass"]},
    ),
    ({"baz": "qux"}, {"op": "test", "path": "/baz", "value": "qux"}, {"baz": "qux"}),
    ({"baz": "qux"}, {"op": "test", "path": "/baz", "value": "bar"}, None),
    ({"foo": "bar"}, {"op": "add", "path": "/child", "value": {"grand": {}}}, {"foo": "bar", "child": {"grand": {}}}),
    ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux", "xyz": 123}, {"foo": "bar", "baz": "qux"}),
    ({"foo": "bar"}, {"op": "add", "path": "/baz/bat", "value": "qux"}, None),
    ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": 10}, {"/": 9, "~1": 10}),
    ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": "10"}, None),
    ({"foo": ["bar"]}, {"op": "add", "path": "/foo/-", "value": ["abc", "def"]}, {"foo": ["bar", ["abc", "def"]]}),
]


@pytest.mark.parametrize(("before", "operation", "after"), RFC_6902)
def test_the_examples_of_rfc_6902(before: Any, operation: Any, after: Any) -> None:
    kept = copy.deepcopy(before)
    if after is None:
        with pytest.raises(ContentError) as refused:
            patched(before, [operation], EVERY, {})
        assert refused.value.status == 422
    else:
        assert patched(before, [operation], EVERY, {}) == after
    assert before == kept


@pytest.mark.parametrize(
    ("path", "status"),
    [("foo", 400), ("/foo~2", 400), (7, 400), ("/foo/01", 422), ("/foo/1e0", 422), ("/foo/9", 422), ("/foo/x", 422)],
)
def test_what_is_no_place(path: Any, status: int) -> None:
    with pytest.raises(ContentError) as refused:
        patched({"foo": [0, 1]}, [{"op": "remove", "path": path}], EVERY, {})
    assert refused.value.status == status


def test_a_true_is_no_one_and_copies_of_copies_end() -> None:
    with pytest.raises(ContentError):
        patched({"foo": True}, [{"op": "test", "path": "/foo", "value": 1}], EVERY, {})
    assert patched({"foo": 1}, [{"op": "test", "path": "/foo", "value": 1.0}], EVERY, {}) == {"foo": 1}
    doubling = [{"op": "copy", "from": "/a", "path": "/a/-"}] * MAX_OPERATIONS
    with pytest.raises(ContentError) as refused:
        patched({"a": ["x" * 100_000]}, doubling, EVERY, {})
    assert refused.value.status == 413
    with pytest.raises(ContentError):
        patched({"a": {"b": {}}}, [{"op": "move", "from": "/a", "path": "/a/b/c"}], EVERY, {})


# --- A document -------------------------------------------------------------------------------------------------------

NORMAL = Code("N", oids.HL7_CONFIDENTIALITY, "normal")
MASKED = Code("MASQUE_PS", oids.CONFIDENTIALITE_CISIS)
NOS = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
MASK = {"coding": [{"system": NOS, "code": "MASQUE_PS"}]}
ENTRY = document("1^^^&2.999&ISO", confidentiality_codes=(NORMAL,), logical_id="urn:uuid:0")
RESOURCE = write_document_reference(ENTRY, "")
APPROVED, DEPRECATED, ARCHIVED, DELETED = AvailabilityStatus


def _replace(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": path, "value": value}]


SEARCHED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/SearchParameter/PDSm-isArchived"


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        (_replace("/status", "superseded"), Changed((NORMAL,), DEPRECATED)),
        (_replace("/status", "entered-in-error"), Changed((NORMAL,), DELETED)),
        (_replace(f"/extension[url:'{IS_ARCHIVED}']/valueBoolean", True), Changed((NORMAL,), ARCHIVED)),
        (_replace(f"/extension[url:’{SEARCHED}’]/valueBoolean", True), Changed((NORMAL,), ARCHIVED)),
        (
            [{"op": "add", "path": "/extension/-", "value": {"url": IS_ARCHIVED, "valueBoolean": True}}],
            Changed((NORMAL,), ARCHIVED),
        ),
        (_replace("/securityLabel/0", MASK), Changed((NORMAL, MASKED), APPROVED)),
        (_replace("/securityLabel", [MASK, MASK]), Changed((NORMAL, MASKED), APPROVED)),
        ([{"op": "add", "path": "/securityLabel/-", "value": MASK}], Changed((NORMAL, MASKED), APPROVED)),
        (_replace("/status", "current"), Changed((NORMAL,), APPROVED)),
    ],
)
def test_what_patches_ask_for(patch: Any, expected: Changed) -> None:
    assert changed(ENTRY, RESOURCE, patch) == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "current", "x", IS_ARCHIVED]),
    lambda inside: (
        st.lists(inside, max_size=2) | st.dictionaries(st.sampled_from(["url", "coding", "valueBoolean"]), inside)
    ),
    max_leaves=5,
)
POINTERS = st.sampled_from(
    ["", "/", "/status", "/securityLabel", "/securityLabel/0", "/securityLabel/0/coding", "/extension", "/extension/-"]
) | st.sampled_from(
    ["/type", f"/extension[url:'{IS_ARCHIVED}']", f"/status[url:'{IS_ARCHIVED}']/x", "/status/0", "status", "/~2"]
)
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", None, []]), "path": POINTERS | VALUES},
    optional={"value": VALUES, "from": POINTERS},
)


@given(st.lists(OPERATIONS, min_size=1, max_size=4))
def test_whatever_is_asked_it_is_told_what_is_wrong_or_done(operations: Any) -> None:
    kept = copy.deepcopy(RESOURCE)
    try:
        changed(ENTRY, RESOURCE, operations)
    except ContentError as error:
        assert error.status in (400, 405, 413, 422)
    assert kept == RESOURCE


STEPS = st.sampled_from(
    ["DocumentReference", ".status", ".securityLabel", "[0]", ".coding", ".code", ".extension", ".value", ".first()"]
) | st.sampled_from(
    [f".where(url='{IS_ARCHIVED}')", f".extension('{IS_ARCHIVED}')", ".type", ".ofType(x)", "[9]", "Patient"]
)
PARTS = st.lists(
    st.sampled_from(
        [
            {"name": "name", "valueString": "securityLabel"},
            {"name": "name", "valueString": "extension"},
            {"name": "value", "valueCodeableConcept": MASK},
            {"name": "value", "valueCode": "superseded"},
            {
                "name": "value",
                "part": [{"name": "url", "valueUri": IS_ARCHIVED}, {"name": "value", "valueBoolean": True}],
            },
            {"name": "index", "valueInteger": 1},
            {"name": "source", "valueInteger": 0},
            {"name": "destination", "valueInteger": 2},
        ]
    ),
    max_size=4,
)


@given(st.sampled_from(["add", "insert", "delete", "replace", "move", "x"]), st.lists(STEPS, max_size=5), PARTS)
def test_whatever_path_it_is_told_what_is_wrong_or_done(kind: str, steps: list[str], parts: list[Any]) -> None:
    path = "".join(steps) or "x"
    said = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}, *parts]
    try:
        changed(ENTRY, RESOURCE, {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": said}]})
    except ContentError as error:
        assert error.status in (400, 405, 422)


def test_an_extension_is_added_by_fhirpath_patch_part_by_part() -> None:
    value = {
        "name": "value",
        "part": [{"name": "url", "valueUri": IS_ARCHIVED}, {"name": "value", "valueBoolean": True}],
    }
    said = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "DocumentReference"},
        {"name": "name", "valueString": "extension"},
        value,
    ]
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": said}]}
    assert changed(ENTRY, RESOURCE, patch) == Changed((NORMAL,), ARCHIVED)
