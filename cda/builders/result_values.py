"""What a laboratory found, as plain values, and the elements of HL7 V3 that they become.

A number stays the text that the laboratory wrote: its precision is part of the result.

Source: HL7 V3 data types (PQ, IVL, RTO, ST, CD, TS); CI-SIS, volet CR d'examens de biologie médicale 2024.01.
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from cda.builders.document import E
from cda.builders.parts import SYSTEM_NAMES, TYPE


@dataclass(frozen=True, slots=True)
class Coding:
    """A code. `scheme` is an OID, '' for a system that has only a name."""

    code: str
    label: str
    scheme: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class Concept:
    """Something that has a name, and the codes that mean it."""

    label: str
    codings: tuple[Coding, ...] = ()

    def of(self, scheme: str) -> Coding | None:
        """Its code in that system."""
        return next((each for each in self.codings if each.scheme == scheme), None)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as the laboratory prints it, and its UCUM code, '' for one that UCUM cannot say."""

    shown: str
    ucum: str


@dataclass(frozen=True, slots=True)
class Number:
    """A quantity; without a unit, a pure number."""

    number: str
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """What lies between two bounds, one of which may be ''. A bound that is `closed` belongs to it."""

    low: str = ""
    high: str = ""
    low_closed: bool = True
    high_closed: bool = True
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class Ratio:
    """Two numbers in proportion, as titres are: `sign` is what stands between them."""

    first: str
    second: str
    sign: str


@dataclass(frozen=True, slots=True)
class Text:
    """Words, in lines."""

    text: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A day or an instant, as a TS of HL7 V3, and as people read it."""

    time: str
    shown: str


Value = Number | Interval | Ratio | Text | Concept | Moment


def shown(value: Value) -> str:
    """A value as people read it."""
    match value:
        case Number():
            return _with_unit(value.number, value.unit)
        case Interval():
            return _with_unit(_bounds(value), value.unit)
        case Ratio():
            return f"{value.first}{value.sign}{value.second}"
        case Text():
            return value.text
        case Concept():
            return value.label
        case Moment():
            return value.shown


def value_element(value: Value, anchor: str) -> etree._Element:
    """A value of an observation; `anchor` is where the narrative says it."""
    match value:
        case Number():
            return _number(value)
        case Interval():
            return E.value(*_limits(value), **{TYPE: "IVL_PQ"}) if _sayable(value.unit) else _said(shown(value))
        case Ratio():
            return E.value(
                E.numerator(value=value.first, **{TYPE: "INT"} if value.first.isdecimal() else {TYPE: "REAL"}),
                E.denominator(value=value.second, **{TYPE: "INT"} if value.second.isdecimal() else {TYPE: "REAL"}),
                **{TYPE: "RTO"},
            )
        case Text():
            return E.value(value.text, **{TYPE: "ST"})
        case Concept():
            made = code_element("value", value, anchor)
            made.set(TYPE, "CD")
            return made
        case Moment():
            return E.value(**{TYPE: "TS", "value": value.time})


def interval_element(value: Interval) -> etree._Element:
    """A reference interval; in words where UCUM does not know its unit."""
    return (
        E.value(*_limits(value), **{TYPE: "IVL_PQ"}) if _sayable(value.unit) else E.value(shown(value), **{TYPE: "ST"})
    )


def code_element(name: str, concept: Concept, anchor: str, *schemes: str) -> etree._Element:
    """A code, its text in the narrative, its other codes as translations.

    Of `schemes` only is the code itself, where they are named: what is of another is a translation.
    """
    first = next((each for each in concept.codings if each.scheme and (not schemes or each.scheme in schemes)), None)
    if first is None and not schemes:
        first = next(iter(concept.codings), None)
    original = E.originalText(E.reference(value=f"#{anchor}"))
    others = [E.translation(**_coded(each)) for each in concept.codings if each is not first]
    return E(name, original, *others, **(_coded(first) if first else {}))


def _coded(coding: Coding) -> dict[str, str]:
    system = SYSTEM_NAMES.get(coding.scheme, coding.system)
    found = {
        "code": coding.code,
        "codeSystem": coding.scheme,
        "codeSystemName": system,
        "displayName": coding.label or coding.code,
    }
    return {name: value for name, value in found.items() if value}


def _number(value: Number) -> etree._Element:
    if not _sayable(value.unit):
        return _said(shown(value))
    return E.value(**{TYPE: "PQ", "value": value.number, **_unit(value.unit)})


def _said(text: str) -> etree._Element:
    """A quantity whose unit UCUM does not know: what the laboratory wrote."""
    return E.value(E.translation(E.originalText(text)), **{TYPE: "PQ", "nullFlavor": "OTH"})


def _limits(value: Interval) -> list[etree._Element]:
    bounds = (("low", value.low, value.low_closed), ("high", value.high, value.high_closed))
    return [
        E(name, value=bound, inclusive="true" if closed else "false", **_unit(value.unit))
        for name, bound, closed in bounds
        if bound
    ]


def _sayable(unit: Unit | None) -> bool:
    return unit is None or bool(unit.ucum)


def _unit(unit: Unit | None) -> dict[str, str]:
    return {"unit": unit.ucum} if unit else {}


def _bounds(value: Interval) -> str:
    if value.low and value.high:
        return f"{value.low} - {value.high}"
    if value.low:
        return f"{'≥' if value.low_closed else '>'} {value.low}"
    return f"{'≤' if value.high_closed else '<'} {value.high}"


def _with_unit(text: str, unit: Unit | None) -> str:
    return f"{text} {unit.shown}" if unit else text
