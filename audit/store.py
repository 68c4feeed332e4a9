"""The audit log's rows: append only, chained so that no change stays unseen.

Each row's hash covers the hash before it, its sequence number, its columns and the exact bytes of its message; one row
of `audit_head` holds the last. Altering, removing, inserting or exchanging rows breaks the chain where it was done. Who
can write the whole database can also write a new chain: note `head()` elsewhere, and give it to `verify`.

Source: ITI TF-1 9.1 (ATNA); PGSSI-S, référentiel d'imputabilité; FIPS 180-4 (SHA-256).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from audit.errors import AuditUnavailable
from audit.event import Event, ObjectKind, Outcome
from audit.message import printable
from identities.requester import PatientId

CHAIN = b"dmp-audit-1"  # what is hashed and how; another chain format gets another name
GENESIS = "0" * 64
BATCH = 500  # rows fetched at once while verifying

METADATA = sa.MetaData()

EVENT = sa.Table(
    "audit_event",
    METADATA,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", sa.String(64), nullable=False, unique=True),
    sa.Column("instant", sa.String(27), nullable=False),  # ISO 8601, UTC, microseconds: sorts as text
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("transaction", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("outcome", sa.Integer, nullable=False),
    sa.Column("dossier", sa.String(64), nullable=False),
    sa.Column("patient_value", sa.Text, nullable=False),
    sa.Column("patient_authority", sa.Text, nullable=False),
    sa.Column("requester_id", sa.Text, nullable=False),
    sa.Column("requester_name", sa.Text, nullable=False),
    sa.Column("profession", sa.Text, nullable=False),
    sa.Column("specialty", sa.Text, nullable=False),
    sa.Column("structure_id", sa.Text, nullable=False),
    sa.Column("authentication", sa.Text, nullable=False),
    sa.Column("mode_acces", sa.Text, nullable=False),
    sa.Column("motif", sa.Text, nullable=False),
    sa.Column("secret_connection", sa.Boolean, nullable=False),
    sa.Column("operator", sa.Text, nullable=False),
    sa.Column("client_address", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("rule_table", sa.Text, nullable=False),
    sa.Column("rule_version", sa.Text, nullable=False),
    sa.Column("rule_row", sa.Text, nullable=False),
    sa.Column("explanation", sa.Text, nullable=False),
    sa.Column("documents", sa.Text, nullable=False),  # JSON list of uniqueIds
    sa.Column("submission_sets", sa.Text, nullable=False),  # JSON list of uniqueIds
    sa.Column("message", sa.LargeBinary, nullable=False),  # the audit message, exactly
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index("audit_event_dossier", "dossier", "instant", "sequence"),
    sa.Index("audit_event_patient", "patient_value", "patient_authority", "dossier", "instant", "sequence"),
    sa.Index("audit_event_requester", "requester_id", "dossier", "instant"),
)

HEAD = sa.Table(
    "audit_head",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

_CHAINED = tuple(column.name for column in EVENT.columns if column.name not in {"message", "previous", "hash"})

_SELECT_HEAD = sa.select(HEAD.c.sequence, HEAD.c.hash).where(HEAD.c.id == 1)
_LOCK_HEAD = _SELECT_HEAD.with_for_update()  # PostgreSQL: one appender at a time; SQLite has BEGIN IMMEDIATE
_FIRST_HEAD = sa.text("INSERT INTO audit_head (id, sequence, hash) VALUES (1, 0, :hash) ON CONFLICT DO NOTHING")
_MOVE_HEAD = sa.update(HEAD).where(HEAD.c.id == 1).values(sequence=sa.bindparam("last"), hash=sa.bindparam("last_hash"))
_INSERT = sa.insert(EVENT)
_IN_ORDER = sa.select(EVENT).order_by(EVENT.c.sequence)
_DONE = EVENT.c.outcome == Outcome.SUCCESS.value


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: how many events there are, and the hash of the last."""

    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One row of the log. `message` is the DICOM audit message; the rest is what lists show and searches use."""

    sequence: int
    id: str
    instant: datetime
    request_id: str
    transaction: str
    action: str
    outcome: Outcome
    dossier: str
    patient: PatientId | None
    requester_id: str
    requester_name: str
    profession: str
    specialty: str
    structure_id: str
    authentication: str
    mode_acces: str
    motif: str
    secret_connection: bool
    operator: str
    client_address: str
    rule: str
    rule_table: str
    rule_version: str
    rule_row: str
    explanation: str
    documents: tuple[str, ...]
    submission_sets: tuple[str, ...]
    message: bytes
    previous: str
    hash: str


class AuditStore:
    """The rows, in the transaction of `connection`. Every method raises AuditUnavailable when the database fails."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def append(self, event: Event, message: bytes) -> Head:
        """Writes `event` with its message at the end of the chain; durable when the transaction is.

        Other appenders wait until this transaction ends: append last, and commit.
        """
        with unavailable_on_failure():
            head = self._locked_head()
            row = {"sequence": head.sequence + 1, **_columns(event)}
            moved = Head(head.sequence + 1, _hash(head.hash, row, message))
            self._connection.execute(_INSERT, {**row, "message": message, "previous": head.hash, "hash": moved.hash})
            self._connection.execute(_MOVE_HEAD, {"last": moved.sequence, "last_hash": moved.hash})
        return moved

    def head(self) -> Head:
        """The end of the chain; sequence 0 while there is no event."""
        with unavailable_on_failure():
            row = self._connection.execute(_SELECT_HEAD).one_or_none()
        return Head(row.sequence, row.hash) if row else Head(0, GENESIS)

    def get(self, event_id: str) -> AuditRecord | None:
        """The event of that id."""
        with unavailable_on_failure():
            row = self._connection.execute(sa.select(EVENT).where(EVENT.c.id == event_id)).one_or_none()
        return _record(row) if row else None

    def beginning_with(self, start: str, *, limit: int = 2) -> tuple[AuditRecord, ...]:
        """The first `limit` events whose id begins with `start`."""
        query = sa.select(EVENT).where(EVENT.c.id.startswith(start, autoescape=True)).order_by(EVENT.c.sequence)
        with unavailable_on_failure():
            rows = self._connection.execute(query.limit(limit)).all()
        return tuple(_record(row) for row in rows)

    def list(
        self,
        *,
        dossier: str | None = None,
        patient: PatientId | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        outcome: Outcome | None = None,
        limit: int = 100,
    ) -> tuple[AuditRecord, ...]:
        """The last `limit` events that match everything given, newest first; `since` belongs, `until` does not."""
        query = sa.select(EVENT).order_by(EVENT.c.sequence.desc()).limit(limit)
        if dossier is not None:
            query = query.where(EVENT.c.dossier == dossier)
        if patient is not None:
            query = query.where(EVENT.c.patient_value == patient.value, EVENT.c.patient_authority == patient.authority)
        if since is not None:
            query = query.where(EVENT.c.instant >= instant_text(since))
        if until is not None:
            query = query.where(EVENT.c.instant < instant_text(until))
        if outcome is not None:
            query = query.where(EVENT.c.outcome == outcome.value)
        with unavailable_on_failure():
            rows = self._connection.execute(query).all()
        return tuple(_record(row) for row in rows)

    def last_accesses(self, requester_id: str, dossiers: Sequence[str]) -> dict[str, datetime]:
        """When that requester last did something in each of these dossiers, by key; refusals do not count."""
        last = sa.select(EVENT.c.dossier, sa.func.max(EVENT.c.instant)).group_by(EVENT.c.dossier)
        found: dict[str, str] = {}
        with unavailable_on_failure():
            for start in range(0, len(dossiers), BATCH):
                where = EVENT.c.dossier.in_(dossiers[start : start + BATCH])
                done = last.where(EVENT.c.requester_id == requester_id, where, _DONE)
                found.update(self._connection.execute(done).all())
        return {dossier: datetime.fromisoformat(instant) for dossier, instant in found.items()}

    def last_actions(self, dossier: str, *, secret: bool) -> dict[str, datetime]:
        """When each requester, and each structure, last did something in that dossier, by PS_IdNat or Struct_IdNat.

        Without `secret`, what was done by a secret connection does not count.
        """
        who = (EVENT.c.requester_id, EVENT.c.structure_id)
        last = sa.select(*who, sa.func.max(EVENT.c.instant)).where(EVENT.c.dossier == dossier, _DONE).group_by(*who)
        with unavailable_on_failure():
            rows = self._connection.execute(last if secret else last.where(sa.not_(EVENT.c.secret_connection))).all()
        found: dict[str, str] = {}
        for person, structure, instant in rows:
            for each in filter(None, (person, structure)):
                found[each] = max(instant, found.get(each, ""))
        return {each: datetime.fromisoformat(instant) for each, instant in found.items()}

    def verify(self, witness: Head | None = None) -> int | None:
        """The sequence number of the first event that is not as it was written, or is missing; None when all are.

        `witness` is a `head()` noted earlier, elsewhere. Reads the whole log, a batch at a time.
        """
        with unavailable_on_failure():
            marks = [self.head()] if witness is None else [self.head(), witness]
            last = Head(0, GENESIS)
            with self._connection.execution_options(yield_per=BATCH).execute(_IN_ORDER) as rows:
                for row in rows.mappings():
                    here = Head(last.sequence + 1, _hash(last.hash, row, row["message"]))
                    if Head(row["sequence"], row["hash"]) != here or row["previous"] != last.hash:
                        return here.sequence
                    if any(mark.sequence == here.sequence and mark != here for mark in marks):
                        return here.sequence
                    last = here
            if any(mark.sequence > last.sequence for mark in marks):
                return last.sequence + 1  # the end was cut off
            end = self.head()
            return end.sequence + 1 if last.sequence > end.sequence else None

    def _locked_head(self) -> Head:
        row = self._connection.execute(_LOCK_HEAD).one_or_none()
        if row is None:
            self._connection.execute(_FIRST_HEAD, {"hash": GENESIS})
            row = self._connection.execute(_LOCK_HEAD).one()
        return Head(row.sequence, row.hash)


