"""Binds the portal to the hall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from urllib.parse import urlencode

from lxml import etree

from audit.event import Call
from dmp import acces, acces_web, annuaire, autorisations, synthese
from dmp.acces import Existence
from dmp.administration import Administration, AdministrativeData
from dmp.annuaire import Situation
from dmp.autorisations import Holder, Mode
from dmp.consultation import open_documents, search
from dmp.dossiers_autorises import AuthorisedDossier, DateType, Since, authorised_dossiers
from dmp.historique import Page, Wanted, read_history
from dmp.historique_export import as_paper
from dmp.patient_search import Question
from dmp.requests import DocumentRequest, Opened
from identities.requester import Authentication, PatientId, Requester
from ihe.certificates import CertificateError, Kind, TrustStore, load_der_certificate
from ihe.errors import AuthenticationError
from ihe.identifiers import SOAP_12, WSSE
from ihe.vihf import VihfAuthenticator
from portal.door import Client, Door, Environ
from portal.errors import NO_CARD, UnknownRequesterError
from registry.errors import Finding
from registry.stored_query import StoredQuery, Told
from registry.stored_query_coding import write_stored_query
from schemas import oids, xml
from server.house import House, now
from server.peer import PeerError, peer
from server.printing import print_history
from server.replay import DatabaseReplayGuard
from server.settings import SettingsError

NOT_BELIEVED = "Votre certificat n'est pas reconnu : il a expiré, a été révoqué, ou n'est pas d'authentification."
NO_AIR = "L'assertion VIHF n'est pas reconnue, ou n'est pas faite en authentification indirecte renforcée."


def portal_door(house: House) -> Door:
    """The portal's door of this house. Raises SettingsError when there are no trust anchors to know cards by."""
    gate, domain, trust = house.gate, house.domain, house.trust
    if trust is None:
        raise SettingsError(["trust anchors: expected a CA file, got none"])
    vihf = VihfAuthenticator(trust, domain.assertion, DatabaseReplayGuard(house.database))

    def client(environ: Environ) -> Client:
        return _client(trust, environ)

    def situations(holder: Client) -> tuple[Situation, ...]:
        with house.rooms() as rooms:
            return annuaire.situations(rooms.identities, holder.id_nat, holder.profession, holder.specialties)

    def air(environ: Environ, assertion: bytes, _call: Call) -> Requester:
        return _air(vihf, environ, assertion)

    def patient(ins: str, oid: str) -> PatientId | None:
        return _patient(house, ins, oid)

    def existence(requester: Requester, call: Call, about: PatientId) -> Existence:
        return acces.existence(gate, requester, call, about, _question(call, about))

    def dossiers(requester: Requester, call: Call, since: datetime | None) -> Sequence[AuthorisedDossier]:
        begun = Since(DateType.LASTAUTORIZATION, since) if since else None
        return authorised_dossiers(gate, requester, call, begun, "", since.isoformat().encode() if since else b"")

    def administrative(requester: Requester, call: Call, about: PatientId) -> AdministrativeData:
        return Administration(gate, domain).consult(requester, call, about, _question(call, about))

    def holders(requester: Requester, call: Call) -> Sequence[Holder]:
        return autorisations.holders(gate, requester, call, Mode.TOUTE, Mode.TOUTE.value.encode())

    return Door(
        client=client,
        situations=situations,
        air=air,
        patient=patient,
        enter=partial(acces_web.enter, gate),
        create=partial(acces_web.create, gate),
        existence=existence,
        dossiers=dossiers,
        declare=partial(autorisations.declare, gate),
        administrative=administrative,
        holders=holders,
        history=partial(read_history, gate),
        print_history=printed,
        search=searching(house),
        open=opening(house),
        synthesis=partial(synthese.synthesis, gate),
        refused=gate.refused,
        failed=gate.failed,
    )


def _question(call: Call, about: PatientId) -> Question:
    """What a page asks of a dossier, for the audit log."""
    return Question(call.endpoint, str(about).encode())


def searching(house: House) -> Callable[[Requester, Call, StoredQuery], tuple[Told, ...]]:
    """What a page lists documents by; the audit log keeps the query as ITI-18 writes it."""
    gate = house.gate

    def find(requester: Requester, call: Call, query: StoredQuery) -> tuple[Told, ...]:
        query_id, slots = write_stored_query(query)
        return search(gate, requester, call, query, query_id, urlencode(slots, doseq=True).encode())

    return find


def opening(house: House) -> Callable[[Requester, Call, str], Opened | Finding]:
    """What a page opens a document by."""
    gate, repository = house.gate, house.domain.repository_unique_id

    def open_(requester: Requester, call: Call, unique_id: str) -> Opened | Finding:
        return open_documents(gate, requester, call, [DocumentRequest(repository, unique_id)], repository)[0]

    return open_


def printed(page: Page, wanted: Wanted) -> bytes:
    """A history as PDF, made now. Raises PrintingError."""
    return print_history(as_paper(page, wanted, now()))


def _client(trust: TrustStore, environ: Environ) -> Client:
    """Whom the client certificate of the connection names. Raises UnknownRequesterError."""
    try:
        der = peer(environ).certificate
        if der is None:
            raise UnknownRequesterError("TLS: expected a client certificate, got none", NO_CARD)
        found = trust.trusted(load_der_certificate(der), instant=now()).identity
    except (CertificateError, PeerError) as error:
        raise UnknownRequesterError(f"TLS client certificate: {error}", NOT_BELIEVED) from None
    if not found.is_tls_client:
        expected = "expected an authentication certificate, got another"
        raise UnknownRequesterError(f"TLS client certificate: {expected}", NOT_BELIEVED)
    id_nat = found.id_nat if found.kind is Kind.PERSON else ""
    return Client(id_nat, found.family, found.given, found.profession, found.specialties, found.subject)


def _air(vihf: VihfAuthenticator, environ: Environ, assertion: bytes) -> Requester:
    """Whom an assertion names: it is put into the envelope that its verification starts from.

    In direct mode the card itself asks. Raises UnknownRequesterError.
    """
    envelope = etree.Element(f"{{{SOAP_12}}}Envelope")
    security = etree.SubElement(etree.SubElement(envelope, f"{{{SOAP_12}}}Header"), f"{{{WSSE}}}Security")
    try:
        security.append(xml.parse(assertion))
        requester = vihf.authenticate(envelope, peer(environ).certificate, now())
    except xml.XmlError as error:
        raise UnknownRequesterError(f"VIHF: {error}", NO_AIR) from None
    except AuthenticationError as error:
        raise UnknownRequesterError(f"{error.subcode}: {error.reason}", NO_AIR) from None
    if requester.authentication is Authentication.DIRECTE:
        raise UnknownRequesterError("VIHF: expected INDIRECTE_RENFORCEE, got DIRECTE", NO_AIR)
    return requester


def _patient(house: House, ins: str, oid: str) -> PatientId | None:
    """The identifier of an INS: under `oid`, else that of a DMP there is, else of the test NIRs' authority."""
    authorities = house.domain.patient_authorities
    if oid:
        return PatientId(ins, oid) if oid in authorities else None
    with house.rooms() as rooms:
        possible = (PatientId(ins, authority) for authority in sorted(authorities))
        return next((each for each in possible if rooms.identities.dossier(each)), PatientId(ins, oids.INS_NIR_TEST))
