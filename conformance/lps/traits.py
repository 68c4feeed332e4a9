"""The person of a patient in HL7 V3: names, sex, birth, addresses, legal representatives; written and read.

Sources: HL7 V3 Normative Edition 2008, PRPA_MT201301UV02.Person (order of elements); GIE SESAM-Vitale, DMP message
examples v02.05 (which of them the DMP uses).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from conformance.lps.hl7v3 import NS, attribute, child, text_of

USED, BIRTH = "SP", "BR"  # EntityNamePartQualifier, as the DMP uses it
RELATIONSHIP = "2.16.840.1.113883.1.11.19579"  # HL7 V3, FamilyMember


@dataclass(frozen=True, slots=True)
class Telecom:
    """`tel:` or `mailto:` and the number or address; `use` is HP (home), MC (mobile), WP (work) or ''."""

    value: str
    use: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address."""

    street: tuple[str, ...] = ()
    locator: str = ""  # additionalLocator: building, residence
    postal_code: str = ""
    city: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name; `used` is the family name in use, `birth` that of birth."""

    used: str = ""
    given: str = ""
    birth: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Representative:
    """A legal representative. `code` is the relationship: FTH, MTH ..."""

    code: str
    name: Name
    address: Address | None = None
    telecoms: tuple[Telecom, ...] = ()


@dataclass(frozen=True, slots=True)
class Traits:
    """Who a patient is. `birth_date` is YYYYMMDD; `sex` is M, F or UN."""

    name: Name
    sex: str = ""
    birth_date: str = ""
    telecoms: tuple[Telecom, ...] = ()
    address: Address | None = None
    representatives: tuple[Representative, ...] = ()


def of_line(line: Mapping[str, Any]) -> Traits:
    """What a line of patients.json says; its family name is that of birth, and in use."""
    family, given, sex, born = (str(line.get(key) or "") for key in ("family", "given", "sex", "birth_date"))
    return Traits(Name(family, given, family), sex, born.replace("-", ""))


def write_person(parent: etree._Element, traits: Traits) -> None:
    """Adds a patientPerson."""
    person = child(parent, "patientPerson", classCode="PSN", determinerCode="INSTANCE")
    write_name(person, traits.name)
    _write_telecoms(person, traits.telecoms)
    if traits.sex:
        child(person, "administrativeGenderCode", code=traits.sex)
    if traits.birth_date:
        child(person, "birthTime", value=traits.birth_date)
    _write_address(person, traits.address)
    for each in traits.representatives:
        relationship = child(person, "personalRelationship", classCode="PRS")
        child(relationship, "code", code=each.code, codeSystem=RELATIONSHIP)
        _write_address(relationship, each.address)
        _write_telecoms(relationship, each.telecoms)
        holder = child(relationship, "relationshipHolder1", classCode="PSN", determinerCode="INSTANCE")
        write_name(holder, each.name, qualified=False)


def write_name(parent: etree._Element, name: Name, *, qualified: bool = True) -> None:
    """Adds a name; the family name in use is marked as such when `qualified`."""
    element = child(parent, "name", nullFlavor="" if name != Name() else "UNK")
    if name.prefix:
        child(element, "prefix", name.prefix)
    if name.used:
        child(element, "family", name.used, qualifier=USED if qualified else "")
    if name.birth:
        child(element, "family", name.birth, qualifier=BIRTH)
    if name.given:
        child(element, "given", name.given)


def _write_telecoms(parent: etree._Element, telecoms: tuple[Telecom, ...]) -> None:
    for telecom in telecoms:
        child(parent, "telecom", value=telecom.value, use=telecom.use)


def _write_address(parent: etree._Element, address: Address | None) -> None:
    if address is None:
        return
    element = child(parent, "addr")
    lines = [("streetAddressLine", line) for line in address.street]
    parts = ("additionalLocator", "postalCode", "city", "country")
    values = (address.locator, address.postal_code, address.city, address.country)
    for part, value in (*lines, *zip(parts, values, strict=True)):
        if value:
            child(element, part, value)


def read_person(person: etree._Element) -> Traits:
    """What a patientPerson says."""
    return Traits(
        name=read_name(person),
        sex=attribute(person, "h:administrativeGenderCode", "code"),
        birth_date=attribute(person, "h:birthTime", "value")[:8],
        telecoms=read_telecoms(person),
        address=read_address(person),
        representatives=tuple(
            Representative(
                code=attribute(each, "h:code", "code"),
                name=read_name(holder),
                address=read_address(each),
                telecoms=read_telecoms(each),
            )
            for each in person.iterfind("h:personalRelationship", NS)
            if (holder := each.find("h:relationshipHolder1", NS)) is not None
        ),
    )


def read_name(person: etree._Element) -> Name:
    """The first name of a person. A family name without qualifier is the one in use."""
    family = {each.get("qualifier") or USED: text_of(each) for each in person.iterfind("h:name[1]/h:family", NS)}
    return Name(
        used=family.get(USED, ""),
        given=" ".join(text_of(each) for each in person.iterfind("h:name[1]/h:given", NS)),
        birth=family.get(BIRTH, ""),
        prefix=text_of(person.find("h:name[1]/h:prefix", NS)),
    )


def read_telecoms(element: etree._Element) -> tuple[Telecom, ...]:
    """The telephone numbers and mail addresses of a person or a role."""
    found = ((str(each.get("value") or ""), each.get("use") or "") for each in element.iterfind("h:telecom", NS))
    return tuple(Telecom(value, use) for value, use in found if value)


def read_address(element: etree._Element) -> Address | None:
    """The first address; None when it says nothing."""
    address = element.find("h:addr", NS)
    if address is None:
        return None
    parts = (text_of(address.find(f"h:{part}", NS)) for part in ("additionalLocator", "postalCode", "city", "country"))
    found = Address(tuple(text_of(each) for each in address.iterfind("h:streetAddressLine", NS)), *parts)
    return found if found != Address() else None
