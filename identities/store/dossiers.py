"""Dossiers and their identifiers: opened, found, closed, reopened.

Source: Référentiel INS v2 (an INS changes: every identifier a dossier ever had leads to it); CSP R.1111-26 to
R.1111-40.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from identities.demographics import from_json, terms, to_json
from identities.dossier import Dossier, DossierStatus, Traits
from identities.requester import PatientId
from identities.store.tables import ACCOUNTS, DOSSIERS, FED_AUTHORITIES, IDENTIFIERS, METADATA, SESSIONS, TERMS
from schemas.store import FROM, erasing

_HAD = IDENTIFIERS.alias("had")
EVERY_DOSSIER = (
    sa.select(DOSSIERS, IDENTIFIERS.c.value, IDENTIFIERS.c.authority)
    .join(IDENTIFIERS, sa.and_(IDENTIFIERS.c.dossier == DOSSIERS.c.key, sa.not_(IDENTIFIERS.c.subsumed)))
    .order_by(DOSSIERS.c.opened, DOSSIERS.c.key, IDENTIFIERS.c.rank.desc())
)
_DOSSIER_OF = EVERY_DOSSIER.join(_HAD, _HAD.c.dossier == DOSSIERS.c.key).where(
    _HAD.c.value == sa.bindparam("had_value"),
    _HAD.c.authority == sa.bindparam("had_authority"),
    sa.not_(_HAD.c.subsumed),
)
_LAST_RANK = sa.select(sa.func.max(IDENTIFIERS.c.rank)).where(IDENTIFIERS.c.dossier == sa.bindparam("dossier"))

_HELD = (
    sa.select(IDENTIFIERS.c.dossier)
    .where(
        IDENTIFIERS.c.value == sa.bindparam("had_value"),
        IDENTIFIERS.c.authority == sa.bindparam("had_authority"),
        IDENTIFIERS.c.dossier == sa.bindparam("of_dossier"),
        sa.not_(IDENTIFIERS.c.subsumed),
    )
    .with_for_update(read=True)
)
_ERASE = erasing(METADATA, "dossier")


class IdentityError(ValueError):
    """An act that the state of dossiers does not allow. Names the dossier by its internal key, never the patient."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"dossier: expected {expected}, got {got}")
        self.expected, self.got = expected, got


