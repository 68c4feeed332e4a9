"""Whose document it is: the identifiers of the patient in a CDA header.

Source: CI-SIS, volet Structuration minimale, recordTarget (INS first, then local identifiers).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from conformance.lps.people import Patient, is_ins
from schemas.xml import XmlError, condense, parse

CHUNK = 1 << 16
_IDS = ("recordTarget", "patientRole", "id")
_ID = "{urn:hl7-org:v3}id"


def patient_ids(file: Path) -> tuple[Patient, ...]:
    """The INS of recordTarget in their order; none when the file is no CDA document, which sending it will tell."""

    def chunks() -> Iterator[bytes]:
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                yield chunk

    try:
        root = parse(condense(chunks(), keep=_leads_to_an_id))
    except (OSError, XmlError):
        return ()
    ids = ((element.get("extension") or "", element.get("root") or "") for element in root.iter(_ID))
    return tuple(Patient(extension, authority) for extension, authority in ids if extension and is_ins(authority))


def _leads_to_an_id(path: tuple[str, ...]) -> bool:
    """The wrapper of a signed or self-presenting document, and the way from ClinicalDocument to the identifiers."""
    if "ClinicalDocument" not in path:
        return len(path) <= 3
    rest = path[path.index("ClinicalDocument") + 1 :]
    return rest == _IDS[: len(rest)]
