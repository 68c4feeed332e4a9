"""What each transaction leaves in the audit log of an IHE affinity domain, by hand from the standards.

Source: ITI TF-2 3.18.5.1.2, 3.41.5.1.2, 3.42.6.1.2, 3.43.6.1.2, 3.8.5.1, 3.9.5.1, 3.21.5.1, 3.44.5.1.2, 3.45.5.1.2,
3.46.5.1.1, 3.47.5.1.2, 3.51.5.1.2, 3.61.5.1.2, 3.40.4.2; XDS Metadata Update 3.57.5.1, 3.92.5.1; RMD 3.62.5.1,
3.86.5.1; PDQm 3.2, 2:3.78.5.1 and 2:3.119.5.1; PIXm 3.1, 2:3.83.5.1.
"""

from __future__ import annotations

from audited_event import SECURITY_ALERT, Code, Party, Person, Row, dmp, ihe
from audited_parts import (
    ASKED,
    ASKED_WITH_CARD,
    EXPORT,
    GIVEN,
    IMPORT,
    NODE_AUTHENTICATION,
    PATIENT_RECORD,
    QUERY,
    RETRIEVED,
    SUBMITTED,
    SUBMITTED_BY_TLS,
    TOLD,
    document,
    patient,
    query,
    removed,
    reported,
    submission_set,
    subscription,
)

PROVIDE, REGISTER = ihe("ITI-41", "Provide and Register Document Set-b"), ihe("ITI-42", "Register Document Set-b")
ON_DEMAND, UPDATE = ihe("ITI-61", "Register On-Demand Document Entry"), ihe("ITI-57", "Update Document Set")
RESTRICTED_UPDATE, RETRIEVE = ihe("ITI-92", "Restricted Update Document Set"), ihe("ITI-43", "Retrieve Document Set")
STORED_QUERY, SEVERAL = ihe("ITI-18", "Registry Stored Query"), ihe("ITI-51", "Multi-Patient Stored Query")
REMOVE_METADATA, REMOVE_DOCUMENTS = ihe("ITI-62", "Remove Metadata"), ihe("ITI-86", "Remove Documents")
MESSAGE_FEED = ihe("ITI-8", "Patient Identity Feed")
FEED, NOTICE = ihe("ITI-44", "Patient Identity Feed"), ihe("ITI-46", "PIX Update Notification")
BUNDLE, PUBLISH = ihe("ITI-65", "Provide Document Bundle"), ihe("ITI-105", "Simplified Publish")
GENERATE = ihe("ITI-106", "Generate Metadata")
FIND_LISTS, FIND_REFERENCES = ihe("ITI-66", "Find Document Lists"), ihe("ITI-67", "Find Document References")
RETRIEVE_ONE = ihe("ITI-68", "Retrieve Document")
SUBSCRIBE, NOTIFY = ihe("ITI-110", "Resource Subscription"), ihe("ITI-112", "Resource Notify")
SUBSCRIPTIONS = ihe("ITI-113", "Resource Subscription Search")
PDQM, MATCH = ihe("ITI-78", "Mobile Patient Demographics Query"), ihe("ITI-119", "Patient Demographics Match")
PIXM = ihe("ITI-83", "Mobile Patient Identifier Cross-reference Query")
PIX, PDQ = ihe("ITI-45", "PIX Query"), ihe("ITI-47", "Patient Demographics Query")
PIX_2, PDQ_2 = ihe("ITI-9", "PIX Query"), ihe("ITI-21", "Patient Demographics Query")


def by_node(action: str) -> tuple[str, str, str]:
    """The decision of every request of a node: the own rights of this house."""
    return ("droit_fonctionnel", "droits_fonctionnels/IHE", f"{action} × noeud_ihe:normal")


ELSEWHERE = (patient(), submission_set(), document(repository="{elsewhere}"))
WRONG = ("demande", "", "")
NOT_UNDERSTOOD = ("message", "", "")
FAILED = ("serveur", "", "")

