"""A patient's internet account: whom it opens a DMP to, and the rules by which it does. Pure.

Somebody proves who they are by a password, then by a code that was sent to them. Three failures of either lock the
account for a quarter of an hour; only a right code counts them from nothing again.

Source: GIE SESAM-Vitale, TD1.5a to TD1.5d; public guides of the DMP (three attempts, then 15 minutes; a code of 8
digits that serves once within 10 minutes; a first password that must be changed; a creation code of 12 characters).
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum

from identities.contact import check_mail_address, check_number
from identities.representation import Representative, is_minor, represents

FAILURES = 3
LOCK = timedelta(minutes=15)
CODE_DIGITS = 8
CODE_LIFE = timedelta(minutes=10)
CREATION_LIFE = timedelta(days=15)
NONCE_BYTES = 16
PATIENT = ""  # in the place of a representative: the account is the patient's own

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # without I, L, O, 0 and 1, which are taken for one another
LOGIN_LENGTH, SECRET_LENGTH, GROUP = 8, 12, 4  # of 31 characters: 39 and 59 bits

# Source: CNIL, délibération n° 2022-100 (50 bits where attempts are limited); OWASP ASVS 5.0, 6.2.
PASSWORD_LENGTHS = range(12, 129)
PASSWORD_VARIETY = 5  # different characters, at least

# Mobile numbers as they are dialled in France, and the country code of where they are: others are +33.
# Source: ARCEP, plan national de numérotation.
OVERSEAS = {
    "0639": "+262",
    "0690": "+590",
    "0691": "+590",
    "0692": "+262",
    "0693": "+262",
    "0694": "+594",
    "0696": "+596",
    "0697": "+596",
}


class Channel(Enum):
    """By which a code is sent. Source: GIE SESAM-Vitale, TD1.5a, `type`."""

    SMS = "SMS"
    EMAIL = "EMAIL"


class ChannelChange(Enum):
    """What becomes of a channel. Source: GIE SESAM-Vitale, TD1.5b, `action`."""

    AJOUT = "AJOUT"
    MODIFICATION = "MODIFICATION"
    SUPPRESSION = "SUPPRESSION"


class PasswordError(ValueError):
    """A password that the policy does not take; the message is a French sentence for whoever chose it."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A code that was sent and not used yet, as it is kept: never the code. `id` names it to whoever answers."""

    id: str
    nonce: bytes
    digest: bytes
    expires: datetime
    attempts: int = 0

    @classmethod
    def of(cls, login: str, code: str, key: bytes, now: datetime) -> Challenge:
        """What is kept of `code`, sent to who has that login."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return cls(secrets.token_urlsafe(24), nonce, digest_of(key, login, nonce, code), now + CODE_LIFE)


@dataclass(frozen=True, slots=True)
class Account:
    """One account of one dossier. `password` is a hash; `provisional` until the holder chose their own."""

    login: str
    dossier: str
    representative: str  # identifier of the legal representative whose account it is, or PATIENT
    password: str
    provisional: bool = True
    sms: str = ""
    email: str = ""
    failures: int = 0
    locked_until: datetime | None = None
    challenge: Challenge | None = None

    def address(self, channel: Channel) -> str:
        """Where a code goes by that channel; '' when nowhere."""
        return self.sms if channel is Channel.SMS else self.email

    def reached(self, channel: Channel, address: str) -> Account:
        """The same, with that address for that channel."""
        return replace(self, sms=address) if channel is Channel.SMS else replace(self, email=address)

    def locked(self, now: datetime) -> bool:
        """Whether nothing opens it now."""
        return self.locked_until is not None and now < self.locked_until

    def failed(self, now: datetime) -> Account:
        """After one more failure, on an account that is not locked. The lock ends the code that was sent, too."""
        failures = (0 if self.locked_until else self.failures) + 1
        if failures < FAILURES:
            return replace(self, failures=failures, locked_until=None)
        return replace(self, failures=failures, locked_until=now + LOCK, challenge=None)

    def challenged(self, challenge: Challenge) -> Account:
        """Once a code is sent: an older one is worth nothing any more. What was counted stays counted."""
        return replace(self, challenge=challenge)

    def answered(self, code: str, key: bytes, now: datetime) -> tuple[Account, bool]:
        """After an answer to the code that was sent, and whether it is right: once, in time, and if nothing is locked.

        An answer that comes too late is none: it is not counted.
        """
        challenge = self.challenge
        if challenge is None or self.locked(now):
            return self, False
        if challenge.expires <= now:
            return replace(self, challenge=None), False
        if hmac.compare_digest(challenge.digest, digest_of(key, self.login, challenge.nonce, code)):
            return replace(self, challenge=None, failures=0, locked_until=None), True
        attempts = challenge.attempts + 1
        left = replace(challenge, attempts=attempts) if attempts < FAILURES else None
        return replace(self, challenge=left).failed(now), False

    def renewed(self, password: str, *, provisional: bool) -> Account:
        """With another password (its hash): what was counted and sent under the former one is forgotten."""
        return replace(self, password=password, provisional=provisional, failures=0, locked_until=None, challenge=None)


@dataclass(frozen=True, slots=True)
class CreationCode:
    """The code by which a patient creates their account, as it is kept. One for each dossier, and it serves once."""

    dossier: str
    nonce: bytes
    digest: bytes
    expires: datetime

    @classmethod
    def of(cls, dossier: str, code: str, key: bytes, now: datetime) -> CreationCode:
        """What is kept of `code`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return cls(dossier, nonce, digest_of(key, dossier, nonce, code), now + CREATION_LIFE)

    def matches(self, code: str, key: bytes, now: datetime) -> bool:
        """Whether `code` is this one, in time."""
        right = hmac.compare_digest(self.digest, digest_of(key, self.dossier, self.nonce, code))
        return right and now < self.expires


