"""The traits of a person in HL7 V3: names, addresses, birth time and gender, read and written. Pure.

Source: ITI TF-2 Table 3.44.4.1.2.2-1 (Patient, Person); HL7 V3 Data Types, PN, AD, TEL and TS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from lxml import etree

from identities.demographics import FAMILY, GIVEN, PREFIX, Address, Demographics, Part, PersonName, Telecom
from identities.dossier import Traits
from ihe.hl7v3 import absent, child, children, said, wrong
from ihe.markup import attribute, text
from registry.errors import Finding
from schemas.xml import local_name

NAME_PARTS = frozenset({FAMILY, GIVEN, PREFIX, "suffix", "delimiter"})
ADDRESS_PARTS = frozenset(
    {
        *("delimiter", "country", "state", "county", "city", "postalCode", "streetAddressLine", "houseNumber"),
        *("houseNumberNumeric", "direction", "streetName", "streetNameBase", "streetNameType", "additionalLocator"),
        *("unitID", "unitType", "careOf", "censusTract", "deliveryAddressLine", "deliveryInstallationType"),
        *("deliveryInstallationArea", "deliveryInstallationQualifier", "deliveryMode", "deliveryModeIdentifier"),
        *("buildingNumberSuffix", "postBox", "precinct"),
    }
)
MOTHER = "MTH"  # PersonalRelationshipRoleType
GENDERS = {"M": "M", "F": "F"}  # AdministrativeGender; UN, and whatever else, is U in the traits
UNDIFFERENTIATED = "UN"

_DIGITS = r"\d{4}(?:\d{2}(?:\d{2}(?:\d{2}(?:\d{2}(?:\d{2})?)?)?)?)?"
_TIME = re.compile(rf"(?P<time>{_DIGITS})(?:\.\d+)?(?:[+-]\d{{4}})?", re.ASCII)


def read_traits(person: etree._Element, where: str = "patient/patientPerson") -> tuple[Traits, list[Finding]]:
    """What a Person says, and what of it cannot be understood; `where` it stands in the message."""
    names = sorted(filter(None, map(read_name, children(person, "name"))), key=lambda name: not name.legal)
    birth = next((name for name in names if name.birth_family), names[0] if names else PersonName(()))
    used = names[0] if names else birth
    gender, born = child(person, "administrativeGenderCode"), child(person, "birthTime")
    time, findings = "", []
    if born is not None:
        time = read_time(born.get("value", ""))
        if not time:
            expected = "YYYY[MM[DD[hhmm[ss]]]], a date of the calendar"
            findings.append(wrong("birthTime", expected, "another text", f"{where}/birthTime"))
    family = birth.birth_family or " ".join(birth.texts(FAMILY)[:1])
    traits = Traits(
        birth_family=family,
        birth_given=" ".join(birth.texts(GIVEN)),
        birth_date=_date(time),
        sex=GENDERS.get(gender.get("code", ""), "U") if gender is not None else "",
        used_family="" if used.used_family == family else used.used_family,
        used_given="" if used is birth else " ".join(used.texts(GIVEN)),
        birth_time="" if len(time) == 8 else time,
        demographics=Demographics(
            names=tuple(names),
            addresses=tuple(filter(None, map(read_address, children(person, "addr")))),
            telecoms=tuple(filter(None, map(read_telecom, children(person, "telecom")))),
            mothers_maiden_name=_mother(person),
        ),
    )
    return traits, findings


def read_name(element: etree._Element) -> PersonName | None:
    """A PN; None for one that says nothing. White space between parts means nothing."""
    parts = _parts(element, NAME_PARTS)
    return PersonName(parts, element.get("use", "")) if parts else None


def read_address(element: etree._Element) -> Address | None:
    """An AD; None for one that says nothing."""
    parts = _parts(element, ADDRESS_PARTS)
    return Address(parts, element.get("use", "")) if parts else None


def read_telecom(element: etree._Element) -> Telecom | None:
    """A TEL; None for one that says nothing."""
    value = element.get("value", "").strip()
    return Telecom(value, element.get("use", "")) if value else None


def read_time(value: str) -> str:
    """The digits of a TS, without fraction and zone; '' for what is no time of the calendar."""
    match = _TIME.fullmatch(value.strip())
    if match is None:
        return ""
    time = match["time"]
    hour, minute, second = (int(time[at : at + 2] or 0) for at in (8, 10, 12))
    month, day = time[4:6] or "01", time[6:8] or "01"
    try:
        date(int(time[:4]), int(month), int(day))
    except ValueError:
        return ""
    return time if hour < 24 and minute < 60 and second < 61 else ""


def write_names(names: Iterable[PersonName]) -> str:
    """One name element for each; one without a value when there is none: the schema wants one."""
    return "".join(map(_name, names)) or '<hl7:name nullFlavor="UNK"/>'


def write_addresses(addresses: Iterable[Address]) -> str:
    """One addr element for each."""
    return "".join(f"<hl7:addr{_use(each.use)}>{_written(each.parts)}</hl7:addr>" for each in addresses)


def write_telecoms(telecoms: Iterable[Telecom]) -> str:
    """One telecom element for each."""
    return "".join(f'<hl7:telecom value="{attribute(each.value)}"{_use(each.use)}/>' for each in telecoms)


def write_person(traits: Traits) -> str:
    """What stands in a patientPerson, in the order of the schema, but for other identifiers."""
    gender = GENDERS.get(traits.sex, UNDIFFERENTIATED) if traits.sex else ""
    return (
        write_names(traits.names)
        + write_telecoms(traits.demographics.telecoms)
        + (f'<hl7:administrativeGenderCode code="{gender}" codeSystem="2.16.840.1.113883.5.1"/>' if gender else "")
        + (f'<hl7:birthTime value="{traits.birth_text}"/>' if traits.birth_text else "")
        + write_addresses(traits.demographics.addresses)
    )


def write_mother(traits: Traits) -> str:
    """The personalRelationship that has the mother's maiden name, when it is known."""
    name = traits.demographics.mothers_maiden_name
    if name is None:
        return ""
    return (
        '<hl7:personalRelationship classCode="PRS"><hl7:code code="MTH" codeSystem="2.16.840.1.113883.5.111"/>'
        '<hl7:relationshipHolder1 classCode="PSN" determinerCode="INSTANCE">'
        f"{_name(name)}</hl7:relationshipHolder1></hl7:personalRelationship>"
    )