PURPOSE = ("12", "1.0.14265.1", "12")  # clinical care provision to an individual
USER = Person(
    user="John.Doe",
    name="doe<John.Doe@https://sts.example.org>",
    display="John Doe",
    roles=(("46255001", "2.16.840.1.113883.6.96", "46255001"),),
    claims=(
        ("Authentification_mode", "XUA"),
        ("Mode_Acces", "normal"),
        ("Identifiant_Structure", "urn:oid:1.3.6.1.4.1.21367.2026.7"),
    ),
    purpose=(PURPOSE,),
)


def submitted(kind: Code, action: str, *, change: bool = False, **more: object) -> Row:
    """Import, of a submission set and, so that a history can tell, of its documents."""
    types = (kind,) if kind[0] == action else (kind, dmp(action))
    said: dict[str, object] = {"things": (patient(), submission_set(), document()), "rule": by_node(action)}
    return Row(IMPORT, "U" if change else "C", types, SUBMITTED, wire=True, **{**said, **more})  # type: ignore[arg-type]


def asked(kind: Code, action: str, *things: object, **more: object) -> Row:
    types = (kind,) if kind[0] == action else (kind, dmp(action))
    said = {"rule": by_node(action), **more}
    return Row(QUERY, "E", types, SUBMITTED, things, wire=True, **said)  # type: ignore[arg-type]


def record(kind: Code, action: str, *things: object, **more: object) -> Row:
    said = {"rule": by_node(kind[0]), **more}
    return Row(PATIENT_RECORD, action, (kind,), SUBMITTED, things, wire=True, **said)  # type: ignore[arg-type]


BY_MSH_10 = {"message": "{message}", "named": "MSH-10"}
NO_EVN = "100: expected EVN, got another segment or the end"


def fed(action: str, *things: object, **more: object) -> Row:
    """By HL7 v2: the node is known by its certificate."""
    said = {"rule": by_node("ITI-44"), **more}
    types = (MESSAGE_FEED, dmp("ITI-44"))
    return Row(PATIENT_RECORD, action, types, ASKED_WITH_CARD, things, wire=True, **said)  # type: ignore[arg-type]


def asked_by_hl7_v2(kind: Code, action: str, *things: object, **more: object) -> Row:
    """By HL7 v2: the node is known by its certificate."""
    said = {"rule": by_node(action), **more}
    types = (kind, dmp(action))
    return Row(QUERY, "E", types, ASKED_WITH_CARD, things, wire=True, **said)  # type: ignore[arg-type]


def retrieved(*things: object, **more: object) -> Row:
    said = {"rule": by_node("TD3.2"), **more}
    return Row(EXPORT, "R", (RETRIEVE, dmp("TD3.2")), RETRIEVED, things, wire=True, **said)  # type: ignore[arg-type]


def wrong(told: str) -> dict[str, object]:
    """Of a request that cannot be carried out."""
    return {"outcome": 4, "rule": WRONG, "told": told}


def misunderstood(event: Code, action: str, kind: Code, told: str, parties: tuple[Party, ...] = SUBMITTED) -> Row:
    """Of a request that never reached the hall: what it is about is not known."""
    return Row(event, action, (kind,), parties, outcome=4, rule=NOT_UNDERSTOOD, told=told, wire=True)


ELSE_PATCHED = "expected a change of extension, securityLabel, status alone, got one of something else"


def by_fhir(
    event: Code, action: str, kind: Code, right: str, *things: object, parties: tuple[Party, ...] = ASKED
) -> Row:
    """Of the FHIR door, where a node on this machine is known by its address."""
    return Row(event, action, (kind, dmp(right)), parties, things, rule=by_node(right))  # type: ignore[arg-type]


def by_owner(event: Code, action: str, kind: Code) -> Row:
    """Of what somebody does with a subscription of theirs."""
    return Row(event, action, (kind,), ASKED, (subscription(),))


