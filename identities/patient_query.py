"""Patients by their traits: what is asked for, and how well one patient fits. Pure.

Source: ITI TF-2 3.47.4.1.2.1 and 3.47.4.1.2.2 (parameters), 3.47.4.2.3 (matching is the supplier's own).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from identities.demographics import (
    FAMILY,
    GIVEN,
    Address,
    PersonName,
    address_part,
    telecom_term,
    term,
)
from identities.dossier import Traits
from identities.requester import PatientId

WILDCARD = "*"
EXACT, SPELLED_OTHERWISE, BEGINNING = 100, 95, 80  # degrees of match of one name part
_NAME_PARTS = (FAMILY, GIVEN, "")  # the last: a name that is not divided


class Pattern(NamedTuple):
    """What one part of a name or address must be: its term, or what it begins with."""

    part: str
    text: str  # as asked, without wildcard
    prefix: bool = False

    @property
    def term(self) -> str:
        return term(self.text)

    def degree(self, text: str) -> int:
        """How well `text` fits, 0 when it does not."""
        wanted, got = self.term, term(text)
        if wanted == got:
            return EXACT if self.text.casefold() == text.casefold() else SPELLED_OTHERWISE
        return BEGINNING if self.prefix and got.startswith(wanted) else 0


Patterns = tuple[Pattern, ...]  # all of one name or address


class Between(NamedTuple):
    """Birth times that overlap `[low, high]`, DTM texts of any precision; '' is an open end."""

    low: str
    high: str

    def holds(self, born: str) -> bool:
        """Whether a birth time of any precision may lie between the two."""
        if not born:
            return False
        after = not self.low or born[: len(self.low)] >= self.low[: len(born)]
        return after and (not self.high or born[: len(self.high)] <= self.high[: len(born)])


@dataclass(frozen=True, slots=True)
class PatientQuery:
    """All that is given must hold; of the alternatives of one parameter, one is enough."""

    names: tuple[Patterns, ...] = ()
    mothers: tuple[Patterns, ...] = ()
    sexes: tuple[str, ...] = ()
    births: tuple[Between, ...] = ()
    addresses: tuple[Patterns, ...] = ()
    telecoms: tuple[str, ...] = ()
    identifiers: tuple[PatientId, ...] = ()  # all of them
    one_of: tuple[PatientId, ...] = ()  # one of them; of an authority '' is of any
    all_of: tuple[PatientQuery, ...] = ()  # each of them holds besides, of any name or address of the patient
    minimum_degree: int = 0

    @property
    def empty(self) -> bool:
        """Whether nothing is asked that could tell one patient from another."""
        asked = (self.names, self.mothers, self.sexes, self.births, self.addresses, self.telecoms, self.identifiers)
        return not any((*asked, self.one_of)) and all(each.empty for each in self.all_of)

    def degree(self, traits: Traits) -> int:
        """How well a patient who was found fits, from 0 to 100: the mean of what names and addresses are worth."""
        said = traits.demographics
        mothers = (said.mothers_maiden_name,) if said.mothers_maiden_name else ()
        degrees = [
            *([_best(self.names, traits.names, _name_texts)] if self.names else []),
            *([_best(self.mothers, mothers, _name_texts)] if self.mothers else []),
            *([_best(self.addresses, said.addresses, _address_texts)] if self.addresses else []),
        ]
        return sum(degrees) // len(degrees) if degrees else EXACT


@dataclass(frozen=True, slots=True)
class Continuation:
    """What a query found, of which `position` were given; the next answer gives `quantity` more, until `expires`.

    `query` is the QueryByParameter as received, `found` has dossier keys and degrees of match in order.
    """

    query: bytes
    found: tuple[tuple[str, int], ...]
    quantity: int
    position: int
    expires: datetime


def name_patterns(name: PersonName, *, search: bool) -> Patterns:
    """What a name must hold; `search` when the asker does not want it exact (use SRCH).

    Parts without a term (a lone `*`) match anything and are left out, as are prefixes and suffixes.
    """
    return _patterns(((part.kind, part.text) for part in name.parts if part.kind in _NAME_PARTS), search)


def address_patterns(address: Address) -> Patterns:
    """What an address must hold: every part that is given."""
    return _patterns(((address_part(part.kind), part.text) for part in address.parts), search=False)


def telecom_pattern(value: str) -> str:
    """What a telecom must be."""
    return telecom_term(value)


def _patterns(parts: Iterable[tuple[str, str]], search: bool) -> Patterns:
    found = []
    for kind, text in parts:
        bare = text.strip().rstrip(WILDCARD)
        pattern = Pattern(kind, bare.strip(), search or bare != text.strip())
        if pattern.term:
            found.append(pattern)
    return tuple(found)


def _best(
    alternatives: Iterable[Patterns], items: Iterable[PersonName] | Iterable[Address], texts: Callable[..., list[str]]
) -> int:
    """The best that an item is worth for an alternative; every pattern must fit in the same item."""
    held = tuple(items)
    return max((_worth(patterns, item, texts) for patterns in alternatives for item in held), default=0)


def _worth(patterns: Patterns, item: object, texts: Callable[..., list[str]]) -> int:
    degrees = [max(map(pattern.degree, texts(item, pattern.part)), default=0) for pattern in patterns]
    return 0 if 0 in degrees else sum(degrees) // max(len(degrees), 1)


def _name_texts(name: PersonName, part: str) -> list[str]:
    return list(name.texts(part))


def _address_texts(address: Address, part: str) -> list[str]:
    texts = [each.text for each in address.parts if address_part(each.kind) == part]
    return [*texts, " ".join(texts)]