def digest_of(key: bytes, subject: str, nonce: bytes, code: str) -> bytes:
    """HMAC-SHA-256 of what a code is for, a nonce and the code: who reads the database alone finds no code by it."""
    said = (subject.encode(), nonce, code.encode())
    return hmac.digest(key, b"".join(len(each).to_bytes(4, "big") + each for each in said), "sha256")


# --- Whose account ----------------------------------------------------------------------------------------------------


def holder(
    representatives: Sequence[Representative], birth: date | None, emancipated: bool, now: datetime
) -> str | None:
    """Whose account the dossier's is: PATIENT, or the first representative in office; None for a minor without one.

    Source: public guide of the DMP (one legal representative's account; from majority on, one's own).
    """
    for each in representatives:
        if represents(each, birth, emancipated, now):
            return each.id
    return None if is_minor(birth, emancipated, now) else PATIENT


def opens(
    account: Account, representatives: Sequence[Representative], birth: date | None, emancipated: bool, now: datetime
) -> bool:
    """Whether `account` still opens the dossier: a representative's while in office, a patient's own unless a minor."""
    if account.representative == PATIENT:
        return not is_minor(birth, emancipated, now)
    mine = (each for each in representatives if each.id == account.representative)
    return any(represents(each, birth, emancipated, now) for each in mine)


# --- What is drawn, typed and shown -----------------------------------------------------------------------------------


def new_login() -> str:
    """A login, in small letters."""
    return _drawn(LOGIN_LENGTH).lower()


def new_secret() -> str:
    """A first password, or a creation code."""
    return _drawn(SECRET_LENGTH)


def new_code() -> str:
    """A code that serves once."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"


def read_login(typed: str) -> str:
    """A login as it is kept, however it was typed: what no login has counts for nothing."""
    return re.sub("[^a-z0-9]", "", typed.lower())


def read_code(typed: str) -> str:
    """A code as it was drawn, however it was typed: spaces, dashes and case mean nothing."""
    return re.sub(r"[\s-]", "", typed).upper()


def grouped(code: str) -> str:
    """A creation code as people read it: RMGA DQEP 2KRG."""
    return " ".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))


def read_address(channel: Channel, typed: str) -> str:
    """An address for that channel as it is kept: of a French number the international form. Raises ContactError."""
    if channel is Channel.EMAIL:
        check_mail_address(address := typed.strip())
        return address
    number = re.sub(r"[\s.()-]", "", typed)
    if re.fullmatch(r"0[1-9][0-9]{8}", number):
        number = OVERSEAS.get(number[:4], "+33") + number[1:]
    number = re.sub("^00", "+", number)
    check_number(number)
    return number


def hint(channel: Channel, address: str) -> str:
    """An address as its owner recognises it and nobody learns it."""
    if channel is Channel.SMS:
        return f"•••• {address[-2:]}"
    local, _, domain = address.partition("@")
    return f"{local[:1]}•••@{domain}"


def check_password(password: str, former: str, login: str) -> None:
    """Raises PasswordError for what the policy does not take in the place of the former password of that login."""
    if len(password) not in PASSWORD_LENGTHS:
        least, most = PASSWORD_LENGTHS[0], PASSWORD_LENGTHS[-1]
        raise PasswordError(f"Le mot de passe doit avoir de {least} à {most} caractères.")
    if len(set(password)) < PASSWORD_VARIETY:
        raise PasswordError(f"Le mot de passe doit avoir au moins {PASSWORD_VARIETY} caractères différents.")
    if password == former:
        raise PasswordError("Le nouveau mot de passe doit être différent de l'ancien.")
    if login in password.lower():
        raise PasswordError("Le mot de passe ne doit pas contenir l'identifiant de connexion.")


def _drawn(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
