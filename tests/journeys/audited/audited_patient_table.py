"""What patients' pages leave in the audit log: each page and button, each step of proving who one is.

Source: DICOM PS3.15 A.5.3.2, A.5.3.5, A.5.3.6, A.5.3.8, A.5.3.10, A.5.3.11, A.5.3.12; public guides of the DMP.
"""

from __future__ import annotations

from typing import Any

from audited_dmp_table import DATA, EXISTENCE, HOLDERS, Rule, types, wrong
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
    dmp,
)
from audited_pages_table import HISTORY, OPENING, SEARCH
from audited_parts import (
    ASKED,
    ATTRIBUTES_CHANGED,
    EXPORT,
    GIVEN,
    IMPORT,
    LOGIN,
    LOGOUT,
    LOOPBACK,
    PATIENT_RECORD,
    QUERY,
    THIS_MACHINE,
    document,
    patient,
    query,
    reported,
    submission_set,
    user,
)
from audited_people import PATIENT

DEPOSIT, UPDATE = dmp("TD2.1", "Dépôt d'un document"), dmp("TD3.3", "Modification des attributs d'un document")
COPY = dmp("VD/copie", "Copie du DMP")
CREATION_CODE, PASSWORD, CODE = dmp("connexion/code-de-creation"), dmp("connexion/mot-de-passe"), dmp("connexion/code")
WISHES = {
    "VD/autoriser": "Autorisation d'un professionnel ou d'une structure",
    "VD/bloquer": "Blocage d'un professionnel ou d'une structure",
    "VD/medecin-traitant": "Statut de médecin traitant DMP",
    "VD/urgence": "Accès en urgence",
    "VD/alertes": "Réglage des alertes",
    "VD/rectification": "Demande de rectification",
    "VD/destruction": "Demande de destruction",
    "TD1.2": "Réactivation d'un DMP",
    "TD1.4": "Fermeture d'un DMP",
}
NODE = Party("{endpoint}", False, (), PROCESS, access=THIS_MACHINE)
SOMEBODY = Party("{ins}", True, name="{patient_name}", access=LOOPBACK)
NOBODY = Party("unknown", True, access=LOOPBACK)


def granted(action: str, table: str = "PATIENT", who: str = "patient") -> Rule:
    return ("droit_fonctionnel", f"droits_fonctionnels/{table}", f"{action} × {who}:normal")


def proving(step: Code, *, who: Person | None = PATIENT, kind: Code = LOGIN, **more: Any) -> Row:
    """A step of proving who one is: the person, where they are, and the node that judges. Source: A.5.3.12."""
    parties = (SOMEBODY if who else NOBODY, NODE)
    things = (patient(),) if who else ()
    kinds = (kind, step) if step[0] else (kind,)
    said = {"told": "", **more}
    return Row(USER_AUTHENTICATION, "E", kinds, parties, things, who, human=False, **said)


def secrets(step: str, *things: Thing, who: Person | None = PATIENT, **more: Any) -> Row:
    """A change of what one proves it with. Source: A.5.3.11, User Security Attributes Changed."""
    said = {"told": "", **more}
    kinds = (ATTRIBUTES_CHANGED, dmp("secrets"), *([dmp(step)] if step else []))
    return Row(SECURITY_ALERT, "E", kinds, reported(ASKED), things, who, **said)


def reached(**more: Any) -> Row:
    said = {"rule": granted("TD1.5b"), **more}
    return Row(SECURITY_ALERT, "E", (ATTRIBUTES_CHANGED, dmp("TD1.5b")), reported(ASKED), (patient(),), PATIENT, **said)


def asked(kind: Code, action: str, *things: Thing, **more: Any) -> Row:
    said = {"rule": granted(action), **more}
    return Row(QUERY, "E", types(kind, action), ASKED, things, PATIENT, **said)


def given(event: Code, kind: Code, action: str, *things: Thing, **more: Any) -> Row:
    said = {"rule": granted(action), **more}
    return Row(event, "R", types(kind, action), GIVEN, things, PATIENT, **said)


def decided(action: str, *things: Thing, code: str = "U", **more: Any) -> Row:
    said = {"rule": granted(action), **more}
    kind = dmp(action, WISHES[action])
    return Row(PATIENT_RECORD, code, (kind,), ASKED, (patient(), *things), PATIENT, **said)


def changed(action: str, **more: Any) -> Row:
    said = {"rule": granted(action), **more}
    things = (patient(), submission_set(), document())
    return Row(PATIENT_RECORD, "U", (UPDATE, dmp(action)), ASKED, things, PATIENT, **said)


FOUND = asked(SEARCH, "TD3.1", patient(), query(SEARCH))
STANDING = asked(HOLDERS, "TD1.6", patient(), query(HOLDERS, "{request}", ""))
STATE = asked(EXISTENCE, "TD0.2", patient(), query(EXISTENCE, "{request}", ""))
ADDED = Row(
    IMPORT,
    "C",
    (DEPOSIT,),
    ASKED,
    (patient(), submission_set(), document()),
    PATIENT,
    rule=granted("TD2.1"),
)
ABOUT = user("{holder}")
FORM = {"outcome": 4, "rule": ("message", "", ""), "told": "form: expected its key, got another or none"}

