"""Binds the HL7 v2 door to the hall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from audit.event import Call
from dmp.attributs import Attributs
from dmp.patient_search import PatientSearch
from dmp.patients import Consumer, Notice, Patients, Said
from dmp.recueil import Collected
from dmp.recueil import collect as collect_wishes
from dmp.requests import Lot
from dmp.transmission import Transmissions
from hl7v2.door import Door, Receipt, Reporting, UnknownSenderError
from hl7v2.sender import Known
from identities.professional import Professional, Structure
from identities.requester import PatientId, Requester
from ihe.certificates import CertificateError, Kind, TrustStore, load_der_certificate
from ihe.iti46 import write_notification
from ihe.node import check_client
from registry.errors import Finding
from registry.metadata import SubmissionSet
from schemas.domain import Profile
from server.hl7_receipts import receipt_of, receiving, telling
from server.house import House, now
from server.report_printing import print_report
from server.settings import SettingsError
from server.wiring import alimentation_of


def hl7_door(house: House) -> Door:
    """The HL7 v2 door of this house. Raises SettingsError when there are no trust anchors to know senders by."""
    gate, domain, trust = house.gate, house.domain, house.trust
    if trust is None:
        raise SettingsError(["trust anchors: expected a CA file, got none"])
    alimentation = alimentation_of(house)
    consumers = tuple(Consumer(each.address, each.authorities) for each in house.settings.pix_consumers)

    def transmissions(receipt: Receipt) -> Transmissions:
        of_message = receiving(house, receipt)
        return Transmissions(
            replace(alimentation, gate=of_message), Attributs(of_message, domain, alimentation.is_code)
        )

    def notification(notice: Notice) -> bytes:
        return write_notification(notice, domain.repository_unique_id)

    def patients(receipt: Receipt) -> Patients:
        return Patients(receiving(house, receipt), domain, consumers, notification)

    def provide(receipt: Receipt, requester: Requester, call: Call, lot: Lot) -> tuple[Finding, ...]:
        return transmissions(receipt).provide(requester, call, lot)

    def substitute(
        receipt: Receipt,
        requester: Requester,
        call: Call,
        lot: Lot,
        patient: PatientId,
        former: Mapping[str, str],
        *,
        marks_change: bool,
    ) -> tuple[Finding, ...]:
        return transmissions(receipt).replace(requester, call, lot, patient, former, marks_change=marks_change)

    def delete(
        receipt: Receipt,
        requester: Requester,
        call: Call,
        own: SubmissionSet,
        patient: PatientId,
        unique_ids: Sequence[str],
    ) -> tuple[Finding, ...]:
        return transmissions(receipt).delete(requester, call, own, patient, unique_ids)

    def feed(receipt: Receipt, requester: Requester, call: Call, said: Said) -> tuple[Finding, ...]:
        return patients(receipt).feed(requester, call, said)

    def merge(
        receipt: Receipt, requester: Requester, call: Call, said: Said, subsumed: PatientId
    ) -> tuple[Finding, ...]:
        return patients(receipt).merge(requester, call, said, subsumed)

    def collect(receipt: Receipt, requester: Requester, call: Call, patient: PatientId, said: Collected) -> None:
        collect_wishes(receiving(house, receipt), requester, call, patient, said)

    search = PatientSearch(gate, domain)

    def structure(structure_id: str) -> Structure | None:
        with house.unit_of_work() as rooms:
            return rooms.identities.structure(structure_id)

    def tell(sender: str, message: bytes) -> None:
        with house.rooms() as rooms:
            telling(house.settings.hl7, rooms.notices, sender, message)

    standing = Transmissions(alimentation, Attributs(gate, domain, alimentation.is_code))
    reporting = Reporting(structure, standing.versions, print_report) if house.settings.reports_of_results else None
    of_structures = domain.assertion.profile is Profile.VIHF
    return Door(
        known=partial(_structure if of_structures else _node, trust),
        professional=partial(_professional, house),
        receipt=partial(receipt_of, house.database),
        provide=provide,
        replace=substitute,
        delete=delete,
        feed=feed,
        merge=merge,
        collect=collect,
        identifiers_of=search.identifiers_of,
        find=search.find,
        proceed=search.proceed,
        cancel=search.cancel,
        namespaces=domain.namespaces,
        stage=gate.stage,
        refused=gate.refused,
        failed=gate.failed,
        now=now,
        tell=tell,
        reporting=reporting,
    )


def _structure(trust: TrustStore, der: bytes) -> Known:
    """The structure that a certificate proves. Raises UnknownSenderError."""
    try:
        identity = trust.trusted(load_der_certificate(der), instant=now()).identity
    except CertificateError as error:
        raise UnknownSenderError(f"TLS client certificate: {error}") from None
    if identity.kind is not Kind.STRUCTURE or not identity.is_tls_client:
        raise UnknownSenderError("TLS client certificate: expected one of a structure, for TLS clients, got another")
    return Known(identity.structure_id, identity.subject)


def _node(trust: TrustStore, der: bytes) -> Known:
    """The node that a certificate proves, whatever it says of it. Raises UnknownSenderError. Source: ITI TF-2 3.19."""
    try:
        certificate = load_der_certificate(der)
        trust.chained(certificate, instant=now())
        check_client(certificate)
    except CertificateError as error:
        raise UnknownSenderError(f"TLS client certificate: {error}") from None
    return Known("", certificate.subject.rfc4514_string() or f"serial {certificate.serial_number:x}")


def _professional(house: House, id_nat: str) -> Professional | None:
    """Whom the directory knows under that PS_IdNat: it attests what the message says, and tells nobody."""
    with house.unit_of_work() as rooms:
        return rooms.identities.professional(id_nat)
