"""Patients: the CX of a subject, and what the source knew of the patient (sourcePatientInfo), as Patient, and back.

Source: ITI TF-3 4.2.3.2.23 (sourcePatientInfo: PID-3, 5, 7, 8, 11); HL7 FHIR R4, Patient.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import unquote

from cda.hl7 import escape, unescape
from pdsm.coding import put
from pdsm.errors import ContentError
from pdsm.identifiers import read_cx, write_cx
from pdsm.original import Element, extended, original, texts
from pdsm.people import Resolve
from pdsm.times import read, written

_GENDERS = {"M": "male", "F": "female", "O": "other", "U": "unknown"}  # HL7 v2 table 0001
_SEXES = {gender: sex for sex, gender in _GENDERS.items()}
_CONDITION = re.compile(r"Patient\?identifier=(?P<system>[^|&]*)\|(?P<value>[^|&]+)", re.ASCII)


def write_subject(cx: str) -> Element:
    """A patient, by the identifier; a reference to the Patient of this door is told beside it (`pdsm.sharing`)."""
    return {"type": "Patient", "identifier": write_cx(cx)}


def read_subject(subject: Element, resolve: Resolve) -> str:
    """The CX of a patient: named by the reference itself, by a condition, or by a Patient that came along.

    Raises ContentError.
    """
    if identifier := subject.get("identifier"):
        return read_cx(identifier)
    reference = subject.get("reference", "")
    if condition := _CONDITION.fullmatch(unquote(reference)):
        return read_cx({"system": condition["system"], "value": condition["value"]})
    identifiers = (resolve(reference) or {}).get("identifier") or [] if reference else []
    if not identifiers:
        expected = "subject: an identifier, Patient?identifier=..., or a Patient that comes along with one"
        raise ContentError(expected, "a reference to none")
    return _cx(identifiers)


def _cx(identifiers: Sequence[Element]) -> str:
    """The first identifier of an authority that has an OID. Raises ContentError."""
    dotted = [each for each in identifiers if each.get("system", "").startswith("urn:oid:")]
    return read_cx((dotted or identifiers)[0])


@lru_cache(maxsize=100)
def write_source_patient(patient_id: str, info: tuple[str, ...]) -> Element:
    """sourcePatientId, and sourcePatientInfo as far as a Patient has it; made once, nobody changes it."""
    patient: Element = {"resourceType": "Patient"}
    fields = _fields(info)
    identifiers = [patient_id, *fields.get("PID-3", "").split("~")]
    put(patient, "identifier", [write_cx(each) for each in dict.fromkeys(filter(None, identifiers))])
    put(patient, "name", [name for each in fields.get("PID-5", "").split("~") if (name := _write_name(each))])
    put(patient, "gender", _GENDERS.get(fields.get("PID-8", "")))
    put(patient, "birthDate", written(fields.get("PID-7", "")[:8]))
    if _source_patient(patient) != (patient_id, tuple(info)):
        patient = extended(patient, [patient_id, *info])
    return patient


def read_source_patient(patient: Element) -> tuple[str, tuple[str, ...]]:
    """sourcePatientId ('' where there is none) and sourcePatientInfo of a Patient. Raises ContentError."""
    kept = original(patient, texts)
    return (kept[0], kept[1:]) if kept else _source_patient(patient)


def _source_patient(patient: Element) -> tuple[str, tuple[str, ...]]:
    identifiers = patient.get("identifier") or []
    first = _cx(identifiers) if identifiers else ""
    info = [f"PID-5|{name}" for name in map(_read_name, patient.get("name", ())) if name]
    if birth := read(patient.get("birthDate", "")):
        info.append(f"PID-7|{birth}")
    if gender := _SEXES.get(patient.get("gender", "")):
        info.append(f"PID-8|{gender}")
    return first, tuple(info)


def _fields(info: Sequence[str]) -> dict[str, str]:
    """The fields of PID, each once."""
    pairs = (each.partition("|") for each in reversed(info))
    return {name: value for name, _, value in pairs}


_NAME_TYPES = {"D": "usual", "L": "official", "B": "maiden"}  # XPN.7: display, legal, at birth
_USES = {use: kind for kind, use in _NAME_TYPES.items()}


def _write_name(xpn: str) -> Element:
    parts = [*xpn.split("^"), *[""] * 7]
    name: Element = {}
    put(name, "use", _NAME_TYPES.get(parts[6]))
    put(name, "family", unescape(parts[0]).strip())
    put(name, "given", [unescape(each).strip() for each in parts[1:3] if each.strip()])
    return name if set(name) - {"use"} else {}


def _read_name(name: Element) -> str:
    given = [*name.get("given", ()), "", ""]
    parts = [name.get("family", ""), given[0], given[1], "", "", "", _USES.get(name.get("use", ""), "")]
    return "^".join(map(escape, parts)).rstrip("^")
