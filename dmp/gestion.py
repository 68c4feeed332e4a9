"""TD1, the operator's way: open, show and close a dossier, record who may enter as the patient said, change the INS.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD1.1 to TD1.6; CSP R.1111-26 to R.1111-40; Référentiel INS v2 (an INS
changes, and its history is kept).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.event import AuditObject, Call, ObjectKind
from dmp.errors import GestionError
from dmp.gate import Gate
from dmp.ports import Identities, Rooms
from habilitations.statement import Switches
from identities.dossier import Dossier, DossierStatus, Traits
from identities.ins import AUTHORITIES, InsError, check_ins, ins_c_of, key_of
from identities.requester import PatientId
from schemas.domain import Domain

AUTHORISATION_LENGTH = timedelta(days=365)  # one year, renewable: GIE SESAM-Vitale, TD0.3


class IdentifierError(GestionError):
    """An identifier that no DMP of this domain can be opened under; the message names the rule, and no INS."""


@dataclass(frozen=True, slots=True)
class Consents:
    """What the patient said on opening: PS_IdNat and Struct_IdNat values, and the emergency switches."""

    authorised_persons: tuple[str, ...] = ()
    authorised_structures: tuple[str, ...] = ()
    medecins_traitants: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    switches: Switches | None = None


def open_dossier(
    gate: Gate, operator: str, identifiers: tuple[PatientId, ...], traits: Traits, *, domain: Domain
) -> Dossier:
    """Opens a DMP, or reopens a closed one: what the patient had said of who may enter still holds.

    `identifiers` has the current INS first. Raises IdentifierError when `domain` does not take one of them,
    GestionError when this DMP is open.
    """
    with gate.operator(operator, "TD1.1", identifiers[0], operator_call()) as rooms:
        check_identifiers(identifiers, domain)
        known = rooms.identities.dossier(identifiers[0])
        if known is not None:
            if known.status is DossierStatus.OPEN:
                raise GestionError("Ce DMP est déjà ouvert.")
            rooms.identities.reopen(known.key, instant=gate.now())
            return known_dossier(rooms, identifiers[0])
        return open_new(rooms.identities, identifiers, traits, gate.now())


def change_ins(gate: Gate, operator: str, patient: PatientId, new: PatientId, *, domain: Domain) -> Dossier:
    """Gives a dossier a new current INS; every one that it had still leads to it, and what the patient wrote is theirs.

    Raises IdentifierError when `domain` does not take `new`, GestionError when it is that of another dossier.
    """
    named = [AuditObject(ObjectKind.PATIENT, str(new))]
    with gate.operator(operator, "INS", patient, operator_call(), named) as rooms:
        _check(new, domain)
        dossier, identities = known_dossier(rooms, patient), rooms.identities
        other = identities.dossier(new)
        if identities.subsumed(new) or (other is not None and other.key != dossier.key):
            raise GestionError("INS refusé : c'est celui d'un autre DMP, ou d'un DMP fusionné (dmp patients merge).")
        if new == dossier.ins:
            return dossier
        identities.add_identifier(dossier.key, new)
        for old in _behind(identities, new, dossier.traits):
            identities.link(dossier.key, old, current=False)
        rooms.registry.hand_over(dossier.key, dossier.ins.value, new.value)
        return known_dossier(rooms, new)


def close_dossier(gate: Gate, operator: str, patient: PatientId, reason: str) -> Dossier:
    """Closes a DMP: nothing is erased, nothing accessible. Raises GestionError when there is none, or none open."""
    with gate.operator(operator, "TD1.4", patient, operator_call()) as rooms:
        dossier = known_dossier(rooms, patient)
        if dossier.status is DossierStatus.CLOSED:
            raise GestionError("Ce DMP est déjà fermé.")
        rooms.identities.close(dossier.key, instant=gate.now(), reason=reason)
        return known_dossier(rooms, patient)


def show_dossier(gate: Gate, operator: str, patient: PatientId) -> Dossier:
    """The administrative data of a DMP. Raises GestionError when there is none."""
    with gate.operator(operator, "TD1.3a", patient, operator_call()) as rooms:
        return known_dossier(rooms, patient)


def record_consents(gate: Gate, operator: str, patient: PatientId, consents: Consents) -> None:
    """Records authorisations (for one year), médecins traitants, blockings and switches, all or none.

    Raises GestionError when there is no such dossier, or a médecin traitant would be blocked.
    """
    with gate.operator(operator, "TD1.6", patient, operator_call()) as rooms:
        key, now = known_dossier(rooms, patient).key, gate.now()
        end = now + AUTHORISATION_LENGTH
        for person in consents.authorised_persons:
            rooms.rights.authorise(key, person, kind="person", start=now, end=end)
        for structure in consents.authorised_structures:
            rooms.rights.authorise(key, structure, kind="structure", start=now, end=end)
        for person in consents.medecins_traitants:
            rooms.rights.set_medecin_traitant(key, person, True)
        for blocked in consents.blocked:
            rooms.rights.block(key, blocked, start=now)
        if consents.switches is not None:
            rooms.rights.set_switches(key, consents.switches)


def check_identifiers(identifiers: Iterable[PatientId], domain: Domain) -> None:
    """Whether a DMP of `domain` may be opened under each of `identifiers`. Raises IdentifierError."""
    for identifier in identifiers:
        _check(identifier, domain)


def open_new(identities: Identities, identifiers: tuple[PatientId, ...], traits: Traits, instant: datetime) -> Dossier:
    """A DMP that nobody had, under identifiers that were checked; behind them the INS-C, where it can be known."""
    every = (*identifiers, *_behind(identities, identifiers[0], traits))
    dossier = Dossier(key=uuid.uuid4().hex, identifiers=every, traits=traits, status=DossierStatus.OPEN, opened=instant)
    identities.open(dossier)
    return dossier


def _behind(identities: Identities, ins: PatientId, traits: Traits) -> tuple[PatientId, ...]:
    """The INS-C of the patient, unless it cannot be known or leads to somebody already.

    Software that has only the INS-C, and documents written under it, then find the DMP.
    """
    old = ins_c_of(ins, traits.birth_given, traits.birth_date)
    if old is None or identities.dossier(old) is not None or identities.subsumed(old):
        return ()
    return (old,)


def _check(identifier: PatientId, domain: Domain) -> None:
    """Source: Référentiel INS v2: authorities, NIR or NIA of 13 characters, key of 2 digits."""
    if identifier.authority not in domain.patient_authorities:
        taken = ", ".join(sorted(domain.patient_authorities))
        raise IdentifierError(
            f"Identifiant refusé : le domaine {domain.name} prend les autorités {taken} ; reçu {identifier.authority}."
        )
    if identifier.authority not in AUTHORITIES:
        return
    try:
        check_ins(identifier, strict=False)
    except InsError:
        raise IdentifierError(
            "INS refusé : attendu un NIR ou NIA de 13 caractères et sa clé de 2 chiffres (Référentiel INS v2) ; "
            "reçu autre chose."
        ) from None
    if identifier.authority in domain.strict_key_authorities and identifier.value[13:] != key_of(identifier.value[:13]):
        raise IdentifierError(
            "INS refusé : sa clé n'est pas celle du numéro (Référentiel INS v2 : 97 moins le reste du numéro par 97). "
            f"Le domaine {domain.name} contrôle la clé des INS de l'autorité {identifier.authority}."
        )


def known_dossier(rooms: Rooms, patient: PatientId) -> Dossier:
    """The dossier of `patient`. Raises GestionError when there is none."""
    dossier = rooms.identities.dossier(patient)
    if dossier is None:
        raise GestionError("Aucun DMP pour cet INS.")
    return dossier


def operator_call() -> Call:
    """The call of an act of the operator at the command line."""
    return Call(transaction="operator", request_id=uuid.uuid4().hex)
