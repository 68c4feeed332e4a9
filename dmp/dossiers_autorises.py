"""TD0.4: the dossiers that are open to whoever asks.

A health professional is told those that he is authorised to himself; a holder of a CPE those of the professionals of
the structure, and of the structure; a structure those that were opened to it since a date.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD0.4; PDT-INF-526 v1.8, notes (2) and (3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from audit.event import AuditObject, Call, ObjectKind
from dmp.annuaire import NOT_LINKED
from dmp.gate import Gate, Passage
from habilitations.action import Action
from habilitations.column import is_medecin
from habilitations.matrices import Note
from habilitations.statement import Statement
from habilitations.wishes import Opening
from identities.demographics import term
from identities.dossier import Dossier, Traits
from identities.requester import PatientId, Requester
from registry.activity import Activity
from registry.errors import ErrorCode, Finding, RegistryError
from schemas import oids

MAX_LISTED = 2_000  # dossiers of one answer, each with its own Scope: a second or two for all

_DENIED = ErrorCode.DMPAccessDeniedByRightsService
_TOO_MANY = Finding(
    ErrorCode.XDSTooManyResults,
    f"Plus de {MAX_LISTED} DMP : restreindre la liste par dateType LASTAUTORIZATION et une startDate plus récente.",
)
_NEW_ONES_ONLY = Finding(
    _DENIED, "Liste limitée aux nouvelles autorisations : attendu dateType LASTAUTORIZATION et startDate."
)
_NO_OTHER_OWNER = Finding(_DENIED, "psOwnerId : réservé aux porteurs de CPE, pour un professionnel de leur structure.")


class DateType(Enum):
    """What must have happened since a date."""

    LASTAUTORIZATION = "LASTAUTORIZATION"  # the authorisation began
    LASTDOC = "LASTDOC"  # a document was added that the requester may see


@dataclass(frozen=True, slots=True)
class Since:
    """Limits the list by a date, which belongs."""

    what: DateType
    instant: datetime


@dataclass(frozen=True, slots=True)
class AuthorisedDossier:
    """One dossier of the list. `identifiers` are an INS-C, where one is known, and the INS.

    `last_access` is the requester's own; `activity` is of documents that the requester may see.
    """

    identifiers: tuple[PatientId, ...]
    traits: Traits
    medecin_traitant: bool
    last_access: datetime | None
    activity: Activity


def authorised_dossiers(
    gate: Gate, requester: Requester, call: Call, since: Since | None, owner: str, raw: bytes = b""
) -> tuple[AuthorisedDossier, ...]:
    """The open dossiers that the requester, or whom he may ask for, is authorised to; by name.

    `owner` is the professional whose list the holder of a CPE asks for, '' for all. The patient whom the assertion may
    name plays no part. `raw` is the request as received, if a message came, for the audit log. Raises AccessRefused;
    RegistryError for what the requester may not ask, or too many.
    """
    requester, asked = replace(requester, patient=None), AuditObject(ObjectKind.QUERY, call.request_id, content=raw)
    with gate.passage(requester, Action.TD0_4, None, call, asked=[asked]) as passage:
        begun = since.instant if since and since.what is DateType.LASTAUTORIZATION else None
        holders, rights = _holders(passage, begun, owner), passage.rooms.rights
        openings = rights.opened_to(holders, passage.now, since=begun, limit=MAX_LISTED + 1)
        if len(openings) > MAX_LISTED:
            raise RegistryError([_TOO_MANY])
        listed = _listed(passage, openings)
        if since and since.what is DateType.LASTDOC:
            listed = [each for each in listed if each.activity.added and each.activity.added >= since.instant]
        passage.objects.extend(AuditObject(ObjectKind.PATIENT, str(each.identifiers[-1])) for each in listed)
    return tuple(sorted(listed, key=_by_name))


def _holders(passage: Passage, begun: datetime | None, owner: str) -> Sequence[str]:
    """Whose authorisations are listed. Raises RegistryError when they are not for the requester to know."""
    requester, directory = passage.requester, passage.rooms.identities
    match passage.decision.footnote:
        case Note.MEME_STRUCTURE:
            members = directory.members(requester.structure_id)
            if not owner:
                return (requester.structure_id, *members)
            if owner not in members:
                raise RegistryError([Finding(_DENIED, NOT_LINKED)])
            return (owner,)
        case Note.NOUVELLES_AUTORISATIONS:
            mine = requester.structure_id
            if begun is None:
                raise RegistryError([_NEW_ONES_ONLY])
        case _:
            mine = requester.id_nat
    if owner not in ("", mine):
        raise RegistryError([_NO_OTHER_OWNER])
    return (mine,)


def _listed(passage: Passage, openings: Sequence[Opening]) -> list[AuthorisedDossier]:
    """Those of `openings` that are open dossiers still, and do not shut the requester out."""
    rooms, requester = passage.rooms, passage.requester
    treating = {each.dossier for each in openings if each.medecin_traitant}
    dossiers = rooms.identities.dossiers_of_keys([each.dossier for each in openings])
    said = rooms.rights.statements(dossiers, requester, passage.now)
    open_ones = [(one, its) for one, its in zip(dossiers, said, strict=True) if _lets_in(passage, its)]
    accesses = rooms.trail.last_accesses(requester.id_nat, [one.key for one, _ in open_ones])
    activities = rooms.registry.activity(filter(None, (passage.finds(its) for _, its in open_ones)))
    return [
        AuthorisedDossier(
            identifiers=_identifiers(one),
            traits=one.traits,
            medecin_traitant=one.key in treating,
            last_access=accesses.get(one.key),
            activity=activities.get(one.key, Activity()),
        )
        for one, _ in open_ones
    ]


def _lets_in(passage: Passage, said: Statement) -> bool:
    """A médecin traitant cannot be blocked. Who asks for others, by footnote (2) or (3), needs no authorisation."""
    if not said.open or (said.medecin_traitant and is_medecin(passage.requester)):
        return said.open
    return not said.blocked and (said.authorised or passage.decision.footnote is not None)


def _identifiers(dossier: Dossier) -> tuple[PatientId, ...]:
    ins_c = [each for each in dossier.identifiers if each.authority == oids.INS_C]
    return (*ins_c[:1], dossier.ins)


def _by_name(each: AuthorisedDossier) -> tuple[str, ...]:
    traits = each.traits
    return (
        term(traits.used_family or traits.birth_family),
        term(traits.used_given or traits.birth_given),
        traits.birth_text,
        each.identifiers[-1].value,
    )
