"""TD3.1 for doors that tell documents with what relates them: one search, one passage.

A requester whom no assertion binds to a patient asks about the one whose document, set or folder is named.

Source: GIE SESAM-Vitale, TD3.1; ITI MHD 4.2, 2:3.66 and 2:3.67 (Find Document Lists, Find Document References).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from audit.event import AuditObject, Call, ObjectKind
from dmp.consultation import found, patients_of
from dmp.gate import Gate
from dmp.ports import Registry
from habilitations.action import Action
from identities.requester import Requester
from registry.errors import RegistryError
from registry.existing import Named
from registry.metadata import Association, AssociationType, DocumentEntry, Folder, SubmissionSet
from registry.scope import Scope
from registry.stored_query import (
    EVERY_VERSION,
    GetAssociations,
    GetDocuments,
    GetFolders,
    GetSubmissionSetAndContents,
    ObjectReference,
    ReturnType,
    StoredQuery,
    Told,
)

Item = DocumentEntry | SubmissionSet | Folder


@dataclass(frozen=True, slots=True)
class Fiches:
    """What was found: `items` in order, what relates them, when each was registered, and what packages hold.

    `folders` are the entryUUIDs of the folders among what the associations name; `members` the documents of packages;
    `dossier` is the key of the dossier where it was found, '' where none was named.
    """

    items: tuple[Item, ...] = ()
    associations: tuple[Association, ...] = ()
    received: Mapping[str, datetime] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()
    members: tuple[DocumentEntry, ...] = ()
    dossier: str = ""


Find = Callable[[StoredQuery], tuple[Told, ...]]

Choose = Callable[[Fiches], Sequence[Item]]
"""The items of an answer, of all that were found: what a door's own parameters leave, sorted, one page."""


def find_fiches(
    gate: Gate,
    requester: Requester,
    call: Call,
    query: StoredQuery,
    raw: bytes,
    choose: Choose,
    *,
    members: bool = False,
    relations: bool = False,
) -> Fiches:
    """What `query` finds of what `requester` may read, and of that what `choose` leaves. `raw` is the request.

    `members`: with the documents that packages hold; `relations`: `choose` looks at associations, too.
    Raises AccessRefused, or RegistryError for a query that cannot be answered.
    """
    patients, unreadable = patients_of(query)
    asked = AuditObject(ObjectKind.QUERY, call.endpoint, content=raw)
    patient = patients[0] if patients else None
    with gate.passage(requester, Action.TD3_1, patient, call, asked=[asked]) as passage:
        if unreadable:
            raise RegistryError(unreadable)
        find = partial(found, passage)
        items = tuple(each for each in find(query) if isinstance(each, Item))
        received = passage.registry.received(each.entry_uuid for each in items)
        every = Fiches(items, received=received)
        if relations:
            every = _related(find, items, received, members=False)
        told = _related(find, tuple(choose(every)), received, members=members)
        return replace(told, dossier=passage.dossier.key) if passage.dossier else told


def fiche(registry: Registry, named_: Named, scope: Scope) -> Fiches:
    """The object that is named, with what relates it, as far as `scope` permits; nothing where it does not."""

    def find(query: StoredQuery) -> tuple[Told, ...]:
        return registry.find(query, scope)

    whole, uuid = ReturnType.LEAF_CLASS, named_.entry_uuid
    query: StoredQuery = GetDocuments(return_type=whole, entry_uuids=(uuid,), metadata_level=EVERY_VERSION)
    if named_.kind == SubmissionSet.__name__:
        query = GetSubmissionSetAndContents(return_type=whole, entry_uuid=uuid)
    items = tuple(each for each in find(query) if isinstance(each, Item) and each.entry_uuid == uuid)
    return _related(find, items, registry.received([uuid]), members=False)


def _related(find: Find, items: tuple[Item, ...], received: Mapping[str, datetime], *, members: bool) -> Fiches:
    """These items with what relates them, as far as the requester sees it."""
    uuids = tuple(each.entry_uuid for each in items)
    if not uuids:
        return Fiches(received=received)
    whole = ReturnType.LEAF_CLASS
    told = find(GetAssociations(return_type=whole, uuids=uuids, metadata_level=EVERY_VERSION))
    associations = tuple(each for each in told if isinstance(each, Association))
    own = frozenset(uuids)
    held = tuple(
        {each.target for each in associations if each.type is AssociationType.HAS_MEMBER and each.source in own}
    )
    if not held:
        return Fiches(items, associations, received)
    folders = find(GetFolders(return_type=ReturnType.OBJECT_REF, entry_uuids=held))
    documents = find(GetDocuments(return_type=whole, entry_uuids=held)) if members else ()
    return Fiches(
        items,
        associations,
        received,
        folders=frozenset(each.entry_uuid for each in folders if isinstance(each, ObjectReference)),
        members=tuple(each for each in documents if isinstance(each, DocumentEntry)),
    )


def named(gate: Gate, call: Call, uuids: Iterable[str]) -> Mapping[str, Named]:
    """What these UUIDs name: keys and identifiers, of which nothing is told before a passage has decided."""
    with gate.identification(call) as attempt:
        return attempt.rooms.registry.named(uuids)


def holding(gate: Gate, call: Call, unique_ids: Sequence[str]) -> Named | None:
    """The dossier, if there is one alone, that holds a document of these uniqueIds; as `named`."""
    query = GetDocuments(return_type=ReturnType.OBJECT_REF, unique_ids=tuple(unique_ids))
    with gate.identification(call) as attempt:
        keys = attempt.rooms.registry.dossiers_of(query)
    return Named(DocumentEntry.__name__, keys[0], "", unique_ids[0]) if len(keys) == 1 else None


def about(gate: Gate, call: Call, requester: Requester, named_: Named | None) -> Requester:
    """The requester, who asks about the patient of what is named where nothing binds him to another."""
    if named_ is None or requester.patient is not None:
        return requester
    with gate.identification(call) as attempt:
        dossier = attempt.rooms.identities.dossier_of_key(named_.patient)
    return replace(requester, patient=dossier.ins) if dossier else requester
