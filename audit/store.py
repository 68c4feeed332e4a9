"""The audit log's rows: append only, each a leaf of one Merkle tree, so that no change stays unseen.

`append` is the only way in. Whoever can write the whole database can also make the tree anew: signed heads, and
witnesses that keep them elsewhere, show that (`audit.heads`).

Source: ITI TF-1 9.1 (ATNA); PGSSI-S, référentiel d'imputabilité; RFC 9162 §2.1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from audit.errors import AuditUnavailable
from audit.event import Event, ObjectKind, Outcome
from audit.markup import printable
from audit.merkle import Frontier
from audit.received import Received
from audit.record import NUMBERS, TEXTS, record_leaf
from audit.tables import EVENT, HEAD, LEVELS, NODE
from audit.transactions import transaction_of
from identities.requester import PatientId

WORKING = "an audit log that can be read and written"
OWN, DICOM = "", "dicom"  # origin and format of this server's own events
BATCH = 500  # dossiers asked for at once

_ONE = HEAD.c.id == sa.literal_column("1")
_SELECT_HEAD = sa.select(HEAD.c.size, HEAD.c.frontier).where(_ONE)
_LOCK_HEAD = _SELECT_HEAD.with_for_update()  # PostgreSQL: one appender at a time; SQLite has BEGIN IMMEDIATE
_FIRST_HEAD = sa.text("INSERT INTO audit_head (id, size, frontier) VALUES (1, 0, :frontier) ON CONFLICT DO NOTHING")
_MOVE_HEAD = sa.update(HEAD).where(_ONE).values(size=sa.bindparam("moved"), frontier=sa.bindparam("hashes"))
_INSERT = sa.insert(EVENT).values({column.name: sa.bindparam(column.name) for column in EVENT.columns})
_INSERT_NODE = sa.insert(NODE)
_IDS = json.JSONEncoder(ensure_ascii=False)
_DONE = sa.and_(EVENT.c.outcome == Outcome.SUCCESS.value, EVENT.c.origin == OWN)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One row of the log. `message` is the audit message, exactly; the rest is what lists show and searches use."""

    sequence: int
    id: str
    instant: datetime
    recorded: datetime
    origin: str
    format: str
    source_id: str
    event_code: str
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
    syslog: str
    stamped: datetime | None
    message: bytes
    leaf: bytes


class AuditStore:
    """The rows, in the transaction of `connection`. Every method raises AuditUnavailable when the database fails."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def append(self, event: Event, message: bytes, source_id: str = "") -> None:
        """Writes `event` with its message at the end of the log; durable when the transaction is.

        Other appenders wait until this transaction ends: append last, and commit.
        """
        self._append({**_columns(event), "source_id": source_id}, message)

    def append_received(self, received: Received) -> str:
        """Writes an audit message of another node at the end of the log, and gives the id it is found by here."""
        self._append(_received_columns(received), received.message)
        return received.id

    def head(self) -> Frontier:
        """The tree over all events, as the last append left it; of size 0 while there is no event."""
        with unavailable_on_failure():
            row = self._connection.execute(_SELECT_HEAD).one_or_none()
            return _frontier(row.size, row.frontier) if row else Frontier()

    def get(self, event_id: str) -> AuditRecord | None:
        """The event of that id."""
        with unavailable_on_failure():
            row = self._connection.execute(sa.select(EVENT).where(EVENT.c.id == event_id)).one_or_none()
        return record_of(row) if row else None

    def beginning_with(self, start: str, *, limit: int = 2) -> tuple[AuditRecord, ...]:
        """The first `limit` events whose id begins with `start`."""
        query = sa.select(EVENT).where(EVENT.c.id.startswith(start, autoescape=True)).order_by(EVENT.c.sequence)
        with unavailable_on_failure():
            rows = self._connection.execute(query.limit(limit)).all()
        return tuple(record_of(row) for row in rows)

    def after(self, sequence: int, *, limit: int) -> tuple[AuditRecord, ...]:
        """The first `limit` events after that sequence number, oldest first."""
        query = sa.select(EVENT).where(EVENT.c.sequence > sequence).order_by(EVENT.c.sequence).limit(limit)
        with unavailable_on_failure():
            rows = self._connection.execute(query).all()
        return tuple(record_of(row) for row in rows)

    def last_accesses(self, requester_id: str, dossiers: Sequence[str]) -> dict[str, datetime]:
        """When that requester last did something here in each of these dossiers, by key; refusals do not count."""
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

    def _append(self, columns: Mapping[str, Any], message: bytes) -> None:
        with unavailable_on_failure():
            head = self._locked_head()
            row = {"sequence": head.size + 1, **columns}
            leaf = record_leaf([row[name] for name in NUMBERS], [row[name] for name in TEXTS], message)
            moved, ended = head.grown(leaf)
            self._driven(_INSERT, {**row, "message": message, "leaf": leaf})
            for level in LEVELS[: sum(level < len(ended) for level in LEVELS)]:
                node = {"level": level, "index": (moved.size >> level) - 1, "hash": ended[level]}
                self._connection.execute(_INSERT_NODE, node)
            self._driven(_MOVE_HEAD, {"moved": moved.size, "hashes": moved.joined()})

    def _locked_head(self) -> Frontier:
        if (found := self._driven(_LOCK_HEAD, {}).fetchone()) is None:
            self._connection.execute(_FIRST_HEAD, {"frontier": b""})
            found = self._driven(_LOCK_HEAD, {}).fetchone()  # another may have been the first
        return _frontier(*found)

    def _driven(self, statement: sa.ClauseElement, values: Mapping[str, Any]) -> Any:
        """A statement of every request: compiled once, given to the driver itself, whose cursor this is."""
        sql, order = _compiled(statement, self._connection.dialect)
        try:
            return self._driver.execute(sql, [values[name] for name in order] if order else values)
        except self._connection.dialect.loaded_dbapi.Error as error:
            raise AuditUnavailable(WORKING, type(error).__name__) from error

    @property
    def _driver(self) -> Any:
        if not self._connection.in_transaction():
            self._connection.begin()  # as a statement of SQLAlchemy's own would
        return self._connection.connection.driver_connection


@lru_cache(maxsize=32)
def _compiled(statement: sa.ClauseElement, dialect: sa.Dialect) -> tuple[str, Sequence[str]]:
    """A statement as a database's driver takes it, and the order of its values where they go by place."""
    compiled = statement.compile(dialect=dialect)
    return str(compiled), getattr(compiled, "positiontup", None) or ()


