"""Whether a document says the same as the metadata it was submitted with.

| what | must be | otherwise |
|---|---|---|
| patientId | the INS of recordTarget (without one, any of its identifiers) | XDSPatientIdDoesNotMatch |
| uniqueId | id, in one of its forms | InvalidDocumentContent |
| typeCode | code and codeSystem | InvalidDocumentContent |
| classCode | the class of that type, where an association gives one | InvalidDocumentContent |
| confidentialityCode, the first | confidentialityCode | InvalidDocumentContent |
| creationTime | effectiveTime, the same instant to the precision both have | InvalidDocumentContent |
| mimeType | text/xml, or application/xslt+xml for a document that presents itself | InvalidDocumentContent |
| - | setId and versionNumber present | InvalidDocumentContent |
| languageCode | languageCode | the same as a warning: the document is legible either way |

Attributes whose derivation leaves a choice to the submitter (author, title, formatCode, service times, event codes)
refuse nothing: `cda/differences` lists them. All that is wrong with one document is one finding, as ITI-41 wants it,
and no context carries anything of the patient.

Source: ITI TF-2 3.41.4.1.3.3; ITI TF-3 Table 4.2.4.1-2; CI-SIS, volets Partage de documents de santé and Structuration
minimale (setId and versionNumber 1..1).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from cda.header import Header
from cda.hl7 import INS_AUTHORITIES, oid_of
from cda.metadata import mime_type, unique_id, unique_id_forms
from identities.requester import PatientId
from registry.errors import ErrorCode, Finding, Severity
from registry.hl7_types import cx_key
from registry.metadata import Code, DocumentEntry
from schemas.value_sets import ValueSets


def disagreements(
    header: Header,
    entry: DocumentEntry,
    *,
    identifiers: Collection[PatientId] = (),
    value_sets: ValueSets | None = None,
) -> tuple[Finding, ...]:
    """What differs between a document's header and its DocumentEntry; empty when they agree.

    `identifiers` are the other identifiers of the same dossier: a document written under a former INS is the
    patient's all the same. The location of each finding is the entryUUID.
    """
    found = []
    if not same_patient(header, entry, identifiers):
        context = f"{entry.unique_id}: patientId: expected an identifier of recordTarget, got another patient's"
        found.append(Finding(ErrorCode.XDSPatientIdDoesNotMatch, context, location=entry.entry_uuid))
    errors = list(_errors(header, entry, value_sets or ValueSets.load()))
    if errors:
        context = f"{entry.unique_id}: {'; '.join(errors)}"
        found.append(Finding(ErrorCode.InvalidDocumentContent, context, location=entry.entry_uuid))
    if header.language and header.language != entry.language_code:
        differs = _differs("languageCode", header.language, entry.language_code)
        context = f"{entry.unique_id}: {differs}"
        found.append(
            Finding(ErrorCode.InvalidDocumentContent, context, severity=Severity.WARNING, location=entry.entry_uuid)
        )
    return tuple(found)


def same_patient(header: Header, entry: DocumentEntry, identifiers: Collection[PatientId]) -> bool:
    """Whether the entry's patient, under any of its identifiers, is the document's.

    Every INS of the header must be one of them; without an INS, as other domains have it, one identifier is enough.
    """
    known = {(identifier.value, identifier.authority) for identifier in identifiers} | {cx_key(entry.patient_id)}
    matches = [((found.extension, oid_of(found.root)) in known, found.root) for found in header.patient.ids]
    national = [same for same, root in matches if root in INS_AUTHORITIES]
    return all(national) if national else any(same for same, _ in matches)


def _errors(header: Header, entry: DocumentEntry, tables: ValueSets) -> Iterator[str]:
    """Each disagreement but the patient's and the language's, worded as every other finding."""
    if entry.unique_id not in unique_id_forms(header.id):
        yield _differs("uniqueId", f"{unique_id(header.id)} (id)", "another one")
    if entry.type_code != header.code:
        yield _differs("typeCode", f"{_shown(header.code)} (code)", _shown(entry.type_code))
    implied = tables.class_for_type(header.code.code, header.code.scheme)
    if implied and (implied.code, implied.scheme) != (entry.class_code.code, entry.class_code.scheme):
        yield _differs("classCode", f"{implied.code} ({implied.scheme}), the class of code", _shown(entry.class_code))
    first = next(iter(entry.confidentiality_codes), None)
    if first != header.confidentiality:
        expected = f"{_shown(header.confidentiality)} (confidentialityCode) first"
        yield _differs("confidentialityCode", expected, _shown(first) if first else "none")
    if not same_instant(header.effective_time, entry.creation_time):
        yield _differs("creationTime", f"{header.effective_time} (effectiveTime, UTC)", entry.creation_time)
    if entry.mime_type != mime_type(header):
        yield _differs("mimeType", mime_type(header), entry.mime_type)
    if header.set_id is None:
        yield _differs("setId", "one in the document", "none")
    if header.version_number is None:
        yield _differs("versionNumber", "one in the document", "none")


def same_instant(document: str, metadata: str) -> bool:
    """Whether two UTC DTM agree as far as both go; a time against a date alone agrees."""
    common = min(len(document), len(metadata))
    return common > 0 and document[:common] == metadata[:common]


def _shown(code: Code) -> str:
    return f"{code.code} ({code.scheme})"


def _differs(attribute: str, expected: str, got: str) -> str:
    return f"{attribute}: expected {expected}, got {got}"