ROWS: dict[str, tuple[Row, ...]] = {
    "connexion, nobody's login": (proving(PASSWORD, who=None, outcome=4, rule=("identifiant", "", "")),),
    "connexion, wrong password": (proving(PASSWORD, outcome=4, rule=("mot_de_passe", "", "")),),
    "connexion, the third wrong one": (proving(PASSWORD, outcome=8, rule=("mot_de_passe", "", "")),),
    "connexion, locked": (proving(PASSWORD, outcome=8, rule=("verrouillage", "", "")),),
    "connexion": (proving(PASSWORD),),
    "connexion, the form of another site": (
        Row(
            USER_AUTHENTICATION,
            "E",
            (LOGIN,),
            (NOBODY, NODE),
            (),
            None,
            human=False,
            **{**FORM, "outcome": 8, "rule": ("authentification", "", "")},
        ),
    ),
    "code": (proving(CODE),),
    "code, wrong": (proving(CODE, outcome=4, rule=("code", "", "")),),
    "code, of nobody": (proving(CODE, who=None, outcome=4, rule=("code_sans_objet", "", "")),),
    "creation": (secrets("connexion/code-de-creation", patient(), who=None),),
    "creation, wrong code": (
        secrets("connexion/code-de-creation", patient(), who=None, outcome=4, rule=("code_de_creation", "", "")),
    ),
    "premiere-connexion": (secrets("mot-de-passe", patient()),),
    "premiere-connexion/coordonnees": (reached(),),
    "premiere-connexion/urgence": (decided("VD/urgence"),),
    "informations": (reached(),),
    "informations, read": (given(PATIENT_RECORD, DATA, "TD1.3a", patient()),),
    "informations/mot-de-passe": (secrets("mot-de-passe", patient()),),
    "informations/mot-de-passe, wrong": (secrets("mot-de-passe", patient(), outcome=4, rule=("mot_de_passe", "", "")),),
    "deconnexion": (proving(dmp(""), kind=LOGOUT),),
    "accueil": (FOUND,),
    "synthese": (given(EXPORT, OPENING, "TD3.2", patient()),),
    "documents": (FOUND,),
    "documents/one": (asked(SEARCH, "TD3.1", patient(), query(SEARCH)),),
    "documents/one/fichier": (given(EXPORT, OPENING, "TD3.2", patient(), document()),),
    "documents/one/cda": (given(EXPORT, OPENING, "TD3.2", patient(), document()),),
    "documents/one/cda, none": (
        given(EXPORT, OPENING, "TD3.2", patient(), document("{absent}"), **wrong("XDSDocumentUniqueIdError")),
    ),
    "documents/ajout": (ADDED,),
    "documents/one/remplacement": (FOUND, ADDED),
    "documents/one/masquage": (FOUND, changed("TD3.3a/masquer")),
    "documents/one/demasquage": (FOUND, changed("TD3.3a/demasquer")),
    "documents/one/archivage": (FOUND, changed("TD3.3d/archiver")),
    "documents/one/desarchivage": (FOUND, changed("TD3.3d/desarchiver")),
    "documents/one/suppression": (FOUND, changed("TD3.3c")),
    "documents/one/rectification": (FOUND, decided("VD/rectification", document())),
    "documents/one/rectification, without a reason": (
        FOUND,
        decided("VD/rectification", **wrong("Attendu un motif de 1 à 1000 caractères, reçu 0.")),
    ),
    "autorisations": (STANDING,),
    "autorisations/autoriser": (decided("VD/autoriser", ABOUT),),
    "autorisations/retirer": (decided("VD/autoriser", ABOUT),),
    "autorisations/bloquer": (decided("VD/bloquer", ABOUT),),
    "autorisations/debloquer": (decided("VD/bloquer", ABOUT),),
    "autorisations/medecin-traitant": (decided("VD/medecin-traitant", ABOUT),),
    "autorisations/fin-medecin-traitant": (decided("VD/medecin-traitant", ABOUT),),
    "autorisations/autoriser, the form of another site": (secrets("", patient(), **FORM),),
    "urgence": (decided("VD/urgence"),),
    "urgence, read": (STANDING,),
    "etat": (STATE,),
    "etat/fermer": (decided("TD1.4", rule=granted("TD1.4")),),
    "etat/rouvrir": (decided("TD1.2", rule=granted("TD1.2")),),
    "etat/detruire": (decided("VD/destruction"),),
    "etat/detruire, of an open DMP": (
        decided("VD/destruction", **wrong("Seul un DMP fermé peut être détruit : fermez-le d'abord.")),
        STATE,
    ),
    "historique": (given(AUDIT_LOG_USED, HISTORY, "HA", patient()),),
    "alertes": (decided("VD/alertes", code="R"),),
    "alertes, set": (decided("VD/alertes"),),
    "telechargement": (
        given(EXPORT, COPY, "VD/copie", patient(), submission_set(), document()),
        given(AUDIT_LOG_USED, HISTORY, "HA", patient()),
        STANDING,
    ),
}
