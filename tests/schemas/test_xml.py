"""The one place where XML is parsed: what it refuses, what it keeps, and that both readers see the same document."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from schemas import xml
from schemas.xml import XmlError, condense, local_name, parse

CHUNK = 65536
LONG = 100 * 1024 * 1024
CONSTANT_MEMORY = 8 * 1024 * 1024


def everything(_path: xml.Path) -> bool:
    return True


def only_the_root(path: xml.Path) -> bool:
    return len(path) == 1


def both(data: bytes) -> None:
    """Both readers, one after the other."""
    condense([data], keep=everything)
    parse(data)


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", [parse, lambda data: condense([data], keep=everything)], ids=["parse", "condense"])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"text",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a b='1' b='2'/>",
        b"<a>\0</a>",
        b"<a>\x01</a>",
        b"<a>&#0;</a>",
        b"<a>&#xD800;</a>",
        b"<a>&nbsp;</a>",
        b"<a>\xed\xa0\x80</a>",
        b"<a>\xff</a>",
        b"<a b='<'/>",
        b"<a>]]></a>",
        b"<a:b/>",
        b"<a b:c='1'/>",
        b"<a><b xmlns:x='u'/><x:c/></a>",
        b"%PDF-1.7",
        "<a>\ud800</a>".encode("utf-16-le", "surrogatepass"),
        b"<?xml version='1.0' encoding='UTF-16'?><a/>",
        b"<?xml version='1.0' encoding='UTF-7'?><a>+AGE-</a>",
        b"<?xml version='1.0' encoding='windows-1252'?><a/>",
        b"<?xml version='1.0' encoding='unicode_escape'?><a>\\x41</a>",
        b"<?xml version='1.0' encoding='rot13'?><a/>",
        b"<?xml version='1.0' encoding='none-such'?><a/>",
        b"<!DOCTYPE a><a/>",
        b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
        b"<!DOCTYPE a [<!ENTITY b '0123456789'><!ENTITY c '&b;&b;&b;&b;'>]><a>&c;</a>",
        b"<!DOCTYPE a [<!ENTITY % b SYSTEM 'http://localhost/'> %b;]><a/>",
        b"<!DOCTYPE a [<!ATTLIST a b CDATA 'default'>]><a/>",
    ],
)
def test_what_is_no_plain_xml_is_an_xml_error(reader: object, data: bytes) -> None:
    with pytest.raises(XmlError) as refused:
        reader(data)  # type: ignore[operator]
    assert refused.value.expected
    assert refused.value.got
    assert "passwd" not in str(refused.value), "quotes nothing of the content"


def test_every_truncation_is_an_xml_error() -> None:
    whole = '<?xml version="1.0"?><a x="é"><!--c--><b><![CDATA[t]]></b><?p i?></a>'.encode()
    both(whole)
    for end in range(len(whole)):
        with pytest.raises(XmlError):
            parse(whole[:end])
        with pytest.raises(XmlError):
            condense([whole[:end]], keep=everything)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "ISO-8859-1", "ISO-8859-15"])
def test_the_encodings_of_the_field_are_read_alike(encoding: str) -> None:
    data = f'<?xml version="1.0" encoding="{encoding}"?><a b="É">Hélène</a>'.encode(encoding)
    for read in (parse(data), parse(condense(pieces(data, 3), keep=everything))):
        assert (read.text, read.get("b")) == ("Hélène", "É")


def test_a_document_is_as_long_as_allowed_and_no_longer() -> None:
    assert parse(b"<a/>", max_bytes=4).tag == "a"
    with pytest.raises(XmlError, match="at most 3 bytes"):
        parse(b"<a/>", max_bytes=3)
    with pytest.raises(XmlError, match="at most 8 bytes"):
        condense([b"<a><bb/></a>"], keep=everything, max_kept=8)


# --- What would hurt --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'<a b="', b'"/>'),
        (b"<", b"/>"),
        (b"<a><!--", b"--></a>"),
        (b"<!--", b"--><a/>"),
        (b"<a><?p ", b"?></a>"),
        (b"<a>&", b";</a>"),
        (b"<a></a", b"></a>"),
    ],
    ids=["attribute", "name", "comment", "comment before the root", "instruction", "reference", "end tag"],
)
def test_a_token_without_end_is_refused_in_constant_memory(before: bytes, after: bytes) -> None:
    """expat holds a whole token, and reads it again with every chunk."""
    read = 0

    def chunks() -> Iterator[bytes]:
        nonlocal read
        yield before
        for chunk in repeat(b"a" * CHUNK, LONG // CHUNK):
            read += len(chunk)
            yield chunk
        yield after

    tracemalloc.start()
    with pytest.raises(XmlError):
        condense(chunks(), keep=everything)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read <= xml.MAX_TOKEN_BYTES + 2 * CHUNK
    assert peak < CONSTANT_MEMORY


@pytest.mark.parametrize(
    ("before", "after"), [(b"<a><b>", b"</b></a>"), (b"<a><b><![CDATA[", b"]]></b></a>")], ids=["text", "CDATA"]
)
def test_text_of_any_length_passes_by_in_constant_memory(before: bytes, after: bytes) -> None:
    seen = 0

    def count(text: str) -> None:
        nonlocal seen
        seen += len(text)

    size = LONG // 4
    tracemalloc.start()
    chunks = chain([before], repeat(b"a" * CHUNK, size // CHUNK), [after])
    kept = condense(chunks, keep=everything, text_sink=lambda path, _: count if path == ("a", "b") else None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (kept, seen) == (b"<a><b></b></a>", size)
    assert peak < CONSTANT_MEMORY


def test_different_names_without_end_are_refused_even_where_nothing_is_kept() -> None:
    """A parser remembers every name that it has seen, and lxml does so for the life of the thread."""
    endless = chain([b"<a>"], (b"<b%x/>" % number for number in range(10**7)))
    with pytest.raises(XmlError, match="different names"):
        condense(endless, keep=only_the_root)
    with pytest.raises(XmlError, match="different names"):
        parse(b"<a>" + b"".join(b"<b%x/>" % number for number in range(xml.MAX_NAMES + 1)) + b"</a>" + b" " * CHUNK)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<a>" * 201 + b"</a>" * 201, "nested"),
        (b"<a " + b" ".join(b"xmlns:n%d='u'" % number for number in range(10_000)) + b"/>", "attributes"),
        (b"<a " + b" ".join(b"n%d=''" % number for number in range(201)) + b"/>", "attributes"),
        (b"<" + b"a" * 1001 + b"/>", "names of at most"),
        (b"<a><b " + b"c" * 1001 + b"=''/></a>", "names of at most"),
        (b"<a>" + b"<b/>" * xml.MAX_NODES + b"</a>", "elements and attributes"),
    ],
    ids=["depth", "namespaces", "attributes", "name", "attribute name", "elements"],
)
def test_what_grows_beyond_its_limit_is_refused(data: bytes, expected: str) -> None:
    with pytest.raises(XmlError, match=expected):
        condense(pieces(data, CHUNK), keep=everything)
    with pytest.raises(XmlError, match=expected):
        parse(data.ljust(xml.CHECKED_BYTES + 1))


def test_depth_counts_where_nothing_is_kept_as_well() -> None:
    with pytest.raises(XmlError, match="nested"):
        condense([b"<a>" * 201], keep=only_the_root)


# --- What is kept -----------------------------------------------------------------------------------------------------


def test_what_nobody_asked_for_is_dropped_with_all_it_holds() -> None:
    data = b"<p:a xmlns:p='u'>1<b>2<c>3</c></b>4<p:d e='&lt;&#10;'>5</p:d>6</p:a>"
    kept = condense([data], keep=lambda path: path in {("a",), ("a", "d")})
    assert kept == b'<p:a xmlns:p="u">14<p:d e="&lt;&#10;">5</p:d>6</p:a>'


def test_a_sink_gets_the_text_directly_in_its_element() -> None:
    got: list[str] = []
    kept = condense(
        [b"<a><t i='1'>one<u>two</u>three</t></a>"],
        keep=everything,
        text_sink=lambda path, attributes: got.append if path[-1] == "t" and attributes["i"] == "1" else None,
    )
    assert ("".join(got), kept) == ("onethree", b'<a><t i="1"><u>two</u></t></a>')


def test_what_a_sink_raises_comes_through() -> None:
    def full(_text: str) -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        condense([b"<a>text</a>"], keep=everything, text_sink=lambda _path, _attributes: full)


@pytest.mark.parametrize(
    ("tag", "name"), [("{u}a", "a"), ("p:a", "a"), ("a", "a"), ("p:", ""), (etree.Comment, ""), (None, "")]
)
def test_local_names(tag: object, name: str) -> None:
    assert local_name(tag) == name


# --- Both readers see the same document -------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "p:c", "q:d", "é", "_x.1-2"])
TEXTS = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cs", "Cc"], include_characters="\t\n\r", exclude_characters="\ufffe\uffff"
    ),
    max_size=20,
)
ATTRIBUTES = st.dictionaries(st.sampled_from(["m", "p:n", "é"]), TEXTS, max_size=3)
TREES = st.recursive(
    st.tuples(NAMES, ATTRIBUTES, st.lists(TEXTS, max_size=1)),
    lambda children: st.tuples(NAMES, ATTRIBUTES, st.lists(children | TEXTS, max_size=4)),
    max_leaves=20,
)


def escaped(text: str) -> str:
    return "".join(f"&#{ord(c)};" if c in '&<>"\r\n\t' else c for c in text)


def written(tree: Any, bound: str = "") -> str:
    if isinstance(tree, str):
        return escaped(tree)
    name, attributes, children = tree
    shown = "".join(f' {key}="{escaped(value)}"' for key, value in attributes.items())
    inside = "".join(written(child) for child in children)
    return f"<{name}{bound}{shown}>{inside}</{name}>"


@given(TREES, st.sampled_from(["UTF-8", "UTF-16"]), st.integers(1, 50))
def test_condensing_without_dropping_anything_changes_nothing(tree: Any, encoding: str, size: int) -> None:
    bound = ' xmlns="urn:0" xmlns:p="urn:1" xmlns:q="urn:2"'
    data = (f'<?xml version="1.0" encoding="{encoding}"?>' + written(tree, bound)).encode(encoding)
    kept = condense(pieces(data, size), keep=everything)
    assert etree.tostring(parse(kept), method="c14n") == etree.tostring(parse(data), method="c14n")


@given(TREES, st.sets(NAMES.map(local_name)))
def test_condensing_is_removing_the_subtrees(tree: Any, unwanted: set[str]) -> None:
    data = written(tree, ' xmlns:p="urn:1" xmlns:q="urn:2"').encode()
    kept = condense([data], keep=lambda path: len(path) == 1 or path[-1] not in unwanted)
    expected = parse(data)
    dropped = [each for each in expected.iter() if each is not expected and local_name(each.tag) in unwanted]
    for each in dropped:
        parent, before = each.getparent(), each.getprevious()
        if parent is None:
            continue
        if before is not None:
            before.tail = (before.tail or "") + (each.tail or "")
        else:
            parent.text = (parent.text or "") + (each.tail or "")
        parent.remove(each)
    assert etree.tostring(parse(kept), method="c14n") == etree.tostring(expected, method="c14n")


@given(st.binary(max_size=300) | TREES.map(lambda tree: written(tree).encode()), st.integers(1, 100))
def test_any_bytes_are_read_or_refused_however_they_are_cut(data: bytes, size: int) -> None:
    def outcome(cut: Iterator[bytes]) -> bytes | None:
        try:
            return condense(cut, keep=everything)
        except XmlError:
            return None

    whole, cut = outcome(iter([data])), outcome(pieces(data, size))
    assert whole == cut
    if whole is not None:
        parse(data)
