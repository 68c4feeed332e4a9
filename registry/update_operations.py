"""The metadata update operations that a submission asks for, and what is wrong with their form.

Source: XDS Metadata Update, ITI TF-2 3.57.4.1.3.1 (common rules) and 3.57.4.1.3.1.3 (slots); Restricted Metadata
Update, ITI TF-2 3.92.4.1.3; for the DMP, GIE SESAM-Vitale, TD3.3.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from registry.errors import ErrorCode, Finding, finding
from registry.existing import is_uuid
from registry.metadata import Association, AssociationType, AvailabilityStatus, DocumentEntry, Folder, Submission
from registry.relationships import OPERATIONS, ORIGINAL, PREVIOUS_VERSION

ASSOCIATION_PROPAGATION = "AssociationPropagation"  # 3.57.4.1.3.1.3.4
ORIGINAL_STATUS = "OriginalStatus"  # 3.57.4.1.3.2
NEW_STATUS = "NewStatus"

_UPDATE_SLOTS = frozenset({PREVIOUS_VERSION, ASSOCIATION_PROPAGATION})
_STATUS_SLOTS = frozenset({ORIGINAL_STATUS, NEW_STATUS})
_PROPAGATION = {(): True, ("yes",): True, ("no",): False}
_APPROVED, _DEPRECATED = AvailabilityStatus.APPROVED, AvailabilityStatus.DEPRECATED
_ARCHIVED, _DELETED = AvailabilityStatus.ARCHIVED, AvailabilityStatus.DELETED
_VERSION = re.compile(r"[1-9]\d{0,8}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rules:
    """What one transaction allows, and the error codes of the rest, as far as transactions differ.

    A version of one of the statuses `updated` may get a next one; a status changes from one of `original` to another
    one, of `new`.
    """

    initial_version: ErrorCode
    unheld: ErrorCode
    annotation: ErrorCode
    identifier: ErrorCode
    object_type: ErrorCode
    updated: tuple[AvailabilityStatus, ...] = (_APPROVED,)
    original: tuple[AvailabilityStatus, ...] = (_APPROVED, _DEPRECATED)
    new: tuple[AvailabilityStatus, ...] = (_APPROVED, _DEPRECATED)


UPDATE = Rules(
    initial_version=ErrorCode.XDSMetadataUpdateError,
    unheld=ErrorCode.XDSMetadataUpdateError,
    annotation=ErrorCode.XDSMetadataUpdateOperationError,
    identifier=ErrorCode.XDSMetadataUpdateError,
    object_type=ErrorCode.XDSMetadataUpdateError,
)
RESTRICTED = Rules(
    initial_version=ErrorCode.XDSInvalidRequestException,
    unheld=ErrorCode.XDSMetadataAnnotationError,
    annotation=ErrorCode.XDSMetadataAnnotationError,
    identifier=ErrorCode.XDSMetadataIdentifierError,
    object_type=ErrorCode.UnmodifiableMetadataError,
    updated=(_APPROVED, _DEPRECATED),
)
# The DMP's own statuses, in the DMP only; what is Deleted stays so. Source: GIE SESAM-Vitale, TD3.3a to TD3.3d.
ATTRIBUTES = replace(
    UPDATE,
    updated=(_APPROVED, _ARCHIVED),
    original=(_APPROVED, _ARCHIVED),
    new=(_APPROVED, _ARCHIVED, _DELETED),
)


@dataclass(frozen=True, slots=True)
class Update:
    """Update DocumentEntry, Update Folder: `item` is to be the version after `previous_version` of its logicalId."""

    item: DocumentEntry | Folder
    membership: Association  # HasMember, from the SubmissionSet
    previous_version: int
    propagates: bool  # whether the associations of the previous version are copied to it


@dataclass(frozen=True, slots=True)
class StatusChange:
    """Update AvailabilityStatus of a DocumentEntry, Folder or Association: `trigger.target`."""

    trigger: Association
    original: AvailabilityStatus
    new: AvailabilityStatus


@dataclass(frozen=True, slots=True)
class Addition:
    """Submit Association: `item`, between what is there or what the same submission updates."""

    trigger: Association
    item: Association


@dataclass(frozen=True, slots=True)
class Operations:
    """What a submission asks for. New versions come first, then associations, then changes of status."""

    updates: tuple[Update, ...] = ()
    additions: tuple[Addition, ...] = ()
    changes: tuple[StatusChange, ...] = ()


def read_operations(submission: Submission, rules: Rules) -> tuple[Operations, tuple[Finding, ...]]:
    """The operations of `submission` that are in order, and every fault of form."""
    reader = _Reader(submission, rules)
    operations = Operations(tuple(reader.updates()), tuple(reader.additions()), tuple(reader.changes()))
    reader.leftovers()
    if not (reader.findings or operations.updates or operations.additions or operations.changes):
        own = submission.submission_set.entry_uuid
        reader.fault(ErrorCode.XDSMetadataUpdateError, "submission", "a metadata update operation", "none", own)
    return operations, tuple(reader.findings)


def versions_of(submission: Submission) -> tuple[DocumentEntry | Folder, ...]:
    """What a submission carries that has versions."""
    return (*submission.entries, *submission.folders)


class _Reader:
    """Reads one submission, and notes its faults."""

    def __init__(self, submission: Submission, rules: Rules) -> None:
        self.submission, self.rules = submission, rules
        self.own = submission.submission_set.entry_uuid
        self.findings: list[Finding] = []
        self._of_type: dict[AssociationType, list[Association]] = {}
        for item in submission.associations:
            self._of_type.setdefault(item.type, []).append(item)
        self._triggers = self._of_type.get(AssociationType.SUBMIT_ASSOCIATION, [])
        self._statuses = self._of_type.get(AssociationType.UPDATE_AVAILABILITY_STATUS, [])

    def fault(self, code: ErrorCode, attribute: str, expected: str, got: str, location: str) -> None:
        self.findings.append(finding(code, attribute, expected=expected, got=got[:64] or "none", location=location))

    # --- Update DocumentEntry, Update Folder --------------------------------------------------------------------------

    def updates(self) -> Iterator[Update]:
        """Source: 3.57.4.1.3.3.1.2 and 3.57.4.1.3.3.3.2 (triggers), 3.57.4.1.3.1 (13: one update of a logicalId)."""
        items = versions_of(self.submission)
        counts = Counter(item.logical_id for item in items if item.logical_id)
        held = {item.target: item for item in self._of_type.get(AssociationType.HAS_MEMBER, ()) if self._held(item)}
        for item in items:
            known = self._known(item)
            membership = held.get(item.entry_uuid)
            if membership is None:
                kind, expected = type(item).__name__, "one HasMember from the SubmissionSet"
                self.fault(self.rules.unheld, kind, expected, "none", item.entry_uuid)
                continue
            update = self._update(item, membership)
            if counts[item.logical_id] > 1:
                code, expected = ErrorCode.XDSMetadataUpdateOperationError, "one update of a logical object"
                self.fault(code, "logicalID", expected, f"{counts[item.logical_id]}", item.entry_uuid)
            elif known and update is not None:
                yield update

    def _held(self, item: Association) -> bool:
        return item.source == self.own

    def _known(self, item: DocumentEntry | Folder) -> bool:
        """Whether `item` names a logical object that may be there: what has none is no update."""
        kind = type(item).__name__
        if item.logical_id in ("", item.entry_uuid):
            expected, got = "the logicalID of a registered object", "an initial version"
            self.fault(self.rules.initial_version, f"{kind}.logicalID", expected, got, item.entry_uuid)
            return False
        if not is_uuid(item.logical_id):
            code = self.rules.initial_version
            self.fault(code, f"{kind}.logicalID", "urn:uuid: and a UUID", item.logical_id, item.entry_uuid)
            return False
        return True

    def _update(self, item: DocumentEntry | Folder, membership: Association) -> Update | None:
        """Source: 3.57.4.1.3.1.3 (slots of the HasMember)."""
        slots, before = dict(membership.extra_slots), len(self.findings)
        where = membership.entry_uuid
        previous = slots.get(PREVIOUS_VERSION, ())
        number = previous[0] if len(previous) == 1 and _VERSION.match(previous[0]) else ""
        if not number:
            got = ", ".join(previous)
            self.fault(self.rules.annotation, PREVIOUS_VERSION, "one number from 1 on", got, where)
        propagation = slots.get(ASSOCIATION_PROPAGATION, ())
        if propagation not in _PROPAGATION:
            got = ", ".join(propagation)
            self.fault(self.rules.annotation, ASSOCIATION_PROPAGATION, "yes or no", got, where)
        expected_status = (ORIGINAL,) if isinstance(item, DocumentEntry) else (ORIGINAL, "")
        if membership.submission_set_status not in expected_status:
            got = membership.submission_set_status
            self.fault(self.rules.annotation, "SubmissionSetStatus", ORIGINAL, got, where)
        for name in sorted(_STATUS_SLOTS & slots.keys()):
            self.fault(self.rules.annotation, name, "no such Slot on a HasMember", "one", where)
        if membership.documentation is not None:
            self.fault(self.rules.annotation, "HasMember", "no association documentation", "one", where)
        if len(self.findings) > before:
            return None
        return Update(item, membership, int(number), _PROPAGATION[propagation])

    # --- Submit Association -------------------------------------------------------------------------------------------

    def additions(self) -> Iterator[Addition]:
        """Source: 3.57.4.1.3.3.6.2 (trigger)."""
        operation = ErrorCode.XDSMetadataUpdateOperationError
        plain = {
            item.entry_uuid: item
            for item in self.submission.associations
            if item.type not in OPERATIONS and not self._held(item)
        }
        for trigger in self._triggers:
            if not self._held(trigger):
                expected = "the SubmissionSet"
                self.fault(operation, "sourceObject", expected, trigger.source, trigger.entry_uuid)
            elif trigger.target not in plain:
                expected = "an association of the submission that is submitted once"
                self.fault(operation, "targetObject", expected, trigger.target, trigger.entry_uuid)
            else:
                yield Addition(trigger, plain.pop(trigger.target))

    def leftovers(self) -> None:
        """Associations that no operation asks for: nothing but an operation stands in an update."""
        new = Counter(item.entry_uuid for item in versions_of(self.submission))
        submitted = {trigger.target for trigger in self._triggers}
        code = ErrorCode.XDSMetadataUpdateError
        for item in self.submission.associations:
            if item.type is AssociationType.HAS_MEMBER and self._held(item):
                new[item.target] -= 1
                if new[item.target] < 0:
                    expected = "a new version in the submission, held once"
                    self.fault(code, "targetObject of HasMember", expected, item.target, item.entry_uuid)
            elif item.type not in OPERATIONS and item.entry_uuid not in submitted:
                expected = "one that a SubmitAssociation names"
                self.fault(code, f"Association {item.type.name}", expected, "another", item.entry_uuid)

    # --- Update AvailabilityStatus ------------------------------------------------------------------------------------

    def changes(self) -> Iterator[StatusChange]:
        """Source: 3.57.4.1.3.2 (UpdateAvailabilityStatus), 3.57.4.1.3.3.2.2 (trigger)."""
        operation = ErrorCode.XDSMetadataUpdateOperationError
        counts = Counter(item.target for item in self._statuses)
        for item in self._statuses:
            slots, before, where = dict(item.extra_slots), len(self.findings), item.entry_uuid
            if not self._held(item):
                self.fault(operation, "sourceObject", "the SubmissionSet", item.source, where)
            if counts[item.target] > 1:
                self.fault(operation, "targetObject", "one change of its status", f"{counts[item.target]}", where)
            foreign = sorted(_UPDATE_SLOTS & slots.keys())
            for name in (*foreign, *(("SubmissionSetStatus",) if item.submission_set_status else ())):
                self.fault(operation, name, "no such Slot on an UpdateAvailabilityStatus", "one", where)
            for name, statuses in ((ORIGINAL_STATUS, self.rules.original), (NEW_STATUS, self.rules.new)):
                values, accepted = slots.get(name, ()), [status.value for status in statuses]
                if len(values) != 1 or values[0] not in accepted:
                    self.fault(operation, name, f"one of {', '.join(accepted)}", ", ".join(values), where)
            if slots.get(ORIGINAL_STATUS, ()) == slots.get(NEW_STATUS, (None,)):
                self.fault(operation, NEW_STATUS, f"another status than {ORIGINAL_STATUS}", "the same", where)
            if len(self.findings) == before:
                original, new = (AvailabilityStatus(slots[name][0]) for name in (ORIGINAL_STATUS, NEW_STATUS))
                yield StatusChange(item, original, new)
