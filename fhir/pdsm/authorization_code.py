"""ITI-71 by authorization code: what an app asks for in a browser, the code that comes of it, and what it is worth.

A code is sealed for this server alone: it says for whom and for which app it was given, and nobody else reads that. It
serves once, within a minute, to whoever knows the secret that its app made up (PKCE, S256).

Source: ITI TF-2 3.71.4.1.2.2; RFC 6749 §4.1; RFC 7636; RFC 9207 (iss); RFC 9700 §2.1.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import Any
from urllib.parse import urlencode

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from identities.requester import Requester
from pdsm.claims import DMP, IUA, MODE, OID_URI, SECTOR
from pdsm.iti71 import read_scopes
from pdsm.oauth_door import INVALID_GRANT, INVALID_REQUEST, Form, OAuthError
from schemas import oids

AUTHORIZATION_CODE = "authorization_code"
ACCESS_DENIED, UNSUPPORTED_RESPONSE = "access_denied", "unsupported_response_type"
S256 = "S256"
LIFETIME = timedelta(minutes=1)
MAX_STATE = 1024  # characters
_ALGORITHMS = ["dir", "A256GCM"]
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # RFC 7636 §4.2, of SHA-256
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 §4.1


@dataclass(frozen=True, slots=True)
class App:
    """Where an answer goes: an app that the operator knows, one of its addresses, and what it asked to have back."""

    client: str
    redirect_uri: str
    state: str

    def answer(self, issuer: str, **said: str) -> str:
        """The address that the browser is sent to."""
        state = {"state": self.state} if self.state else {}
        return f"{self.redirect_uri}?{urlencode({**said, **state, 'iss': issuer})}"


@dataclass(frozen=True, slots=True)
class Code:
    """What a code stands for. `extensions` are what the token will say of its user."""

    id: str
    client: str
    redirect_uri: str
    challenge: str
    scopes: tuple[str, ...]
    subject: str
    extensions: Mapping[str, Any]
    expires: datetime


def read_app(form: Form, apps: Mapping[str, frozenset[str]]) -> App:
    """Who asks. Raises OAuthError for an app or an address that is not known: nobody is sent there."""
    client, redirect_uri = form.get("client_id", ""), form.get("redirect_uri", "")
    if redirect_uri not in apps.get(client, frozenset()):
        raise OAuthError(INVALID_REQUEST, "a client_id and a redirect_uri of it, letter by letter", "others, or none")
    state = form.get("state", "")
    if len(state) > MAX_STATE:
        raise OAuthError(INVALID_REQUEST, f"a state of at most {MAX_STATE} characters", "a longer one")
    return App(client, redirect_uri, state)


def new_code(form: Form, app: App, audience: str, holder: Requester, now: datetime) -> Code:
    """The code for what an app asks for, in the name of whoever holds the card. Raises OAuthError."""
    if form.get("response_type") != "code":
        raise OAuthError(UNSUPPORTED_RESPONSE, "response_type code", "another, or none")
    challenge = form.get("code_challenge", "")
    if form.get("code_challenge_method") != S256 or not _CHALLENGE.fullmatch(challenge):
        raise OAuthError(INVALID_REQUEST, "a code_challenge of S256", "another, or none")
    scopes = read_scopes(form, audience)
    name = str(uuid.uuid4())
    extensions = extensions_of(holder)
    return Code(name, app.client, app.redirect_uri, challenge, scopes, holder.id_nat, extensions, now + LIFETIME)


def extensions_of(holder: Requester) -> dict[str, Any]:
    """The claims of whoever holds a card, which `pdsm.claims` reads."""
    pharmacist = not holder.specialty.startswith("SM")
    specialty_system = oids.SECTION_PHARMACIEN if pharmacist else oids.SPECIALITE_MEDECIN
    roles = [(holder.profession, holder.profession_system), (holder.specialty, specialty_system)]
    said: dict[str, Any] = {
        "subject_name": holder.name,
        "subject_role": [{"code": code, "system": OID_URI + system} for code, system in roles if code],
        "national_provider_identifier": holder.id_nat,
    }
    if holder.structure_id:
        said["subject_organization_id"] = holder.structure_id
    return {IUA: said, DMP: {MODE: holder.authentication.value, SECTOR: holder.sector}}


@dataclass(frozen=True, slots=True)
class CodeKey:
    """The key that codes are sealed with, 32 bytes."""

    key: bytes

    def seal(self, code: Code) -> str:
        """The code as it travels."""
        said = {
            "id": code.id,
            "client": code.client,
            "redirect_uri": code.redirect_uri,
            "challenge": code.challenge,
            "scopes": [*code.scopes],
            "subject": code.subject,
            "extensions": dict(code.extensions),
            "expires": code.expires.timestamp(),
        }
        header = {"alg": "dir", "enc": "A256GCM"}
        return jwe.encrypt_compact(header, json.dumps(said).encode(), self._key, algorithms=_ALGORITHMS)

    def open(self, form: Form, now: datetime) -> Code:
        """The code that a request for a token brings, by its own app and with its secret. Raises OAuthError."""
        try:
            found = jwe.decrypt_compact(form.get("code", ""), self._key, algorithms=_ALGORITHMS)
            said = json.loads(found.plaintext or b"")
        except (JoseError, ValueError, TypeError, KeyError):
            raise OAuthError(INVALID_GRANT, "a code of this server", "another, or none") from None
        expires = datetime.fromtimestamp(said.pop("expires"), UTC)
        code = Code(**{**said, "scopes": tuple(said["scopes"]), "expires": expires})
        if now >= code.expires:
            raise OAuthError(INVALID_GRANT, "a code of this minute", "an older one")
        if (form.get("client_id"), form.get("redirect_uri")) != (code.client, code.redirect_uri):
            raise OAuthError(INVALID_GRANT, "the app and the redirect_uri that the code was given to", "others")
        verifier = form.get("code_verifier", "")
        if not _VERIFIER.fullmatch(verifier) or not compare_digest(challenge_of(verifier), code.challenge):
            raise OAuthError(INVALID_GRANT, "the code_verifier of its code_challenge", "another, or none")
        return code

    @property
    def _key(self) -> OctKey:
        return OctKey.import_key(self.key)


def challenge_of(verifier: str) -> str:
    """Source: RFC 7636 §4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).decode().rstrip("=")
