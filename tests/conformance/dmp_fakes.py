"""Answers of a scripted DMP to what is not a document: HL7 V3 interactions, the DMP's own services."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lps_fakes import INS, INS_OID, Answer, Exchange, Script, serving, simple, soap
from lxml import etree

from conformance.lps.client import Lps

HL7, GDP = "urn:hl7-org:v3", "asip:ci-sis:gdp:2010"
SI_DMP_HABILITATIONS, SI_DMP_PATIENTS = "urn:si-dmp-habilitations", "urn:si-dmp-patients"
OBSERVATIONS = "1.2.250.1.213.4.1.2.3"
NS = {"h": HL7, "soap": "http://www.w3.org/2003/05/soap-envelope"}
INS_C = "0740724093302701701806"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def ask(
    folder: Path, script: Script, act: Callable[[Lps], object], name: str = "dr-leblanc"
) -> tuple[Any, list[Exchange]]:
    """What an act of somebody's software gave, and what a scripted server was asked for it."""
    with serving(script) as server:
        lps = Lps.from_demo(folder, name, server=server.address)
        result = act(lps)
        lps.close()
    return result, server.exchanges


def asked(exchange: Exchange) -> etree._Element:
    """What stands in the Body of a request."""
    body = etree.fromstring(exchange.body).find("soap:Body", NS)
    assert body is not None
    assert len(body) == 1
    return body[0]


def vihf_of(exchange: Exchange) -> str:
    """The assertion of a request."""
    header = etree.fromstring(exchange.body).find("soap:Header", NS)
    return etree.tostring(header, encoding="unicode") if header is not None else ""


def outline(element: etree._Element, path: str = "") -> list[str]:
    """Every element in document order: its path, `@` and each attribute but those that HL7 fixes, `=` and its text."""
    here = f"{path}/{etree.QName(element).localname}" if path else etree.QName(element).localname
    said = [
        f"{name.rpartition('}')[2]}={value}"
        for name, value in sorted(element.attrib.items())
        if name not in ("classCode", "moodCode", "determinerCode", "typeCode", "ITSVersion", "contextConductionInd")
    ]
    lines = [here + "".join(f"@{each}" for each in said) + (f"={element.text}" if (element.text or "").strip() else "")]
    for child in element:
        lines += outline(child, here)
    return lines


def acknowledgement(exchange: Exchange, code: str = "AA", detail: str = "", *, as_element: bool = False) -> str:
    identifier = asked(exchange).find("h:id", NS)
    assert identifier is not None
    target = f'<id root="{identifier.get("root")}" extension="{identifier.get("extension")}"/>'
    if detail:
        detail = (
            f'<acknowledgementDetail typeCode="E"><code code="{detail}"/><text>Refusé.</text></acknowledgementDetail>'
        )
    inside = f"<targetMessage>{target}</targetMessage>{detail}"
    if as_element:
        return f'<acknowledgement><typeCode code="{code}"/>{inside}</acknowledgement>'
    return f'<acknowledgement typeCode="{code}">{inside}</acknowledgement>'


def line(code: str, system: str, value: str) -> str:
    return f'<attentionLine><keyWordText code="{code}" codeSystem="{system}"/><value {value}/></attentionLine>'


def authorised(code: str) -> str:
    value = f'{XSI} xsi:type="CV" code="{code}" codeSystem="1.2.250.1.213.4.1.2.6.2"'
    return line("AUTORISATION", "1.2.250.1.213.4.1.2.6.1", value)


def medecin_traitant(value: str) -> str:
    return line("STATUT_MT", "1.2.250.1.213.4.1.2.6.3", f'{XSI} xsi:type="BL" value="{value}"')


def observation(code: str, value: str, *, system: str = OBSERVATIONS, name: str = "subjectOf", text: str = "") -> str:
    return (
        f'<{name}><administrativeObservation><code code="{code}" codeSystem="{system}"/>'
        f"<value {value}>{text}</value></administrativeObservation></{name}>"
    )


def flag(code: str, value: str, *, system: str = OBSERVATIONS, name: str = "subjectOf") -> str:
    return observation(code, f'{XSI} xsi:type="BL" value="{value}"', system=system, name=name)


