"""Binds the FHIR door to the hall."""

from __future__ import annotations

import hashlib
import hmac
import socket
from collections.abc import Iterable
from functools import partial

from audit.received import Received
from dmp.audit_feed import keep_received
from dmp.audit_query import search_audit
from dmp.syslog_query import search_syslog
from identities.requester import Authentication, Requester
from ihe.certificates import CertificateError, TrustStore, load_der_certificate
from ihe.node import check_client
from pdsm.door import Door, Environ
from pdsm.errors import UnknownNodeError
from server.audit_links import APP
from server.bearer_wiring import TokenHolders
from server.home_key import home_key
from server.house import House, now
from server.peer import PeerError, peer


def fhir_door(house: House) -> Door:
    """The FHIR door of this house."""
    gate, trust, audit = house.gate, house.trust, house.settings.audit
    holders = TokenHolders.of(house)

    def keep(messages: Iterable[Received]) -> tuple[str, ...]:
        return keep_received(gate, messages)

    def auditor(environ: Environ, transaction: str) -> Requester:
        by_token = holders.auditor(environ, transaction)
        if by_token is not None:
            return by_token
        subject, fingerprint = _certificate(trust, environ)
        if not {subject, fingerprint} & {*audit.auditors}:
            raise UnknownNodeError("expected the certificate of an auditor, got another", subject)
        return _auditor(subject)

    def sender(environ: Environ) -> str:
        subject, fingerprint = _certificate(trust, environ)
        if audit.senders and not {subject, fingerprint} & {*audit.senders}:
            raise UnknownNodeError("expected the certificate of a node that feeds this log, got another", subject)
        return subject

    return Door(
        auditor=auditor,
        sender=sender,
        search=partial(search_audit, gate),
        search_syslog=partial(search_syslog, gate, host=socket.gethostname(), app=APP),
        keep=keep if audit.feed else None,
        refused=gate.refused,
        failed=gate.failed,
        now=now,
        key=hmac.new(home_key(house.settings.home), b"cursor", hashlib.sha256).digest(),
    )


def _certificate(trust: TrustStore | None, environ: Environ) -> tuple[str, str]:
    """Subject and SHA-256 fingerprint of the client certificate, believed. Raises UnknownNodeError."""
    try:
        der = peer(environ).certificate
        if der is None or trust is None:
            raise UnknownNodeError("TLS: expected a client certificate, got none")
        certificate = load_der_certificate(der)
        trust.chained(certificate, instant=now())
        check_client(certificate)
    except (CertificateError, PeerError) as error:
        raise UnknownNodeError(f"TLS client certificate: {error}") from None
    subject = certificate.subject.rfc4514_string() or f"serial {certificate.serial_number:x}"
    return subject, hashlib.sha256(der).hexdigest()


def _auditor(subject: str) -> Requester:
    return Requester(
        id_nat=subject,
        name=subject,
        profession="",
        profession_system="",
        specialty="",
        structure_id="",
        sector="",
        authentication=Authentication.AUDITEUR,
    )
