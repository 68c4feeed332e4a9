"""What the audit event of each transaction holds, as one table, from the server's side of the wire.

Source: ITI TF-2, section "Audit Record Considerations" of each transaction; DICOM PS3.15 A.5.3; DICOM PS3.16 CID 400
(EventID), CID 401 (EventTypeCode), CID 402 (RoleIDCode).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from audit.event import Event, Outcome


@dataclass(frozen=True, slots=True)
class CodedValue:
    """Source: DICOM PS3.15 A.5.1, CodedValueType: csd-code, codeSystemName, originalText."""

    code: str
    system: str
    text: str


class EventAction(Enum):
    """Source: DICOM PS3.15 A.5.2.1, EventActionCode."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


def _dcm(code: str, text: str) -> CodedValue:
    return CodedValue(code, "DCM", text)


def _ihe(code: str, text: str) -> CodedValue:
    return CodedValue(code, "IHE Transactions", text)


def _dmp(code: str, text: str) -> CodedValue:
    return CodedValue(code, "DMP", text)


# CID 400, EventID
APPLICATION_ACTIVITY = _dcm("110100", "Application Activity")
AUDIT_LOG_USED = _dcm("110101", "Audit Log Used")
EXPORT = _dcm("110106", "Export")
IMPORT = _dcm("110107", "Import")
PATIENT_RECORD = _dcm("110110", "Patient Record")
QUERY = _dcm("110112", "Query")
SECURITY_ALERT = _dcm("110113", "Security Alert")
USER_AUTHENTICATION = _dcm("110114", "User Authentication")

# CID 401, EventTypeCode
START = _dcm("110120", "Application Start")
STOP = _dcm("110121", "Application Stop")
LOGIN = _dcm("110122", "Login")
LOGOUT = _dcm("110123", "Logout")
NODE_AUTHENTICATION = _dcm("110126", "Node Authentication")
EMERGENCY_OVERRIDE_STARTED = _dcm("110127", "Emergency Override Started")
NETWORK_CONFIGURATION = _dcm("110128", "Network Configuration")
SECURITY_CONFIGURATION = _dcm("110129", "Security Configuration")
SOFTWARE_CONFIGURATION = _dcm("110131", "Software Configuration")
USE_OF_RESTRICTED_FUNCTION = _dcm("110132", "Use of Restricted Function")
USER_SECURITY_ATTRIBUTES = _dcm("110137", "User Security Attributes Changed")
ACCESS_CONTROL_DECISION = _dcm("110147", "Access Control Decision")

# CID 405, Media Type Code: whether the file goes on a disc, a key or in a letter is not known here
MEDIUM = _dcm("110037", "URI")

# CID 402, RoleIDCode
APPLICATION = _dcm("110150", "Application")
APPLICATION_LAUNCHER = _dcm("110151", "Application Launcher")
DESTINATION = _dcm("110152", "Destination Role ID")
SOURCE = _dcm("110153", "Source Role ID")


@dataclass(frozen=True, slots=True)
class Transaction:
    """One row: what happened, and which end of it this server is. `client` None: nobody at the other end of a wire.

    `medium` None: no portable medium in the place of a wire.
    """

    event_id: CodedValue
    action: EventAction
    type: CodedValue
    server: CodedValue
    client: CodedValue | None
    medium: CodedValue | None = None
    begun_here: bool = False  # the other end is asked nothing but to listen


def _received(event_id: CodedValue, action: EventAction, type_: CodedValue) -> Transaction:
    """The client is the source of what flows: a query, a submission."""
    return Transaction(event_id, action, type_, server=DESTINATION, client=SOURCE)


def _sent(event_id: CodedValue, action: EventAction, type_: CodedValue) -> Transaction:
    """The server is the source of what flows: documents."""
    return Transaction(event_id, action, type_, server=SOURCE, client=DESTINATION)


def _authorised(type_: CodedValue) -> Transaction:
    """An application asks for a token, for itself or its user, or what one is worth."""
    return Transaction(USER_AUTHENTICATION, EventAction.EXECUTE, type_, server=DESTINATION, client=APPLICATION)


def _told(event_id: CodedValue, action: EventAction, type_: CodedValue) -> Transaction:
    """The server begins: it tells the endpoint of the call."""
    return Transaction(event_id, action, type_, server=SOURCE, client=DESTINATION, begun_here=True)


