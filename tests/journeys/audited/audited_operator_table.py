"""What the operator's commands, and the server itself, leave in the audit log.

Source: DICOM PS3.15 A.5.3.1 (Application Activity), A.5.3.2 (Audit Log Used), A.5.3.8 (Patient Record), A.5.3.11
(Security Alert); ITI TF-2 3.32.5.1 (Distribute Document Set on Media), 3.19 (Authenticate Node).
"""

from __future__ import annotations

from typing import Any

from audited_dmp_table import granted
from audited_event import AUDIT_LOG_USED, PROCESS, SECURITY_ALERT, Code, Party, Row, Thing, dcm, dmp, ihe
from audited_parts import (
    APPLICATION_ACTIVITY,
    DESTINATION,
    EXPORT,
    IMPORT,
    NODE_AUTHENTICATION,
    OPERATED,
    PATIENT_RECORD,
    SOURCE,
    THIS_MACHINE,
    document,
    patient,
    reported,
    user,
)
from audited_patient_table import WISHES
from audited_people import named

SECURITY_CONFIGURATION = dcm("110129", "Security Configuration")
NETWORK_CONFIGURATION = dcm("110128", "Network Configuration")
SOFTWARE_CONFIGURATION = dcm("110131", "Software Configuration")
MEDIUM = ihe("ITI-32", "Distribute Document Set on Media")
MEDIA_TYPE = dcm("110037", "URI")
DOCTOR = named("medecin-traitant")
BY_OPERATOR = ("exploitant", "", "")
MEDIUM_SET = ("2", "20")
NAMES = {
    **WISHES,
    "VD/opposition": "Opposition à l'alimentation",
    "TD1.1": "Création d'un DMP",
    "TD1.3a": "Données administratives",
    "TD1.5a": "Accès internet du patient",
    "TD1.5d": "Renouvellement de l'accès",
    "TD1.6": "Autorisations et blocages",
    "INS": "Changement d'INS",
    "fusion": "Fusion de deux DMP",
    "representation": "Représentants",
    "situation": "Situation du patient",
    "avis-majorite": "Avis avant majorité",
    "echeances": "Échéances",
    "destruction": "Destruction d'un DMP",
    "HA": "Historique des accès",
    "audit": "Consultation des traces",
    "audit/archivage": "Archivage des traces",
}


def did(act: str, *things: Thing, code: str = "U", event: Code = PATIENT_RECORD, **more: Any) -> Row:
    """An act on one DMP."""
    said = {"rule": BY_OPERATOR, "told": "", **more}
    return Row(event, code, (dmp(act, NAMES[act]),), OPERATED, things, **said)


def alert(kind: Code, *kinds: Code, things: tuple[Thing, ...] = (), **more: Any) -> Row:
    """This server reports what the operator did, or found."""
    return Row(SECURITY_ALERT, "E", (kind, dmp("operator"), *kinds), reported(OPERATED), things, **more)


def noted(kind: Code, act: str, *things: Thing, **more: Any) -> Row:
    """A change of what the server runs with, or by."""
    return alert(kind, dmp(act), things=things, **{"told": "", **more})


def medium(event: Code, code: str, act: str, role: Code, other: Code, *things: Thing, **more: Any) -> Row:
    """Source: ITI TF-2 3.32.5.1."""
    parties = (
        Party("open-dmp", False, (role,), PROCESS, access=THIS_MACHINE),
        Party("IHE_XDM", False, (other,), medium=(MEDIA_TYPE,)),
        Party("{operator}", True),
    )
    return Row(event, code, (MEDIUM, dmp(act)), parties, things, **more)


def own(kind: Code) -> Row:
    """The server's start and stop: no participant object but the request's number. Source: A.5.3.1."""
    parties = (
        Party("open-dmp", False, (dcm("110150", "Application"),), PROCESS, access=THIS_MACHINE),
        Party("{operator}", True, (dcm("110151", "Application Launcher"),)),
    )
    return Row(APPLICATION_ACTIVITY, "E", (kind,), parties, told="")


def configured(name: str, before: str, after: str) -> Thing:
    changed = tuple(each for each in (("before", before), ("after", after)) if each[1])
    return Thing(("2", "13"), dmp("configuration", "Configuration"), name, details=changed)


def handshake(told: str, *details: tuple[str, str], subject: str = "{certificate}") -> Row:
    """Source: ITI TF-2 3.19; A.5.3.11 (Node Authentication; Alert Subject is a Node ID)."""
    parties = (
        Party("{endpoint}", True, (DESTINATION,), PROCESS, access=THIS_MACHINE),
        Party(subject, False, (SOURCE,), access=("2", "127.0.0.1")),
    )
    node = Thing(("2", "13"), dcm("110182", "Node ID"), subject, details=details)
    kinds = (NODE_AUTHENTICATION, ("ITI-19", "IHE Transactions", "ITI-19"))
    return Row(SECURITY_ALERT, "E", kinds, parties, (node,), outcome=8, rule=("tls", "", ""), told=told)


SHOWN = (
    ("Certificate Serial Number", "{serial}"),
    ("Certificate Issuer", "{issuer}"),
    ("Certificate Not After", "{until}"),
)
KNOWN = did("TD1.3a", patient(), code="R")
REFUSED = {"outcome": 4, "rule": ("demande", "", ""), "told": "GestionError"}

