"""The rows of what patients said: whom they authorised, blocked, made their médecin traitant, and what they opposed.

A store is bound to one connection, whose transaction it neither begins nor ends. Identifiers of persons are PS_IdNat
values, of structures Struct_IdNat values; dossiers are internal keys.

Source: CSP L.1111-14 to L.1111-19, R.1111-46; GIE SESAM-Vitale, TD0.3 and TD1.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from habilitations.column import is_health_professional
from habilitations.statement import Statement, Switches
from habilitations.store.rectifications import Rectifications
from habilitations.store.tables import (
    AUTHORISATIONS,
    BLOCKINGS,
    CONSENTS,
    MEDECINS_TRAITANTS,
    METADATA,
    OPPOSITIONS,
    RECTIFICATIONS,
)
from habilitations.wishes import PERSON, STRUCTURE, Authorisation, Consent, Kind, Opening, Wishes
from identities.dossier import Dossier, DossierStatus
from identities.requester import Requester
from schemas.errors import UnexpectedError
from schemas.store import FROM, Instant, erasing

__all__ = ["METADATA", "HabilitationsStore", "RightsError"]

_DOSSIER: sa.BindParameter[str] = sa.bindparam("dossier")
_PERSON: sa.BindParameter[str] = sa.bindparam("person")
_STRUCTURE: sa.BindParameter[str] = sa.bindparam("structure")
_DOSSIERS: sa.BindParameter[str] = sa.bindparam("dossiers", expanding=True)
_HOLDERS: sa.BindParameter[str] = sa.bindparam("holders", expanding=True)
_INSTANT = sa.bindparam("instant", type_=Instant)
_CHUNK = 500


def _said(dossier: sa.ColumnElement[str]) -> tuple[sa.ColumnElement[Any], ...]:
    """What was said of one person and structure in `dossier`."""
    until = sa.select(sa.func.max(AUTHORISATIONS.c.ends)).where(
        AUTHORISATIONS.c.dossier == dossier,
        sa.or_(
            sa.and_(AUTHORISATIONS.c.kind == PERSON, AUTHORISATIONS.c.holder == _PERSON),
            sa.and_(AUTHORISATIONS.c.kind == STRUCTURE, AUTHORISATIONS.c.holder == _STRUCTURE),
        ),
        AUTHORISATIONS.c.starts <= _INSTANT,
    )
    blocked = sa.exists().where(BLOCKINGS.c.dossier == dossier, BLOCKINGS.c.holder.in_((_PERSON, _STRUCTURE)))
    treating = sa.exists().where(MEDECINS_TRAITANTS.c.dossier == dossier, MEDECINS_TRAITANTS.c.id_nat == _PERSON)
    return until.scalar_subquery().label("until"), blocked.label("blocked"), treating.label("medecin_traitant")


_OPPOSITIONS_OF = sa.select(OPPOSITIONS).where(OPPOSITIONS.c.dossier == _DOSSIER)
_SAID_ONCE = sa.select(*_said(_DOSSIER)).subquery()
_STATEMENT = sa.select(_SAID_ONCE, OPPOSITIONS).outerjoin_from(
    _SAID_ONCE, OPPOSITIONS, OPPOSITIONS.c.dossier == _DOSSIER
)
_SPOKEN_OF = sa.union(  # a dossier in none of these is one where nothing was said
    *(
        sa.select(table.c.dossier).where(table.c.dossier.in_(_DOSSIERS))
        for table in (AUTHORISATIONS, MEDECINS_TRAITANTS, BLOCKINGS, OPPOSITIONS)
    )
).subquery()
_STATEMENTS = sa.select(_SPOKEN_OF.c.dossier.label("key"), *_said(_SPOKEN_OF.c.dossier), OPPOSITIONS).outerjoin_from(
    _SPOKEN_OF, OPPOSITIONS, OPPOSITIONS.c.dossier == _SPOKEN_OF.c.dossier
)
_LETTING_IN = sa.union_all(
    sa.select(AUTHORISATIONS.c.dossier, AUTHORISATIONS.c.starts).where(
        AUTHORISATIONS.c.holder.in_(_HOLDERS),
        AUTHORISATIONS.c.starts <= _INSTANT,
        AUTHORISATIONS.c.ends > _INSTANT,
        sa.not_(
            sa.exists().where(
                BLOCKINGS.c.dossier == AUTHORISATIONS.c.dossier, BLOCKINGS.c.holder == AUTHORISATIONS.c.holder
            )
        ),
    ),
    sa.select(MEDECINS_TRAITANTS.c.dossier, sa.null()).where(MEDECINS_TRAITANTS.c.id_nat.in_(_HOLDERS)),
).subquery()
_START = sa.func.max(_LETTING_IN.c.starts, type_=Instant)
_OPENINGS = (
    sa.select(
        _LETTING_IN.c.dossier,
        _START.label("start"),
        (sa.func.count() > sa.func.count(_LETTING_IN.c.starts)).label("medecin_traitant"),
    )
    .group_by(_LETTING_IN.c.dossier)
    .order_by(_LETTING_IN.c.dossier)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_OPENINGS_SINCE = _OPENINGS.having(sa.bindparam("since", type_=Instant) <= _START)
_ERASE = erasing(METADATA, "dossier")


class RightsError(UnexpectedError):
    """A wish of the patient that the rules do not allow."""


class HabilitationsStore(Rectifications):
    """What patients said, in the transaction of one connection."""

    def statement(self, dossier: Dossier, requester: Requester, instant: datetime) -> Statement:
        """What stands between `requester` and `dossier` at `instant`.

        An authorisation is the person's own or, the establishment being a care team, that of the structure. Only health
        professionals have one. A blocking of the person or of the structure counts, whatever was authorised.
        """
        parameters = {"dossier": dossier.key, **_asked(requester, instant)}
        return _statement(dossier, requester, instant, self._connection.execute(_STATEMENT, parameters).one())

    def statements(self, dossiers: Sequence[Dossier], requester: Requester, instant: datetime) -> tuple[Statement, ...]:
        """The same for each of `dossiers`, in their order."""
        keys, rows = [each.key for each in dossiers], dict[str, Any]()
        for start in range(0, len(keys), _CHUNK):
            parameters = {"dossiers": keys[start : start + _CHUNK], **_asked(requester, instant)}
            rows.update((row.key, row) for row in self._connection.execute(_STATEMENTS, parameters))
        return tuple(_statement(each, requester, instant, rows.get(each.key)) for each in dossiers)

    def wishes(self, dossier: str) -> Wishes:
        """All that the patient of `dossier` said, for the operator and for TD1.6."""
        switches, opposed = self._oppositions(dossier)
        authorisations = self._connection.execute(
            sa.select(AUTHORISATIONS)
            .where(AUTHORISATIONS.c.dossier == dossier)
            .order_by(AUTHORISATIONS.c.kind, AUTHORISATIONS.c.holder)
        )
        return Wishes(
            tuple(map(_authorisation, authorisations)),
            self._column(MEDECINS_TRAITANTS.c.id_nat, MEDECINS_TRAITANTS.c.dossier == dossier),
            self._column(BLOCKINGS.c.holder, BLOCKINGS.c.dossier == dossier),
            switches,
            opposed,
        )

    def authorise(
        self, dossier: str, holder: str, *, kind: Kind, start: datetime, end: datetime, secret: bool = False
    ) -> None:
        """Authorises a person or a structure from `start` to before `end`; renews what was authorised.

        What is authorised in a `secret` connection stays hidden from representatives, unless they knew it before.
        Raises RightsError when `holder` is empty or blocked, or `end` is not after `start`.
        """
        if not holder or kind not in (PERSON, STRUCTURE):
            raise RightsError(
                "the identifier of a person or of a structure", f"{kind} {holder or 'without identifier'}"
            )
        if end <= start:
            raise RightsError("an end after the start", "one before it")
        if self._blocked(dossier, holder):
            raise RightsError("a holder who is not blocked (unblock first)", holder)
        same = (AUTHORISATIONS.c.dossier == dossier, AUTHORISATIONS.c.kind == kind, AUTHORISATIONS.c.holder == holder)
        known = self._connection.execute(sa.select(AUTHORISATIONS.c.secret).where(*same)).scalar_one_or_none() is False
        self._connection.execute(sa.delete(AUTHORISATIONS).where(*same))
        row = {"dossier": dossier, "kind": kind, "holder": holder, "starts": start, "ends": end}
        self._connection.execute(sa.insert(AUTHORISATIONS).values(**row, secret=secret and not known))

    def expiring(self, since: datetime, until: datetime) -> tuple[tuple[str, Authorisation], ...]:
        """The authorisations that end from `since` to before `until`, each with the key of its dossier."""
        ending = sa.select(AUTHORISATIONS).where(AUTHORISATIONS.c.ends >= since, AUTHORISATIONS.c.ends < until)
        rows = self._connection.execute(ending.order_by(AUTHORISATIONS.c.ends, *AUTHORISATIONS.primary_key))
        return tuple((row.dossier, _authorisation(row)) for row in rows)

    def revoke(self, dossier: str, holder: str) -> None:
        """Ends every authorisation of `holder`, and that of a médecin traitant with it. Source: TD0.3, SUPPRESSION."""
        self.set_medecin_traitant(dossier, holder, False)
        self._connection.execute(
            sa.delete(AUTHORISATIONS).where(AUTHORISATIONS.c.dossier == dossier, AUTHORISATIONS.c.holder == holder)
        )

    def set_medecin_traitant(self, dossier: str, id_nat: str, medecin_traitant: bool) -> None:
        """Makes a professional médecin traitant of the dossier, or no longer; there may be several.

        Whoever stops being one keeps his authorisation. Raises RightsError when the professional is blocked.
        """
        same = (MEDECINS_TRAITANTS.c.dossier == dossier, MEDECINS_TRAITANTS.c.id_nat == id_nat)
        if medecin_traitant and self._blocked(dossier, id_nat):
            raise RightsError("a médecin traitant who is not blocked (unblock first)", id_nat)
        self._connection.execute(sa.delete(MEDECINS_TRAITANTS).where(*same))
        if medecin_traitant:
            self._connection.execute(sa.insert(MEDECINS_TRAITANTS).values(dossier=dossier, id_nat=id_nat))

    def block(self, dossier: str, holder: str, *, start: datetime) -> None:
        """Shuts a person or a structure out, and ends their authorisation: unblocking will not bring it back.

        Raises RightsError when `holder` is empty or a médecin traitant of the dossier, who cannot be blocked.
        """
        if not holder:
            raise RightsError("the identifier of a person or of a structure", "none")
        same = (MEDECINS_TRAITANTS.c.dossier == dossier, MEDECINS_TRAITANTS.c.id_nat == holder)
        if self._column(MEDECINS_TRAITANTS.c.id_nat, *same):
            raise RightsError("someone else than a médecin traitant of the dossier", holder)
        self.revoke(dossier, holder)
        self.unblock(dossier, holder)
        self._connection.execute(sa.insert(BLOCKINGS).values(dossier=dossier, holder=holder, starts=start))

    def unblock(self, dossier: str, holder: str) -> None:
        """Ends a blocking. Entering again needs a new authorisation."""
        self._connection.execute(
            sa.delete(BLOCKINGS).where(BLOCKINGS.c.dossier == dossier, BLOCKINGS.c.holder == holder)
        )

    def set_switches(self, dossier: str, switches: Switches) -> None:
        """Records the three emergency switches. Raises RightsError when the third is on without one of the others."""
        if switches.masques_en_urgence and not (switches.centre_15 or switches.bris_de_glace):
            raise RightsError("masques_en_urgence with centre_15 or bris_de_glace", "masques_en_urgence alone")
        self._oppose(dossier, switches, self._oppositions(dossier)[1])

    def oppose_feeding(self, dossier: str, opposed: bool = True) -> None:
        """Records that the patient is opposed to the feeding of the dossier, or no longer."""
        self._oppose(dossier, self._oppositions(dossier)[0], opposed)

    def record_consent(self, dossier: str, consent: Consent) -> None:
        """Adds an answer of the patient to those that were collected."""
        row = {"dossier": dossier, "code": consent.code, "given": consent.given}
        values = {**row, "instant": consent.instant, "collector": consent.collector}
        self._connection.execute(sa.insert(CONSENTS).values(values))

    def consents(self, dossier: str) -> tuple[Consent, ...]:
        """What was collected of the patient, the oldest first."""
        rows = self._connection.execute(
            sa.select(CONSENTS).where(CONSENTS.c.dossier == dossier).order_by(CONSENTS.c.id)
        )
        return tuple(Consent(row.code, row.given, row.instant, row.collector) for row in rows)

    def opened_to(
        self, holders: Sequence[str], instant: datetime, *, since: datetime | None = None, limit: int
    ) -> tuple[Opening, ...]:
        """The dossiers that one of these persons and structures is authorised to at `instant`, or médecin traitant of.

        At most `limit`, by key; with `since`, only those with an authorisation that began then or later. Whoever is
        blocked in a dossier is let in by nothing.
        """
        found: dict[str, Opening] = {}
        for first in range(0, len(holders), _CHUNK):
            parameters = {"holders": holders[first : first + _CHUNK], "instant": instant, "limit": limit}
            statement = _OPENINGS if since is None else _OPENINGS_SINCE
            for row in self._connection.execute(
                statement, parameters if since is None else parameters | {"since": since}
            ):
                known = found.get(row.dossier, Opening(row.dossier, None))
                starts = [each for each in (known.start, row.start) if each is not None]
                treating = known.medecin_traitant or bool(row.medecin_traitant)
                found[row.dossier] = Opening(row.dossier, max(starts, default=None), treating)
        return tuple(found[key] for key in sorted(found)[:limit])

    def unite(self, merged: str, into: str) -> None:
        """What the patient said in the dossier `merged` goes to `into` as far as it shuts out; what it lets in ends.

        Blockings of both hold, against authorisations and médecins traitants of `into` too; switches and opposition
        hold as the stricter of both.
        """
        for holder, start in self._connection.execute(
            sa.select(BLOCKINGS.c.holder, BLOCKINGS.c.starts).where(BLOCKINGS.c.dossier == merged)
        ).all():
            self.revoke(into, holder)
            if not self._blocked(into, holder):
                self._connection.execute(sa.insert(BLOCKINGS).values(dossier=into, holder=holder, starts=start))
        ours, theirs = self._oppositions(into), self._oppositions(merged)
        if theirs != (Switches(), False):
            self._oppose(into, _stricter(ours[0], theirs[0]), ours[1] or theirs[1])
        for table in (AUTHORISATIONS, MEDECINS_TRAITANTS, BLOCKINGS, OPPOSITIONS):
            self._connection.execute(sa.delete(table).where(table.c.dossier == merged))
        for table in (CONSENTS, RECTIFICATIONS):
            self._connection.execute(sa.update(table).where(table.c.dossier == merged).values(dossier=into))

    def erase(self, dossier: str) -> None:
        """Removes every row of the dossier, for good."""
        for statement in _ERASE:
            self._connection.execute(statement, {FROM.key: dossier})

    def _oppositions(self, dossier: str) -> tuple[Switches, bool]:
        row = self._connection.execute(_OPPOSITIONS_OF, {"dossier": dossier}).one_or_none()
        return _opposed(row) if row else (Switches(), False)

    def _oppose(self, dossier: str, switches: Switches, feeding: bool) -> None:
        self._connection.execute(sa.delete(OPPOSITIONS).where(OPPOSITIONS.c.dossier == dossier))
        self._connection.execute(
            sa.insert(OPPOSITIONS).values(
                dossier=dossier,
                centre_15=switches.centre_15,
                bris_de_glace=switches.bris_de_glace,
                masques_en_urgence=switches.masques_en_urgence,
                feeding=feeding,
            )
        )

    def _blocked(self, dossier: str, holder: str) -> bool:
        return bool(self._column(BLOCKINGS.c.holder, BLOCKINGS.c.dossier == dossier, BLOCKINGS.c.holder == holder))

    def _column(self, column: sa.ColumnElement[str], *where: sa.ColumnElement[bool]) -> tuple[str, ...]:
        return tuple(self._connection.execute(sa.select(column).where(*where).order_by(column)).scalars())


def _authorisation(row: sa.Row[Any]) -> Authorisation:
    return Authorisation(row.kind, row.holder, row.starts, row.ends, row.secret)


def _asked(requester: Requester, instant: datetime) -> dict[str, Any]:
    return {"person": requester.id_nat, "structure": requester.structure_id, "instant": instant}


def _statement(dossier: Dossier, requester: Requester, instant: datetime, row: sa.Row[Any] | None) -> Statement:
    """What a row of `_said` and of oppositions makes of it; None when nothing was said."""
    is_open = dossier.status is DossierStatus.OPEN
    if row is None:
        return Statement(dossier.key, open=is_open, attached_to_mes=dossier.attached_to_mes)
    health = is_health_professional(requester)
    switches, opposed = _opposed(row)
    return Statement(
        dossier=dossier.key,
        open=is_open,
        authorised=health and row.until is not None and instant < row.until,
        expired=health and row.until is not None and row.until <= instant,
        blocked=bool(row.blocked),
        medecin_traitant=health and bool(row.medecin_traitant),
        opposed_to_feeding=opposed,
        switches=switches,
        attached_to_mes=dossier.attached_to_mes,
    )


def _opposed(row: sa.Row[Any]) -> tuple[Switches, bool]:
    """What a row of oppositions says; without one (an outer join), what holds until the patient says something."""
    if row.feeding is None:
        return Switches(), False
    return Switches(row.centre_15, row.bris_de_glace, row.masques_en_urgence), row.feeding


def _stricter(one: Switches, other: Switches) -> Switches:
    centre_15, bris_de_glace = one.centre_15 and other.centre_15, one.bris_de_glace and other.bris_de_glace
    masques = one.masques_en_urgence and other.masques_en_urgence and (centre_15 or bris_de_glace)
    return Switches(centre_15, bris_de_glace, masques)
