"""What practice software leaves in the audit log of a DMP, by hand from the standards.

What no profile of IHE says follows DICOM PS3.15 A.5.3.8 (Patient Record), A.5.3.10 (Query), A.5.3.11 (Security Alert).

Source: ITI TF-2 3.18.5.1.2, 3.41.5.1.2, 3.43.6.1.2; XDS Metadata Update 3.57.5.1; GIE SESAM-Vitale, PDT-INF-526 v1.8.
"""

from __future__ import annotations

from typing import Any

from audited_event import SECURITY_ALERT, Code, Row, Thing, dmp, ihe
from audited_parts import (
    ATTRIBUTES_CHANGED,
    EXPORT,
    IMPORT,
    NODE_AUTHENTICATION,
    PATIENT_RECORD,
    QUERY,
    RETRIEVED_BY_TLS,
    SUBMITTED_BY_TLS,
    TOLD_IN_PERSON,
    document,
    patient,
    query,
    reported,
    submission_set,
    user,
)
from audited_people import PATIENT, by_software

PROVIDE, UPDATE = ihe("ITI-41", "Provide and Register Document Set-b"), ihe("ITI-57", "Update Document Set")
STORED_QUERY, RETRIEVE = ihe("ITI-18", "Registry Stored Query"), ihe("ITI-43", "Retrieve Document Set")
EXISTENCE, CANDIDATES = (
    dmp("TD0.2", "Existence du DMP et statut d'autorisation"),
    dmp("TD0.5", "Recherche d'un patient sans INS"),
)
AUTHORISATION, OPENED_TO = dmp("TD0.3", "Mise à jour de l'autorisation"), dmp("TD0.4", "Liste des DMP autorisés")
CREATION, REACTIVATION = dmp("TD1.1", "Création d'un DMP"), dmp("TD1.2", "Réactivation d'un DMP")
DATA, AMENDED = dmp("TD1.3a", "Données administratives"), dmp("TD1.3b", "Données administratives modifiées")
CLOSING, HOLDERS = dmp("TD1.4", "Fermeture d'un DMP"), dmp("TD1.6", "Liste des PS autorisés ou bloqués")
ALERT = dmp("alerte", "Alerte")

TREATING, DOCTOR, NURSE = by_software("medecin-traitant"), by_software("medecin"), by_software("infirmier")
SECRETARY, PODIATRIST = by_software("secretaire"), by_software("podologue")
CPS, GESTION = "droits_fonctionnels/CPS_CPE_ES", "droits_fonctionnels/GESTION"
MANAGING = {"TD1.1", "TD1.2", "TD1.3b", "TD1.4", "TD1.5a", "TD1.5b", "TD1.5d", "HA"}
Rule = tuple[str, str, str]
WRONG = ("demande", "", "")


def granted(action: str, column: str = "medecin_traitant_DMP:normal") -> Rule:
    """The row of the sheet that lets it through: that of the DMP, or this house's own."""
    return ("droit_fonctionnel", GESTION if action in MANAGING else CPS, f"{action} × {column}")


def by_patient(rule: str, action: str, column: str = "medecin_non_MT:normal") -> dict[str, Any]:
    """Of a request to which the patient, or the state of the DMP, says no."""
    return {"outcome": 4, "rule": (rule, "regles_du_patient", f"{action} × {column}")}


def types(kind: Code, action: str) -> tuple[Code, ...]:
    return (kind,) if kind[0] == action else (kind, dmp(action))


def imported(kind: Code, action: str, *things: Thing, change: bool = False, **more: Any) -> Row:
    said = {"who": TREATING, "rule": granted(action), **more}
    return Row(IMPORT, "U" if change else "C", types(kind, action), SUBMITTED_BY_TLS, things, wire=True, **said)


def asked(kind: Code, action: str, *things: Thing, **more: Any) -> Row:
    said = {"who": TREATING, "rule": granted(action), **more}
    return Row(QUERY, "E", types(kind, action), SUBMITTED_BY_TLS, things, wire=True, **said)


def exported(*things: Thing, action: str = "TD3.2", **more: Any) -> Row:
    said = {"who": TREATING, "rule": granted(action), **more}
    return Row(EXPORT, "R", types(RETRIEVE, action), RETRIEVED_BY_TLS, things, wire=True, **said)


