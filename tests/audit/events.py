"""Events as the hall makes them, with synthetic people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from audit.event import AuditObject, Call, Event, ObjectKind, Outcome
from audit.message import AuditSource
from identities.requester import Authentication, ModeAcces, PatientId, Requester
from schemas import oids

INSTANT = datetime(2026, 11, 22, 16, 53, 12, 345_678, UTC)
PATIENT = PatientId("279035121518989", oids.INS_NIR_TEST)
SOURCE = AuditSource(source_id="dmp-1", host="dmp.example", enterprise_site_id="1.2.3.4", process_id="4711")

DOCTOR = Requester(
    id_nat="899900063480",
    name="EXEMPLE Zoé",
    profession="10",
    profession_system=oids.PROFESSION,
    specialty="SM26",
    structure_id="10B0000001",
    sector="SA07",
    authentication=Authentication.DIRECTE,
    assertion_id="_assertion-1",
    lps="LPS 1.0",
    certificate_subject="CN=899900063480,OU=Médecin,O=TEST,C=FR",
)

URGENTIST = Requester(
    id_nat="899900063481",
    name="URGENCE Ali",
    profession="10",
    profession_system=oids.PROFESSION,
    specialty="SM36",
    structure_id="10B0000002",
    sector="SA01",
    authentication=Authentication.INDIRECTE_RENFORCEE,
    mode_acces=ModeAcces.BRIS_DE_GLACE,
    motif="patient inconscient",
)

LETTER = AuditObject(ObjectKind.DOCUMENT, "1.2.250.1.213.1.1.9^LETTER-1", "1.2.250.1.213.4.1.1.1.2")
LOT = AuditObject(ObjectKind.SUBMISSION_SET, "1.2.250.1.213.1.1.9.77")
FIND_DOCUMENTS = AuditObject(
    ObjectKind.QUERY,
    "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d",
    content=b"<AdhocQueryRequest>\xc3\xa9</AdhocQueryRequest>",
)


def call(transaction: str) -> Call:
    return Call(
        transaction=transaction,
        request_id="request-1",
        endpoint="https://dmp.example/ihe/repository",
        message_id="urn:uuid:0fbfdced-6c01-4d09-a110-2201afedaa02",
        client_address="192.0.2.7",
        client_certificate="CN=899900063480,O=TEST,C=FR",
    )


SUBMISSION = Event(
    id="event-iti41",
    instant=INSTANT,
    call=call("ITI-41"),
    outcome=Outcome.SUCCESS,
    action="TD2.1",
    requester=DOCTOR,
    patient=PATIENT,
    dossier="dossier-1",
    objects=(LOT, LETTER),
)

SEARCH = Event(
    id="event-iti18",
    instant=INSTANT + timedelta(minutes=1),
    call=call("ITI-18"),
    outcome=Outcome.SUCCESS,
    action="TD3.1",
    requester=DOCTOR,
    patient=PATIENT,
    dossier="dossier-1",
    objects=(FIND_DOCUMENTS,),
)

OPENING = Event(
    id="event-iti43",
    instant=INSTANT + timedelta(minutes=2),
    call=call("ITI-43"),
    outcome=Outcome.SUCCESS,
    action="TD3.2",
    requester=URGENTIST,
    patient=PATIENT,
    dossier="dossier-1",
    objects=(LETTER,),
)

REFUSAL = Event(
    id="event-refusal",
    instant=INSTANT + timedelta(minutes=3),
    call=call("ITI-43"),
    outcome=Outcome.MINOR_FAILURE,
    action="TD3.2",
    requester=DOCTOR,
    patient=PATIENT,
    dossier="dossier-2",
    objects=(LETTER,),
    rule="matrice",
    table="matrice_habilitation",
    table_version="2023-10-26",
    row="podologue × 34112-3",
    explanation="La profession de podologue ne donne pas accès à ce type de document.",
)

ALERT = Event(
    id="event-alert",
    instant=INSTANT + timedelta(minutes=2),
    call=Call(transaction="alerte", request_id="request-1", endpoint=PATIENT.value),
    outcome=Outcome.SUCCESS,
    action="alerte/document",
    requester=Requester(
        id_nat=PATIENT.value,
        name="EXEMPLE Anne",
        profession="",
        profession_system="",
        specialty="",
        structure_id="",
        sector="",
        authentication=Authentication.PATIENT,
        patient=PATIENT,
    ),
    patient=PATIENT,
    dossier="dossier-1",
    objects=(LETTER,),
)

INTRUSION = Event(
    id="event-intrusion",
    instant=INSTANT + timedelta(minutes=4),
    call=call("ITI-41"),
    outcome=Outcome.SERIOUS_FAILURE,
    rule="authentification",
    explanation="assertion signed by an unknown authority",
)

UNKNOWN_ACTION = Event(
    id="event-unknown",
    instant=INSTANT + timedelta(minutes=5),
    call=call("urn:example:DoSomething"),
    outcome=Outcome.MINOR_FAILURE,
    requester=DOCTOR,
    rule="message",
    explanation="unknown action",
)


def operator_act(act: str) -> Event:
    return Event(
        id=f"event-operator-{act}",
        instant=INSTANT,
        call=Call(transaction="operator", request_id="request-2"),
        outcome=Outcome.SUCCESS,
        action=act,
        patient=PATIENT,
        rule="exploitant",
        operator="alice",
    )


def application(transaction: str) -> Event:
    return Event(
        id=f"event-{transaction}",
        instant=INSTANT,
        call=Call(transaction=transaction, request_id=""),
        outcome=Outcome.SUCCESS,
        operator="dmp",
    )
