"""The rows of dossiers, professionals and structures, on SQLite and PostgreSQL alike.

A store is bound to one connection, whose transaction it neither begins nor ends.

Source: Référentiel INS v2 (an INS changes: every identifier a dossier ever had leads to it); CSP R.1111-26 to
R.1111-40.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from identities.dossier import Dossier, DossierStatus, Traits
from identities.professional import Professional, Structure
from identities.requester import Authentication, PatientId
from schemas.store import Instant

METADATA = sa.MetaData()
DOSSIERS = sa.Table(
    "dossiers",
    METADATA,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("birth_family", sa.String, nullable=False),
    sa.Column("birth_given", sa.String, nullable=False),
    sa.Column("birth_date", sa.Date),
    sa.Column("sex", sa.String(1), nullable=False),
    sa.Column("birth_place", sa.String, nullable=False),
    sa.Column("used_family", sa.String, nullable=False),
    sa.Column("used_given", sa.String, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("opened", Instant, nullable=False),
    sa.Column("closed", Instant),
    sa.Column("closing_reason", sa.String, nullable=False),
)
IDENTIFIERS = sa.Table(
    "dossier_identifiers",
    METADATA,
    sa.Column("value", sa.String(64), primary_key=True),
    sa.Column("authority", sa.String(64), primary_key=True),
    sa.Column("dossier", sa.String(64), sa.ForeignKey("dossiers.key"), nullable=False, index=True),
    sa.Column("rank", sa.Integer, nullable=False),  # the highest is the current one
    sa.Column("subsumed", sa.Boolean, nullable=False, default=False),  # merged into another one: names nobody now
)
FED_AUTHORITIES = sa.Table(
    "fed_authorities",  # issuing authorities whose patients an identity source tells us: others of theirs are unknown
    METADATA,
    sa.Column("authority", sa.String(64), primary_key=True),
)
STRUCTURES = sa.Table(
    "structures",
    METADATA,
    sa.Column("structure_id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("sector", sa.String(32), nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("modes", sa.String, nullable=False),  # values of Authentication, separated by spaces
)
PROFESSIONALS = sa.Table(
    "professionals",
    METADATA,
    sa.Column("id_nat", sa.String(64), primary_key=True),
    sa.Column("family", sa.String, nullable=False),
    sa.Column("given", sa.String, nullable=False),
    sa.Column("profession", sa.String(32), nullable=False),
    sa.Column("profession_system", sa.String(64), nullable=False),
    sa.Column("specialty", sa.String(32), nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
)
MEMBERSHIPS = sa.Table(
    "professional_structures",
    METADATA,
    sa.Column("id_nat", sa.String(64), sa.ForeignKey("professionals.id_nat"), primary_key=True),
    sa.Column("structure_id", sa.String(64), primary_key=True),
)

_HAD = IDENTIFIERS.alias("had")
_EVERY_DOSSIER = (
    sa.select(DOSSIERS, IDENTIFIERS.c.value, IDENTIFIERS.c.authority)
    .join(IDENTIFIERS, sa.and_(IDENTIFIERS.c.dossier == DOSSIERS.c.key, sa.not_(IDENTIFIERS.c.subsumed)))
    .order_by(DOSSIERS.c.opened, DOSSIERS.c.key, IDENTIFIERS.c.rank.desc())
)
_DOSSIER_OF = _EVERY_DOSSIER.join(_HAD, _HAD.c.dossier == DOSSIERS.c.key).where(
    _HAD.c.value == sa.bindparam("had_value"),
    _HAD.c.authority == sa.bindparam("had_authority"),
    sa.not_(_HAD.c.subsumed),
)
_EVERY_PROFESSIONAL = (
    sa.select(PROFESSIONALS, MEMBERSHIPS.c.structure_id)
    .outerjoin(MEMBERSHIPS, MEMBERSHIPS.c.id_nat == PROFESSIONALS.c.id_nat)
    .order_by(PROFESSIONALS.c.id_nat)
)
_PROFESSIONAL = _EVERY_PROFESSIONAL.where(PROFESSIONALS.c.id_nat == sa.bindparam("id_nat"))
_EVERY_STRUCTURE = sa.select(STRUCTURES).order_by(STRUCTURES.c.structure_id)
_STRUCTURE = _EVERY_STRUCTURE.where(STRUCTURES.c.structure_id == sa.bindparam("structure_id"))
_LAST_RANK = sa.select(sa.func.max(IDENTIFIERS.c.rank)).where(IDENTIFIERS.c.dossier == sa.bindparam("dossier"))


class IdentityError(ValueError):
    """An act that the state of dossiers does not allow. Names the dossier by its internal key, never the patient."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"dossier: expected {expected}, got {got}")
        self.expected, self.got = expected, got


