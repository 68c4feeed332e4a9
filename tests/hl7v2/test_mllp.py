"""Frames out of any cut of any stream. Source: HL7, Transport Specification: MLLP, Release 1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7v2.mllp import CR, EB, SB, Frames, FramingError, write_frame

MESSAGES = st.lists(st.binary(max_size=40).filter(lambda each: SB not in each and EB not in each), max_size=6)
CUTS = st.lists(st.integers(1, 25), min_size=1, max_size=20)


def fed(data: bytes, cuts: list[int], most: int = 1000) -> tuple[list[bytes], FramingError | None, Frames]:
    """What comes of `data` in pieces of those lengths, over and over."""
    frames, found, position, turn = Frames(most), list[bytes](), 0, 0
    while position < len(data):
        length = cuts[turn % len(cuts)]
        whole, error = frames.feed(data[position : position + length])
        found += whole
        if error is not None:
            return found, error, frames
        position, turn = position + length, turn + 1
    return found, None, frames


@given(MESSAGES, CUTS)
def test_what_is_written_is_read_however_it_is_cut(messages: list[bytes], cuts: list[int]) -> None:
    found, error, frames = fed(b"".join(map(write_frame, messages)), cuts)
    assert (found, error, frames.begun, frames.held) == (messages, None, False, 0)


@given(MESSAGES, CUTS, st.sampled_from([b"", b"\r", b"\n", b"\r\n", b" \t\r"]))
def test_an_end_without_its_carriage_return_is_an_end(messages: list[bytes], cuts: list[int], between: bytes) -> None:
    found, error, _ = fed(b"".join(SB + each + EB + between for each in messages), cuts)
    assert (found, error) == (messages, None)


@given(st.binary(max_size=200), CUTS)
def test_any_bytes_give_messages_or_one_fault_whatever_the_cut(data: bytes, cuts: list[int]) -> None:
    found, error, _ = fed(data, cuts)
    whole, at_once, _ = fed(data, [len(data) + 1])
    assert found == whole
    assert (error is None) == (at_once is None)
    assert all(SB not in each and EB not in each for each in found)


@pytest.mark.parametrize("cuts", [[1], [7], [1000]])
def test_what_cannot_be_trusted_is_a_fault_behind_what_was_whole(cuts: list[int]) -> None:
    good = write_frame(b"MSH|1")
    for bad in (b"MSH|2", SB + b"MSH" + SB + b"MSH|2" + EB + CR, SB + b"x" * 2000 + EB + CR):
        found, error, _ = fed(good + bad, cuts)
        assert found == [b"MSH|1"]
        assert error is not None
        assert "MSH" not in error.diagnostics()


def test_a_message_that_does_not_end_is_a_fault_as_soon_as_it_is_too_long() -> None:
    frames = Frames(1000)
    assert frames.feed(SB + b"x" * 900) == ([], None)
    assert (frames.begun, frames.held) == (True, 900)
    assert frames.feed(b"x" * 200)[1] is not None


def test_no_frame_holds_a_frame() -> None:
    for bad in (b"a\x0bb", b"a\x1cb"):
        with pytest.raises(FramingError):
            write_frame(bad)
