"""The tokens that this house issues itself: the key they are signed with, and what they say.

Source: RFC 9068 §2 (JWT profile for access tokens); ITI TF-2 3.71.4.2.2.1; RFC 7638 (the name of a key).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from pdsm.bearer import THUMBPRINT, Token, thumbprint_of
from pdsm.jwks import VerificationKey, read_jwks
from schemas.errors import UnexpectedError

ALGORITHM, TYPE = "ES256", "at+jwt"
LIFETIME = timedelta(minutes=5)  # ITI TF-2 3.71.5: recommended


class SigningKeyError(UnexpectedError):
    """A text that is no key of this house."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key on P-256."""

    key: ECKey

    @classmethod
    def make(cls) -> SigningKey:
        """A new one."""
        return cls(ECKey.generate_key("P-256"))

    @classmethod
    def read(cls, text: str) -> SigningKey:
        """The key that `written` wrote. Raises SigningKeyError."""
        try:
            found = ECKey.import_key(json.loads(text))
            sound = found.is_private and found.curve_name == "P-256"
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            sound = False
        if not sound:
            raise SigningKeyError("a private JWK on P-256", "something else")
        return cls(found)

    @property
    def written(self) -> str:
        """The key as a JWK."""
        return json.dumps(self.key.as_dict(private=True))

    @property
    def id(self) -> str:
        """Its name: its thumbprint."""
        return self.key.thumbprint()

    @property
    def published(self) -> dict[str, Any]:
        """The JWK Set of what verifies its signatures."""
        said = {"kid": self.id, "use": "sig", "alg": ALGORITHM}
        return {"keys": [{**self.key.as_dict(private=False), **said}]}

    @property
    def verification(self) -> tuple[VerificationKey, ...]:
        """The same, to verify by."""
        return read_jwks(json.dumps(self.published).encode())

    def sign(self, token: Token) -> str:
        """The token as it travels."""
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": self.id}
        return jws.serialize_compact(header, json.dumps(dict(token.claims)).encode(), self.key, algorithms=[ALGORITHM])


def new_token(
    *,
    issuer: str,
    audience: str,
    client: str,
    subject: str,
    scopes: Sequence[str],
    extensions: Mapping[str, Any],
    certificate: bytes | None,
    now: datetime,
) -> Token:
    """A token that holds from `now`, bound to the TLS client of that certificate (DER) where it showed one."""
    expires, name = now + LIFETIME, str(uuid.uuid4())
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": subject,
        "client_id": client,
        "aud": audience,
        "jti": name,
        "iat": int(now.timestamp()),
        "exp": int(expires.timestamp()),
        "scope": " ".join(scopes),
    }
    if extensions:
        claims["extensions"] = dict(extensions)
    if certificate is not None:
        claims["cnf"] = {THUMBPRINT: thumbprint_of(certificate)}
    return Token(issuer, subject, client, name, frozenset(scopes), expires, claims)