PERSON = """<patientPerson><name><prefix>Mme</prefix><given>DOMINIQUE</given><family qualifier="SP">PAT-TROIS</family>
  <family qualifier="BR">PAT-DEUX</family></name><telecom value="mailto:d@example.org"/>
  <telecom use="MC" value="tel:0601020304"/><administrativeGenderCode code="F"/><birthTime value="19790328"/>
  <deceasedInd value="false"/><addr><streetAddressLine>1, rue du Quai</streetAddressLine>
  <postalCode>75005</postalCode><city>Paris</city></addr>
  <personalRelationship><code code="FTH" codeSystem="2.16.840.1.113883.1.11.19579"/><addr><city>LILLE</city></addr>
  <telecom use="HP" value="tel:0320"/><relationshipHolder1><name><given>Jean</given><family>REPLEG</family></name>
  </relationshipHolder1></personalRelationship></patientPerson>"""
OPEN = flag("COMPTE_INTERNET_OUVERT", "true", system="1.2.250.1.213.4.1.2.9") + flag("RATTACHEMENT_ENS", "false")
CLOSED = (
    observation("DATE_FERMETURE", f'{XSI} xsi:type="TS" value="20261102101112"')
    + observation("MOTIF_FERMETURE", f'{XSI} xsi:type="CV" code="FERMETURE_DEMANDE_PATIENT"')
    + observation("RAISON_FERMETURE", f'{XSI} xsi:type="ST"', text="Demande écrite")
)
OPPOSITIONS = flag("OPPOSITION_BRIS_DE_GLACE", "true") + flag("OPPOSITION_ACCES_URGENCE", "false")


def patient(status: str, observations: str = "", person: str = PERSON) -> str:
    ids = f'<id root="1.2.250.1.213.1.4.2" extension="{INS_C}"/><id root="{INS_OID}" extension="{INS}"/>'
    return (
        f'<subject><registrationEvent><statusCode code="completed"/><subject1><patient>{ids}'
        f'<statusCode code="{status}"/>{person}{observations}</patient></subject1></registrationEvent></subject>'
    )


def demographics(
    *,
    subject: str = "",
    lines: str = "",
    code: str = "AA",
    detail: str = "",
    response: str = "OK",
    reason: str = "",
) -> Script:
    """PRPA_IN201308UV02."""

    def script(exchange: Exchange) -> Answer:
        why = asked(exchange).find(".//h:reasonCode", NS)
        told = reason or (why.get("code") if why is not None else "")
        content = (
            f'<PRPA_IN201308UV02 xmlns="{HL7}" ITSVersion="XML_1.0">{lines}'
            f'{acknowledgement(exchange, code, detail)}<controlActProcess><reasonCode code="{told}"/>{subject}'
            f'<queryAck><queryResponseCode code="{response}"/></queryAck></controlActProcess></PRPA_IN201308UV02>'
        )
        return simple(soap(exchange.message_id, content))

    return script


def registered(status: str = "active", *, code: str = "AA", detail: str = "", name: str = "") -> Script:
    """The answer to PRPA_IN201311UV02 or PRPA_IN201314UV02: accepted, or with a `detail` refused."""

    def script(exchange: Exchange) -> Answer:
        request = etree.QName(asked(exchange)).localname
        accepted, refused = {
            "PRPA_IN201311UV02": ("PRPA_IN201312UV02", "PRPA_IN201313UV02"),
            "PRPA_IN201314UV02": ("PRPA_IN201315UV02", "PRPA_IN201316UV02"),
        }[request]
        answer = name or (refused if detail else accepted)
        act = "" if detail else f"<controlActProcess>{patient(status)}</controlActProcess>"
        content = (
            f'<g:{request}_Response xmlns:g="{GDP}" xmlns="{HL7}"><{answer} ITSVersion="XML_1.0">'
            f"{acknowledgement(exchange, code, detail)}{act}</{answer}></g:{request}_Response>"
        )
        return simple(soap(exchange.message_id, content))

    return script