ROWS: dict[str, tuple[Row, ...]] = {
    "patients open": (did("TD1.1", patient(), code="C"), did("TD1.6", patient())),
    "patients show, no DMP": (did("TD1.3a", patient(), code="R", **REFUSED),),
    "patients show": (KNOWN,),
    "patients close": (KNOWN, did("TD1.4", patient())),
    "patients authorise": (KNOWN, did("TD1.6", patient())),
    "patients merge": (
        did("fusion", patient("{subsumed}"), code="D"),
        did("fusion", patient()),
    ),
    "patients account": (did("TD1.5a", patient()),),
    "patients account --renew": (did("TD1.5d", patient()),),
    "patients account --creation-code": (did("TD1.5a", patient()),),
    "patients block": (KNOWN, did("VD/bloquer", patient(), user("{holder}"))),
    "patients unblock": (KNOWN, did("VD/bloquer", patient(), user("{holder}"))),
    "patients revoke": (KNOWN, did("VD/autoriser", patient(), user("{holder}"))),
    "patients medecin-traitant": (KNOWN, did("VD/medecin-traitant", patient(), user("{holder}"))),
    "patients switches": (KNOWN, did("VD/urgence", patient())),
    "patients oppose": (KNOWN, did("VD/opposition", patient())),
    "patients destroy-request": (KNOWN, did("VD/destruction", patient())),
    "patients alerts": (did("VD/alertes", patient(), code="R"),),
    "patients alerts, set": (did("VD/alertes", patient()),),
    "patients situation": (
        KNOWN,
        did("situation", patient(), told="Justificatif : acte de décès"),
    ),
    "patients ins": (
        KNOWN,
        did("INS", patient(), patient("{new}")),
    ),
    "patients representatives add": (
        KNOWN,
        did("representation", patient(), told="Justificatif : livret de famille"),
    ),
    "patients representatives list": (KNOWN, KNOWN),
    "patients due": (did("echeances", code="R"),),
    "patients due --tell": (did("echeances", code="R"), did("avis-majorite", patient(), code="R")),
    "patients due --do": (
        did("echeances", code="R"),
        did("destruction", patient(), code="D", told="Destruction demandée."),
    ),
    "patients history": (did("HA", patient(), code="R", event=AUDIT_LOG_USED),),
    "habilitations explain": (noted(SECURITY_CONFIGURATION, "habilitations", patient(), rule=BY_OPERATOR),),
    "audit list": (did("audit", patient(), code="R", event=AUDIT_LOG_USED),),
    "audit show": (did("audit", code="R", event=AUDIT_LOG_USED, rule=("", "", "")),),
    "audit verify": (did("audit", code="R", event=AUDIT_LOG_USED, rule=("", "", "")),),
    "directory import": (noted(SECURITY_CONFIGURATION, "habilitations"),),
    "xdm export": (
        medium(
            EXPORT,
            "R",
            "xdm.export",
            SOURCE,
            DESTINATION,
            patient(),
            Thing(MEDIUM_SET, MEDIUM, "{set}"),
            document(),
            rule=BY_OPERATOR,
            told="",
        ),
    ),
    "xdm export, for a professional": (
        medium(
            EXPORT,
            "R",
            "TD3.2",
            SOURCE,
            DESTINATION,
            patient(),
            Thing(MEDIUM_SET, MEDIUM, "{set}"),
            document(),
            who=DOCTOR,
            rule=granted("TD3.2"),
        ),
    ),
    "xdm import": (
        medium(
            IMPORT,
            "C",
            "TD2.1",
            DESTINATION,
            SOURCE,
            patient(),
            Thing(MEDIUM_SET, MEDIUM, "{set}"),
            document(),
            who=DOCTOR,
            rule=granted("TD2.1"),
        ),
    ),
    "start": (own(dcm("110120", "Application Start")),),
    "stop": (own(dcm("110121", "Application Stop")),),
    "start with another address": (
        own(dcm("110120", "Application Start")),
        noted(
            NETWORK_CONFIGURATION,
            "configuration/reseau",
            configured("portal_address", "", "https://dmp.example"),
            told="Configuration changée : portal_address.",
        ),
    ),
    "start with other trust": (
        own(dcm("110120", "Application Start")),
        noted(
            SECURITY_CONFIGURATION,
            "configuration",
            configured("ca", "{before}", "{after}"),
            told="Configuration changée : ca.",
        ),
    ),
    "log pruned": (
        did(
            "audit/archivage",
            code="D",
            event=AUDIT_LOG_USED,
            rule=("", "", ""),
            told="Événements 1 à 256 archivés dans 000000000001-000000000256.dmpaudit.",
        ),
    ),
    "log tampered": (alert(dmp("integrite", "Intégrité des traces"), outcome=12, rule=("scellement", "", "")),),
    "log resumed": (alert(dmp("audit/reprise", "Reprise du scellement")),),
    "migrate": (noted(SOFTWARE_CONFIGURATION, "migration", told=None),),
    "TLS, unknown authority": (handshake("TLS: client certificate: unable to get local issuer certificate", *SHOWN),),
    "TLS, revoked": (handshake("TLS: client certificate: certificate revoked", *SHOWN),),
    "TLS, plain HTTP": (handshake("TLS: http request", subject="127.0.0.1"),),
    "TLS, an old version": (handshake("TLS: unsupported protocol", subject="127.0.0.1"),),
}
