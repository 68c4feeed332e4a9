"""Bodies held to our schemas as the door would: what is told of a breach, and what is never quoted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ihe_wire import envelope, inline, provide, retrieve, stored_query, xop
from lxml import etree

from ihe.schema_check import MAX_TOLD, violations
from ihe.soap import read_envelope
from schemas.xml import parse

SECRET = "Durand 1750199000001"


def body(message: bytes) -> etree._Element:
    return read_envelope(message).body


@pytest.mark.parametrize(
    "message",
    [
        stored_query(),
        retrieve("1", "2", home="urn:oid:1"),
        provide(inline("Document01", b"hello")),
        provide(xop("Document01", "cid:1"), xop("Document02", "cid:2")),
    ],
)
def test_requests_in_order(message: bytes) -> None:
    assert violations(body(message)) == ()


def test_an_include_is_still_there_afterwards() -> None:
    request = body(provide(xop("Document01", "cid:1"), xop("Document02", "cid:2")))
    before = etree.tostring(request)
    violations(request)
    assert etree.tostring(request) == before


def test_an_include_elsewhere_is_no_document() -> None:
    include = '<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:1"/>'
    request = body(provide())
    (objects,) = request.iter("{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}RegistryObjectList")
    objects.append(parse(include.encode()))
    (told,) = violations(request)
    assert told.startswith("Include: This element is not expected")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (stored_query(return_type=SECRET), "ResponseOption/@returnType: expected a value by the schema"),
        (retrieve("x" * 257), "DocumentUniqueId: [facet 'maxLength']"),
        (envelope("urn:a", "<other/>"), "other: No matching global declaration"),
        (stored_query(query_id=f"http://[{SECRET}"), "AdhocQuery/@id: expected a value by the schema"),
        (provide(inline("Document01", f"{SECRET}=")), "Document: expected a value by the schema"),
    ],
)
def test_breaches_are_told_without_values(message: bytes, told: str) -> None:
    found = violations(body(message))
    assert any(each.startswith(told) for each in found), found
    assert not any(SECRET in each for each in found)


@given(value=st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=9))
def test_no_value_is_ever_quoted(value: str) -> None:
    request = parse(f'<a xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0">{value}</a>'.encode())
    for name in ("RegistryResponse", "RegistryErrorList"):
        request.tag = f"{{urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0}}{name}"
        found = violations(request)
        assert found
        assert not any(value in each for each in found)


def test_not_more_is_told_than_anybody_reads() -> None:
    request = parse(b'<r:RegistryResponse xmlns:r="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"/>')
    for number in range(MAX_TOLD * 2):
        request.set(f"a{number}", "")
    assert len(violations(request)) == MAX_TOLD


def test_a_message_brings_no_schema_of_its_own() -> None:
    """An xsi:schemaLocation is not followed: what it would declare stays unknown. Source: XML Schema Part 1 §4.3.2."""
    hint = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="urn:x file:///dev/null"'
    (told,) = violations(parse(f'<x xmlns="urn:x" {hint}/>'.encode()))
    assert told.startswith("x: No matching global declaration")


def test_threads_do_not_mix_what_they_found() -> None:
    good, bad = stored_query(), stored_query(return_type="All")

    def judge(number: int) -> bool:
        return len(violations(body(bad if number % 2 else good))) == number % 2

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(judge, range(400)))
