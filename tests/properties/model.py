"""A registry as the standard's text has it, in lists and loops: the model that the real one must equal.

Nothing of the house is used but the values that travel. Associations are known by type and ends, because the registry
gives ids to those that it makes itself.

Source: ITI TF-2 3.18.4.1.2.3.7 (queries), 3.42.4.1.3 (submissions); ITI TF-3 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

APPROVED, DEPRECATED = "Approved", "Deprecated"
HAS_MEMBER, RPLC, APND, XFRM, XFRM_RPLC, SIGNS = "HasMember", "RPLC", "APND", "XFRM", "XFRM_RPLC", "signs"
REPLACING, DERIVING = (RPLC, XFRM_RPLC), (APND, XFRM)


@dataclass(frozen=True)
class Doc:
    """A DocumentEntry; times are 14 digits or ''."""

    uuid: str
    unique_id: str
    patient: str
    type_code: str
    class_code: str
    confidentiality: tuple[str, ...] = ("N",)
    event_codes: tuple[str, ...] = ()
    author: str = ""
    creation_time: str = ""
    service_start: str = ""
    service_stop: str = ""
    reference_ids: tuple[str, ...] = ()
    on_demand: bool = False
    status: str = APPROVED
    lid: str = ""
    version: int = 1
    latest: bool = True


@dataclass(frozen=True)
class Set:
    """A SubmissionSet."""

    uuid: str
    unique_id: str
    patient: str
    submission_time: str
    content_type: str


@dataclass(frozen=True)
class Fold:
    """A Folder."""

    uuid: str
    unique_id: str
    patient: str
    codes: tuple[str, ...]
    status: str = APPROVED


@dataclass(frozen=True)
class Link:
    """An Association. A membership of a membership has the membership itself, a Link, as its target."""

    type: str
    source: str
    target: str | Link


@dataclass
class Found:
    """The answer to a query, in no order."""

    docs: list[Doc] = field(default_factory=list)
    sets: list[Set] = field(default_factory=list)
    folders: list[Fold] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)

    def described(self) -> tuple[list[str], list[str], list[str], list[str]]:
        """What can be compared: objects by uuid, patient and status, links by what they join, each sorted."""
        return (
            sorted(f"{doc.uuid} {doc.patient} {doc.status} {doc.version}" for doc in self.docs),
            sorted(f"{one.uuid} {one.patient}" for one in self.sets),
            sorted(f"{one.uuid} {one.patient} {one.status}" for one in self.folders),
            sorted(map(describe, self.links)),
        )


def describe(link: Link) -> str:
    target = f"({describe(link.target)})" if isinstance(link.target, Link) else link.target
    return f"{link.source} {link.type} {target}"


Sees = Callable[[Doc], bool]


@dataclass
class Model:
    """The whole registry, of every patient."""

    docs: list[Doc] = field(default_factory=list)
    sets: list[Set] = field(default_factory=list)
    folders: list[Fold] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)

    # --- What a submission does ---------------------------------------------------------------------------------------

    def refusals(self, one: Set, docs: Sequence[Doc], folders: Sequence[Fold], links: Sequence[Link]) -> set[str]:
        """The error codes that a submission deserves; `links` are those beside the set's own memberships."""
        codes: set[str] = set()
        if one.unique_id in {each.unique_id for each in (*self.docs, *self.sets, *self.folders)}:
            codes.add("XDSDuplicateUniqueIdInRegistry")
        for folder in folders:
            if folder.unique_id in {each.unique_id for each in (*self.docs, *self.sets, *self.folders)}:
                codes.add("XDSDuplicateUniqueIdInRegistry")
        replaced = [link.target for link in links if link.type in REPLACING]
        gone = {each for target in replaced for each in (target, *self._derived(str(target)))}
        for link in links:
            codes |= self._link_refusals(link, one.patient, {doc.uuid for doc in docs}, {each.uuid for each in folders})
            if link.type in REPLACING and replaced.count(link.target) > 1:
                codes.add("XDSRegistryDeprecatedDocumentError")
            if link.type in DERIVING and link.target in gone:
                codes.add("XDSRegistryDeprecatedDocumentError")
            if link.type == APND and self._is_transformation(str(link.target), links, one.patient):
                codes.add("XDSRegistryMetadataError")
        return codes

    def _link_refusals(self, link: Link, patient: str, new: set[str], new_folders: set[str]) -> set[str]:
        codes: set[str] = set()
        ends = [each for each in self.docs if each.uuid == link.target and each.uuid not in new]
        holders = [each for each in self.folders if each.uuid == link.source and each.uuid not in new_folders]
        for end in (*ends, *holders):
            if end.patient != patient:
                codes.add("XDSPatientIdDoesNotMatch")
            if end.status != APPROVED:
                codes.add("XDSRegistryDeprecatedDocumentError")
        return codes

    def _is_transformation(self, uuid: str, new: Sequence[Link], patient: str) -> bool:
        """Whether a document of the patient is one; of other patients' documents nothing more is told."""
        others = {doc.uuid for doc in self.docs if doc.patient != patient}
        made = [link.source for link in (*self.links, *new) if link.type == XFRM]
        return uuid in made and uuid not in others

    def _derived(self, uuid: str) -> list[str]:
        """The Approved transformations and addenda of a document, and theirs in turn."""
        found: list[str] = []
        waiting = [uuid]
        while waiting:
            target = waiting.pop()
            for link in self.links:
                if link.type in DERIVING and link.target == target and link.source not in found:
                    found.append(link.source)
                    waiting.append(link.source)
        return [each for each in found if self.doc(each).status == APPROVED]

    def submit(
        self, one: Set, docs: Sequence[Doc], folders: Sequence[Fold], links: Sequence[Link], references: Sequence[str]
    ) -> None:
        """An accepted submission."""
        made = list(links)
        for link in links:
            if link.type not in REPLACING:
                continue
            self._deprecate([str(link.target), *self._derived(str(link.target))])
            for folder in self.folders:
                held = Link(HAS_MEMBER, folder.uuid, link.source)
                if (
                    folder.status == APPROVED
                    and Link(HAS_MEMBER, folder.uuid, link.target) in self.links
                    and held not in made
                ):
                    made.append(held)
        members = [*(doc.uuid for doc in docs), *(folder.uuid for folder in folders), *references]
        self.links += [Link(HAS_MEMBER, one.uuid, each) for each in members]
        self.links += [Link(HAS_MEMBER, one.uuid, link) for link in made if link.type == HAS_MEMBER]
        self.links += made
        self.docs += [replace(doc, lid=doc.uuid) for doc in docs]
        self.sets.append(one)
        self.folders += folders

    def _deprecate(self, uuids: Iterable[str]) -> None:
        gone = set(uuids)
        self.docs = [replace(doc, status=DEPRECATED) if doc.uuid in gone else doc for doc in self.docs]

    # --- Update, merge and removal ------------------------------------------------------------------------------------

    def update(self, one: Set, new: Doc, old: Doc, *, propagates: bool) -> None:
        """An accepted update of one document: what links the version before links the new one too, where asked."""
        copies = []
        latest = {each.uuid for each in self.docs if each.latest} | {one.uuid for one in self.sets}
        for link in self.touching({old.uuid}) if propagates else ():
            if link.type == HAS_MEMBER:
                kept = any(each.uuid == link.source for each in self.folders)
            else:
                kept = (link.target if link.source == old.uuid else link.source) in latest
            copy = Link(link.type, *(new.uuid if end == old.uuid else end for end in (link.source, link.target)))
            if kept and copy not in copies:
                copies.append(copy)
        superseded = replace(old, status=DEPRECATED, latest=False)
        self.docs = [superseded if each.uuid == old.uuid else each for each in self.docs] + [new]
        self.sets.append(one)
        self.links += [Link(HAS_MEMBER, one.uuid, new.uuid), *copies]

    def merge(self, subsumed: str, surviving: str) -> None:
        """Everything of one patient becomes another's."""
        self.docs = [replace(doc, patient=surviving) if doc.patient == subsumed else doc for doc in self.docs]
        self.sets = [replace(one, patient=surviving) if one.patient == subsumed else one for one in self.sets]
        self.folders = [replace(one, patient=surviving) if one.patient == subsumed else one for one in self.folders]

    def removal_refusals(self, uuids: set[str], links: Sequence[Link]) -> set[str]:
        """The error codes that the removal of these objects and links deserves."""
        codes: set[str] = set()
        staying = [link for link in self.links if link not in links]
        if any(link.source in uuids or link.target in uuids or link.target in links for link in staying):
            codes.add("ReferencesExistException")
        sets = {one.uuid for one in self.sets}
        kept = [end for link in staying if link.source in sets and link.type == HAS_MEMBER for end in _ends(link)]
        for link in links:
            if link.source in sets and link.type == HAS_MEMBER:
                loose = [end for end in _ends(link) if end not in uuids and end not in links and end not in kept]
                codes |= {"XDSUnreferencedObjectException"} if loose else set()
        return codes

    def remove(self, uuids: set[str], links: Sequence[Link]) -> None:
        """An accepted removal."""
        self.docs = [doc for doc in self.docs if doc.uuid not in uuids]
        self.sets = [one for one in self.sets if one.uuid not in uuids]
        self.folders = [one for one in self.folders if one.uuid not in uuids]
        self.links = [link for link in self.links if link not in links]
        self.docs = [replace(doc, latest=doc.version == self._newest(doc.lid)) for doc in self.docs]

    def _newest(self, lid: str) -> int:
        return max(doc.version for doc in self.docs if doc.lid == lid)

    # --- Objects ------------------------------------------------------------------------------------------------------

    def doc(self, uuid: str) -> Doc:
        return next(doc for doc in self.docs if doc.uuid == uuid)

    def touching(self, uuids: set[str]) -> list[Link]:
        """The links with one of these objects at an end."""
        return [link for link in self.links if link.source in uuids or link.target in uuids]

    # --- Visibility: the house's own rule -----------------------------------------------------------------------------

    def shows(self, end: str | Link, sees: Sees, everything: bool) -> bool:
        """A document is seen when its scope says so, a link when both its ends are, a set or folder when one of its
        documents is, or when it has none and the requester reaches every document."""
        if isinstance(end, Link):
            return self.shows(end.source, sees, everything) and self.shows(end.target, sees, everything)
        for doc in self.docs:
            if doc.uuid == end:
                return sees(doc)
        held = [
            doc
            for link in self.links
            if link.type == HAS_MEMBER and link.source == end
            for doc in self.docs
            if doc.uuid == link.target
        ]
        return any(map(sees, held)) if held else everything


def _ends(link: Link) -> tuple[str | Link, ...]:
    return (link.source, link.target)