@contextmanager
def unavailable_on_failure() -> Iterator[None]:
    """Whatever the database meets is AuditUnavailable."""
    try:
        yield
    except SQLAlchemyError as error:
        raise AuditUnavailable("an audit log that can be read and written", type(error).__name__) from error


def _columns(event: Event) -> dict[str, Any]:
    """Every column that says something of the event."""
    call, patient, requester = event.call, event.patient, event.requester
    texts = {
        "id": event.id,
        "request_id": call.request_id,
        "transaction": call.transaction,
        "action": event.action,
        "dossier": event.dossier,
        "patient_value": patient.value if patient else "",
        "patient_authority": patient.authority if patient else "",
        "requester_id": requester.id_nat if requester else "",
        "requester_name": requester.name if requester else "",
        "profession": requester.profession if requester else "",
        "specialty": requester.specialty if requester else "",
        "structure_id": requester.structure_id if requester else "",
        "authentication": requester.authentication.value if requester else "",
        "mode_acces": requester.mode_acces.value if requester else "",
        "motif": requester.motif if requester else "",
        "operator": event.operator,
        "client_address": call.client_address,
        "rule": event.rule,
        "rule_table": event.table,
        "rule_version": event.table_version,
        "rule_row": event.row,
        "explanation": event.explanation,
        "documents": _ids(event, ObjectKind.DOCUMENT),
        "submission_sets": _ids(event, ObjectKind.SUBMISSION_SET),
    }
    return {
        **{name: printable(text) for name, text in texts.items()},
        "instant": instant_text(event.instant),
        "outcome": event.outcome.value,
        "secret_connection": requester.secret_connection if requester else False,
    }


def _ids(event: Event, kind: ObjectKind) -> str:
    return json.dumps([subject.id for subject in event.objects if subject.kind is kind], ensure_ascii=False)


def instant_text(instant: datetime) -> str:
    """An aware instant as the column has it."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _hash(previous: str, row: Any, message: bytes) -> str:
    """SHA-256 of the chain's name, the hash before, the columns in order as JSON, and the message.

    The columns begin with the sequence number. Lengths stand before what varies in length, so that no two events share
    an input.
    """
    columns = json.dumps([row[name] for name in _CHAINED], ensure_ascii=False, separators=(",", ":")).encode()
    digest = hashlib.sha256(CHAIN + bytes.fromhex(previous))
    for part in (columns, message):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _record(row: sa.Row[Any]) -> AuditRecord:
    columns = dict(row._mapping)
    value, authority = columns.pop("patient_value"), columns.pop("patient_authority")
    columns["patient"] = PatientId(value, authority) if value else None
    columns["instant"] = datetime.fromisoformat(columns["instant"])
    columns["outcome"] = Outcome(columns["outcome"])
    for name in ("documents", "submission_sets"):
        columns[name] = tuple(json.loads(columns[name]))
    return AuditRecord(**columns)
