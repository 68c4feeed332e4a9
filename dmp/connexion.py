"""Connecting to one's DMP: password, then a code that was sent, then a password of one's own; and leaving.

Each step is one attempt at the gate. Whoever fails hears the same whatever was wrong: an unknown login, a wrong
password and a locked account cost as much and read as one. Neither passwords, codes nor addresses are recorded.

Source: public guides of the DMP (connexion); OWASP ASVS 5.0, 6.3 and 6.6; DICOM PS3.15 A.5.3.12.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit.event import Call, Outcome
from audit.transactions import CONNEXION, DECONNEXION, SECRETS
from dmp.compte import Access, leaves, new_password, open_account
from dmp.errors import AuthenticationRefused
from dmp.gate import Attempt, Gate
from dmp.ports import Notices
from identities.account import (
    PATIENT,
    Account,
    Challenge,
    Channel,
    check_password,
    hint,
    new_code,
    opens,
    read_code,
    read_login,
)
from identities.dossier import DossierStatus
from identities.own_access import patient_requester, representative_requester
from identities.passwords import STAND_IN, hash_password, verify_password
from identities.requester import PatientId, Requester
from identities.session import Session, new_token, session_id

PASSWORD_STEP, CODE_STEP, CREATION_STEP = "connexion/mot-de-passe", "connexion/code", "connexion/code-de-creation"

REFUSED = (
    "Identifiant ou mot de passe refusé. Après trois échecs, l'accès est bloqué durant quinze minutes ; "
    "au terme de ce délai, vous pouvez essayer à nouveau."
)
CODE_REFUSED = (
    "Code refusé : il est faux, a déjà servi, ou a plus de dix minutes. Recommencez la connexion pour en recevoir un "
    "autre. Après trois échecs, l'accès est bloqué durant quinze minutes."
)
CREATION_REFUSED = "Création refusée : le code de création ou l'INS est faux, ou le code a déjà servi ou a expiré."
ENDED = (
    "Vos accès à ce DMP ont pris fin : son titulaire est majeur ou émancipé, ou vous ne le représentez plus. "
    "Le titulaire peut demander ses propres identifiants."
)
UNREACHABLE = "Le code d'accès ne peut pas vous être envoyé : aucun de vos modes de réception n'est en service."

SUBJECT = "Votre code d'accès à usage unique"
MESSAGE = (
    "Votre code d'accès à usage unique est {code}. Vous pouvez l'utiliser dès maintenant et pour une durée de "
    "10 minutes. Ne le communiquez à personne."
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A code is on its way. `challenge` names it to `confirm`; `hint` is where it went, as its owner recognises it."""

    challenge: str
    channel: Channel
    hint: str


@dataclass(frozen=True, slots=True)
class Connected:
    """Who proved who they are, and the token of their session. While `provisional`, they may only choose a password.

    `hints` are where their codes go, as they recognise it; `closed` is whether the DMP is.
    """

    token: str
    login: str
    requester: Requester
    provisional: bool
    hints: Mapping[Channel, str]
    closed: bool


