"""The course of one laboratory result over time, drawn as SVG: its points, its range of reference, and both in words.

Source: WCAG 2.2, 1.1.1 (a text beside each image), 1.4.1 (no meaning by colour alone).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from lxml import etree

from cda.rendering.dates import timestamp
from cda.rendering.laboratory import Result
from cda.rendering.markup import tag
from cda.rendering.quantities import decimal

WIDTH, HEIGHT = 640, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 16, 36
_STEPS = (1, 2, 2.5, 5, 10)


def figure(course: Sequence[Result], number: int) -> etree._Element:
    """A course of two or more results as an image and a table."""
    last = course[-1]
    title = f"{last.name}{f' ({last.unit})' if last.unit else ''}"
    rows = [
        tag(
            "tr",
            tag("th", timestamp(each.time), scope="row"),
            tag("td", each.text, " (hors norme)" if each.abnormal else None),
        )
        for each in course
    ]
    heads = tag("thead", tag("tr", tag("th", "Date", scope="col"), tag("th", "Résultat", scope="col")))
    values = tag("table", tag("caption", title), heads, tag("tbody", rows), class_="points")
    return tag("figure", tag("figcaption", title), _drawn(course, title, number), values, class_="evolution")


def _drawn(course: Sequence[Result], title: str, number: int) -> etree._Element:
    scale = _Scale(course)
    said = f"{len(course)} résultats du {timestamp(course[0].time)} au {timestamp(course[-1].time)}."
    marks = [
        _mark(each, scale.x(each.at), scale.y(each.number)) for each in course if each.at and each.number is not None
    ]
    line = " ".join(
        f"{scale.x(each.at):.1f},{scale.y(each.number):.1f}" for each in course if each.at and each.number is not None
    )
    drawn = tag(
        "svg",
        tag("title", title, id=f"courbe-{number}"),
        tag("desc", said, id=f"courbe-{number}-dit"),
        scale.band(course[-1]),
        scale.grid(),
        tag("polyline", points=line, class_="courbe"),
        marks,
        scale.dates(course),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        class_="trace",
    )
    drawn.set("aria-labelledby", f"courbe-{number} courbe-{number}-dit")
    return drawn


def _mark(result: Result, x: float, y: float) -> etree._Element:
    """A disc, or a diamond for what is out of the ordinary."""
    if not result.abnormal:
        return tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="4", class_="point")
    corners = ((x, y - 7), (x + 7, y), (x, y + 7), (x - 7, y))
    return tag("polygon", points=" ".join(f"{left:.1f},{top:.1f}" for left, top in corners), class_="point hors")


class _Scale:
    """Where a time and a number are on the drawing. The range of reference is on it too, if it is not far away."""

    def __init__(self, course: Sequence[Result]) -> None:
        numbers = [each.number for each in course if each.number is not None]
        times = [each.at for each in course if each.at is not None]
        self._begin, self._end = min(times), max(times)
        low, high = min(numbers), max(numbers)
        room = (high - low) or abs(high) or 1.0
        for bound in (course[-1].low, course[-1].high):
            if bound is not None and low - 2 * room <= bound <= high + 2 * room:
                low, high = min(low, bound), max(high, bound)
        room = (high - low) or abs(high) or 1.0
        self._step = _step(room / 3)
        self._low = math.floor((low - room * 0.08) / self._step) * self._step
        self._high = math.ceil((high + room * 0.08) / self._step) * self._step
        if low >= 0:
            self._low = max(self._low, 0.0)

    def x(self, at: datetime | None) -> float:
        """From the left, by the time."""
        whole = (self._end - self._begin) or timedelta(seconds=1)
        return _LEFT + 16 + (WIDTH - _LEFT - _RIGHT - 32) * ((at or self._begin) - self._begin) / whole

    def y(self, number: float | None) -> float:
        """From the top, by the number."""
        whole = (self._high - self._low) or 1.0
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * ((number or 0.0) - self._low) / whole

    def band(self, last: Result) -> etree._Element | None:
        """The range of reference of the last result, as far as it is on the drawing."""
        if last.low is None and last.high is None:
            return None
        high = min(self._high, self._high if last.high is None else last.high)
        low = max(self._low, self._low if last.low is None else last.low)
        if high <= low:
            return None
        height = self.y(low) - self.y(high)
        return tag(
            "rect",
            x=f"{_LEFT}",
            y=f"{self.y(high):.1f}",
            width=f"{WIDTH - _LEFT - _RIGHT}",
            height=f"{height:.1f}",
            class_="norme",
        )

    def grid(self) -> list[etree._Element]:
        """A line and a number for each step."""
        made = []
        for index in range(round((self._high - self._low) / self._step) + 1):
            number = self._low + index * self._step
            y = f"{self.y(number):.1f}"
            made.append(tag("line", x1=f"{_LEFT}", x2=f"{WIDTH - _RIGHT}", y1=y, y2=y, class_="grille"))
            text = tag(
                "text", decimal(f"{round(number, 10):.6g}"), x=f"{_LEFT - 8}", y=y, dy="0.35em", class_="echelle"
            )
            made.append(text)
        return made

    def dates(self, course: Sequence[Result]) -> list[etree._Element]:
        """The days of the points, as far as there is room for them."""
        made, free = [], 0.0
        for each in course:
            x = self.x(each.at)
            if x >= free:
                day = timestamp(each.time).partition(" ")[0]
                made.append(tag("text", day, x=f"{x:.1f}", y=f"{HEIGHT - 12}", class_="jour"))
                free = x + 84
        return made


def _step(least: float) -> float:
    """The next round number: 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in _STEPS if power * factor >= least * 0.999)
