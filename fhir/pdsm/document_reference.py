"""DocumentEntry as DocumentReference, and back.

The table is docs/fhir_mapping.md. What is absent stays absent; what FHIR cannot say of an attribute stands beside it
(`pdsm.original`).

Source: MHD 4.2, StructureDefinition IHE.MHD.Comprehensive.DocumentReference and its XDS mapping; ANS, PDSm 3.1.1 and
PDSm4DMP; ITI TF-3 4.2.3.2.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pdsm import identifiers, patients
from pdsm.coding import is_said, put, read_coding, read_concept, read_concepts, write_coding, write_concept
from pdsm.errors import ContentError
from pdsm.original import (
    Element,
    extended,
    extension,
    extensions,
    original,
    put_text,
    take_text,
    text,
    texts,
    value_of,
)
from pdsm.people import Resolve, contained, read_author, read_organization, write_author, write_person
from pdsm.times import instant, put_time, read, take_time
from registry.metadata import (
    Association,
    AssociationType,
    Author,
    AvailabilityStatus,
    Code,
    DocumentEntry,
    ObjectType,
    Slots,
)

IS_ARCHIVED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
HOME_COMMUNITY_ID = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-HomeCommunityId"
XDS = "urn:open-dmp:xds:"
SLOT, OBJECT_TYPE, ASSOCIATION_TYPE = f"{XDS}slot", f"{XDS}objectType", f"{XDS}associationType"
CUSTODIAN = "urn:open-dmp:fhir:custodian"  # the slot that keeps DocumentReference.custodian, an XON
_TEXTS = (
    ("repositoryUniqueId", "repository_unique_id"),
    ("URI", "uri"),
    ("documentAvailability", "document_availability"),
)
MAX_SIZE = 2**31 - 1  # HL7 FHIR R4, unsignedInt
NO_CODE = Code("", "")

# Source: MHD 4.2, ConceptMap FhirStatusVsStatusCode and AssociationTypeVsRelatesTo.
STATUSES = {
    AvailabilityStatus.APPROVED: "current",
    AvailabilityStatus.ARCHIVED: "current",  # with IS_ARCHIVED: ANS, PDSm
    AvailabilityStatus.DEPRECATED: "superseded",
    AvailabilityStatus.DELETED: "entered-in-error",  # ANS, PDSm4DMP, TD3.3c
}
RELATIONS = {
    AssociationType.RPLC: "replaces",
    AssociationType.XFRM_RPLC: "replaces",
    AssociationType.XFRM: "transforms",
    AssociationType.IS_SNAPSHOT_OF: "transforms",
    AssociationType.APND: "appends",
    AssociationType.SIGNS: "signs",
}
# The elements behind relatesTo. Source: HL7 FHIR R4, documentreference.html (order of elements).
_BEHIND = frozenset({"description", "_description", "securityLabel", "content", "context"})
_RELATION_TYPES = {"replaces": "RPLC", "transforms": "XFRM", "appends": "APND", "signs": "SIGNS"}


@dataclass(frozen=True, slots=True)
class Relation:
    """One `relatesTo`: what kind of relation, and the reference to its target."""

    type: AssociationType
    target: str


@dataclass(frozen=True, slots=True)
class Described:
    """What a DocumentReference says: the entry, its relations, and where its document is: `url` or `data`."""

    entry: DocumentEntry
    relations: tuple[Relation, ...]
    url: str
    data: str | None


def write_document_reference(
    entry: DocumentEntry, base: str, associations: Iterable[Association] = (), updated: str = ""
) -> Element:
    """The DocumentReference of `entry`, whose document is at `base`/Binary; `updated` is when it was registered."""
    inside: list[Element] = []
    resource: Element = {"resourceType": "DocumentReference"}
    put(resource, "id", identifiers.fhir_id(entry.logical_id or entry.entry_uuid))
    resource["meta"] = {"versionId": str(entry.version)}
    resource["contained"] = inside
    resource["extension"] = list(_extensions(entry))
    if entry.unique_id:
        resource["masterIdentifier"] = identifiers.write_unique_id(entry.unique_id)
    resource["identifier"] = _identifiers(entry)
    resource["status"] = STATUSES[entry.availability_status]
    if is_said(entry.type_code):
        resource["type"] = write_concept(entry.type_code)
    if is_said(entry.class_code):
        resource["category"] = [write_concept(entry.class_code)]
    if entry.patient_id:
        resource["subject"] = patients.write_subject(entry.patient_id)
    put(resource, "date", instant(entry.creation_time))
    resource["author"] = [_inside(inside, write_author(each, f"author-{n}")) for n, each in enumerate(entry.authors, 1)]
    if entry.legal_authenticator:
        person = {"id": "authenticator", **write_person(entry.legal_authenticator)}
        resource["authenticator"] = _inside(inside, [person])
    for custodian in _custodians(entry.extra_slots):
        resource["custodian"] = _inside(inside, write_author(custodian, "custodian"))
    put_text(resource, "description", entry.comments)
    resource["securityLabel"] = [write_concept(each) for each in entry.confidentiality_codes]
    resource["content"] = [_content(entry, f"{base}/Binary/{resource.get('id', '')}")]
    context = _context(entry)
    if entry.source_patient_id or entry.source_patient_info:
        source = patients.write_source_patient(entry.source_patient_id, entry.source_patient_info)
        context["sourcePatientInfo"] = _inside(inside, [{"id": "source-patient", **source}])
    resource["context"] = context
    return related({name: value for name, value in resource.items() if value}, entry, associations, updated)


def related(resource: Element, entry: DocumentEntry, associations: Iterable[Association], updated: str) -> Element:
    """The DocumentReference of `entry`, which stays as it was, with its relations and when it was registered."""
    if updated:
        resource = {**resource, "meta": {**resource["meta"], "lastUpdated": updated}}
    relations = [_relation(each) for each in associations if each.source == entry.entry_uuid and each.type in RELATIONS]
    if not relations:
        return resource
    before = {name: value for name, value in resource.items() if name not in _BEHIND}
    behind = {name: value for name, value in resource.items() if name in _BEHIND}
    return {**before, "relatesTo": relations, **behind}


def _inside(inside: list[Element], resources: Sequence[Element]) -> Element:
    """Puts resources inside another, and refers to the first of them."""
    inside += [{"resourceType": each["resourceType"], **each} for each in resources]
    return {"reference": f"#{resources[0]['id']}"}


def _identifiers(entry: DocumentEntry) -> list[Element]:
    written = [identifiers.write_entry_uuid(entry.entry_uuid)] if entry.entry_uuid else []
    if entry.unique_id:
        written.append(identifiers.write_unique_id(entry.unique_id, "usual"))
    if entry.logical_id:
        written.append(identifiers.write_logical_id(entry.logical_id))
    return written


def _extensions(entry: DocumentEntry) -> Iterator[Element]:
    if entry.availability_status is AvailabilityStatus.ARCHIVED:
        yield extension(IS_ARCHIVED, valueBoolean=True)
    if entry.home_community_id:
        yield extension(HOME_COMMUNITY_ID, valueOid=entry.home_community_id)
    for printed, name in _TEXTS:
        if value := getattr(entry, name):
            yield extension(f"{XDS}{printed}", valueString=value)
    if entry.object_type is not ObjectType.STABLE:
        yield extension(OBJECT_TYPE, valueUri=entry.object_type.value)
    yield from write_slots(tuple(slot for slot in entry.extra_slots if slot[0] != CUSTODIAN))


def write_slots(slots: Slots) -> Iterator[Element]:
    """Slots that this house does not know, each as an extension of its name and values."""
    for name, values in slots:
        yield extension(SLOT, valueString=extended({}, [name, *values])["extension"][0]["valueString"])


def read_slots(element: Element) -> Slots:
    """The slots that extensions of `element` have. Raises ContentError."""
    pairs = [original({"extension": [{**each, "url": _ORIGINAL}]}, texts) for each in extensions(element, SLOT)]
    return tuple((each[0], tuple(each[1:])) for each in pairs if each)


_ORIGINAL = extended({}, "")["extension"][0]["url"]


def _custodians(slots: Slots) -> Iterator[Author]:
    for name, values in slots:
        if name == CUSTODIAN and len(values) == 1:
            yield Author(institutions=values)


def _relation(item: Association) -> Element:
    relation: Element = {"code": RELATIONS[item.type]}
    if _RELATION_TYPES[relation["code"]] != item.type.name:
        relation = {"extension": [extension(ASSOCIATION_TYPE, valueUri=item.type.value)], **relation}
    return {**relation, "target": {"reference": f"DocumentReference/{identifiers.fhir_id(item.target)}"}}


def _content(entry: DocumentEntry, url: str) -> Element:
    attachment: Element = {}
    put(attachment, "contentType", entry.mime_type)
    put(attachment, "language", entry.language_code)
    attachment["url"] = url
    if entry.size is not None and entry.size <= MAX_SIZE:
        attachment["size"] = entry.size
    elif entry.size is not None:
        attachment["_size"] = extended({}, entry.size)
    if entry.hash:
        _put_hash(attachment, entry.hash)
    put_text(attachment, "title", entry.title)
    put_time(attachment, "creation", entry.creation_time)
    content: Element = {"attachment": attachment}
    if is_said(entry.format_code):
        content["format"] = write_coding(entry.format_code)
    return content


def _put_hash(attachment: Element, printed: str) -> None:
    """SHA-1 in base64, as FHIR has it. Source: MHD 4.2, 2:3.65.4.1.2.2."""
    with suppress(ValueError):
        attachment["hash"] = base64.b64encode(bytes.fromhex(printed)).decode()
    if _hash(attachment) != printed:
        attachment["_hash"] = extended({}, printed)


def _hash(attachment: Element) -> str:
    try:
        return base64.b64decode(attachment.get("hash", ""), validate=True).hex()
    except (ValueError, binascii.Error):
        raise ContentError("attachment.hash: the SHA-1 of the document in base64", "something else") from None


def _context(entry: DocumentEntry) -> Element:
    context: Element = {}
    put(context, "event", [write_concept(each) for each in entry.event_codes])
    period: Element = {}
    put_time(period, "start", entry.service_start_time)
    put_time(period, "end", entry.service_stop_time)
    put(context, "period", period)
    if is_said(entry.healthcare_facility_type_code):
        context["facilityType"] = write_concept(entry.healthcare_facility_type_code)
    if is_said(entry.practice_setting_code):
        context["practiceSetting"] = write_concept(entry.practice_setting_code)
    put(context, "related", [{"identifier": identifiers.write_cx(each)} for each in entry.reference_ids])
    return context


# --- Back -------------------------------------------------------------------------------------------------------------


def read_document_reference(resource: Element, resolve: Resolve) -> Described:
    """What `resource`, an R4 DocumentReference in order, says; `resolve` finds what comes along. Raises ContentError.

    An entryUUID, logicalID, repositoryUniqueId, hash and size are taken as they are said: whoever registers the entry
    judges them.
    """
    inside = contained(resource)

    def found(reference: str) -> Element | None:
        return inside.get(reference) or resolve(reference)

    content = resource["content"][0]
    attachment, context = content.get("attachment", {}), resource.get("context", {})
    listed = resource.get("identifier", [])
    source = context.get("sourcePatientInfo")
    source_id, source_info = _source_patient(source, found) if source else ("", ())
    entry = DocumentEntry(
        entry_uuid=(identifiers.typed(listed, identifiers.MHD_TYPE, identifiers.ENTRY_UUID) or {}).get("value", ""),
        unique_id=_unique_id(resource),
        patient_id=patients.read_subject(resource["subject"], found) if "subject" in resource else "",
        mime_type=attachment.get("contentType", ""),
        class_code=read_concept(resource["category"][0]) if resource.get("category") else NO_CODE,
        type_code=read_concept(resource["type"]) if "type" in resource else NO_CODE,
        format_code=read_coding(content["format"]) if "format" in content else NO_CODE,
        healthcare_facility_type_code=_code(context, "facilityType"),
        practice_setting_code=_code(context, "practiceSetting"),
        confidentiality_codes=read_concepts(resource.get("securityLabel", ())),
        creation_time=take_time(attachment, "creation") or read(resource.get("date", "")),
        language_code=attachment.get("language", ""),
        source_patient_id=source_id,
        authors=tuple(read_author(_known(each, found), found) for each in resource.get("author", ())),
        event_codes=read_concepts(context.get("event", ())),
        reference_ids=tuple(
            identifiers.read_reference_id(each["identifier"])
            for each in context.get("related", ())
            if "identifier" in each
        ),
        source_patient_info=source_info,
        title=take_text(attachment, "title"),
        comments=take_text(resource, "description"),
        legal_authenticator=_authenticator(resource, found),
        service_start_time=take_time(context.get("period", {}), "start"),
        service_stop_time=take_time(context.get("period", {}), "end"),
        hash=_read_hash(attachment),
        size=attachment.get("size", original(attachment.get("_size", {}), int)),
        home_community_id=str(value_of(resource, HOME_COMMUNITY_ID, "valueOid") or ""),
        object_type=_object_type(resource),
        availability_status=read_status(resource),
        logical_id=(identifiers.typed(listed, identifiers.LOGICAL_ID, "logicalID") or {}).get("value", ""),
        version=_version(resource),
        extra_slots=(*read_slots(resource), *_custodian(resource, found)),
        **{name: str(value_of(resource, f"{XDS}{printed}", "valueString") or "") for printed, name in _TEXTS},
    )
    relations = tuple(_read_relation(each) for each in resource.get("relatesTo", ()))
    return Described(entry, relations, attachment.get("url", ""), attachment.get("data"))


def _unique_id(resource: Element) -> str:
    master = resource.get("masterIdentifier")
    listed = identifiers.typed(resource.get("identifier", []), identifiers.MHD_TYPE, identifiers.UNIQUE_ID)
    return identifiers.read_unique_id(master or listed or {})


def _code(context: Element, name: str) -> Code:
    return read_concept(context[name]) if name in context else NO_CODE


def _known(reference: Element, found: Resolve) -> Element:
    """What a Reference means: a resource that came along, or what the Reference itself says of it."""
    resource = found(reference["reference"]) if "reference" in reference else None
    if resource is not None:
        return resource
    if "identifier" not in reference and "display" not in reference:
        raise ContentError("a reference to a resource that comes along, or with an identifier", "one to none")
    organization = reference.get("type") == "Organization"
    said: Element = {"resourceType": "Organization" if organization else "Practitioner"}
    put(said, "identifier", [reference["identifier"]] if "identifier" in reference else [])
    display = reference.get("display", "")
    put(said, "name", display if organization else [{"text": display}] if display else [])
    return said


def _authenticator(resource: Element, found: Resolve) -> str:
    """The person who authenticates: of a role, its practitioner; an organization is none. ITI TF-3 4.2.3.2.16."""
    if "authenticator" not in resource:
        return ""
    known = _known(resource["authenticator"], found)
    return read_author(known, found).person


def _custodian(resource: Element, found: Resolve) -> Slots:
    if "custodian" not in resource:
        return ()
    try:
        known = _known({"type": "Organization", **resource["custodian"]}, found)
    except ContentError:
        return ()
    xon = read_organization(known) if known.get("resourceType") == "Organization" else ""
    return ((CUSTODIAN, (xon,)),) if xon else ()


def _source_patient(source: Element, found: Resolve) -> tuple[str, tuple[str, ...]]:
    patient = found(source["reference"]) if "reference" in source else None
    if patient is not None and patient.get("resourceType") == "Patient":
        return patients.read_source_patient(patient)
    return patients.read_subject(source, found), ()


def _read_hash(attachment: Element) -> str:
    kept = original(attachment.get("_hash", {}), text)
    return str(kept) if kept is not None else _hash(attachment)


def _object_type(resource: Element) -> ObjectType:
    kept = value_of(resource, OBJECT_TYPE, "valueUri")
    return next((each for each in ObjectType if each.value == kept), ObjectType.STABLE)


def read_status(resource: Element) -> AvailabilityStatus:
    """The availabilityStatus of a DocumentReference or a List. Raises ContentError."""
    if value_of(resource, IS_ARCHIVED, "valueBoolean") is True:
        return AvailabilityStatus.ARCHIVED
    status = "superseded" if resource.get("status") == "retired" else resource.get("status")
    found = next((each for each, code in STATUSES.items() if code == status), None)
    if found is None:
        raise ContentError("status: current, superseded or entered-in-error", "another")
    return found


def _version(resource: Element) -> int:
    """The version that `meta.versionId` says, as this server writes it; 1 otherwise."""
    said = resource.get("meta", {}).get("versionId", "")
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 10 and int(said) else 1


def _read_relation(relation: Element) -> Relation:
    kept = value_of(relation, ASSOCIATION_TYPE, "valueUri")
    code = relation.get("code", "")  # one may be absent for a reason
    of_code = AssociationType[_RELATION_TYPES[code]] if code in _RELATION_TYPES else None
    found = next((each for each, code in RELATIONS.items() if each.value == kept), of_code)
    if found is None or "reference" not in relation.get("target", {}):
        raise ContentError("relatesTo: replaces, transforms, signs or appends, and a reference", "something else")
    return Relation(found, relation["target"]["reference"])
