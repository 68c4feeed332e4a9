"""What falls due in the life of dossiers: representatives to be told, authorisations that end, dossiers to destroy.

A representative of a minor is told one month before majority that their access ends; it ends by itself. An
authorisation that ends is renewed by the patient or the professional, or not at all.

Source: public guide of the DMP (a representative is told by SMS or mail); CSP L.1111-18 (ten years after closing).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from dmp.destruction import kept_since
from dmp.errors import GestionError
from dmp.gate import Gate
from dmp.gestion import operator_call
from dmp.ports import Rooms
from habilitations.wishes import Authorisation
from identities.contact import ContactError
from identities.dossier import Dossier
from identities.representation import PARIS, Representative, in_office, majority, notice_day

NOTICE = "avis-majorite"  # the act, in the audit log
EXPIRING_WITHIN = timedelta(days=30)
SUBJECT = "Fin de votre accès à un DMP"
_MAIL, _PHONE = "mailto:", "tel:"


@dataclass(frozen=True, slots=True)
class Ending:
    """The office of a representative who is to be told that it ends, on the day of majority."""

    dossier: Dossier
    representative: Representative
    day: date


@dataclass(frozen=True, slots=True)
class Due:
    """All that is due: `expiring` ends within EXPIRING_WITHIN, `to_destroy` is kept no longer."""

    endings: tuple[Ending, ...]
    expiring: tuple[tuple[Dossier, Authorisation], ...]
    to_destroy: tuple[Dossier, ...]


def due(gate: Gate, operator: str) -> Due:
    """What is due now, for the operator."""
    with gate.operator(operator, "echeances", None, operator_call()) as rooms:
        now = gate.now()
        expiring = rooms.rights.expiring(now, now + EXPIRING_WITHIN)
        dossiers = {each.key: each for each in rooms.identities.dossiers_of_keys([key for key, _ in expiring])}
        return Due(
            endings=_endings(rooms, now),
            expiring=tuple((dossiers[key], each) for key, each in expiring if key in dossiers),
            to_destroy=rooms.identities.to_destroy(kept_since(now)),
        )


def tell(gate: Gate, operator: str, ending: Ending) -> None:
    """Has the representative told, once, by the first of their addresses that messages can leave for.

    The notice leaves when it is recorded that they were told. Raises GestionError when there is no such address, or
    nothing to tell them any more.
    """
    key, who = ending.dossier.key, ending.representative.id
    with gate.operator(operator, NOTICE, ending.dossier.ins, operator_call()) as rooms:
        dossier, now = rooms.identities.dossier_of_key(key), gate.now()
        untold = [each for each in rooms.identities.representatives(key) if each.id == who and each.told is None]
        standing = [each for each in (_ending(dossier, each, now) for each in untold) if each]
        if not standing:
            raise GestionError("Ce représentant n'est plus à prévenir.")
        if not _send(rooms, standing[0]):
            raise GestionError("Aucune adresse à laquelle un message puisse partir : prévenez-le par courrier.")
        rooms.identities.save_representative(key, replace(standing[0].representative, told=now))


def _endings(rooms: Rooms, now: datetime) -> tuple[Ending, ...]:
    untold = rooms.identities.untold_representatives()
    dossiers = {each.key: each for each in rooms.identities.dossiers_of_keys(sorted({key for key, _ in untold}))}
    found = (_ending(dossiers.get(key), each, now) for key, each in untold)
    return tuple(each for each in found if each)


def _ending(dossier: Dossier | None, representative: Representative, now: datetime) -> Ending | None:
    """That of somebody in office over a minor for less than a month still; None of anybody else."""
    birth = dossier.traits.birth_date if dossier else None
    if dossier is None or birth is None or now.astimezone(PARIS).date() < notice_day(birth):
        return None
    return Ending(dossier, representative, majority(birth)) if in_office([representative], dossier, now) else None


def _send(rooms: Rooms, ending: Ending) -> bool:
    """Whether a message is on its way. An address that is none is passed over."""
    notices, said = rooms.notices, _text(ending.day)
    ways: list[tuple[bool, str, Callable[[str], None]]] = [
        (notices.mails, _MAIL, lambda address: notices.mail(address, SUBJECT, said)),
        (notices.texts, _PHONE, lambda number: notices.sms(number, said)),
    ]
    for leaves, scheme, send in ways:
        for telecom in ending.representative.telecoms:
            if not leaves or not telecom.value.startswith(scheme):
                continue
            try:
                send(telecom.value.removeprefix(scheme))
            except ContactError:
                continue
            return True
    return False


def _text(day: date) -> str:
    return (
        "Vous représentez légalement une personne mineure : votre accès à son dossier médical partagé (DMP) prend fin "
        f"le {day:%d/%m/%Y}, jour de sa majorité. Elle pourra alors demander ses propres identifiants de connexion "
        "à un professionnel de santé ou à son organisme d'assurance maladie."
    )
