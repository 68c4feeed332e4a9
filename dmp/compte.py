"""TD1.5: the patient's internet account, made, reached and renewed by a professional, the operator, or its holder.

A dossier has one account for the patient, or for the legal representative who acts for them. The first password is
shown once, to whoever hands it over, and serves until the first connection.

Source: GIE SESAM-Vitale, TD1.5a, TD1.5b and TD1.5d; public guides of the DMP.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from audit.event import Call
from dmp.errors import GestionError
from dmp.gate import Gate
from dmp.ports import Notices, Rooms
from habilitations.action import Action
from identities.account import (
    Account,
    Channel,
    ChannelChange,
    CreationCode,
    grouped,
    holder,
    new_login,
    new_secret,
    read_address,
)
from identities.contact import ContactError
from identities.dossier import Dossier
from identities.passwords import hash_password
from identities.requester import PatientId, Requester
from registry.errors import ErrorCode, Finding, RegistryError

WARNING = "Votre accès internet au DMP a été modifié"
CHANNELS_CHANGED = (
    "Les modes de réception de vos codes d'accès au DMP viennent d'être modifiés. "
    "Si ce n'est pas à votre demande, prenez contact avec le support du DMP."
)
RENEWED = (
    "Vos identifiants d'accès au DMP viennent d'être renouvelés. "
    "Si ce n'est pas à votre demande, prenez contact avec le support du DMP."
)


@dataclass(frozen=True, slots=True)
class Access:
    """What the holder of an account is given, once."""

    login: str
    password: str


def create_access(gate: Gate, requester: Requester, call: Call, channel: Channel, address: str) -> Access:
    """TD1.5a: the account of the patient, or of who represents them, reached by that channel.

    Raises AccessRefused, or RegistryError (DMPPatientAccessAlreadyExists, ...NotPossible, ...OTPInvalid).
    """
    password, hashed = new_password()
    with gate.passage(requester, Action.TD1_5A, None, call) as passage:
        return Access(open_account(passage.rooms, passage.opened, passage.now, channel, address, hashed), password)


def update_channel(
    gate: Gate, requester: Requester, call: Call, change: ChannelChange, channel: Channel, address: str
) -> None:
    """TD1.5b: a channel of the account added, changed or removed; the last one stays.

    `address` counts for nothing in a removal. Raises AccessRefused, or RegistryError (DMPPatientAccessNotFound,
    ...OTPAlreadyExists, ...OTPNotFound, ...OTPInvalid, ...OTPRequired).
    """
    with gate.passage(requester, Action.TD1_5B, None, call) as passage:
        account = _account(passage.rooms, passage.opened, passage.now)
        passage.rooms.accounts.save(_changed(account, change, channel, address))
        _warn(passage.rooms, account, CHANNELS_CHANGED)


def set_channels(gate: Gate, requester: Requester, call: Call, addresses: Mapping[Channel, str]) -> None:
    """TD1.5b, the holder's way: each channel of `addresses` leads there from now on; the others stay.

    Raises AccessRefused, or RegistryError (DMPPatientAccessNotFound, ...OTPInvalid).
    """
    with gate.passage(requester, Action.TD1_5B, None, call) as passage:
        account = after = _account(passage.rooms, passage.opened, passage.now)
        for channel, address in addresses.items():
            after = after.reached(channel, _read(channel, address))
        passage.rooms.accounts.save(after)
        _warn(passage.rooms, account, CHANNELS_CHANGED)


def renew_access(gate: Gate, requester: Requester, call: Call) -> Access:
    """TD1.5d: a new first password for the account, which keeps its login. It ends a lock, and every session.

    Raises AccessRefused, or RegistryError (DMPPatientAccessNotFound).
    """
    password, hashed = new_password()
    with gate.passage(requester, Action.TD1_5D, None, call) as passage:
        return Access(_renew(passage.rooms, passage.opened, passage.now, hashed), password)


# --- The operator's way -----------------------------------------------------------------------------------------------


def operator_creates(gate: Gate, operator: str, patient: PatientId, channel: Channel, address: str) -> Access:
    """The same as TD1.5a. Raises GestionError."""
    password, hashed = new_password()
    with _operating(gate, operator, "TD1.5a", patient) as (rooms, dossier):
        return Access(open_account(rooms, dossier, gate.now(), channel, address, hashed), password)


def operator_renews(gate: Gate, operator: str, patient: PatientId) -> Access:
    """The same as TD1.5d. Raises GestionError."""
    password, hashed = new_password()
    with _operating(gate, operator, "TD1.5d", patient) as (rooms, dossier):
        return Access(_renew(rooms, dossier, gate.now(), hashed), password)


def operator_invites(gate: Gate, operator: str, patient: PatientId, key: bytes) -> tuple[str, datetime]:
    """A creation code, in groups of four, and until when it serves: an older one serves no more. Raises GestionError.

    `key` is the home's. Whoever has code and INS creates the account: it goes to the patient by post or mail.
    """
    code = new_secret()
    with _operating(gate, operator, "TD1.5a", patient) as (rooms, dossier):
        _vacant(rooms, dossier, gate.now())
        kept = CreationCode.of(dossier.key, code, key, gate.now())
        rooms.accounts.save_creation_code(kept)
        return grouped(code), kept.expires


@contextmanager
def _operating(gate: Gate, operator: str, act: str, patient: PatientId) -> Iterator[tuple[Rooms, Dossier]]:
    call = Call(transaction="operator", request_id=uuid.uuid4().hex)
    with gate.operator(operator, act, patient, call) as rooms:
        dossier = rooms.identities.dossier(patient)
        if dossier is None:
            raise GestionError("Aucun DMP pour cet INS.")
        try:
            yield rooms, dossier
        except RegistryError as error:
            raise GestionError(error.findings[0].context) from None


# --- What they share --------------------------------------------------------------------------------------------------


def account_of(rooms: Rooms, dossier: Dossier, now: datetime) -> Account | None:
    """The account that the dossier's holder of today has; None when they have none, or nobody can."""
    found = _holder(rooms, dossier, now)
    return None if found is None else rooms.accounts.of(dossier.key, found)


