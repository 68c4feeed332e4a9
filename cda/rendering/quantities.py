"""Numbers and units of HL7 V3 as people read them in France.

Source: HL7 V3 data types §2.24 (PQ); UCUM, case sensitive.
"""

from __future__ import annotations

import re

from lxml import etree

from cda.rendering.reading import attribute, child

_UNITS = {
    "1": "",
    "Cel": "°C",
    "mm[Hg]": "mmHg",
    "[pH]": "",
    "h": "h",
    "min": "min",
    "s": "s",
    "d": "jour",
    "wk": "semaine",
    "mo": "mois",
    "a": "an",
    "[drp]": "goutte",
    "[diop]": "dioptrie",
    "deg": "°",
}
_COUNTED = frozenset({"jour", "semaine", "an", "goutte", "dioptrie"})
_SUPERSCRIPT = str.maketrans("0123456789-+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ ")


def quantity(element: etree._Element | None) -> str:
    """A PQ, INT or REAL: the number, and its unit in words or letters that are in use."""
    number = attribute(element, "value")
    return plural(number, attribute(element, "unit")) if number else ""


def plural(number: str, code: str) -> str:
    """`12 jours`, `1,95 mUI/L`."""
    said = unit(code)
    many = said in _COUNTED and re.fullmatch("[01](?:[.,][0-9]*)?", number.lstrip("-")) is None
    return f"{decimal(number)} {said}{'s' if many else ''}".strip()


def decimal(number: str) -> str:
    """The number with a decimal comma, and no other change: its precision is part of the result."""
    return number.replace(".", ",") if re.fullmatch(r"[+-]?[0-9]*\.?[0-9]*", number) else number


def unit(code: str) -> str:
    """A UCUM unit as it is written in France."""
    if code in _UNITS:
        return _UNITS[code]
    said = re.sub(r"\[[iI]U\]", "UI", code).replace("[Hg]", "Hg")
    said = re.sub(r"10[*^]([+-]?[0-9]{1,3})", lambda found: "10" + found[1].translate(_SUPERSCRIPT).strip(), said)
    said = re.sub(r"(^|[/.])u(?=[a-zA-Z])", r"\1µ", said)
    said = re.sub(r"^\{([^{}]*)\}", r"\1", said)
    return re.sub(r"\{[^{}]*\}", "", re.sub(r"\[([^\[\]]*)\]", r"\1", said)).replace("*", "·")


def limits(element: etree._Element | None) -> str:
    """An interval of quantities: `0,27 à 4,2 mUI/L`, `≥ 3`, `< 5`."""
    low, high = child(element, "low"), child(element, "high")
    below, above = attribute(low, "value"), attribute(high, "value")
    if below and above:
        same = attribute(low, "unit") == attribute(high, "unit")
        return f"{decimal(below) if same else quantity(low)} à {quantity(high)}"
    if below:
        return f"{'>' if attribute(low, 'inclusive') == 'false' else '≥'} {quantity(low)}"
    if above:
        return f"{'<' if attribute(high, 'inclusive') == 'false' else '≤'} {quantity(high)}"
    return ""
