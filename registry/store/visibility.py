"""A Scope as SQL: `scope_clause` is `Scope.permits`, and a property test holds them equal.

An older version of metadata is seen by nobody from whom the newest is hidden: what is masked today was open in it.

Statements are built once for each shape of Scope; the values travel as parameters.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from registry.metadata import DocumentEntry
from registry.scope import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS, Reach, Scope
from registry.store.tables import CUSTODY, ENTRY, PERSON, STRUCTURE

# Not named as its column, which an UPDATE keeps for itself.
PATIENT = sa.bindparam("of_patient", type_=sa.Text)


class ScopeShape(NamedTuple):
    """What of a Scope changes the SQL."""

    reach: Reach
    masked: Reach
    invisible_patient: Reach
    invisible_representatives: Reach
    but: bool
    person: bool
    structure: bool


def scope_shape(scope: Scope) -> ScopeShape:
    return ScopeShape(
        reach=scope.reach,
        masked=scope.masked,
        invisible_patient=scope.invisible_patient,
        invisible_representatives=scope.invisible_representatives,
        but=scope.types.but,
        person=bool(scope.person),
        structure=bool(scope.structure),
    )


def scope_values(scope: Scope) -> dict[str, Any]:
    """The parameters of a statement with `scope_clause`."""
    return {
        "of_patient": scope.patient,
        "scope_person": scope.person,
        "scope_structure": scope.structure,
        "scope_types": sorted(scope.types.codes),
        "scope_statuses": sorted(scope.statuses, key=lambda status: status.name),
    }


def scope_clause(shape: ScopeShape, *, latest: bool = False) -> sa.ColumnElement[bool]:
    """Which rows of `registry_entry` a Scope of that shape lets be seen; with `latest`, newest versions alone."""
    if latest:
        return sa.and_(ENTRY.c.latest, _permits(ENTRY, shape))
    newest = ENTRY.alias("newest")
    hidden = sa.select(sa.literal(1)).where(
        newest.c.patient == PATIENT,
        newest.c.logical_id == ENTRY.c.logical_id,
        newest.c.latest,
        sa.not_(_permits(newest, shape)),
    )
    return sa.and_(_permits(ENTRY, shape), sa.or_(ENTRY.c.latest, sa.not_(sa.exists(hidden.correlate(ENTRY)))))


def _permits(entry: sa.FromClause, shape: ScopeShape) -> sa.ColumnElement[bool]:
    """`Scope.permits` of a row of `entry`. No column it names may be null."""
    types = entry.c.document_type.in_(sa.bindparam("scope_types", expanding=True, type_=sa.Text))
    statuses = sa.bindparam("scope_statuses", expanding=True, type_=ENTRY.c.availability_status.type)
    return sa.and_(
        entry.c.patient == PATIENT,
        _reaches(entry, shape.reach, shape),
        sa.not_(types) if shape.but else types,
        entry.c.availability_status.in_(statuses),
        _unless(entry, "masked", shape.masked, shape),
        _unless(entry, "invisible_patient", shape.invisible_patient, shape),
        _unless(entry, "invisible_representatives", shape.invisible_representatives, shape),
    )


def flags(entry: DocumentEntry) -> dict[str, bool]:
    """The columns by which visibility is decided."""
    codes = {(code.code, code.scheme) for code in entry.confidentiality_codes}
    return {
        "masked": MASQUE_PS in codes,
        "invisible_patient": INVISIBLE_PATIENT in codes,
        "invisible_representatives": INVISIBLE_REPRESENTANTS_LEGAUX in codes,
    }


def _unless(entry: sa.FromClause, flag: str, reach: Reach, shape: ScopeShape) -> sa.ColumnElement[bool]:
    """Where the column `flag` is set, `reach` must go as far as the entry."""
    if reach is Reach.ALL:
        return sa.true()
    return sa.or_(sa.not_(entry.c[flag]), _reaches(entry, reach, shape))


def _reaches(entry: sa.FromClause, reach: Reach, shape: ScopeShape) -> sa.ColumnElement[bool]:
    if reach is Reach.ALL:
        return sa.true()
    clauses: list[sa.ColumnElement[bool]] = []
    if reach in (Reach.OWN, Reach.STRUCTURE) and shape.person:
        clauses.append(_in_custody(entry, PERSON, "scope_person"))
    if reach is Reach.STRUCTURE and shape.structure:
        clauses.append(_in_custody(entry, STRUCTURE, "scope_structure"))
    return sa.or_(sa.false(), *clauses)


def _in_custody(entry: sa.FromClause, kind: str, parameter: str) -> sa.ColumnElement[bool]:
    entries = sa.select(CUSTODY.c.entry).where(
        CUSTODY.c.patient == PATIENT,
        CUSTODY.c.kind == kind,
        CUSTODY.c.identifier == sa.bindparam(parameter, type_=sa.Text),
    )
    return entry.c.id.in_(entries)