class IdentitiesStore:
    """Dossiers, professionals and structures, in the transaction of one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def dossier(self, patient: PatientId) -> Dossier | None:
        """The dossier that has, or ever had, this identifier; None when there is none."""
        parameters = {"had_value": patient.value, "had_authority": patient.authority}
        found = _dossiers(self._connection.execute(_DOSSIER_OF, parameters))
        return found[0] if found else None

    def dossiers(self) -> tuple[Dossier, ...]:
        """Every dossier, oldest first."""
        return _dossiers(self._connection.execute(_EVERY_DOSSIER))

    def dossier_of_key(self, key: str) -> Dossier | None:
        """The dossier of that internal key; None when there is none."""
        found = _dossiers(self._connection.execute(_EVERY_DOSSIER.where(DOSSIERS.c.key == key)))
        return found[0] if found else None

    def fed(self, authority: str) -> bool:
        """Whether an identity source tells us the patients of that issuing authority."""
        row = sa.select(FED_AUTHORITIES.c.authority).where(FED_AUTHORITIES.c.authority == authority)
        return self._connection.execute(row).first() is not None

    def subsumed(self, patient: PatientId) -> bool:
        """Whether this identifier was merged into another one."""
        row = sa.select(IDENTIFIERS.c.value).where(
            IDENTIFIERS.c.value == patient.value, IDENTIFIERS.c.authority == patient.authority, IDENTIFIERS.c.subsumed
        )
        return self._connection.execute(row).first() is not None

    def open(self, dossier: Dossier) -> None:
        """A new dossier, `identifiers` with the current one first.

        Raises IdentityError when it has no identifier, or when its key or one of them is already known.
        """
        if not dossier.identifiers:
            raise IdentityError("an identifier", "none")
        taken = sa.select(DOSSIERS.c.key).where(DOSSIERS.c.key == dossier.key)
        if self._connection.execute(taken).first() is not None:
            raise IdentityError("a new key", f"{dossier.key}, which is open or closed already")
        for identifier in dossier.identifiers:
            self._unknown(identifier)
        traits = dossier.traits
        self._connection.execute(
            sa.insert(DOSSIERS).values(
                key=dossier.key,
                birth_family=traits.birth_family,
                birth_given=traits.birth_given,
                birth_date=traits.birth_date,
                sex=traits.sex,
                birth_place=traits.birth_place,
                used_family=traits.used_family,
                used_given=traits.used_given,
                status=dossier.status.value,
                opened=dossier.opened,
                closed=dossier.closed,
                closing_reason=dossier.closing_reason,
            )
        )
        rows = [
            {"value": identifier.value, "authority": identifier.authority, "dossier": dossier.key, "rank": rank}
            for rank, identifier in enumerate(reversed(dossier.identifiers))
        ]
        self._connection.execute(sa.insert(IDENTIFIERS), rows)

    def add_identifier(self, key: str, identifier: PatientId) -> None:
        """Makes `identifier` the current one of the dossier; the others stay as its history.

        Raises IdentityError when there is no such dossier, or when the identifier belongs to another one.
        """
        last = self._connection.execute(_LAST_RANK, {"dossier": key}).scalar_one()
        if last is None:
            raise IdentityError("a known dossier", key)
        known = self.dossier(identifier)
        where = (IDENTIFIERS.c.value == identifier.value, IDENTIFIERS.c.authority == identifier.authority)
        if known is None:
            row = {"value": identifier.value, "authority": identifier.authority, "dossier": key, "rank": last + 1}
            self._connection.execute(sa.insert(IDENTIFIERS).values(**row))
        elif known.key == key:
            self._connection.execute(sa.update(IDENTIFIERS).where(*where).values(rank=last + 1))
        else:
            raise IdentityError("an identifier of no other dossier", f"one of {known.key}")

    def close(self, key: str, *, instant: datetime, reason: str) -> None:
        """Closes an open dossier; nothing of it is erased. Raises IdentityError when it is not open."""
        self._turn(key, DossierStatus.OPEN, DossierStatus.CLOSED, closed=instant, reason=reason)

    def reopen(self, key: str, *, instant: datetime) -> None:
        """Reopens a closed dossier, whose opening is then `instant`; the audit log keeps what was.

        Raises IdentityError when it is not closed."""
        self._turn(key, DossierStatus.CLOSED, DossierStatus.OPEN, opened=instant)

    def professional(self, id_nat: str) -> Professional | None:
        """The professional of that PS_IdNat, None when the directory has none."""
        found = _professionals(self._connection.execute(_PROFESSIONAL, {"id_nat": id_nat}))
        return found[0] if found else None

    def professionals(self) -> tuple[Professional, ...]:
        """Every professional, by PS_IdNat."""
        return _professionals(self._connection.execute(_EVERY_PROFESSIONAL))

    def save_professional(self, professional: Professional) -> None:
        """Adds a professional to the directory, or replaces what it said of him."""
        key = professional.id_nat
        self._connection.execute(sa.delete(MEMBERSHIPS).where(MEMBERSHIPS.c.id_nat == key))
        self._connection.execute(sa.delete(PROFESSIONALS).where(PROFESSIONALS.c.id_nat == key))
        columns = ("id_nat", "family", "given", "profession", "profession_system", "specialty", "active")
        self._connection.execute(
            sa.insert(PROFESSIONALS).values({column: getattr(professional, column) for column in columns})
        )
        if professional.structures:
            rows = [{"id_nat": key, "structure_id": structure} for structure in sorted(professional.structures)]
            self._connection.execute(sa.insert(MEMBERSHIPS), rows)

    def structure(self, structure_id: str) -> Structure | None:
        """The structure of that Struct_IdNat, None when the directory has none."""
        found = _structures(self._connection.execute(_STRUCTURE, {"structure_id": structure_id}))
        return found[0] if found else None

    def structures(self) -> tuple[Structure, ...]:
        """Every structure, by Struct_IdNat."""
        return _structures(self._connection.execute(_EVERY_STRUCTURE))

    def save_structure(self, structure: Structure) -> None:
        """Adds a structure to the directory, or replaces what it said of it."""
        self._connection.execute(sa.delete(STRUCTURES).where(STRUCTURES.c.structure_id == structure.structure_id))
        self._connection.execute(
            sa.insert(STRUCTURES).values(
                structure_id=structure.structure_id,
                name=structure.name,
                sector=structure.sector,
                active=structure.active,
                modes=" ".join(sorted(mode.value for mode in structure.modes)),
            )
        )

    def _unknown(self, identifier: PatientId) -> None:
        known = self.dossier(identifier)
        if known is not None:
            raise IdentityError("identifiers of no other dossier", f"one of {known.key}")

    def _turn(
        self,
        key: str,
        before: DossierStatus,
        after: DossierStatus,
        *,
        opened: datetime | None = None,
        closed: datetime | None = None,
        reason: str = "",
    ) -> None:
        """One step of the life of a dossier, refused when it does not stand at `before`."""
        values: dict[str, Any] = {"status": after.value, "closed": closed, "closing_reason": reason}
        if opened is not None:
            values["opened"] = opened
        where = (DOSSIERS.c.key == key, DOSSIERS.c.status == before.value)
        if self._connection.execute(sa.update(DOSSIERS).where(*where).values(values)).rowcount != 1:
            raise IdentityError(f"a dossier that is {before.value}", key)


def _professionals(rows: Iterable[sa.Row[Any]]) -> tuple[Professional, ...]:
    """The professionals of rows that come one for each structure (None when there is none), those of one together."""
    return tuple(_professional(list(group)) for _, group in groupby(rows, key=lambda row: row.id_nat))


def _professional(rows: Sequence[sa.Row[Any]]) -> Professional:
    row = rows[0]
    return Professional(
        id_nat=row.id_nat,
        family=row.family,
        given=row.given,
        profession=row.profession,
        profession_system=row.profession_system,
        specialty=row.specialty,
        structures=frozenset(each.structure_id for each in rows if each.structure_id is not None),
        active=row.active,
    )


def _structures(rows: Iterable[sa.Row[Any]]) -> tuple[Structure, ...]:
    return tuple(
        Structure(
            structure_id=row.structure_id,
            name=row.name,
            sector=row.sector,
            active=row.active,
            modes=frozenset(Authentication(mode) for mode in row.modes.split()),
        )
        for row in rows
    )


def _dossiers(rows: Iterable[sa.Row[Any]]) -> tuple[Dossier, ...]:
    """The dossiers of rows that come one for each identifier, those of a dossier together and the current one first."""
    return tuple(_dossier(list(group)) for _, group in groupby(rows, key=lambda row: row.key))


def _dossier(rows: Sequence[sa.Row[Any]]) -> Dossier:
    row = rows[0]
    return Dossier(
        key=row.key,
        identifiers=tuple(PatientId(each.value, each.authority) for each in rows),
        traits=Traits(
            birth_family=row.birth_family,
            birth_given=row.birth_given,
            birth_date=row.birth_date,
            sex=row.sex,
            birth_place=row.birth_place,
            used_family=row.used_family,
            used_given=row.used_given,
        ),
        status=DossierStatus(row.status),
        opened=row.opened,
        closed=row.closed,
        closing_reason=row.closing_reason,
    )
