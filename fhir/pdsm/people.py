"""People and organizations: XCN, XON and XTN of XDS as resources of FHIR that stand inside another, and back.

An author is a Practitioner when no more is said than who, an Organization when no more than where, and otherwise a
PractitionerRole between both. What a submission set is meant for is written as an author is.

Source: ITI TF-3 4.2.3.1.4 (author), 4.2.3.3.7 (intendedRecipient) and Table 4.2.3.1.7-2 (XCN, XON, XTN); MHD 4.2,
2:3.65.4.1.2; ANS, PDSm 3.1.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from cda.hl7 import escape, unescape
from pdsm.coding import OID_URI, put, read_concept, write_concept
from pdsm.errors import ContentError
from pdsm.identifiers import URI_SYSTEM, type_code, type_concept
from pdsm.original import Element, extended, faithful, original, text, texts
from registry.metadata import Author, Code
from schemas import oids

Resolve = Callable[[str], Element | None]
"""The resource that a reference means, inside the same resource or Bundle; None for one that is not there."""

RPPS = "https://rpps.esante.gouv.fr"  # whose number, behind an 8, is the PS_IdNat
KINDS = frozenset({"Device", "Organization", "Patient", "Practitioner", "PractitionerRole", "RelatedPerson"})
_DISPLAY = "D"  # XCN.10 of a name that is shown; U of a system's


# --- XCN --------------------------------------------------------------------------------------------------------------


def write_person(xcn: str) -> Element:
    """A Practitioner."""
    parts = [*xcn.split("^"), *[""] * 13]
    person: Element = {"resourceType": "Practitioner"}
    authority = parts[8].split("&")
    identifier: Element = {}
    if parts[12]:
        identifier["type"] = type_concept(parts[12])
    if len(authority) == 3 and authority[1]:
        identifier["system"] = f"{OID_URI}{authority[1]}"
    put(identifier, "value", unescape(parts[0]).strip())
    if "value" in identifier:
        person["identifier"] = [identifier]
    name: Element = {"use": "usual"} if parts[9] == _DISPLAY else {}
    put(name, "family", unescape(parts[1]).strip())
    put(name, "given", [unescape(each).strip() for each in parts[2:4] if each.strip()])
    put(name, "prefix", [each.strip() for each in [unescape(parts[5])] if each.strip()])
    put(name, "suffix", [each.strip() for each in [unescape(parts[4])] if each.strip()])
    if set(name) - {"use"}:
        person["name"] = [name]
    return faithful(person, xcn, _xcn)


def read_person(person: Element) -> str:
    """The XCN of a Practitioner, a Patient, a RelatedPerson or a Device. Raises ContentError."""
    kept = original(person, text)
    return str(kept) if kept is not None else _xcn(person)


def _xcn(person: Element) -> str:
    identifier = _best(person.get("identifier", ()))
    value, system = identifier.get("value", ""), identifier.get("system", "")
    if system == RPPS:
        value, system = f"8{value}", f"{OID_URI}{oids.PS_ID_NAT}"
    names = person.get("name") or [{}]
    name = names[0]
    if person.get("resourceType") == "Device":
        device = (person.get("deviceName") or [{}])[0].get("name", "")
        name = {"family": device or person.get("manufacturer", "")}
    family = name.get("family", "") or ("" if name.get("given") else name.get("text", ""))
    given = [*name.get("given", ()), "", ""]
    suffix, prefix = (name.get("suffix") or [""])[0], (name.get("prefix") or [""])[0]
    authority = f"&{system.removeprefix(OID_URI)}&ISO" if value and system.startswith(OID_URI) else ""
    shown = _DISPLAY if name.get("use") == "usual" else ""
    kind = "" if not value else "IDNPS" if identifier.get("system") == RPPS else type_code(identifier)
    parts = [value, family, given[0], given[1], suffix, prefix, "", "", authority, shown, "", "", kind]
    coded = [part if place == 8 else escape(part) for place, part in enumerate(parts)]
    return "^".join(coded).rstrip("^")


def _best(identifiers: Any) -> Element:
    """The identifier that a professional is known by: the national one, else one of an OID, else the first."""
    listed = [each for each in identifiers if each.get("value")]
    national = [each for each in listed if each.get("system") in (f"{OID_URI}{oids.PS_ID_NAT}", RPPS)]
    dotted = [each for each in listed if each.get("system", "").startswith(OID_URI)]
    return next(iter((*national, *dotted, *listed)), {})


# --- XON --------------------------------------------------------------------------------------------------------------


def write_organization(xon: str) -> Element:
    """An Organization."""
    parts = [*xon.split("^"), *[""] * 10]
    organization: Element = {"resourceType": "Organization"}
    authority = parts[5].split("&")
    identifier: Element = {}
    if parts[6]:
        identifier["type"] = type_concept(parts[6])
    value = unescape(parts[9]).strip()
    if len(authority) == 3 and authority[1]:
        identifier |= {"system": f"{OID_URI}{authority[1]}", "value": value}
    elif value:
        identifier |= {"system": URI_SYSTEM, "value": f"{OID_URI}{value}"}
    if value:
        organization["identifier"] = [identifier]
    put(organization, "name", unescape(parts[0]).strip())
    return faithful(organization, xon, _xon)


def read_organization(organization: Element) -> str:
    """The XON of an Organization. Raises ContentError."""
    kept = original(organization, text)
    return str(kept) if kept is not None else _xon(organization)


def _xon(organization: Element) -> str:
    listed = [each for each in organization.get("identifier", ()) if each.get("value")]
    national = [each for each in listed if each.get("system") == f"{OID_URI}{oids.STRUCT_ID_NAT}"]
    dotted = [each for each in listed if each.get("system", "").startswith(OID_URI) or each.get("system") == URI_SYSTEM]
    identifier: Element = next(iter((*national, *dotted)), {})
    system, value = identifier.get("system", ""), identifier.get("value", "")
    authority = f"&{system.removeprefix(OID_URI)}&ISO" if system.startswith(OID_URI) else ""
    kind = type_code(identifier) if value else ""
    whole = [escape(organization.get("name", "")), "", "", "", "", authority, escape(kind), "", ""]
    return "^".join([*whole, escape(value.removeprefix(OID_URI))]).rstrip("^")


# --- XTN --------------------------------------------------------------------------------------------------------------


def write_telecom(xtn: str) -> Element:
    """A ContactPoint: an address of the Internet, or a telephone."""
    parts = [*xtn.split("^"), *[""] * 12]
    address, phone = unescape(parts[3]).strip(), unescape(parts[11] or parts[0]).strip()
    point: Element = {}
    if address:
        point = {"system": "email", "value": address}
    elif phone:
        point = {"system": "phone", "value": phone}
    return faithful(point, xtn, _xtn)


def read_telecom(point: Element) -> str:
    """The XTN of a ContactPoint. Raises ContentError."""
    kept = original(point, text)
    return str(kept) if kept is not None else _xtn(point)


def _xtn(point: Element) -> str:
    value = escape(point.get("value", ""))
    if not value:
        return ""
    return f"^^Internet^{value}" if point.get("system") in ("email", "url") else f"^PRN^PH^^^^^^^^^{value}"


# --- Authors ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=500)
def write_author(author: Author, name: str) -> tuple[Element, ...]:
    """The resources of an author, the first of them the one to refer to; `name` is what their ids begin with.

    They are made once, for dossiers with many documents of few authors; nobody changes them.
    """
    person = write_person(author.person) if author.person else None
    places = [write_organization(each) for each in author.institutions]
    telecom = [write_telecom(each) for each in author.telecommunications]
    alone = not (author.roles or author.specialties or author.extra_slots)
    if person and not places and not telecom and alone:
        parts = [person]
    elif len(places) == 1 and not person and not telecom and alone:
        parts = places
    else:
        role: Element = {"resourceType": "PractitionerRole"}
        if person:
            person["id"] = f"{name}-person"
            role["practitioner"] = {"reference": f"#{person['id']}"}
        for number, place in enumerate(places):
            place["id"] = f"{name}-organization-{number}" if number else f"{name}-organization"
        if places:
            role["organization"] = {"reference": f"#{places[0]['id']}"}
        put(role, "code", [_write_role(each) for each in author.roles])
        put(role, "specialty", [_write_role(each) for each in author.specialties])
        put(role, "telecom", telecom)
        parts = [role, *([person] if person else []), *places]
    parts[0]["id"] = name
    known = {f"#{each['id']}": each for each in parts}
    if read_author(parts[0], known.get) != author:
        parts[0] = _whole(parts[0], author)
    return tuple(_in_order(each) for each in parts)


def _whole(element: Element, author: Author) -> Element:
    """With all that the author is: what reading would miss stands beside."""
    kept = {name: value for name, value in asdict(author).items() if value}
    rest = {**element, "extension": [each for each in element.get("extension", ()) if "valueString" not in each]}
    return extended(rest, kept)


def read_author(element: Element, resolve: Resolve) -> Author:
    """The Author that a resource stands for. Raises ContentError."""
    kept = original(element, _read_whole)
    if isinstance(kept, Author):
        return kept
    match element.get("resourceType"):
        case "Organization":
            return Author(institutions=(read_organization(element),), telecommunications=_telecoms(element))
        case "PractitionerRole":
            person, place = (_referred(element, name, resolve) for name in ("practitioner", "organization"))
            own = person if person else {**element, "resourceType": "Practitioner", "extension": []}
            identified = person or element.get("identifier")
            return Author(
                person=read_person(own) if identified else "",
                institutions=(read_organization(place),) if place else (),
                roles=tuple(map(_read_role, element.get("code", ()))),
                specialties=tuple(map(_read_role, element.get("specialty", ()))),
                telecommunications=_telecoms(element) or (_telecoms(person) if person else ()),
            )
        case "Device" | "Patient" | "Practitioner" | "RelatedPerson":
            return Author(person=read_person(element), telecommunications=_telecoms(element))
    expected = "a Practitioner, PractitionerRole, Organization, Device, Patient or RelatedPerson"
    raise ContentError(expected, "another resource", status=422)


def _read_whole(value: Any) -> Author | str:
    """The author that the original has; a text is that of the person or place alone."""
    if isinstance(value, str):
        return value
    slots = tuple((text(name), texts(values)) for name, values in value.get("extra_slots", ()))
    several = {name: texts(value.get(name, [])) for name in _SEVERAL}
    return Author(person=text(value.get("person", "")), extra_slots=slots, **several)


_SEVERAL = ("institutions", "roles", "specialties", "telecommunications")


def _referred(element: Element, name: str, resolve: Resolve) -> Element | None:
    """What a role refers to, of the type that it must be."""
    reference = element.get(name, {}).get("reference")
    found = resolve(reference) if reference else None
    return found if found and found.get("resourceType", "").casefold() == name else None


def _telecoms(element: Element) -> tuple[str, ...]:
    return tuple(filter(None, map(read_telecom, element.get("telecom", ()))))


def _write_role(role: str) -> Element:
    """A role or specialty: `code^label^scheme` as a Coding, anything else as text."""
    parts = role.split("^")
    if len(parts) == 3 and parts[0] and parts[2]:
        code = Code(unescape(parts[0]), parts[2], unescape(parts[1]))
        return faithful(write_concept(code), role, _role)
    return faithful({"text": role} if role.strip() else {}, role, _role)


def _read_role(concept: Element) -> str:
    kept = original(concept, text)
    return str(kept) if kept is not None else _role(concept)


def _role(concept: Element) -> str:
    code = read_concept(concept)
    if not (code.code or code.scheme):
        return str(concept.get("text", code.display))
    return f"{escape(code.code)}^{escape(code.display)}^{code.scheme}"


def contained(resource: Element) -> Mapping[str, Element]:
    """The people and places that stand inside a resource, by the reference that means each."""
    inside = (each for each in resource.get("contained", ()) if each.get("resourceType") in KINDS)
    return {f"#{each['id']}": each for each in inside if "id" in each}


def _in_order(element: Element) -> Element:
    """With type and id first, as they are read."""
    return {"resourceType": element["resourceType"], "id": element["id"], **element}


def references(listed: Any) -> Iterator[str]:
    """What several References refer to."""
    for each in listed:
        if reference := each.get("reference"):
            yield reference
