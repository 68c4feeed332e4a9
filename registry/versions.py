"""What the registry already holds of what an update touches, read by the store in the transaction that will write.

Source: XDS Metadata Update, ITI TF-3 4.2.1.5 (logicalId, version).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from registry.metadata import Association, AvailabilityStatus, DocumentEntry, Folder


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version of an entry or folder, as it stands. `patient` is a dossier key."""

    item: DocumentEntry | Folder
    patient: str
    latest: bool = True

    @property
    def approved(self) -> bool:
        return self.item.availability_status is AvailabilityStatus.APPROVED


@dataclass(frozen=True, slots=True)
class RegisteredAssociation:
    """An association as it stands. `patient` is a dossier key."""

    item: Association
    patient: str

    @property
    def approved(self) -> bool:
        return self.item.availability_status is AvailabilityStatus.APPROVED


@dataclass(frozen=True, slots=True)
class Versions:
    """What an update touches of the registry. All UUIDs in lower case; `patient` is the dossier of the submission."""

    patient: str
    newest: Mapping[str, RegisteredVersion] = field(default_factory=dict)  # by logicalId: of what is updated
    named: Mapping[str, RegisteredVersion] = field(default_factory=dict)  # by entryUUID: what associations name
    named_associations: Mapping[str, RegisteredAssociation] = field(default_factory=dict)  # by entryUUID
    named_sets: frozenset[str] = frozenset()  # entryUUIDs of submission sets
    attached: tuple[RegisteredAssociation, ...] = ()  # those at what is updated, and those between what is named
    neighbours: Mapping[str, RegisteredVersion] = field(default_factory=dict)  # by entryUUID: the ends of these
    neighbour_sets: frozenset[str] = frozenset()  # those of the ends that are submission sets
    taken_unique_ids: frozenset[str] = frozenset()  # whether the submission set's uniqueId is one that any object has
    entry_uuids: frozenset[str] = frozenset()  # the submission's own UUIDs that any object has
    derived: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # replaced entry -> Approved derivations
    transformations: frozenset[str] = frozenset()  # named entries that are the source of an XFRM

    @property
    def objects(self) -> frozenset[str]:
        """The entryUUIDs of all that the submission itself names, by logicalId or entryUUID."""
        newest = (version.item.entry_uuid for version in self.newest.values())
        return frozenset((*newest, *self.named, *self.named_associations, *self.named_sets))

    @property
    def patients(self) -> frozenset[str]:
        """The dossiers of these."""
        found: tuple[RegisteredVersion | RegisteredAssociation, ...] = (
            *self.newest.values(),
            *self.named.values(),
            *self.named_associations.values(),
        )
        return frozenset(each.patient for each in found)

    def only(self, there: Collection[str]) -> Versions:
        """The same for somebody for whom nothing of `objects` is there but what is among `there`.

        What hangs on a version stays, seen or not: it follows the new version all the same.
        """
        return replace(
            self,
            newest={lid: each for lid, each in self.newest.items() if each.item.entry_uuid in there},
            named={uuid: each for uuid, each in self.named.items() if uuid in there},
            named_associations={uuid: each for uuid, each in self.named_associations.items() if uuid in there},
            named_sets=self.named_sets.intersection(there),
            derived={uuid: each for uuid, each in self.derived.items() if uuid in there},
            transformations=self.transformations.intersection(there),
        )
