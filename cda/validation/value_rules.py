"""Rules of the values of a header, by their data type: what is absent says nothing, what is there says something.

Source: CI-SIS, volet Structuration minimale de documents de santé v1.16, each participant and act; HL7 V3 data types
§2.1 (ANY), §2.8 (ED, ST), §2.10 (CD), §2.14 (II), §2.18 (AD), §2.20 (EN), §2.22 (TS).
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from cda.validation.finding import Finding
from cda.validation.parties import (
    ADDRESS_PARTS,
    BIRTHPLACE,
    CARE,
    ENCOUNTER,
    FACILITY,
    OID,
    PARTIES,
    UUID,
    of_all,
)
from cda.validation.rule import Rule, attributes, finding, selected
from cda.whole import Whole
from schemas import oids

_EVENT = "c:documentationOf[not(@nullFlavor)]/c:serviceEvent[not(@nullFlavor)]"
_PERFORMER = f"{_EVENT}/c:performer[@typeCode = 'PRF']"
_PARTICIPANT = "c:participant[@typeCode][c:associatedEntity[@classCode]]"
_SIGNED = "[c:signatureCode[@code = 'S']]"
_PATIENT = "c:recordTarget[not(@nullFlavor)]/c:patientRole[c:patient]/c:patient[not(@nullFlavor)]"
_ADDRESSES = (of_all("/c:addr"), BIRTHPLACE, FACILITY)
_NAMES = tuple(  # of participants, ANS lets them be
    f"{party}/{person}/c:name[c:family]"
    for party in PARTIES
    for person in ("c:assignedPerson", "c:relatedPerson", "c:informationRecipient", "c:guardianPerson")
    if "c:associatedEntity" not in party
)
_TITLES = (  # names that are a text
    "c:informant/c:assignedEntity/c:representedOrganization/c:name",
    "c:informationRecipient/c:intendedRecipient/c:receivedOrganization/c:name",
    f"c:authenticator{_SIGNED}/c:assignedEntity[c:id[@root = '{oids.PS_ID_NAT}']]/c:representedOrganization/c:name",
    f"{_PERFORMER}/c:assignedEntity[c:representedOrganization]/c:representedOrganization/c:name",
    f"{ENCOUNTER}/*/c:assignedEntity[c:id[@root = '{oids.PS_ID_NAT}']]/c:representedOrganization/c:name",
    f"{CARE}/c:location/c:name",
    f"{_PATIENT}/c:birthplace/c:place/c:name",
)
_MOMENTS = (
    "c:author[c:assignedAuthor]/c:time",
    "c:dataEnterer/c:time",
    f"c:legalAuthenticator{_SIGNED}/c:time",
    f"c:authenticator{_SIGNED}/c:time",
    f"{_EVENT}/c:effectiveTime/c:low",
    f"{_EVENT}/c:effectiveTime/c:high",
    *(f"{_PARTICIPANT}/c:time/c:{bound}" for bound in ("low", "high")),
    *(f"{ENCOUNTER}/c:effectiveTime/c:{bound}" for bound in ("low", "high")),
)
_PERIODS = (f"{_PARTICIPANT}/c:time", f"{_PERFORMER}/c:time", f"{ENCOUNTER}/c:effectiveTime")
_CODES = (
    "c:author[c:assignedAuthor]/c:functionCode",
    "c:author/c:assignedAuthor[not(@nullFlavor)]/c:code",
    "c:informant/c:assignedEntity/c:code",
    "c:informant/c:relatedEntity[@classCode][c:relatedPerson]/c:code",
    f"c:legalAuthenticator{_SIGNED}/c:assignedEntity/c:code",
    f"c:authenticator{_SIGNED}/c:assignedEntity[c:id[@root = '{oids.PS_ID_NAT}']]/c:code",
    f"{_PARTICIPANT}/c:functionCode",
    f"{_PARTICIPANT}/c:associatedEntity[@classCode]/c:code",
    f"{_EVENT}/c:code",
    f"{_PERFORMER}/c:functionCode",
    f"{_PERFORMER}/c:assignedEntity[c:representedOrganization]/c:code",
    f"{ENCOUNTER}/c:code",
    f"{ENCOUNTER}/c:dischargeDispositionCode",
    f"{CARE}/c:code",
    "c:inFulfillmentOf/c:order/c:code",
    f"{_PATIENT}/c:administrativeGenderCode",
)
_SECTORS = tuple(
    f"{party}/c:standardIndustryClassCode"
    for party in (
        "c:informant/c:assignedEntity/c:representedOrganization",
        f"c:legalAuthenticator{_SIGNED}/c:assignedEntity/c:representedOrganization",
        f"{_PARTICIPANT}/c:associatedEntity[@classCode]/c:scopingOrganization",
    )
)
_IDS = (  # identifiers of which each is held to its type
    "c:typeId",
    "c:templateId",
    "c:author/c:assignedAuthor[not(@nullFlavor)]/c:id",
    "c:informant/c:assignedEntity/c:id",
    f"{_PARTICIPANT}/c:associatedEntity[@classCode]/c:id",
    f"{_PARTICIPANT}/c:associatedEntity[@classCode]/c:scopingOrganization/c:id",
    f"{_PATIENT}/c:guardian/c:id",
    f"{_EVENT}/c:id",
    f"{_PERFORMER}/c:assignedEntity[c:representedOrganization]/c:id",
    f"{ENCOUNTER}/c:id",
    f"{CARE}/c:id",
    "c:inFulfillmentOf/c:order/c:id",
    "c:relatedDocument[@typeCode = 'RPLC']/c:parentDocument[not(@nullFlavor)]/c:id",
)
_SIGNATURES = tuple(
    f"c:{name}{_SIGNED}/c:signatureCode[@code = 'S']" for name in ("legalAuthenticator", "authenticator")
)
_WHOLE = (
    "c:recordTarget[not(@nullFlavor)]/c:patientRole[c:patient]",
    *("c:informant/c:assignedEntity", "c:informant/c:relatedEntity[@classCode][c:relatedPerson]"),
    *(f"{_PATIENT}/c:{name}" for name in ("guardian", "name[not(@nullFlavor)]", "birthTime")),
    of_all("/c:telecom"),
)
_VALUES = " | ".join(
    (*_ADDRESSES, *_NAMES, *_TITLES, *_MOMENTS, *_PERIODS, *_CODES, *_SECTORS, *_IDS, *_SIGNATURES, *_WHOLE)
)
_ABSENT = "*[not(self::c:component)]/descendant-or-self::*[@nullFlavor]"
_EXPLAINED = ("OTH", "NA", "UNC")  # another code, or words, may stand in the place of what is absent
_SAYING = ("root", "extension", "code", "codeSystem", "displayName", "value", "use", "qualifier")
_OTHERWISE = ("extension", "codeSystem")
_WORDS = ("{urn:hl7-org:v3}originalText", "{urn:hl7-org:v3}translation")
_PRESENT = "@nullFlavor or * or normalize-space()"
_MANDATORY = (
    "c:custodian",
    "c:recordTarget[not(@nullFlavor)]/c:patientRole/c:patient",
    "c:author/c:assignedAuthor",
    "c:documentationOf[not(@nullFlavor)]/c:serviceEvent",
    f"{ENCOUNTER}/c:location/c:healthCareFacility",
)

VALUE_RULES = (
    Rule(
        "SM-addr-vide",
        "Structuration minimale, type AD ; HL7 V3, type ST",
        " | ".join(
            f"{each}[not(c:streetAddressLine)]/*[{' or '.join(f'self::c:{part}' for part in ADDRESS_PARTS)}]"
            f" | {each}/c:streetAddressLine"
            for addresses in _ADDRESSES
            for each in addresses.split(" | ")
        ),
        _PRESENT,
        "une partie d'adresse non vide, ou nullFlavor",
        "Remplir cette partie de l'adresse, ou la retirer.",
    ),
    Rule(
        "SM-nom-vide",
        "Structuration minimale, types EN et ON",
        " | ".join(_TITLES),
        _PRESENT,
        "un nom non vide, ou nullFlavor",
        "Donner le nom, ou retirer l'élément.",
    ),
    Rule(
        "SM-originalText-vide",
        "HL7 V3, types CD et ED",
        " | ".join(
            f"{each}/c:originalText"
            for each in (
                "c:author[c:assignedAuthor]/c:functionCode",
                f"{_PARTICIPANT}/c:functionCode",
                "c:informant/c:relatedEntity[@classCode][c:relatedPerson]/c:code",
                "c:inFulfillmentOf/c:order/c:code",
                f"{_EVENT}/c:code",
            )
        ),
        _PRESENT,
        "un originalText non vide, ou nullFlavor",
        "Écrire le libellé, ou retirer originalText.",
    ),
    Rule(
        "SM-date-vide",
        "HL7 V3, type TS ; Structuration minimale",
        " | ".join(_MOMENTS),
        "@nullFlavor or @value or *",
        "@value, ou nullFlavor",
        "Donner la date, ou dire par nullFlavor pourquoi elle manque.",
    ),
    Rule(
        "SM-code-vide",
        "HL7 V3, type CD ; Structuration minimale",
        " | ".join(_CODES),
        "@nullFlavor or @code or c:originalText",
        "@code ou originalText, ou nullFlavor",
        "Donner le code, ou dire par nullFlavor pourquoi il manque.",
    ),
    Rule(
        "SM-id-vide",
        "HL7 V3, type II ; Structuration minimale",
        " | ".join(_IDS),
        "@nullFlavor or @root",
        "@root, ou nullFlavor",
        "Donner root, ou retirer l'identifiant.",
    ),
    Rule(
        "SM-id-valeur",
        "HL7 V3, type II ; Structuration minimale",
        " | ".join((*_IDS, "c:recordTarget[not(@nullFlavor)]/c:patientRole[c:patient]/c:id[not(@nullFlavor)]")),
        f"not(@root) or re:test(@root, '{OID}') or re:test(@root, '{UUID}')",
        "un root qui est un OID ou un UUID",
        "Corriger root.",
        "string(@root)",
    ),
    Rule(
        "SM-obligatoire",
        "Structuration minimale, éléments obligatoires",
        " | ".join(_MANDATORY),
        "not(@nullFlavor)",
        "un élément sans nullFlavor",
        "Cet élément est obligatoire : retirer nullFlavor et dire ce qu'il en est.",
        "string(@nullFlavor)",
    ),
    Rule(
        "SM-participant-time",
        "Structuration minimale, participant/time",
        _PARTICIPANT,
        "count(c:time) = 1",
        "un time",
        "Donner la période de la participation, ou un time avec nullFlavor.",
        "string(count(c:time))",
    ),
    attributes(
        "SM-participant-id",
        "Structuration minimale, participant/associatedEntity/id",
        f"{_PARTICIPANT}/c:associatedEntity[@classCode]/c:id[not(@nullFlavor)]",
        "root",
        "extension",
    ),
    Rule(
        "SM-id-unique",
        "Structuration minimale, participant et performer",
        f"{_PARTICIPANT}/c:associatedEntity[@classCode] | {_PERFORMER}/c:assignedEntity[c:representedOrganization]",
        "count(c:id) <= 1",
        "au plus un id",
        "Ne garder qu'un identifiant.",
        "string(count(c:id))",
    ),
    Rule(
        "SM-performer-structure",
        "Structuration minimale, performer",
        _PERFORMER,
        "c:assignedEntity[c:representedOrganization]",
        "un assignedEntity avec representedOrganization",
        "Donner la structure de l'exécutant.",
    ),
)
_ABSENT_VALUE = Rule(
    "SM-absent-type",
    "HL7 V3, type ANY ; Structuration minimale",
    ".",
    "true()",
    "avec nullFlavor, ni contenu ni valeur ; avec OTH, NA ou UNC, rien d'autre qu'un codeSystem, une extension, un "
    "originalText ou une translation",
    "Retirer nullFlavor, ou ce que l'élément dit.",
)


def value_findings(whole: Whole) -> Iterator[Finding]:
    """What a value says although it is absent, itself or in a part."""
    absent = selected(_ABSENT, whole)
    values = set(selected(_VALUES, whole)) if absent else set()
    for element in absent:
        if _says_something(element) and not values.isdisjoint((element, *element.iterancestors())):
            yield finding(
                _ABSENT_VALUE, whole, element, f"{etree.QName(element).localname} {element.get('nullFlavor')}"
            )


def _says_something(element: etree._Element) -> bool:
    """Whether an absent element says anything that it may not."""
    said = {name for name in _SAYING if name in element.attrib}
    children = [each.tag for each in element.iterchildren(etree.Element)]
    if not said and not children and not "".join(element.xpath("text()")).strip():
        return False
    otherwise = said.intersection(_OTHERWISE) or any(tag in _WORDS for tag in children)
    return not (element.get("nullFlavor") in _EXPLAINED and otherwise and said.issubset(_OTHERWISE))
