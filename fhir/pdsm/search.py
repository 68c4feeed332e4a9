"""Search parameters of FHIR, read: what each value asks, and whether an element answers it.

Source: HL7 FHIR R4, Search (search.html, 3.1.1.4: prefixes, modifiers, parameter types, escaping).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from audit.selection import Period
from pdsm.errors import ParameterError

Resource = Mapping[str, Any]
Test = Callable[[Any], bool]
"""Whether one element answers one value."""

_DATE = re.compile(
    r"(?P<prefix>[a-z]{2})?"
    r"(?P<year>\d{4})(-(?P<month>\d{2})(-(?P<day>\d{2})"
    r"(T(?P<hour>\d{2}):(?P<minute>\d{2})(:(?P<second>\d{2})(\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d{2}:\d{2})?)?)?)?",
    re.ASCII,
)
_WHEN = "a date, or a time with its zone, behind eq, ne, gt, lt, ge, le, sa, eb or nothing"


def values_of(value: str) -> list[str]:
    """The alternatives of a value, between commas; what a backslash makes part of one stays so until it is read."""
    return re.split(r"(?<!\\),", value)


def plain(value: str) -> str:
    """`value` without the backslashes before what would part it."""
    return re.sub(r"\\([,|$\\])", r"\1", value)


@dataclass(frozen=True, slots=True)
class Token:
    """A value of a token parameter; None: any system, any code."""

    system: str | None
    code: str | None

    def holds(self, system: str, code: str) -> bool:
        """Whether it asks for that code of that system ('': of none)."""
        return self.system in (None, system) and self.code in (None, code)


def read_token(value: str) -> Token:
    """`code`, `system|code`, `|code` or `system|`."""
    *system, code = re.split(r"(?<!\\)\|", value, maxsplit=1)
    return Token(plain(system[0]) if system else None, plain(code) or None)


def token(value: str) -> Test:
    """Whether a Coding, a CodeableConcept, an Identifier or a code is what a token asks for."""
    asked = read_token(value)
    return lambda element: any(asked.holds(system, code) for system, code in _codes(element))


def _codes(element: Any) -> Iterator[tuple[str, str]]:
    if isinstance(element, str):
        yield "", element
    elif isinstance(element, dict):
        codings = element.get("coding")
        for each in codings if isinstance(codings, list) else [element]:
            if isinstance(each, dict):
                yield str(each.get("system", "")), str(each.get("code", each.get("value", "")))


def string(value: str) -> Test:
    """Whether a text begins so, whatever its case and accents."""
    start = _folded(plain(value))
    return lambda element: isinstance(element, str) and _folded(element).startswith(start)


def contained(value: str) -> Test:
    """Modifier `contains`."""
    part = _folded(plain(value))
    return lambda element: isinstance(element, str) and part in _folded(element)


def exact(value: str) -> Test:
    """Modifier `exact`, and a URI."""
    whole = plain(value)
    return lambda element: isinstance(element, str) and element == whole


def reference(value: str) -> Test:
    """Whether a Reference is to that resource, as it is written, or by its last two steps."""
    wanted = plain(value)

    def holds(element: Any) -> bool:
        found = element.get("reference") if isinstance(element, dict) else None
        return isinstance(found, str) and (found == wanted or f"/{found}".endswith(f"/{wanted}"))

    return holds


def _folded(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()


def elements(found: Any, path: str) -> Iterator[Any]:
    """Every element at that path, through lists."""
    if isinstance(found, list):
        for each in found:
            yield from elements(each, path)
    elif not path:
        yield found
    elif isinstance(found, dict):
        name, _, rest = path.partition(".")
        if name in found:
            yield from elements(found[name], rest)


def read_period(parameter: str, value: str) -> Period:
    """The moments that a date value asks for. Raises ParameterError.

    A date is a day of UTC; a time says its zone. `sa` and `eb` mean here what `gt` and `lt` do: an instant has no end.
    """
    match = _DATE.fullmatch(value)
    if match is None or (match["hour"] is not None and match["zone"] is None):
        raise ParameterError(parameter, _WHEN, "something else")
    try:
        start, end = _moments(match)
    except (ValueError, OverflowError):
        raise ParameterError(parameter, "a moment of the calendar", "none") from None
    match match["prefix"] or "eq":
        case "eq":
            return Period(start, end)
        case "ne":
            return Period(start, end, outside=True)
        case "gt" | "sa":
            return Period(since=end)
        case "ge":
            return Period(since=start)
        case "lt" | "eb":
            return Period(until=start)
        case "le":
            return Period(until=end)
    raise ParameterError(parameter, _WHEN, "another prefix")


def _moments(match: re.Match[str]) -> tuple[datetime, datetime]:
    """The first moment of what is written, and the first after it."""
    year, month, day = int(match["year"]), int(match["month"] or 1), int(match["day"] or 1)
    start = datetime(year, month, day, int(match["hour"] or 0), int(match["minute"] or 0), tzinfo=UTC)
    start = start.replace(second=int(match["second"] or 0))
    if match["month"] is None:
        end = start.replace(year=year + 1)
    elif match["day"] is None:
        end = (start + timedelta(days=31)).replace(day=1)
    elif match["hour"] is None:
        end = start + timedelta(days=1)
    elif match["second"] is None:
        end = start + timedelta(minutes=1)
    elif match["fraction"] is None:
        end = start + timedelta(seconds=1)
    else:
        start += timedelta(microseconds=int(match["fraction"].ljust(6, "0")[:6]))
        end = start + timedelta(microseconds=10 ** max(0, 6 - len(match["fraction"])))
    offset = _offset(match["zone"])
    return start - offset, end - offset


def _offset(zone: str | None) -> timedelta:
    if zone in (None, "Z"):
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError(zone)
    ahead = timedelta(hours=hours, minutes=minutes)
    return -ahead if zone.startswith("-") else ahead


def any_of(tests: Iterable[Test], paths: Iterable[str]) -> Callable[[Resource], bool]:
    """Whether an element at one of these paths passes one of the tests."""
    tests, paths = tuple(tests), tuple(paths)
    return lambda resource: any(
        test(element) for path in paths for element in elements(resource, path) for test in tests
    )
