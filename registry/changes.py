"""What became of the objects of a registry in one transaction, for whom it concerns afterwards.

Source: IHE DSUBm 1.0, 2:3.111.4.1.1 (Trigger Events: creation and update of DocumentReference, creation of a
SubmissionSet type List).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from registry.lifecycle import Effects
from registry.metadata import DocumentEntry, SubmissionSet
from registry.update import UpdateEffects


class Change(Enum):
    """What became of it."""

    CREATED = "created"
    STATUS = "status"  # another availabilityStatus, and nothing else
    UPDATED = "updated"


@dataclass(frozen=True, slots=True)
class Changed:
    """One object that was changed: `uuid` is the entryUUID of one of its versions, `kind` the name of its class."""

    uuid: str
    kind: str
    change: Change


def changes_of(effects: Effects) -> Iterator[Changed]:
    """What a submission changes."""
    yield Changed(effects.submission.submission_set.entry_uuid, SubmissionSet.__name__, Change.CREATED)
    for entry in effects.submission.entries:
        yield Changed(entry.entry_uuid, DocumentEntry.__name__, Change.CREATED)
    for uuid in effects.deprecated:
        yield Changed(uuid, DocumentEntry.__name__, Change.STATUS)


def changes_of_update(effects: UpdateEffects) -> Iterator[Changed]:
    """What a metadata update changes."""
    yield Changed(effects.submission_set.entry_uuid, SubmissionSet.__name__, Change.CREATED)
    for entry in effects.entries:
        yield Changed(entry.entry_uuid, DocumentEntry.__name__, Change.UPDATED)
    for status in effects.statuses:
        if status.kind is DocumentEntry:
            yield Changed(status.entry_uuid, DocumentEntry.__name__, Change.STATUS)
    for uuid in effects.replaced:
        yield Changed(uuid, DocumentEntry.__name__, Change.STATUS)
