"""Binds the doors to the hall."""

from __future__ import annotations

from collections.abc import Sequence

from audit.event import Call
from dmp import suppression
from dmp.alimentation import Alimentation
from dmp.consultation import open_documents, search
from dmp.mise_a_jour import MiseAJour
from dmp.requests import DocumentRequest, Lot, Opened
from identities.requester import Requester
from ihe.door import Authenticate, Door
from ihe.mime import Limits
from ihe.node import NodeAuthenticator
from ihe.soap import Header
from ihe.submission_signature import signature_findings
from ihe.vihf import VihfAuthenticator
from registry.errors import Finding
from registry.metadata import Code, RegistryObject
from registry.stored_query import StoredQuery
from schemas.domain import Profile
from schemas.value_sets import ValueSets
from server.house import House, now
from server.peer import peer_certificate
from server.replay import DatabaseReplayGuard
from server.settings import SettingsError


def ihe_door(house: House) -> Door:
    """The IHE door of this house. Raises SettingsError when there are no trust anchors to authenticate by."""
    gate, domain, trust = house.gate, house.domain, house.trust
    value_sets = ValueSets.load()

    def is_code(attribute: str, code: Code) -> bool:
        return value_sets.is_code(domain, attribute, code)

    def verify_signature(requester: Requester, lot: Lot) -> tuple[Finding, ...]:
        if trust is None:
            return ()
        return signature_findings(lot, requester, policy=domain.submission_signature, trust=trust, now=now())

    alimentation = Alimentation(gate, domain, is_code, verify_signature)
    mise_a_jour = MiseAJour(gate, domain, is_code)

    def find(
        requester: Requester, call: Call, query: StoredQuery, query_id: str, raw: bytes
    ) -> tuple[RegistryObject, ...]:
        return search(gate, requester, call, query, query_id, raw)

    def open_(requester: Requester, call: Call, wanted: Sequence[DocumentRequest]) -> Sequence[Opened | Finding]:
        return open_documents(gate, requester, call, wanted, domain.repository_unique_id)

    def remove_metadata(requester: Requester, call: Call, uuids: Sequence[str]) -> tuple[Finding, ...]:
        return suppression.remove_metadata(gate, requester, call, uuids)

    def remove_documents(requester: Requester, call: Call, wanted: Sequence[DocumentRequest]) -> tuple[Finding, ...]:
        return suppression.remove_documents(gate, requester, call, wanted, domain.repository_unique_id)

    return Door(
        authenticate=_authenticator(house),
        provide=alimentation.provide,
        register=alimentation.register,
        register_on_demand=alimentation.register_on_demand,
        update=mise_a_jour.update,
        restricted_update=mise_a_jour.restricted_update,
        search=find,
        open=open_,
        remove_metadata=remove_metadata,
        remove_documents=remove_documents,
        stage=gate.stage,
        refused=gate.refused,
        peer_certificate=peer_certificate,
        limits=Limits(document_bytes=domain.max_document_bytes, total_bytes=house.settings.max_body_bytes),
    )


def _authenticator(house: House) -> Authenticate:
    """Who asks, as the domain has it proved. Raises SettingsError when there are no trust anchors and one is needed."""
    profile, trust = house.domain.assertion, house.trust
    if profile.profile is Profile.XUA:
        node = NodeAuthenticator(trust, profile)

        def by_node(header: Header, certificate: bytes | None, call: Call) -> Requester:
            return node.authenticate(header, certificate, call, now())

        return by_node
    if trust is None:
        raise SettingsError(["trust anchors: expected a CA file, got none"])
    vihf = VihfAuthenticator(trust, profile, DatabaseReplayGuard(house.database))

    def by_vihf(header: Header, certificate: bytes | None, _call: Call) -> Requester:
        return vihf.authenticate(header.root, certificate, now())

    return by_vihf
