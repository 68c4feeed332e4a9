"""People, organisations and devices of a document, wherever they stand in it: who, in what role, where, how to reach.

Source: HL7 CDA R2 §4.2.2 (participants), §4.3.3; HL7 V3 data types §2.19 to §2.23 (AD, TEL, EN).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lxml import etree

from cda.rendering.markup import Content, listed, tag
from cda.rendering.reading import Source, attribute, child, children, name_of, text_of
from cda.rendering.values import code_text
from schemas import oids

_PERSONS = ("assignedPerson", "relatedPerson", "associatedPerson", "informationRecipient", "guardianPerson")
_DEVICES = ("assignedAuthoringDevice", "playingDevice")
_ORGANIZATIONS = (
    "representedOrganization",
    "scopingOrganization",
    "receivedOrganization",
    "guardianOrganization",
    "representedCustodianOrganization",
    "scopingEntity",
)
_TITLES = {"DR": "Dr", "PR": "Pr", "M": "M.", "MME": "Mme", "MLLE": "Mlle"}  # TRE_R11, TRE_R81
_USES = {
    "H": "domicile",
    "HP": "domicile",
    "HV": "vacances",
    "WP": "travail",
    "DIR": "ligne directe",
    "PUB": "accueil",
    "MC": "mobile",
    "EC": "urgence",
    "AS": "répondeur",
    "TMP": "provisoire",
    "BAD": "hors d'usage",
}
_STREET = ("houseNumber", "houseNumberNumeric", "streetNameType", "streetNameBase", "streetName", "direction")
_IDENTIFIERS = {
    oids.INS_NIR: "INS (NIR)",
    oids.INS_NIA: "INS (NIA)",
    oids.INS_NIR_TEST: "INS de test",
    oids.INS_NIR_DEMO: "INS de démonstration",
    oids.INS_A: "INS-A",
    oids.INS_C: "INS-C",
    oids.PS_ID_NAT: "Identifiant national",
    oids.STRUCT_ID_NAT: "Identifiant de structure",
}
INS = (oids.INS_NIR, oids.INS_NIA, oids.INS_NIR_TEST, oids.INS_NIR_DEMO)


def person_name(name: etree._Element | None) -> str:
    """`Dr Charles DAVID`: the title in use, given names, the family name; the text of a name without parts."""
    if name is None:
        return ""
    if not len(name):
        return text_of(name)
    suffixes, prefixes = ([text_of(each) for each in children(name, part)] for part in ("suffix", "prefix"))
    academic = [_TITLES[each] for each in suffixes if each in ("DR", "PR")]
    titles = academic or [_TITLES.get(each.upper().rstrip("."), each) for each in prefixes]
    others = [each for each in suffixes if each not in ("DR", "PR")]
    parts = [*titles, name_part(name, "given"), name_part(name, "family").upper(), *others]
    return " ".join(filter(None, parts))


def name_part(name: etree._Element, part: str) -> str:
    """Given or family name: the one in use before that of birth."""
    found = children(name, part)
    for qualifier in ("CL", None, "BR"):
        chosen = [text_of(each) for each in found if each.get("qualifier") == qualifier]
        if any(chosen):
            return " ".join(filter(None, chosen))
    return " ".join(map(text_of, found))


def who(role: etree._Element, source: Source) -> str:
    """A role in one line: person, else device, else organisation, else what can be said of it."""
    named = _person(role) or _device(role) or next(iter(_organization_names(role)), "") or text_of(role, "name")
    return named or code_text(child(role, "code"), source)


def who_and_where(role: etree._Element, source: Source) -> str:
    """The same with the organisation."""
    said = who(role, source)
    place = next((name for name in _organization_names(role) if name != said), "")
    return f"{said} ({place})" if said and place else said


def card(role: etree._Element, source: Source, *extra: tuple[str, Content]) -> etree._Element:
    """All that is known of somebody."""
    organizations = [found for name in _ORGANIZATIONS for found in children(role, name)]
    terms: list[tuple[str, Content]] = [
        *extra,
        ("Profession ou rôle", code_text(child(role, "code"), source)),
        ("Identifiant", _lines(map(identifier, children(role, "id")))),
        ("Adresse", _lines(map(address, children(role, "addr")))),
        ("Contact", _lines(map(telecom, children(role, "telecom")))),
    ]
    for organization in organizations:
        terms.append(("Structure", _organization(organization, source)))
    return tag("div", tag("p", who(role, source) or "Non précisé", class_="nom"), listed(terms), class_="fiche")


def identifier(element: etree._Element) -> str:
    """An identifier with the name of who gave it; '' for none."""
    root, extension = attribute(element, "root"), attribute(element, "extension")
    if not root and not extension:
        return ""
    if root in INS:
        return f"{_IDENTIFIERS[root]} {grouped(extension)}"
    authority = _IDENTIFIERS.get(root) or attribute(element, "assigningAuthorityName")
    if authority:
        return f"{authority} {extension}"
    return f"{extension} ({root})" if extension else root


def grouped(ins: str) -> str:
    """A matricule as people read it: 2 79 03 51 215 189 89. Source: Référentiel INS."""
    parts = re.fullmatch(r"([0-9])([0-9]{2})([0-9]{2})([0-9][0-9AB])([0-9]{3})([0-9]{3})([0-9]{2})?", ins)
    return " ".join(filter(None, parts.groups())) if parts else ins


def address(element: etree._Element) -> str:
    """An address on one line."""
    if not len(element):
        return text_of(element)
    lines = [text_of(each) for each in children(element, "streetAddressLine")]
    street = " ".join(filter(None, (text_of(element, part) for part in _STREET)))
    others = [
        text_of(each)
        for each in element
        if name_of(each) in ("additionalLocator", "unitID", "postBox", "deliveryAddressLine", "precinct")
    ]
    town = " ".join(filter(None, (text_of(element, part) for part in ("postalCode", "city"))))
    return ", ".join(
        filter(None, (street, *lines, *others, town, text_of(element, "state"), text_of(element, "country")))
    )


def telecom(element: etree._Element) -> str:
    """A number or address without its scheme, and what it is used for; '' for none."""
    value = re.sub(r"^(tel|mailto|fax):", "", attribute(element, "value"), flags=re.IGNORECASE)
    if not value:
        return ""
    if re.fullmatch(r"0[0-9]{9}", value):
        value = " ".join(value[start : start + 2] for start in range(0, 10, 2))
    fax = "fax" if attribute(element, "value").lower().startswith("fax:") else ""
    uses = [_USES.get(use, use) for use in attribute(element, "use").split()]
    said = ", ".join(filter(None, (fax, *uses)))
    return f"{value} ({said})" if said else value


def _person(role: etree._Element) -> str:
    for name in (*_PERSONS, "playingEntity", "subject"):
        for found in children(role, name):
            if said := person_name(child(found, "name")):
                return said
    return ""


def _device(role: etree._Element) -> str:
    for name in _DEVICES:
        for found in children(role, name):
            parts = (text_of(found, "softwareName"), text_of(found, "manufacturerModelName"))
            if said := " - ".join(dict.fromkeys(filter(None, parts))):
                return said
    return ""


def _organization_names(role: etree._Element) -> list[str]:
    found = [child(each, "name") for name in _ORGANIZATIONS for each in children(role, name)]
    return [said for each in found if (said := text_of(each))]


def _organization(organization: etree._Element, source: Source) -> Content:
    setting = code_text(child(organization, "standardIndustryClassCode"), source)
    return _lines(
        (
            text_of(organization, "name"),
            setting,
            *map(identifier, children(organization, "id")),
            *map(address, children(organization, "addr")),
            *map(telecom, children(organization, "telecom")),
        )
    )


def _lines(said: Iterable[str]) -> Content:
    """Each on a line of its own."""
    return [tag("div", each) for each in said if each]
