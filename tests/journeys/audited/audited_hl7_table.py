"""What messages of HL7 v2 leave in the audit log of a DMP, by hand from the standards.

Source: DICOM PS3.15 A.5.3.8 (Patient Record); ITI TF-2 3.8.5.1 (MSH-10); IHE France, PAM national extension 2.11.2.
"""

from __future__ import annotations

from typing import Any

from audited_event import Person, Row, Thing, dmp
from audited_parts import ASKED_WITH_CARD, PATIENT_RECORD, patient, user
from audited_people import NORMAL

from schemas import oids
from server.demo.people import HOPITAL

COLLECTED = dmp("VD/recueil", "Volontés recueillies par un établissement")
SOFTWARE = Person(
    user=f"{HOPITAL}/GAM",
    name=f"<{HOPITAL}/GAM@{{certificate}}>",
    display="GAM",
    roles=(("AUTOMATE", oids.ROLE_NON_PS, "AUTOMATE"),),
    claims=(
        ("Authentification_mode", "INDIRECTE"),
        ("Mode_Acces", "normal"),
        ("Identifiant_Structure", HOPITAL),
        ("LPS", "GAM"),
    ),
    purpose=NORMAL,
    assertion=f"{HOPITAL}/GAM",
)
ROW = "VD/recueil × ES_indirect:normal"
GRANTED = ("droit_fonctionnel", "droits_fonctionnels/GESTION", ROW)


def collected(*things: Thing, **more: Any) -> Row:
    said = {"who": SOFTWARE, "rule": GRANTED, **more}
    return Row(PATIENT_RECORD, "U", (COLLECTED,), ASKED_WITH_CARD, things, wire=True, **said)


ABOUT = patient(message="{message}", kind="MSH-10")
ROWS: dict[str, tuple[Row, ...]] = {
    "VD/recueil": (collected(ABOUT, user(HOPITAL)),),
    "VD/recueil, opposed": (collected(ABOUT),),
    "VD/recueil, blocked": (
        collected(ABOUT, user(HOPITAL), outcome=4, rule=("demande", "", ""), told="DMPAccessDeniedByRightsService"),
    ),
    "VD/recueil, no DMP": (collected(ABOUT, outcome=4, rule=("dossier_inconnu", "regles_du_patient", ROW)),),
    "VD/recueil, not understood": (
        collected(outcome=4, rule=("message", "", ""), told="103: expected IO, INO or NA, got another"),
    ),
}
