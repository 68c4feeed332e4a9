"""Binds the embedded authorisation server to the hall: who its clients are, by certificates under the anchors."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from dmp.jetons import record_token
from identities.requester import Authentication
from ihe.certificates import CertificateError, Kind, TrustStore, load_der_certificate
from ihe.node import check_client
from ihe.replay import AssertionUse, ReplayGuard, assertion_key
from pdsm.authorization_code import Code, CodeKey
from pdsm.claims import DMP, IUA, MODE, OID_URI
from pdsm.client_assertion import TYPE, ClientAssertion, read_client_assertion
from pdsm.errors import TokenError
from pdsm.iti103 import INTROSPECT, TOKEN
from pdsm.oauth_door import INVALID_CLIENT, Apps, Client, Environ, Form, OAuthDoor, OAuthError
from schemas import oids
from schemas.domain import AssertionProfile, Profile
from server.bearer_wiring import TokenHolders
from server.home_key import home_key, token_key
from server.house import House, now
from server.peer import PeerError, peer
from server.replay import DatabaseReplayGuard
from server.settings import SettingsError
from server.sharing_wiring import card_holder

AUTOMATE = "AUTOMATE"  # TRE_A00: a system without a person at the keyboard


def oauth_door(house: House) -> OAuthDoor:
    """The authorisation server of this house. Raises SettingsError without anchors to know clients by."""
    oauth, gate = house.settings.oauth, house.gate
    if house.trust is None:
        raise SettingsError(["oauth_server: expected trust anchors (a CA file), got none"])
    holders = TokenHolders.of(house)
    guard = DatabaseReplayGuard(house.database)
    clients = Clients(house.trust, house.domain.assertion, guard, oauth.server)
    return OAuthDoor(
        issuer=oauth.server,
        audience=oauth.own_audience,
        key=token_key(house.settings.home),
        client=clients.client,
        requester=holders.stands_for,
        record=partial(record_token, gate),
        refused=gate.refused,
        failed=gate.failed,
        verified=lambda text: holders.bearers.verified(text, now()),
        now=now,
        apps=_apps(house, guard) if oauth.apps and house.domain.assertion.profile is Profile.VIHF else None,
    )


def _apps(house: House, guard: ReplayGuard) -> Apps:
    """Apps of the settings, for holders of cards: an IHE domain has none."""
    known: dict[str, frozenset[str]] = {}
    for client, address in house.settings.oauth.apps:
        known[client] = known.get(client, frozenset()) | {address}

    def first(code: Code) -> bool:
        key = assertion_key(f"code {code.client}", code.id)
        digest = hashlib.sha256(code.id.encode()).hexdigest()
        return guard.remember(AssertionUse(key, digest, digest, code.expires), now()) is None

    return Apps(
        known=known,
        holder=partial(card_holder, house),
        key=CodeKey(hmac.new(home_key(house.settings.home), b"code", hashlib.sha256).digest()),
        first=first,
    )


@dataclass(frozen=True, slots=True)
class Clients:
    """Who asks for a token: by a signed assertion, else by the certificate of the connection."""

    trust: TrustStore
    profile: AssertionProfile
    guard: ReplayGuard
    issuer: str

    def client(self, environ: Environ, form: Form) -> Client:
        """See `pdsm.oauth_door.OAuthDoor`. Raises OAuthError."""
        try:
            der = peer(environ).certificate
            connected = None if der is None else self._connected(der)
            if "client_assertion" in form or "client_assertion_type" in form:
                found = self._asserted(form, connected, der)
            elif connected is not None and der is not None:
                found = Client(*connected, self._alone(connected[2]), der)
            else:
                raise _unproven("a client_assertion or a client certificate", "neither")
        except (CertificateError, PeerError, TokenError) as error:
            raise _unproven("a client that proves who it is", str(error)) from None
        if form.get("client_id", found.id) != found.id:
            raise _unproven("the client_id of its certificate", "another")
        return found

    def _connected(self, der: bytes) -> tuple[str, str, str]:
        """Name, subject and structure of the TLS client, believed. Source: RFC 8705 §2.1."""
        certificate = load_der_certificate(der)
        if self.profile.profile is Profile.XUA:
            self.trust.chained(certificate, instant=now())
            check_client(certificate)
            return _node(certificate)
        found = self.trust.trusted(certificate, instant=now()).identity
        if found.kind is not Kind.STRUCTURE or not found.is_tls_client:
            raise CertificateError("a structure's authentication certificate", "another")
        return found.structure_id, found.subject, found.structure_id

    def _asserted(self, form: Form, connected: tuple[str, str, str] | None, der: bytes | None) -> Client:
        if form.get("client_assertion_type") != TYPE or "client_assertion" not in form:
            raise _unproven(f"a client_assertion of {TYPE}", "something else")
        audiences = frozenset({self.issuer, self.issuer + TOKEN, self.issuer + INTROSPECT})
        skew = timedelta(seconds=self.profile.skew_seconds)
        assertion = read_client_assertion(form["client_assertion"], audiences, skew, now())
        name, subject, structure = self._signer(assertion)
        if assertion.client != name:
            raise TokenError("client_assertion iss: expected the holder of its certificate, got another")
        if connected is not None and connected[2] != structure:
            raise CertificateError("one structure in seal and connection", "two")
        self._check_first(assertion, form["client_assertion"], skew)
        return Client(name, subject, structure, assertion.extensions or self._alone(structure), der)

    def _signer(self, assertion: ClientAssertion) -> tuple[str, str, str]:
        """The holder of the certificate: a structure's seal, or a signer whom the IHE domain believes."""
        if self.profile.profile is Profile.XUA:
            self.trust.chained(assertion.certificate, assertion.intermediates, instant=now())
            fingerprint = assertion.certificate.fingerprint(hashes.SHA256()).hex()
            if self.profile.signers and fingerprint not in self.profile.signers:
                raise CertificateError("a signer whom the domain lists", "another")
            return _node(assertion.certificate)
        found = self.trust.trusted(assertion.certificate, assertion.intermediates, instant=now()).identity
        if found.kind is not Kind.STRUCTURE or not found.is_signature_certificate:
            raise CertificateError("a structure's seal", "another")
        return found.structure_id, found.subject, found.structure_id

    def _check_first(self, assertion: ClientAssertion, text: str, skew: timedelta) -> None:
        """A client assertion serves once. Source: RFC 7523 §3 (7)."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        key = assertion_key(f"client_assertion {assertion.client}", assertion.id)
        holder = hashlib.sha256(assertion.certificate.public_bytes(Encoding.DER)).hexdigest()
        use = AssertionUse(key, digest, holder, assertion.expires + skew)
        if self.guard.remember(use, now()) is not None:
            raise TokenError("client_assertion jti: expected a new one, got one that was used")

    def _alone(self, structure: str) -> Mapping[str, Any]:
        """What a client says that names no user: in the DMP, that it is a machine of its structure."""
        if self.profile.profile is Profile.XUA:
            return {}
        said = {
            "subject_name": structure,
            "subject_organization_id": structure,
            "subject_role": [{"system": OID_URI + oids.ROLE_NON_PS, "code": AUTOMATE}],
            "national_provider_identifier": f"{structure}/{AUTOMATE.lower()}",
        }
        return {IUA: said, DMP: {MODE: Authentication.INDIRECTE.value}}


def _node(certificate: x509.Certificate) -> tuple[str, str, str]:
    subject = certificate.subject.rfc4514_string() or f"serial {certificate.serial_number:x}"
    return subject, subject, ""


def _unproven(expected: str, got: str) -> OAuthError:
    return OAuthError(INVALID_CLIENT, expected, got)
