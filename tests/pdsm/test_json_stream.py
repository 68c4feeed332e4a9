"""JSON whose strings of one name leave as they come: whatever the pieces, the rest is the same JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdsm.json_stream import StringsApart
from schemas.strict_json import JsonError

BASE64 = st.text("ABCxyz059+/=\t\r\n ", max_size=40)
KEYS = st.sampled_from(["data", "dat", "data ", "url", 'da"ta', "d\\ata", "é"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from(["data", ":", '"', "\\"]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(KEYS, inside | BASE64, max_size=4),
    max_leaves=12,
)


class Texts:
    def __init__(self) -> None:
        self.taken: dict[str, str] = {}
        self.closed: list[str] = []

    def open_(self, number: str) -> Any:
        texts = self

        class Sink:
            def feed(self, text: str) -> None:
                texts.taken[number] = texts.taken.get(number, "") + text

            def close(self) -> None:
                texts.closed.append(number)

        return Sink()


def apart(text: bytes, size: int, most: int = 10**6) -> tuple[Any, dict[str, str]]:
    texts = Texts()
    stream = StringsApart("data", texts.open_, most)
    for start in range(0, len(text), size):
        stream.feed(text[start : start + size])
    kept = stream.close()
    assert sorted(texts.closed) == sorted(texts.taken)
    return json.loads(kept), texts.taken


def put_back(value: Any, taken: dict[str, str]) -> Any:
    """The value with each number that stands for a string replaced by that string."""
    if isinstance(value, dict):
        return {
            key: taken[each] if key == "data" and isinstance(each, str) and each else put_back(each, taken)
            for key, each in value.items()
        }
    return [put_back(each, taken) for each in value] if isinstance(value, list) else value


def ascii_data(value: Any) -> bool:
    """Whether strings named data are such as base64 is written in."""
    if isinstance(value, dict):
        return all(
            each.isascii() if key == "data" and isinstance(each, str) else ascii_data(each)
            for key, each in value.items()
        )
    return not isinstance(value, list) or all(map(ascii_data, value))


@given(VALUES.filter(ascii_data), st.integers(1, 9), st.booleans(), st.sampled_from([None, 2]))
def test_whatever_the_pieces_nothing_is_lost(value: Any, size: int, escaped: bool, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=escaped).encode()
    kept, taken = apart(text, size)
    assert put_back(kept, taken) == value


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("written", "text"),
    [
        (rb'{"data":"aGVs\/G8="}', "aGVs/G8="),
        (rb'{"d\u0061t\u0061" : "aG\u0056s\nbG8="}', "aGVs\nbG8="),
        (rb'{"\u0064\u0061\u0074\u0061"  :  "\u0061GVs"}', "aGVs"),
        (b'{"data"\n\t: "aGVs"}', "aGVs"),
    ],
)
def test_escapes_are_read_as_json_has_them(written: bytes, text: str, size: int) -> None:
    _, taken = apart(written, size)
    assert taken == {"00000001": text}


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    "written",
    [
        b'{"data":"aGVs\nbG8="}',
        b'{"data":"aGV\x00"}',
        b'{"data":"aGV\xc3\xa9"}',
        rb'{"data":"aGV\x"}',
        rb'{"data":"aGV\u12"}',
        b'{"data":"aGVs',
        b'{"data":"aGVs\\"}',
    ],
)
def test_what_is_no_string_is_refused(written: bytes, size: int) -> None:
    with pytest.raises((JsonError, json.JSONDecodeError)) as refused:
        apart(written, size)
    assert "aGV" not in str(refused.value)


@pytest.mark.parametrize(
    "written",
    [
        b'["data", "aGVs"]',
        b'{"a": ["data"], "b": "aGVs"}',
        b'{"a": "data", "b": 1}',
        b'{"data": ["x"]}',
        b'{"data": ""}',
    ],
)
def test_a_value_is_no_name_and_what_is_no_string_stays(written: bytes) -> None:
    assert apart(written, 3) == (json.loads(written), {})


def test_what_is_kept_is_bounded_and_what_leaves_is_not() -> None:
    kept, taken = apart(b'{"data":"' + b"A" * 10_000 + b'"}', 100, 40)
    assert (kept, len(taken["00000001"])) == ({"data": "00000001"}, 10_000)
    with pytest.raises(JsonError, match="at most 40 bytes"):
        apart(b'{"date":"' + b"A" * 10_000 + b'"}', 100, 40)
