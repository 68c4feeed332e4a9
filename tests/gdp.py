"""Messages that manage a DMP, as practice software sends them: the shape of the DMP's public examples, values of ours.

answer = Counter(village.lps("medecin")).create(patient, person(), consent=True)
assert answer.accepted

Everything is in a default namespace, optional parts are there with xsi:nil, WS-Addressing marks have no namespace.

Source: GIE SESAM-Vitale, DMP message examples v02.05, TD0.2, TD0.5, TD1.1 to TD1.4.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

import schemas
from conformance.lps.client import Lps
from conformance.lps.people import Patient
from conformance.lps.vihf import Access
from schemas.xml import parse

HL7, GDP = "urn:hl7-org:v3", "asip:ci-sis:gdp:2010"
NS = {"h": HL7, "env": "http://www.w3.org/2003/05/soap-envelope", "a": "http://www.w3.org/2005/08/addressing"}
PATIENTS_PATH = "/ihe/patients"
SIMPLE = "application/soap+xml; charset=UTF-8"
REASON_SYSTEM, CONSENT_SYSTEM, CLOSING_SYSTEM = (
    "1.2.250.1.213.1.1.4.11",
    "1.2.250.1.213.4.1.2.3",
    "1.2.250.1.213.4.1.2.4",
)
INS_C = "1.2.250.1.213.1.4.2"
SCHEMA = etree.XMLSchema(file=str(Path(schemas.__file__).parent / "dmp" / "gdp.xsd"))
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
NORMAL = Access()
OPENING, REOPENING = "CONSENTEMENT_OUVERTURE_DMP", "CONSENTEMENT_REACTIVATION_DMP"
NO_BRIS_DE_GLACE, NO_CENTRE_15 = "OPPOSITION_BRIS_DE_GLACE", "OPPOSITION_ACCES_URGENCE"


def name(used: str = "", given: str = "", birth: str = "", prefix: str = "") -> str:
    return (
        "<name>"
        + (f"<prefix>{escape(prefix)}</prefix>" if prefix else "")
        + (f'<family qualifier="SP">{escape(used)}</family>' if used else "")
        + (f'<family qualifier="BR">{escape(birth)}</family>' if birth else "")
        + (f"<given>{escape(given)}</given>" if given else "")
        + "</name>"
    )


def telecom(value: str, use: str = "") -> str:
    return f"<telecom value={quoteattr(value)}{f' use={quoteattr(use)}' if use else ''}/>"


def address(street: str, postal_code: str, city: str) -> str:
    return (
        f"<addr><streetAddressLine>{escape(street)}</streetAddressLine><postalCode>{postal_code}</postalCode>"
        f"<city>{escape(city)}</city></addr>"
    )


def representative(code: str, family: str, given: str, contacts: str = "") -> str:
    return (
        f'<personalRelationship classCode="PRS"><code code="{code}" codeSystem="2.16.840.1.113883.1.11.19579"/>'
        f'{contacts}<relationshipHolder1 classCode="PSN" determinerCode="INSTANCE">'
        f"<name><family>{escape(family)}</family><given>{escape(given)}</given></name>"
        "</relationshipHolder1></personalRelationship>"
    )


def person(
    said: str = "",
    *,
    telecoms: str = "",
    gender: str = "F",
    birth: str = "19790328",
    addresses: str = "",
    more: str = "",
    deceased: str = "",
) -> str:
    """A patientPerson: `said` is its name."""
    return (
        f'<patientPerson classCode="PSN" determinerCode="INSTANCE">{said or name("TESSIER", "ALBANE", "VASSEUR")}'
        + telecoms
        + (f'<administrativeGenderCode code="{gender}"/>' if gender else "")
        + (f'<birthTime value="{birth}"/>' if birth else "")
        + (f'<deceasedInd value="{deceased}"/>' if deceased else "")
        + f"{addresses}{more}</patientPerson>"
    )


def observation(code: str, value: str, system: str = CONSENT_SYSTEM) -> str:
    return (
        f'<subjectOf typeCode="SBJ"><administrativeObservation classCode="OBS" moodCode="EVN"><code code="{code}" '
        f'codeSystem="{system}"/><value {XSI} xsi:type="BL" value="{value}"/></administrativeObservation></subjectOf>'
    )


def answers(said: Mapping[str, bool]) -> str:
    return "".join(observation(code, str(value).lower()) for code, value in said.items())


def reason_code(code: str, system: str = REASON_SYSTEM) -> str:
    return f'<reasonCode code="{code}" codeSystem="{system}" displayName="un motif"/>' if code else ""


def message(interaction: str, act: str, identifier: str = "") -> str:
    """An interaction with its wrapper."""
    nothing = f'{XSI} xsi:nil="true"'
    return (
        f'<{interaction} xmlns="{HL7}" ITSVersion="XML_1.0"><id root="2.999.7.1" '
        f'extension="{identifier or uuid.uuid4()}"/><creationTime value="20261128093000"/>'
        f'<interactionId root="2.16.840.1.113883.1.6" extension="{interaction}"/><processingCode code="D"/>'
        '<processingModeCode code="T"/><acceptAckCode code="AL"/><receiver typeCode="RCV"><device classCode="DEV" '
        'determinerCode="INSTANCE"><id root="1.2.250.1.213.4.1.1.1"/><softwareName>DMP</softwareName>'
        f'<asAgent {nothing}/></device></receiver><sender typeCode="SND"><device classCode="DEV" '
        'determinerCode="INSTANCE"><id root="2.999.7"/><softwareName>Logiciel &amp; Cie</softwareName></device>'
        f'</sender><attentionLine {nothing}/><controlActProcess classCode="CACT" moodCode="EVN">{act}'
        f"</controlActProcess></{interaction}>"
    )


def dossier_query(reason: str, patient: Patient, query_id: str = "q1", parameters: str = "") -> str:
    nothing = f'{XSI} xsi:nil="true"'
    asked = parameters or (
        f'<patientIdentifier><value root="{patient.ins_oid}" extension="{patient.ins}"/>'
        "<semanticsText>Patient.id</semanticsText></patientIdentifier>"
    )
    act = (
        f'{reason}<reasonOf {nothing}/><queryByParameter><queryId root="2.999.7.2" extension="{query_id}"/>'
        f'<statusCode code="new"/><parameterList><dataSource {nothing}/>{asked}</parameterList></queryByParameter>'
    )
    return message("PRPA_IN201307UV02", act)


def registration(
    interaction: str,
    reason: str,
    patient: Patient | str,
    said: str,
    *,
    status: str = "active",
    observations: str = "",
    issue: str = "",
) -> str:
    """A request for a registration; `patient` may be the id elements themselves."""
    ids = patient if isinstance(patient, str) else f'<id root="{patient.ins_oid}" extension="{patient.ins}"/>'
    act = (
        f'{reason}<subject typeCode="SUBJ" contextConductionInd="false"><registrationRequest classCode="REG" '
        f'moodCode="RQO"><statusCode code="active"/><subject1 typeCode="SBJ"><patient classCode="PAT">{ids}'
        f'<statusCode code="{status}"/>{said}{observations}</patient></subject1><author typeCode="AUT">'
        '<assignedEntity classCode="ASSIGNED"><id root="1.2.250.1.71.4.2.1" extension="899700000000"/>'
        '<assignedPerson classCode="PSN" determinerCode="INSTANCE"><name><family>MARTIN</family></name>'
        "</assignedPerson></assignedEntity></author></registrationRequest></subject>"
        f"{issue}"
    )
    return message(interaction, act)


def issue(code: str = "FERMETURE_DEMANDE_PATIENT", text: str = "à ma demande", system: str = CLOSING_SYSTEM) -> str:
    return (
        '<reasonOf typeCode="RSON"><detectedIssueEvent classCode="ALRT" moodCode="EVN">'
        f'<code code="{code}" codeSystem="{system}"/><text>{escape(text)}</text></detectedIssueEvent></reasonOf>'
    )


def traits_query(parameters: str, query_id: str = "q5") -> str:
    act = (
        '<code code="PRPA_TE201305UV02" codeSystem="2.16.840.1.113883.1.6"/><queryByParameter><queryId '
        f'root="2.999.7.2" extension="{query_id}"/><statusCode code="new"/><parameterList>{parameters}'
        "</parameterList></queryByParameter>"
    )
    return message("PRPA_IN201305UV02", act)


def by_family(family: str, given: str = "") -> str:
    parts = f"<family>{escape(family)}</family>" + (f"<given>{escape(given)}</given>" if given else "")
    return f"<livingSubjectName><value>{parts}</value><semanticsText>x</semanticsText></livingSubjectName>"


@dataclass(frozen=True, slots=True)
class Told:
    """An answer of the DMP."""

    http_status: int
    root: etree._Element

    @property
    def content(self) -> etree._Element:
        """What stands in the Body."""
        found = self.root.find("env:Body", NS)
        assert found is not None
        return found[0]

    @property
    def body(self) -> etree._Element:
        """The interaction, without what the WSDL has around it."""
        return self.content[0] if etree.QName(self.content).namespace == GDP else self.content

    @property
    def interaction(self) -> str:
        return etree.QName(self.body).localname

    @property
    def action(self) -> str:
        return self.root.findtext("env:Header/a:Action", "", NS)

    @property
    def fault(self) -> str:
        return self.root.findtext(".//env:Fault/env:Reason/env:Text", "", NS)

    @property
    def acknowledged(self) -> str:
        """acknowledgement/@typeCode, or the element of PRPA_IN201306UV02."""
        found = self.body.find("h:acknowledgement", NS)
        assert found is not None
        element = found.find("h:typeCode", NS)
        return found.get("typeCode", "") if element is None else element.get("code", "")

    @property
    def accepted(self) -> bool:
        return self.acknowledged == "AA" and not self.errors

    @property
    def answered(self) -> str:
        """queryResponseCode."""
        return self.code_at("h:controlActProcess/h:queryAck/h:queryResponseCode")

    @property
    def details(self) -> list[tuple[str, str, str]]:
        """typeCode, code and text of each acknowledgementDetail."""
        found = self.body.findall("h:acknowledgement/h:acknowledgementDetail", NS)
        return [
            (each.get("typeCode", ""), each.find("h:code", NS).get("code", ""), each.findtext("h:text", "", NS))  # type: ignore[union-attr]
            for each in found
        ]

    @property
    def errors(self) -> list[str]:
        return [code for kind, code, _ in self.details if kind == "E"]

    @property
    def attention(self) -> dict[str, str]:
        """The attention lines: keyword -> value."""
        return {
            each.find("h:keyWordText", NS).get("code"): each.find("h:value", NS).get("code")  # type: ignore
            or each.find("h:value", NS).get("value")  # type: ignore[union-attr]
            for each in self.body.findall("h:attentionLine", NS)
        }

    @property
    def patients(self) -> list[etree._Element]:
        return self.body.findall("h:controlActProcess/h:subject/h:registrationEvent/h:subject1/h:patient", NS)

    @property
    def patient(self) -> etree._Element:
        (found,) = self.patients
        return found

    @property
    def status(self) -> str:
        found = self.patient.find("h:statusCode", NS)
        assert found is not None
        return found.get("code", "")

    @property
    def ids(self) -> list[tuple[str, str]]:
        return [(each.get("extension", ""), each.get("root", "")) for each in self.patient.findall("h:id", NS)]

    @property
    def observations(self) -> dict[str, str]:
        """What is observed of the patient: code -> value, code or text."""
        found = self.patient.findall(".//h:administrativeObservation", NS)
        return {
            each.find("h:code", NS).get("code"): each.find("h:value", NS).get("value")  # type: ignore
            or each.find("h:value", NS).get("code")  # type: ignore[union-attr]
            or each.findtext("h:value", "", NS)
            for each in found
        }

    def text(self, path: str) -> str:
        """The text at a path below the patientPerson."""
        return self.patient.findtext(f"h:patientPerson/{path}", "", NS)

    def values(self, path: str) -> list[str]:
        """The value attributes at a path below the patientPerson."""
        return [each.get("value", "") for each in self.patient.findall(f"h:patientPerson/{path}", NS)]

    def code_at(self, path: str) -> str:
        found = self.body.find(path, NS)
        return "" if found is None else found.get("code", "")


def envelope(action: str, assertion: bytes, body: str) -> bytes:
    """An envelope whose marks are written as the public examples have them."""
    addressing = "http://www.w3.org/2005/08/addressing"
    declared = assertion.strip()
    declared = declared[declared.index(b"?>") + 2 :] if declared.startswith(b"<?xml") else declared
    head = (
        f'<soap:Envelope xmlns:soap="{NS["env"]}"><soap:Header><MessageID xmlns="{addressing}">'
        f'{uuid.uuid4().urn}</MessageID><To xmlns="{addressing}"/><ReplyTo mustUnderstand="true" '
        f'xmlns="{addressing}"><Address>{addressing}/anonymous</Address></ReplyTo><Action mustUnderstand="true" '
        f'xmlns="{addressing}">{action}</Action><wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/'
        'oasis-200401-wss-wssecurity-secext-1.0.xsd">'
    )
    return (
        head.encode()
        + declared
        + f"</wsse:Security></soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>".encode()
    )


@dataclass
class Counter:
    """The software of one professional at the counter, in one access mode."""

    lps: Lps
    access: Access = NORMAL

    def send(self, body: str, patient: Patient | None, action: str = "") -> Told:
        """Any message, with an assertion for `patient`."""
        action = action or f"{HL7}:{etree.QName(parse(body.encode())).localname}"
        content = envelope(action, self.lps.assertion(patient, self.access), body)
        with self.lps._transport.post(PATIENTS_PATH, SIMPLE, len(content), [content]) as response:
            return Told(response.status, parse(response.read()))

    def existence(self, patient: Patient, asserted: Patient | None = None) -> Told:
        return self.send(dossier_query(reason_code("TEST_EXST"), patient), asserted or patient)

    def consult(self, patient: Patient) -> Told:
        return self.send(dossier_query(reason_code("CNSLT_DATA"), patient), patient)

    def find(self, parameters: str, patient: Patient | None = None) -> Told:
        return self.send(traits_query(parameters), patient)

    def create(self, patient: Patient, said: str = "", answered: Mapping[str, bool] | None = None) -> Told:
        observed = answers({OPENING: True} if answered is None else answered)
        request = registration(
            "PRPA_IN201311UV02", reason_code("CREA_RD"), patient, said or person(), observations=observed
        )
        return self.send(request, patient)

    def reactivate(self, patient: Patient, answered: Mapping[str, bool] | None = None) -> Told:
        observed = answers({REOPENING: True} if answered is None else answered)
        said = person(gender="", birth="")
        return self.send(
            registration("PRPA_IN201314UV02", reason_code("REAC"), patient, said, observations=observed), patient
        )

    def amend(self, patient: Patient, said: str, answered: Mapping[str, bool] | None = None) -> Told:
        request = registration(
            "PRPA_IN201314UV02", reason_code("MODIF_DATA"), patient, said, observations=answers(answered or {})
        )
        return self.send(request, patient)

    def close(self, patient: Patient, why: str = "") -> Told:
        said = person(gender="", birth="")
        return self.send(
            registration(
                "PRPA_IN201314UV02", reason_code("FERM"), patient, said, status="terminated", issue=why or issue()
            ),
            patient,
        )
