"""What auditors, feeding nodes and clients of tokens leave in the audit log, by the FHIR door and beside it.

Source: ITI TF-2 3.81.5 (Retrieve ATNA Audit Event) and 3.71.5.1 (Get Access Token); DICOM PS3.15 A.5.3.2 (Audit Log
Used) and A.5.3.12 (User Authentication).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from audited_event import (
    AUDIT_LOG_USED,
    PROCESS,
    SECURITY_ALERT,
    USER_AUTHENTICATION,
    Code,
    Party,
    Person,
    Row,
    Thing,
    dcm,
    dmp,
    ihe,
)
from audited_parts import (
    ASKED,
    ASKED_WITH_CARD,
    DESTINATION,
    GIVEN,
    GIVEN_TO_CARD,
    LOOPBACK,
    NODE_AUTHENTICATION,
    QUERY,
    THIS_MACHINE,
    patient,
    query,
    reported,
)
from audited_people import NORMAL, by_card

from schemas import oids
from server.demo.people import inhabitant

RETRIEVE, SYSLOG = ihe("ITI-81", "Retrieve ATNA Audit Event"), ihe("ITI-82", "Retrieve Syslog Event")
DEMOGRAPHICS = ihe("ITI-78", "Mobile Patient Demographics Query")
AUDITOR = Person(
    user="{certificate}",
    name="{certificate}",
    display="{certificate}",
    roles=(),
    claims=(("Authentification_mode", "AUDITEUR"), ("Mode_Acces", "normal")),
    purpose=NORMAL,
    assertion="{certificate}",
)
ASKED_FOR = query(RETRIEVE, "{endpoint}", "{url}")
OWN_RIGHT = ("droit_fonctionnel", "droits_fonctionnels/PATIENT", "ITI-81 × auditeur:normal")

GET_TOKEN, INTROSPECT = ihe("ITI-71", "User Authorization"), ihe("ITI-102", "Introspect Token")
APPLICATION = (
    Party("{certificate}", True, (dcm("110150", "Application"),), access=LOOPBACK),
    Party("{endpoint}", False, (DESTINATION,), PROCESS, access=THIS_MACHINE),
)
REQUEST = "grant_type=client_credentials&scope=ITI-67"
ASSERTED = f"{REQUEST}&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"


def by_token(user: str, display: str, roles: tuple[Code, ...], *claims: tuple[str, str]) -> Person:
    """Whom a token of this server names, asked for by the hospital."""
    said = (("Mode_Acces", "normal"), *claims, ("Client_OAuth", HOSPITAL))
    return Person(user, f"<{user}@{{issuer}}>", display, roles, said, NORMAL, "{token}")


HOSPITAL = inhabitant("hopital").structure_id
DOCTOR = inhabitant("medecin-hospitalier")
MACHINE = by_token(
    f"{HOSPITAL}/automate",
    HOSPITAL,
    (("AUTOMATE", oids.ROLE_NON_PS, "AUTOMATE"),),
    ("Authentification_mode", "INDIRECTE"),
    ("Identifiant_Structure", HOSPITAL),
)
BY_TOKEN = by_token(f"{HOSPITAL}/automate", f"{HOSPITAL}/automate", (), ("Authentification_mode", "AUDITEUR"))
USER = by_token(
    DOCTOR.id_nat,
    f"{DOCTOR.family} {DOCTOR.given}",
    tuple(
        (code, system, code)
        for code, system in ((DOCTOR.profession, oids.PROFESSION), (DOCTOR.specialty, oids.SPECIALITE_MEDECIN))
    ),
    ("Authentification_mode", "INDIRECTE"),
    ("Identifiant_Structure", HOSPITAL),
    ("Secteur_Activite", DOCTOR.sector),
)


PRACTITIONER = inhabitant("medecin")
CARD_HOLDER = Person(
    PRACTITIONER.id_nat,
    f"<{PRACTITIONER.id_nat}@{{issuer}}>",
    f"{PRACTITIONER.family} {PRACTITIONER.given}",
    tuple(
        (code, system, code)
        for code, system in (
            (PRACTITIONER.profession, oids.PROFESSION),
            (PRACTITIONER.specialty, oids.SPECIALITE_MEDECIN),
        )
    ),
    (
        ("Authentification_mode", "DIRECTE"),
        ("Mode_Acces", "normal"),
        ("Identifiant_Structure", PRACTITIONER.structure_id),
        ("Client_OAuth", "an-app"),
    ),
    NORMAL,
    "{token}",
)


def _in_air(claim: tuple[str, str]) -> tuple[str, str]:
    return (claim[0], "INDIRECTE_RENFORCEE") if claim[0] == "Authentification_mode" else claim


def read(*things: Thing, **more: Any) -> Row:
    """The log is the object, and what was asked of it."""
    said = {"rule": OWN_RIGHT, **more}
    return Row(AUDIT_LOG_USED, "R", (RETRIEVE,), GIVEN_TO_CARD, things, AUDITOR, **said)


def nobody(
    transaction: str, told: str = "TLS: expected a client certificate, got none", parties: tuple[Party, ...] = ASKED
) -> Row:
    """A node that is not believed."""
    return Row(
        SECURITY_ALERT,
        "E",
        (NODE_AUTHENTICATION, (transaction, "IHE Transactions", transaction)),
        reported(parties),
        outcome=8,
        rule=("authentification", "", ""),
        told=told,
    )


def authorised(kind: Code, *things: Thing, who: Person, **more: Any) -> Row:
    """An application that asks for a token, or what one is worth."""
    return Row(USER_AUTHENTICATION, "E", (kind,), APPLICATION, things, who, **{"told": "", **more})


ROWS: dict[str, tuple[Row, ...]] = {
    "ITI-81": (read(ASKED_FOR),),
    "ITI-81 about a patient": (read(patient(), ASKED_FOR),),
    "ITI-81 of one event": (read(ASKED_FOR),),
    "ITI-81, wrong": (read(outcome=4, rule=("message", "", "")),),
    "ITI-81, nobody known": (nobody("ITI-81", "expected a client certificate or an access token, got neither"),),
    "ITI-81 by a token": (Row(AUDIT_LOG_USED, "R", (RETRIEVE,), GIVEN, (ASKED_FOR,), BY_TOKEN, rule=OWN_RIGHT),),
    "ITI-81, another token": (nobody("ITI-81", "token scope: expected ITI-81, got another"),),
    "ITI-82": (
        replace(
            read(query(SYSLOG, "{endpoint}", "{url}"), rule=(*OWN_RIGHT[:2], "ITI-82 × auditeur:normal")),
            types=(SYSLOG,),
        ),
    ),
    "ITI-82, wrong": (replace(read(outcome=4, rule=("message", "", "")), types=(SYSLOG,)),),
    "ITI-82, nobody known": (nobody("ITI-82", "expected a client certificate or an access token, got neither"),),
    "ITI-71 of a machine": (authorised(GET_TOKEN, query(GET_TOKEN, "{token}", REQUEST), who=MACHINE),),
    "ITI-71 for a user": (authorised(GET_TOKEN, query(GET_TOKEN, "{token}", ASSERTED), who=USER),),
    "ITI-71 in a browser": (authorised(GET_TOKEN, query(GET_TOKEN, "{code}", "{asked}"), who=by_card("medecin")),),
    "ITI-71 by a code": (
        replace(
            authorised(GET_TOKEN, query(GET_TOKEN, "{token}", "{asked}"), who=CARD_HOLDER),
            parties=(replace(APPLICATION[0], user="127.0.0.1"), APPLICATION[1]),
        ),
    ),
    "ITI-71, not of the directory": (
        authorised(
            GET_TOKEN,
            query(GET_TOKEN, "{token}", ASSERTED),
            who=replace(USER, claims=tuple(map(_in_air, USER.claims))),
            outcome=4,
            rule=("annuaire", "", ""),
        ),
    ),
    "ITI-71, nobody known": (nobody("ITI-71", "expected a client_assertion or a client certificate, got neither"),),
    "ITI-71, wrong": (nobody("ITI-71", "expected grant_type client_credentials, got another", ASKED_WITH_CARD),),
    "ITI-102": (authorised(INTROSPECT, query(INTROSPECT, "{token}", ""), who=MACHINE),),
    "ITI-102, of no token": (
        nobody("ITI-102", "token: expected a signed JWT of at most 16384 bytes, got something else", ASKED_WITH_CARD),
    ),
    "ITI-78, TD0.2 by a card": (
        Row(
            QUERY,
            "E",
            (DEMOGRAPHICS, dmp("TD0.2")),
            ASKED_WITH_CARD,
            (patient(), query(DEMOGRAPHICS, "{endpoint}", "{url}")),
            by_card("medecin"),
            rule=("droit_fonctionnel", "droits_fonctionnels/CPS_CPE_ES", "TD0.2 × medecin_non_MT:normal"),
        ),
    ),
    "ITI-78, TD0.5 by a card": (
        Row(
            QUERY,
            "E",
            (DEMOGRAPHICS, dmp("TD0.5")),
            ASKED_WITH_CARD,
            (query(DEMOGRAPHICS, "{endpoint}", "{url}"),),
            by_card("medecin"),
            outcome=4,
            rule=("droit_fonctionnel", "droits_fonctionnels/CPS_CPE_ES", "TD0.5 × medecin_non_MT:normal"),
        ),
    ),
    "ITI-20, nobody known": (nobody("ITI-20"),),
}
