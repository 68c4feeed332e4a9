"""What a medium carries: the documents of one dossier as submissions that another registry can take. Pure.

Together they are one submission of ours, made of current documents only. Apart they are the submissions they came in,
with their ids, so that replacements are replayed: an obsolete document goes along only with what made it obsolete, or
whoever imports it would have it current again.

Source: ITI TF-2 3.32.4.1.2.2 (one directory for each submission set); ITI TF-3 4.2.2 (associations).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush

from registry.existing import canonical_id, is_uuid
from registry.hl7_types import cx_key
from registry.metadata import (
    Association,
    AssociationType,
    AvailabilityStatus,
    DocumentEntry,
    DtmError,
    Submission,
    SubmissionSet,
    dtm_floor,
)
from registry.relationships import DERIVING, ORIGINAL, REPLACING

_DTM = "%Y%m%d%H%M%S"
_STATUS_RANK = {AvailabilityStatus.APPROVED: 2, AvailabilityStatus.ARCHIVED: 1}
_SIGNING = frozenset({AssociationType.SIGNS})
_AMONG_CURRENT = DERIVING | _SIGNING  # associations that need no document already registered


class Reason(Enum):
    """Why a document that the requester may read is not on the medium. The text is for patients."""

    ELSEWHERE = "conservé dans un autre entrepôt"
    SAME_DOCUMENT = "autre fiche d'un document déjà copié"
    SIGNATURE = "signature d'un lot qui n'est pas copié tel quel"
    NOT_REPLACED_HERE = "version obsolète dont la remplaçante n'est pas copiée"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which documents of a dossier go on a medium. On-demand entries and deleted documents never do."""

    obsolete: bool = False  # Deprecated ones too, then apart
    archived: bool = False
    apart: bool = False  # one submission set for each original one

    @property
    def by_submission(self) -> bool:
        return self.apart or self.obsolete

    @property
    def statuses(self) -> tuple[AvailabilityStatus, ...]:
        return (
            AvailabilityStatus.APPROVED,
            *((AvailabilityStatus.DEPRECATED,) if self.obsolete else ()),
            *((AvailabilityStatus.ARCHIVED,) if self.archived else ()),
        )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A document that is not on the medium, and why."""

    entry: DocumentEntry
    reason: Reason


@dataclass(frozen=True, slots=True)
class Found:
    """What a registry told within one Scope: documents, the sets that hold them, and how they relate."""

    entries: tuple[DocumentEntry, ...]
    sets: tuple[SubmissionSet, ...]
    associations: tuple[Association, ...]


def restorable(found: Found, here: Iterable[str]) -> tuple[tuple[DocumentEntry, ...], tuple[LeftOut, ...]]:
    """The documents that can go on the medium, and those left out. `here` are the uniqueIds whose bytes are here."""
    kept: dict[str, DocumentEntry] = {}  # by uniqueId
    left: list[LeftOut] = []
    present = frozenset(here)
    for entry in sorted(found.entries, key=_worth):
        if entry.unique_id not in present:
            left.append(LeftOut(entry, Reason.ELSEWHERE))
            continue
        if before := kept.get(entry.unique_id):
            left.append(LeftOut(before, Reason.SAME_DOCUMENT))
        kept[entry.unique_id] = entry
    replayed = _replayed({entry.entry_uuid: entry for entry in kept.values()}, found.associations)
    left += [LeftOut(each, Reason.NOT_REPLACED_HERE) for each in kept.values() if each.entry_uuid not in replayed]
    carried = {each.entry_uuid for each in kept.values()} & replayed
    return tuple(entry for entry in found.entries if entry.entry_uuid in carried), tuple(left)


def _worth(entry: DocumentEntry) -> tuple[int, int]:
    """Of several entries of one document, the last in this order stands for it."""
    return _STATUS_RANK.get(entry.availability_status, 0), entry.version


def _replayed(entries: Mapping[str, DocumentEntry], associations: Sequence[Association]) -> set[str]:
    """The ids of what an importer would have in the status it has here: current, or made obsolete by what is there."""
    deprecated = AvailabilityStatus.DEPRECATED
    obsolete = {uuid for uuid, entry in entries.items() if entry.availability_status is deprecated}
    replayed = entries.keys() - obsolete
    while True:
        added = {
            item.target
            for item in associations
            if item.type in REPLACING and item.source in replayed and item.target in obsolete
        } | {
            item.source
            for item in associations
            if item.type in DERIVING and item.source in obsolete and item.target in obsolete & replayed
        }
        if added <= replayed:
            return set(replayed)
        replayed |= added


def unsigned(found: Found, entries: Sequence[DocumentEntry]) -> tuple[tuple[DocumentEntry, ...], tuple[LeftOut, ...]]:
    """The documents but those that sign a submission set: in another set they would sign what is not there.

    Source: ITI TF-1 37 (DSG); CI-SIS, volet Partage de documents de santé (signature of a submission).
    """
    sets = {own.entry_uuid for own in found.sets}
    signing = {item.source for item in found.associations if item.type in _SIGNING and item.target in sets}
    kept = tuple(entry for entry in entries if entry.entry_uuid not in signing)
    left = tuple(LeftOut(entry, Reason.SIGNATURE) for entry in entries if entry.entry_uuid in signing)
    return kept, left


def together(entries: Sequence[DocumentEntry], associations: Sequence[Association], own: SubmissionSet) -> Submission:
    """One submission of these documents in the set `own`, with symbolic ids; of the associations those among them."""
    names = {entry.entry_uuid: f"Document{number:05d}" for number, entry in enumerate(entries, start=1)}
    written = [_submitted(entry, own.patient_id, names[entry.entry_uuid]) for entry in entries]
    among = [
        replace(item, entry_uuid=f"Association{number:05d}", source=names[item.source], target=names[item.target])
        for number, item in enumerate(associations, start=1)
        if item.type in _AMONG_CURRENT and item.source in names and item.target in names
    ]
    return Submission(own, tuple(written), (), (*_memberships(own, written), *among))


def apart(found: Found, entries: Sequence[DocumentEntry], patient_id: str) -> tuple[Submission, ...]:
    """The submissions that these documents came in, in an order in which each finds what it names."""
    holders = _holders(found)
    by_set: dict[str, list[DocumentEntry]] = {}
    for entry in entries:
        by_set.setdefault(holders[entry.entry_uuid], []).append(entry)
    carried = {entry.entry_uuid for entry in entries}
    among = [
        item
        for item in found.associations
        if item.type is not AssociationType.HAS_MEMBER
        and item.source in carried
        and (item.target in carried or item.target == holders[item.source])
    ]
    submissions = []
    for own in found.sets:
        if own.entry_uuid not in by_set:
            continue
        same = cx_key(own.patient_id) == cx_key(patient_id)
        written = own if same else replace(own, patient_id=patient_id)
        held = [_submitted(entry, written.patient_id, entry.entry_uuid) for entry in by_set[own.entry_uuid]]
        sources = {entry.entry_uuid for entry in held}
        related = [item for item in among if item.source in sources]
        submissions.append(Submission(written, tuple(held), (), (*_memberships(written, held), *related)))
    return _timed(in_order(submissions))


def _holders(found: Found) -> dict[str, str]:
    """The set that each document came in; a later one may hold it by reference."""
    sets = {own.entry_uuid for own in found.sets}
    holders: dict[str, str] = {}
    for item in found.associations:
        if item.type is not AssociationType.HAS_MEMBER or item.source not in sets:
            continue
        if item.submission_set_status == ORIGINAL or item.target not in holders:
            holders[item.target] = item.source
    return holders


def _submitted(entry: DocumentEntry, patient_id: str, name: str) -> DocumentEntry:
    """`entry` as a source would submit it: of the patient of its set, without what a registry sets."""
    same = cx_key(entry.patient_id) == cx_key(patient_id)
    return replace(
        entry,
        entry_uuid=name,
        patient_id=entry.patient_id if same else patient_id,
        logical_id="",
        version=1,
    )


def _memberships(own: SubmissionSet, entries: Iterable[DocumentEntry]) -> list[Association]:
    member = AssociationType.HAS_MEMBER
    return [
        Association(f"Member{number:05d}", member, own.entry_uuid, entry.entry_uuid, ORIGINAL)
        for number, entry in enumerate(entries, start=1)
    ]


def in_order(submissions: Iterable[Submission]) -> tuple[Submission, ...]:
    """The submissions as they must be registered: what is named comes before, what replaces comes after all of that.

    Between those that do not care, by submissionTime. Where no order is possible, by submissionTime alone.
    """
    by_time = sorted(submissions, key=_time)
    graph = _precedence(by_time)
    try:
        graph.prepare()
    except CycleError:
        return tuple(by_time)
    ordered: list[Submission] = []
    ready: list[int] = []
    while graph.is_active():
        for number in graph.get_ready():
            heappush(ready, number)
        ordered.append(by_time[first := heappop(ready)])
        graph.done(first)
    return tuple(ordered)


def _precedence(submissions: Sequence[Submission]) -> TopologicalSorter[int]:
    """Which submissions, by number, come before which. Only UUIDs say anything beyond their own submission."""
    home = {uuid: number for number, each in enumerate(submissions) for uuid in _uuids(each)}
    graph: TopologicalSorter[int] = TopologicalSorter(dict.fromkeys(range(len(submissions)), ()))
    naming: dict[str, set[int]] = {}  # entry -> the submissions that relate something to it without replacing it
    derived: dict[str, set[str]] = {}
    replacing: list[tuple[int, str]] = []
    for number, each in enumerate(submissions):
        for item in each.associations:
            source, target = canonical_id(item.source), canonical_id(item.target)
            if not is_uuid(target):
                continue
            if home.get(target, number) != number:
                graph.add(number, home[target])
            if item.type in REPLACING:
                replacing.append((number, target))
            elif item.type is not AssociationType.HAS_MEMBER:
                naming.setdefault(target, set()).add(number)
            if item.type in DERIVING:
                derived.setdefault(target, set()).add(source)
    for number, target in replacing:
        graph.add(number, *({one for uuid in _reached(target, derived) for one in naming.get(uuid, ())} - {number}))
    return graph


def _uuids(submission: Submission) -> Iterator[str]:
    return filter(is_uuid, (canonical_id(entry.entry_uuid) for entry in submission.entries))


def _reached(start: str, derived: Mapping[str, set[str]]) -> set[str]:
    found, frontier = {start}, {start}
    while frontier:
        frontier = {source for uuid in frontier for source in derived.get(uuid, ())} - found
        found |= frontier
    return found


def _time(submission: Submission) -> tuple[str, str]:
    own = submission.submission_set
    try:
        return dtm_floor(own.submission_time), own.unique_id
    except DtmError:
        return own.submission_time, own.unique_id


def _timed(submissions: Sequence[Submission]) -> tuple[Submission, ...]:
    """The submissions with different submissionTimes: of two that have the same, the second's goes up by a second.

    Source: ITI TF-2 3.32.4.1.2.2 (unique and different submissionTime).
    """
    taken: set[str] = set()
    timed = []
    for each in submissions:
        moved = each
        while (time := _time(moved)[0]) in taken:
            later = (datetime.strptime(time, _DTM) + timedelta(seconds=1)).strftime(_DTM)
            moved = replace(each, submission_set=replace(each.submission_set, submission_time=later))
        taken.add(time)
        timed.append(moved)
    return tuple(timed)


def patients_of(submissions: Iterable[Submission]) -> tuple[str, ...]:
    """The patientIds of these submissions as they stand there, each patient once; '' for sets that name none."""
    ids = {cx_key(each.submission_set.patient_id): each.submission_set.patient_id for each in submissions}
    return tuple(ids.values())


def as_patient(submission: Submission, patient_id: str) -> Submission:
    """The submission about the patient of `patient_id`: who the documents are about was settled by a human.

    What the source called the patient stays, as sourcePatientId where the medium has none.
    Source: ITI TF-1 16 and 16.5 (patient ID reconciliation); ITI TF-3 Table 4.3.1-3 (patientId R2 on media).
    """

    def reconciled(entry: DocumentEntry) -> DocumentEntry:
        return replace(entry, patient_id=patient_id, source_patient_id=entry.source_patient_id or entry.patient_id)

    return replace(
        submission,
        submission_set=replace(submission.submission_set, patient_id=patient_id),
        entries=tuple(map(reconciled, submission.entries)),
        folders=tuple(replace(folder, patient_id=patient_id) for folder in submission.folders),
    )
