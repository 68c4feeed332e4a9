"""The stored queries twice: as slots to send, and as loops over the model that say what must come back.

Source: ITI TF-2 3.18.4.1.2.3.7.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.connectathon import CODE
from tests.properties.model import HAS_MEMBER, Doc, Fold, Found, Link, Model, Sees, Set

Slots = list[tuple[str, list[str]]]
_STATUS = "urn:oasis:names:tc:ebxml-regrep:StatusType:"
STABLE, ON_DEMAND = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1", "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248"
_TYPES = {
    "HasMember": "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember",
    **{name: f"urn:ihe:iti:2007:AssociationType:{name}" for name in ("RPLC", "APND", "XFRM", "XFRM_RPLC", "signs")},
}


@dataclass(frozen=True)
class View:
    """What one requester sees of the model: the documents of `patients` that `sees` lets through."""

    model: Model
    sees: Sees
    everything: bool = True

    def docs(self) -> list[Doc]:
        return [doc for doc in self.model.docs if self.sees(doc)]

    def shown(self, end: str | Link) -> bool:
        return self.model.shows(end, self.sees, self.everything)

    def links(self, links: Sequence[Link]) -> list[Link]:
        return [link for link in links if self.shown(link.source) and self.shown(link.target)]


@dataclass(frozen=True)
class Asked:
    """One question: `answer` is what the standard says comes back of a view."""

    name: str
    query_id: str
    slots: Slots
    answer: Callable[[View], Found]


@dataclass(frozen=True)
class Filter:
    """What FindDocuments may ask beside patient and status; an empty one asks nothing."""

    type_codes: tuple[str, ...] = ()
    class_codes: tuple[str, ...] = ()
    confidentiality: tuple[tuple[str, ...], ...] = ()  # AND of OR
    event_codes: tuple[tuple[str, ...], ...] = ()
    authors: tuple[str, ...] = ()  # LIKE patterns
    creation: tuple[str, str] = ("", "")
    service_start: tuple[str, str] = ("", "")
    service_stop: tuple[str, str] = ("", "")
    object_types: tuple[str, ...] = field(default=())

    def slots(self) -> Slots:
        entry = "$XDSDocumentEntry"
        slots: Slots = []
        for name, codes in (("TypeCode", self.type_codes), ("ClassCode", self.class_codes)):
            if codes:
                slots.append((entry + name, [_codes(codes)]))
        for name, groups in (("ConfidentialityCode", self.confidentiality), ("EventCodeList", self.event_codes)):
            slots += [(entry + name, [_codes(group, _SCHEMES.get(name, CODE.scheme))]) for group in groups]
        if self.authors:
            slots.append((f"{entry}AuthorPerson", [_texts(self.authors)]))
        for name, (start, stop) in (
            ("CreationTime", self.creation),
            ("ServiceStartTime", self.service_start),
            ("ServiceStopTime", self.service_stop),
        ):
            slots += [(f"{entry}{name}{side}", [text]) for side, text in (("From", start), ("To", stop)) if text]
        if self.object_types:
            slots.append((f"{entry}Type", [_texts(self.object_types)]))
        return slots

    def keeps(self, doc: Doc) -> bool:
        kinds = self.object_types or (STABLE,)
        return (
            doc.latest
            and (ON_DEMAND if doc.on_demand else STABLE) in kinds
            and (not self.type_codes or doc.type_code in self.type_codes)
            and (not self.class_codes or doc.class_code in self.class_codes)
            and all(set(group) & set(doc.confidentiality) for group in self.confidentiality)
            and all(set(group) & set(doc.event_codes) for group in self.event_codes)
            and (not self.authors or any(like(pattern, doc.author) for pattern in self.authors))
            and (doc.on_demand or _within(doc.creation_time, *self.creation))
            and (not doc.service_start or _within(doc.service_start, *self.service_start))
            and (not doc.service_stop or _within(doc.service_stop, *self.service_stop))
        )


_SCHEMES = {"ConfidentialityCode": "2.16.840.1.113883.5.25"}


def find_documents(patient: str, statuses: Sequence[str], said: Filter) -> Asked:
    def answer(view: View) -> Found:
        return Found(docs=[doc for doc in view.docs() if _of(doc, patient, statuses) and said.keeps(doc)])

    slots = [_one("$XDSDocumentEntryPatientId", patient), _statuses("$XDSDocumentEntryStatus", statuses)]
    return Asked("FindDocuments", "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d", slots + said.slots(), answer)


def find_by_reference(patient: str, statuses: Sequence[str], groups: Sequence[Sequence[str]], said: Filter) -> Asked:
    def answer(view: View) -> Found:
        return Found(
            docs=[
                doc
                for doc in view.docs()
                if _of(doc, patient, statuses)
                and said.keeps(doc)
                and all(set(group) & set(doc.reference_ids) for group in groups)
            ]
        )

    slots = [_one("$XDSDocumentEntryPatientId", patient), _statuses("$XDSDocumentEntryStatus", statuses)]
    slots += [("$XDSDocumentEntryReferenceIdList", [_texts(group)]) for group in groups]
    query_id = "urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492"
    return Asked("FindDocumentsByReferenceId", query_id, slots + said.slots(), answer)


def find_submission_sets(patient: str, statuses: Sequence[str], times: tuple[str, str], types: Sequence[str]) -> Asked:
    def answer(view: View) -> Found:
        return Found(
            sets=[
                one
                for one in view.model.sets
                if one.patient == patient
                and "Approved" in statuses
                and _within(one.submission_time, *times)
                and (not types or one.content_type in types)
                and view.shown(one.uuid)
            ]
        )

    slots = [_one("$XDSSubmissionSetPatientId", patient), _statuses("$XDSSubmissionSetStatus", statuses)]
    slots += [
        (f"$XDSSubmissionSetSubmissionTime{side}", [text])
        for side, text in zip(("From", "To"), times, strict=True)
        if text
    ]
    slots += [("$XDSSubmissionSetContentType", [_codes(types)])] if types else []
    return Asked("FindSubmissionSets", "urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9", slots, answer)


def find_folders(patient: str, statuses: Sequence[str], codes: Sequence[Sequence[str]]) -> Asked:
    def answer(view: View) -> Found:
        return Found(
            folders=[
                one
                for one in view.model.folders
                if _of(one, patient, statuses)
                and all(set(group) & set(one.codes) for group in codes)
                and view.shown(one.uuid)
            ]
        )

    slots = [_one("$XDSFolderPatientId", patient), _statuses("$XDSFolderStatus", statuses)]
    slots += [("$XDSFolderCodeList", [_codes(group)]) for group in codes]
    return Asked("FindFolders", "urn:uuid:958f3006-baad-4929-a4de-ff1114824431", slots, answer)


def get_all(patient: str, of_docs: Sequence[str], of_sets: Sequence[str], of_folders: Sequence[str]) -> Asked:
    def answer(view: View) -> Found:
        docs = [doc for doc in view.docs() if _of(doc, patient, of_docs) and Filter().keeps(doc)]
        sets = [
            one for one in view.model.sets if one.patient == patient and "Approved" in of_sets and view.shown(one.uuid)
        ]
        folders = [one for one in view.model.folders if _of(one, patient, of_folders) and view.shown(one.uuid)]
        touched = {one.uuid for one in (*docs, *sets, *folders)}
        return Found(docs, sets, folders, view.links(view.model.touching(touched)))

    slots = [
        _one("$patientId", patient),
        _statuses("$XDSDocumentEntryStatus", of_docs),
        _statuses("$XDSSubmissionSetStatus", of_sets),
        _statuses("$XDSFolderStatus", of_folders),
    ]
    return Asked("GetAll", "urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3", slots, answer)


def get_documents(named: Sequence[str], *, by_uuid: bool, associations: bool = False) -> Asked:
    def answer(view: View) -> Found:
        docs = [doc for doc in view.docs() if _named(doc, named, by_uuid)]
        touching = view.links(view.model.touching({doc.uuid for doc in docs})) if associations else []
        return Found(docs=docs, links=touching)

    slot = "$XDSDocumentEntryEntryUUID" if by_uuid else "$XDSDocumentEntryUniqueId"
    if associations:
        return Asked(
            "GetDocumentsAndAssociations",
            "urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a",
            [(slot, [_texts(named)])],
            answer,
        )
    return Asked("GetDocuments", "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4", [(slot, [_texts(named)])], answer)


def get_folders(named: Sequence[str], *, by_uuid: bool) -> Asked:
    def answer(view: View) -> Found:
        return Found(
            folders=[
                one
                for one in view.model.folders
                if (one.uuid if by_uuid else one.unique_id) in named and view.shown(one.uuid)
            ]
        )

    slot = "$XDSFolderEntryUUID" if by_uuid else "$XDSFolderUniqueId"
    return Asked("GetFolders", "urn:uuid:5737b14c-8a1a-4539-b659-e03a34a5e1e4", [(slot, [_texts(named)])], answer)


def get_associations(uuids: Sequence[str]) -> Asked:
    def answer(view: View) -> Found:
        return Found(links=view.links(view.model.touching(set(uuids))))

    return Asked(
        "GetAssociations", "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155", [("$uuid", [_texts(uuids)])], answer
    )


def get_submission_sets(uuids: Sequence[str]) -> Asked:
    def answer(view: View) -> Found:
        sets = {one.uuid: one for one in view.model.sets}
        used = view.links(
            [
                link
                for link in view.model.links
                if link.type == HAS_MEMBER and link.target in uuids and link.source in sets
            ]
        )
        return Found(sets=[sets[uuid] for uuid in {link.source for link in used}], links=used)

    query_id = "urn:uuid:51224314-5390-4169-9b91-b1980040715a"
    return Asked("GetSubmissionSets", query_id, [("$uuid", [_texts(uuids)])], answer)


def get_folders_for_document(named: str, *, by_uuid: bool) -> Asked:
    def answer(view: View) -> Found:
        docs = {doc.uuid for doc in view.docs() if _named(doc, [named], by_uuid)}
        folders = {one.uuid: one for one in view.model.folders}
        holding = {link.source for link in view.model.links if link.type == HAS_MEMBER and link.target in docs}
        return Found(folders=[one for uuid, one in folders.items() if uuid in holding])

    slot = "$XDSDocumentEntryEntryUUID" if by_uuid else "$XDSDocumentEntryUniqueId"
    return Asked("GetFoldersForDocument", "urn:uuid:10cae35a-c7f9-4cf5-b61e-fc3278ffb578", [_one(slot, named)], answer)


def get_related(uuid: str, types: Sequence[str]) -> Asked:
    def answer(view: View) -> Found:
        docs = {doc.uuid: doc for doc in view.docs() if doc.latest and not doc.on_demand}
        links = [
            link
            for link in view.model.touching({uuid})
            if link.type in types and link.source in docs and link.target in docs
        ]
        ends = {end for link in links for end in (link.source, link.target)}
        return Found(docs=[doc for each, doc in docs.items() if each in ends], links=links)

    slots = [
        _one("$XDSDocumentEntryEntryUUID", uuid),
        ("$AssociationTypes", [_texts([_TYPES[each] for each in types])]),
    ]
    return Asked("GetRelatedDocuments", "urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6", slots, answer)


def get_set_and_contents(one: Set, *, by_uuid: bool, confidentiality: Sequence[Sequence[str]] = ()) -> Asked:
    def answer(view: View) -> Found:
        if one not in view.model.sets or not view.shown(one.uuid):
            return Found()
        held = [link for link in view.model.links if link.type == HAS_MEMBER and link.source == one.uuid]
        docs = [
            doc
            for doc in view.docs()
            if Link(HAS_MEMBER, one.uuid, doc.uuid) in held
            and Filter(confidentiality=_groups(confidentiality)).keeps(doc)
        ]
        folders = [
            each
            for each in view.model.folders
            if Link(HAS_MEMBER, one.uuid, each.uuid) in held and view.shown(each.uuid)
        ]
        inside = {each.uuid for each in (*docs, *folders)}
        members = [
            link.target
            for link in held
            if isinstance(link.target, Link) and link.target.source in inside and link.target.target in inside
        ]
        used = [link for link in held if link.target in inside or link.target in members]
        own = [link for link in view.model.links if link.type != HAS_MEMBER and _ends(link) <= inside]
        return Found(docs, [one], folders, [*used, *members, *own])

    slot = "$XDSSubmissionSetEntryUUID" if by_uuid else "$XDSSubmissionSetUniqueId"
    slots = [_one(slot, one.uuid if by_uuid else one.unique_id)]
    slots += [
        ("$XDSDocumentEntryConfidentialityCode", [_codes(group, _SCHEMES["ConfidentialityCode"])])
        for group in confidentiality
    ]
    return Asked("GetSubmissionSetAndContents", "urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83", slots, answer)


def get_folder_and_contents(one: Fold, *, by_uuid: bool) -> Asked:
    def answer(view: View) -> Found:
        current = [each for each in view.model.folders if each.uuid == one.uuid and view.shown(each.uuid)]
        if not current:
            return Found()
        docs = [
            doc
            for doc in view.docs()
            if Link(HAS_MEMBER, one.uuid, doc.uuid) in view.model.links and Filter().keeps(doc)
        ]
        links = [Link(HAS_MEMBER, one.uuid, doc.uuid) for doc in docs]
        return Found(docs=docs, folders=current, links=links)

    slot = "$XDSFolderEntryUUID" if by_uuid else "$XDSFolderUniqueId"
    slots = [_one(slot, one.uuid if by_uuid else one.unique_id)]
    return Asked("GetFolderAndContents", "urn:uuid:b909a503-523d-4517-8acf-8e5834dfc4c7", slots, answer)


# --- Coding -----------------------------------------------------------------------------------------------------------


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _one(name: str, text: str) -> tuple[str, list[str]]:
    return name, [_quoted(text)]


def _texts(texts: Sequence[str]) -> str:
    return f"({','.join(map(_quoted, texts))})"


def _codes(codes: Sequence[str], scheme: str = CODE.scheme) -> str:
    return _texts([f"{code}^^{scheme}" for code in codes])


def _statuses(name: str, statuses: Sequence[str]) -> tuple[str, list[str]]:
    return name, [_texts([_STATUS + status for status in statuses])]


def _groups(groups: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(map(tuple, groups))


def _of(one: Doc | Fold, patient: str, statuses: Sequence[str]) -> bool:
    return one.patient == patient and one.status in statuses


def _within(time: str, start: str, stop: str) -> bool:
    """From <= time < To, as times of 14 digits."""
    return (not start or _full(start) <= _full(time)) and (not stop or _full(time) < _full(stop))


def _full(time: str) -> str:
    return time + "00000101000000"[len(time) :]


def _named(doc: Doc, named: Sequence[str], by_uuid: bool) -> bool:
    """An entryUUID names one version; a uniqueId names a document, of which the latest version tells."""
    return doc.uuid in named if by_uuid else doc.latest and doc.unique_id in named


def _ends(link: Link) -> set[object]:
    return {link.source, link.target}


def like(pattern: str, text: str) -> bool:
    """SQL LIKE, without escapes."""
    coded = "".join({"%": ".*", "_": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(coded, text, re.DOTALL) is not None
