"""What a verification of the audit log finds: each thing that is not as it was written, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What was done to the log, as far as it shows."""

    ALTERED = "altered"  # a record is not what its leaf was made of
    MISSING = "missing"  # a sequence number has no record
    INSERTED = "inserted"  # a record where none belongs
    REORDERED = "reordered"  # a record that once had another sequence number
    TRUNCATED = "truncated"  # the end is gone
    REWRITTEN = "rewritten"  # records agree with their leaves, which are not those of the tree
    UNPROVEN = "unproven"  # records that signatures covered, with others that are gone or rewritten
    NODE = "node"  # a stored root of a subtree is not that of its leaves, or is missing
    HEAD = "head"  # `audit_head` is not the tree of the records
    FORGED = "forged"  # a signed head, or a sealed segment, that nobody signed so
    UNSEALED = "unsealed"  # a signed head, or a sealed segment, is missing


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found, in the records from sequence number `first` to `last`; `detail` names what else it is about."""

    kind: Kind
    first: int
    last: int
    detail: str = ""


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """In the order of records; those of one kind that follow each other are one."""
    found: list[Finding] = []
    for each in sorted(set(findings), key=lambda finding: (finding.first, finding.kind.value, finding.detail)):
        place = next((place for place, other in enumerate(found) if _follows(each, other)), None)
        if place is None:
            found.append(each)
        else:
            other = found[place]
            found[place] = Finding(each.kind, other.first, max(other.last, each.last), each.detail)
    return tuple(found)


def _follows(each: Finding, other: Finding) -> bool:
    return each.kind is other.kind and each.detail == other.detail and each.first <= other.last + 1
