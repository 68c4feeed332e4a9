"""VD/alertes: what somebody wants to be told of one DMP, and where to. `dmp.alertes` tells them.

The patient, each representative and each professional decide for themselves; an operator records it for who said so. An
access in an emergency is told to the patient and who represents them whatever they say: they choose where to.

Source: public guides of the DMP (gestion des alertes, paramétrage du type de documents).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from audit.event import Call
from audit.transactions import EventAction
from dmp.errors import GestionError
from dmp.gate import Gate
from dmp.gestion import known_dossier, operator_call
from dmp.ports import Rooms
from habilitations.action import Action
from habilitations.labels import document_types
from identities.account import PATIENT, Channel, read_address
from identities.alerts import Alerts, Party
from identities.contact import ContactError
from identities.dossier import Dossier
from identities.requester import Authentication, PatientId, Requester
from registry.errors import ErrorCode, Finding, RegistryError

UNKNOWN_PROFESSIONAL = Finding(
    ErrorCode.DMPAccessDeniedByRightsService,
    "L'annuaire ne vous connaît pas : vos droits ne pourraient pas être vérifiés au moment de vous avertir.",
)


class AlertsError(ValueError):
    """A wish that cannot be kept: a French sentence, which gives no address."""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of somebody's wish; None: as it was. Made by `read_change`."""

    documents: bool | None = None
    types: frozenset[str] | None = None
    email: str | None = None
    sms: str | None = None

    def of(self, wish: Alerts) -> Alerts:
        """`wish`, with what changes."""
        return replace(
            wish,
            documents=wish.documents if self.documents is None else self.documents,
            types=wish.types if self.types is None else self.types,
            email=wish.email if self.email is None else self.email,
            sms=wish.sms if self.sms is None else self.sms,
        )


def read_change(
    *,
    documents: bool | None = None,
    types: Iterable[str] | None = None,
    email: str | None = None,
    sms: str | None = None,
) -> Change:
    """What somebody typed: no types at all are every type, an empty address is none. Raises AlertsError."""
    wanted = None if types is None else frozenset(types)
    if unknown := sorted((wanted or frozenset()) - document_types().keys()):
        raise AlertsError(f"Types attendus : des codes de documents du DMP ; reçu {', '.join(unknown)}.")
    return Change(documents, wanted, _address(Channel.EMAIL, email), _address(Channel.SMS, sms))


def change_alerts(gate: Gate, requester: Requester, call: Call, change: Change) -> Alerts:
    """What the requester wants from now on of the dossier of their patient. Raises AccessRefused.

    RegistryError for a professional whom the directory does not know.
    """
    with gate.passage(requester, Action.VD_ALERTES, None, call) as passage:
        dossier = passage.opened
        requester = passage.requester
        wish = change.of(_standing(passage.rooms, dossier, _whose(requester)))
        if wish.party is Party.PROFESSIONNEL:
            if passage.rooms.identities.professional(requester.id_nat) is None:
                raise RegistryError([UNKNOWN_PROFESSIONAL])
            wish = replace(wish, structure_id=requester.structure_id, authentication=requester.authentication)
        passage.rooms.alerts.save(dossier.key, wish)
        return wish


def alerts_of(gate: Gate, requester: Requester, call: Call) -> Alerts:
    """What the requester wants of the dossier of their patient. Raises AccessRefused."""
    with gate.passage(requester, Action.VD_ALERTES, None, call) as passage:
        passage.event_action = EventAction.READ.value
        return _standing(passage.rooms, passage.opened, _whose(requester))


def operator_changes(gate: Gate, operator: str, patient: PatientId, whose: Alerts, change: Change) -> Alerts:
    """The same for somebody who told the operator; `whose` says who. Raises GestionError."""
    with gate.operator(operator, Action.VD_ALERTES.value, patient, operator_call()) as rooms:
        dossier = known_dossier(rooms, patient)
        wish = change.of(_standing(rooms, dossier, whose))
        representatives = {each.id for each in rooms.identities.representatives(dossier.key)}
        if wish.party is Party.REPRESENTANT and wish.holder not in representatives:
            raise GestionError("Aucun représentant sous cet identifiant dans ce DMP.")
        if wish.party is Party.PROFESSIONNEL and rooms.identities.professional(wish.holder) is None:
            raise GestionError("L'annuaire ne connaît aucun professionnel sous cet identifiant.")
        rooms.alerts.save(dossier.key, wish)
        return wish


def operator_reads(gate: Gate, operator: str, patient: PatientId) -> tuple[Alerts, ...]:
    """What everybody wants of a DMP. Raises GestionError when there is none."""
    with gate.operator(
        operator, Action.VD_ALERTES.value, patient, operator_call(), event_action=EventAction.READ.value
    ) as rooms:
        return rooms.alerts.of(known_dossier(rooms, patient).key)


def _whose(requester: Requester) -> Alerts:
    """Whose wish it is, with nothing wished for."""
    if requester.authentication is Authentication.PATIENT:
        return Alerts(PATIENT, Party.PATIENT)
    represents = requester.authentication is Authentication.REPRESENTANT
    return Alerts(requester.id_nat, Party.REPRESENTANT if represents else Party.PROFESSIONNEL)


def _standing(rooms: Rooms, dossier: Dossier, whose: Alerts) -> Alerts:
    """What they want so far."""
    known = {(each.party, each.holder): each for each in rooms.alerts.of(dossier.key)}
    return known.get((whose.party, whose.holder), whose)


def _address(channel: Channel, typed: str | None) -> str | None:
    if not typed:
        return typed
    try:
        return read_address(channel, typed)
    except ContactError as error:
        raise AlertsError(f"{channel.value} : attendu {_EXPECTED[channel]} ; reçu {error.got}.") from None


_EXPECTED = {Channel.EMAIL: "une adresse électronique", Channel.SMS: "un numéro de téléphone"}