def _here(event_id: CodedValue, action: EventAction, type_: CodedValue) -> Transaction:
    """An operator's act, at the server itself."""
    return Transaction(event_id, action, type_, server=DESTINATION, client=None)


def _medium(event_id: CodedValue, action: EventAction, server: CodedValue) -> Transaction:
    """A portable medium made or read at the server itself. Source: ITI TF-2 3.32.5.1."""
    type_ = _ihe("ITI-32", "Distribute Document Set on Media")
    return Transaction(event_id, action, type_, server=server, client=None, medium=MEDIUM)


APPLICATION_START = "application-start"  # Call.transaction of the server's own start
APPLICATION_STOP = "application-stop"  # and of its stop
OPERATOR = "operator"  # and of an operator's act, which Event.action names
CONNEXION = "connexion"  # of a step by which a person proves who they are, which Event.action names
DECONNEXION = "deconnexion"  # of their leaving
SECRETS = "secrets"  # of a change of what they prove it with
RECUEIL = "VD/recueil"  # of what an establishment collected of a patient
ALERTE = "alerte"  # of a message that tells somebody what happened
CONFIGURATION = "configuration"  # Event.action: the server starts with something else than it last ran with
RESEAU = "configuration/reseau"  # of which its addresses
MIGRATION = "migration"  # the database brought to another revision
TAMPERED = "integrite"  # of an audit log found tampered with

# Messages of HL7 v2, which MSH-10 names. Source: ITI TF-2 3.8.5.1, 3.9.5.1, 3.21.5.1 (ParticipantObjectDetail).
BY_HL7_V2 = frozenset({"ITI-8", "ITI-9", "ITI-21", RECUEIL})

# What a patient decides: habilitations.action.Action, with a name for people.
_WISHES = {
    code: _dmp(code, text)
    for code, text in (
        ("VD/autoriser", "Autorisation d'un professionnel ou d'une structure"),
        ("VD/bloquer", "Blocage d'un professionnel ou d'une structure"),
        ("VD/medecin-traitant", "Statut de médecin traitant DMP"),
        ("VD/urgence", "Accès en urgence"),
        ("VD/opposition", "Opposition à l'alimentation"),
        ("VD/alertes", "Réglage des alertes"),
        ("VD/rectification", "Demande de rectification"),
        ("VD/destruction", "Demande de destruction"),
    )
}

