"""Each rule of ours, broken by one change of a document that breaks none; each finding with its place."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
from cda_vectors import FOLDER
from lxml import etree

from cda.validation.check import Report, validate
from cda.validation.code_rules import _LISTS, VALUE_SETS
from cda.validation.finding import Severity, Source
from cda.validation.header_rules import HEADER
from cda.validation.party_rules import _NULL_BESIDE, _SAME, PARTY_RULES
from cda.validation.value_rules import _ABSENT_VALUE, VALUE_RULES
from schemas import oids
from schemas.xml import parse

NS = {"c": "urn:hl7-org:v3"}
Change = Callable[[etree._Element], None]
EVENT = "c:documentationOf/c:serviceEvent"
FACILITY = "c:componentOf/c:encompassingEncounter/c:location/c:healthCareFacility/c:code"
LEGAL = "c:legalAuthenticator/c:assignedEntity"


def gone(element: etree._Element) -> None:
    element.getparent().remove(element)


def twice(element: etree._Element) -> None:
    element.addnext(deepcopy(element))


def without(name: str) -> Change:
    return lambda element: element.attrib.pop(name)


def said(name: str, value: str) -> Change:
    return lambda element: element.set(name, value)


def replaced(element: etree._Element) -> None:
    """Two documents, of which none is named."""
    for _ in range(2):
        element.addprevious(
            parse(b'<relatedDocument xmlns="urn:hl7-org:v3" typeCode="RPLC"><parentDocument/></relatedDocument>')
        )


def made_by_a_device(element: etree._Element) -> None:
    for child in list(element):
        element.remove(child)
    element.tag = "{urn:hl7-org:v3}assignedAuthoringDevice"


def in_words(element: etree._Element) -> None:
    element.text = "4 rue des Lilas"


def worded(element: etree._Element) -> None:
    element.append(parse(b'<originalText xmlns="urn:hl7-org:v3"/>'))


def emptied(element: etree._Element) -> None:
    element.text = None


def joined(*ids: str, time: str = "<time nullFlavor='UNK'/>") -> Change:
    """Somebody who takes part, before that element."""

    def change(element: etree._Element) -> None:
        inside = f"<associatedEntity classCode='ECON'>{''.join(ids)}</associatedEntity>"
        whole = f"<participant xmlns='urn:hl7-org:v3' typeCode='INF'>{time}{inside}</participant>"
        element.addprevious(parse(whole.encode()))

    return change


def unknown_too(element: etree._Element) -> None:
    element.addnext(parse(b'<telecom xmlns="urn:hl7-org:v3" nullFlavor="UNK"/>'))


# rule -> where the discharge letter is changed, and how
BROKEN: dict[str, tuple[str, Change]] = {
    "SM-realmCode": ("c:realmCode", said("code", "US")),
    "SM-templateId-1": ("c:templateId[1]", gone),
    "SM-templateId-2": ("c:templateId[2]", twice),
    "SM-templateId-3": ("c:templateId[3]", gone),
    "SM-templateId-4": ("c:templateId[3]", said("root", oids.TEMPLATE_CR_BIO)),
    "SM-id": ("c:id", said("nullFlavor", "UNK")),
    "SM-id-root": ("c:id", without("root")),
    "SM-code": ("c:code", said("nullFlavor", "UNK")),
    "SM-code-attributs": ("c:code", without("displayName")),
    "SM-title": ("c:title", gone),
    "SM-effectiveTime": ("c:effectiveTime", said("nullFlavor", "UNK")),
    "SM-effectiveTime-value": ("c:effectiveTime", without("value")),
    "SM-confidentialityCode": ("c:confidentialityCode", said("nullFlavor", "UNK")),
    "SM-confidentialityCode-attributs": ("c:confidentialityCode", without("displayName")),
    "SM-languageCode": ("c:languageCode", gone),
    "SM-languageCode-forme": ("c:languageCode", said("code", "français")),
    "SM-setId": ("c:setId", gone),
    "SM-setId-root": ("c:setId", without("root")),
    "SM-versionNumber": ("c:versionNumber", gone),
    "SM-versionNumber-value": ("c:versionNumber", without("value")),
    "SM-relatedDocument": ("c:componentOf", replaced),
    "SM-relatedDocument-id": ("c:componentOf", replaced),
    "SM-recordTarget": ("c:recordTarget", twice),
    "SM-patientRole": ("c:recordTarget/c:patientRole/c:patient", gone),
    "SM-patient-id": ("c:recordTarget/c:patientRole/c:id", said("nullFlavor", "UNK")),
    "SM-patient-id-attributs": ("c:recordTarget/c:patientRole/c:id[2]", without("extension")),
    "SM-patient-name": ("c:recordTarget//c:patient/c:name", twice),
    "SM-patient-family": ("c:recordTarget//c:patient/c:name/c:family", gone),
    "SM-patient-given": ("c:recordTarget//c:patient/c:name/c:given", gone),
    "SM-patient-family-qualifier": ("c:recordTarget//c:patient/c:name/c:family[1]", said("qualifier", "SP")),
    "SM-patient-given-qualifier": ("c:recordTarget//c:patient/c:name/c:given[2]", said("qualifier", "AC")),
    "SM-patient-gender": ("c:recordTarget//c:administrativeGenderCode", without("code")),
    "SM-patient-gender-present": ("c:recordTarget//c:administrativeGenderCode", gone),
    "SM-patient-birthTime": ("c:recordTarget//c:birthTime", without("value")),
    "SM-patient-birthTime-present": ("c:recordTarget//c:birthTime", gone),
    "SM-INS-traits": ("c:recordTarget//c:birthplace", gone),
    "SM-author": ("c:author", said("nullFlavor", "UNK")),
    "SM-author-time": ("c:author/c:time", without("value")),
    "SM-author-id": ("c:author/c:assignedAuthor/c:id", without("extension")),
    "SM-author-code": ("c:author/c:assignedAuthor/c:code", without("displayName")),
    "SM-author-name": ("c:author//c:assignedPerson/c:name/c:family", gone),
    "SM-author-device": ("c:author//c:assignedPerson", made_by_a_device),
    "SM-custodian-id": ("c:custodian//c:id", said("nullFlavor", "UNK")),
    "SM-custodian-root": ("c:custodian//c:id", said("root", "1.2.3")),
    "SM-legalAuthenticator": ("c:legalAuthenticator", gone),
    "SM-legalAuthenticator-time": ("c:legalAuthenticator/c:time", without("value")),
    "SM-legalAuthenticator-id": (f"{LEGAL}/c:id", said("nullFlavor", "UNK")),
    "SM-legalAuthenticator-id-attributs": (f"{LEGAL}/c:id", without("extension")),
    "SM-legalAuthenticator-name": (f"{LEGAL}/c:assignedPerson/c:name/c:family", gone),
    "SM-documentationOf": ("c:documentationOf", gone),
    "SM-documentationOf-performer": (f"{EVENT}/c:performer", gone),
    "SM-documentationOf-effectiveTime": (f"{EVENT}/c:effectiveTime", gone),
    "SM-serviceEvent-low": (f"{EVENT}/c:effectiveTime/c:low", gone),
    "SM-serviceEvent-low-value": (f"{EVENT}/c:effectiveTime/c:low", without("value")),
    "SM-performer-cadre": (f"{EVENT}//c:standardIndustryClassCode", gone),
    "SM-componentOf": ("c:componentOf", gone),
    "SM-encompassingEncounter": ("c:componentOf/c:encompassingEncounter/c:location", gone),
    "SM-healthCareFacility-code": (FACILITY, gone),
    "SM-healthCareFacility-code-attributs": (FACILITY, without("displayName")),
    "SM-personne-name": ("c:author//c:assignedPerson/c:name", twice),
    "SM-personne-parties": (f"{LEGAL}/c:assignedPerson/c:name/c:given", twice),
    "SM-organisation-name": (f"{LEGAL}/c:representedOrganization/c:name", twice),
    "SM-organisation-id": ("c:author//c:representedOrganization/c:id", without("extension")),
    "SM-organisation-id-unique": (f"{LEGAL}/c:representedOrganization/c:id", twice),
    "SM-id-forme": ("c:id", said("root", "SHA-1")),
    "SM-cadre-attributs": (f"{EVENT}//c:standardIndustryClassCode", without("displayName")),
    "SM-telecom": (f"{LEGAL}/c:telecom", said("value", "0299000000")),
    "SM-telecom-use": (f"{LEGAL}/c:telecom", said("use", "AS")),
    "SM-addr-parties": ("c:recordTarget//c:patientRole/c:addr/c:city", twice),
    "SM-addr-contenu": ("c:recordTarget//c:patientRole/c:addr", in_words),
    "SM-absent": ("c:recordTarget//c:patientRole/c:addr", said("nullFlavor", "UNK")),
    "SM-absent-valeur": ("c:recordTarget//c:patient", said("nullFlavor", "UNK")),
    "SM-absent-id": (f"{LEGAL}/c:representedOrganization/c:id", said("nullFlavor", "UNK")),
    "SM-absent-code": (f"{EVENT}/c:performer/c:assignedEntity/c:code", said("nullFlavor", "UNK")),
    "SM-repetition": (f"{LEGAL}/c:telecom", twice),
    "SM-absent-a-cote": (f"{LEGAL}/c:telecom", unknown_too),
    "SM-addr-vide": ("c:recordTarget//c:patientRole/c:addr/c:city", emptied),
    "SM-nom-vide": (f"{EVENT}//c:representedOrganization/c:name", emptied),
    "SM-originalText-vide": (f"{EVENT}/c:code", worded),
    "SM-date-vide": (f"{EVENT}/c:effectiveTime/c:high", without("value")),
    "SM-code-vide": (f"{EVENT}/c:performer/c:assignedEntity/c:code", without("code")),
    "SM-id-vide": ("c:templateId[3]", without("root")),
    "SM-id-valeur": ("c:author/c:assignedAuthor/c:id", said("root", "RPPS")),
    "SM-obligatoire": ("c:author/c:assignedAuthor", said("nullFlavor", "UNK")),
    "SM-participant-time": ("c:documentationOf", joined(time="")),
    "SM-participant-id": ("c:documentationOf", joined("<id root='1.2.3'/>")),
    "SM-id-unique": ("c:documentationOf", joined(*(f"<id root='1.2.3' extension='{each}'/>" for each in "12"))),
    "SM-performer-structure": (f"{EVENT}/c:performer/c:assignedEntity/c:representedOrganization", gone),
    "SM-absent-type": (f"{LEGAL}/c:assignedPerson/c:name", said("nullFlavor", "UNK")),
    "JDV-code": ("c:code", said("code", "0-0")),
    "JDV-auteur": ("c:author/c:assignedAuthor/c:code", said("code", "G15_10/XX")),
    "JDV-responsable": (f"{LEGAL}/c:code", said("code", "G15_10/XX")),
    "JDV-cadre": (f"{EVENT}//c:standardIndustryClassCode", said("code", "AILLEURS")),
    "JDV-structure": (FACILITY, said("code", "SA00")),
    "JDV-sexe": ("c:recordTarget//c:administrativeGenderCode", said("code", "X")),
    "JDV-confidentialite": ("c:confidentialityCode", said("code", "X")),
    "JDV-rencontre": ("c:componentOf/c:encompassingEncounter/c:code", said("code", "X")),
}  # fmt: skip


def letter() -> etree._Element:
    return parse((FOLDER / "discharge_letter.xml").read_bytes())


def report(document: etree._Element) -> Report:
    return validate([etree.tostring(document)])


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.xml")), ids=lambda path: path.name)
def test_our_vectors_break_no_rule(path: object) -> None:
    found = validate([path.read_bytes()])  # type: ignore[attr-defined]
    assert found.conforms
    assert {finding.rule for finding in found.findings} <= {"MODELE-inconnu", "TEXTE-reference"}


def test_every_rule_has_a_document_that_breaks_it() -> None:
    rules = {rule.name for rule in (*HEADER, *PARTY_RULES, *VALUE_RULES, _SAME, _NULL_BESIDE, _ABSENT_VALUE)} | {
        coded.rule.name for coded in VALUE_SETS
    }
    assert rules | {coded.rule.name for coded, _ in _LISTS} == set(BROKEN)


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_told_with_its_place(rule: str) -> None:
    document = letter()
    path, change = BROKEN[rule]
    elements = document.xpath(path, namespaces=NS)
    assert elements, path
    for element in elements:
        change(element)
    found = report(document)
    (first, *_) = [finding for finding in found.findings if finding.rule == rule]
    assert first.severity is Severity.ERROR and not found.conforms
    assert first.source is Source.RULES and first.line > 0 and first.path.startswith("/ClinicalDocument")
    assert all((first.clause, first.expected, first.found, first.remedy))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ('nullFlavor="UNK"', False),
        ('nullFlavor="OTH" codeSystem="1.2.3"', False),
        ('nullFlavor="NA"><originalText>x</originalText', False),
        ('nullFlavor="UNK"><originalText>x</originalText', True),
        ('nullFlavor="UNK" codeSystem="1.2.3"', True),
        ('nullFlavor="OTH" code="1" codeSystem="1.2.3"', True),
        ('nullFlavor="NA" displayName="x"', True),
    ],
)
def test_what_an_absent_value_may_say(value: str, says: bool) -> None:
    document = letter()
    (code,) = document.xpath("c:author/c:functionCode", namespaces=NS)
    code.getparent().replace(code, parse(f'<functionCode xmlns="urn:hl7-org:v3" {value}></functionCode>'.encode()))
    assert ("SM-absent-type" in {each.rule for each in report(document).findings}) is says


def test_sections_of_a_model() -> None:
    document = parse((FOLDER / "lab_report.xml").read_bytes())
    for section in document.xpath("//c:section[c:templateId/@root='1.3.6.1.4.1.19376.1.3.3.2.1']", namespaces=NS):
        gone(section.getparent())
    (finding,) = [each for each in report(document).findings if each.rule.startswith("BIO-CR-BIO-section")]
    assert finding.found == "0" and "Chapitre de biologie" in finding.expected
    assert finding.path == "/ClinicalDocument/component/structuredBody"


def test_an_unknown_model_is_said() -> None:
    document = parse((FOLDER / "lab_report.xml").read_bytes())
    for template in document.xpath("c:templateId[position() > 2]", namespaces=NS):
        template.set("root", "1.2.3")
    found = report(document)
    assert [(each.rule, each.severity) for each in found.findings if "MODELE" in each.rule] == [
        ("MODELE-inconnu", Severity.INFORMATION)
    ]
    assert found.model is None