@dataclass(frozen=True, slots=True)
class Connexion:
    """The use case. `key` is the home's own: codes are kept under it."""

    gate: Gate
    key: bytes

    def begin(self, call: Call, login: str, password: str, preferred: Channel) -> Sent:
        """First step: sends a code by that channel, or by the other where this one leads nowhere.

        Raises AuthenticationRefused.
        """
        login = read_login(login)
        right, hashed = self._verified(call, login, password)
        with self.gate.authentication(CONNEXION, PASSWORD_STEP, call) as attempt:
            account = _proven(attempt, attempt.rooms.accounts.account(login), right, hashed)
            notices = attempt.rooms.notices
            usable = [each for each in (preferred, *Channel) if account.address(each) and leaves(notices, each)]
            if not usable:
                raise AuthenticationRefused("canal", UNREACHABLE)
            channel, code = usable[0], new_code()
            challenge = Challenge.of(account.login, code, self.key, attempt.now)
            attempt.rooms.accounts.save(account.challenged(challenge))
            _send(notices, channel, account.address(channel), code)
            return Sent(challenge.id, channel, hint(channel, account.address(channel)))

    def confirm(self, call: Call, challenge: str, code: str) -> Connected:
        """Second step: the code that was sent. Raises AuthenticationRefused."""
        with self.gate.authentication(CONNEXION, CODE_STEP, call) as attempt:
            account = attempt.rooms.accounts.challenged(challenge)
            if account is None:
                raise AuthenticationRefused("code_sans_objet", CODE_REFUSED)
            requester = _claimed(attempt, account)
            after, right = account.answered(read_code(code), self.key, attempt.now)
            attempt.rooms.accounts.save(after)
            if not right:
                raise _failure(after, attempt, "code", CODE_REFUSED)
            if requester is None:
                raise AuthenticationRefused("representation_terminee", ENDED)
            return _opened(attempt, account, requester)

    def resume(self, call: Call, token: str) -> Connected | None:
        """Who that session stands for, as things stand now; None when it is over."""
        with self.gate.identification(call) as attempt:
            accounts = attempt.rooms.accounts
            session = accounts.session(session_id(token))
            account = accounts.account(session.login) if session and session.alive(attempt.now) else None
            requester = _claimed(attempt, account) if account else None
            if session is None or account is None or requester is None:
                return None
            if (used := session.used(attempt.now)) != session:
                accounts.use_session(used)
            return _connected(attempt, token, account, requester)

    def change_password(self, call: Call, connected: Connected, former: str, new: str) -> Connected:
        """A password in the place of the former one; every session ends but the new one, which is returned.

        Raises PasswordError for a new one that the policy does not take, AuthenticationRefused for a wrong former one.
        """
        login = connected.login
        check_password(new, former, login)
        right, hashed = self._verified(call, login, former)
        replacement = hash_password(new)
        with self.gate.authentication(SECRETS, "mot-de-passe", call) as attempt:
            account = _proven(attempt, attempt.rooms.accounts.account(login), right, hashed)
            account = account.renewed(replacement, provisional=False)
            attempt.rooms.accounts.save(account)
            attempt.rooms.accounts.end_sessions(login)
            return _opened(attempt, account, connected.requester)

    def activate(self, call: Call, patients: Sequence[PatientId], code: str, channel: Channel, address: str) -> Access:
        """The account of who brings a creation code for the DMP of one of these INS: as TD1.5a, without a professional.

        Raises AuthenticationRefused, RegistryError (as `compte.open_account`).
        """
        with self.gate.authentication(SECRETS, CREATION_STEP, call) as attempt:
            known = (attempt.rooms.identities.dossier(each) for each in patients)
            dossier = attempt.dossier = next(filter(None, known), None)
            kept = attempt.rooms.accounts.creation_code(dossier.key) if dossier else None
            if dossier is None or kept is None or not kept.matches(read_code(code), self.key, attempt.now):
                raise AuthenticationRefused("code_de_creation", CREATION_REFUSED)
            password, hashed = new_password()  # here it is done for nobody but who brought a right code
            return Access(open_account(attempt.rooms, dossier, attempt.now, channel, address, hashed), password)

    def leave(self, call: Call, connected: Connected) -> None:
        """Ends the session."""
        with self.gate.authentication(DECONNEXION, DECONNEXION, call) as attempt:
            attempt.rooms.accounts.end_session(session_id(connected.token))
            account = attempt.rooms.accounts.account(connected.login)
            if account is not None:
                _claimed(attempt, account)

    def _verified(self, call: Call, login: str, password: str) -> tuple[bool, str]:
        """Whether it is that login's password, at the same cost whether the login is known; and the hash it was held
        to. Outside any transaction: nobody waits for a guess."""
        with self.gate.identification(call) as attempt:
            hashed = attempt.rooms.accounts.password(login) or STAND_IN
        return verify_password(hashed, password), hashed


def _proven(attempt: Attempt, account: Account | None, right: bool, hashed: str) -> Account:
    """`account`, whose password was right, as it stands now. Raises AuthenticationRefused."""
    if account is None:
        raise AuthenticationRefused("identifiant", REFUSED)
    requester = _claimed(attempt, account)
    if account.locked(attempt.now):
        raise AuthenticationRefused("verrouillage", REFUSED, Outcome.SERIOUS_FAILURE)
    if not right or not hmac.compare_digest(account.password, hashed):
        account = account.failed(attempt.now)
        attempt.rooms.accounts.save(account)
        raise _failure(account, attempt, "mot_de_passe", REFUSED)
    if requester is None:
        raise AuthenticationRefused("representation_terminee", ENDED)
    return account


def _opened(attempt: Attempt, account: Account, requester: Requester) -> Connected:
    token = new_token()
    attempt.rooms.accounts.open_session(Session.of(token, account.login, attempt.now))
    return _connected(attempt, token, account, requester)


def _connected(attempt: Attempt, token: str, account: Account, requester: Requester) -> Connected:
    hints = {each: hint(each, account.address(each)) for each in Channel if account.address(each)}
    closed = attempt.dossier is not None and attempt.dossier.status is DossierStatus.CLOSED
    return Connected(token, account.login, requester, account.provisional, hints, closed)


def _failure(account: Account, attempt: Attempt, rule: str, sentence: str) -> AuthenticationRefused:
    """A failure, serious when the account is locked now."""
    locked = account.locked(attempt.now)
    return AuthenticationRefused(rule, sentence, Outcome.SERIOUS_FAILURE if locked else Outcome.MINOR_FAILURE)


def _claimed(attempt: Attempt, account: Account) -> Requester | None:
    """Whose account it is, noted for the event; None when it opens the dossier no more."""
    dossier = attempt.dossier = attempt.rooms.identities.dossier_of_key(account.dossier)
    if dossier is None:
        return None
    representatives = attempt.rooms.identities.representatives(dossier.key)
    mine = next((each for each in representatives if each.id == account.representative), None)
    if mine is None and account.representative != PATIENT:
        return None
    attempt.requester = patient_requester(dossier) if mine is None else representative_requester(mine, dossier)
    birth, emancipated = dossier.traits.birth_date, dossier.emancipated
    return attempt.requester if opens(account, representatives, birth, emancipated, attempt.now) else None


def _send(notices: Notices, channel: Channel, address: str, code: str) -> None:
    text = MESSAGE.format(code=code)
    if channel is Channel.SMS:
        notices.sms(address, text)
    else:
        notices.mail(address, SUBJECT, text)