TRANSACTIONS = {
    # ITI TF-2 3.18.5.1.2, 3.41.5.1.2, 3.43.6.1.2
    "ITI-18": _received(QUERY, EventAction.EXECUTE, _ihe("ITI-18", "Registry Stored Query")),
    "ITI-41": _received(IMPORT, EventAction.CREATE, _ihe("ITI-41", "Provide and Register Document Set-b")),
    "ITI-43": _sent(EXPORT, EventAction.READ, _ihe("ITI-43", "Retrieve Document Set")),
    # ITI TF-2 3.42.6.1.2, 3.51.5.1.2, 3.61.5.1.2; Metadata Update 3.57.5.1, 3.92.5.1; RMD 3.62.5.1, 3.86.5.1
    "ITI-42": _received(IMPORT, EventAction.CREATE, _ihe("ITI-42", "Register Document Set-b")),
    # ITI TF-2 3.8.5.1 and 3.44.5.1.2 (Event.event_action says which), 3.9.5.1, 3.21.5.1, 3.45.5.1.2, 3.46.5.1.1,
    # 3.47.5.1.2
    "ITI-8": _received(PATIENT_RECORD, EventAction.UPDATE, _ihe("ITI-8", "Patient Identity Feed")),
    "ITI-9": _received(QUERY, EventAction.EXECUTE, _ihe("ITI-9", "PIX Query")),
    "ITI-21": _received(QUERY, EventAction.EXECUTE, _ihe("ITI-21", "Patient Demographics Query")),
    "ITI-44": _received(PATIENT_RECORD, EventAction.UPDATE, _ihe("ITI-44", "Patient Identity Feed")),
    "ITI-45": _received(QUERY, EventAction.EXECUTE, _ihe("ITI-45", "PIX Query")),
    "ITI-46": _told(PATIENT_RECORD, EventAction.READ, _ihe("ITI-46", "PIX Update Notification")),
    "ITI-47": _received(QUERY, EventAction.EXECUTE, _ihe("ITI-47", "Patient Demographics Query")),
    "ITI-51": _received(QUERY, EventAction.EXECUTE, _ihe("ITI-51", "Multi-Patient Stored Query")),
    "ITI-57": _received(IMPORT, EventAction.UPDATE, _ihe("ITI-57", "Update Document Set")),
    "ITI-61": _received(IMPORT, EventAction.CREATE, _ihe("ITI-61", "Register On-Demand Document Entry")),
    "ITI-62": _received(PATIENT_RECORD, EventAction.DELETE, _ihe("ITI-62", "Remove Metadata")),
    # MHD 4.2, 2:3.65.5.1 to 2:3.68.5.1, 2:3.105.5.1 and 2:3.106.5.1
    "ITI-65": _received(IMPORT, EventAction.CREATE, _ihe("ITI-65", "Provide Document Bundle")),
    "ITI-66": _received(QUERY, EventAction.EXECUTE, _ihe("ITI-66", "Find Document Lists")),
    "ITI-67": _received(QUERY, EventAction.EXECUTE, _ihe("ITI-67", "Find Document References")),
    "ITI-68": _sent(EXPORT, EventAction.READ, _ihe("ITI-68", "Retrieve Document")),
    "ITI-105": _received(IMPORT, EventAction.CREATE, _ihe("ITI-105", "Simplified Publish")),
    "ITI-106": _received(IMPORT, EventAction.CREATE, _ihe("ITI-106", "Generate Metadata")),
    # DSUBm 1.0, audit profiles of the Broker: created, or updated (Event.event_action says which); told; asked
    "ITI-110": _received(PATIENT_RECORD, EventAction.CREATE, _ihe("ITI-110", "Resource Subscription")),
    "ITI-112": _told(PATIENT_RECORD, EventAction.CREATE, _ihe("ITI-112", "Resource Notify")),
    "ITI-113": _received(QUERY, EventAction.EXECUTE, _ihe("ITI-113", "Resource Subscription Search")),
    # PDQm 3.2, 2:3.78.5.1 and 2:3.119.5.1; PIXm 3.1, 2:3.83.5.1
    "ITI-78": _received(QUERY, EventAction.EXECUTE, _ihe("ITI-78", "Mobile Patient Demographics Query")),
    "ITI-83": _received(QUERY, EventAction.EXECUTE, _ihe("ITI-83", "Mobile Patient Identifier Cross-reference Query")),
    "ITI-119": _received(QUERY, EventAction.EXECUTE, _ihe("ITI-119", "Patient Demographics Match")),
    # ITI TF-2 3.71.5.1; 3.102 says nothing of its audit
    "ITI-71": _authorised(_ihe("ITI-71", "User Authorization")),
    "ITI-102": _authorised(_ihe("ITI-102", "Introspect Token")),
    # RESTful ATNA 3.81.5.1 and 3.82.5.1; DICOM PS3.15 A.5.3.2
    "ITI-81": _sent(AUDIT_LOG_USED, EventAction.READ, _ihe("ITI-81", "Retrieve ATNA Audit Event")),
    "ITI-82": _sent(AUDIT_LOG_USED, EventAction.READ, _ihe("ITI-82", "Retrieve Syslog Event")),
    "ITI-86": _received(PATIENT_RECORD, EventAction.DELETE, _ihe("ITI-86", "Remove Documents")),
    "ITI-92": _received(IMPORT, EventAction.UPDATE, _ihe("ITI-92", "Restricted Update Document Set")),
    # DICOM PS3.15 A.5.3.8 and A.5.3.10, for what no profile of IHE says: GIE SESAM-Vitale, TD0.2, TD0.5, TD1.1 to TD1.4
    "TD0.2": _received(QUERY, EventAction.EXECUTE, _dmp("TD0.2", "Existence du DMP et statut d'autorisation")),
    "TD0.5": _received(QUERY, EventAction.EXECUTE, _dmp("TD0.5", "Recherche d'un patient sans INS")),
    "TD1.1": _received(PATIENT_RECORD, EventAction.CREATE, _dmp("TD1.1", "Création d'un DMP")),
    "TD1.2": _received(PATIENT_RECORD, EventAction.UPDATE, _dmp("TD1.2", "Réactivation d'un DMP")),
    "TD1.3a": _sent(PATIENT_RECORD, EventAction.READ, _dmp("TD1.3a", "Données administratives")),
    "TD1.3b": _received(PATIENT_RECORD, EventAction.UPDATE, _dmp("TD1.3b", "Données administratives modifiées")),
    "TD1.4": _received(PATIENT_RECORD, EventAction.UPDATE, _dmp("TD1.4", "Fermeture d'un DMP")),
    # DICOM PS3.15 A.5.3.10 and A.5.3.5, for what people read on pages: GIE SESAM-Vitale, TD0.9, TD0.10, TD3.1, TD3.2
    "TD0.9": _received(QUERY, EventAction.EXECUTE, _dmp("TD0.9", "Accès web en contexte")),
    "TD0.10": _received(QUERY, EventAction.EXECUTE, _dmp("TD0.10", "Accès web en contexte, AIR")),
    "TD2.1": _received(IMPORT, EventAction.CREATE, _dmp("TD2.1", "Dépôt d'un document")),
    "TD3.1": _received(QUERY, EventAction.EXECUTE, _dmp("TD3.1", "Recherche de documents")),
    "TD3.2": _sent(EXPORT, EventAction.READ, _dmp("TD3.2", "Consultation d'un document")),
    "VD/copie": _sent(EXPORT, EventAction.READ, _dmp("VD/copie", "Copie du DMP")),
    "TD3.3": _received(PATIENT_RECORD, EventAction.UPDATE, _dmp("TD3.3", "Modification des attributs d'un document")),
    # DICOM PS3.15 A.5.3.8, A.5.3.10 and A.5.3.11, for what no profile of IHE says: GIE SESAM-Vitale, TD0.3 to TD1.6
    "TD0.3": _received(PATIENT_RECORD, EventAction.UPDATE, _dmp("TD0.3", "Mise à jour de l'autorisation")),
    "TD0.4": _received(QUERY, EventAction.EXECUTE, _dmp("TD0.4", "Liste des DMP autorisés")),
    "TD1.5a": _received(SECURITY_ALERT, EventAction.EXECUTE, USER_SECURITY_ATTRIBUTES),
    "TD1.5b": _received(SECURITY_ALERT, EventAction.EXECUTE, USER_SECURITY_ATTRIBUTES),
    "TD1.5d": _received(SECURITY_ALERT, EventAction.EXECUTE, USER_SECURITY_ATTRIBUTES),
    "TD1.6": _received(QUERY, EventAction.EXECUTE, _dmp("TD1.6", "Liste des PS autorisés ou bloqués")),
    RECUEIL: _received(PATIENT_RECORD, EventAction.UPDATE, _dmp(RECUEIL, "Volontés recueillies par un établissement")),
    # ITI TF-2 3.32.5.1.1 and 3.32.5.1.2, after 3.41.5.1: one number, both ends
    "ITI-32/export": _medium(EXPORT, EventAction.READ, SOURCE),
    "ITI-32/import": _medium(IMPORT, EventAction.CREATE, DESTINATION),
    # Public guides of the DMP: historique des accès, alertes
    "HA": _sent(AUDIT_LOG_USED, EventAction.READ, _dmp("HA", "Historique des accès")),
    ALERTE: _told(PATIENT_RECORD, EventAction.READ, _dmp(ALERTE, "Alerte")),
    # DICOM PS3.15 A.5.3.12 (User Authentication), A.5.3.11 (Security Alert)
    CONNEXION: _received(USER_AUTHENTICATION, EventAction.EXECUTE, LOGIN),
    DECONNEXION: _received(USER_AUTHENTICATION, EventAction.EXECUTE, LOGOUT),
    SECRETS: _received(SECURITY_ALERT, EventAction.EXECUTE, USER_SECURITY_ATTRIBUTES),
    **{code: _received(PATIENT_RECORD, EventAction.UPDATE, wish) for code, wish in _WISHES.items()},
    # DICOM PS3.15 A.5.3.1
    APPLICATION_START: Transaction(APPLICATION_ACTIVITY, EventAction.EXECUTE, START, server=APPLICATION, client=None),
    APPLICATION_STOP: Transaction(APPLICATION_ACTIVITY, EventAction.EXECUTE, STOP, server=APPLICATION, client=None),
}

