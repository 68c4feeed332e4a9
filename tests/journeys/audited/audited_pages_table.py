"""What the web access of professionals leaves in the audit log: each page, and each part of it that the hall gives.

A card is shown with each request, which is authenticated, decided and recorded by itself: there is no session, and so
no event of User Authentication (DICOM PS3.15 A.5.3.12) but the refusal of whoever is not believed.

Source: DICOM PS3.15 A.5.3.2, A.5.3.5, A.5.3.8, A.5.3.10, A.5.3.11; GIE SESAM-Vitale, PDT-INF-527 v1.7.
"""

from __future__ import annotations

from typing import Any

from audited_dmp_table import (
    ALERT,
    AUTHORISATION,
    DATA,
    EXISTENCE,
    HOLDERS,
    OPENED_TO,
    Rule,
    granted,
    types,
    wrong,
)
from audited_event import AUDIT_LOG_USED, SECURITY_ALERT, Code, Row, Thing, dmp
from audited_parts import (
    ASKED,
    ASKED_WITH_CARD,
    EXPORT,
    GIVEN_TO_CARD,
    NODE_AUTHENTICATION,
    PATIENT_RECORD,
    QUERY,
    TOLD_IN_PERSON,
    document,
    patient,
    query,
    reported,
    user,
)
from audited_people import PATIENT, by_card, in_air

PAGE, PAGE_OF_AIR = dmp("TD0.9", "Accès web en contexte"), dmp("TD0.10", "Accès web en contexte, AIR")
SEARCH, OPENING, HISTORY = (
    dmp("TD3.1", "Recherche de documents"),
    dmp("TD3.2", "Consultation d'un document"),
    dmp("HA", "Historique des accès"),
)
TREATING_CARD, DOCTOR_CARD = by_card("medecin-traitant"), by_card("medecin")
AIR_DOCTOR = in_air("medecin-clinique", "clinique")
AIR = "droits_fonctionnels/AIR"


def asked(kind: Code, action: str, *things: Thing, **more: Any) -> Row:
    said = {"who": TREATING_CARD, "rule": granted(action), **more}
    return Row(QUERY, "E", types(kind, action), ASKED_WITH_CARD, things, **said)


def given(event: Code, kind: Code, action: str, *things: Thing, **more: Any) -> Row:
    said = {"who": TREATING_CARD, "rule": granted(action), **more}
    return Row(event, "R", types(kind, action), GIVEN_TO_CARD, things, **said)


def page(*things: Thing, **more: Any) -> Row:
    """The page itself, asked for by its address."""
    said = {"rule": granted("TD0.9"), **more}
    return asked(PAGE, "TD0.9", *things, query(PAGE, "{endpoint}", ""), **said)


OF_PATIENT = page(patient())
FOUND = asked(SEARCH, "TD3.1", patient(), query(SEARCH))
READ = given(AUDIT_LOG_USED, HISTORY, "HA", patient())
SHOWN = given(PATIENT_RECORD, DATA, "TD1.3a", patient(), query(DATA, "{endpoint}", "{patient}"))
LISTED = asked(HOLDERS, "TD1.6", patient(), query(HOLDERS, "{request}", "TOUTE"))


def of_nobody(action: str) -> Rule:
    """About no DMP nobody is médecin traitant."""
    return granted(action, "medecin_non_MT:normal")


