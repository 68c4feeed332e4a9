"""The life of a DMP: tested, created, reactivated, administered, closed (TD0.2, TD1.1 to TD1.4).

Sources: HL7 V3 Normative Edition 2008, Patient Topic (PRPA_IN201307 to 201316); GIE SESAM-Vitale, DMP message examples
v02.05 (reason codes, observations).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from conformance.lps.hl7v3 import (
    HL7,
    NS,
    Interaction,
    attribute,
    boolean,
    check_acknowledgement,
    child,
    coded_values,
    interaction,
    malformed,
    query_by_parameter,
    response_code,
    text_of,
    typed,
)
from conformance.lps.people import Patient, Sender
from conformance.lps.submission import dtm
from conformance.lps.traits import Name, Traits, read_person, write_name, write_person
from schemas import oids
from schemas.xml import local_name

GDP = "asip:ci-sis:gdp:2010"  # target namespace of the service's WSDL
QUERY, QUERY_ANSWER = "PRPA_IN201307UV02", "PRPA_IN201308UV02"
ADD, ADDED = "PRPA_IN201311UV02", "PRPA_IN201312UV02"
REVISE, REVISED = "PRPA_IN201314UV02", "PRPA_IN201315UV02"

# Why a message is sent: controlActProcess/reasonCode. Source: GIE SESAM-Vitale, DMP message examples v02.05.
REASONS = "1.2.250.1.213.1.1.4.11"
TEST_EXST, CNSLT_DATA, CREA_RD = "TEST_EXST", "CNSLT_DATA", "CREA_RD"
REAC, MODIF_DATA, FERM = "REAC", "MODIF_DATA", "FERM"

# attentionLine. Same source.
AUTORISATION = ("AUTORISATION", "1.2.250.1.213.4.1.2.6.1")
STATUT_MT = ("STATUT_MT", "1.2.250.1.213.4.1.2.6.3")
AUTHORISATIONS = ("VALIDE", "NON_EXISTE", "INTERDIT", "EXPIRE")

# administrativeObservation. Same source, but for the three of a closed DMP, which no public message has.
_OBSERVATIONS = "1.2.250.1.213.4.1.2.3"
COMPTE_INTERNET_OUVERT = ("COMPTE_INTERNET_OUVERT", "1.2.250.1.213.4.1.2.9")
RATTACHEMENT_ENS = ("RATTACHEMENT_ENS", _OBSERVATIONS)
OPPOSITION_BRIS_DE_GLACE = ("OPPOSITION_BRIS_DE_GLACE", _OBSERVATIONS)
OPPOSITION_ACCES_URGENCE = ("OPPOSITION_ACCES_URGENCE", _OBSERVATIONS)  # centre 15
CONSENTEMENT_OUVERTURE_DMP = ("CONSENTEMENT_OUVERTURE_DMP", _OBSERVATIONS)
CONSENTEMENT_REACTIVATION_DMP = ("CONSENTEMENT_REACTIVATION_DMP", _OBSERVATIONS)
DATE_FERMETURE = ("DATE_FERMETURE", _OBSERVATIONS)
MOTIF_FERMETURE = ("MOTIF_FERMETURE", _OBSERVATIONS)
RAISON_FERMETURE = ("RAISON_FERMETURE", _OBSERVATIONS)

FERMETURE_DEMANDE_PATIENT = "FERMETURE_DEMANDE_PATIENT"
_CLOSING_REASONS = "1.2.250.1.213.4.1.2.4"
_OBSERVED = "h:subjectOf/h:administrativeObservation"

Values = Mapping[tuple[str, str], etree._Element]  # by code and code system


@dataclass(frozen=True, slots=True)
class Closing:
    """When a DMP was closed (TS) and why: a code and a text."""

    date: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Existence:
    """What TD0.2 tells, without the traits of the patient: practice software may not show them (RG_0320).

    `status` is active or terminated, '' where there is no DMP; what is then not known is None.
    """

    status: str
    authorisation: str
    medecin_traitant: bool
    internet_account: bool | None = None
    mon_espace_sante: bool | None = None
    closing: Closing | None = None

    @property
    def exists(self) -> bool:
        """Whether there is a DMP, open or closed."""
        return bool(self.status)


@dataclass(frozen=True, slots=True)
class Oppositions:
    """Which of the emergency accesses the patient is opposed to."""

    bris_de_glace: bool = False
    centre_15: bool = False


@dataclass(frozen=True, slots=True)
class Administrative:
    """The administrative data of a DMP (TD1.3a)."""

    status: str
    traits: Traits
    oppositions: Oppositions
    deceased: bool | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """What is asked for a DMP: the interaction, its reason, the status that the DMP is to have.

    `consent` is the observation and what the patient said; `closing` the code and the text of the closing.
    """

    interaction: str
    reason: str
    status: str = "active"
    consent: tuple[tuple[str, str], bool] | None = None
    oppositions: Oppositions | None = None
    closing: tuple[str, str] | None = None


def write_query(reason: str, patient: Patient, sender: Sender, now: datetime) -> Interaction:
    """PRPA_IN201307UV02: TD0.2 or TD1.3a, by its reason."""
    message = interaction(QUERY, sender, now, reason=(reason, REASONS))
    identifier = child(query_by_parameter(message), "patientIdentifier")
    child(identifier, "value", root=patient.ins_oid, extension=patient.ins)
    child(identifier, "semanticsText", "Patient.id")
    return message


def write_registration(
    asked: Registration, patient: Patient, traits: Traits, sender: Sender, now: datetime
) -> Interaction:
    """PRPA_IN201311UV02 or PRPA_IN201314UV02: TD1.1, TD1.2, TD1.3b or TD1.4."""
    message = interaction(asked.interaction, sender, now, reason=(asked.reason, REASONS))
    subject = child(message.control_act, "subject", typeCode="SUBJ", contextConductionInd="false")
    registration = child(subject, "registrationRequest", classCode="REG", moodCode="RQO")
    child(registration, "statusCode", code="active")
    role = child(child(registration, "subject1", typeCode="SBJ"), "patient", classCode="PAT")
    child(role, "id", root=patient.ins_oid, extension=patient.ins)
    child(role, "statusCode", code=asked.status)
    write_person(role, traits)
    if asked.consent:
        _observation(role, *asked.consent, dtm(now))
    if asked.oppositions:
        _observation(role, OPPOSITION_BRIS_DE_GLACE, asked.oppositions.bris_de_glace)
        _observation(role, OPPOSITION_ACCES_URGENCE, asked.oppositions.centre_15)
    _author(registration, sender)
    if asked.closing:
        reason_of = child(message.control_act, "reasonOf", typeCode="RSON")
        event = child(reason_of, "detectedIssueEvent", classCode="ALRT", moodCode="EVN")
        child(event, "code", code=asked.closing[0], codeSystem=_CLOSING_REASONS)
        child(event, "text", asked.closing[1])
    return message


def _observation(role: etree._Element, code: tuple[str, str], said: bool, time: str = "") -> None:
    subject = child(role, "subjectOf", typeCode="SBJ")
    observation = child(subject, "administrativeObservation", classCode="OBS", moodCode="EVN")
    child(observation, "code", code=code[0], codeSystem=code[1])
    if time:
        child(observation, "effectiveTime", value=time)
    typed(observation, "BL", value=str(said).lower())


def _author(registration: etree._Element, sender: Sender) -> None:
    author = child(registration, "author", typeCode="AUT")
    entity = child(author, "assignedEntity", classCode="ASSIGNED")
    child(entity, "id", root=oids.PS_ID_NAT, extension=sender.name_id)
    if sender.roles:
        child(entity, "code", code=sender.roles[-1].code, codeSystem=sender.roles[-1].system)
    person = child(entity, "assignedPerson", classCode="PSN", determinerCode="INSTANCE")
    user = sender.user or sender.holder
    write_name(person, Name(user.family or user.name, user.given), qualified=False)
    structure = child(entity, "representedOrganization", classCode="ORG", determinerCode="INSTANCE")
    child(structure, "id", root=oids.STRUCT_ID_NAT, extension=sender.structure_id)
    child(structure, "name", sender.structure_name or sender.structure_id)
    child(structure, "contactParty", classCode="CON")


def _read_query(body: etree._Element, sent: Interaction, reason: str) -> etree._Element | None:
    """The patient of PRPA_IN201308UV02, None when there is no DMP. Raises LpsError when it is refused or malformed."""
    name = local_name(body.tag)
    if body.tag != f"{{{HL7}}}{QUERY_ANSWER}":
        raise malformed(QUERY_ANSWER, name, "Body")
    check_acknowledgement(body, sent)
    told = attribute(body, "h:controlActProcess/h:reasonCode", "code")
    if told != reason:
        raise malformed(f"reasonCode {reason}", told or "none", name)
    patient = body.find("h:controlActProcess/h:subject/h:registrationEvent/h:subject1/h:patient", NS)
    if response_code(body) == "NF":
        return None
    if patient is None:
        raise malformed("a patient with queryResponseCode OK", "none", name)
    return patient


def read_existence(body: etree._Element, sent: Interaction) -> Existence:
    """What PRPA_IN201308UV02 tells in TD0.2. Raises LpsError when it is refused or malformed."""
    patient = _read_query(body, sent, TEST_EXST)
    lines = coded_values(body, "h:attentionLine", "h:keyWordText")
    authorisation = str(lines[AUTORISATION].get("code")) if AUTORISATION in lines else "none"
    if authorisation not in AUTHORISATIONS:
        raise malformed(f"AUTORISATION among {', '.join(AUTHORISATIONS)}", authorisation, "attentionLine")
    if patient is None:
        return Existence("", authorisation, False)
    said = coded_values(patient, _OBSERVED)
    return Existence(
        status=_status(patient),
        authorisation=authorisation,
        medecin_traitant=bool(_said(lines, STATUT_MT)),
        internet_account=_said(said, COMPTE_INTERNET_OUVERT),
        mon_espace_sante=_said(said, RATTACHEMENT_ENS),
        closing=_closing(said),
    )


def _closing(said: Values) -> Closing | None:
    if DATE_FERMETURE not in said:
        return None
    code = said.get(MOTIF_FERMETURE)
    return Closing(
        date=str(said[DATE_FERMETURE].get("value") or ""),
        code=str(code.get("code") or "") if code is not None else "",
        reason=text_of(said.get(RAISON_FERMETURE)),
    )


def read_administrative(body: etree._Element, sent: Interaction) -> Administrative | None:
    """What PRPA_IN201308UV02 tells in TD1.3a, None when there is no DMP. Raises LpsError as `read_existence`."""
    patient = _read_query(body, sent, CNSLT_DATA)
    if patient is None:
        return None
    person = patient.find("h:patientPerson", NS)
    if person is None:
        raise malformed("a patientPerson", "none", QUERY_ANSWER)
    said = coded_values(patient, _OBSERVED)
    return Administrative(
        status=_status(patient),
        traits=read_person(person),
        oppositions=Oppositions(
            bris_de_glace=boolean(said.get(OPPOSITION_BRIS_DE_GLACE), OPPOSITION_BRIS_DE_GLACE[0]),
            centre_15=boolean(said.get(OPPOSITION_ACCES_URGENCE), OPPOSITION_ACCES_URGENCE[0]),
        ),
        deceased=None if (deceased := person.find("h:deceasedInd", NS)) is None else boolean(deceased, "deceasedInd"),
    )


def read_registration(body: etree._Element, sent: Interaction) -> str:
    """The status that the DMP has after TD1.1, TD1.2, TD1.3b or TD1.4: active or terminated.

    Raises LpsError when the request is refused, or the answer is none that it has.
    """
    asked = local_name(sent.root.tag)
    accepted = {ADD: ADDED, REVISE: REVISED}[asked]
    if body.tag != f"{{{GDP}}}{asked}_Response":
        raise malformed(f"{asked}_Response", local_name(body.tag), "Body")
    message = next((each for each in body if isinstance(each.tag, str)), None)
    if message is None:
        raise malformed(accepted, "nothing", local_name(body.tag))
    check_acknowledgement(message, sent)
    if message.tag != f"{{{HL7}}}{accepted}":
        raise malformed(f"{accepted} with what was accepted", local_name(message.tag), local_name(body.tag))
    patient = message.find("h:controlActProcess/h:subject/h:registrationEvent/h:subject1/h:patient", NS)
    if patient is None:
        raise malformed("a patient", "none", accepted)
    return _status(patient)


def _status(patient: etree._Element) -> str:
    status = attribute(patient, "h:statusCode", "code")
    if status not in ("active", "terminated"):
        raise malformed("statusCode active or terminated", status or "none", "patient")
    return status


def _said(values: Values, code: tuple[str, str]) -> bool | None:
    return boolean(values[code], code[0]) if code in values else None
