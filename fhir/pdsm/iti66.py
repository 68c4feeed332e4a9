"""ITI-66 Find Document Lists: submission sets and folders by the parameters of MHD and PDSm.

Source: MHD 4.2, 2:3.66.4.1.2 (search parameters); ANS, PDSm 3.1.1, Flux 05a and its SearchParameters.
"""

from __future__ import annotations

from pdsm.asked import Asked, Kind, dates, references, strings, tokens
from pdsm.errors import ParameterError
from pdsm.iti67 import statuses_of
from pdsm.search import read_token, values_of
from pdsm.submission_list import FOLDER, SUBMISSION_SET
from registry.metadata import ObjectType
from registry.stored_query import (
    EVERY_VERSION,
    FindFolders,
    FindSubmissionSets,
    GetFolders,
    GetSubmissionSetAndContents,
    ReturnType,
    StoredQuery,
)

LIST_ITEM = "List:item"
_PEOPLE = ("source->", "source->practitioner->")
_ARCHIVED = tokens("archived")

LIST = Kind(
    name="List",
    parameters={
        "_id": tokens("id"),
        "_lastUpdated": dates("meta.lastUpdated"),
        "authorOrg": references("source.extension.valueReference"),
        "authorOrg.name": strings("source->organization->name", "source->name"),
        "code": tokens("code"),
        "date": dates("date"),
        "designationType": tokens("extension.valueCodeableConcept"),
        "identifier": tokens("identifier"),
        "isArchived": _ARCHIVED,
        "PDSm_isArchived": _ARCHIVED,
        "item": references("entry.item"),
        "source.family": strings(*(f"{each}name.family" for each in _PEOPLE)),
        "source.given": strings(*(f"{each}name.given" for each in _PEOPLE)),
        "source.name": strings(
            *(f"{each}name.{part}" for each in _PEOPLE for part in ("family", "given")), "source->name"
        ),
        "sourceId": tokens("extension.valueIdentifier"),
        "status": tokens("status"),
        "title": strings("title"),
    },
    sorting={"_id": "id", "_lastUpdated": "meta.lastUpdated", "date": "date", "title": "title", "status": "status"},
    usual_sorting=(("date", True),),
    includes=frozenset({LIST_ITEM}),
    summary=frozenset(["identifier", "title", "code", "subject", "date", "source", "extension", "contained"]),
)


def query_of(asked: Asked) -> StoredQuery:
    """The stored query that comes upon all that is asked for: of sets, or of folders. Raises ParameterError."""
    if len(set(asked.patients)) > 1:
        raise ParameterError("patient.identifier", "one patient", "several")
    if not asked.patients:
        raise ParameterError("patient.identifier", "the patient", "none")
    kinds = {read_token(each).code for value in asked.given.get("code", []) for each in values_of(value)}
    patient, statuses, whole = asked.patients[0], statuses_of(asked), ReturnType.LEAF_CLASS
    if kinds == {FOLDER}:
        return FindFolders(return_type=whole, patient_id=patient, statuses=statuses)
    if kinds == {SUBMISSION_SET}:
        return FindSubmissionSets(return_type=whole, patient_id=patient, statuses=statuses)
    raise ParameterError("code", f"{SUBMISSION_SET} or {FOLDER}", "something else, or none")


def list_named(uuid: str, *, folder: bool) -> StoredQuery:
    """The folder, or the set, of an entryUUID."""
    if folder:
        return GetFolders(return_type=ReturnType.LEAF_CLASS, entry_uuids=(uuid,), metadata_level=EVERY_VERSION)
    return GetSubmissionSetAndContents(
        return_type=ReturnType.LEAF_CLASS, entry_uuid=uuid, object_types=tuple(ObjectType)
    )
