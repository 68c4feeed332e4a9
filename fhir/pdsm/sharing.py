"""What the hall finds as FHIR tells it: one resource, or one page of a search.

Source: MHD 4.2, 2:3.66 to 2:3.68; HL7 FHIR R4, http.html (read) and search.html 3.1.1.5 (paging).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from audit.event import Call
from dmp.errors import AccessRefused
from dmp.fiches import Fiches, Item
from dmp.gate import ACCESS_REFUSED
from identities.requester import Requester
from pdsm import iti66, iti67
from pdsm.asked import CURSOR, Asked, shortened, write_searchset
from pdsm.cursor import read_mark, write_mark
from pdsm.document_reference import IS_ARCHIVED, related, write_document_reference
from pdsm.errors import ParameterError
from pdsm.identifiers import urn
from pdsm.matching import behind, in_order, sort_key
from pdsm.original import Element, value_of
from pdsm.sharing_door import Sharing
from pdsm.submission_list import members_of, write_folder, write_submission_set
from registry.errors import Finding
from registry.existing import Named
from registry.metadata import DocumentEntry, Folder, SubmissionSet
from registry.stored_query import EVERY_VERSION, GetDocuments, ReturnType, StoredQuery

KEPT = 500  # DocumentReferences, of some 10 kB each, that a process has at hand
_RELATED = frozenset({"relatesto", "relation", "item"})  # parameters of what associations say


@dataclass(frozen=True, slots=True)
class Request:
    """One request to read: who asks, the call, the address of the door, the request as it came."""

    requester: Requester
    call: Call
    base: str
    raw: bytes


def resources_of(fiches: Fiches, base: str, patient: str = "") -> list[Element]:
    """What was found, as resources; `patient` is a reference to the Patient of whom it is, '' where none is told."""
    return [_about_patient(_resource(each, fiches, base), patient) for each in fiches.items]


def _about_patient(resource: Element, patient: str) -> Element:
    if not patient or "subject" not in resource:
        return resource
    return {**resource, "subject": {"reference": patient, **resource["subject"]}}


def _resource(item: Item, fiches: Fiches, base: str) -> Element:
    if isinstance(item, DocumentEntry):
        return related(_written(item, base), item, fiches.associations, _instant(fiches.received, item))
    members = members_of(item, fiches.associations, fiches.folders)
    if isinstance(item, Folder):
        return write_folder(item, members)
    resource = write_submission_set(item, members)
    if updated := _instant(fiches.received, item):
        resource["meta"] = {**resource["meta"], "lastUpdated": updated}
    return resource


@lru_cache(maxsize=KEPT)
def _written(entry: DocumentEntry, base: str) -> Element:
    """The DocumentReference of an entry by itself, made once; nobody changes it."""
    return write_document_reference(entry, base)


def _instant(received: Mapping[str, datetime], item: Item) -> str:
    found = received.get(item.entry_uuid)
    return f"{found:%Y-%m-%dT%H:%M:%SZ}" if found else ""


# --- One resource -----------------------------------------------------------------------------------------------------


def read(door: Sharing, request: Request, kind: str, resource_id: str) -> Element | None:
    """The resource of that id, of any version of it; None for one that is masked, forbidden or not there.

    Raises AccessRefused for a requester whose own role does not let him read anything.
    """
    uuid = urn(resource_id)
    named = door.named(request.call, [uuid]).get(uuid)
    asked = about(door, request, named)
    wanted = (SubmissionSet, Folder) if kind == "List" else (DocumentEntry,)
    newest = named.entry_uuid if named else uuid
    query: StoredQuery = (
        iti66.list_named(newest, folder=named is not None and named.kind == Folder.__name__)
        if kind == "List"
        else iti67.documents_named([newest])
    )

    def choose(every: Fiches) -> list[Item]:
        return [each for each in every.items if isinstance(each, wanted)]

    try:
        fiches = door.find(asked.requester, asked.call, query, asked.raw, choose)
    except AccessRefused as refused:
        if refused.finding != ACCESS_REFUSED:
            raise
        return None
    return next(iter(resources_of(fiches, request.base, door.patients.ids.reference(fiches.dossier))), None)


def versions(door: Sharing, request: Request, resource_id: str) -> list[Element]:
    """Every version of a document that the requester may read, newest first: a version is a row (docs/adr/0009).

    None of one that is masked, forbidden or not there. Raises AccessRefused as `read`.
    """
    uuid = urn(resource_id)
    named = door.named(request.call, [uuid]).get(uuid)
    asked = about(door, request, named)
    whole, newest = ReturnType.LEAF_CLASS, (named.entry_uuid,) if named else ()
    query = GetDocuments(return_type=whole, entry_uuids=newest, logical_ids=(uuid,), metadata_level=EVERY_VERSION)

    def choose(every: Fiches) -> list[Item]:
        found = {each.version: each for each in every.items if isinstance(each, DocumentEntry)}
        return [found[version] for version in sorted(found, reverse=True) if found[version].logical_id == uuid]

    try:
        fiches = door.find(asked.requester, asked.call, query, asked.raw, choose)
    except AccessRefused as refused:
        if refused.finding != ACCESS_REFUSED:
            raise
        return []
    return resources_of(fiches, request.base, door.patients.ids.reference(fiches.dossier))


def write_history(told: Sequence[Element], base: str, resource_id: str) -> Element:
    """The versions of a document as a Bundle. Source: HL7 FHIR R4, http.html 3.1.0.8 (history), Bundle (bdl-3, bdl-4).

    What became of one is told by the version: the first was created, the others came by a metadata update.
    """
    where = f"{base}/DocumentReference/{resource_id}"
    entries = []
    for each in told:
        meta = each["meta"]
        first = meta["versionId"] == "1"
        response = {"status": "201 Created" if first else "200 OK", "etag": f'W/"{meta["versionId"]}"'}
        response |= {"lastModified": meta["lastUpdated"]} if "lastUpdated" in meta else {}
        asked = {
            "method": "POST" if first else "PATCH",
            "url": "DocumentReference" + ("" if first else f"/{resource_id}"),
        }
        entries.append({"fullUrl": where, "resource": each, "request": asked, "response": response})
    links = [{"relation": "self", "url": f"{where}/_history"}]
    return {"resourceType": "Bundle", "type": "history", "total": len(entries), "link": links, "entry": entries}


def about(door: Sharing, request: Request, named: Named | None) -> Request:
    """The request of somebody who asks about the patient of what is named."""
    return replace(request, requester=door.about(request.call, request.requester, named))


# --- A search ---------------------------------------------------------------------------------------------------------


def search(door: Sharing, request: Request, asked: Asked) -> dict[str, Any]:
    """The searchset that answers. Raises ParameterError, AccessRefused, RegistryError."""
    mark = read_mark(CURSOR, asked.cursor, asked.used, door.key) if asked.cursor else ()
    name_patient(door, request, asked)
    query, request = query_of(door, request, asked)
    answer = _Page(asked, mark, request.base)
    try:
        fiches = door.find(
            request.requester,
            request.call,
            query,
            request.raw,
            answer.choose,
            members=bool(asked.includes),
            relations=not _RELATED.isdisjoint(name for name, _ in asked.conditions),
        )
    except AccessRefused as refused:
        if asked.patients or refused.finding != ACCESS_REFUSED:
            raise
        fiches = Fiches()  # whose it is that an id names, if anybody's, is not told
    patient = door.patients.ids.reference(fiches.dossier)
    told = {each["id"]: each for each in resources_of(fiches, request.base, patient)}
    page = [told[each] for each in answer.ids if each in told]
    members = fiches.members if asked.includes else ()
    included = [_about_patient(_resource(each, fiches, request.base), patient) for each in members]
    cursor = write_mark(sort_key(page[-1], asked.sorting), asked.used, door.key) if answer.more and page else ""
    return write_searchset(
        asked,
        [shortened(each, asked) for each in page],
        included,
        answer.total,
        f"{request.base}/{asked.kind.name}",
        cursor,
    )


def name_patient(door: Sharing, request: Request, asked: Asked) -> None:
    """Whom a reference to a Patient of this door means; one to none means somebody whom nobody knows."""
    if not asked.references:
        return
    if asked.patients or len(set(asked.references)) > 1:
        raise ParameterError("patient", "the patient, once", "several")
    (reference,) = set(asked.references)
    patient_id = reference.removeprefix(f"{request.base}/").removeprefix("Patient/")
    asked.patients = [str(door.patients.patient_of(request.call, door.patients.ids.read(patient_id)))]


def query_of(door: Sharing, request: Request, asked: Asked) -> tuple[StoredQuery, Request]:
    """The stored query of a search, and who asks it: about whom where the search itself does not say."""
    if asked.kind is iti66.LIST:
        if asked.patients or "_id" not in asked.given:
            return iti66.query_of(asked), request
        uuid = urn(asked.given["_id"][0])
        named = door.named(request.call, [uuid]).get(uuid)
        folder = named is not None and named.kind == Folder.__name__
        return iti66.list_named(named.entry_uuid if named else uuid, folder=folder), about(door, request, named)
    uuids = iti67.uuids_of(asked)
    if not uuids:
        query = iti67.query_of(asked)
        first = door.holding(request.call, query.unique_ids) if isinstance(query, GetDocuments) else None
        return query, about(door, request, first)
    found = door.named(request.call, uuids)
    asked.conditions = [each for each in asked.conditions if each[0] not in ("_id", "identifier")]
    newest = [found[each].entry_uuid if each in found else each for each in uuids]
    return iti67.documents_named(newest), about(door, request, next(iter(found.values()), None))


class _Page:
    """One page of what a search finds: which resources, in which order, of how many."""

    def __init__(self, asked: Asked, mark: Sequence[str], base: str) -> None:
        self._asked, self._mark, self._base = asked, mark, base
        self.total, self.more, self.ids = 0, False, list[str]()

    def choose(self, every: Fiches) -> list[Item]:
        asked = self._asked
        wanted = (SubmissionSet, Folder) if asked.kind is iti66.LIST else (DocumentEntry,)
        items = {}
        for item in every.items:
            if isinstance(item, wanted):
                resource = _resource(item, every, self._base)
                if asked.holds(as_seen(resource)):
                    items[resource["id"]] = (item, resource)
        ordered = in_order([resource for _, resource in items.values()], asked.sorting)
        self.total = len(ordered)
        if asked.counted:
            return []
        rest = [
            each
            for each in ordered
            if not self._mark or behind(sort_key(each, asked.sorting), self._mark, asked.sorting)
        ]
        self.more = len(rest) > asked.count
        self.ids = [each["id"] for each in rest[: asked.count]]
        return [items[each][0] for each in self.ids]


def as_seen(resource: Element) -> Element:
    """A resource as conditions look at it: with whether it is archived, which absence says, too."""
    archived = value_of(resource, IS_ARCHIVED, "valueBoolean") is True
    return {**resource, "archived": "true" if archived else "false"}


# --- A document -------------------------------------------------------------------------------------------------------


def open_document(door: Sharing, request: Request, resource_id: str) -> Any:
    """The document of that id, or None for one that is masked, forbidden or not there. Raises AccessRefused."""
    uuid = urn(resource_id)
    named = door.named(request.call, [uuid]).get(uuid)
    asked = about(door, request, named)
    try:
        opened = door.open(asked.requester, asked.call, named.unique_id if named else uuid)
    except AccessRefused as refused:
        if refused.finding != ACCESS_REFUSED:
            raise
        return None
    return None if isinstance(opened, Finding) else opened
