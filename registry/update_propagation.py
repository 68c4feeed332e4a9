"""Association propagation: what links the version before links the new one, too.

A copy is a new association; the one it was copied from stays where it was. Copied are Approved associations: the
memberships of folders, and relationships. Copies lead to the newest versions only: older ones keep what they had.

Source: XDS Metadata Update, ITI TF-2 3.57.4.1.3.3.1.5 (DocumentEntry) and 3.57.4.1.3.3.3.5 (Folder).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from registry.metadata import Association, DocumentEntry, Folder
from registry.relationships import is_membership
from registry.update_operations import Update
from registry.versions import RegisteredVersion, Versions


@dataclass(frozen=True, slots=True)
class Planned:
    """An update, and the version that it supersedes."""

    update: Update
    previous: RegisteredVersion

    @property
    def superseded(self) -> str:
        """The entryUUID of the previous version."""
        return self.previous.item.entry_uuid


def propagated(planned: Sequence[Planned], existing: Versions) -> Iterator[Association]:
    """The copies to be made, with symbolic ids of their own and between the ids of the submission."""
    by_previous = {each.superseded: each for each in planned}
    made: set[tuple[object, str, str]] = set()
    for attached in existing.attached:
        item = attached.item
        updated = [by_previous[end] for end in (item.source, item.target) if end in by_previous]
        if not updated or not attached.approved or not all(each.update.propagates for each in updated):
            continue
        if not (_membership(item, existing, by_previous) if is_membership(item) else _relationship(item, existing)):
            continue
        source, target = (_newest(end, by_previous) for end in (item.source, item.target))
        if (item.type, source, target) in made:
            continue
        made.add((item.type, source, target))
        # No id that came in XML has a NUL.
        name = f"{updated[0].update.membership.entry_uuid}\0{len(made)}"
        yield Association(
            name, item.type, source, target, documentation=item.documentation, extra_slots=item.extra_slots
        )


def _newest(end: str, by_previous: Mapping[str, Planned]) -> str:
    return by_previous[end].update.item.entry_uuid if end in by_previous else end


def _membership(item: Association, existing: Versions, by_previous: Mapping[str, Planned]) -> bool:
    """Of a folder: what submission sets hold is no matter of later versions."""
    folder, entry = existing.neighbours.get(item.source), existing.neighbours.get(item.target)
    if folder is None or entry is None or not isinstance(folder.item, Folder):
        return False
    return all(
        end.latest and (end.approved or end.item.entry_uuid in by_previous) and isinstance(end.item, kind)
        for end, kind in ((folder, Folder), (entry, DocumentEntry))
    )


def _relationship(item: Association, existing: Versions) -> bool:
    """Whatever the status of its ends: what replaces a Deprecated document does so in every version."""
    ends = (existing.neighbours.get(end) for end in (item.source, item.target) if end not in existing.neighbour_sets)
    return all(end is not None and end.latest for end in ends)
