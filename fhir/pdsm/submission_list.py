"""SubmissionSet and Folder as List, and back.

Source: MHD 4.2, StructureDefinition IHE.MHD.Comprehensive.SubmissionSet and IHE.MHD.Comprehensive.Folder; ANS, PDSm
3.1.1 (pdsm-submissionset-comprehensive, pdsm-folder-comprehensive); ITI TF-3 4.2.3.3 and 4.2.3.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pdsm import identifiers, patients
from pdsm.coding import OID_URI, is_said, put, read_concept, read_concepts, write_concept
from pdsm.document_reference import (
    HOME_COMMUNITY_ID,
    IS_ARCHIVED,
    NO_CODE,
    read_slots,
    read_status,
    write_slots,
)
from pdsm.errors import ContentError
from pdsm.original import (
    Element,
    extension,
    extensions,
    faithful,
    original,
    put_text,
    take_text,
    text,
    value_of,
)
from pdsm.people import Resolve, contained, read_author, read_organization, references, write_author
from pdsm.times import put_time, take_time
from registry.metadata import Association, AssociationType, Author, AvailabilityStatus, Folder, SubmissionSet

LIST_TYPES = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes"
SUBMISSION_SET, FOLDER = "submissionset", "folder"
_MHD = "https://profiles.ihe.net/ITI/MHD/StructureDefinition"
SOURCE_ID, DESIGNATION_TYPE = f"{_MHD}/ihe-sourceId", f"{_MHD}/ihe-designationType"
INTENDED_RECIPIENT, AUTHOR_ORG = f"{_MHD}/ihe-intendedRecipient", f"{_MHD}/ihe-authorOrg"
PDSM_RECIPIENT = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-intended-recipient"
OTHER_AUTHOR = "urn:open-dmp:xds:author"  # of a submission set, from the second on: a List has one source
RECIPIENT = "urn:open-dmp:xds:intendedRecipient"  # as it was printed, where its parts would not say it

_STATUSES = {
    AvailabilityStatus.APPROVED: "current",
    AvailabilityStatus.ARCHIVED: "current",
    AvailabilityStatus.DEPRECATED: "retired",
    AvailabilityStatus.DELETED: "entered-in-error",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """What a List says: a submission set or a folder, and the references to what it holds."""

    item: SubmissionSet | Folder
    members: tuple[str, ...]


def write_submission_set(item: SubmissionSet, members: Iterable[str] = ()) -> Element:
    """The List of a submission set; `members` are references."""
    inside: list[Element] = []
    resource = _list(item, SUBMISSION_SET, item.entry_uuid, inside)
    outer = resource["extension"]
    if is_said(item.content_type_code):
        outer.append(extension(DESIGNATION_TYPE, valueCodeableConcept=write_concept(item.content_type_code)))
    if item.source_id:
        outer.append(extension(SOURCE_ID, valueIdentifier=_write_source_id(item.source_id)))
    for number, each in enumerate(item.intended_recipients, 1):
        reference = _recipient(each, f"recipient-{number}", inside)
        outer.append(extension(INTENDED_RECIPIENT, valueReference=reference))
    for number, author in enumerate(item.authors, 1):
        parts = write_author(author, f"author-{number}")
        inside += parts
        reference = {"reference": f"#{parts[0]['id']}"}
        if number > 1:
            outer.append(extension(OTHER_AUTHOR, valueReference=reference))
            continue
        organization = next((each["id"] for each in parts if each["resourceType"] == "Organization"), "")
        if organization:
            where = extension(AUTHOR_ORG, valueReference={"reference": f"#{organization}"})
            reference = {"extension": [where], **reference}
        resource["source"] = reference
    put_time(resource, "date", item.submission_time)
    return _finished(resource, members)


def write_folder(item: Folder, members: Iterable[str] = ()) -> Element:
    """The List of a folder; `members` are references."""
    resource = _list(item, FOLDER, item.logical_id or item.entry_uuid, [])
    resource["meta"] = {"versionId": str(item.version)}
    if item.logical_id:
        resource["identifier"].append(identifiers.write_logical_id(item.logical_id))
    for code in item.codes:
        resource["extension"].append(extension(DESIGNATION_TYPE, valueCodeableConcept=write_concept(code)))
    put_time(resource, "date", item.last_update_time)
    return _finished(resource, members)


def members_of(item: SubmissionSet | Folder, associations: Iterable[Association], known: Iterable[str]) -> list[str]:
    """The references to what a package holds; `known` are the entryUUIDs of folders."""
    folders = frozenset(known)
    held = [
        each.target
        for each in associations
        if each.type is AssociationType.HAS_MEMBER and each.source == item.entry_uuid
    ]
    return [
        f"{'List' if uuid in folders else 'DocumentReference'}/{identifiers.fhir_id(uuid)}"
        for uuid in dict.fromkeys(held)
    ]


def _list(item: SubmissionSet | Folder, kind: str, uuid: str, inside: list[Element]) -> Element:
    resource: Element = {"resourceType": "List"}
    put(resource, "id", identifiers.fhir_id(uuid))
    resource["meta"] = {"versionId": "1"}
    resource["contained"] = inside
    resource["extension"] = outer = []
    if item.availability_status is AvailabilityStatus.ARCHIVED:
        outer.append(extension(IS_ARCHIVED, valueBoolean=True))
    if item.home_community_id:
        outer.append(extension(HOME_COMMUNITY_ID, valueOid=item.home_community_id))
    outer.extend(write_slots(item.extra_slots))
    listed = [identifiers.write_entry_uuid(item.entry_uuid)] if item.entry_uuid else []
    listed += [identifiers.write_unique_id(item.unique_id, "usual")] if item.unique_id else []
    resource["identifier"] = listed
    resource["status"], resource["mode"] = _STATUSES[item.availability_status], "working"
    put_text(resource, "title", item.title)
    resource["code"] = {"coding": [{"system": LIST_TYPES, "code": kind}]}
    if item.patient_id:
        resource["subject"] = patients.write_subject(item.patient_id)
    if item.comments:
        note: Element = {}
        put_text(note, "text", item.comments)
        resource["note"] = [note]
    return resource


def _finished(resource: Element, members: Iterable[str]) -> Element:
    resource["entry"] = [{"item": {"reference": each}} for each in members]
    return {name: value for name, value in resource.items() if value}


def _write_source_id(source_id: str) -> Element:
    whole = {"system": identifiers.URI_SYSTEM, "value": f"{OID_URI}{source_id}"}
    return faithful(whole, source_id, _source_id)


def _source_id(identifier: Element) -> str:
    """The OID that `value` is, else that of `system`."""
    value, system = identifier.get("value", ""), identifier.get("system", "")
    return str(system if system.startswith(OID_URI) and not value.startswith(OID_URI) else value).removeprefix(OID_URI)


def _recipient(printed: str, name: str, inside: list[Element]) -> Element:
    """XON|XCN|XTN, one of them at least. Source: ITI TF-3 4.2.3.3.7."""
    place, person, telecom = [*printed.split("|"), "", ""][:3]
    author = Author(person, (place,) if place else (), telecommunications=(telecom,) if telecom else ())
    first, *others = write_author(author, name)
    if _printed(author) != printed:
        first = {**first, "extension": [*first.get("extension", ()), extension(RECIPIENT, valueString=printed)]}
    inside += [first, *others]
    return {"reference": f"#{name}"}


def _printed(recipient: Author) -> str:
    place, telecom = recipient.institutions[:1] or ("",), recipient.telecommunications[:1] or ("",)
    return "|".join((*place, recipient.person, *telecom)).rstrip("|")


# --- Back -------------------------------------------------------------------------------------------------------------


def kind_of(resource: Element) -> str:
    """What a List is, by its code: SUBMISSION_SET, FOLDER, or '' for another List."""
    for coding in resource.get("code", {}).get("coding", ()):
        # `http://` as pages of PDSm print it
        if coding.get("system", "").replace("http://", "https://") == LIST_TYPES:
            return str(coding.get("code", ""))
    return ""


def read_list(resource: Element, resolve: Resolve) -> Listed:
    """What `resource`, an R4 List in order, says; `resolve` finds what comes along. Raises ContentError."""
    inside = contained(resource)

    def found(reference: str) -> Element | None:
        return inside.get(reference) or resolve(reference)

    members = tuple(references(each.get("item", {}) for each in resource.get("entry", ())))
    match kind_of(resource):
        case "submissionset":
            return Listed(_read_set(resource, found), members)
        case "folder":
            return Listed(_read_folder(resource, found), members)
    raise ContentError("List.code: submissionset or folder", "another")


def _read_set(resource: Element, found: Resolve) -> SubmissionSet:
    types = [each.get("valueCodeableConcept", {}) for each in extensions(resource, DESIGNATION_TYPE)]
    source = value_of(resource, SOURCE_ID, "valueIdentifier") or {}
    recipients = [*extensions(resource, INTENDED_RECIPIENT), *extensions(resource, PDSM_RECIPIENT)]
    kept = original(source, text)
    return SubmissionSet(
        entry_uuid=_uuid(resource),
        unique_id=_unique_id(resource),
        patient_id=_patient(resource, found),
        source_id=str(kept) if kept is not None else _source_id(source),
        submission_time=take_time(resource, "date"),
        content_type_code=read_concept(types[0]) if types else NO_CODE,
        authors=tuple(_authors(resource, found)),
        intended_recipients=tuple(_read_recipient(each.get("valueReference", {}), found) for each in recipients),
        title=take_text(resource, "title"),
        comments=_comments(resource),
        home_community_id=str(value_of(resource, HOME_COMMUNITY_ID, "valueOid") or ""),
        availability_status=read_status(resource),
        extra_slots=read_slots(resource),
    )


def _read_folder(resource: Element, found: Resolve) -> Folder:
    types = [each.get("valueCodeableConcept", {}) for each in extensions(resource, DESIGNATION_TYPE)]
    listed = resource.get("identifier", [])
    version = resource.get("meta", {}).get("versionId", "")
    return Folder(
        entry_uuid=_uuid(resource),
        unique_id=_unique_id(resource),
        patient_id=_patient(resource, found),
        codes=read_concepts(types),
        title=take_text(resource, "title"),
        comments=_comments(resource),
        last_update_time=take_time(resource, "date"),
        home_community_id=str(value_of(resource, HOME_COMMUNITY_ID, "valueOid") or ""),
        availability_status=read_status(resource),
        logical_id=(identifiers.typed(listed, identifiers.LOGICAL_ID, "logicalID") or {}).get("value", ""),
        version=int(version) if version.isascii() and version.isdecimal() and 0 < len(version) < 10 else 1,
        extra_slots=read_slots(resource),
    )


def _uuid(resource: Element) -> str:
    found = identifiers.typed(resource.get("identifier", []), identifiers.MHD_TYPE, identifiers.ENTRY_UUID)
    return str((found or {}).get("value", ""))


def _unique_id(resource: Element) -> str:
    """The uniqueId; of identifiers without type, the first."""
    listed = resource.get("identifier", [])
    found = identifiers.typed(listed, identifiers.MHD_TYPE, identifiers.UNIQUE_ID)
    untyped = [each for each in listed if "type" not in each]
    return identifiers.read_unique_id(found or next(iter(untyped), {}))


def _patient(resource: Element, found: Resolve) -> str:
    return patients.read_subject(resource["subject"], found) if "subject" in resource else ""


def _comments(resource: Element) -> str:
    return "\n".join(take_text(each, "text") for each in resource.get("note", ()))


def _authors(resource: Element, found: Resolve) -> Iterator[Author]:
    """The source, with the organization beside it; then those that a List has no place for."""
    source = resource.get("source")
    if source:
        known = found(source["reference"]) if "reference" in source else None
        author = read_author(known, found) if known else Author()
        where = next(references(each.get("valueReference", {}) for each in extensions(source, AUTHOR_ORG)), "")
        organization = found(where) if where else None
        organization = organization if organization and organization["resourceType"] == "Organization" else None
        if organization and not author.institutions:
            author = Author(
                author.person,
                (read_organization(organization),),
                author.roles,
                author.specialties,
                author.telecommunications,
            )
        if known is not None or author.institutions:
            yield author
    for each in extensions(resource, OTHER_AUTHOR):
        other = found(each.get("valueReference", {}).get("reference", ""))
        if other:
            yield read_author(other, found)


def _read_recipient(reference: Element, found: Resolve) -> str:
    known = found(reference["reference"]) if "reference" in reference else None
    if known is None:
        raise ContentError("intendedRecipient: a reference to a resource that comes along", "one to none")
    kept = value_of(known, RECIPIENT, "valueString")
    return str(kept) if kept is not None else _printed(read_author(known, found))
