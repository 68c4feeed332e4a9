"""Binds document sharing by FHIR to the hall."""

from __future__ import annotations

import hashlib
import hmac
from functools import partial

from audit.event import Call
from dmp import abonnements, annuaire, fiches
from dmp.attributs import Attributs
from dmp.consultation import open_documents
from dmp.mise_a_jour import MiseAJour
from dmp.modification import Modifications
from dmp.patient_resources import PatientResources
from dmp.patient_search import PatientSearch
from dmp.requests import DocumentRequest, Opened
from identities.requester import Requester
from ihe.certificates import CertificateError, Kind, TrustStore, load_der_certificate
from ihe.errors import AuthenticationError
from ihe.node import NodeAuthenticator
from ihe.reply import permitted
from pdsm.door import Environ
from pdsm.errors import UnauthorizedError
from pdsm.patient_door import PatientPorts
from pdsm.patient_id import PatientIds
from pdsm.sharing_door import Sharing
from pdsm.subscription_door import Subscribing
from registry.errors import Finding
from schemas.domain import Profile, Profiles
from server.bearer_wiring import TokenHolders
from server.house import House, now
from server.peer import PeerError, peer
from server.replay import DatabaseReplayGuard
from server.wiring import alimentation_of


def sharing(house: House, key: bytes) -> Sharing:
    """Document sharing in this house; `key` signs cursors."""
    gate, domain, holders = house.gate, house.domain, TokenHolders.of(house)
    alimentation = alimentation_of(house)
    updating = Attributs if domain.assertion.profile is Profile.VIHF else MiseAJour
    update = updating(gate, domain, alimentation.is_code).update
    modifications = Modifications(gate, update, domain.repository_unique_id)

    def open_(requester: Requester, call: Call, unique_id: str) -> Opened | Finding:
        wanted = [DocumentRequest(domain.repository_unique_id, unique_id)]
        return open_documents(gate, requester, call, wanted, domain.repository_unique_id)[0]

    def requester(environ: Environ, call: Call) -> Requester:
        if by_token := holders.requester(environ, call.transaction):
            return by_token
        if domain.assertion.profile is Profile.XUA:
            return _node(house, environ, call)
        return card_holder(house, environ)

    return Sharing(
        requester=requester,
        named=partial(fiches.named, gate),
        holding=partial(fiches.holding, gate),
        about=partial(fiches.about, gate),
        find=partial(fiches.find_fiches, gate),
        open=open_,
        patients=_patients(house, key),
        provide=alimentation.provide,
        standing=modifications.standing,
        modify=modifications.modify,
        stage=gate.stage,
        refused=gate.refused,
        failed=gate.failed,
        now=now,
        repository_unique_id=domain.repository_unique_id,
        max_body_bytes=house.settings.max_body_bytes,
        key=key,
        tokens=bool(holders.bearers.issuers),
        extra_components=domain.metadata.extra_components,
        strict_profiles=domain.profiles is Profiles.STRICT,
        subscriptions=_subscribing(house) if house.settings.subscription_endpoints else None,
    )


def _subscribing(house: House) -> Subscribing:
    gate, allowed = house.gate, house.settings.subscription_endpoints
    return Subscribing(
        permitted=lambda address: permitted(address, allowed) is not None,
        subscribe=partial(abonnements.subscribe, gate),
        mine=partial(abonnements.mine, gate),
        unsubscribe=partial(abonnements.unsubscribe, gate),
        reactivate=partial(abonnements.reactivate, gate),
        events=partial(abonnements.events, gate),
    )


def _patients(house: House, key: bytes) -> PatientPorts:
    """The patients of this house; TD0.2 is of the DMP."""
    resources = PatientResources(house.gate, house.domain)
    return PatientPorts(
        find=resources.find,
        named=resources.named if resources.of_the_dmp else None,
        read=resources.read,
        identifiers_of=PatientSearch(house.gate, house.domain).identifiers_of,
        patient_of=resources.patient_of,
        ids=PatientIds(hmac.new(key, b"Patient.id", hashlib.sha256).digest()[:16]),
    )


def _node(house: House, environ: Environ, call: Call) -> Requester:
    """A node of an IHE domain, where nodes may ask without a user. Raises UnauthorizedError."""
    profile = house.domain.assertion
    if profile.required:
        raise UnauthorizedError("XUA: expected a user, got a node")
    node = NodeAuthenticator(house.trust, profile, DatabaseReplayGuard(house.database))
    try:
        return node.node(peer(environ), call, now())
    except (AuthenticationError, PeerError) as error:
        raise UnauthorizedError(str(error)) from None


def card_holder(house: House, environ: Environ) -> Requester:
    """The holder of a card, in the one situation that the directory has of him. Raises UnauthorizedError."""
    trust: TrustStore | None = house.trust
    try:
        der = peer(environ).certificate
        if der is None or trust is None:
            raise UnauthorizedError("TLS: expected a client certificate, got none")
        certificate = trust.trusted(load_der_certificate(der), instant=now())
    except (CertificateError, PeerError) as error:
        raise UnauthorizedError(f"TLS client certificate: {error}") from None
    found = certificate.identity
    if not found.is_tls_client or found.kind is not Kind.PERSON:
        raise UnauthorizedError("TLS client certificate: expected that of a person, for authentication, got another")
    with house.rooms() as rooms:
        specialties = found.specialties
        situations = annuaire.situations(rooms.identities, found.id_nat, found.profession, specialties)
    if len(situations) != 1:
        raise UnauthorizedError(f"directory: expected one situation of the holder, got {len(situations)}")
    return situations[0].held_by(found.id_nat, found.family, found.given, found.subject)
