"""A proof as a small file: that a record is in the log, or that one head continues another. Anybody can check it.

One JSON object. `inclusion` has the record (columns by name, message in base64), its index, the audit path, and the
signed head that it leads to; `consistency` two signed heads and the path between them. Whoever checks makes the leaf of
the record again, and needs the public key: neither server nor database.

Source: RFC 9162 §2.1.3, §2.1.4.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.heads import TreeHead, read_head
from audit.merkle import HASH_BYTES, ProofError, check_consistency, root_by_inclusion
from audit.notes import NoteError, Verifier
from audit.record import NUMBERS, TEXTS, RecordError, read_record, record_leaf

FORMAT = "dmp-audit-proof/1"
INCLUSION, CONSISTENCY = "inclusion", "consistency"


@dataclass(frozen=True, slots=True)
class Proved:
    """What a proof proves: the head, and the record in it or the earlier head that it continues."""

    head: TreeHead
    columns: Mapping[str, int | str]
    message: bytes
    earlier: TreeHead | None = None


def write_inclusion(record: bytes, path: Sequence[bytes], note: str) -> str:
    """The proof that this record is in the tree of a signed head."""
    columns, message = read_record(record)
    shown = {"columns": columns, "message": base64.b64encode(message).decode()}
    index = int(columns["sequence"]) - 1
    return _written({"format": FORMAT, "proof": INCLUSION, "record": shown, "index": index}, path, head=note)


def write_consistency(earlier: str, later: str, path: Sequence[bytes]) -> str:
    """The proof that a signed head continues another."""
    return _written({"format": FORMAT, "proof": CONSISTENCY}, path, earlier=earlier, head=later)


def check_proof(text: str, verifier: Verifier, published: Collection[TreeHead] | None = None) -> Proved:
    """What the file proves. Raises ProofError.

    With `published`, heads that are known from elsewhere, those of the proof must be among them.
    """
    try:
        proof = _Proof(json.loads(text))
        head = read_head(proof.text("head"), verifier)
        earlier = None
        if proof.text("proof") == INCLUSION:
            columns, message = proof.check_inclusion(head)
        else:
            columns, message = {}, b""
            earlier = read_head(proof.text("earlier"), verifier)
            check_consistency(earlier.size, earlier.root, head.size, head.root, proof.path())
    except (NoteError, RecordError) as error:
        raise ProofError(str(error)) from None
    except ValueError as error:
        raise error if isinstance(error, ProofError) else ProofError("proof: expected JSON and base64") from None
    for each in filter(None, (head, earlier)):
        if published is not None and each not in published:
            raise ProofError(f"head {each.number}: expected one that was published, it is not among them")
    return Proved(head, columns, message, earlier)


class _Proof:
    """The JSON object of a file that may hold anything."""

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise ProofError(f"proof: expected a JSON object of format {FORMAT}")
        self._value: dict[str, Any] = value
        if self.text("proof") not in (INCLUSION, CONSISTENCY):
            raise ProofError(f"proof: expected {INCLUSION} or {CONSISTENCY}, got {self.text('proof')}")

    def text(self, name: str) -> str:
        value = self._value.get(name)
        if not isinstance(value, str):
            raise ProofError(f"{name}: expected text")
        return value

    def path(self) -> list[bytes]:
        written = self._value.get("path")
        if not isinstance(written, list) or not all(isinstance(each, str) for each in written):
            raise ProofError("path: expected a list of texts")
        found = [base64.b64decode(each, validate=True) for each in written]
        if any(len(each) != HASH_BYTES for each in found):
            raise ProofError(f"path: expected hashes of {HASH_BYTES} bytes")
        return found

    def check_inclusion(self, head: TreeHead) -> tuple[dict[str, int | str], bytes]:
        """Columns and message of the record, which the head's tree has where it says."""
        index, record = self._value.get("index"), self._value.get("record")
        columns = record.get("columns") if isinstance(record, dict) else None
        message = record.get("message") if isinstance(record, dict) else None
        if not isinstance(index, int) or not isinstance(columns, dict) or not isinstance(message, str):
            raise ProofError("record: expected columns, message and index")
        if columns.keys() != {*NUMBERS, *TEXTS}:
            raise ProofError("record: expected each column once, and no other")
        decoded = base64.b64decode(message, validate=True)
        leaf = record_leaf([columns[name] for name in NUMBERS], [columns[name] for name in TEXTS], decoded)
        if columns["sequence"] != index + 1:
            raise ProofError(f"index: expected {columns['sequence']} less one, got {index}")
        if root_by_inclusion(leaf, index, head.size, self.path()) != head.root:
            raise ProofError("record: expected the one that was sealed, it was altered or is another")
        return columns, decoded


def _written(value: dict[str, Any], path: Sequence[bytes], **notes: str) -> str:
    hashes = [base64.b64encode(each).decode() for each in path]
    return json.dumps({**value, "path": hashes, **notes}, ensure_ascii=False, indent=1) + "\n"
