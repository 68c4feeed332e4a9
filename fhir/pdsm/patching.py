"""One document changed by a patch, named by its id or by what a search finds of one alone.

Source: HL7 FHIR R4, http.html 3.1.0.7 (patch), 3.1.0.5 (If-Match); ANS, PDSm 3.1.1, Flux 03 and 04.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dmp.fiches import Fiches
from dmp.modification import Standing
from pdsm import iti67
from pdsm.asked import Asked
from pdsm.changes import changed
from pdsm.errors import ContentError
from pdsm.http import matches
from pdsm.identifiers import urn
from pdsm.original import Element
from pdsm.sharing import Request, about, as_seen, name_patient, query_of, read, resources_of
from pdsm.sharing_door import Sharing
from registry.metadata import Association, DocumentEntry

Found = tuple[Request, list[Standing]]


@dataclass(frozen=True, slots=True)
class Patched:
    """A document after its patch; `told` says whether the requester may be told of it."""

    resource: Element
    told: bool


def of_id(door: Sharing, request: Request, resource_id: str) -> Found:
    """The document of an id, of any version of it, and who asks: about its patient."""
    uuid = urn(resource_id)
    named = door.named(request.call, [uuid]).get(uuid)
    asking = about(door, request, named)
    query = iti67.documents_named([named.entry_uuid if named else uuid])
    return asking, [*door.standing(asking.requester, asking.call, query)]


def of_search(door: Sharing, request: Request, asked: Asked) -> Found:
    """The documents that a search finds, and who asks."""
    name_patient(door, request, asked)
    query, asking = query_of(door, request, asked)
    every = door.standing(asking.requester, asking.call, query)
    return asking, [each for each in every if asked.holds(as_seen(_told(door, each, request.base)))]


def patch(door: Sharing, asking: Request, standing: Standing, wanted: str, content: Any) -> Patched:
    """The document after `content`, a patch; `wanted` is what If-Match says, '' where it says nothing.

    Raises ContentError, AccessRefused, RegistryError.
    """
    entry, before = standing.entry, _told(door, standing, asking.base)
    if wanted and not matches(wanted, f'W/"{entry.version}"'):
        raise ContentError("If-Match: the version that stands", "another", status=412)
    try:
        asked = changed(entry, before, content)
    except ContentError:
        raise
    except Exception as failure:
        door.failed(asking.call, type(failure).__name__, asking.requester)
        raise
    codes, status = asked.confidentiality_codes, asked.availability_status
    if (codes, status) == (entry.confidentiality_codes, entry.availability_status):
        again = read(door, as_reader(asking), iti67.DOCUMENT_REFERENCE.name, str(before["id"]))
        return Patched(again or before, standing.told and again is not None)
    after = door.modify(asking.requester, asking.call, standing, codes, status)
    moved = [_moved(each, entry, after) for each in standing.associations]
    now = door.now() if after.entry_uuid != entry.entry_uuid else standing.received
    changed_ = replace(standing, entry=after, associations=tuple(moved), received=now)
    return Patched(_told(door, changed_, asking.base), standing.told)


def _told(door: Sharing, standing: Standing, base: str) -> Element:
    """A document as it is told to readers."""
    entry = standing.entry
    received = {entry.entry_uuid: standing.received} if standing.received else {}
    fiches = Fiches((entry,), standing.associations, received)
    return resources_of(fiches, base, door.patients.ids.reference(standing.dossier))[0]


def _moved(item: Association, before: DocumentEntry, after: DocumentEntry) -> Association:
    """What relates the version that stood relates the new one: links follow. Source: ITI TF-2 3.57.4.1.3.3.1.5."""
    return replace(item, source=after.entry_uuid) if item.source == before.entry_uuid else item


def as_reader(request: Request) -> Request:
    """The request as that of a reader, where nothing is to be changed: the log says what was found, and how asked."""
    return replace(request, call=replace(request.call, transaction="ITI-67"), raw=b"PATCH " + request.raw)
