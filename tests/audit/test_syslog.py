"""Syslog: the examples of RFC 5424, what is written and read again, and streams of strangers."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.syslog import BOM, MSGID, PRIORITY, Frames, SyslogError, read_syslog, write_frame, write_syslog

INSTANT = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
MOST = 1000

# RFC 5424 §6.5, each with what its parts are.
EXAMPLES = (
    (
        b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed on /dev/pts/8",
        (34, "mymachine.example.com", "su", "-", "ID47", b"-", b"'su root' failed on /dev/pts/8"),
    ),
    (
        b"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
        (165, "192.0.2.1", "myproc", "8710", "-", b"-", b"%% It's time to make the do-nuts."),
    ),
    (
        b"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "
        b'[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"] \xef\xbb\xbfAn application event',
        (
            165,
            "mymachine.example.com",
            "evntslog",
            "-",
            "ID47",
            b'[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"]',
            b"An application event",
        ),
    ),
    (
        b"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "
        b'[exampleSDID@32473 iut="3"][examplePriority@32473 class="high \\] \\" \\\\"]',
        (
            165,
            "mymachine.example.com",
            "evntslog",
            "-",
            "ID47",
            b'[exampleSDID@32473 iut="3"][examplePriority@32473 class="high \\] \\" \\\\"]',
            b"",
        ),
    ),
)


@pytest.mark.parametrize(("data", "parts"), EXAMPLES)
def test_the_examples_of_the_standard(data: bytes, parts: tuple[object, ...]) -> None:
    read = read_syslog(data)
    found = (read.priority, read.host, read.app, read.process, read.msgid, read.structured_data, read.message)
    assert found == parts


def test_a_time_stamp_keeps_its_zone_and_may_be_missing() -> None:
    zone = timezone(timedelta(hours=-7))
    assert read_syslog(EXAMPLES[1][0]).instant == datetime(2003, 8, 24, 5, 14, 15, 3, tzinfo=zone)
    assert read_syslog(b"<0>1 - - - - - -").instant is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<AuditMessage/>",
        b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed",  # RFC 3164
        b"<192>1 - - - - - -",
        b"<034>1 - - - - - -",
        b"<34>2 - - - - - -",
        b"<34>1 - - - - -",
        b"<34>1 2003-10-11 22:14:15Z - - - - -",
        b"<34>1 2003-10-11T24:14:15Z - - - - -",
        b"<34>1 2003-13-11T22:14:15Z - - - - -",
        b"<34>1 2003-10-11t22:14:15z - - - - -",
        b"<34>1 2003-10-11T22:14:15.1234567Z - - - - -",
        b"<34>1 - h\xc3\xa9 - - - -",
        b"<34>1 - - - - - x",
        b"<34>1 - - - - - -x",
        b"<34>1 - - - - - [a b]",
        b'<34>1 - - - - - [a b="c" ]',
        b'<34>1 - - - - - [a b="c"',
        b"<34>1  - - - - -",
        b"<34>1 - " + b"h" * 256 + b" - - - -",
    ],
)
def test_what_the_grammar_does_not_know_is_refused(data: bytes) -> None:
    with pytest.raises(SyslogError):
        read_syslog(data)


def test_an_audit_message_is_written_as_the_profile_says() -> None:
    written = write_syslog("<é/>".encode(), instant=INSTANT, host="dmp.example", app="open-dmp")
    assert (
        written == b"<85>1 2026-01-02T03:04:05.678900Z dmp.example open-dmp - IHE+RFC-3881 - " + BOM + "<é/>".encode()
    )


@given(st.binary(), st.text(), st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_again(message: bytes, host: str, instant: datetime) -> None:
    read = read_syslog(write_syslog(message, instant=instant, host=host, app="a"))
    assert (read.message, read.priority, read.instant) == (message, PRIORITY, instant)
    assert read.msgid.encode() == MSGID


@given(st.binary())
def test_nothing_that_comes_makes_it_fail_otherwise(data: bytes) -> None:
    for start in (b"", b"<85>1 - - - - - ", b"<85>1 - - - - - ["):
        try:
            read_syslog(start + data)
        except SyslogError:
            continue


def test_reading_takes_time_in_proportion_to_what_came() -> None:
    """Structured data of a million parameters, cut off: an expression that went back would never end."""
    with pytest.raises(SyslogError):
        read_syslog(b"<85>1 - - - - - [a" + b' b="\\"c"' * 100_000)


# --- Streams ----------------------------------------------------------------------------------------------------------


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(bounds)]


@given(st.lists(st.binary(min_size=1, max_size=MOST)), st.lists(st.integers(min_value=0)))
def test_messages_come_out_as_they_went_in_however_they_are_cut(messages: list[bytes], places: list[int]) -> None:
    frames, found = Frames(most_bytes=MOST), list[bytes]()
    for piece in cut(b"".join(map(write_frame, messages)), places):
        whole, error = frames.feed(piece)
        assert error is None
        found += whole
    assert found == messages
    assert not frames.begun


@given(st.lists(st.binary(min_size=1, max_size=50)), st.lists(st.integers(min_value=0)))
def test_a_line_is_a_message_where_that_is_allowed(texts: list[bytes], places: list[int]) -> None:
    messages = [b"<85>1 " + text.replace(b"\n", b"") for text in texts]
    stream = b"".join(write_frame(each) if len(each) % 2 else each + b"\n" for each in messages)
    frames, found = Frames(most_bytes=MOST, newline=True), list[bytes]()
    for piece in cut(stream, places):
        whole, error = frames.feed(piece)
        assert error is None
        found += whole
    assert found == messages


@given(st.binary(), st.lists(st.integers(min_value=0)), st.booleans())
def test_of_any_stream_no_more_is_kept_than_one_message(data: bytes, places: list[int], newline: bool) -> None:
    frames = Frames(most_bytes=20, newline=newline)
    for piece in cut(data, places):
        whole, error = frames.feed(piece)
        assert all(len(each) <= 20 for each in whole)
        if error is not None:
            return
        assert len(frames._kept) <= 20 + 9


@pytest.mark.parametrize(
    "data",
    [
        b"<85>1 - - - - - -\n",  # a newline at the end is not what RFC 5425 says
        b"05 hello",
        b"0 ",
        b"-5 hello",
        b" hello",
        b"1001 ",
        b"99999999 ",
        b"999999999",
        b"5\thello",
        "٥ hello".encode(),
    ],
)
def test_a_stream_without_lengths_ends_there(data: bytes) -> None:
    good = write_frame(b"good")
    assert Frames(most_bytes=MOST).feed(good + data)[0] == [b"good"]
    assert Frames(most_bytes=MOST).feed(good + data)[1] is not None


def test_a_line_without_end_is_too_long() -> None:
    frames = Frames(most_bytes=MOST, newline=True)
    assert frames.feed(b"<" * MOST) == ([], None)
    assert frames.feed(b"<")[1] is not None
