"""Whose document it is: the patient in a CDA header.

Source: CI-SIS, volet Structuration minimale, recordTarget (INS first, then local identifiers; family name BR of birth,
CL in use).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from conformance.lps import LpsUsageError
from conformance.lps.hl7v3 import HL7, NS, attribute, identifiers, text_of
from conformance.lps.people import Patient, is_ins
from conformance.lps.traits import Name, Representative, Traits, read_address, read_telecoms
from schemas.xml import XmlError, condense, parse

CHUNK = 1 << 16
_ROLE = ("recordTarget", "patientRole")


def patient_ids(file: Path) -> tuple[Patient, ...]:
    """The INS of recordTarget in their order; none when the file is no CDA document, which sending it will tell."""
    return tuple(each for role in _patient_roles(file) for each in identifiers(role) if is_ins(each.ins_oid))


def patient_traits(file: Path) -> Traits:
    """Who the patient is, guardians being legal representatives. Raises LpsUsageError when the file does not say."""
    role = next(iter(_patient_roles(file)), None)
    patient = role.find("h:patient", NS) if role is not None else None
    if role is None or patient is None:
        raise LpsUsageError(f"{file}: expected a CDA document with a recordTarget, got none")
    return Traits(
        name=_name(patient),
        sex=attribute(patient, "h:administrativeGenderCode", "code"),
        birth_date=attribute(patient, "h:birthTime", "value")[:8],
        telecoms=read_telecoms(role),
        address=read_address(role),
        representatives=tuple(
            Representative(attribute(each, "h:code", "code"), _name(person), read_address(each), read_telecoms(each))
            for each in patient.iterfind("h:guardian", NS)
            if (person := each.find("h:guardianPerson", NS)) is not None
        ),
    )


def _name(person: etree._Element) -> Name:
    family = _by_qualifier(person, "family")
    given = _by_qualifier(person, "given")
    used = next((family[qualifier] for qualifier in ("CL", "SP", "", "BR") if qualifier in family), "")
    prefix = text_of(person.find("h:name[1]/h:prefix", NS))
    return Name(used, given.get("BR") or given.get("", ""), family.get("BR", ""), prefix)


def _by_qualifier(person: etree._Element, part: str) -> dict[str, str]:
    parts = [(each.get("qualifier") or "", text_of(each)) for each in person.iterfind(f"h:name[1]/h:{part}", NS)]
    return dict(reversed(parts))  # the first of each


def _patient_roles(file: Path) -> list[etree._Element]:
    def chunks() -> Iterator[bytes]:
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                yield chunk

    try:
        return list(parse(condense(chunks(), keep=_is_of_the_patient)).iter(f"{{{HL7}}}patientRole"))
    except (OSError, XmlError):
        return []


def _is_of_the_patient(path: tuple[str, ...]) -> bool:
    """The wrapper of a signed or self-presenting document, and recordTarget with what is in it."""
    if "ClinicalDocument" not in path:
        return len(path) <= 3
    rest = path[path.index("ClinicalDocument") + 1 :]
    return rest[: len(_ROLE)] == _ROLE[: len(rest)]
