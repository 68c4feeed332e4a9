"""Documents that rules set apart: those that the patient deposited, and signatures of submissions.

Source: GIE SESAM-Vitale, DMP-Compatibilité, EX_3.1-1040 (documents of the patient), TD2.1 (signature document).
"""

from __future__ import annotations

import re

from registry.metadata import DocumentEntry
from schemas import oids

EXPRESSION_DU_PATIENT = "EXP_PATIENT"  # TRE_A00
_CLASS = ("90", oids.CLASSE_DOCUMENT)  # TRE_A03, documents deposited by the patient
_TYPE = re.compile(r"DOCPAT\d+\Z", re.ASCII)  # TRE_A05

# Signature documents are evidence and nothing to read. Source: GIE SESAM-Vitale, TD2.1; ITI TF-3 5.5 (DSG).
SIGNATURES = frozenset({oids.DSG_FORMAT_CODE, "urn:ihe:iti:dsg:detached:2014", "urn:ihe:iti:dsg:enveloping:2014"})


def is_patient_document(entry: DocumentEntry) -> bool:
    """Whether the patient deposited the document, by any of the marks that the DMP knows such documents by."""
    kind = entry.type_code
    return (
        (entry.class_code.code, entry.class_code.scheme) == _CLASS
        or (kind.scheme == oids.TYPE_DOCUMENT and _TYPE.match(kind.code) is not None)
        or EXPRESSION_DU_PATIENT in (entry.healthcare_facility_type_code.code, entry.practice_setting_code.code)
    )


def is_signature(entry: DocumentEntry) -> bool:
    """Whether the document signs a submission."""
    return entry.format_code.code in SIGNATURES