ROWS: dict[str, tuple[Row, ...]] = {
    "TableauDeBord": (
        page(rule=of_nobody("TD0.9"), who=DOCTOR_CARD),
        asked(
            OPENED_TO,
            "TD0.4",
            query(OPENED_TO, "{request}", "{since}"),
            who=DOCTOR_CARD,
            rule=of_nobody("TD0.4"),
        ),
    ),
    "TableauDeBord of a patient": (
        OF_PATIENT,
        asked(EXISTENCE, "TD0.2", patient(), query(EXISTENCE, "{endpoint}", "{patient}")),
    ),
    "DossierPatient": (OF_PATIENT, FOUND, READ, SHOWN),
    "GestionDMPPatient": (OF_PATIENT, LISTED, SHOWN),
    "Documents": (OF_PATIENT, FOUND),
    "Documents, opened": (given(EXPORT, OPENING, "TD3.2", patient(), document()),),
    "Documents, none": (
        given(EXPORT, OPENING, "TD3.2", patient(), document("{absent}"), **wrong("XDSDocumentUniqueIdError")),
    ),
    "ParcoursDeSoins": (OF_PATIENT, FOUND),
    "HistoriqueAcces": (OF_PATIENT, READ),
    "VolontesEtDroits": (OF_PATIENT, FOUND, SHOWN),
    "CarnetVaccination": (OF_PATIENT, FOUND),
    "Parametrages": (page(rule=of_nobody("TD0.9")),),
    "CreationDMP": (page(patient(), **wrong("DMPAccessDeniedByRightsService")),),
    "Documents, not authorised": (
        page(patient(), who=DOCTOR_CARD, rule=of_nobody("TD0.9")),
        asked(
            SEARCH,
            "TD3.1",
            patient(),
            query(SEARCH),
            who=DOCTOR_CARD,
            outcome=4,
            rule=("autorisation_absente", "regles_du_patient", "TD3.1 × medecin_non_MT:normal"),
        ),
    ),
    "Autorisation": (
        Row(
            PATIENT_RECORD,
            "U",
            types(AUTHORISATION, "TD0.3/ajout"),
            ASKED_WITH_CARD,
            (patient(), user(DOCTOR_CARD.user)),
            DOCTOR_CARD,
            rule=granted("TD0.3/ajout", "medecin_non_MT:normal"),
        ),
    ),
    "Autorisation, the form of another site": (
        Row(
            PATIENT_RECORD,
            "U",
            (AUTHORISATION,),
            ASKED_WITH_CARD,
            (patient(),),
            DOCTOR_CARD,
            outcome=4,
            rule=("message", "", ""),
            told="form: expected the token of its page, got another or none",
        ),
    ),
    "Documents, bris de glace, and told": (
        page(patient(), who=DOCTOR_CARD, rule=granted("TD0.9", "medecin_non_MT:bris_de_glace"), mode="bris_de_glace"),
        asked(
            SEARCH,
            "TD3.1",
            patient(),
            query(SEARCH),
            who=DOCTOR_CARD,
            rule=granted("TD3.1", "medecin_non_MT:bris_de_glace"),
            mode="bris_de_glace",
        ),
        Row(PATIENT_RECORD, "R", (ALERT, dmp("alerte/urgence")), TOLD_IN_PERSON, (patient(),), PATIENT, human=False),
    ),
    "nobody's card": (
        Row(
            SECURITY_ALERT,
            "E",
            (NODE_AUTHENTICATION, dmp("TD0.9")),
            reported(ASKED),
            outcome=8,
            rule=("authentification", "", ""),
            told="TLS: expected a client certificate, got none",
        ),
    ),
    "an address that nobody can read": (
        Row(
            QUERY,
            "E",
            (PAGE,),
            ASKED_WITH_CARD,
            (),
            TREATING_CARD,
            outcome=4,
            rule=("message", "", ""),
            told="mode: expected one of normal, bris_de_glace, centre_15, got another",
        ),
    ),
    "TD0.10": (
        Row(
            QUERY,
            "E",
            (PAGE_OF_AIR, dmp("TD0.9")),
            ASKED_WITH_CARD,
            (patient(), query(PAGE_OF_AIR, "{endpoint}", "")),
            AIR_DOCTOR,
            rule=("droit_fonctionnel", AIR, "TD0.9 × medecin_non_MT:normal"),
        ),
        Row(
            QUERY,
            "E",
            (SEARCH,),
            ASKED_WITH_CARD,
            (patient(), query(SEARCH)),
            AIR_DOCTOR,
            rule=("droit_fonctionnel", AIR, "TD3.1 × medecin_non_MT:normal"),
        ),
    ),
}
