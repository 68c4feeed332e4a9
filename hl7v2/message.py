"""The structure of a message: its segments in the order of the standard, and in each of them what must be there.

The standard is in the tables of hl7apy, one set for each version. Its own parser is not used: it takes seconds for
some hundred results, and refuses documents. Here a message is matched against the same tables in one pass, whatever its
size.

Segments of one's own (Z..) stand anywhere; PRT, which the CI-SIS takes from v2.9, stands after an OBX.

Source: HL7 v2.5 2.5 and 2.12 (chapter formatting conventions), as hl7apy has it; CI-SIS, volet Transmission d'un
document CDA-R2 en HL7v2 (PRT); IHE France, PAM national extension (ZBE, ZFA, ZFM, ZFD).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import hl7apy

from hl7v2.er7 import Message, Segment
from hl7v2.errors import Condition, Fault, Hl7Error, Location

VERSIONS = frozenset({"2.3.1", "2.4", "2.5", "2.5.1", "2.6"})
MOST_FAULTS = 100
_NAMED_BEFORE = {("2.3.1", "ADT_A05"): "ADT_A01"}  # HL7 v2.3.1 table 0354: A05, A14, A28, A31
_UNBOUNDED = -1
_VARIES = "varies"  # a parameter of a query, whose profile says how often it stands there
# What a value of these types looks like. Source: HL7 v2.5 2.A.
_FORMS = {
    "NM": re.compile(r"[+-]?[0-9]*\.?[0-9]+\.?"),
    "SI": re.compile(r"[0-9]{1,9}"),
    "DT": re.compile(r"[0-9]{4}(?:[0-9]{2}){0,2}"),
    "DTM": re.compile(r"[0-9]{4}(?:[0-9]{2}){0,5}(?:\.[0-9]{1,4})?(?:[+-][0-9]{4})?"),
}
_FORMS["TS"] = _FORMS["DTM"]


@dataclass(frozen=True, slots=True)
class Element:
    """A segment or a group of a structure: how often it stands there, and which segments it may begin with."""

    name: str
    least: int
    most: int
    children: tuple[Element, ...]
    begins: frozenset[str]

    @property
    def is_segment(self) -> bool:
        return not self.children


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What a version says of one field of a segment; `most` -1 for any number of repetitions."""

    least: int
    most: int
    type: str


def check_structure(message: Message, structure: str, version: str) -> None:
    """Raises Hl7Error with what is wrong with the structure of a message, at most MOST_FAULTS of it."""
    elements = structure_of(structure, version)
    if elements is None:
        raise Hl7Error.single(
            Condition.MESSAGE_TYPE, f"a message structure of v{version}", "another", message.msh.at(9, 3)
        )
    named = [each for each in message.segments if not each.name.startswith("Z")]
    faults: list[Fault] = []
    end = _match(elements, named, 0, faults)
    if end < len(named) and not faults:
        faults.append(_unexpected(named, end, structure))
    for segment in named:
        if len(faults) >= MOST_FAULTS:
            break
        faults += _field_faults(segment, version)
    if faults:
        raise Hl7Error(faults[:MOST_FAULTS])


@cache
def structure_of(structure: str, version: str) -> tuple[Element, ...] | None:
    """The elements of a message structure; None for one that the version does not have."""
    found = hl7apy.load_library(version).MESSAGES.get(_NAMED_BEFORE.get((version, structure), structure))
    return _elements(found) if found else None


def _elements(reference: Any) -> tuple[Element, ...]:
    return tuple(_element(name, inner, low, high, kind) for name, inner, (low, high), kind in reference[1])


def _element(name: str, reference: Any, least: int, most: int, kind: str) -> Element:
    if kind == "SEG":
        return Element(name, least, most, (), frozenset({name}))
    children = _elements(reference)
    begins: set[str] = set()
    for child in children:
        begins |= child.begins
        if child.least:
            break
    return Element(name, least, most, children, frozenset(begins))


def _match(elements: tuple[Element, ...], segments: list[Segment], start: int, faults: list[Fault]) -> int:
    """Takes as many of the segments from `start` on as the elements allow, and says where it stopped."""
    position = start
    for element in elements:
        count = 0
        while count != element.most and position < len(segments) and segments[position].name in element.begins:
            if element.is_segment:
                position += 1
                if element.name == "OBX":
                    position = _after_participations(segments, position)
            else:
                position = _match(element.children, segments, position, faults)
            count += 1
        if count < element.least:
            faults.append(_missing(element, segments, position))
            return len(segments)
    return position


def _after_participations(segments: list[Segment], position: int) -> int:
    while position < len(segments) and segments[position].name == "PRT":
        position += 1
    return position


def _missing(element: Element, segments: list[Segment], position: int) -> Fault:
    expected = " or ".join(sorted(element.begins))
    location = segments[position].at() if position < len(segments) else Location(sorted(element.begins)[0])
    return Fault(Condition.SEGMENT_SEQUENCE, f"expected {expected}, got another segment or the end", location)


def _unexpected(segments: list[Segment], position: int, structure: str) -> Fault:
    segment = segments[position]
    if segments[position - 1].name == segment.name:
        return Fault(Condition.CARDINALITY, "expected no other segment of this name here, got one", segment.at())
    expected = f"expected the end of {structure}, got another segment"
    return Fault(Condition.SEGMENT_SEQUENCE, expected, segment.at())


@cache
def _rules(segment: str, version: str) -> Mapping[int, FieldRule]:
    """The fields of a segment of a version, by number; none for a segment that it does not have."""
    library = hl7apy.load_library(version)
    found = library.SEGMENTS.get(segment)
    rules = {}
    for name, reference, (low, high), _kind in found[1] if found else ():
        type_ = reference[2] if reference[0] == "leaf" else ""
        if reference[0] != "leaf" and reference[1]:
            type_ = str(reference[1][0][0]).partition("_")[0]
        rules[int(name.rpartition("_")[2])] = FieldRule(low, high, type_)
    return rules


def _field_faults(segment: Segment, version: str) -> Iterator[Fault]:
    """What is missing, repeated or out of its form in the fields of a segment."""
    for number, rule in _rules(segment.name, version).items():
        if segment.name == "MSH" and number <= 2:
            continue
        if not segment.present(number):
            if rule.least:
                yield Fault(Condition.REQUIRED_FIELD, "expected a value, got none", segment.at(number))
            continue
        value = segment.raw(number)
        if isinstance(value, memoryview):
            continue
        found = segment.repetitions(number)
        if rule.most != _UNBOUNDED and rule.type != _VARIES and len(found) > rule.most:
            expected = f"expected at most {rule.most} repetition(s), got {len(found)}"
            yield Fault(Condition.CARDINALITY, expected, segment.at(number))
        form = _FORMS.get(rule.type)
        for repetition, text in enumerate(found, 1):
            said = segment.part(text)
            if form is not None and said and not form.fullmatch(said):
                where = segment.at(number, 1, repetition=repetition)
                yield Fault(Condition.DATA_TYPE, f"expected a value of type {rule.type}, got another", where)
