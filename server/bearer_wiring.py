"""Binds access tokens to requesters: whose are believed here, and what they make of whoever brings one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from identities.requester import Requester
from pdsm.bearer import Bearers, Token
from pdsm.claims import auditor, dmp_requester, ihe_requester
from pdsm.errors import TokenError
from schemas.domain import Profile
from server.home_key import token_key
from server.house import House, now
from server.issuer_keys import KeyFiles
from server.peer import PeerError, peer

AUTHORIZATION = "HTTP_AUTHORIZATION"
Environ = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TokenHolders:
    """Who brings a token, in this house: None for whoever brings none, and comes with a certificate or nothing."""

    bearers: Bearers
    profile: Profile
    own: str  # the name of this server as an issuer, '' when it is none
    auditors: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, house: House) -> TokenHolders:
        """Those whom the settings of this house know."""
        home, oauth, assertion = house.settings.home, house.settings.oauth, house.domain.assertion
        bearers = Bearers(
            keys=KeyFiles(home, now, {oauth.server: token_key(home).verification} if oauth.server else {}),
            issuers=oauth.names,
            audiences=frozenset(oauth.audiences) | ({oauth.own_audience} if oauth.server else set()),
            validity=timedelta(seconds=assertion.validity_seconds),
            skew=timedelta(seconds=assertion.skew_seconds),
        )
        return cls(bearers, assertion.profile, oauth.server, frozenset(oauth.auditors))

    def requester(self, environ: Environ, transaction: str) -> Requester | None:
        """Who asks for `transaction` by a token. Raises TokenError."""
        token = self._token(environ, transaction)
        return None if token is None else self.stands_for(token)

    def stands_for(self, token: Token) -> Requester:
        """Whom a verified token stands for. Raises TokenError."""
        return (
            ihe_requester(token) if self.profile is Profile.XUA else dmp_requester(token, own=self.own == token.issuer)
        )

    def auditor(self, environ: Environ, transaction: str) -> Requester | None:
        """Who reads the audit log by a token. Raises TokenError."""
        token = self._token(environ, transaction)
        if token is None:
            return None
        if (token.issuer, token.subject) not in self.auditors:
            raise TokenError("token sub: expected an auditor, got another")
        return auditor(token)

    def _token(self, environ: Environ, transaction: str) -> Token | None:
        """The token of a request. Whoever may bring one, and brings neither that nor a certificate, is told so."""
        try:
            certificate = peer(environ).certificate
        except PeerError as error:
            raise TokenError(f"TLS client certificate: {error}") from None
        if AUTHORIZATION in environ:
            return self.bearers.token(environ[AUTHORIZATION], certificate, transaction, now())
        if certificate is None and self.bearers.issuers and not peer(environ).local:
            raise TokenError("expected a client certificate or an access token, got neither", "")
        return None
