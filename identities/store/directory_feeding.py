"""What an extraction of the Annuaire Santé does to the directory: lists, and ends what it lists no longer.

Every act takes a batch and may be done again: what stands as listed is left as it is. Rows of the operator's that an
extraction lists become its own; approvals for indirect modes stay the operator's word.

Source: Annuaire Santé, extractions en libre accès; GIE SESAM-Vitale, DMP-Compatibilité (structure inactive).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from identities.professional import Exercice, Listing, Origin, Structure, Tally, first_of
from identities.store.directory import Directory
from identities.store.tables import EXERCICES, MEMBERSHIPS, PROFESSIONALS, STRUCTURES
from schemas import oids

_ANNUAIRE = Origin.ANNUAIRE.value
_KEYS: sa.BindParameter[Sequence[str]] = sa.bindparam("keys", expanding=True)
_STRUCTURES = sa.select(STRUCTURES).where(STRUCTURES.c.structure_id.in_(_KEYS))
_PROFESSIONALS = sa.select(PROFESSIONALS).where(PROFESSIONALS.c.id_nat.in_(_KEYS))
_MEMBERSHIPS = sa.select(MEMBERSHIPS).where(MEMBERSHIPS.c.id_nat.in_(_KEYS))
_EXERCICES = sa.select(EXERCICES).where(EXERCICES.c.id_nat.in_(_KEYS))
_END = sa.update(MEMBERSHIPS).where(
    MEMBERSHIPS.c.id_nat == sa.bindparam("of", type_=sa.String),
    MEMBERSHIPS.c.structure_id == sa.bindparam("at", type_=sa.String),
)
_Row = sa.RowMapping
_GOING_ON = sa.exists().where(
    MEMBERSHIPS.c.structure_id == STRUCTURES.c.structure_id,
    MEMBERSHIPS.c.ended.is_(None),
    MEMBERSHIPS.c.origin == _ANNUAIRE,
)


class DirectoryFeeding(Directory):
    """The acts of an extraction, batch by batch."""

    def list_structures(self, listed: Sequence[Structure]) -> Tally:
        """Adds these structures or brings their names, sectors and activity up to date."""
        keys = [structure.structure_id for structure in listed]
        known = self._by("structure_id", _STRUCTURES, keys)
        rows = []
        for each in listed:
            row = {"structure_id": each.structure_id, "name": each.name, "sector": each.sector}
            rows.append(row | {"active": True, "modes": "", "origin": _ANNUAIRE})
        return self._write(STRUCTURES, ("structure_id",), rows, known, kept=("modes",))

    def list_professionals(
        self, listed: Sequence[Listing], instant: datetime, *, complete: bool, every_savoir_faire: bool
    ) -> tuple[Tally, Tally]:
        """Adds these professionals and their activities or brings them up to date; what changed, of each.

        With `complete`, activities that came from an extraction and are not listed end at `instant`, and professions
        that are not listed are dropped; with `every_savoir_faire`, so are savoir-faire.
        """
        keys = [each.professional.id_nat for each in listed]
        known = self._by("id_nat", _PROFESSIONALS, keys)
        exercices = self._known_exercices(keys, known)
        rows, settled = [], {}
        for each in listed:
            id_nat = each.professional.id_nat
            mine = each.professional.exercices
            if not every_savoir_faire or each.spared:
                named = {one.profession for one in mine}
                before = exercices.get(id_nat, frozenset())
                mine |= {one for one in before if not complete or each.spared or one.profession in named}
            settled[id_nat] = _without_blanks(mine)
            rows.append(_professional_row(each, settled[id_nat]))
        other = {id_nat for id_nat, each in settled.items() if exercices.get(id_nat, frozenset()) != each}
        tally = self._write(PROFESSIONALS, ("id_nat",), rows, known, touched={(id_nat,) for id_nat in other})
        self._write_exercices({id_nat: settled[id_nat] for id_nat in other})
        return tally, self._list_activities(listed, instant, complete)

    def _list_activities(self, listed: Sequence[Listing], instant: datetime, complete: bool) -> Tally:
        keys = [each.professional.id_nat for each in listed]
        found = self._connection.execute(_MEMBERSHIPS, {"keys": keys})
        known: dict[tuple[str, ...], _Row] = {(row.id_nat, row.structure_id): row._mapping for row in found}
        rows = [
            {
                "id_nat": each.professional.id_nat,
                "structure_id": activity.structure_id,
                "sectors": " ".join(sorted(activity.sectors)),
                "modes": " ".join(sorted(activity.modes)),
                "ended": None,
                "origin": _ANNUAIRE,
            }
            for each in listed
            for activity in each.activities
        ]
        names = {(row["id_nat"], row["structure_id"]) for row in rows}
        spared = {each.professional.id_nat for each in listed if each.spared}
        gone = [
            {"of": key[0], "at": key[1]}
            for key, row in known.items()
            if complete and key not in names and key[0] not in spared and _running(row)
        ]
        if gone:
            self._connection.execute(_END.values(ended=instant), gone)
        return self._write(MEMBERSHIPS, ("id_nat", "structure_id"), rows, known) + Tally(ended=len(gone))

    def professionals_listed(self, after: str, limit: int) -> tuple[str, ...]:
        """The next active professionals that an extraction listed, beyond `after` in the database's own order."""
        return self._listed(PROFESSIONALS, PROFESSIONALS.c.id_nat, after, limit)

    def structures_listed(self, after: str, limit: int) -> tuple[str, ...]:
        """The next active structures that an extraction listed, beyond `after` in the database's own order."""
        return self._listed(STRUCTURES, STRUCTURES.c.structure_id, after, limit)

    def end_professionals(self, keys: Sequence[str], instant: datetime) -> tuple[Tally, Tally]:
        """These professionals are no longer listed: inactive, and what an extraction said that they do has ended."""
        running = (MEMBERSHIPS.c.id_nat.in_(keys), MEMBERSHIPS.c.ended.is_(None), MEMBERSHIPS.c.origin == _ANNUAIRE)
        links = self._connection.execute(sa.update(MEMBERSHIPS).where(*running).values(ended=instant)).rowcount
        active = (PROFESSIONALS.c.id_nat.in_(keys), PROFESSIONALS.c.active)
        ended = self._connection.execute(sa.update(PROFESSIONALS).where(*active).values(active=False)).rowcount
        return Tally(ended=ended), Tally(ended=links)

    def end_structures(self, keys: Sequence[str]) -> Tally:
        """These structures are no longer listed: inactive, but for those where an activity of an extraction goes on.

        Their approvals stand for the day they are listed again.
        """
        active = (STRUCTURES.c.structure_id.in_(keys), STRUCTURES.c.active, ~_GOING_ON)
        ended = self._connection.execute(sa.update(STRUCTURES).where(*active).values(active=False)).rowcount
        return Tally(ended=ended)

    def _listed(self, table: sa.Table, key: sa.Column[str], after: str, limit: int) -> tuple[str, ...]:
        ours = sa.select(key).where(table.c.active, table.c.origin == _ANNUAIRE, key > after)
        return tuple(self._connection.execute(ours.order_by(key).limit(limit)).scalars())

    def _by(self, name: str, statement: sa.Select[Any], keys: Sequence[str]) -> dict[tuple[str, ...], _Row]:
        found = self._connection.execute(statement, {"keys": keys})
        return {(row._mapping[name],): row._mapping for row in found}

    def _write(
        self,
        table: sa.Table,
        key: Sequence[str],
        rows: Iterable[dict[str, Any]],
        known: Mapping[tuple[str, ...], _Row],
        kept: Sequence[str] = (),
        touched: Collection[tuple[str, ...]] = (),
    ) -> Tally:
        """Inserts what is not known and updates what differs, or is `touched`; columns `kept` are only inserted."""
        new, other, same = [], [], 0
        for row in rows:
            this = tuple(row[name] for name in key)
            before = known.get(this)
            if before is None:
                new.append(row)
            elif this in touched or any(before[name] != value for name, value in row.items() if name not in kept):
                other.append({f"new_{name}": value for name, value in row.items() if name not in kept})
            else:
                same += 1
        if new:
            self._connection.execute(sa.insert(table), new)
        if other:
            fixed = (*key, *kept)
            values = {each.name: sa.bindparam(f"new_{each.name}", type_=each.type) for each in table.c}
            values = {name: value for name, value in values.items() if name not in fixed}
            where = [table.c[name] == sa.bindparam(f"new_{name}", type_=table.c[name].type) for name in key]
            self._connection.execute(sa.update(table).where(*where).values(values), other)
        return Tally(added=len(new), changed=len(other), same=same)

    def _known_exercices(
        self, keys: Sequence[str], known: Mapping[tuple[str, ...], _Row]
    ) -> dict[str, frozenset[Exercice]]:
        found = {
            id_nat: frozenset({Exercice(row["profession"], row["specialty"])})
            for (id_nat,), row in known.items()
            if row["profession_system"] == oids.PROFESSION
        }
        for row in self._connection.execute(_EXERCICES, {"keys": keys}):
            found[row.id_nat] = found.get(row.id_nat, frozenset()) | {Exercice(row.profession, row.savoir_faire)}
        return {id_nat: _without_blanks(each) for id_nat, each in found.items()}

    def _write_exercices(self, exercices: Mapping[str, frozenset[Exercice]]) -> None:
        """Rows are kept of those who have several, the first included."""
        if not exercices:
            return
        self._connection.execute(sa.delete(EXERCICES).where(EXERCICES.c.id_nat.in_(sorted(exercices))))
        rows = [
            {"id_nat": id_nat, "profession": each.profession, "savoir_faire": each.savoir_faire}
            for id_nat, several in exercices.items()
            if len(several) > 1
            for each in sorted(several)
        ]
        if rows:
            self._connection.execute(sa.insert(EXERCICES), rows)


def _running(row: _Row) -> bool:
    return bool(row["ended"] is None and row["origin"] == _ANNUAIRE)


def _without_blanks(exercices: frozenset[Exercice]) -> frozenset[Exercice]:
    """Without `no savoir-faire` for a profession that has some."""
    skilled = {each.profession for each in exercices if each.savoir_faire}
    return frozenset(each for each in exercices if each.savoir_faire or each.profession not in skilled)


def _professional_row(listing: Listing, exercices: frozenset[Exercice]) -> dict[str, Any]:
    person, first = listing.professional, first_of(exercices)
    return {
        "id_nat": person.id_nat,
        "family": person.family,
        "given": person.given,
        "profession": first.profession if first else person.profession,
        "profession_system": oids.PROFESSION if first else person.profession_system,
        "specialty": first.savoir_faire if first else "",
        "active": True,
        "origin": _ANNUAIRE,
    }
