"""Whether a resource is what a search asks for: the parameters of a resource type as data, and their tests.

The store has narrowed the search by patient, status and codes; here each parameter is held against the resource as it
will be told, so that what is found is what the standard's own words ask for.

Source: HL7 FHIR R4, search.html 3.1.1.4 (parameter types, modifiers, prefixes, :missing, :not).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any

from audit.selection import Period
from pdsm.errors import ParameterError
from pdsm.original import Element
from pdsm.search import Test, contained, elements, exact, read_period, reference, string, token, values_of
from pdsm.times import read
from registry.metadata import dtm_floor

Holds = Callable[[Element], bool]


class Type(Enum):
    """Types of search parameters."""

    TOKEN = auto()
    STRING = auto()
    DATE = auto()
    REFERENCE = auto()
    URI = auto()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter: its type, the elements that it looks at, and how, where that is not as of its type."""

    type: Type
    paths: tuple[str, ...]
    test: Callable[[str], Test] | None = None


_MODIFIERS = {
    Type.TOKEN: {"": token},
    Type.STRING: {"": string, "exact": exact, "contains": contained},
    Type.REFERENCE: {"": reference},
    Type.URI: {"": exact},
}


def condition(name: str, modifier: str, value: str, parameter: Parameter) -> Holds:
    """What one parameter asks of a resource. Raises ParameterError."""
    if modifier == "missing":
        if value not in ("true", "false"):
            raise ParameterError(name, "true or false", "something else")
        return lambda resource: any(_found(resource, parameter)) is (value == "false")
    if parameter.type is Type.DATE:
        if modifier:
            raise ParameterError(name, "no modifier but missing", "another")
        periods = [read_period(name, each) for each in values_of(value)]
        return lambda resource: any(_during(each, one) for each in _found(resource, parameter) for one in periods)
    negative = parameter.type is Type.TOKEN and modifier == "not"
    usual = _MODIFIERS[parameter.type].get("" if negative else modifier)
    test = parameter.test if parameter.test and (negative or not modifier) else usual
    if test is None:
        raise ParameterError(name, "a modifier of its type", "another")
    tests = [test(each) for each in values_of(value)]
    return lambda resource: any(one(each) for each in _found(resource, parameter) for one in tests) is not negative


def _found(resource: Element, parameter: Parameter) -> Iterator[Any]:
    for path in parameter.paths:
        yield from _elements(resource, resource, path)


def _elements(resource: Element, element: Any, path: str) -> Iterator[Any]:
    """The elements at a path; `->` goes on in the contained resource that a Reference means."""
    here, arrow, rest = path.partition("->")
    for each in elements(element, here):
        if not arrow:
            yield each
            continue
        target = _contained(resource, each)
        if target is not None:
            yield from _elements(resource, target, rest)


def _contained(resource: Element, reference_: Any) -> Element | None:
    wanted = reference_.get("reference", "") if isinstance(reference_, dict) else ""
    return next((each for each in resource.get("contained", ()) if f"#{each.get('id')}" == wanted), None)


def _during(element: Any, asked: Period) -> bool:
    """Whether a dateTime, or a Period, answers a date parameter. Source: HL7 FHIR R4, search.html 3.1.1.4.7."""
    if isinstance(element, dict):
        low = _moments(element.get("start", ""))[0] if element.get("start") else _BEGINNING
        high = _moments(element.get("end", ""))[1] if element.get("end") else _END
    elif isinstance(element, str):
        low, high = _moments(element)
    else:
        return False
    if asked.since is not None and asked.until is not None:
        return (asked.since <= low and high <= asked.until) is not asked.outside
    if asked.since is not None:
        return high > asked.since
    return asked.until is None or low < asked.until


_BEGINNING, _END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_NEXT = {4: "%Y", 6: "%Y-%m", 8: "%Y-%m-%d"}


def _moments(text: str) -> tuple[datetime, datetime]:
    """The first moment of a dateTime, and the first behind it."""
    try:
        period = read_period("", text)
    except ParameterError:
        dtm = read(text)
        moment = datetime.strptime(dtm_floor(dtm), "%Y%m%d%H%M%S").replace(tzinfo=UTC) if dtm else _END
        return moment, moment
    return period.since or _BEGINNING, period.until or _END


Sorting = Sequence[tuple[str, bool]]
"""Paths of what is sorted by, each with whether it is descending."""


def sort_key(resource: Element, sorting: Sorting) -> list[str]:
    """What a resource is sorted by: texts, '' for what it does not have, and its id at last."""
    return [next((_text(each) for each in _elements(resource, resource, path)), "") for path, _ in sorting] + [
        str(resource.get("id", ""))
    ]


def _text(element: Any) -> str:
    """Times compare as DTM."""
    return (read(element) and dtm_floor(read(element))) or element if isinstance(element, str) else ""


def behind(key: Sequence[str], mark: Sequence[str], sorting: Sorting) -> bool:
    """Whether what has that key stands behind `mark`."""
    for mine, other, descending in zip(key, mark, [*(each for _, each in sorting), False], strict=True):
        if mine != other:
            return (mine > other) is not descending
    return False


def in_order(resources: Sequence[Element], sorting: Sorting) -> list[Element]:
    """These resources, sorted; those of one key by their id."""
    ordered = sorted(resources, key=lambda each: str(each.get("id", "")))
    for place in reversed(range(len(sorting))):
        ordered.sort(key=lambda each: sort_key(each, sorting)[place], reverse=sorting[place][1])
    return ordered


Table = Mapping[str, Parameter]
