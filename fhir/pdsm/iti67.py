"""ITI-67 Find Document References: DocumentReferences by the parameters of MHD and PDSm.

Source: MHD 4.2, 2:3.67.4.1.2 (search parameters); ANS, PDSm 3.1.1, Flux 05b and its SearchParameters.
"""

from __future__ import annotations

from collections.abc import Iterable

from pdsm.asked import Asked, Kind, dates, references, strings, tokens
from pdsm.document_reference import STATUSES
from pdsm.errors import ParameterError
from pdsm.identifiers import urn
from pdsm.search import values_of
from registry.metadata import AvailabilityStatus, ObjectType
from registry.stored_query import EVERY_VERSION, FindDocuments, GetDocuments, ReturnType, StoredQuery

_PEOPLE = ("author->", "author->practitioner->")
_ARCHIVED = tokens("archived")  # told apart from the extension: what has none is not archived

DOCUMENT_REFERENCE = Kind(
    name="DocumentReference",
    parameters={
        "_id": tokens("id"),
        "_lastUpdated": dates("meta.lastUpdated"),
        "author.family": strings(*(f"{each}name.family" for each in _PEOPLE)),
        "author.given": strings(*(f"{each}name.given" for each in _PEOPLE)),
        "author.identifier": tokens(*(f"{each}identifier" for each in (*_PEOPLE, "author->organization->"))),
        "author.name": strings(
            *(f"{each}name.{part}" for each in _PEOPLE for part in ("family", "given")),
            "author->name",
            "author->organization->name",
        ),
        "category": tokens("category"),
        "contenttype": tokens("content.attachment.contentType"),
        "creation": dates("content.attachment.creation"),
        "date": dates("date"),
        "description": strings("description"),
        "event": tokens("context.event"),
        "facility": tokens("context.facilityType"),
        "format": tokens("content.format"),
        "identifier": tokens("masterIdentifier", "identifier"),
        "language": tokens("content.attachment.language"),
        "period": dates("context.period"),
        "period-end": dates("context.period.end"),
        "period-start": dates("context.period.start"),
        "PDSm_DocumentReference_period-end": dates("context.period.end"),
        "PDSm_DocumentReference_period-start": dates("context.period.start"),
        "isArchived": _ARCHIVED,
        "PDSm_isArchived": _ARCHIVED,
        "related": references("context.related"),
        "related.identifier": tokens("context.related.identifier"),
        "related:identifier": tokens("context.related.identifier"),
        "relatesto": references("relatesTo.target"),
        "relation": tokens("relatesTo.code"),
        "security-label": tokens("securityLabel"),
        "setting": tokens("context.practiceSetting"),
        "status": tokens("status"),
        "type": tokens("type"),
    },
    sorting={
        "_id": "id",
        "_lastUpdated": "meta.lastUpdated",
        "creation": "content.attachment.creation",
        "date": "content.attachment.creation",
        "period": "context.period.start",
        "period-start": "context.period.start",
        "status": "status",
        "type": "type.coding.code",
    },
    usual_sorting=(("content.attachment.creation", True),),
    includes=frozenset(),
    summary=frozenset(
        [
            "masterIdentifier",
            "identifier",
            "type",
            "category",
            "subject",
            "date",
            "author",
            "relatesTo",
            "description",
            "securityLabel",
            "context",
            "contained",
            "extension",
        ]
    ),
)
_PUSHED = {
    "type": "type_codes",
    "category": "class_codes",
    "setting": "practice_setting_codes",
    "facility": "healthcare_facility_type_codes",
    "format": "format_codes",
}


def query_of(asked: Asked) -> StoredQuery:
    """The stored query that comes upon all that is asked for. Raises ParameterError."""
    if len(set(asked.patients)) > 1:
        raise ParameterError("patient.identifier", "one patient", "several")
    if asked.patients:
        codes = {name: asked.codes(parameter) for parameter, name in _PUSHED.items()}
        return FindDocuments(
            return_type=ReturnType.LEAF_CLASS,
            patient_id=asked.patients[0],
            statuses=statuses_of(asked),
            object_types=tuple(ObjectType),
            **{name: found for name, found in codes.items() if found},  # type: ignore[arg-type]
        )
    named = [each for each in asked.identifiers("identifier") if not each.startswith("urn:uuid:")]
    if not named:
        raise ParameterError("patient.identifier", "the patient, or identifier or _id", "none of them")
    return GetDocuments(return_type=ReturnType.LEAF_CLASS, unique_ids=tuple(named))


def uuids_of(asked: Asked) -> tuple[str, ...]:
    """The UUIDs by which documents are asked for, where no patient is: an id, or an identifier of any version."""
    if asked.patients:
        return ()
    if ids := asked.given.get("_id"):
        return tuple(urn(each) for each in values_of(ids[0]))
    return tuple(each for each in asked.identifiers("identifier") if each.startswith("urn:uuid:"))


def documents_named(uuids: Iterable[str]) -> GetDocuments:
    """The entries of these entryUUIDs, of any version."""
    return GetDocuments(return_type=ReturnType.LEAF_CLASS, entry_uuids=tuple(uuids), metadata_level=EVERY_VERSION)


def statuses_of(asked: Asked) -> tuple[AvailabilityStatus, ...]:
    """The availabilityStatus values that `status` asks for; all of them where it asks for none that is known."""
    wanted = {code.rpartition("|")[2] for value in asked.given.get("status", []) for code in values_of(value)}
    wanted |= {"superseded"} if "retired" in wanted else set()
    return tuple(each for each, code in STATUSES.items() if code in wanted) or tuple(AvailabilityStatus)
