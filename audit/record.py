"""The exact bytes of a record: what a leaf of the tree is the hash of, and what whoever checks a proof makes again.

The columns of COLUMNS in that order, numbers in decimal and truth as 0 or 1, with U+001F between them, in UTF-8; then
the byte 1E; then the message as it is. No column holds U+001E or U+001F, so that no two records share their bytes.

Source: ECMA-48 8.3 (unit and record separators).
"""

from __future__ import annotations

from collections.abc import Sequence

from audit.merkle import leaf_hash

UNIT, RECORD = "\x1f", "\x1e"

NUMBERS = ("sequence", "outcome", "secret_connection")
TEXTS = (
    "id",
    "instant",
    "recorded",
    "origin",
    "format",
    "source_id",
    "event_code",
    "request_id",
    "transaction",
    "action",
    "dossier",
    "patient_value",
    "patient_authority",
    "requester_id",
    "requester_name",
    "profession",
    "specialty",
    "structure_id",
    "authentication",
    "mode_acces",
    "motif",
    "operator",
    "client_address",
    "rule",
    "rule_table",
    "rule_version",
    "rule_row",
    "explanation",
    "documents",
    "submission_sets",
    "syslog",
    "stamped",
)
COLUMNS = (*NUMBERS, *TEXTS)


class RecordError(ValueError):
    """Values that no record was ever written of."""


def record_bytes(numbers: Sequence[int], texts: Sequence[str], message: bytes) -> bytes:
    """The record of those values, in the order of NUMBERS and TEXTS. Raises RecordError."""
    sequence, outcome, secret_connection = numbers
    try:
        columns = UNIT.join((f"{sequence + 0}\x1f{outcome + 0}\x1f{secret_connection + 0}", *texts))
        if columns.count(UNIT) != len(COLUMNS) - 1 or RECORD in columns:
            raise RecordError("columns: expected one value for each, without separators")
        return b"%b\x1e%b" % (columns.encode(), message)
    except (TypeError, UnicodeEncodeError) as error:
        raise RecordError(f"record: expected numbers, texts and bytes, got other values ({error})") from None


def record_leaf(numbers: Sequence[int], texts: Sequence[str], message: bytes) -> bytes:
    """The leaf of the record of those values. Raises RecordError."""
    return leaf_hash(record_bytes(numbers, texts, message))


def read_record(record: bytes) -> tuple[dict[str, int | str], bytes]:
    """The columns and the message of a record. Raises RecordError."""
    joined, separator, message = record.partition(RECORD.encode())
    try:
        values = joined.decode().split(UNIT)
        numbers = [int(value) for value in values[: len(NUMBERS)]]
    except ValueError:
        raise RecordError("record: expected columns in UTF-8, numbers first") from None
    if not separator or len(values) != len(COLUMNS):
        raise RecordError(f"record: expected {len(COLUMNS)} columns and a message, got {len(values)}")
    return dict(zip(COLUMNS, (*numbers, *values[len(NUMBERS) :]), strict=True)), message
