"""Results of laboratories, gathered from the entries of a document: a table, and the points of a course over time.

Source: CI-SIS, volet CR d'examens de biologie médicale; IHE PaLM TF-3 §6.3 (XD-LAB, Laboratory Observation).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from lxml import etree

from cda.rendering.dates import instant, timestamp
from cda.rendering.markup import Content, hidden, tag
from cda.rendering.quantities import limits, unit
from cda.rendering.reading import HL7, Source, attribute, child, children, has_template, name_of, text_of
from cda.rendering.values import code_text, interpretation_text, original_text, value_text
from schemas import oids

_HIGH, _LOW = ("H", "HH", "HU", "HX", ">"), ("L", "LL", "LU", "LX", "<")
_CRITICAL = ("HH", "LL", "AA")
_ABNORMAL = (*_HIGH, *_LOW, "A", "AA", "POS", "R", "DET")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,15}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})")


@dataclass(frozen=True, slots=True)
class Result:
    """One result. `number`, `low` and `high` are None where it is not measured; `flags` are codes and their words."""

    chapter: str
    name: str
    key: tuple[str, ...]  # code, system, unit, specimen: results of the same key can be compared
    text: str
    time: str
    at: datetime | None
    number: float | None
    unit: str
    low: float | None
    high: float | None
    ranges: tuple[str, ...]
    flags: tuple[tuple[str, str], ...]
    earlier: bool = False

    @property
    def abnormal(self) -> bool:
        """Whether its flag, or its range, says that it is out of the ordinary."""
        if self.flags:
            return any(code in _ABNORMAL for code, _ in self.flags)
        if self.number is None:
            return False
        return (self.low is not None and self.number < self.low) or (self.high is not None and self.number > self.high)


def results(source: Source) -> list[Result]:
    """Every result of a document, in its order; a former one behind the one that it is compared to."""
    found: list[Result] = []
    for entry in source.root.iter(f"{HL7}entry"):
        for observation in entry.iter(f"{HL7}observation"):
            if has_template(observation, oids.TEMPLATE_LAB_OBSERVATION):
                found += _with_former(observation, source)
    return found


def table(found: Sequence[Result], caption: str) -> etree._Element:
    """Results by chapter: each with its range and what it means."""
    current = [each for each in found if not each.earlier]
    heads = ("Examen", "Résultat", "Valeurs de référence", "Interprétation", "Date")
    bodies = [
        tag(
            "tbody",
            tag("tr", tag("th", chapter or "Examens", scope="rowgroup", colspan=str(len(heads)), class_="chapitre")),
            [_row(each) for each in group],
        )
        for chapter, group in groupby(current, lambda each: each.chapter)
    ]
    made = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads])),
        bodies,
        class_="resultats",
    )
    return tag("div", made, class_="defile", role="group", tabindex="0", aria_label=caption)


def series(reports: Iterable[Iterable[Result]]) -> list[list[Result]]:
    """Results that can be compared, each course in the order of time: of two or more points, one for each moment."""
    courses: dict[tuple[str, ...], dict[datetime, Result]] = {}
    for report in reports:
        for each in report:
            if each.number is not None and each.at is not None and each.key[0]:
                courses.setdefault(each.key, {}).setdefault(each.at, each)
    return [[course[at] for at in sorted(course)] for course in courses.values() if len(course) > 1]


def _with_former(observation: etree._Element, source: Source) -> Iterator[Result]:
    found = _result(observation, source)
    if found is None:
        return
    yield found
    for relation in children(observation, "entryRelationship"):
        if relation.get("typeCode") == "REFR":
            for former in children(relation, "observation"):
                if (earlier := _result(former, source, like=found)) is not None:
                    yield earlier


def _result(observation: etree._Element, source: Source, *, like: Result | None = None) -> Result | None:
    """A result; None for an observation without a value. `like` is the one that a former result stands with."""
    values = children(observation, "value")
    text = ", ".join(filter(None, (value_text(each, source) for each in values)))
    if not text:
        return None
    code, first = child(observation, "code"), values[0]
    time = attribute(observation, "value", "effectiveTime") or attribute(observation, "value", "effectiveTime", "low")
    normal = _normal_range(observation)
    own = _ranges(observation, source)
    return Result(
        chapter=_chapter(observation, source),
        name=like.name if like else original_text(code, source) or code_text(code, source) or "Examen",
        key=(
            attribute(code, "code"),
            attribute(code, "codeSystem"),
            attribute(first, "unit"),
            next(filter(None, (_specimen(each, source) for each in observation.iterancestors(f"{HL7}organizer"))), ""),
        ),
        text=text,
        time=time,
        at=instant(time),
        number=_number(first),
        unit=unit(attribute(first, "unit")),
        low=_number(child(normal, "low")),
        high=_number(child(normal, "high")),
        ranges=own,
        flags=tuple(
            (attribute(each, "code"), interpretation_text(each, source))
            for each in children(observation, "interpretationCode")
        ),
        earlier=like is not None,
    )


def _ranges(observation: etree._Element, source: Source) -> tuple[str, ...]:
    said = []
    for each in children(observation, "referenceRange", "observationRange"):
        value = child(each, "value")
        label = text_of(each, "text") or code_text(child(each, "code"), source)
        bounds = limits(value) or value_text(value, source)
        said.append(" : ".join(filter(None, (label if label != bounds else "", bounds))))
    return tuple(filter(None, said))


def _normal_range(observation: etree._Element) -> etree._Element | None:
    """The range of what is normal: so marked, else the only one."""
    found = children(observation, "referenceRange", "observationRange")
    marked = [each for each in found if attribute(each, "code", "interpretationCode") == "N"]
    chosen = marked or (found if len(found) == 1 else [])
    return child(chosen[0], "value") if chosen else None


def _number(element: etree._Element | None) -> float | None:
    text = attribute(element, "value")
    return float(text) if _NUMBER.fullmatch(text) else None


def _chapter(observation: etree._Element, source: Source) -> str:
    """What a result stands in, from outside in: sections, batteries, the isolate that it is about."""
    names = []
    for each in observation.iterancestors():
        if name_of(each) == "section":
            names.append(text_of(each, "title") or code_text(child(each, "code"), source))
        elif name_of(each) == "organizer":
            names.append(_specimen(each, source) or code_text(child(each, "code"), source))
    return " › ".join(dict.fromkeys(filter(None, reversed(names))))


def _specimen(organizer: etree._Element, source: Source) -> str:
    """The isolate of an organizer, as the laboratory calls it."""
    code = child(organizer, "specimen", "specimenRole", "specimenPlayingEntity", "code")
    return original_text(code, source) or code_text(code, source)


def _row(result: Result) -> etree._Element:
    return tag(
        "tr",
        tag("th", result.name, scope="row"),
        tag(
            "td",
            tag("strong", result.text) if result.abnormal else result.text,
            class_="insecable" if result.number is not None else None,
        ),
        tag("td", [tag("div", each) for each in result.ranges] or "—"),
        tag("td", _flags(result)),
        tag("td", timestamp(result.time) or "—", class_="insecable"),
        class_="hors-norme" if result.abnormal else None,
    )


def _flags(result: Result) -> Content:
    """What a result means: an arrow for the eye, words for everybody."""
    if not result.flags:
        if not result.abnormal:
            return "—"
        low = result.low is not None and result.number is not None and result.number < result.low
        return tag("span", "▼ sous la référence" if low else "▲ au-dessus de la référence", class_="alerte")
    return [_flag(code, words) for code, words in result.flags]


def _flag(code: str, words: str) -> etree._Element:
    arrow = "▲ " if code in _HIGH else "▼ " if code in _LOW else "● " if code in _ABNORMAL else ""
    critical = hidden("Attention : ") if code in _CRITICAL else None
    kind = "critique" if code in _CRITICAL else "alerte" if code in _ABNORMAL else None
    return tag("span", critical, f"{arrow}{words or code}", class_=kind)
