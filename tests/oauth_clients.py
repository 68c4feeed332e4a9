"""Clients of the embedded authorisation server: known by a seal or a connection, they ask for tokens."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from pdsm.claims import OID_URI
from schemas import oids
from server.demo.people import inhabitant
from tests.browser import FORM, Browser
from tests.journeys.audit_nodes import Answer
from tests.village import Village

TOKEN, INTROSPECT = "/oauth/token", "/oauth/introspect"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def issuer(village: Village) -> str:
    return f"https://{village.settings.https}"


def user(name: str, mode: str = "INDIRECTE", **changes: Any) -> dict[str, Any]:
    """What a structure says of one of the village's people."""
    person = inhabitant(name)
    codes = [(person.profession, oids.PROFESSION), (person.specialty, oids.SPECIALITE_MEDECIN)]
    said = {
        "subject_name": f"{person.family} {person.given}",
        "subject_organization_id": person.structure_id,
        "subject_role": [{"code": code, "system": OID_URI + system} for code, system in codes if code],
        "national_provider_identifier": person.id_nat,
        **changes,
    }
    return {"ihe_iua": said, "dmp": {"Authentification_Mode": mode, "Secteur_Activite": person.sector}}


@dataclass(frozen=True)
class OAuthClient:
    """One of the village's structures or people, with its seal, and with its connection unless `connected` is no."""

    village: Village
    name: str
    connected: bool = True

    def post(self, path: str, form: Mapping[str, str]) -> Answer:
        browser = Browser.of(self.village, self.name if self.connected else None)
        answer = browser.ask("POST", path, urlencode(form).encode(), {"Content-Type": FORM})
        return Answer(answer.status, dict(answer.headers.items()), answer.content)

    def ask(self, scope: str = "ITI-67", **form: str) -> Answer:
        """ITI-71."""
        asked = {"grant_type": "client_credentials", "scope": scope, **form}
        return self.post(TOKEN, {name: value for name, value in asked.items() if value})

    def asserted(self, **claims: Any) -> dict[str, str]:
        """The parameters of a client assertion."""
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion(**claims)}

    def assertion(self, use: str = "sign", header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """A client assertion in order, by the seal; None takes a claim away."""
        folder, now = self.village.folder / "pki" / self.name, int(time.time())
        structure = inhabitant(self.name).structure_id
        usual = {
            "iss": structure,
            "sub": structure,
            "aud": issuer(self.village) + TOKEN,
            "jti": str(uuid.uuid4()),
            "iat": now,
            "exp": now + 120,
        }
        claims = {name: value for name, value in {**usual, **changes}.items() if value is not None}
        key = _key(folder / f"{use}.key")
        algorithm = "ES256" if isinstance(key, ECKey) else "RS256"
        protected = {"alg": algorithm, "typ": "JWT", "x5c": _chain(folder / f"{use}.pem"), **(header or {})}
        sent = {name: value for name, value in protected.items() if value is not None}
        return jws.serialize_compact(sent, json.dumps(claims).encode(), key, algorithms=[algorithm])


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    body = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found


def _key(file: Path) -> RSAKey | ECKey:
    pem = file.read_bytes()
    try:
        return RSAKey.import_key(pem)
    except ValueError:
        return ECKey.import_key(pem)


def _chain(file: Path) -> list[str]:
    certificates = x509.load_pem_x509_certificates(file.read_bytes())
    return [base64.b64encode(each.public_bytes(Encoding.DER)).decode() for each in certificates]
