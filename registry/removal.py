"""What may be removed of the registry: a pure function, `removal_faults`.

The store reads what stands around the objects that a request names (`Around`), `removal_faults` judges it, and the
store removes them all, or none. Every fault is found and reported, not the first one only.

Removing an Association takes its two ends apart and undoes nothing: what it deprecated stays Deprecated.

Source: ITI TF-2 3.62.4.1.3 (Remove Metadata and Documents); the same cases in NIST XDS Toolkit, tests 30000 to 30008.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from registry.errors import ErrorCode, Finding, finding
from registry.existing import canonical_id


@dataclass(frozen=True, slots=True)
class Tie:
    """An Association as far as removal goes. `of_set`: by it a SubmissionSet holds its target."""

    entry_uuid: str
    source: str
    target: str
    of_set: bool


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around the objects that a request names, read in the transaction that will remove. UUIDs in lower
    case.

    `patients` has the dossier key of each named object that is there for the requester. `ties` are the named
    Associations, those with a named object at an end, and all by which a SubmissionSet holds something where a named
    one does.
    """

    patients: Mapping[str, str] = field(default_factory=dict)
    ties: tuple[Tie, ...] = ()


def removal_faults(uuids: Sequence[str], around: Around) -> tuple[Finding, ...]:
    """Why the objects `uuids` (entryUUIDs as they came; one named twice is one) cannot be removed; () when they can.

    Source: ITI TF-2 3.62.4.1.3; ITI TF-3 4.2.1 (what the metadata must keep to).
    """
    named = dict.fromkeys(map(canonical_id, uuids))
    return (
        *(_unresolved(uuid) for uuid in named if uuid not in around.patients),
        *_patients(around),
        *_references(named, around),
        *_unreferenced(named, around),
    )


def _unresolved(uuid: str) -> Finding:
    code, expected = ErrorCode.UnresolvedReferenceException, "the id of a registered object"
    return finding(code, "ObjectRef", expected=expected, got=uuid[:64] or "none", location=uuid)


def _patients(around: Around) -> Iterator[Finding]:
    """One patient for one request: its audit event names one. Source: ITI TF-2 3.62.5.1 (Patient, one)."""
    first = next(iter(around.patients.values()), "")
    for uuid, patient in around.patients.items():
        if patient != first:
            code = ErrorCode.XDSPatientIdDoesNotMatch
            yield finding(code, "ObjectRef", expected="objects of one patient", got="two patients", location=uuid)


def _references(named: Mapping[str, None], around: Around) -> Iterator[Finding]:
    """No Association that stays may name an object that goes."""
    left = Counter(
        end
        for tie in around.ties
        if tie.entry_uuid not in named
        for end in {tie.source, tie.target}
        if end in around.patients
    )
    for uuid in around.patients:
        if left[uuid]:
            code, expected = ErrorCode.ReferencesExistException, "no Association left that names it"
            yield finding(code, "ObjectRef", expected=expected, got=str(left[uuid]), location=uuid)


def _unreferenced(named: Mapping[str, None], around: Around) -> Iterator[Finding]:
    """What stays belongs to a SubmissionSet still, and a SubmissionSet that stays holds something still."""
    holding = [tie for tie in around.ties if tie.of_set]
    kept = {end for tie in holding if tie.entry_uuid not in named for end in (tie.source, tie.target)}
    undone = [tie for tie in holding if tie.entry_uuid in named]
    sets = dict.fromkeys(tie.source for tie in undone)
    code = ErrorCode.XDSUnreferencedObjectException
    for uuid in dict.fromkeys(end for tie in undone for end in (tie.source, tie.target)):
        if uuid not in named and uuid not in kept:
            expected = "an object in it" if uuid in sets else "a SubmissionSet that holds it"
            yield finding(code, f"{uuid}, which stays", expected=expected, got="none", location=uuid)
