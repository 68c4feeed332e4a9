"""What a laboratory says in OBX is what its report says: every value, unit, flag, range and code, of any content.

The report is read here by its elements alone, so that no misreading of ours sits on both sides.

Source: HL7 v2.5 7.4.2 (OBX), 2.7 (escape sequences); CI-SIS, volet CR d'examens de biologie médicale 2024.01.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from hl7v2.er7 import Syntax
from repository.files import LocalFiles
from schemas import oids, xml
from tests.hl7v2.lab_vectors import IONOGRAM, Reports, oru, segment
from tests.hl7v2.test_answering import Hall

V3 = {"c": "urn:hl7-org:v3"}
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
SYNTAX = Syntax()
WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="\ufffe\uffff"), min_size=1
).filter(lambda text: text != '""')
CODES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20).filter(
    lambda text: text != '""'
)
NUMBERS = st.from_regex(r"-?[0-9]{1,9}(\.[0-9]{1,6})?", fullmatch=True, alphabet=st.characters(codec="ascii"))
UNITS = {
    "mmol/L": "mmol/L",
    "mmol/l": "mmol/l",
    "µg/l": "ug/l",
    "10*9/L": "10*9/L",
    "%": "%",
    "UI/L": "",
    "G/L": "",
    "": "",
}
FLAGS = ("", "L", "H", "HH", "N", "A", ">", "POS")


@dataclass(frozen=True)
class Said:
    """Fields of an OBX, and what the elements of its result must say."""

    fields: dict[int, str]
    told: dict[str, object]


def esc(text: str) -> str:
    return SYNTAX.escaped(text)


@st.composite
def measured(draw: Callable[..., object]) -> Said:
    number, unit = str(draw(NUMBERS)), str(draw(st.sampled_from(sorted(UNITS))))
    code = UNITS[unit]
    if unit and not code:
        value = ("PQ", {"nullFlavor": "OTH"}, f"{number} {unit}")
    else:
        value = ("PQ", {"value": number, **({"unit": code} if code else {})}, "")
    return Said({2: "NM", 5: number, 6: unit}, {"values": [value]})


@st.composite
def compared(draw: Callable[..., object]) -> Said:
    number, sign = str(draw(NUMBERS)), str(draw(st.sampled_from(("<", "<=", ">", ">="))))
    bound = {"value": number, "inclusive": "true" if "=" in sign else "false"}
    low = sign.startswith(">")
    return Said({2: "SN", 5: f"{sign}^{number}"}, {"values": [("IVL_PQ", {"low" if low else "high": bound}, "")]})


@st.composite
def worded(draw: Callable[..., object]) -> Said:
    texts = draw(st.lists(WORDS, min_size=1, max_size=3))
    assert isinstance(texts, list)
    kind = str(draw(st.sampled_from(("ST", "TX", "FT"))))
    return Said({2: kind, 5: "~".join(map(esc, texts))}, {"values": [("ST", {}, each) for each in texts]})


@st.composite
def coded(draw: Callable[..., object]) -> Said:
    code, label, own = str(draw(CODES)), str(draw(WORDS)), str(draw(CODES))
    value = {"code": code, "codeSystem": oids.SNOMED_CT, "displayName": label}
    kind = str(draw(st.sampled_from(("CE", "CWE"))))
    return Said(
        {2: kind, 5: f"{esc(code)}^{esc(label)}^SCT^{esc(own)}^{esc(label)}^99LAB"},
        {"values": [("CD", value, "")], "translation": own},
    )


@st.composite
def observations(draw: Callable[..., object]) -> Said:
    said = draw(st.one_of(measured(), compared(), worded(), coded()))
    assert isinstance(said, Said)
    local, label, flag, comment = (str(draw(each)) for each in (CODES, WORDS, st.sampled_from(FLAGS), WORDS))
    normal = str(draw(WORDS))
    fields = {3: f"{esc(local)}^{esc(label)}^99LAB", 7: esc(normal), 8: esc(flag), 11: "F", **said.fields}
    return Said(
        fields, {**said.told, "local": local, "label": label, "flag": flag, "comment": comment, "normal": normal}
    )


@settings(max_examples=10, deadline=None)
@given(st.lists(observations(), min_size=1, max_size=4))
def test_every_value_in_is_a_value_out(said: list[Said]) -> None:
    check(said)


@pytest.mark.long
@settings(max_examples=400, deadline=None)
@given(st.lists(observations(), min_size=1, max_size=8))
def test_every_value_of_many_in_is_a_value_out(said: list[Said]) -> None:
    check(said)


def check(said: list[Said]) -> None:
    """Sends those observations, and reads the report that they become."""
    lines = [IONOGRAM]
    for number, each in enumerate(said, 1):
        lines.append(segment("OBX", {1: str(number), 4: str(number), **each.fields}))
        lines.append(f"NTE|1||{esc(str(each.told['comment']))}")
    with tempfile.TemporaryDirectory() as folder:
        reports = Reports(Hall(LocalFiles(Path(folder) / "documents")).door)
        ack = reports.send(oru(*lines))
        assert ack.accepted, ack.raw
        root = xml.parse(reports.documents[0])
    texts = {element.get("ID"): "".join(map(str, element.itertext())) for element in root.iter() if element.get("ID")}
    results = root.xpath("//c:organizer[@classCode='BATTERY']/c:component/c:observation", namespaces=V3)
    assert len(results) == len(said)
    for result, each in zip(results, said, strict=True):
        told = each.told
        values = result.findall("c:value", V3)
        found = [(value.get(TYPE), _attributes(value), _text(value)) for value in values]
        expected = told["values"]
        assert isinstance(expected, list)
        assert [kind for kind, _, _ in found] == [kind for kind, _, _ in expected]
        for (_, has, text), (_, wanted, words) in zip(found, expected, strict=True):
            assert {name: has.get(name) for name in wanted} == wanted
            assert text == words
        assert [each.get("code") for each in result.findall("c:interpretationCode", V3)] == (
            [told["flag"]] if told["flag"] else []
        )
        assert result.find("c:code/c:translation", V3).get("code") == told["local"]
        anchor = result.find("c:code/c:originalText/c:reference", V3).get("value")[1:]
        assert texts[anchor].startswith(str(told["label"]))
        assert result.find("c:referenceRange/c:observationRange/c:text", V3).text == told["normal"]
        (comment,) = result.findall("c:entryRelationship/c:act/c:text/c:reference", V3)
        assert texts[comment.get("value")[1:]] == told["comment"]
        if "translation" in told:
            assert values[0].find("c:translation", V3).get("code") == told["translation"]


def _attributes(value: etree._Element) -> dict[str, object]:
    """The attributes of a value, and of its bounds."""
    bounds = {
        name: dict(found.attrib) for name in ("low", "high") if (found := value.find(f"c:{name}", V3)) is not None
    }
    return {**{str(name): each for name, each in value.attrib.items()}, **bounds}


def _text(value: etree._Element) -> str:
    original = value.find("c:translation/c:originalText", V3)
    if value.get(TYPE) == "ST":
        return value.text or ""
    return (original.text or "") if original is not None else ""