def _frontier(size: int, frontier: bytes) -> Frontier:
    try:
        return Frontier.read(size, frontier)
    except ValueError as error:
        raise AuditUnavailable("the hashes of a tree in audit_head", str(error)) from error


@contextmanager
def unavailable_on_failure() -> Iterator[None]:
    """Whatever the database meets is AuditUnavailable."""
    try:
        yield
    except SQLAlchemyError as error:
        raise AuditUnavailable(WORKING, type(error).__name__) from error


def _columns(event: Event) -> dict[str, Any]:
    """Every column that says something of the event."""
    call, patient, requester = event.call, event.patient, event.requester
    texts = {
        "id": event.id,
        "origin": OWN,
        "format": DICOM,
        "event_code": transaction_of(event).event_id.code,
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
        "syslog": "",
        "stamped": "",
    }
    instant = instant_text(event.instant)
    return {
        **_as_texts(texts),
        "instant": instant,
        "recorded": instant,
        "outcome": event.outcome.value,
        "secret_connection": requester.secret_connection if requester else False,
    }


def _received_columns(received: Received) -> dict[str, Any]:
    """The same of an audit message of another node: what it does not say is empty."""
    patient = received.patient
    texts = {
        "id": received.id,
        "origin": received.origin,
        "format": received.format,
        "source_id": received.source_id,
        "event_code": received.event_code,
        "transaction": received.transaction,
        "patient_value": patient.value if patient else "",
        "patient_authority": patient.authority if patient else "",
        "requester_id": received.requester_id,
        "requester_name": received.requester_name,
        "client_address": received.client_address,
        "documents": _json(received.documents),
        "submission_sets": _json(received.submission_sets),
        "syslog": received.syslog,
        "stamped": instant_text(received.stamped) if received.stamped else "",
    }
    return {
        **dict.fromkeys(TEXTS, ""),
        **_as_texts(texts),
        "instant": instant_text(received.instant),
        "recorded": instant_text(received.recorded),
        "outcome": received.outcome.value,
        "secret_connection": False,
    }


def _as_texts(texts: dict[str, str]) -> dict[str, str]:
    if "".join(texts.values()).isprintable():  # nearly always
        return texts
    return {name: printable(text) for name, text in texts.items()}


def _ids(event: Event, kind: ObjectKind) -> str:
    return _json([subject.id for subject in event.objects if subject.kind is kind])


def _json(ids: Sequence[str]) -> str:
    return _IDS.encode(ids)


def instant_text(instant: datetime) -> str:
    """An aware instant as the column has it."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def record_of(row: sa.Row[Any]) -> AuditRecord:
    """A row of the log as a record."""
    columns = dict(row._mapping)
    value, authority = columns.pop("patient_value"), columns.pop("patient_authority")
    columns["patient"] = PatientId(value, authority) if value else None
    for name in ("instant", "recorded"):
        columns[name] = datetime.fromisoformat(columns[name])
    columns["stamped"] = datetime.fromisoformat(columns["stamped"]) if columns["stamped"] else None
    columns["outcome"] = Outcome(columns["outcome"])
    for name in ("documents", "submission_sets"):
        columns[name] = tuple(json.loads(columns[name]))
    return AuditRecord(**columns)
