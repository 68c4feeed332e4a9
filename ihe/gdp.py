"""The management of a DMP by HL7 V3: what a message is about, and the answers around what `ihe.gdp_patient` writes.

Source: GIE SESAM-Vitale, DMP message examples v02.05, TD0.2, TD0.5, TD1.1 to TD1.4; HL7 V3 2009 Normative Edition
(acknowledgement.typeCode is an attribute there, but in PRPA_IN201306UV02).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dmp.acces import Candidate, Existence
from dmp.administration import AdministrativeData, Registered
from dmp.patient_search import Question
from habilitations.patient_rules import Autorisation
from identities.requester import PatientId
from ihe import iti47
from ihe.gdp_patient import write_administrative_data, write_candidate, write_existing, write_registered_patient
from ihe.hl7v3 import (
    Device,
    Identifier,
    Message,
    Stamp,
    child,
    children,
    missing,
    read_patient_id,
    write_detail,
    write_transmission,
    wrong,
)
from ihe.hl7v3_query import Ack, query_id, raw_query, read_query, write_control_act
from ihe.identifiers import GDP
from ihe.iti45 import write_event
from ihe.markup import attribute
from ihe.transactions import Transaction
from registry.errors import Finding, RegistryError, Severity
from schemas import oids

QUERY, QUERY_ANSWER = "PRPA_IN201307UV02", "PRPA_IN201308UV02"
CREATION, CREATED, NOT_CREATED = "PRPA_IN201311UV02", "PRPA_IN201312UV02", "PRPA_IN201313UV02"
REVISION, REVISED, NOT_REVISED = "PRPA_IN201314UV02", "PRPA_IN201315UV02", "PRPA_IN201316UV02"
REASONS = {
    QUERY: {"TEST_EXST": Transaction.TD0_2, "CNSLT_DATA": Transaction.TD1_3A},
    CREATION: {"CREA_RD": Transaction.TD1_1},
    REVISION: {"REAC": Transaction.TD1_2, "MODIF_DATA": Transaction.TD1_3B, "FERM": Transaction.TD1_4},
}
_ANSWERS = {CREATION: (CREATED, NOT_CREATED), REVISION: (REVISED, NOT_REVISED)}
_DMP = Device((Identifier(oids.DMP_DEVICE),), software="DMP")


# --- Reading ----------------------------------------------------------------------------------------------------------


def read_transaction(message: Message) -> Transaction:
    """Which of the transactions of its interaction a message is: its reason tells. Raises RegistryError."""
    served = REASONS[message.interaction]
    expected = f"{' or '.join(served)} (codeSystem {oids.MOTIF_GESTION})"
    reasons = children(message.control_act, "reasonCode")
    if len(reasons) != 1:
        got = "several" if reasons else "none"
        raise RegistryError([missing("reasonCode", expected, "reasonCode", got)])
    code, system = reasons[0].get("code", ""), reasons[0].get("codeSystem", "")
    if code not in served or system != oids.MOTIF_GESTION:
        raise RegistryError([missing("reasonCode", expected, "reasonCode", f"{code[:32]} ({system[:32]})")])
    return served[code]


def read_dossier_query(message: Message) -> tuple[PatientId, Question]:
    """Whose dossier a PRPA_IN201307UV02 is about. Raises RegistryError."""
    query, where = read_query(message), "patientIdentifier/value"
    values = children(query.parameters, where)
    if len(values) != 1:
        got = "several" if values else "none"
        raise RegistryError([missing("patientIdentifier", "exactly one value", where, got)])
    patient = read_patient_id(values[0])
    if isinstance(patient, str):
        raise RegistryError([wrong("patientIdentifier", patient, "another one", where)])
    return patient, query.question


# --- Writing ----------------------------------------------------------------------------------------------------------


def write_existence(message: Message, stamp: Stamp, found: Existence) -> bytes:
    """The answer to TD0.2: OK with the dossier, or NF."""
    attention = _attention(
        "AUTORISATION",
        oids.AUTORISATION,
        f'xsi:type="hl7:CV" code="{found.autorisation.value}" codeSystem="{oids.STATUT_AUTORISATION}"',
    ) + _attention("STATUT_MT", oids.STATUT_MT, f'xsi:type="hl7:BL" value="{str(found.medecin_traitant).lower()}"')
    let_in = found.autorisation is Autorisation.VALIDE
    patient = ""
    if found.dossier is not None:
        patient = write_existing(found.dossier, internet_account=found.internet_account, let_in=let_in)
    act = _query_act(message, patient, "OK" if found.dossier else "NF")
    return _answer(message, stamp, QUERY_ANSWER, (), act, attention).encode()


def write_consulted(message: Message, stamp: Stamp, found: AdministrativeData) -> bytes:
    """The answer to TD1.3a."""
    act = _query_act(message, write_administrative_data(found), "OK")
    return _answer(message, stamp, QUERY_ANSWER, (), act).encode()


def write_query_failure(message: Message, stamp: Stamp, findings: Sequence[Finding]) -> bytes:
    """AE in both places, and nothing of a dossier."""
    return _answer(message, stamp, QUERY_ANSWER, findings, _query_act(message, "", "AE")).encode()


def write_registered(message: Message, stamp: Stamp, registered: Registered) -> bytes:
    """What was asked by PRPA_IN201311UV02 or PRPA_IN201314UV02 is done."""
    accepted, _ = _ANSWERS[message.interaction]
    act = _act(f"{_reason(message)}{_event(write_registered_patient(registered.dossier))}")
    return _response(message, _answer(message, _numbered(stamp), accepted, registered.warnings, act))


def write_registration_failure(message: Message, stamp: Stamp, findings: Sequence[Finding]) -> bytes:
    """It is not done, and why."""
    _, refused = _ANSWERS[message.interaction]
    return _response(message, _answer(message, _numbered(stamp), refused, findings, _act(_reason(message))))


def write_candidates(message: Message, stamp: Stamp, found: Sequence[Candidate]) -> bytes:
    """The answer to TD0.5: OK with one event for each patient, or NF."""
    ack = Ack("OK" if found else "NF", len(found), len(found))
    events = "".join(write_event(write_candidate(each), _DMP) for each in found)
    act = write_control_act(message, iti47.TRIGGER, events, ack, raw_query(message))
    return _answer(message, stamp, iti47.RESPONSE, (), act).encode()


def write_no_candidates(message: Message, stamp: Stamp, findings: Sequence[Finding]) -> bytes:
    """AE in both places, and nobody."""
    act = write_control_act(message, iti47.TRIGGER, "", Ack("AE", 0), raw_query(message))
    return _answer(message, stamp, iti47.RESPONSE, findings, act).encode()


def _answer(
    message: Message, stamp: Stamp, interaction: str, findings: Sequence[Finding], act: str, attention: str = ""
) -> str:
    """An answer of the DMP: `attention` stands before the acknowledgement, the control act after it."""
    code = "AE" if any(found.severity is Severity.ERROR for found in findings) else "AA"
    details = "".join(write_detail(message, each, f'<hl7:code code="{each.code.value}"/>') for each in findings)
    target = f"<hl7:targetMessage>{message.id.written('hl7:id')}</hl7:targetMessage>{details}"
    acknowledged = (
        f'<hl7:acknowledgement><hl7:typeCode code="{code}"/>{target}</hl7:acknowledgement>'
        if interaction == iti47.RESPONSE
        else f'<hl7:acknowledgement typeCode="{code}">{target}</hl7:acknowledgement>'
    )
    return write_transmission(
        interaction,
        stamp,
        sender=_DMP,
        receiver=message.sender,
        processing_code="P",
        accept_ack_code="NE",
        content=attention + acknowledged + act,
    )


def _response(message: Message, answer: str) -> bytes:
    """An answer in the element that the WSDL has around it."""
    name = f"{message.interaction}_Response"
    return f'<gdp:{name} xmlns:gdp="{GDP}">{answer}</gdp:{name}>'.encode()


def _numbered(stamp: Stamp) -> Stamp:
    return replace(stamp, root=oids.DMP_MESSAGE)


def _attention(word: str, system: str, value: str) -> str:
    return (
        f'<hl7:attentionLine><hl7:keyWordText code="{word}" codeSystem="{system}"/><hl7:value {value}/>'
        "</hl7:attentionLine>"
    )


def _query_act(message: Message, patient: str, code: str) -> str:
    element = child(message.control_act, "queryByParameter")
    identifier = query_id(element) if element is not None else None
    asked = identifier.written("hl7:queryId") if identifier and identifier.root else ""
    ack = f'<hl7:queryAck>{asked}<hl7:queryResponseCode code="{code}"/></hl7:queryAck>'
    return _act(f"{_reason(message)}{_event(patient) if patient else ''}{ack}")


def _act(content: str) -> str:
    return f'<hl7:controlActProcess classCode="CACT" moodCode="EVN">{content}</hl7:controlActProcess>'


def _reason(message: Message) -> str:
    """The reason as it came, when there is one."""
    found = child(message.control_act, "reasonCode")
    if found is None:
        return ""
    said = ((name, found.get(name, "")) for name in ("code", "codeSystem", "displayName"))
    attributes = "".join(f' {name}="{attribute(value)}"' for name, value in said if value)
    return f"<hl7:reasonCode{attributes}/>"


def _event(patient: str) -> str:
    return (
        '<hl7:subject typeCode="SUBJ" contextConductionInd="false"><hl7:registrationEvent classCode="REG" '
        f'moodCode="EVN"><hl7:statusCode code="completed"/><hl7:subject1 typeCode="SBJ">{patient}</hl7:subject1>'
        '<hl7:custodian typeCode="CST"><hl7:assignedEntity classCode="ASSIGNED">'
        f"{_DMP.ids[0].written('hl7:id')}</hl7:assignedEntity></hl7:custodian></hl7:registrationEvent></hl7:subject>"
    )
