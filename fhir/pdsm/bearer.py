"""Who asks by an access token in the Authorization header: the token verified, bound, and wide enough.

    read -> signed by a key of its issuer -> for us, now -> bound to this TLS client -> of this scope -> Token

What a token claims becomes a Requester in `pdsm.claims`.

Source: ITI TF-2 3.72 (Incorporate Access Token); RFC 6750 (Bearer); RFC 7515 and 7519 (JWS, JWT); RFC 8705 §3 (tokens
bound to a certificate); RFC 8725 (best current practices); RFC 9068 (JWT profile for access tokens).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError

from pdsm.errors import TokenError
from pdsm.jwks import ALGORITHMS, Keys, VerificationKey, chosen
from schemas import strict_json
from schemas.strict_json import JsonError

SCHEME = "bearer"
MAX_BYTES = 16 * 1024
TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt", "iua-jwt"})  # RFC 9068 §2.1; ITI TF-2 3.71.4.2.2.1.3
THUMBPRINT = "x5t#S256"  # RFC 8705 §3.1
MAX_TEXT = 1024  # characters of a claim
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")  # RFC 7515 §7.1
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,64}")  # RFC 6749 §3.3


class _Whole(jws.JWSRegistry):
    """What is short enough was seen before; parameters that are not known are ignored (RFC 7515 §4)."""

    max_header_length = max_payload_length = max_signature_length = MAX_BYTES


@dataclass(frozen=True, slots=True)
class Token:
    """What a verified token says, and whose it is. `claims` are all of its claims."""

    issuer: str
    subject: str
    client: str
    id: str
    scopes: frozenset[str]
    expires: datetime
    claims: Mapping[str, Any]

    def extension(self, name: str) -> Mapping[str, Any]:
        """The claims of one extension of IUA, none without it. Raises TokenError for what is no object."""
        extensions = self.claims.get("extensions", {})
        found = extensions.get(name, {}) if isinstance(extensions, dict) else None
        if not isinstance(found, dict):
            raise TokenError(f"token extensions.{name}: expected an object, got something else")
        return found


@dataclass(frozen=True, slots=True)
class Bearers:
    """Verifies tokens of `issuers` for `audiences`. Safe to share between threads.

    A token is believed for `validity` after it was issued at most, whatever it says; clocks may differ by `skew`.
    """

    keys: Keys
    issuers: frozenset[str]
    audiences: frozenset[str]
    validity: timedelta
    skew: timedelta

    def token(self, authorization: str, certificate: bytes | None, transaction: str, now: datetime) -> Token:
        """The token of a request for `transaction`, sent over TLS with that client certificate (DER).

        Raises TokenError. The reason of the error quotes nothing of the token.
        """
        token = self.verified(read_authorization(authorization), now)
        check_bound(token, certificate)
        if transaction not in token.scopes:
            reason = f"token scope: expected {transaction}, got another"
            raise TokenError(reason, "insufficient_scope", scope=transaction)
        return token

    def verified(self, text: str, now: datetime) -> Token:
        """What a token says that is signed by a key of its issuer, and holds `now` for us. Raises TokenError."""
        header, claims = parts_of(text)
        issuer, algorithm, name = claims.get("iss"), header.get("alg"), header.get("kid", "")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise TokenError(f"token alg: expected {', '.join(sorted(ALGORITHMS))}, got another")
        if not isinstance(header.get("typ", ""), str) or header.get("typ", "").lower() not in TYPES:
            raise TokenError("token typ: expected that of an access token, got another")
        if "crit" in header or not isinstance(name, str):
            raise TokenError("token header: expected nothing critical and a kid of text, got something else")
        if not isinstance(issuer, str) or issuer not in self.issuers:
            raise TokenError("token iss: expected an issuer that the settings name, got another")
        key = chosen(self.keys.of(issuer), name, algorithm)
        if key is None:
            self.keys.missed(issuer)
            raise TokenError("token kid: expected a key of its issuer, got another")
        check_signature(text, key, algorithm)
        return self._token(claims, now)

    def _token(self, claims: Mapping[str, Any], now: datetime) -> Token:
        check_window(claims, now, validity=self.validity, skew=self.skew)
        if not self.audiences & set(texts_of(claims, "aud")):
            raise TokenError("token aud: expected this server, got others")
        client = "azp" if "client_id" not in claims and "azp" in claims else "client_id"  # OpenID Connect Core §2
        return Token(
            issuer=text_of(claims, "iss"),
            subject=text_of(claims, "sub"),
            client=text_of(claims, client),
            id=text_of(claims, "jti"),
            scopes=read_scopes(text_of(claims, "scope")),
            expires=instant_of("exp", claims.get("exp")),
            claims=claims,
        )


def check_window(claims: Mapping[str, Any], now: datetime, *, validity: timedelta, skew: timedelta) -> None:
    """Raises TokenError for what does not hold `now`, or is older than `validity`. Source: RFC 7519 §4.1."""
    issued, expires = instant_of("iat", claims.get("iat")), instant_of("exp", claims.get("exp"))
    begins = instant_of("nbf", claims["nbf"]) if "nbf" in claims else issued
    if now - skew >= expires:
        raise TokenError("token exp: expected one that is to come, got one that is past")
    if max(begins, issued) > now + skew:
        raise TokenError("token iat, nbf: expected a token that holds now, got one of the future")
    if now - skew >= issued + validity:
        reason = f"token iat: expected one issued within {validity.total_seconds():.0f} s, got an older one"
        raise TokenError(reason)


def read_authorization(header: str) -> str:
    """The token in an Authorization header. Raises TokenError. Source: RFC 6750 §2.1."""
    scheme, _, text = header.strip(" ").partition(" ")
    if scheme.lower() != SCHEME:
        raise TokenError("Authorization: expected the scheme Bearer, got another", "invalid_request")
    return text.strip(" ")


def read_scopes(text: str) -> frozenset[str]:
    """The scopes of a list between spaces. Raises TokenError. Source: RFC 6749 §3.3."""
    found = text.split(" ")
    if not all(map(_SCOPE.fullmatch, found)):
        raise TokenError("token scope: expected scopes between spaces, got something else")
    return frozenset(found)


def check_bound(token: Token, certificate: bytes | None) -> None:
    """Raises TokenError for a token that is bound to another TLS client than the one that brings it, or in a way that
    is not known here. Source: RFC 8705 §3; RFC 7800 §3."""
    if "cnf" not in token.claims:
        return
    bound = token.claims["cnf"]
    thumbprint = bound.get(THUMBPRINT) if isinstance(bound, dict) and len(bound) == 1 else None
    if not isinstance(thumbprint, str):
        raise TokenError(f"token cnf: expected {THUMBPRINT}, got something else")
    if certificate is None or not compare_digest(thumbprint.encode(), thumbprint_of(certificate).encode()):
        raise TokenError("token cnf: expected the certificate of this TLS client, got another")


def thumbprint_of(certificate: bytes) -> str:
    """What names a certificate (DER) in a token. Source: RFC 8705 §3.1."""
    return base64.urlsafe_b64encode(hashlib.sha256(certificate).digest()).decode().rstrip("=")


def text_of(claims: Mapping[str, Any], name: str, *, optional: bool = False) -> str:
    """A claim that is a text of some length; '' for an optional one that is absent. Raises TokenError."""
    value = claims.get(name, "")
    if not isinstance(value, str) or not (value or optional) or len(value) > MAX_TEXT:
        expected = f"a text of at most {MAX_TEXT} characters"
        raise TokenError(f"token {name}: expected {expected}, got {'something else' if value else 'none'}")
    return value


def parts_of(text: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims of a token, not believed yet. Raises TokenError."""
    if len(text) > MAX_BYTES or not _TOKEN.fullmatch(text):
        raise TokenError(f"token: expected a signed JWT of at most {MAX_BYTES} bytes, got something else")
    header, claims, _ = text.split(".")
    return _object("header", header), _object("claims", claims)


