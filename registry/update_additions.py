"""Submit Association: a relationship or folder membership between objects that are there already.

Source: XDS Metadata Update, ITI TF-2 3.57.4.1.3.3.6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from registry.errors import ErrorCode, Finding, finding
from registry.metadata import Association, AssociationType, DocumentEntry, Folder, ObjectType
from registry.relationships import DERIVING, REPLACING, is_membership
from registry.update_operations import Addition
from registry.update_propagation import Planned
from registry.versions import Versions

_REGISTERED_TARGET = REPLACING | {AssociationType.IS_SNAPSHOT_OF}


@dataclass(frozen=True, slots=True)
class _End:
    """What stands at one end of a submitted association."""

    item: DocumentEntry | Folder
    patient: str
    approved: bool
    update: Planned | None = None  # of which it is the new version


def addition_faults(additions: Sequence[Addition], planned: Sequence[Planned], existing: Versions) -> Iterator[Finding]:
    """What forbids these associations; `planned` are the new versions that come with them."""
    new = {each.update.item.entry_uuid: each for each in planned}
    superseded = {each.superseded for each in planned}
    items = [addition.item for addition in additions]
    replaced = Counter(item.target for item in items if item.type in REPLACING)
    gone = {each for target in replaced for each in (target, *existing.derived.get(target, ()))}
    ties = Counter(_tie(item) for item in items)
    ties.update(_tie(each.item) for each in existing.attached if each.approved)
    for item in items:
        ends = {}
        for name, uuid in (("sourceObject", item.source), ("targetObject", item.target)):
            if uuid in existing.named_sets:
                yield _fault(item, name, "a DocumentEntry or Folder", "a SubmissionSet")
            elif (end := _end(uuid, new, superseded, existing)) is None:
                yield _fault(item, name, "a registered object, or a new version in the submission", uuid)
            else:
                ends[name] = end
                yield from _end_faults(item, name, end, existing)
        if len(ends) < 2:
            continue
        yield from _kinds(item, ends["sourceObject"], ends["targetObject"], existing)
        reverse = 0 if is_membership(item) else ties[item.type, item.target, item.source]
        if item.source != item.target and ties[_tie(item)] + reverse > 1:
            yield _fault(item, "association", "one that is not there yet", "one that is")
        if replaced[item.target] > 1 and item.type in REPLACING:
            yield _fault(item, "targetObject", "a document that is replaced once", "one replaced twice")
        if item.target in gone and item.type in DERIVING:
            yield _fault(item, "targetObject", "an Approved document", "one that the same submission replaces")


def replaced_documents(additions: Sequence[Addition], existing: Versions) -> tuple[str, ...]:
    """The registered documents that become Deprecated, as when a replacement is registered. ITI TF-2 3.42.4.1.3.5."""
    targets = [each.item.target for each in additions if each.item.type in REPLACING]
    return tuple(dict.fromkeys(each for target in targets for each in (target, *existing.derived.get(target, ()))))


def _tie(item: Association) -> tuple[AssociationType, str, str]:
    return item.type, item.source, item.target


def _end(uuid: str, new: Mapping[str, Planned], superseded: set[str], existing: Versions) -> _End | None:
    if uuid in new:
        return _End(new[uuid].update.item, existing.patient, approved=True, update=new[uuid])
    there = existing.named.get(uuid)
    if there is None:
        return None
    return _End(there.item, there.patient, approved=there.approved and there.latest and uuid not in superseded)


def _end_faults(item: Association, name: str, end: _End, existing: Versions) -> Iterator[Finding]:
    if not end.approved:
        yield _fault(item, name, "an Approved object", "one that is Deprecated")
    if end.patient != existing.patient:
        expected, got = "objects of the patient of the SubmissionSet", "another patient's"
        yield _fault(item, name, expected, got, ErrorCode.XDSPatientIDReconciliationError)
    if end.update is not None and end.update.update.propagates:
        # Links that are copied and links that are submitted would not be told apart. NIST 20006, CP-ITI-1029.
        expected, got = "AssociationPropagation no for the new version that it names", "yes"
        yield _fault(item, name, expected, got, ErrorCode.XDSMetadataUpdateOperationError)


def _kinds(item: Association, source: _End, target: _End, existing: Versions) -> Iterator[Finding]:
    """Source: ITI TF-3 4.2.2.1 and 4.2.2.2."""
    if is_membership(item):
        if not isinstance(source.item, Folder) or not isinstance(target.item, DocumentEntry):
            yield _fault(item, "HasMember", "from a Folder to a DocumentEntry", "between others")
        if item.documentation is not None:
            yield _fault(item, "HasMember", "no association documentation", "one")
        return
    if not isinstance(source.item, DocumentEntry) or not isinstance(target.item, DocumentEntry):
        yield _fault(item, item.type.name, "from a DocumentEntry to a DocumentEntry", "between others")
        return
    if item.source == item.target:
        yield _fault(item, "targetObject", "another document", "its own source")
    if item.type in _REGISTERED_TARGET and target.update is not None:
        yield _fault(item, "targetObject", "a registered document", "one of the same submission")
    if item.type is AssociationType.APND and item.target in existing.transformations:
        yield _fault(item, "targetObject of APND", "no transformation", "one")
    if item.type is AssociationType.IS_SNAPSHOT_OF and (
        source.item.object_type is not ObjectType.STABLE or target.item.object_type is not ObjectType.ON_DEMAND
    ):
        yield _fault(item, "IsSnapshotOf", "a Stable source and an On-Demand target", "others")


def _fault(
    item: Association, attribute: str, expected: str, got: str, code: ErrorCode = ErrorCode.XDSMetadataUpdateError
) -> Finding:
    return finding(code, attribute, expected=expected, got=got[:64] or "none", location=item.entry_uuid)
