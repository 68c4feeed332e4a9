"""Internet accounts, creation codes and sessions, as rows. Source: identities.account, identities.session.

Whoever reads an account to change it holds its row until the transaction ends: of guesses that come at once, each is
judged after the one before it was counted.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from identities.account import Account, Challenge, CreationCode
from identities.alerts import Reach, reach
from identities.session import IDLE, Session
from identities.store.dossiers import IdentityError
from identities.store.tables import ACCOUNTS, CREATION_CODES, SESSIONS


class AccountsStore:
    """Accounts, in the transaction of one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def password(self, login: str) -> str | None:
        """The hash of that login's password, held by nobody: to be compared at leisure, and read again."""
        return self._connection.execute(sa.select(ACCOUNTS.c.password).where(ACCOUNTS.c.login == login)).scalar()

    def account(self, login: str) -> Account | None:
        """The account of that login, held."""
        return self._held(ACCOUNTS.c.login == login)

    def challenged(self, challenge: str) -> Account | None:
        """The account to which a code of that id was sent last, held."""
        return self._held(ACCOUNTS.c.challenge == challenge)

    def of(self, dossier: str, representative: str) -> Account | None:
        """The account that the patient, or a representative, has of that dossier, held."""
        return self._held(sa.and_(ACCOUNTS.c.dossier == dossier, ACCOUNTS.c.representative == representative))

    def reach(self, dossier: str, representative: str) -> Reach:
        """Where the account of the patient, or of a representative, is reached; held by nobody."""
        mine = (ACCOUNTS.c.dossier == dossier, ACCOUNTS.c.representative == representative)
        row = self._connection.execute(sa.select(ACCOUNTS.c.email, ACCOUNTS.c.sms).where(*mine)).one_or_none()
        return reach(row.email, row.sms) if row else ()

    def add(self, account: Account) -> None:
        """A new account. Raises IdentityError when its login, or an account of its holder, is there already."""
        try:
            self._connection.execute(sa.insert(ACCOUNTS).values(login=account.login, **_columns(account)))
        except sa.exc.IntegrityError:
            raise IdentityError("a login and a holder without account", "one that has one") from None

    def save(self, account: Account) -> None:
        """What an account has become."""
        self._connection.execute(sa.update(ACCOUNTS).where(ACCOUNTS.c.login == account.login).values(_columns(account)))

    def save_creation_code(self, code: CreationCode) -> None:
        """Keeps a creation code in the place of an older one of its dossier."""
        self.drop_creation_code(code.dossier)
        row = {"dossier": code.dossier, "nonce": code.nonce, "digest": code.digest, "expires": code.expires}
        self._connection.execute(sa.insert(CREATION_CODES).values(row))

    def creation_code(self, dossier: str) -> CreationCode | None:
        """The creation code of that dossier, held."""
        wanted = sa.select(CREATION_CODES).where(CREATION_CODES.c.dossier == dossier).with_for_update()
        row = self._connection.execute(wanted).one_or_none()
        return None if row is None else CreationCode(row.dossier, bytes(row.nonce), bytes(row.digest), row.expires)

    def drop_creation_code(self, dossier: str) -> None:
        """Forgets the creation code of that dossier, if there is one."""
        self._connection.execute(sa.delete(CREATION_CODES).where(CREATION_CODES.c.dossier == dossier))

    def open_session(self, session: Session) -> None:
        """Keeps a session that begins; those that nobody used lately go."""
        self._connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.seen < session.opened - IDLE))
        row = {"id": session.id, "login": session.login, "opened": session.opened, "seen": session.seen}
        self._connection.execute(sa.insert(SESSIONS).values(row))

    def session(self, session: str) -> Session | None:
        """The session of that id, alive or not."""
        row = self._connection.execute(sa.select(SESSIONS).where(SESSIONS.c.id == session)).one_or_none()
        return None if row is None else Session(row.id, row.login, row.opened, row.seen)

    def use_session(self, session: Session) -> None:
        """Notes when a session was seen."""
        self._connection.execute(sa.update(SESSIONS).where(SESSIONS.c.id == session.id).values(seen=session.seen))

    def end_session(self, session: str) -> None:
        """Ends the session of that id, if there is one."""
        self._connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.id == session))

    def end_sessions(self, login: str) -> None:
        """Ends every session of that login."""
        self._connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.login == login))

    def _held(self, which: sa.ColumnElement[bool]) -> Account | None:
        row = self._connection.execute(sa.select(ACCOUNTS).where(which).with_for_update()).one_or_none()
        return None if row is None else _account(row)


def _columns(account: Account) -> dict[str, Any]:
    sent = account.challenge
    return {
        "dossier": account.dossier,
        "representative": account.representative,
        "password": account.password,
        "provisional": account.provisional,
        "sms": account.sms,
        "email": account.email,
        "failures": account.failures,
        "locked_until": account.locked_until,
        "challenge": sent and sent.id,
        "challenge_nonce": sent and sent.nonce,
        "challenge_digest": sent and sent.digest,
        "challenge_expires": sent and sent.expires,
        "challenge_attempts": sent.attempts if sent else 0,
    }


def _account(row: sa.Row[Any]) -> Account:
    challenge = None
    if row.challenge is not None:
        nonce, digest = bytes(row.challenge_nonce), bytes(row.challenge_digest)
        challenge = Challenge(row.challenge, nonce, digest, row.challenge_expires, row.challenge_attempts)
    return Account(
        login=row.login,
        dossier=row.dossier,
        representative=row.representative,
        password=row.password,
        provisional=row.provisional,
        sms=row.sms,
        email=row.email,
        failures=row.failures,
        locked_until=row.locked_until,
        challenge=challenge,
    )
