"""ITI-113 Resource Subscription Search: parameters of a search of Subscriptions, of $status and of $events.

Source: IHE DSUBm 1.0, 2:3.113.4.1.2 and Tables 2:3.113.4.3.2-1 and 2:3.113.4.5.2-1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from identities.subscription import Payload, Subscription
from pdsm.asked import CURSOR, Asked, Kind, shortened, strings, tokens, write_searchset
from pdsm.cursor import read_mark, write_mark
from pdsm.errors import ParameterError
from pdsm.iti110 import write_subscription
from pdsm.matching import Parameter, Type, behind, in_order, sort_key
from pdsm.original import Element
from pdsm.search import values_of

_URL, _TOPIC = Parameter(Type.URI, ("channel.endpoint",)), Parameter(Type.URI, ("criteria",))
SUBSCRIPTION = Kind(
    name="Subscription",
    parameters={
        "_id": tokens("id"),
        "channel.endpoint": _URL,  # as the examples have it
        "criteria": _TOPIC,
        "filter-criteria": strings("_criteria.extension.valueString"),
        "status": tokens("status"),
        "topic": _TOPIC,
        "url": _URL,
    },
    sorting={"_id": "id", "status": "status"},
    usual_sorting=(("id", False),),
    includes=frozenset(),
    summary=frozenset({"contact", "criteria", "channel", "end", "reason"}),
)
_MOST = 2**31 - 1


def write_found(asked: Asked, subscriptions: Iterable[Subscription], address: str, key: bytes) -> Element:
    """The searchset of those that were asked for. Raises ParameterError."""
    mark = read_mark(CURSOR, asked.cursor, asked.used, key) if asked.cursor else ()
    every = in_order([each for each in map(write_subscription, subscriptions) if asked.holds(each)], asked.sorting)
    rest = [each for each in every if not mark or behind(sort_key(each, asked.sorting), mark, asked.sorting)]
    page = [] if asked.counted else rest[: asked.count]
    more = bool(page) and len(rest) > len(page)
    cursor = write_mark(sort_key(page[-1], asked.sorting), asked.used, key) if more else ""
    return write_searchset(asked, [shortened(each, asked) for each in page], [], len(every), address, cursor)


def asked_statuses(given: Iterable[tuple[str, str]], subscriptions: Sequence[Subscription]) -> list[Subscription]:
    """Those that $status asks about, by id and status."""
    wanted: dict[str, set[str]] = {}
    for name, value in given:
        wanted.setdefault(name, set()).update(values_of(value))
    ids, statuses = wanted.get("id", set()), wanted.get("status", set())
    return [
        each
        for each in subscriptions
        if (not ids or each.id in ids) and (not statuses or each.status.value in statuses)
    ]


def read_events(given: Iterable[tuple[str, str]], usual: Payload) -> tuple[tuple[int, int], Payload]:
    """The event numbers that $events asks for, both included, and how much of each. Raises ParameterError.

    Nobody gets more of a document than was subscribed to.
    """
    values = dict(given)
    first, last = (_number(values, name) for name in ("eventsSinceNumber", "eventsUntilNumber"))
    content = values.get("content", usual.value)
    if content not in {each.value for each in Payload}:
        raise ParameterError("content", ", ".join(Payload), "something else")
    order = list(Payload)
    return (first or 0, _MOST if last is None else last), min(Payload(content), usual, key=order.index)


def _number(values: dict[str, str], name: str) -> int | None:
    text = values.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise ParameterError(name, "the number of an event", "something else")
    return int(text)