def _mother(person: etree._Element) -> PersonName | None:
    for each in children(person, "personalRelationship"):
        code, name = child(each, "code"), child(each, "relationshipHolder1/name")
        if code is not None and code.get("code") == MOTHER and name is not None:
            return read_name(name)
    return None


def _parts(element: etree._Element, kinds: frozenset[str]) -> tuple[Part, ...]:
    """The parts of a name or address; text that stands in none of them is a part of no kind."""
    found = [Part("", " ".join((element.text or "").split()))]
    for each in element:
        kind = local_name(each.tag)
        if kind in kinds and not absent(each):
            found.append(Part(kind, said(each), each.get("qualifier", "")))
        found.append(Part("", " ".join((each.tail or "").split())))
    return tuple(part for part in found if part.text)


def _date(time: str) -> date | None:
    return date(int(time[:4]), int(time[4:6]), int(time[6:8])) if len(time) >= 8 else None


def _name(name: PersonName) -> str:
    return f"<hl7:name{_use(name.use)}>{_written(name.parts)}</hl7:name>"


def _written(parts: Iterable[Part]) -> str:
    return "".join(
        f"<hl7:{part.kind}{_qualified(part.qualifier)}>{text(part.text)}</hl7:{part.kind}>"
        if part.kind
        else text(part.text)
        for part in parts
    )


def _use(use: str) -> str:
    return f' use="{attribute(use)}"' if use else ""


def _qualified(qualifier: str) -> str:
    return f' qualifier="{attribute(qualifier)}"' if qualifier else ""
