"""TD0.3 and TD1.6: who may enter a dossier, as professionals declare it of themselves and as they are told it.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD0.3 and TD1.6; PDT-INF-526 v1.8, note (1); CSP L.1111-14 to L.1111-19.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from audit.event import AuditObject, Call, ObjectKind
from dmp.gate import Gate, Passage
from dmp.gestion import AUTHORISATION_LENGTH
from dmp.ports import Identities
from habilitations.action import Action
from habilitations.column import is_medecin
from habilitations.matrices import Note
from habilitations.wishes import PERSON, STRUCTURE, Kind, Wishes
from identities.id_nat import IdNatError, check_ps_id_nat
from identities.professional import Exercice, Professional
from identities.requester import Authentication, Requester
from registry.errors import ErrorCode, Finding, RegistryError
from schemas import oids
from schemas.value_sets import ValueSets

RENEWED_WITHIN = timedelta(days=30)  # before its end; until then an authorisation stands as it is

ALREADY_THERE = "Autorisation déjà présente aucune action effectuée"  # as the DMP says it
NOT_THERE = "Autorisation absente aucune action effectuée"
NOT_MEDECIN = Finding(
    ErrorCode.DMPAccessDeniedByRightsService, "Seul un médecin peut se déclarer médecin traitant DMP."
)


# --- TD0.3 ------------------------------------------------------------------------------------------------------------


class Change(Enum):
    """What professionals declare of themselves."""

    AUTORISATION = "autorisation"
    MEDECIN_TRAITANT = "médecin traitant"  # and authorised
    SUPPRESSION = "suppression"  # médecin traitant no longer, either
    FIN_MEDECIN_TRAITANT = "fin médecin traitant"  # and still authorised


_ACTIONS = {
    Change.AUTORISATION: Action.TD0_3_AJOUT,
    Change.MEDECIN_TRAITANT: Action.TD0_3_AJOUT,
    Change.SUPPRESSION: Action.TD0_3_SUPPRESSION,
    Change.FIN_MEDECIN_TRAITANT: Action.TD0_3_FIN_MT,
}


def declare(gate: Gate, requester: Requester, call: Call, change: Change) -> str:
    """Carries out what the requester declares of the patient's dossier; a French sentence where nothing had to be done.

    An authorisation runs for a year, and begins anew when it is over or nearly so. Whoever has no health profession has
    it given to the structure. Raises AccessRefused; RegistryError for a médecin traitant who is no médecin.
    """
    with gate.passage(requester, _ACTIONS[change], None, call) as passage:
        if change is Change.MEDECIN_TRAITANT and not is_medecin(passage.requester):
            raise RegistryError([NOT_MEDECIN])
        of_structure = passage.decision.footnote is Note.AUTORISATION_DE_LA_STRUCTURE
        kind, holder = (
            (STRUCTURE, passage.requester.structure_id) if of_structure else (PERSON, passage.requester.id_nat)
        )
        passage.objects.append(AuditObject(ObjectKind.USER, holder))
        key, rights = passage.opened.key, passage.rooms.rights
        passage.rooms.identities.lock([key])
        said = rights.wishes(key)
        treating = holder in said.medecins_traitants
        if change is Change.SUPPRESSION:
            rights.revoke(key, holder)
            there = treating or any(each.holder == holder for each in said.authorisations)
            return "" if there else NOT_THERE
        begun = _authorise(passage, said, kind, holder)
        if change is Change.AUTORISATION:
            return "" if begun else ALREADY_THERE
        rights.set_medecin_traitant(key, holder, change is Change.MEDECIN_TRAITANT)
        return ALREADY_THERE if treating and not begun and change is Change.MEDECIN_TRAITANT else ""


def _authorise(passage: Passage, said: Wishes, kind: Kind, holder: str) -> bool:
    """Gives an authorisation of a year, unless one stands for longer than `RENEWED_WITHIN`; whether it did."""
    now = passage.now
    mine = [each for each in said.authorisations if (each.kind, each.holder) == (kind, holder)]
    if any(each.start <= now and each.end - now > RENEWED_WITHIN for each in mine):
        return False
    end, secret = now + AUTHORISATION_LENGTH, passage.requester.secret_connection
    passage.rooms.rights.authorise(passage.opened.key, holder, kind=kind, start=now, end=end, secret=secret)
    return True


# --- TD1.6 ------------------------------------------------------------------------------------------------------------


class Mode(Enum):
    """Which are asked for; of one that is told: let in, or shut out."""

    ACTIVE = "ACTIVE"
    INTERDITE = "INTERDITE"
    TOUTE = "TOUTE"


@dataclass(frozen=True, slots=True)
class Specialty:
    """A profession with its specialty. Source: JDV_J01 (G15_10/SM26)."""

    code: str
    label: str


@dataclass(frozen=True, slots=True)
class Holder:
    """A person or structure whom the patient lets in, or shuts out.

    `id` is a PS_IdNat or a Struct_IdNat; `family` the name of a structure. `start` is that of an authorisation.
    """

    id: str
    structure: bool
    mode: Mode
    start: datetime | None = None
    medecin_traitant: bool = False
    family: str = ""
    given: str = ""
    specialties: tuple[Specialty, ...] = ()
    last_action: datetime | None = None


def holders(gate: Gate, requester: Requester, call: Call, mode: Mode, raw: bytes = b"") -> tuple[Holder, ...]:
    """Whom the patient lets in and shuts out, named by the directory as far as it knows them. Raises AccessRefused.

    Authorisations that are over let nobody in, and are not told. A legal representative does not learn whom the patient
    let in, and when somebody last came, by a secret connection. `raw` is the request as received, if a message came,
    for the audit log.
    """
    asked = AuditObject(ObjectKind.QUERY, call.request_id, content=raw)
    with gate.passage(requester, Action.TD1_6, None, call, asked=[asked]) as passage:
        key, rooms = passage.opened.key, passage.rooms
        secret = passage.requester.authentication is not Authentication.REPRESENTANT
        said, last = rooms.rights.wishes(key), rooms.trail.last_actions(key, secret=secret)
        found = [
            replace(_named(rooms.identities, each), last_action=last.get(each.id))
            for each in _holders(said if secret else said.for_representative(), passage.now)
            if mode in (Mode.TOUTE, each.mode)
        ]
    return tuple(sorted(found, key=lambda each: (each.mode.value, each.structure, each.family, each.given, each.id)))


def _holders(said: Wishes, now: datetime) -> Iterator[Holder]:
    standing = [each for each in said.authorisations if each.start <= now < each.end]
    for each in standing:
        treating = each.holder in said.medecins_traitants
        yield Holder(each.holder, each.kind == STRUCTURE, Mode.ACTIVE, each.start, treating)
    for treating_only in set(said.medecins_traitants).difference(each.holder for each in standing):
        yield Holder(treating_only, False, Mode.ACTIVE, medecin_traitant=True)
    for blocked in said.blocked:
        yield Holder(blocked, not _names_person(blocked), Mode.INTERDITE)


def _names_person(holder: str) -> bool:
    """Whether an identifier is one of a person: whoever is blocked, is blocked by it alone."""
    try:
        check_ps_id_nat(holder)
    except IdNatError:
        return False
    return True


def _named(directory: Identities, holder: Holder) -> Holder:
    """With what the directory says."""
    person = None if holder.structure else directory.professional(holder.id)
    if person is not None:
        return replace(holder, family=person.family, given=person.given, specialties=_specialties(person))
    structure = directory.structure(holder.id)  # of an ADELI number, a person's or a practice's, it knows which
    return holder if structure is None else replace(holder, structure=True, family=structure.name)


def _specialties(person: Professional) -> tuple[Specialty, ...]:
    every = person.exercices or {Exercice(person.profession, person.specialty)}
    if person.profession_system != oids.PROFESSION:
        codes, scheme = [person.profession], person.profession_system
    else:
        scheme = oids.AUTHOR_SPECIALTY
        codes = ["/".join(filter(None, (f"G15_{each.profession}", each.savoir_faire))) for each in sorted(every)]
    label = ValueSets.load().label
    return tuple(Specialty(code, label("author_specialty", code, scheme)) for code in codes)
