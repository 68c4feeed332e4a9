"""Who asks in an IHE domain: a node known by its TLS certificate, or on this machine, or a user that XUA names.

Source: ITI TF-2 3.19 (Authenticate Node) and 3.40 (Provide X-User Assertion).
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from lxml import etree

from audit.event import Call
from identities.requester import Authentication, Requester
from ihe.certificates import CertificateError, TrustStore, load_der_certificate
from ihe.door import Peer
from ihe.errors import AuthenticationError
from ihe.identifiers import WSSE
from ihe.replay import ReplayGuard
from ihe.signed_assertion import carries_assertion
from ihe.soap import MUST_UNDERSTAND, TRUE, Header
from ihe.xua import XuaAuthenticator
from schemas.domain import AssertionProfile

UNSUPPORTED_TOKEN, UNAVAILABLE_TOKEN = "wsse:UnsupportedSecurityToken", "wsse:SecurityTokenUnavailable"  # WSS 1.1 §12
_TOKENS = frozenset(
    {
        f"{{{WSSE}}}UsernameToken",
        f"{{{WSSE}}}BinarySecurityToken",
        f"{{{WSSE}}}SecurityTokenReference",
        "{urn:oasis:names:tc:SAML:1.0:assertion}Assertion",
        "{http://www.w3.org/2001/04/xmlenc#}EncryptedData",
    }
)
_CLIENT_USES = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


class NodeAuthenticator:
    """Authenticates nodes, and users by their assertions. Safe to share between threads.

    `trust` is None on a server that has no anchors: then nobody is believed who shows a certificate or an assertion.
    """

    def __init__(self, trust: TrustStore | None, profile: AssertionProfile, replay: ReplayGuard) -> None:
        self._trust, self._profile = trust, profile
        self._users = XuaAuthenticator(trust, profile, replay) if trust else None

    def authenticate(self, header: Header, peer: Peer, call: Call, now: datetime) -> Requester:
        """Who sends the message of `header`. Raises AuthenticationError.

        An assertion that is there is verified; without one the node itself asks, where the domain lets it.
        """
        node = self.node(peer, call, now)
        if carries_assertion(header.root):
            if self._users is None:
                raise AuthenticationError("XUA: expected no assertion on a server without anchors, got one")
            return self._users.authenticate(header.root, _client(peer, call), peer.certificate, now)
        if self._profile.required:
            reason = "XUA: expected an assertion in wsse:Security, got none"
            raise AuthenticationError(reason, UNAVAILABLE_TOKEN)
        _check_tokens(header.security)
        return node

    def node(self, peer: Peer, call: Call, now: datetime) -> Requester:
        """The node at the other end, by its certificate or on this machine. Raises AuthenticationError."""
        subject = self._subject(peer.certificate, now) if peer.certificate is not None else ""
        if not subject and not peer.local:
            raise AuthenticationError("TLS: expected a client certificate, got none")
        return Requester(
            id_nat="",
            name=subject or call.client_address,
            profession="",
            profession_system="",
            specialty="",
            structure_id="",
            sector="",
            authentication=Authentication.NOEUD_IHE,
            certificate_subject=subject,
        )

    def _subject(self, der: bytes, now: datetime) -> str:
        """The subject of a TLS client certificate, believed. Source: ITI TF-2 3.19.6.1 (certificate validation)."""
        try:
            if self._trust is None:
                raise CertificateError("no client certificate on a server without anchors", "one")
            certificate = load_der_certificate(der)
            self._trust.chained(certificate, instant=now)
            check_client(certificate)
            return certificate.subject.rfc4514_string() or f"serial {certificate.serial_number:x}"
        except CertificateError as error:
            raise AuthenticationError(f"TLS client certificate: {error}") from None


def check_client(certificate: x509.Certificate) -> None:
    """Raises CertificateError for a certificate of other purposes. Source: RFC 5280 4.2.1.12."""
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not _CLIENT_USES & set(purposes):
        raise CertificateError("a certificate for TLS clients", "one for other purposes")


def _check_tokens(security: etree._Element | None) -> None:
    """Raises AuthenticationError for a token that must be understood and is not. Source: WSS 1.1 §5 and §12."""
    if security is None or security.get(MUST_UNDERSTAND, "false").strip() not in TRUE:
        return
    if any(child.tag in _TOKENS for child in security):
        raise AuthenticationError("wsse:Security: expected a SAML 2.0 assertion, got another token", UNSUPPORTED_TOKEN)


def _client(peer: Peer, call: Call) -> str:
    """What tells this node from others: its certificate, or on this machine its address."""
    return hashlib.sha256(peer.certificate or call.client_address.encode()).hexdigest()
