"""Binds the doors to the hall."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from audit.event import Call
from dmp import suppression
from dmp.acces import candidates, existence
from dmp.administration import Administration
from dmp.alimentation import Alimentation
from dmp.attributs import Attributs
from dmp.autorisations import declare, holders
from dmp.compte import create_access, renew_access, update_channel
from dmp.consultation import open_documents, search
from dmp.dossiers_autorises import authorised_dossiers
from dmp.mise_a_jour import MiseAJour
from dmp.patient_search import PatientSearch
from dmp.patients import Consumer, Notice, Patients
from dmp.requests import DocumentRequest, Lot, Opened
from identities.requester import Requester
from ihe.door import AccountPorts, Authenticate, Door, DossierPorts, HabilitationPorts, PatientPorts, Peer
from ihe.endpoint import DMP_ACTORS, IHE_ACTORS
from ihe.iti46 import write_notification
from ihe.mime import Limits
from ihe.node import NodeAuthenticator
from ihe.soap import Header
from ihe.submission_signature import signature_findings
from ihe.vihf import VihfAuthenticator
from registry.errors import Finding
from registry.metadata import Code
from registry.stored_query import StoredQuery, Told
from schemas.domain import Profile
from schemas.value_sets import ValueSets
from server.house import House, now
from server.outbox import Outbox
from server.peer import peer
from server.replay import DatabaseReplayGuard
from server.settings import SettingsError


def alimentation_of(house: House) -> Alimentation:
    """TD2 in this house; who has no trust anchors verifies no signature of a submission."""
    domain, trust = house.domain, house.trust
    value_sets = ValueSets.load()

    def is_code(attribute: str, code: Code) -> bool:
        return value_sets.is_code(domain, attribute, code)

    def verify_signature(requester: Requester, lot: Lot) -> tuple[Finding, ...]:
        if trust is None:
            return ()
        return signature_findings(lot, requester, policy=domain.submission_signature, trust=trust, now=now())

    return Alimentation(house.gate, domain, is_code, verify_signature)


def ihe_door(house: House) -> Door:
    """The IHE door of this house. Raises SettingsError when there are no trust anchors to authenticate by."""
    gate, domain = house.gate, house.domain
    alimentation = alimentation_of(house)
    mise_a_jour = MiseAJour(gate, domain, alimentation.is_code)
    attributs = Attributs(gate, domain, alimentation.is_code)

    def find(requester: Requester, call: Call, query: StoredQuery, query_id: str, raw: bytes) -> tuple[Told, ...]:
        return search(gate, requester, call, query, query_id, raw)

    def open_(requester: Requester, call: Call, wanted: Sequence[DocumentRequest]) -> Sequence[Opened | Finding]:
        return open_documents(gate, requester, call, wanted, domain.repository_unique_id)

    def remove_metadata(requester: Requester, call: Call, uuids: Sequence[str]) -> tuple[Finding, ...]:
        return suppression.remove_metadata(gate, requester, call, uuids)

    def remove_documents(requester: Requester, call: Call, wanted: Sequence[DocumentRequest]) -> tuple[Finding, ...]:
        return suppression.remove_documents(gate, requester, call, wanted, domain.repository_unique_id)

    return Door(
        actors=IHE_ACTORS if domain.assertion.profile is Profile.XUA else DMP_ACTORS,
        authenticate=_authenticator(house),
        provide=alimentation.provide,
        register=alimentation.register,
        register_on_demand=alimentation.register_on_demand,
        update=attributs.update if domain.assertion.profile is Profile.VIHF else mise_a_jour.update,
        restricted_update=mise_a_jour.restricted_update,
        search=find,
        open=open_,
        remove_metadata=remove_metadata,
        remove_documents=remove_documents,
        patients=_patient_ports(house),
        dossiers=_dossier_ports(house),
        habilitations=HabilitationPorts(
            declare=partial(declare, gate),
            dossiers=partial(authorised_dossiers, gate),
            holders=partial(holders, gate),
        ),
        accounts=AccountPorts(
            create=partial(create_access, gate),
            update_channel=partial(update_channel, gate),
            renew=partial(renew_access, gate),
        ),
        stage=gate.stage,
        refused=gate.refused,
        failed=gate.failed,
        peer=peer,
        outbox=Outbox.of(house.settings, house.database),
        limits=Limits(document_bytes=domain.max_document_bytes, total_bytes=house.settings.max_body_bytes),
    )


def _patient_ports(house: House) -> PatientPorts:
    gate, domain = house.gate, house.domain
    consumers = tuple(Consumer(each.address, each.authorities) for each in house.settings.pix_consumers)

    def notification(notice: Notice) -> bytes:
        return write_notification(notice, domain.repository_unique_id)

    patients, searches = Patients(gate, domain, consumers, notification), PatientSearch(gate, domain)
    return PatientPorts(
        feed=patients.feed,
        merge=patients.merge,
        identifiers_of=searches.identifiers_of,
        find=searches.find,
        proceed=searches.proceed,
        cancel=searches.cancel,
        now=now,
    )


def _dossier_ports(house: House) -> DossierPorts:
    administration = Administration(house.gate, house.domain)
    return DossierPorts(
        existence=partial(existence, house.gate),
        candidates=partial(candidates, house.gate),
        consult=administration.consult,
        create=administration.create,
        reactivate=administration.reactivate,
        amend=administration.amend,
        close=administration.close,
    )


def _authenticator(house: House) -> Authenticate:
    """Who asks, as the domain has it proved. Raises SettingsError when there are no trust anchors and one is needed."""
    profile, trust = house.domain.assertion, house.trust
    if profile.profile is Profile.XUA:
        node = NodeAuthenticator(trust, profile, DatabaseReplayGuard(house.database))

        def by_node(header: Header, peer: Peer, call: Call) -> Requester:
            return node.authenticate(header, peer, call, now())

        return by_node
    if trust is None:
        raise SettingsError(["trust anchors: expected a CA file, got none"])
    vihf = VihfAuthenticator(trust, profile, DatabaseReplayGuard(house.database))

    def by_vihf(header: Header, peer: Peer, _call: Call) -> Requester:
        return vihf.authenticate(header.root, peer.certificate, now())

    return by_vihf
