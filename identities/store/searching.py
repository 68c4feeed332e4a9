"""Patients by their traits, as SQL: every condition is a range of an index.

Source: ITI TF-2 3.47.4.1.3.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from identities.demographics import ADDRESS, MOTHER, NAME, TELECOM
from identities.dossier import Dossier, DossierStatus
from identities.patient_query import Between, PatientQuery, Patterns
from identities.requester import PatientId
from identities.store.dossiers import EVERY_DOSSIER, Dossiers, read_dossiers
from identities.store.tables import DOSSIERS, IDENTIFIERS, TERMS

_LAST = "\U0010ffff"  # after every text that begins as another
_PRECISIONS = (4, 6, 8, 10, 12)  # digits of a DTM that is less precise than another
_CHUNK = 500


class Searching(Dossiers):
    """Searches over every dossier."""

    def find_dossiers(self, query: PatientQuery, limit: int, *, open_only: bool = False) -> tuple[Dossier, ...]:
        """The dossiers that `query` finds, at most `limit`, the oldest first; `open_only` leaves out closed ones."""
        sought = [DossierStatus.OPEN] if open_only else [DossierStatus.OPEN, DossierStatus.CLOSED]
        of_these = DOSSIERS.c.status.in_([status.value for status in sought])
        keys = sa.select(DOSSIERS.c.key).where(of_these, *_conditions(query))
        ordered = keys.order_by(DOSSIERS.c.opened, DOSSIERS.c.key).limit(limit)
        return self.dossiers_of_keys(self._connection.execute(ordered).scalars().all())

    def dossiers_of_keys(self, keys: Sequence[str]) -> tuple[Dossier, ...]:
        """These dossiers, in the order of `keys`; what is no dossier any more is left out."""
        found: dict[str, Dossier] = {}
        for start in range(0, len(keys), _CHUNK):
            wanted = EVERY_DOSSIER.where(DOSSIERS.c.key.in_(keys[start : start + _CHUNK]))
            found.update({dossier.key: dossier for dossier in read_dossiers(self._connection.execute(wanted))})
        return tuple(found[key] for key in keys if key in found)


def _conditions(query: PatientQuery) -> Iterable[sa.ColumnElement[bool]]:
    for kind, alternatives in ((NAME, query.names), (MOTHER, query.mothers), (ADDRESS, query.addresses)):
        if alternatives:
            yield sa.or_(*(_has(kind, patterns) for patterns in alternatives))
    if query.telecoms:
        asked = sa.select(TERMS.c.dossier).where(
            TERMS.c.kind == TELECOM, TERMS.c.part == "", TERMS.c.text.in_(query.telecoms)
        )
        yield DOSSIERS.c.key.in_(asked)
    if query.births:
        yield sa.or_(*map(_born, query.births))
    if query.sexes:
        yield DOSSIERS.c.sex.in_(query.sexes)
    yield from map(_named, query.identifiers)
    if query.one_of:
        yield sa.or_(*map(_named, query.one_of))
    for each in query.all_of:
        yield from _conditions(each)


def _has(kind: str, patterns: Patterns) -> sa.ColumnElement[bool]:
    """Whether one name or address of the patient fits every pattern."""
    first, *others = (TERMS.alias() for _ in patterns)
    joined: sa.FromClause = first
    for other in others:
        same = sa.and_(other.c.dossier == first.c.dossier, other.c.ordinal == first.c.ordinal)
        joined = joined.join(other, same)
    found = sa.select(first.c.dossier).select_from(joined)
    for alias, pattern in zip((first, *others), patterns, strict=True):
        text = alias.c.text
        fits = text.between(pattern.term, pattern.term + _LAST) if pattern.prefix else text == pattern.term
        found = found.where(alias.c.kind == kind, alias.c.part == pattern.part, fits)
    return DOSSIERS.c.key.in_(found)


def _born(asked: Between) -> sa.ColumnElement[bool]:
    """`Between.holds` as SQL: DTM texts of digits, compared as such."""
    born = DOSSIERS.c.birth_time
    conditions = [born != ""]
    if asked.low:
        coarser = [asked.low[:digits] for digits in _PRECISIONS if digits < len(asked.low)]
        conditions.append(sa.or_(born >= asked.low, born.in_(coarser)) if coarser else born >= asked.low)
    if asked.high:
        conditions.append(born <= asked.high.ljust(24, "9"))
    return sa.and_(*conditions)


def _named(identifier: PatientId) -> sa.ColumnElement[bool]:
    """Whether the patient has that identifier; one without authority may be of any."""
    names = sa.select(IDENTIFIERS.c.dossier).where(
        IDENTIFIERS.c.value == identifier.value, sa.not_(IDENTIFIERS.c.subsumed)
    )
    if identifier.authority:
        names = names.where(IDENTIFIERS.c.authority == identifier.authority)
    return DOSSIERS.c.key.in_(names)
