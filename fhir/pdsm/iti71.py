"""ITI-71: an access token asked for by a client for itself or its user, and given.

Source: ITI TF-2 3.71.4.1.2.1 (client credentials) and 3.71.4.2.2 (response); RFC 6749 §4.4, §5.1 and §5.2; RFC 8693 §3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pdsm.bearer import Token
from pdsm.claims import IUA
from pdsm.issuing import LIFETIME
from pdsm.oauth_door import (
    INVALID_CLIENT,
    INVALID_REQUEST,
    INVALID_SCOPE,
    INVALID_TARGET,
    UNSUPPORTED_GRANT,
    Form,
    OAuthError,
)

CLIENT_CREDENTIALS = "client_credentials"
JWT = frozenset({"urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:access_token"})
JWT |= {"urn:ietf:params:oauth:token-type:access-token"}  # so ITI TF-2 3.71.4.1.2.1 spells it
# What a token may be asked for: the transactions of the FHIR door.
SCOPES = (
    "ITI-57",
    "ITI-65",
    "ITI-66",
    "ITI-67",
    "ITI-68",
    "ITI-78",
    "ITI-81",
    "ITI-83",
    "ITI-105",
    "ITI-106",
    "ITI-110",
    "ITI-113",
    "ITI-119",
)
_SECRETS = frozenset({"client_assertion", "client_secret", "code", "code_verifier"})


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What is asked for. The scopes are known ones, in the order that they came."""

    scopes: tuple[str, ...]


def read_form(pairs: Sequence[tuple[str, str]]) -> Form:
    """The parameters of a form, each once; what is empty is not there. Raises OAuthError. Source: RFC 6749 §3.2."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise OAuthError(INVALID_REQUEST, "each parameter once", "one that stands twice")
    return {name: value for name, value in found.items() if value}


def read_token_request(form: Form, audience: str) -> TokenRequest:
    """The request in a form, for the resource server `audience`. Raises OAuthError."""
    if form.get("grant_type") != CLIENT_CREDENTIALS:
        code = UNSUPPORTED_GRANT if "grant_type" in form else INVALID_REQUEST
        raise OAuthError(code, f"grant_type {CLIENT_CREDENTIALS}", "another" if "grant_type" in form else "none")
    if form.get("requested_token_type", min(JWT)) not in JWT:
        raise OAuthError(INVALID_REQUEST, "a requested_token_type of JWT", "another")
    return TokenRequest(read_scopes(form, audience))


def read_scopes(form: Form, audience: str) -> tuple[str, ...]:
    """The scopes that are asked for, of the resource server `audience`. Raises OAuthError."""
    if form.get("resource", audience).rstrip("/") != audience:
        raise OAuthError(INVALID_TARGET, f"the resource {audience}", "another")
    scopes = tuple(dict.fromkeys(form.get("scope", "").split(" ")))
    if not set(scopes) <= set(SCOPES):
        raise OAuthError(INVALID_SCOPE, f"scopes among {' '.join(SCOPES)}", "others or none")
    return scopes


def subject_of(extensions: Mapping[str, Any], client: str) -> str:
    """Whom a token is about: the user where one is named, else the client. Source: ITI TF-2 3.71.4.2.2.1 (sub)."""
    said = extensions.get(IUA)
    named = said.get("national_provider_identifier") if isinstance(said, dict) else None
    return named if isinstance(named, str) and named else client


def told(form: Form) -> bytes:
    """A request as the audit log keeps it, without what proves anything. Source: BALP, IHE.IUA.71 (token-request)."""
    return urlencode([(name, value) for name, value in form.items() if name not in _SECRETS]).encode()


def write_token(token: Token, signed: str) -> dict[str, Any]:
    """The answer that carries a token."""
    scope = str(token.claims["scope"])
    return {
        "access_token": signed,
        "token_type": "Bearer",
        "expires_in": int(LIFETIME.total_seconds()),
        "scope": scope,
    }


def write_error(error: OAuthError) -> dict[str, str]:
    """The answer that refuses: who is not known is told no more than that. Source: RFC 6749 §5.2."""
    why = "expected a client that is known here, got another" if error.code == INVALID_CLIENT else error.diagnostics()
    return {"error": error.code, "error_description": why}