def record(kind: Code, code: str, action: str, *things: Thing, **more: Any) -> Row:
    said = {"who": TREATING, "rule": granted(action), **more}
    return Row(PATIENT_RECORD, code, types(kind, action), SUBMITTED_BY_TLS, things, wire=True, **said)


def secrets(action: str, *things: Thing, **more: Any) -> Row:
    said = {"who": TREATING, "rule": granted(action), **more}
    parties = reported(SUBMITTED_BY_TLS)
    return Row(SECURITY_ALERT, "E", (ATTRIBUTES_CHANGED, dmp(action)), parties, things, wire=True, **said)


def refused(rule: tuple[str, str, str]) -> dict[str, Any]:
    """Of a request to which the rights say no."""
    return {"outcome": 4, "rule": rule}


def wrong(told: str) -> dict[str, Any]:
    """Of a request that cannot be carried out."""
    return {"outcome": 4, "rule": WRONG, "told": told}


ROWS: dict[str, tuple[Row, ...]] = {
    "TD2.1": (imported(PROVIDE, "TD2.1", patient(), submission_set(), document()),),
    "TD2.2": (
        imported(
            PROVIDE,
            "TD2.2",
            patient(),
            submission_set(),
            document(),
            who=SECRETARY,
            rule=granted("TD2.2", "CPE_non_PS:normal"),
        ),
    ),
    "TD2.1, refused": (
        imported(
            PROVIDE,
            "TD2.1",
            patient(),
            submission_set(),
            **by_patient("opposition_alimentation", "TD2.1", "medecin_traitant_DMP:normal"),
        ),
    ),
    "TD2.1, wrong": (imported(PROVIDE, "TD2.1", patient(), submission_set(), **wrong("XDSRegistryMetadataError")),),
    "TD3.1": (asked(STORED_QUERY, "TD3.1", patient(), query(STORED_QUERY)),),
    "TD3.1 of a reference": (asked(STORED_QUERY, "TD3.1/reference", patient(), query(STORED_QUERY)),),
    "TD3.1, not authorised": (
        asked(
            STORED_QUERY,
            "TD3.1",
            patient(),
            query(STORED_QUERY),
            who=DOCTOR,
            **by_patient("autorisation_absente", "TD3.1"),
        ),
    ),
    "TD3.1, bris de glace, and told": (
        asked(
            STORED_QUERY,
            "TD3.1",
            patient(),
            query(STORED_QUERY),
            who=DOCTOR,
            mode="bris_de_glace",
            rule=granted("TD3.1", "medecin_non_MT:bris_de_glace"),
        ),
        Row(PATIENT_RECORD, "R", (ALERT, dmp("alerte/urgence")), TOLD_IN_PERSON, (patient(),), PATIENT, human=False),
    ),
    "TD3.1, centre 15": (
        asked(
            STORED_QUERY,
            "TD3.1",
            patient(),
            query(STORED_QUERY),
            who=DOCTOR,
            mode="centre_15",
            rule=granted("TD3.1", "medecin_non_MT:centre_15"),
        ),
    ),
    "TD3.2": (exported(patient(), document()),),
    "TD3.2 of a hidden document": (
        exported(
            patient(),
            document(),
            who=NURSE,
            **refused(("document_masque", CPS, "TD3.2/masque × PS_non_medecin:normal")),
        ),
    ),
    "TD3.2, none": (exported(patient(), document("{absent}"), **wrong("XDSDocumentUniqueIdError")),),
    "TD3.2, not authorised": (
        exported(patient(), document(), who=DOCTOR, **by_patient("autorisation_absente", "TD3.2")),
    ),
    "TD3.3a, masked": (imported(UPDATE, "TD3.3a/masquer", patient(), submission_set(), document(), change=True),),
    "TD3.3a, unmasked": (imported(UPDATE, "TD3.3a/demasquer", patient(), submission_set(), document(), change=True),),
    "TD3.3b": (imported(UPDATE, "TD3.3b", patient(), submission_set(), document(), change=True),),
    "TD3.3c": (imported(UPDATE, "TD3.3c", patient(), submission_set(), document(), change=True),),
    "TD3.3d, archived": (imported(UPDATE, "TD3.3d/archiver", patient(), submission_set(), document(), change=True),),
    "TD3.3d, unarchived": (
        imported(UPDATE, "TD3.3d/desarchiver", patient(), submission_set(), document(), change=True),
    ),
    "TD3.3, not authorised": (
        imported(
            UPDATE,
            "TD3.3d/archiver",
            patient(),
            submission_set(),
            change=True,
            who=DOCTOR,
            **by_patient("autorisation_absente", "TD3.3d/archiver"),
        ),
    ),
    "TD0.2": (asked(EXISTENCE, "TD0.2", patient(), query(EXISTENCE, message="{message}")),),
    "TD0.5": (
        asked(
            CANDIDATES,
            "TD0.5",
            query(CANDIDATES, message="{message}"),
            patient(),
            who=DOCTOR,
            mode="centre_15",
            rule=granted("TD0.5", "medecin_non_MT:centre_15"),
        ),
    ),
    "TD0.5, no right": (
        asked(
            CANDIDATES,
            "TD0.5",
            query(CANDIDATES, message="{message}"),
            **refused(granted("TD0.5", "medecin_non_MT:normal")),
        ),
    ),
    "TD1.1": (
        record(
            CREATION,
            "C",
            "TD1.1",
            patient(message="{message}"),
            rule=granted("TD1.1", "medecin_non_MT:normal"),
        ),
    ),
    "TD1.1, there already": (record(CREATION, "C", "TD1.1", patient(message="{message}"), **wrong("DMPFound")),),
    "TD1.2": (record(REACTIVATION, "U", "TD1.2", patient(message="{message}")),),
    "TD1.3a": (
        Row(
            PATIENT_RECORD,
            "R",
            (DATA,),
            RETRIEVED_BY_TLS,
            (patient(), query(DATA, message="{message}")),
            TREATING,
            rule=granted("TD1.3a"),
            wire=True,
        ),
    ),
    "TD1.3b": (record(AMENDED, "U", "TD1.3b", patient(message="{message}")),),
    "TD1.4": (record(CLOSING, "U", "TD1.4", patient(message="{message}")),),
    "TD1.4, no DMP": (
        record(CLOSING, "U", "TD1.4", patient(message="{message}"), **by_patient("dossier_inconnu", "TD1.4")),
    ),
    "TD0.3, added": (
        record(
            AUTHORISATION,
            "U",
            "TD0.3/ajout",
            patient(),
            user(DOCTOR.user),
            who=DOCTOR,
            rule=granted("TD0.3/ajout", "medecin_non_MT:normal"),
        ),
    ),
    "TD0.3, removed": (record(AUTHORISATION, "U", "TD0.3/suppression", patient(), user(TREATING.user)),),
    "TD0.3, no longer treating": (
        record(AUTHORISATION, "U", "TD0.3/fin-medecin-traitant", patient(), user(TREATING.user)),
    ),
    "TD0.3, blocked": (
        record(AUTHORISATION, "U", "TD0.3/ajout", patient(), who=DOCTOR, **by_patient("blocage", "TD0.3/ajout")),
    ),
    "TD0.3, no médecin": (
        record(AUTHORISATION, "U", "TD0.3/ajout", patient(), who=NURSE, **wrong("DMPAccessDeniedByRightsService")),
    ),
    "TD0.4": (
        asked(
            OPENED_TO,
            "TD0.4",
            query(OPENED_TO, "{request}"),
            patient(),
            who=PODIATRIST,
            rule=granted("TD0.4", "PS_non_medecin:normal"),
        ),
    ),
    "TD1.6": (asked(HOLDERS, "TD1.6", patient(), query(HOLDERS, "{request}")),),
    "TD1.5a": (secrets("TD1.5a", patient()),),
    "TD1.5a, there already": (secrets("TD1.5a", patient(), **wrong("DMPPatientAccessAlreadyExists")),),
    "TD1.5b": (secrets("TD1.5b", patient()),),
    "TD1.5d": (secrets("TD1.5d", patient()),),
    "another's assertion": (
        Row(
            SECURITY_ALERT,
            "E",
            (NODE_AUTHENTICATION, ("ITI-18", "IHE Transactions", "ITI-18")),
            reported(SUBMITTED_BY_TLS),
            outcome=8,
            rule=("authentification", "", ""),
            told=(
                "wsse:FailedAuthentication: VIHF NameID, PS_IdNat of the signing and of the TLS client certificate: "
                "expected one, got different ones"
            ),
            wire=True,
        ),
    ),
    "two patients": (
        asked(STORED_QUERY, "TD3.1", patient(), query(STORED_QUERY), **refused(("patient_de_l_assertion", "", ""))),
    ),
}
