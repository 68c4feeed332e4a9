"""Every difference between a document and the metadata it is submitted with, attribute by attribute, one by one.

`cda/agreement` says what a submission is refused for; this says all that a submitter wants to know before. An attribute
is compared with what `cda/metadata` derives; what no header says (visibility, comments, uri) is not. Labels of codes,
white space, and a precision that one side alone has are no differences.

Source: ITI TF-3 4.2.3.2; CI-SIS, volet Partage de documents de santé, correspondance CDA - XDS.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from cda import metadata
from cda.agreement import same_instant, same_patient
from cda.errors import CdaError
from cda.header import Header
from identities.requester import PatientId
from registry.metadata import Author, Code, DocumentEntry
from schemas import oids
from schemas.value_sets import ValueSets

REFUSED = frozenset(  # see `cda/agreement`
    {
        *("patientId", "uniqueId", "typeCode", "classCode", "confidentialityCode", "creationTime", "mimeType"),
        *("setId", "versionNumber"),
    }
)
_EVENT = "documentationOf/serviceEvent"
_FACILITY = "componentOf/encompassingEncounter/location/healthCareFacility/code"
_SETTING = f"{_EVENT}/performer/assignedEntity/representedOrganization/standardIndustryClassCode"


@dataclass(frozen=True, slots=True)
class Difference:
    """`document` is what the document says at `place`, `metadata` what the DocumentEntry says; '' for nothing."""

    attribute: str
    place: str
    document: str
    metadata: str

    @property
    def refused(self) -> bool:
        """Whether a submission is refused for it. A level of confidentiality behind the document's own is not."""
        return self.attribute in REFUSED and bool(self.document or self.attribute != "confidentialityCode")


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the bytes of a document are: their SHA-1 in hexadecimal, and how many."""

    hash: str
    size: int


def differences(
    header: Header,
    entry: DocumentEntry,
    *,
    identifiers: Collection[PatientId] = (),
    file: FileFacts | None = None,
    value_sets: ValueSets | None = None,
) -> tuple[Difference, ...]:
    """What differs, in the order of the attributes in ITI TF-3; empty when the metadata say what the document says.

    `identifiers` are other identifiers of the patient; with `file` hash and size are compared, where metadata say them.
    """
    tables = value_sets or ValueSets.load()
    return (
        *_of_authors(metadata.authors(header), entry.authors),
        *_of_codes(header, entry, tables),
        *_of_confidentiality(header, entry),
        *_of_many("eventCodeList", f"{_EVENT}/code", metadata.event_codes(header), entry.event_codes, _shown),
        *_of_many("referenceIdList", "inFulfillmentOf/order", metadata.reference_ids(header), entry.reference_ids),
        *_of_texts(header, entry),
        *_of_times(header, entry),
        *_of_patient(header, entry, identifiers),
        *_of_file(entry, file),
        *_of_version(header),
    )


def _of_codes(header: Header, entry: DocumentEntry, tables: ValueSets) -> Iterator[Difference]:
    compared: tuple[tuple[str, str, Callable[[], Code], Code], ...] = (
        ("classCode", "code", partial(metadata.class_code, header, tables), entry.class_code),
        ("typeCode", "code", lambda: header.code, entry.type_code),
        ("formatCode", "templateId", partial(metadata.format_code, header, tables), entry.format_code),
        (
            "healthcareFacilityTypeCode",
            _FACILITY,
            partial(metadata.healthcare_facility_type_code, header, tables),
            entry.healthcare_facility_type_code,
        ),
        (
            "practiceSettingCode",
            _SETTING,
            partial(metadata.practice_setting_code, header, tables),
            entry.practice_setting_code,
        ),
    )
    for attribute, place, derive, given in compared:
        derived = _or_none(derive)
        if derived is None:
            if attribute != "classCode":  # a type without a class leaves the class to the submitter
                yield Difference(attribute, place, "", _shown(given))
        elif derived != given:
            yield Difference(attribute, place, _shown(derived), _shown(given))


def _of_confidentiality(header: Header, entry: DocumentEntry) -> Iterator[Difference]:
    """The document's own code comes first; those behind it say who may see the document, which no header does."""
    first, *others = (*entry.confidentiality_codes, None) if entry.confidentiality_codes else (None,)
    if first != header.confidentiality:
        shown = _shown(first) if first else ""
        yield Difference("confidentialityCode", "confidentialityCode", _shown(header.confidentiality), shown)
    for code in others:
        if code is not None and code.scheme == oids.HL7_CONFIDENTIALITY:
            yield Difference("confidentialityCode", "confidentialityCode", "", _shown(code))


