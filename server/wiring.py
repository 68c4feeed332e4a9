"""Binds the doors to the hall."""

from __future__ import annotations

from collections.abc import Sequence

from audit.event import Call
from dmp.alimentation import Alimentation
from dmp.consultation import open_documents, search
from dmp.requests import DocumentRequest, Lot, Opened
from identities.requester import Requester
from ihe.door import Door
from ihe.mime import Limits
from ihe.soap import Header
from ihe.submission_signature import signature_findings
from ihe.vihf import VihfAuthenticator
from registry.errors import Finding
from registry.metadata import Code, RegistryObject
from registry.stored_query import StoredQuery
from schemas.value_sets import ValueSets
from server.house import House, now
from server.peer import peer_certificate
from server.replay import DatabaseReplayGuard
from server.settings import SettingsError

VIHF = "vihf"  # the one assertion profile there is: CI-SIS, volet Transport synchrone


def ihe_door(house: House) -> Door:
    """The IHE door of this house. Raises SettingsError when there are no trust anchors to authenticate by."""
    gate, domain, trust = house.gate, house.domain, house.trust
    if trust is None:
        raise SettingsError(["trust anchors: expected a CA file, got none"])
    if domain.assertion.profile != VIHF:
        raise SettingsError([f"assertion profile: expected {VIHF}, got {domain.assertion.profile}"])
    value_sets = ValueSets.load()
    vihf = VihfAuthenticator(trust, domain.assertion, DatabaseReplayGuard(house.database))

    def is_code(attribute: str, code: Code) -> bool:
        return value_sets.is_code(domain, attribute, code)

    def verify_signature(requester: Requester, lot: Lot) -> tuple[Finding, ...]:
        return signature_findings(lot, requester, policy=domain.submission_signature, trust=trust, now=now())

    alimentation = Alimentation(gate, domain, is_code, verify_signature)

    def authenticate(header: Header, certificate: bytes | None, _call: Call) -> Requester:
        return vihf.authenticate(header.root, certificate, now())

    def find(
        requester: Requester, call: Call, query: StoredQuery, query_id: str, raw: bytes
    ) -> tuple[RegistryObject, ...]:
        return search(gate, requester, call, query, query_id, raw)

    def open_(requester: Requester, call: Call, wanted: Sequence[DocumentRequest]) -> Sequence[Opened | Finding]:
        return open_documents(gate, requester, call, wanted, domain.repository_unique_id)

    return Door(
        authenticate=authenticate,
        provide=alimentation.provide,
        search=find,
        open=open_,
        stage=gate.stage,
        refused=gate.refused,
        peer_certificate=peer_certificate,
        limits=Limits(document_bytes=domain.max_document_bytes, total_bytes=house.settings.max_body_bytes),
    )
