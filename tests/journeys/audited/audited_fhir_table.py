"""What auditors and feeding nodes leave in the audit log, by the FHIR door.

Source: ITI TF-2 3.81.5 (Retrieve ATNA Audit Event); DICOM PS3.15 A.5.3.2 (Audit Log Used).
"""

from __future__ import annotations

from typing import Any

from audited_event import AUDIT_LOG_USED, SECURITY_ALERT, Person, Row, Thing, ihe
from audited_parts import ASKED, GIVEN_TO_CARD, NODE_AUTHENTICATION, patient, query, reported
from audited_people import NORMAL

RETRIEVE = ihe("ITI-81", "Retrieve ATNA Audit Event")
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


def read(*things: Thing, **more: Any) -> Row:
    """The log is the object, and what was asked of it."""
    said = {"rule": ("droit_fonctionnel", "droits_fonctionnels/PATIENT", "ITI-81 × auditeur:normal"), **more}
    return Row(AUDIT_LOG_USED, "R", (RETRIEVE,), GIVEN_TO_CARD, things, AUDITOR, **said)


def nobody(transaction: str) -> Row:
    """A node that is not believed."""
    return Row(
        SECURITY_ALERT,
        "E",
        (NODE_AUTHENTICATION, (transaction, "IHE Transactions", transaction)),
        reported(ASKED),
        outcome=8,
        rule=("authentification", "", ""),
        told="TLS: expected a client certificate, got none",
    )


ROWS: dict[str, tuple[Row, ...]] = {
    "ITI-81": (read(ASKED_FOR),),
    "ITI-81 about a patient": (read(patient(), ASKED_FOR),),
    "ITI-81 of one event": (read(ASKED_FOR),),
    "ITI-81, wrong": (read(outcome=4, rule=("message", "", "")),),
    "ITI-81, nobody known": (nobody("ITI-81"),),
    "ITI-20, nobody known": (nobody("ITI-20"),),
}
