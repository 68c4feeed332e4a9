"""What the registry already holds of what a submission touches, and the ids by which both speak of it.

Read by the store in the transaction that will write, judged by `registry.lifecycle`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from registry.metadata import AvailabilityStatus, ObjectType

URN_UUID = "urn:uuid:"  # ITI TF-3 4.2.3.1.5: an id that starts otherwise is symbolic

_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


@dataclass(frozen=True, slots=True)
class DocumentVersion:
    """A CDA document's place among its versions: setId (root, or root^extension) and versionNumber."""

    set_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Named:
    """What a UUID names: `kind` is a class of `registry.metadata`, `patient` a dossier key, the others those of its
    newest version."""

    kind: str
    patient: str
    entry_uuid: str
    unique_id: str


@dataclass(frozen=True, slots=True)
class RegisteredEntry:
    """What a rule needs to know of a DocumentEntry that is there. `patient` is a dossier key."""

    entry_uuid: str
    unique_id: str
    patient: str
    availability_status: AvailabilityStatus
    hash: str = ""
    size: int | None = None
    object_type: ObjectType = ObjectType.STABLE


@dataclass(frozen=True, slots=True)
class RegisteredFolder:
    """What a rule needs to know of a Folder that is there. `patient` is a dossier key."""

    entry_uuid: str
    patient: str
    availability_status: AvailabilityStatus


@dataclass(frozen=True, slots=True)
class Existing:
    """What a submission touches of the registry, read in the transaction that will write. All UUIDs in lower case."""

    patient: str
    entries: Mapping[str, RegisteredEntry] = field(default_factory=dict)  # by entryUUID: what associations name
    folders: Mapping[str, RegisteredFolder] = field(default_factory=dict)  # by entryUUID: named, or holding a target
    same_unique_id: tuple[RegisteredEntry, ...] = ()  # entries of any dossier with a uniqueId of the submission
    package_unique_ids: frozenset[str] = frozenset()  # the submission's uniqueIds that a set or folder has
    entry_uuids: frozenset[str] = frozenset()  # the submission's own UUIDs that any object has
    versions: frozenset[DocumentVersion] = frozenset()  # the submission's versions that this patient has
    holders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # replaced entry -> folders that hold it
    derived: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # replaced entry -> Approved derivations
    transformations: frozenset[str] = frozenset()  # named entries that are the source of an XFRM


def canonical_id(text: str) -> str:
    """A UUID in lower case, a symbolic id as it stands. Source: ITI TF-3 4.2.3.1.5."""
    lowered = text.lower()
    return lowered if lowered.startswith(URN_UUID) else text


def is_uuid(text: str) -> bool:
    """Whether `text` is `urn:uuid:` and a UUID in lower case."""
    return _UUID.match(text) is not None


def time_ordered_uuid(instant: datetime, ordinal: int) -> str:
    """A UUID version 7: milliseconds of `instant`, then `ordinal` (12 bits), then chance. Source: RFC 9562 §5.7."""
    milliseconds = int(instant.timestamp() * 1000) & (1 << 48) - 1
    value = milliseconds << 80 | 7 << 76 | (ordinal & 0xFFF) << 64 | 0b10 << 62 | secrets.randbits(62)
    return URN_UUID + str(UUID(int=value))
