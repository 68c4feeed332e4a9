"""XDS metadata in the words of the practice software: a DocumentEntry, and the HL7 texts it is made of.

Sources: ITI TF-3 4.2.3.2; CI-SIS, volet Partage de documents de santé; HL7 V2.5 2.A (XCN, XON), 2.7 (escapes).
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from conformance.lps import LpsUsageError
from conformance.lps.people import is_ins
from schemas import oids

MASQUE_PS = "MASQUE_PS"  # TRE_A07
INVISIBLE_PATIENT = "INVISIBLE_PATIENT"  # TRE_A07
INVISIBLE_REPRESENTANTS_LEGAUX = "INVISIBLE_REPRESENTANTS_LEGAUX"  # TRE_A07
_VISIBILITY_LABELS = {
    MASQUE_PS: "Masqué aux professionnels de santé",
    INVISIBLE_PATIENT: "Non visible par le patient",
    INVISIBLE_REPRESENTANTS_LEGAUX: "Non visible par les représentants légaux du patient",
}


_HL7_ESCAPES = {"\\": "\\E\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "|": "\\F\\"}
_TS = re.compile(r"(\d{4,14})(?:\.\d+)?([+-]\d{4})?\Z")
_TS_FORMATS = {10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


@dataclass(frozen=True, slots=True)
class Code:
    """A coded attribute: code, coding scheme, label."""

    code: str
    scheme: str
    display: str = ""


@dataclass(frozen=True, slots=True)
class Author:
    """An author as XDS prints it: XCN, XON, roles, `code^label^scheme` specialties."""

    person: str = ""
    institutions: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    specialties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A DocumentEntry, to submit or as found. Times are UTC DTM, `size` bytes, `hash` hexadecimal SHA-1."""

    entry_uuid: str
    unique_id: str
    patient_id: str
    mime_type: str
    class_code: Code
    type_code: Code
    format_code: Code
    healthcare_facility_type_code: Code
    practice_setting_code: Code
    confidentiality_codes: tuple[Code, ...]
    creation_time: str
    language_code: str
    source_patient_id: str
    authors: tuple[Author, ...] = ()
    event_codes: tuple[Code, ...] = ()
    reference_ids: tuple[str, ...] = ()
    source_patient_info: tuple[str, ...] = ()
    title: str = ""
    comments: str = ""
    legal_authenticator: str = ""
    service_start_time: str = ""
    service_stop_time: str = ""
    hash: str = ""
    size: int | None = None
    repository_unique_id: str = ""
    object_type: str = ""
    availability_status: str = ""
    logical_id: str = ""
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Visibility:
    """Which of the three visibility codes the author adds."""

    mask: bool = False
    hide_from_patient: bool = False
    hide_from_representatives: bool = False

    def codes(self) -> tuple[Code, ...]:
        """The TRE_A07 codes, in the order of the standard."""
        chosen = {
            MASQUE_PS: self.mask,
            INVISIBLE_PATIENT: self.hide_from_patient,
            INVISIBLE_REPRESENTANTS_LEGAUX: self.hide_from_representatives,
        }
        return tuple(
            Code(code, oids.CONFIDENTIALITE_CISIS, _VISIBILITY_LABELS[code])
            for code, wanted in chosen.items()
            if wanted
        )


def oid_of(root: str) -> str:
    """An OID as it is; a UUID as `2.25.<decimal>`, whatever its case. Source: ITU-T X.667; ITI TF-3 4.2.3.1.6."""
    try:
        return f"{oids.UUID_ARC}.{uuid.UUID(root).int}" if "-" in root else root
    except ValueError:
        raise LpsUsageError(f"ClinicalDocument/id/@root: expected an OID or a UUID, got {root}") from None


def new_oid() -> str:
    """A fresh OID under 2.25. Source: ITU-T X.667."""
    return f"{oids.UUID_ARC}.{uuid.uuid4().int}"


def utc_dtm(timestamp: str) -> str:
    """An HL7 TS as UTC DTM, with its own precision. Without an offset, or to the day, the digits stay as they are.

    Source: ITI TF-3 Table 4.2.3.1.7-2 (DTM).
    """
    match = _TS.match(timestamp)
    if not match:
        raise LpsUsageError(f"time: expected YYYY[MM[DD[hh[mm[ss]]]]][+ZZZZ], got {timestamp}")
    digits, offset = match.groups()
    pattern = _TS_FORMATS.get(len(digits))
    if offset is None or pattern is None:
        return digits
    return datetime.strptime(digits + offset, pattern + "%z").astimezone(UTC).strftime(pattern)


def hl7(text: str) -> str:
    """Text inside an HL7 component. Source: HL7 V2.5 2.7."""
    return "".join(_HL7_ESCAPES.get(char, char) for char in " ".join(text.split()))


def xcn(identifier: str, family: str, given: str, authority: str = oids.PS_ID_NAT, *, system: bool = False) -> str:
    """A person, or a `system` (name and model), as XCN. Source: CI-SIS, Partage de documents, authorPerson.

    The identifier type is IDNPS for a professional, NH for a patient, RI for a system or an internal identifier; the
    name type is U for a system, D for a person.
    """
    if system or not (authority == oids.PS_ID_NAT or is_ins(authority)):
        kind = "RI"
    else:
        kind = "IDNPS" if authority == oids.PS_ID_NAT else "NH"
    name_type = "U" if system else "D"
    return f"{hl7(identifier)}^{hl7(family)}^{hl7(given)}^^^^^^&{authority}&ISO^{name_type}^^^{kind}"


def xon(name: str, structure_id: str) -> str:
    """A structure as XON. Source: CI-SIS, Partage de documents, authorInstitution."""
    return f"{hl7(name)}^^^^^&{oids.STRUCT_ID_NAT}&ISO^IDNST^^^{hl7(structure_id)}"


def unique_id_of(root: str, extension: str) -> str:
    """Source: ITI TF-3 4.2.3.2.26 (root, or root^extension)."""
    return f"{oid_of(root)}^{extension}" if extension else oid_of(root)