def found(*patients: str, code: str = "AA", detail: str = "", response: str = "OK") -> Script:
    """PRPA_IN201306UV02 with the subjects of these patients."""

    def script(exchange: Exchange) -> Answer:
        content = (
            f'<PRPA_IN201306UV02 xmlns="{HL7}">{acknowledgement(exchange, code, detail, as_element=True)}'
            f'<controlActProcess>{"".join(patients)}<queryAck><queryResponseCode code="{response}"/></queryAck>'
            "</controlActProcess></PRPA_IN201306UV02>"
        )
        return simple(soap(exchange.message_id, content))

    return script


def candidate(match: str = "100", opposed: str = "false") -> str:
    return patient(
        "active",
        f'<subjectOf1><queryMatchObservation><code code="POURCENTAGE"/><value {XSI} xsi:type="INT" value="{match}"/>'
        f"</queryMatchObservation></subjectOf1>{flag('OPPOSITION_ACCES_URGENCE', opposed, name='subjectOf2')}",
    )


def output(namespace: str, fields: str = "", *, status: str = "DMPOk", context: str = "") -> Script:
    """The answer of one of the DMP's own services."""

    def script(exchange: Exchange) -> Answer:
        operation = etree.QName(asked(exchange)).localname
        said = f"<context>{context}</context>" if context else ""
        content = (
            f'<{operation}Response xmlns="{namespace}"><output>{fields}<status>{status}</status>{said}</output>'
            f"</{operation}Response>"
        )
        return simple(soap(exchange.message_id, content))

    return script


PATIENT_LINE = f"""<patientlistData><patientIdentifier><nationalId>{INS_C}</nationalId>
  <nationalIdType>1.2.250.1.213.1.4.2</nationalIdType></patientIdentifier><patientIdentifier>
  <nationalId>{INS}</nationalId><nationalIdType>{INS_OID}</nationalIdType></patientIdentifier>
  <lastName>PAT-TROIS</lastName><firstName>DOMINIQUE</firstName><dateOfBirth>19790328</dateOfBirth><MT>true</MT>
  <message>false</message><lastAccessDate>20261001094105</lastAccessDate><lastUpdateDate>20260925134738</lastUpdateDate>
  <lastAddDate>20260925134735</lastAddDate></patientlistData>"""
PROFESSIONAL_LINE = """<listOfAuthorizationByPatient><nationalId>899900000011</nationalId>
  <nationalIdType>1.2.250.1.71.4.2.1</nationalIdType><firstName>Hélène</firstName><lastName>LEBLANC</lastName>
  <codeSpeciality>G15_10/SM26</codeSpeciality><libSpeciality>Médecin - Médecine générale</libSpeciality>
  <startOfAuthorization>20260601135804</startOfAuthorization><lastActionDate>20260601140606</lastActionDate>
  <mode>ACTIVE</mode><specificRight>MEDECIN_TRAITANT</specificRight></listOfAuthorizationByPatient>"""
ACCOUNT = "<login>abcd1234</login><password>s3cret!</password>"


def write_recipient(path: Path, *, guardian: str = "") -> Path:
    """A CDA header that says who the patient is."""
    path.write_text(
        f"""<ClinicalDocument xmlns="{HL7}"><recordTarget><patientRole>
  <id root="{INS_OID}" extension="{INS}"/><id root="1.2.3" extension="IPP"/>
  <addr><streetAddressLine>1, rue du Quai</streetAddressLine><postalCode>75005</postalCode><city>Paris</city></addr>
  <telecom use="MC" value="tel:0601020304"/>
  <patient><name><prefix>Mme</prefix><family qualifier="BR">PAT-DEUX</family><family qualifier="CL">PAT-TROIS</family>
    <given>DOMINIQUE MARIE</given><given qualifier="BR">DOMINIQUE</given></name>
    <administrativeGenderCode code="F"/><birthTime value="19790328"/>{guardian}</patient>
  <providerOrganization><id root="{INS_OID}" extension="1"/></providerOrganization>
</patientRole></recordTarget></ClinicalDocument>""",
        encoding="utf-8",
    )
    return path
