"""Registry objects survive the store's JSON without loss."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.body import from_json, to_json
from registry.metadata import Association, Author, AvailabilityStatus, Code, DocumentEntry, Folder, SubmissionSet
from tests.registry.samples import document


def whole(kind: type) -> st.SearchStrategy[Any]:
    """Objects of a dataclass with every field drawn, those with a default too."""
    return st.builds(kind, **dict.fromkeys((field.name for field in fields(kind)), ...))


st.register_type_strategy(Code, whole(Code))
st.register_type_strategy(Author, whole(Author))


@pytest.mark.parametrize("kind", [DocumentEntry, SubmissionSet, Folder, Association])
@given(st.data())
def test_round_trip(kind: type, data: st.DataObject) -> None:
    item = data.draw(whole(kind))
    text = to_json(item)
    assert asdict(from_json(kind, text)) == asdict(item)
    assert text.isascii()
    assert "\0" not in text


def test_defaults_are_left_out() -> None:
    assert not {"comments", "extra_slots", "version", "home_community_id"} & set(json.loads(to_json(document())))


def test_what_changed_since_comes_from_outside() -> None:
    entry = from_json(DocumentEntry, to_json(document()), {"availability_status": AvailabilityStatus.DEPRECATED})
    assert entry.availability_status is AvailabilityStatus.DEPRECATED
