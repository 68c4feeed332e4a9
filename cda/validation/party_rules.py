"""Rules of the people and organisations of a header, whoever they are: names, addresses, telecoms, absent values.

Source: CI-SIS, volet Structuration minimale de documents de santé v1.16 (types PN, ON, AD, TEL, II and nullFlavor, and
each participant); HL7 V3 data types §2.14, §2.20 to §2.23.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from cda.document import HL7_V3
from cda.validation.finding import Finding
from cda.validation.parties import (
    ADDRESS_PARTS,
    BIRTHPLACE,
    CARE,
    FACILITY,
    OID,
    PARTIES,
    PATIENT,
    UUID,
    of_all,
    of_organizations,
    of_persons,
)
from cda.validation.rule import Rule, attributes, finding, selected
from cda.whole import Whole
from schemas import oids

_WHOLE = (  # parties that are all of them values which may be absent
    PATIENT,
    "c:dataEnterer",
    "c:informant/c:assignedEntity",
    "c:informant/c:relatedEntity[@classCode][c:relatedPerson]",
    "c:participant[@typeCode]/c:associatedEntity[@classCode]/c:scopingOrganization",
)
_ABSENT = "[@nullFlavor != 'OTH' and @nullFlavor != 'NA' and @nullFlavor != 'UNC']"
_SAYING = ("root", "extension", "code", "displayName", "value", "use", "qualifier")
_RECIPIENT = f"{{{HL7_V3}}}intendedRecipient"
_SETTING = (
    "c:documentationOf[not(@nullFlavor)]/c:serviceEvent[not(@nullFlavor)]/c:performer[@typeCode = 'PRF']"
    "/c:assignedEntity/c:representedOrganization/c:standardIndustryClassCode[not(@nullFlavor)]"
)
_ABSENT_TELECOM = ("UNK", "NASK", "ASKU", "NAV", "MSK")
_BARE = "not(*) and not(normalize-space()) and count(@*[not(name() = 'xsi:type' or name() = 'use')]) = 1"
_USES = " or ".join(f"@use = '{use}'" for use in ("H", "HP", "HV", "WP", "DIR", "PUB", "EC", "MC", "PG"))

PARTY_RULES = (
    Rule(
        "SM-personne-name",
        "Structuration minimale, personnes de l'en-tête",
        " | ".join(
            f"{party}/{person}"
            for party in PARTIES  # of a performer the name may be left out
            if "c:performer" not in party
            for person in ("c:assignedPerson", "c:guardianPerson", "c:associatedPerson[c:name]", "c:relatedPerson")
        ),
        "count(c:name[c:family]) = 1",
        "un seul name avec family",
        "Donner un seul nom à la personne.",
        "string(count(c:name[c:family]))",
    ),
    Rule(
        "SM-personne-parties",
        "Structuration minimale, type PN",
        of_persons("/c:name[c:family]"),
        "count(c:family) <= 1 and count(c:given) <= 1 and count(c:prefix) <= 1 and count(c:suffix) <= 1",
        "au plus un family, un given, un prefix et un suffix",
        "Réunir dans un seul élément chaque partie du nom.",
        "concat(count(c:family), ' family, ', count(c:given), ' given, ', count(c:prefix), ' prefix, ', "
        "count(c:suffix), ' suffix')",
    ),
    Rule(
        "SM-organisation-name",
        "Structuration minimale, organisations de l'en-tête",
        of_organizations(""),
        "count(c:name) <= 1",
        "au plus un name",
        "Ne garder qu'un nom de l'organisation.",
        "string(count(c:name))",
    ),
    Rule(
        "SM-organisation-id",
        "Structuration minimale, identifiant d'une structure",
        " | ".join(
            f"{party}/{organization}/c:id[@root = '{oids.STRUCT_ID_NAT}']"
            for party in PARTIES
            for organization in ("c:representedOrganization", "c:receivedOrganization")
        ),
        "@extension",
        "@extension",
        "Donner le Struct_IdNat de la structure.",
    ),
    Rule(
        "SM-organisation-id-unique",
        "Structuration minimale, identifiant d'une structure",
        of_organizations(""),
        f"count(c:id[@root = '{oids.STRUCT_ID_NAT}']) <= 1",
        "au plus un Struct_IdNat",
        "Ne garder qu'un identifiant national de la structure.",
        f"string(count(c:id[@root = '{oids.STRUCT_ID_NAT}']))",
    ),
    Rule(
        "SM-id-forme",
        "HL7 V3, type II ; Structuration minimale",
        "c:id[not(@nullFlavor)] | c:setId[not(@nullFlavor)]",  # of others, ANS holds some and lets some be
        f"re:test(@root, '{OID}') or re:test(@root, '{UUID}')",
        "un root qui est un OID ou un UUID",
        "Corriger root.",
        "string(@root)",
    ),
    attributes(
        "SM-cadre-attributs", "Structuration minimale, performer", _SETTING, "code", "codeSystem", "displayName"
    ),
    Rule(
        "SM-telecom",
        "Structuration minimale, type TEL",
        of_all("/c:telecom"),
        "re:test(@value, '^(tel|fax|mailto|http|ftp|mllp):.') and not(@nullFlavor) or not(@value) and ("
        + " or ".join(f"@nullFlavor = '{each}'" for each in _ABSENT_TELECOM)
        + f") and {_BARE}",
        "préfixe:valeur (tel, fax, mailto, http, ftp ou mllp), ou un nullFlavor seul (UNK, NASK, ASKU, NAV ou MSK)",
        "Faire précéder le numéro ou l'adresse de son préfixe.",
        "concat(@value, ' ', @nullFlavor)",
    ),
    Rule(
        "SM-telecom-use",
        "Structuration minimale, type TEL",
        of_all("/c:telecom[@use]"),
        _USES,
        "un use parmi H, HP, HV, WP, DIR, PUB, EC, MC, PG",
        "Corriger use, ou l'omettre.",
        "string(@use)",
    ),
    Rule(
        "SM-addr-parties",
        "Structuration minimale, type AD",
        f"{of_all('/c:addr[not(c:streetAddressLine)]')} | {BIRTHPLACE}[not(c:streetAddressLine)]"
        f" | {FACILITY}[not(c:streetAddressLine)]",
        " and ".join(f"count(c:{part}) <= 1" for part in ADDRESS_PARTS),
        "au plus une fois chaque partie d'une adresse",
        "Réunir dans un seul élément chaque partie de l'adresse.",
    ),
    Rule(
        "SM-addr-contenu",
        "Structuration minimale, type AD",
        f"{of_all('/c:addr')} | {BIRTHPLACE} | {FACILITY}",
        "boolean(@nullFlavor) or boolean(*) != boolean(text()[normalize-space()])",
        "des éléments, ou du texte, ou nullFlavor",
        "Mettre chaque partie de l'adresse dans son élément.",
    ),
    Rule(
        "SM-absent",
        "HL7 V3, nullFlavor ; Structuration minimale",
        " | ".join(
            of_all(inside)
            for inside in (
                f"/c:addr{_ABSENT}",
                f"/c:addr/*{_ABSENT}",
            )
        ),
        "not(*) and not(text()[normalize-space()])",
        "avec nullFlavor, aucun contenu",
        "Retirer nullFlavor, ou le contenu.",
        "string(@nullFlavor)",
    ),
    Rule(
        "SM-absent-valeur",
        "HL7 V3, type ANY ; Structuration minimale",
        " | ".join(f"{each}/descendant-or-self::*{_ABSENT}" for each in _WHOLE),
        f"not(*) and not(text()[normalize-space()]) and not({' or '.join(f'@{each}' for each in _SAYING)})",
        "avec nullFlavor, ni contenu ni valeur",
        "Retirer nullFlavor, ou ce que l'élément dit.",
        "concat(name(), ' ', @nullFlavor)",
    ),
    Rule(
        "SM-absent-id",
        "HL7 V3, type II ; Structuration minimale",
        of_all("/c:id[@nullFlavor]"),
        "not(@root)",
        "avec nullFlavor, pas de root",
        "Retirer nullFlavor, ou l'identifiant.",
        "string(@root)",
    ),
    Rule(
        "SM-absent-code",
        "HL7 V3, type CD ; Structuration minimale",
        " | ".join(f"{party}/c:code[@nullFlavor]" for party in PARTIES),
        "not(@code) and not(@displayName)",
        "avec nullFlavor, ni code ni displayName",
        "Retirer nullFlavor, ou le code.",
        "concat(@code, ' ', @displayName)",
    ),
)
_SAME = Rule(
    "SM-repetition",
    "Structuration minimale ; HL7 RIM, collections sans doublon",
    ".",
    "true()",
    "des identifiants, des adresses et des télécommunications tous différents",
    "Retirer la répétition.",
)
_NULL_BESIDE = Rule(
    "SM-absent-a-cote",
    "Structuration minimale ; HL7 RIM, nullFlavor",
    ".",
    "true()",
    "pas de nullFlavor à côté d'une valeur",
    "Retirer l'élément qui porte nullFlavor.",
)


def party_findings(whole: Whole) -> Iterator[Finding]:
    """What a party says twice, or both says and leaves out."""
    for party in selected(f"{of_all('')} | {of_persons('')} | {CARE}", whole):
        for name in ("id", "addr", "telecom", "name"):
            elements = party.findall(f"{{{HL7_V3}}}{name}")
            told = [each for each in elements if each.get("nullFlavor") is None]
            if told and name in ("addr", "telecom"):
                for absent in (each for each in elements if each.get("nullFlavor") is not None):
                    yield finding(_NULL_BESIDE, whole, absent, f"{name} {absent.get('nullFlavor')}")
            seen = set()
            for element in elements if name == "addr" else told:
                value = _value(element)
                if value is not None and value in seen:
                    yield finding(_SAME, whole, element, f"{name} en double")
                seen.add(value)


def _value(element: etree._Element) -> tuple[str, str] | None:
    """What makes an identifier, address or telecom the same as another; None where nothing does."""
    if element.tag == f"{{{HL7_V3}}}telecom":
        use, value = element.get("use"), element.get("value")
        return None if use is None or value is None else (use, value)
    if element.tag == f"{{{HL7_V3}}}id":
        root = element.get("root", "")
        return None if _is_let_be(element, root) else (root, element.get("extension", ""))
    uses = "".join(each.get("use", "") for each in element.iter(etree.Element))
    return uses, "".join(map(str, element.itertext()))


def _is_let_be(element: etree._Element, root: str) -> bool:
    """Whether it is an identifier that ANS does not look at: a second one of people whom their PS_IdNat names."""
    party = element.getparent()
    above = None if party is None else party.getparent()
    named = {f"{{{HL7_V3}}}{each}" for each in ("authenticator", "responsibleParty", "encounterParticipant")}
    national = party is not None and (party.tag == _RECIPIENT or (above is not None and above.tag in named))
    return national and root != oids.PS_ID_NAT
