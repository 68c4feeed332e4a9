"""ITI-65 Provide Document Bundle, and ITI-105 Simplified Publish, as the submission that ITI-41 would carry.

A reference to what the Bundle has is one inside the submission; any other is one to what is registered, which the hall
then finds or does not. A Bundle is one submission set: all of it is done, or nothing.

Source: MHD 4.2, 2:3.65.4.1 (Provide Document Bundle Request) and 2:3.105.4.1 (Simplified Publish); ITI TF-3 4.2.1.4.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pdsm import structure
from pdsm.coding import is_said
from pdsm.document_reference import Described, read_document_reference
from pdsm.errors import ContentError
from pdsm.identifiers import fhir_id, urn
from pdsm.original import Element
from pdsm.profiles import MHD, Departure, departures_of_bundle, departures_of_published, is_complete, profiles
from pdsm.submission_list import FOLDER, SUBMISSION_SET, kind_of, read_list
from registry.existing import is_uuid
from registry.metadata import (
    Association,
    AssociationType,
    AvailabilityStatus,
    DocumentEntry,
    Folder,
    Submission,
    SubmissionSet,
)
from registry.relationships import ORIGINAL
from schemas import oids

MAX_ENTRIES = 1000
REFERENCE = "Reference"  # SubmissionSetStatus of what is there already. Source: ITI TF-3 4.2.2.2.2
_MINIMAL = f"{MHD}IHE.MHD.Minimal.ProvideBundle"  # of metadata that may be limited
_VERBS = {"DocumentReference": {"POST"}, "List": {"POST", "PUT"}, "Binary": {"POST"}, "Parameters": {"PATCH"}}

Registered = Callable[[Sequence[str]], Mapping[str, str]]
"""The newest entryUUIDs of what these UUIDs name; those that name nothing are missing."""


@dataclass(slots=True)
class Provided:
    """A submission; by entry id, what stands for its document (`pdsm.arrival`), '' for one of no bytes.

    `answers` are status and location of each entry.
    """

    submission: Submission
    documents: dict[str, str]
    answers: list[tuple[str, str]] = field(default_factory=list)
    departures: tuple[Departure, ...] = ()  # from the profile that was claimed


@dataclass(slots=True)
class _Entry:
    """One entry of the Bundle, and the UUID of what it becomes."""

    resource: Element
    method: str
    url: str
    full_url: str
    uuid: str = ""


def read_bundle(bundle: Any, registered: Registered) -> Provided:
    """The submission of a transaction Bundle. Raises ContentError."""
    entries = list(_entries(bundle))
    reader = _Reader(entries, registered)
    provided = reader.provided(_is_minimal(bundle))
    provided.departures = departures_of_bundle(bundle)
    return provided


def _entries(bundle: Any) -> Iterator[_Entry]:
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        raise ContentError("a Bundle of type transaction", "something else")
    structure.check({name: each for name, each in bundle.items() if name != "entry"})
    listed = bundle.get("entry")
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_ENTRIES:
        raise ContentError(f"Bundle.entry: 1 to {MAX_ENTRIES} entries", "none, or more")
    for number, each in enumerate(listed):
        request = each.get("request") if isinstance(each, dict) else None
        if not isinstance(request, dict):
            raise ContentError(f"Bundle.entry[{number}].request: a request", "none")
        resource = structure.check(each.get("resource"), f"Bundle.entry[{number}].resource")
        kind, method = resource["resourceType"], str(request.get("method", ""))
        if method not in _VERBS.get(kind, {"GET", "POST", "PUT"}):
            raise ContentError(f"Bundle.entry[{number}].request.method: one for a {kind}", method, status=422)
        yield _Entry(resource, method, str(request.get("url", "")), str(each.get("fullUrl", "")))


def _is_minimal(resource: Element) -> bool:
    return _MINIMAL in profiles(resource)


class _Reader:
    """Reads the entries of one Bundle."""

    def __init__(self, entries: Sequence[_Entry], registered: Registered) -> None:
        self._entries, self._registered = entries, registered
        self._known: dict[str, _Entry] = {}
        for each in entries:
            own = f"{each.resource['resourceType']}/{each.resource.get('id', '')}"
            self._known |= {name: each for name in (each.full_url, own) if name and not name.endswith("/")}

    def _resolve(self, reference: str) -> Element | None:
        found = self._known.get(reference)
        return found.resource if found else None

    def provided(self, minimal: bool) -> Provided:
        sets = self._lists(SUBMISSION_SET)
        if len(sets) != 1:
            raise ContentError("Bundle: one List of code submissionset", str(len(sets)), status=422)
        documents = [
            (each, read_document_reference(each.resource, self._resolve))
            for each in self._entries
            if each.resource["resourceType"] == "DocumentReference"
        ]
        listed = read_list(sets[0].resource, self._resolve)
        if not isinstance(listed.item, SubmissionSet):
            raise ContentError("Bundle: a submission set", "another List", status=422)
        own = replace(listed.item, entry_uuid=_new(listed.item.entry_uuid), unique_id=listed.item.unique_id or _oid())
        sets[0].uuid = own.entry_uuid
        entries = []
        for each, described in documents:
            entries.append(as_submitted(described.entry))
            each.uuid = entries[-1].entry_uuid
        contents = {each.uuid: self._content(described) for each, described in documents}
        folders = list(self._folders(own))
        associations = [*self._members(own, listed.members), *self._held(own, folders)]
        associations += self._relations(documents)
        self._check_patches(documents)
        new_folders = tuple(folder for _, folder, _ in folders if folder)
        every = {own.entry_uuid, *(each.entry_uuid for each in entries), *(each.entry_uuid for each in new_folders)}
        limited = frozenset(every) if minimal else frozenset[str]()
        submission = Submission(own, tuple(entries), new_folders, tuple(associations), limited)
        return Provided(submission, contents, [self._answer(each) for each in self._entries])

    def _lists(self, kind: str) -> list[_Entry]:
        lists = [each for each in self._entries if each.resource["resourceType"] == "List"]
        if any(kind_of(each.resource) not in (SUBMISSION_SET, FOLDER) for each in lists):
            raise ContentError("List.code: submissionset or folder", "another", status=422)
        return [each for each in lists if kind_of(each.resource) == kind]

    def _content(self, described: Described) -> str:
        if described.data is not None:
            return described.data
        found = self._resolve(described.url)
        if found is None or found.get("resourceType") != "Binary":
            raise ContentError("attachment.url: a Binary of the Bundle", "a reference to none", status=422)
        return str(found.get("data", ""))

    def _folders(self, own: SubmissionSet) -> Iterator[tuple[str, Folder | None, tuple[str, ...]]]:
        """The UUID of each folder, the folder when it is new, and what it holds."""
        for each in self._lists(FOLDER):
            listed = read_list(each.resource, self._resolve)
            if not isinstance(listed.item, Folder):
                raise ContentError("Bundle: a folder", "another List", status=422)
            if each.method == "PUT":
                each.uuid = self._uuid(each.url)
                yield each.uuid, None, listed.members
                continue
            new = _new(listed.item.entry_uuid)
            patient = listed.item.patient_id or own.patient_id
            each.uuid = new
            unique_id = listed.item.unique_id or _oid()  # MHD 4.2, IHE.MHD.Minimal.Folder: identifier:uniqueId 0..1
            folder = replace(
                listed.item, entry_uuid=new, logical_id="", version=1, patient_id=patient, unique_id=unique_id
            )
            yield new, folder, listed.members

    def _members(self, own: SubmissionSet, members: Sequence[str]) -> Iterator[Association]:
        """What the set holds: what came with it, and by reference what is registered."""
        for each in self._entries:
            if each.resource["resourceType"] == "DocumentReference":
                yield _association(AssociationType.HAS_MEMBER, own.entry_uuid, each.uuid, ORIGINAL)
        for reference in members:
            if reference not in self._known:
                yield _association(AssociationType.HAS_MEMBER, own.entry_uuid, self._uuid(reference), REFERENCE)

    def _held(
        self, own: SubmissionSet, folders: Sequence[tuple[str, Folder | None, tuple[str, ...]]]
    ) -> Iterator[Association]:
        """The new folders in the set, the documents in each folder, and that these memberships are of the set."""
        for folder_uuid, folder, members in folders:
            if folder:
                yield _association(AssociationType.HAS_MEMBER, own.entry_uuid, folder_uuid)
            for reference in members:
                if folder is None and reference not in self._known:
                    continue  # it is there already: only what is new is added. Source: MHD 4.2, 2:3.65.4.1.2.4
                held = _association(AssociationType.HAS_MEMBER, folder_uuid, self._uuid(reference))
                yield held
                yield _association(AssociationType.HAS_MEMBER, own.entry_uuid, held.entry_uuid)

    def _relations(self, documents: Sequence[tuple[_Entry, Described]]) -> Iterator[Association]:
        for each, described in documents:
            for relation in described.relations:
                yield _association(relation.type, each.uuid, self._uuid(relation.target))

    def _uuid(self, reference: str) -> str:
        """The entryUUID that a reference means: of the Bundle, or registered."""
        if found := self._known.get(reference):
            return found.uuid
        named = urn(reference.partition("/_history/")[0].rpartition("/")[2].removeprefix("urn:uuid:"))
        return self._registered([named]).get(named, named if is_uuid(named) else f"urn:uuid:{uuid.UUID(int=0)}")

    def _check_patches(self, documents: Sequence[tuple[_Entry, Described]]) -> None:
        """A PATCH says again what `replaces` says, and nothing else. Source: MHD 4.2, IHE.MHD.Patch.Parameters."""
        replaced = {self._uuid(each.target) for _, described in documents for each in described.relations}
        for each in self._entries:
            if each.method != "PATCH":
                continue
            each.uuid = self._uuid(each.url)
            parts = [part for given in each.resource.get("parameter", ()) for part in given.get("part", ())]
            said = {str(part.get("name")): [v for k, v in part.items() if k.startswith("value")] for part in parts}
            superseding = {"type": ["replace"], "path": ["DocumentReference.status"], "value": ["superseded"]}
            if said != superseding or each.uuid not in replaced:
                expected = "PATCH: the status of a document that another one of the Bundle replaces, superseded"
                raise ContentError(expected, "something else", status=422)

    def _answer(self, each: _Entry) -> tuple[str, str]:
        kind = each.resource["resourceType"]
        if kind == "Binary":
            owner = next((one for one in self._entries if self._is_of(one, each)), None)
            return "201 Created", f"Binary/{fhir_id(owner.uuid)}" if owner else ""
        if kind == "Parameters":
            return "200 OK", f"DocumentReference/{fhir_id(each.uuid)}"
        if not each.uuid:
            return "200 OK", ""
        return "201 Created" if each.method == "POST" else "200 OK", f"{kind}/{fhir_id(each.uuid)}"

    def _is_of(self, one: _Entry, binary: _Entry) -> bool:
        contents = one.resource.get("content", ()) if one.resource["resourceType"] == "DocumentReference" else ()
        return any(self._known.get(each.get("attachment", {}).get("url", "")) is binary for each in contents)


# --- What a source may say of a new document --------------------------------------------------------------------------


def as_submitted(entry: DocumentEntry) -> DocumentEntry:
    """An entry as a source submits it: what registry and repository say of it is theirs. Raises ContentError."""
    if entry.availability_status is not AvailabilityStatus.APPROVED:
        raise ContentError("status: current, of a new document", "another", status=422)
    new = _new(entry.entry_uuid)
    return replace(entry, entry_uuid=new, logical_id="", version=1, repository_unique_id="", document_availability="")


def _new(entry_uuid: str) -> str:
    return entry_uuid.lower() if is_uuid(entry_uuid.lower()) else uuid.uuid4().urn


def _association(kind: AssociationType, source: str, target: str, status: str = "") -> Association:
    return Association(uuid.uuid4().urn, kind, source, target, status)


def write_response(
    provided: Provided, outcome: Element | None, told: Mapping[str, Element], done: Element | None = None
) -> Element:
    """The transaction-response; warnings, `outcome`, stand in the first entry, `done` in every other one.

    `told` are resources that are returned, by their location.
    """
    entries: list[Element] = []
    for number, (status, location) in enumerate(provided.answers):
        response: Element = {"status": status}
        if location:
            response["location"] = location
        if said := (None if number else outcome) or done:
            response["outcome"] = said
        returned = {"resource": told[location]} if location in told else {}
        entries.append({**returned, "response": response})
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}


# --- ITI-105 ----------------------------------------------------------------------------------------------------------


def read_published(resource: Any, registered: Registered, *, source_id: str, now: datetime) -> Provided:
    """The submission of one DocumentReference, in a submission set that this server makes. Raises ContentError.

    What XDS wants of the set is what the document says: its authors and, for the activity, its facility.
    """
    checked = structure.check(resource)
    if checked["resourceType"] != "DocumentReference":
        raise ContentError("a DocumentReference", "another resource", status=422)
    described = read_document_reference(checked, lambda _reference: None)
    if described.data is None or described.url:
        raise ContentError("content.attachment: data, and no url", "something else", status=422)
    entry = as_submitted(described.entry)
    entry = entry if entry.unique_id else replace(entry, unique_id=_oid())
    limited = not is_complete(checked)
    provided = alone(entry, described.data, source_id=source_id, now=now, limited=limited)
    associations = [*provided.submission.associations]
    for relation in described.relations:
        target = urn(relation.target.rpartition("/")[2])
        found = registered([target]).get(target, target)
        associations.append(_association(relation.type, entry.entry_uuid, found))
    submission = replace(provided.submission, associations=tuple(associations))
    return replace(provided, submission=submission, departures=departures_of_published(checked))


def alone(entry: DocumentEntry, data: str, *, source_id: str, now: datetime, limited: bool = False) -> Provided:
    """The submission of one document, in a submission set that says of it what the document says."""
    own = SubmissionSet(
        entry_uuid=uuid.uuid4().urn,
        unique_id=_oid(),
        patient_id=entry.patient_id,
        source_id=source_id,
        submission_time=f"{now:%Y%m%d%H%M%S}",
        content_type_code=entry.healthcare_facility_type_code,
        authors=entry.authors,
    )
    member = _association(AssociationType.HAS_MEMBER, own.entry_uuid, entry.entry_uuid, ORIGINAL)
    complete = not limited and is_said(own.content_type_code)
    unsaid = frozenset[str]() if complete else frozenset({own.entry_uuid, entry.entry_uuid})
    return Provided(Submission(own, (entry,), associations=(member,), limited=unsaid), {entry.entry_uuid: data})


def _oid() -> str:
    return f"{oids.UUID_ARC}.{uuid.uuid4().int}"