OPERATOR_ACTS = {
    "TD1.1": _here(PATIENT_RECORD, EventAction.CREATE, _dmp("TD1.1", "Création d'un DMP")),
    "TD1.3a": _here(PATIENT_RECORD, EventAction.READ, _dmp("TD1.3a", "Données administratives")),
    "TD1.4": _here(PATIENT_RECORD, EventAction.UPDATE, _dmp("TD1.4", "Fermeture d'un DMP")),
    "TD1.5a": _here(PATIENT_RECORD, EventAction.UPDATE, _dmp("TD1.5a", "Accès internet du patient")),
    "TD1.5d": _here(PATIENT_RECORD, EventAction.UPDATE, _dmp("TD1.5d", "Renouvellement de l'accès")),
    "fusion": _here(PATIENT_RECORD, EventAction.UPDATE, _dmp("fusion", "Fusion de deux DMP")),
    "TD1.6": _here(PATIENT_RECORD, EventAction.UPDATE, _dmp("TD1.6", "Autorisations et blocages")),
    "INS": _here(PATIENT_RECORD, EventAction.UPDATE, _dmp("INS", "Changement d'INS")),
    "representation": _here(PATIENT_RECORD, EventAction.UPDATE, _dmp("representation", "Représentants")),
    "situation": _here(PATIENT_RECORD, EventAction.UPDATE, _dmp("situation", "Situation du patient")),
    "avis-majorite": _here(PATIENT_RECORD, EventAction.READ, _dmp("avis-majorite", "Avis avant majorité")),
    "echeances": _here(PATIENT_RECORD, EventAction.READ, _dmp("echeances", "Échéances")),
    "destruction": _here(PATIENT_RECORD, EventAction.DELETE, _dmp("destruction", "Destruction d'un DMP")),
    **{code: _here(PATIENT_RECORD, EventAction.UPDATE, wish) for code, wish in _WISHES.items()},
    # ITI TF-2 3.32.5.1.1; an import is a requester's, whom the operator stands for
    "xdm.export": _medium(EXPORT, EventAction.READ, SOURCE),
    # DICOM PS3.15 A.5.3.2
    "HA": _here(AUDIT_LOG_USED, EventAction.READ, _dmp("HA", "Historique des accès")),
    "audit": _here(AUDIT_LOG_USED, EventAction.READ, _dmp("audit", "Consultation des traces")),
    "audit/archivage": _here(AUDIT_LOG_USED, EventAction.DELETE, _dmp("audit/archivage", "Archivage des traces")),
    # DICOM PS3.15 A.5.3.11
    TAMPERED: _here(SECURITY_ALERT, EventAction.EXECUTE, _dmp(TAMPERED, "Intégrité des traces")),
    "audit/reprise": _here(SECURITY_ALERT, EventAction.EXECUTE, _dmp("audit/reprise", "Reprise du scellement")),
    "habilitations": _here(SECURITY_ALERT, EventAction.EXECUTE, SECURITY_CONFIGURATION),
    CONFIGURATION: _here(SECURITY_ALERT, EventAction.EXECUTE, SECURITY_CONFIGURATION),
    RESEAU: _here(SECURITY_ALERT, EventAction.EXECUTE, NETWORK_CONFIGURATION),
    MIGRATION: _here(SECURITY_ALERT, EventAction.EXECUTE, SOFTWARE_CONFIGURATION),
}

# A request from nobody known, whatever it asked for. Source: ITI TF-2 3.40.4.1.3; DICOM PS3.15 A.5.3.11.
AUTHENTICATION_FAILURE = _received(SECURITY_ALERT, EventAction.EXECUTE, NODE_AUTHENTICATION)

# A request or an act that no row stands for: recorded as what nobody should have tried.
UNFORESEEN = _received(SECURITY_ALERT, EventAction.EXECUTE, USE_OF_RESTRICTED_FUNCTION)
UNFORESEEN_ACT = _here(SECURITY_ALERT, EventAction.EXECUTE, USE_OF_RESTRICTED_FUNCTION)


def transaction_of(event: Event) -> Transaction:
    """The row that stands for `event`. Every event has one."""
    if event.operator:
        return OPERATOR_ACTS.get(event.action, TRANSACTIONS.get(event.call.transaction, UNFORESEEN_ACT))
    found = TRANSACTIONS.get(event.call.transaction, UNFORESEEN)
    if event.outcome is Outcome.SERIOUS_FAILURE and event.call.transaction not in (CONNEXION, SECRETS):
        return AUTHENTICATION_FAILURE
    return found