class Dossiers:
    """Dossiers, in the transaction of one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def dossier(self, patient: PatientId) -> Dossier | None:
        """The dossier that has, or ever had, this identifier; None when there is none."""
        parameters = {"had_value": patient.value, "had_authority": patient.authority}
        found = read_dossiers(self._connection.execute(_DOSSIER_OF, parameters))
        return found[0] if found else None

    def dossiers(self) -> tuple[Dossier, ...]:
        """Every dossier, oldest first."""
        return read_dossiers(self._connection.execute(EVERY_DOSSIER))

    def dossier_of_key(self, key: str) -> Dossier | None:
        """The dossier of that internal key; None when there is none."""
        found = read_dossiers(self._connection.execute(EVERY_DOSSIER.where(DOSSIERS.c.key == key)))
        return found[0] if found else None

    def stands(self, key: str) -> bool:
        """Whether there is a dossier of that internal key, or was one that was merged into another."""
        return self._connection.execute(sa.select(DOSSIERS.c.key).where(DOSSIERS.c.key == key)).first() is not None

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
        self._connection.execute(
            sa.insert(DOSSIERS).values(
                key=dossier.key,
                status=dossier.status.value,
                opened=dossier.opened,
                closed=dossier.closed,
                closing_code=dossier.closing_code,
                closing_reason=dossier.closing_reason,
                attached_to_mes=dossier.attached_to_mes,
                deceased=dossier.deceased,
                emancipated=dossier.emancipated,
                destruction_requested=dossier.destruction_requested,
                **_columns(dossier.traits),
            )
        )
        rows: list[dict[str, Any]] = [
            {"value": identifier.value, "authority": identifier.authority, "dossier": dossier.key, "rank": rank}
            for rank, identifier in enumerate(reversed(dossier.identifiers))
        ]
        self._insert_identifiers(rows)
        self._insert_terms(dossier.key, dossier.traits)

    def set_traits(self, key: str, traits: Traits) -> None:
        """What is now said of the patient of a dossier, in the place of what was."""
        self._connection.execute(sa.update(DOSSIERS).where(DOSSIERS.c.key == key).values(_columns(traits)))
        self._connection.execute(sa.delete(TERMS).where(TERMS.c.dossier == key))
        self._insert_terms(key, traits)

    def set_situation(
        self,
        key: str,
        *,
        attached_to_mes: bool | None = None,
        deceased: bool | None = None,
        emancipated: bool | None = None,
    ) -> None:
        """What is now known of the patient of a dossier; None leaves what was."""
        said = {"attached_to_mes": attached_to_mes, "deceased": deceased, "emancipated": emancipated}
        values = {name: value for name, value in said.items() if value is not None}
        if values:
            self._connection.execute(sa.update(DOSSIERS).where(DOSSIERS.c.key == key).values(values))

    def request_destruction(self, key: str, instant: datetime | None) -> None:
        """Notes when the patient asked that a closed dossier be destroyed; None takes the request back."""
        self._connection.execute(sa.update(DOSSIERS).where(DOSSIERS.c.key == key).values(destruction_requested=instant))

    def hold(self, key: str, patient: PatientId) -> bool:
        """Whether `patient` is still of that dossier; if so, it will not be merged before this transaction ends."""
        held = {"of_dossier": key, "had_value": patient.value, "had_authority": patient.authority}
        return self._connection.execute(_HELD, held).first() is not None

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

    def close(self, key: str, *, instant: datetime, reason: str, code: str = "") -> None:
        """Closes an open dossier; nothing of it is erased. Raises IdentityError when it is not open."""
        self._turn(key, DossierStatus.OPEN, DossierStatus.CLOSED, closed=instant, reason=reason, code=code)

    def reopen(self, key: str, *, instant: datetime) -> None:
        """Reopens a closed dossier, whose opening is then `instant`; the audit log keeps what was.

        Raises IdentityError when it is not closed."""
        self._turn(key, DossierStatus.CLOSED, DossierStatus.OPEN, opened=instant)

    def to_destroy(self, closed_before: datetime) -> tuple[Dossier, ...]:
        """The closed dossiers that were closed before that instant, or whose patient asked for their destruction."""
        due = sa.or_(DOSSIERS.c.closed < closed_before, DOSSIERS.c.destruction_requested.is_not(None))
        closed = DOSSIERS.c.status == DossierStatus.CLOSED.value
        return read_dossiers(self._connection.execute(EVERY_DOSSIER.where(closed, due)))

    def erase(self, key: str) -> None:
        """Removes a dossier and every row about it, for good, with what is left of those that were merged into it."""
        logins = sa.select(ACCOUNTS.c.login).where(ACCOUNTS.c.dossier == key)
        self._connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.login.in_(logins)))
        for statement in _ERASE:
            self._connection.execute(statement, {FROM.key: key})
        for column in (DOSSIERS.c.merged_into, DOSSIERS.c.key):
            self._connection.execute(sa.delete(DOSSIERS).where(column == key))

    def _insert_identifiers(self, rows: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._connection.execute(sa.insert(IDENTIFIERS), rows)
        except sa.exc.IntegrityError:
            raise IdentityError("identifiers of no dossier", "one that another request added meanwhile") from None

    def _insert_terms(self, key: str, traits: Traits) -> None:
        rows = [
            {"kind": each.kind, "part": each.part, "text": each.text, "dossier": key, "ordinal": each.ordinal}
            for each in terms(replace(traits.demographics, names=traits.names))
        ]
        if rows:
            self._connection.execute(sa.insert(TERMS), rows)

    def _unknown(self, identifier: PatientId) -> None:
        known = self.dossier(identifier)
        if known is not None:
            raise IdentityError("identifiers of no other dossier", f"one of {known.key}")
        if self.subsumed(identifier):
            raise IdentityError("identifiers in use", "one that was merged into another")

    def _turn(
        self,
        key: str,
        before: DossierStatus,
        after: DossierStatus,
        *,
        opened: datetime | None = None,
        closed: datetime | None = None,
        reason: str = "",
        code: str = "",
    ) -> None:
        """One step of the life of a dossier, refused when it does not stand at `before`."""
        values: dict[str, Any] = {
            "status": after.value,
            "closed": closed,
            "closing_code": code,
            "closing_reason": reason,
            "destruction_requested": None,
        }
        if opened is not None:
            values["opened"] = opened
        where = (DOSSIERS.c.key == key, DOSSIERS.c.status == before.value)
        if self._connection.execute(sa.update(DOSSIERS).where(*where).values(values)).rowcount != 1:
            raise IdentityError(f"a dossier that is {before.value}", key)


def read_dossiers(rows: Iterable[sa.Row[Any]]) -> tuple[Dossier, ...]:
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
            birth_time=_birth_time(row),
            demographics=from_json(row.demographics),
        ),
        status=DossierStatus(row.status),
        opened=row.opened,
        closed=row.closed,
        closing_code=row.closing_code,
        closing_reason=row.closing_reason,
        attached_to_mes=row.attached_to_mes,
        deceased=row.deceased,
        emancipated=row.emancipated,
        destruction_requested=row.destruction_requested,
    )


def _columns(traits: Traits) -> dict[str, Any]:
    return {
        "birth_family": traits.birth_family,
        "birth_given": traits.birth_given,
        "birth_date": traits.birth_date,
        "sex": traits.sex,
        "birth_place": traits.birth_place,
        "used_family": traits.used_family,
        "used_given": traits.used_given,
        "birth_time": traits.birth_text,
        "demographics": to_json(traits.demographics),
    }


def _birth_time(row: sa.Row[Any]) -> str:
    """What a source said; '' for what only repeats the birth date."""
    return "" if row.birth_date and row.birth_time == f"{row.birth_date:%Y%m%d}" else row.birth_time
