"""The ids that the registry assigns."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from registry.existing import is_uuid, time_ordered_uuid
from tests.registry.samples import NOW


@given(st.integers(0, 10**9), st.integers(0, 4095))
def test_assigned_uuids_are_ordered_by_time_then_by_place(seconds: int, ordinal: int) -> None:
    now = time_ordered_uuid(NOW + timedelta(seconds=seconds), ordinal)
    later = time_ordered_uuid(NOW + timedelta(seconds=seconds, milliseconds=1), 0)
    assert is_uuid(now)
    assert now[23] == "7"
    assert now < later
    assert ordinal == 4095 or now < time_ordered_uuid(NOW + timedelta(seconds=seconds), ordinal + 1)