ROWS: dict[str, tuple[Row, ...]] = {
    "ITI-41": (submitted(PROVIDE, "TD2.1"),),
    "ITI-41, wrong hash": (
        submitted(PROVIDE, "TD2.1", things=(patient(), submission_set()), **wrong("XDSRepositoryMetadataError")),
    ),
    "ITI-41, no room for documents": (
        Row(IMPORT, "C", (PROVIDE,), SUBMITTED, outcome=12, rule=FAILED, told="RepositoryUnavailable", wire=True),
    ),
    "ITI-41, not understood": (
        misunderstood(
            IMPORT,
            "C",
            PROVIDE,
            "expected xds:ProvideAndRegisterDocumentSetRequest with an lcm:SubmitObjectsRequest, got x",
        ),
    ),
    "ITI-65": (by_fhir(IMPORT, "C", BUNDLE, "TD2.1", patient(), submission_set(), document()),),
    "ITI-66": (by_fhir(QUERY, "E", FIND_LISTS, "TD3.1", patient(), query(FIND_LISTS, "{endpoint}")),),
    "ITI-67": (by_fhir(QUERY, "E", FIND_REFERENCES, "TD3.1", patient(), query(FIND_REFERENCES, "{endpoint}")),),
    "ITI-68": (by_fhir(EXPORT, "R", RETRIEVE_ONE, "TD3.2", patient(), document(), parties=GIVEN),),
    "ITI-105": (by_fhir(IMPORT, "C", PUBLISH, "TD2.1", patient(), submission_set(), document()),),
    "ITI-106": (by_fhir(IMPORT, "C", GENERATE, "TD2.1", patient(), submission_set(), document()),),
    "ITI-57 by PATCH": (
        Row(IMPORT, "U", (UPDATE,), ASKED, (patient(), submission_set(), document()), rule=by_node("ITI-57")),
    ),
    "ITI-57 by PATCH, not there": (
        by_fhir(QUERY, "E", FIND_REFERENCES, "TD3.1", query(FIND_REFERENCES, "{endpoint}")),
    ),
    "ITI-57 by PATCH, of something else": (
        Row(IMPORT, "U", (UPDATE,), ASKED, outcome=4, rule=NOT_UNDERSTOOD, told=ELSE_PATCHED),
    ),
    "ITI-110": (by_fhir(PATIENT_RECORD, "C", SUBSCRIBE, "TD3.1", patient(), subscription()),),
    "ITI-110, unsubscribed": (
        by_owner(QUERY, "E", SUBSCRIPTIONS),
        by_owner(PATIENT_RECORD, "U", SUBSCRIBE),
    ),
    "ITI-110, wrong": (
        Row(
            PATIENT_RECORD,
            "C",
            (SUBSCRIBE,),
            ASKED,
            outcome=4,
            rule=NOT_UNDERSTOOD,
            told="expected Subscription.status: requested, got another, or none",
        ),
    ),
    "ITI-112": (
        submitted(PROVIDE, "TD2.1"),
        Row(
            PATIENT_RECORD,
            "C",
            (NOTIFY,),
            TOLD,
            (patient(), subscription(), document()),
            rule=by_node("TD3.1"),
        ),
    ),
    "ITI-113": (by_owner(QUERY, "E", SUBSCRIPTIONS),),
    "ITI-113, $events": (
        by_owner(QUERY, "E", SUBSCRIPTIONS),
        by_fhir(QUERY, "E", SUBSCRIPTIONS, "TD3.1", patient(), subscription()),
    ),
    "ITI-78": (by_fhir(QUERY, "E", PDQM, "ITI-47", query(PDQM, "{endpoint}"), patient("{found}")),),
    "ITI-78 of one patient": (by_fhir(QUERY, "E", PDQM, "ITI-47", query(PDQM, "{endpoint}"), patient("{found}")),),
    "ITI-119": (by_fhir(QUERY, "E", MATCH, "ITI-47", query(MATCH, "{endpoint}"), patient("{found}")),),
    "ITI-83": (by_fhir(QUERY, "E", PIXM, "ITI-45", patient(), query(PIXM, "{endpoint}"), patient("{alias}")),),
    "ITI-42": (submitted(REGISTER, "ITI-42", things=ELSEWHERE),),
    "ITI-42, wrong": (
        submitted(REGISTER, "ITI-42", things=(patient(), submission_set()), **wrong("XDSRegistryMetadataError")),
    ),
    "ITI-61": (submitted(ON_DEMAND, "ITI-61"),),
    "ITI-57": (submitted(UPDATE, "ITI-57", change=True, things=ELSEWHERE),),
    "ITI-57, wrong": (
        submitted(
            UPDATE, "ITI-57", change=True, things=(patient(), submission_set()), **wrong("XDSMetadataVersionError")
        ),
    ),
    "ITI-92": (
        submitted(
            RESTRICTED_UPDATE,
            "ITI-92",
            change=True,
            things=ELSEWHERE,
        ),
    ),
    "ITI-18": (asked(STORED_QUERY, "TD3.1", patient(), query(STORED_QUERY)),),
    "ITI-18 of a community": (asked(STORED_QUERY, "TD3.1", patient(), query(STORED_QUERY, home="{home}")),),
    "ITI-18, references": (asked(STORED_QUERY, "TD3.1/reference", patient(), query(STORED_QUERY)),),
    "ITI-18, wrong": (misunderstood(QUERY, "E", STORED_QUERY, "XDSStoredQueryMissingParam"),),
    "ITI-18 across": (asked(STORED_QUERY, "TD3.1", query(STORED_QUERY)),),
    "ITI-51": (asked(SEVERAL, "ITI-51", query(SEVERAL)),),
    "ITI-43": (retrieved(patient(), document()),),
    "ITI-43 of a community": (retrieved(patient(), document(home="{home}")),),
    "ITI-43, one of two": (
        retrieved(patient(), document()),
        retrieved(patient(), document("{absent}"), **wrong("XDSDocumentUniqueIdError")),
    ),
    "ITI-43, none": (retrieved(document("{absent}"), **wrong("XDSDocumentUniqueIdError")),),
    "ITI-43, another repository": (
        retrieved(document("{absent}", repository="{elsewhere}"), **wrong("XDSUnknownRepositoryId")),
    ),
    "ITI-43, not understood": (
        misunderstood(
            EXPORT,
            "R",
            RETRIEVE,
            "expected RetrieveDocumentSetRequest with 1 to 1000 xds:DocumentRequest, got x",
            RETRIEVED,
        ),
    ),
    "ITI-62": (
        record(REMOVE_METADATA, "D", patient(), removed("{entry}"), removed("{set_uuid}"), removed("{member}")),
    ),
    "ITI-62, wrong": (
        record(REMOVE_METADATA, "D", patient(), removed("{entry}"), **wrong("ReferencesExistException")),
    ),
    "ITI-86": (record(REMOVE_DOCUMENTS, "D", patient(), document(erased=True)),),
    "ITI-86, wrong": (
        record(REMOVE_DOCUMENTS, "D", document("{absent}", erased=True), **wrong("XDSRemoveDocumentsError")),
    ),
    "ITI-8, added": (fed("C", patient(message="{message}", kind="MSH-10")),),
    "ITI-8, revised": (fed("U", patient(message="{message}", kind="MSH-10")),),
    "ITI-8, merged": (
        fed("U", patient(message="{message}", kind="MSH-10")),
        fed("D", patient("{subsumed}", message="{message}", kind="MSH-10")),
    ),
    "ITI-8, wrong": (fed("U", patient(message="{message}", kind="MSH-10"), **wrong("XDSUnknownPatientId")),),
    "ITI-8, not understood": (
        Row(
            PATIENT_RECORD,
            "U",
            (MESSAGE_FEED,),
            ASKED_WITH_CARD,
            outcome=4,
            rule=NOT_UNDERSTOOD,
            told=NO_EVN,
            wire=True,
        ),
    ),
    "ITI-44, added": (record(FEED, "C", patient(message="{message}")),),
    "ITI-44, revised, and told": (
        Row(
            PATIENT_RECORD,
            "R",
            (NOTICE,),
            TOLD,
            (patient("{told}", "{notice}"), patient("{also_told}", "{notice}")),
        ),
        record(FEED, "U", patient(message="{message}")),
    ),
    "ITI-44, merged": (
        record(FEED, "U", patient(message="{message}")),
        record(FEED, "D", patient("{subsumed}", message="{message}")),
    ),
    "ITI-44, wrong": (record(FEED, "U", patient(message="{message}"), **wrong("XDSUnknownPatientId")),),
    "ITI-45": (asked(PIX, "ITI-45", patient(), query(PIX, message="{message}"), patient("{alias}")),),
    "ITI-45, unknown": (
        asked(PIX, "ITI-45", patient(), query(PIX, message="{message}"), **wrong("XDSUnknownPatientId")),
    ),
    "ITI-9": (asked_by_hl7_v2(PIX_2, "ITI-45", patient(), query(PIX_2, **BY_MSH_10), patient("{alias}")),),
    "ITI-9, unknown": (
        asked_by_hl7_v2(PIX_2, "ITI-45", patient(), query(PIX_2, **BY_MSH_10), **wrong("XDSUnknownPatientId")),
    ),
    "ITI-9, not understood": (
        misunderstood(QUERY, "E", PIX_2, "198: expected one identifier, got 0", ASKED_WITH_CARD),
    ),
    "ITI-21": (asked_by_hl7_v2(PDQ_2, "ITI-47", query(PDQ_2, **BY_MSH_10), patient("{found}")),),
    "ITI-21, continued": (asked_by_hl7_v2(PDQ_2, "ITI-47", query(PDQ_2, **BY_MSH_10), patient("{found}")),),
    "ITI-21, cancelled": (asked_by_hl7_v2(PDQ_2, "ITI-47", query(PDQ_2, text="", **BY_MSH_10)),),
    "ITI-47": (asked(PDQ, "ITI-47", query(PDQ, message="{message}"), patient("{found}")),),
    "ITI-47, continued": (asked(PDQ, "ITI-47", query(PDQ, message="{message}"), patient("{found}")),),
    "ITI-47, cancelled": (asked(PDQ, "ITI-47", query(PDQ, message="{message}")),),
    "ITI-47, wrong": (asked(PDQ, "ITI-47", query(PDQ, message="{message}"), **wrong("XDSStoredQueryMissingParam")),),
    "a user of XUA": (
        Row(
            QUERY,
            "E",
            (STORED_QUERY, dmp("TD3.1")),
            SUBMITTED,
            (patient(), query(STORED_QUERY)),
            USER,
            rule=("droit_fonctionnel", "droits_fonctionnels/IHE", "TD3.1 × utilisateur_xua:normal"),
            wire=True,
        ),
    ),
    "a node by TLS": (
        Row(
            QUERY,
            "E",
            (STORED_QUERY, dmp("TD3.1")),
            SUBMITTED_BY_TLS,
            (patient(), query(STORED_QUERY)),
            rule=by_node("TD3.1"),
            wire=True,
        ),
    ),
    "nobody known": (
        Row(
            SECURITY_ALERT,
            "E",
            (NODE_AUTHENTICATION, ("ITI-18", "IHE Transactions", "ITI-18")),
            reported(SUBMITTED),
            outcome=8,
            rule=("authentification", "", ""),
            told="wsse:UnsupportedSecurityToken: wsse:Security: expected a SAML 2.0 assertion, got another token",
            wire=True,
        ),
    ),
    "an action that nobody serves": (
        Row(
            SECURITY_ALERT,
            "E",
            (NODE_AUTHENTICATION,),
            reported(SUBMITTED),
            outcome=8,
            rule=("authentification", "", ""),
            told="expected a wsa:Action that this endpoint serves, got urn:example:DoSomething",
            wire=True,
        ),
    ),
}