def _of_texts(header: Header, entry: DocumentEntry) -> Iterator[Difference]:
    compared = (
        ("languageCode", "languageCode", header.language or metadata.LANGUAGE, entry.language_code),
        ("legalAuthenticator", "legalAuthenticator", metadata.legal_authenticator(header), entry.legal_authenticator),
        ("mimeType", "root element", metadata.mime_type(header), entry.mime_type),
        ("title", "title", header.title, entry.title),
    )
    for attribute, place, derived, given in compared:
        if _plain(derived) != _plain(given):
            yield Difference(attribute, place, derived, given)
    if entry.unique_id not in metadata.unique_id_forms(header.id):
        yield Difference("uniqueId", "id", metadata.unique_id(header.id), entry.unique_id)


def _of_times(header: Header, entry: DocumentEntry) -> Iterator[Difference]:
    event = header.principal_event
    compared = (
        ("creationTime", "effectiveTime", header.effective_time, entry.creation_time),
        ("serviceStartTime", f"{_EVENT}/effectiveTime/low", event.start if event else "", entry.service_start_time),
        ("serviceStopTime", f"{_EVENT}/effectiveTime/high", event.stop if event else "", entry.service_stop_time),
    )
    for attribute, place, derived, given in compared:
        if (derived or given) and not same_instant(derived, given):
            yield Difference(attribute, place, derived, given)


def _of_patient(header: Header, entry: DocumentEntry, identifiers: Collection[PatientId]) -> Iterator[Difference]:
    place = "recordTarget/patientRole"
    if not same_patient(header, entry, identifiers):
        shown = "~".join(f"{found.extension}^^^&{found.root}&ISO" for found in header.patient.ids)
        yield Difference("patientId", f"{place}/id", shown, entry.patient_id)
    derived = metadata.source_patient_id(header)
    if derived != entry.source_patient_id:
        yield Difference("sourcePatientId", f"{place}/id", derived, entry.source_patient_id)
    traits, said = (_fields(lines) for lines in (metadata.source_patient_info(header), entry.source_patient_info))
    for name in dict.fromkeys((*traits, *said)):
        own, given = traits.get(name, ""), said.get(name, "")
        if name in ("PID-5", "PID-7", "PID-8") and _trait(own) != _trait(given):
            yield Difference("sourcePatientInfo", f"{place}/patient", _line(name, own), _line(name, given))


def _of_file(entry: DocumentEntry, file: FileFacts | None) -> Iterator[Difference]:
    if file is None:
        return
    if entry.hash and entry.hash.lower() != file.hash:
        yield Difference("hash", "bytes", file.hash, entry.hash)
    if entry.size is not None and entry.size != file.size:
        yield Difference("size", "bytes", str(file.size), str(entry.size))


def _of_version(header: Header) -> Iterator[Difference]:
    """No attribute, but a shared document says both. Source: CI-SIS, Structuration minimale (1..1)."""
    if header.set_id is None:
        yield Difference("setId", "setId", "", "")
    if header.version_number is None:
        yield Difference("versionNumber", "versionNumber", "", "")


def _of_authors(derived: Iterable[Author], given: Iterable[Author]) -> Iterator[Difference]:
    """Each author of the document against the one of that identifier; then those that the document does not have."""
    left = list(given)
    for author in derived:
        same = next((each for each in left if each.person_id == author.person_id), None)
        if same is None:
            yield Difference("authorPerson", "author", author.person, "")
            continue
        left.remove(same)
        if author.person != same.person:
            yield Difference("authorPerson", "author", author.person, same.person)
        yield from _of_many(
            "authorInstitution", "author/assignedAuthor/representedOrganization", author.institutions, same.institutions
        )
        yield from _of_many("authorRole", "author/functionCode", author.roles, same.roles)
        yield from _of_many(
            "authorSpecialty",
            "author/assignedAuthor/code",
            map(_coded, author.specialties),
            map(_coded, same.specialties),
        )
    for author in left:
        yield Difference("authorPerson", "author", "", author.person)


def _of_many(
    attribute: str,
    place: str,
    derived: Iterable[object],
    given: Iterable[object],
    shown: Callable[..., str] = str,
) -> Iterator[Difference]:
    """What only one of two lists has, in whatever order they are."""
    own, said = tuple(derived), tuple(given)
    yield from (Difference(attribute, place, shown(each), "") for each in own if each not in said)
    yield from (Difference(attribute, place, "", shown(each)) for each in said if each not in own)


def _or_none(derive: Callable[[], Code]) -> Code | None:
    """What is derived, None where the header does not give it."""
    try:
        return derive()
    except CdaError:
        return None


def _coded(specialty: str) -> str:
    """A specialty without its label: `code^^scheme`."""
    code, _, scheme = (*specialty.split("^"), "", "")[:3]
    return f"{code}^^{scheme}"


def _fields(lines: Iterable[str]) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("|") for line in lines)}


def _trait(value: str) -> list[str]:
    """Family and given name of PID-5, or a value of one component."""
    return value.partition("~")[0].split("^")[:2]


def _line(name: str, value: str) -> str:
    return f"{name}|{value}" if value else ""


def _plain(text: str) -> str:
    return " ".join(text.split())


def _shown(code: Code) -> str:
    return f"{code.code} ({code.scheme})" if code.code else ""
