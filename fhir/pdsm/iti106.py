"""ITI-106 Generate Metadata: a CDA document alone, as the submission that ITI-41 would carry.

Every attribute is derived of the document's header, as for any CDA document (`cda.metadata`).

Source: MHD 4.2, 2:3.106 and OperationDefinition generate-metadata; IHE PCC TF-2 4.1 (metadata of documents).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from cda.document import read_document
from cda.errors import CdaError
from cda.header import Header, read_header
from cda.hl7 import INS_AUTHORITIES, cx
from cda.metadata import document_entry
from identities.requester import PatientId
from pdsm import structure
from pdsm.errors import ContentError
from pdsm.iti65 import Provided, alone
from pdsm.original import Element
from registry.metadata import DocumentEntry

DOCUMENT, DOCUMENT_REFERENCE = "document", "DocumentReference"  # names of the parameters in and out


def read_request(resource: Any) -> str:
    """What stands for the document (`pdsm.arrival`). Raises ContentError."""
    checked = structure.check(resource)
    parameters = checked.get("parameter", ())
    if checked["resourceType"] != "Parameters" or [each.get("name") for each in parameters] != [DOCUMENT]:
        raise ContentError("Parameters with one parameter, document", "something else", status=422)
    document = parameters[0].get("resource", {})
    if document.get("resourceType") != "Binary" or not document.get("data"):
        raise ContentError("document: a CDA document in a Binary", "another resource, or none", status=422)
    return str(document["data"])


def read_generated(number: str, content: Iterable[bytes], *, source_id: str, now: datetime) -> Provided:
    """The submission of the document of `content`, which `number` stands for. Raises ContentError."""
    try:
        entry = _entry(read_header(read_document(content)))
    except CdaError as error:
        raise ContentError(f"{error.place}: {error.expected}", error.got, status=422) from None
    return alone(entry, number, source_id=source_id, now=now)


def _entry(header: Header) -> DocumentEntry:
    """The entry; a patient whom no INS names has the first of his identifiers. Raises CdaError."""
    others = [each for each in header.patient.ids if each.extension]
    if not others or any(each.root in INS_AUTHORITIES for each in others):
        return document_entry(header, entry_uuid=uuid.uuid4().urn)
    patient = PatientId(others[0].extension, others[0].root)
    entry = document_entry(header, entry_uuid=uuid.uuid4().urn, patient=patient)
    return replace(entry, patient_id=cx(patient.value, patient.authority, "").rstrip("^"))


def write_generated(reference: str) -> Element:
    """The answer: where the DocumentReference is."""
    parameter = {"name": DOCUMENT_REFERENCE, "valueReference": {"reference": reference}}
    return {"resourceType": "Parameters", "parameter": [parameter]}
