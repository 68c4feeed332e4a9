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
from cda.hl7 import INS_AUTHORITIES
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


def read_generated(
    number: str, content: Iterable[bytes], *, source_id: str, now: datetime, extra_components: bool
) -> Provided:
    """The submission of the document of `content`, which `number` stands for. Raises ContentError.

    `extra_components`: identifiers may have the components that the CI-SIS fills and IHE does not.
    """
    try:
        entry = _entry(read_header(read_document(content)))
    except CdaError as error:
        raise ContentError(f"{error.place}: {error.expected}", error.got, status=422) from None
    return alone(entry if extra_components else _plain(entry), number, source_id=source_id, now=now)


def _entry(header: Header) -> DocumentEntry:
    """The entry; of a patient whom no INS names, with the first of his identifiers. Raises CdaError."""
    others = [each for each in header.patient.ids if each.extension]
    if not others or any(each.root in INS_AUTHORITIES for each in others):
        return document_entry(header, entry_uuid=uuid.uuid4().urn)
    patient = PatientId(others[0].extension, others[0].root)
    return document_entry(header, entry_uuid=uuid.uuid4().urn, patient=patient)


def _plain(entry: DocumentEntry) -> DocumentEntry:
    """The entry with CX and XON as IHE has them. Source: ITI TF-3 Table 4.2.3.1.7-2."""
    return replace(
        entry,
        patient_id=_first(entry.patient_id, 4),
        source_patient_id=_first(entry.source_patient_id, 4),
        authors=tuple(
            replace(author, institutions=tuple(map(_organization, author.institutions))) for author in entry.authors
        ),
    )


def _first(text: str, count: int) -> str:
    return "^".join(text.split("^")[:count])


def _organization(xon: str) -> str:
    """XON without the type of its identifier, XON.7."""
    parts = xon.split("^")
    return "^".join([*parts[:6], "", *parts[7:]]) if len(parts) > 7 else xon


def write_generated(reference: str) -> Element:
    """The answer: where the DocumentReference is."""
    parameter = {"name": DOCUMENT_REFERENCE, "valueReference": {"reference": reference}}
    return {"resourceType": "Parameters", "parameter": [parameter]}