def open_account(rooms: Rooms, dossier: Dossier, now: datetime, channel: Channel, address: str, password: str) -> str:
    """A new account of the dossier's holder, and its login. `password` is the hash of the first one.

    Raises RegistryError.
    """
    representative = _vacant(rooms, dossier, now)
    account = Account(new_login(), dossier.key, representative, password).reached(channel, _read(channel, address))
    rooms.accounts.add(account)
    rooms.accounts.drop_creation_code(dossier.key)
    return account.login


def _renew(rooms: Rooms, dossier: Dossier, now: datetime, password: str) -> str:
    """The login of the account whose first password is that of the hash `password` from now on: who is in, is out."""
    account = _account(rooms, dossier, now)
    rooms.accounts.save(account.renewed(password, provisional=True))
    rooms.accounts.end_sessions(account.login)
    _warn(rooms, account, RENEWED)
    return account.login


def new_password() -> tuple[str, str]:
    """A first password and its hash. It takes long: outside any transaction."""
    password = new_secret()
    return password, hash_password(password)


def _vacant(rooms: Rooms, dossier: Dossier, now: datetime) -> str:
    """Whose account there is still to make. Raises RegistryError."""
    found = _holder(rooms, dossier, now)
    if found is None:
        said = "Accès impossible : le patient est mineur et n'a pas de représentant légal en exercice."
        raise _error(ErrorCode.DMPPatientAccessNotPossible, said)
    if rooms.accounts.of(dossier.key, found) is not None:
        raise _error(ErrorCode.DMPPatientAccessAlreadyExists, "Un accès internet existe déjà pour ce DMP.")
    return found


def _holder(rooms: Rooms, dossier: Dossier, now: datetime) -> str | None:
    representatives = rooms.identities.representatives(dossier.key)
    return holder(representatives, dossier.traits.birth_date, dossier.emancipated, now)


def _account(rooms: Rooms, dossier: Dossier, now: datetime) -> Account:
    account = account_of(rooms, dossier, now)
    if account is None:
        raise _error(ErrorCode.DMPPatientAccessNotFound, "Aucun accès internet n'existe pour ce DMP.")
    return account


def _changed(account: Account, change: ChannelChange, channel: Channel, address: str) -> Account:
    standing = account.address(channel)
    if change is ChannelChange.AJOUT and standing:
        raise _error(ErrorCode.DMPPatientAccessOTPAlreadyExists, "Type de canal OTP déjà existant pour ce DMP.")
    if change is not ChannelChange.AJOUT and not standing:
        raise _error(ErrorCode.DMPPatientAccessOTPNotFound, "Type de canal OTP inexistant pour ce DMP.")
    if change is not ChannelChange.SUPPRESSION:
        return account.reached(channel, _read(channel, address))
    left = account.reached(channel, "")
    if not (left.sms or left.email):
        said = "Le dernier canal OTP ne se supprime pas : l'accès ne s'ouvrirait plus."
        raise _error(ErrorCode.DMPPatientAccessOTPRequired, said)
    return left


def leaves(notices: Notices, channel: Channel) -> bool:
    """Whether messages of that channel leave this server at all."""
    return notices.texts if channel is Channel.SMS else notices.mails


def _warn(rooms: Rooms, account: Account, text: str) -> None:
    """Tells whoever was reached before that something changed: it may not have been them.

    Source: OWASP ASVS 5.0, 6.3.7 (users are told of updates to authentication details).
    """
    if account.sms and leaves(rooms.notices, Channel.SMS):
        rooms.notices.sms(account.sms, text)
    if account.email and leaves(rooms.notices, Channel.EMAIL):
        rooms.notices.mail(account.email, WARNING, text)


def _read(channel: Channel, address: str) -> str:
    try:
        return read_address(channel, address)
    except ContactError as error:
        raise _error(
            ErrorCode.DMPPatientAccessOTPInvalid, f"canal: expected {error.expected}, got {error.got}"
        ) from None


def _error(code: ErrorCode, said: str) -> RegistryError:
    return RegistryError([Finding(code, said)])
