"""What a verification of the audit log finds: each thing that is not as it was written, and where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What was done to the log, as far as it shows."""

    ALTERED = "altered"  # a record is not what its leaf was made of
    MISSING = "missing"  # a sequence number has no record
    INSERTED = "inserted"  # a record where there was none
    REORDERED = "reordered"  # a record that once had another sequence number
    TRUNCATED = "truncated"  # the end is gone
    REWRITTEN = "rewritten"  # records agree with their leaves, which are not those of the tree
    NODE = "node"  # a stored root of a subtree is not that of its leaves
    HEAD = "head"  # what `audit_head` says is not what the records give


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found, in the records from sequence number `first` to `last`."""

    kind: Kind
    first: int
    last: int