def _object(what: str, part: str) -> Mapping[str, Any]:
    try:
        found = strict_json.read(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), max_bytes=MAX_BYTES)
    except (ValueError, JsonError):
        found = None
    if not isinstance(found, dict):
        raise TokenError(f"token {what}: expected an object of JSON in base64url, got something else")
    return found


def check_signature(text: str, key: VerificationKey, algorithm: str) -> None:
    """Raises TokenError unless that key signed the token, by that algorithm."""
    try:
        jws.deserialize_compact(text, key.key, registry=_Whole(algorithms=[algorithm], strict_check_header=False))
    except (JoseError, ValueError):
        raise TokenError("token: expected a signature by a key of its issuer, got another") from None


def texts_of(claims: Mapping[str, Any], name: str) -> list[str]:
    """A claim that is a text or several. Raises TokenError."""
    value = claims.get(name)
    values: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in values):
        raise TokenError(f"token {name}: expected texts, got something else")
    return values


def instant_of(name: str, value: Any) -> datetime:
    """A NumericDate. Raises TokenError. Source: RFC 7519 §2."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (OverflowError, ValueError, OSError):
            pass
    raise TokenError(f"token {name}: expected seconds since 1970, got something else")


def challenge(error: TokenError) -> str:
    """The WWW-Authenticate header of a refusal. It says no more than which kind it is. Source: RFC 6750 §3."""
    said = {"realm": "fhir", "error": error.code, "scope": error.scope}
    return "Bearer " + ", ".join(f"{name}={json.dumps(value)}" for name, value in said.items() if value)
