"""An audit log of many events, written straight into SQLite, as the store would have: for `benchmarks.verification`.

Events of four kinds, in turn, by many people about many dossiers, each with a message of its own, and a signed head for
every thousand.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from audit.event import AuditObject, Call, Event, ObjectKind, Outcome
from audit.heads import TreeHead
from audit.merkle import Frontier
from audit.message import AuditSource, write_message
from audit.notes import Signer
from audit.record import NUMBERS, TEXTS, record_bytes, record_leaf
from audit.store import AuditStore, instant_text
from audit.tables import EVENT, HEAD, LEVELS, METADATA, NODE, TREE_HEAD
from identities.requester import Authentication, PatientId, Requester
from schemas import oids
from server.database import connect

HEAD_EVERY = 1000
BATCH = 10_000
DOSSIERS, PEOPLE = 5000, 300
START = datetime(2026, 1, 1, tzinfo=UTC)


def write_log(file: Path, events: int, signer: Signer) -> int:
    """Writes the log, whole, and gives how many bytes its records have."""
    database = connect(f"sqlite:///{file}", threads=1)
    with database.transaction() as connection:
        METADATA.create_all(connection)
        templates = list(_templates(connection))
        connection.execute(sa.delete(EVENT))
        connection.execute(sa.delete(HEAD))
    database.dispose()
    with sqlite3.connect(file) as raw:
        raw.execute("PRAGMA synchronous=OFF")
        return _fill(raw, templates, events, signer)


def _fill(raw: sqlite3.Connection, templates: list[dict[str, Any]], events: int, signer: Signer) -> int:
    tree, total, number = Frontier(), 0, 0
    names = [column.name for column in EVENT.columns]
    insert = f"INSERT INTO audit_event ({', '.join(map(_quoted, names))}) VALUES ({', '.join('?' * len(names))})"
    batch: list[tuple[Any, ...]] = []
    for row in _rows(templates, events):
        numbers, texts = [row[name] for name in NUMBERS], [row[name] for name in TEXTS]
        total += len(record_bytes(numbers, texts, row["message"]))
        row["leaf"] = record_leaf(numbers, texts, row["message"])
        tree, ended = tree.grown(row["leaf"])
        batch.append(tuple(row[name] for name in names))
        for level in LEVELS[: sum(level < len(ended) for level in LEVELS)]:
            node = (level, (tree.size >> level) - 1, ended[level])
            raw.execute(f"INSERT INTO {NODE.name} VALUES (?, ?, ?)", node)
        if len(batch) == BATCH or tree.size == events:
            raw.executemany(insert, batch)
            batch.clear()
        if not tree.size % HEAD_EVERY or tree.size == events:
            number += 1
            head = TreeHead(signer.name, tree.size, tree.root(), number, row["instant"])
            raw.execute(
                f"INSERT INTO {TREE_HEAD.name} VALUES (?, ?, ?)", (number, tree.size, head.note(signer).encode())
            )
    raw.execute(f"INSERT INTO {HEAD.name} VALUES (1, ?, ?)", (tree.size, tree.joined()))
    return total


def _quoted(name: str) -> str:
    return f'"{name}"'


def _rows(templates: list[dict[str, Any]], events: int) -> Iterator[dict[str, Any]]:
    for number in range(events):
        template = templates[number % len(templates)]
        instant = instant_text(START + timedelta(seconds=number))
        event_id = str(uuid.uuid4())
        yield {
            **template,
            "sequence": number + 1,
            "id": event_id,
            "instant": instant,
            "recorded": instant,
            "request_id": uuid.uuid4().hex,
            "dossier": f"{number * 7919 % DOSSIERS:032x}",
            "requester_id": f"8{number * 104729 % PEOPLE:011}",
            "message": template["message"].replace(b"event-id", event_id.encode()),
        }


def _templates(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    """Columns and message of one event of each kind, as the store writes them."""
    site = AuditSource(source_id="open-dmp", host="dmp.example", process_id="4711")
    for event in _events():
        AuditStore(connection).append(event, write_message(event, site=site), site.source_id)
        yield dict(connection.execute(sa.select(EVENT).where(EVENT.c.id == event.id)).mappings().one())


def _events() -> Iterator[Event]:
    doctor = Requester(
        id_nat="899900063480",
        name="EXEMPLE Zoé",
        profession="10",
        profession_system=oids.PROFESSION,
        specialty="SM26",
        structure_id="10B0000001",
        sector="SA07",
        authentication=Authentication.DIRECTE,
        assertion_id="_assertion-1",
        lps="LPS 1.0",
        certificate_subject="CN=899900063480,OU=Médecin,O=TEST,C=FR",
    )
    document = AuditObject(ObjectKind.DOCUMENT, "1.2.250.1.213.1.1.9^LETTER-1", "1.2.250.1.213.4.1.1.1.2")
    submission = AuditObject(ObjectKind.SUBMISSION_SET, "1.2.250.1.213.1.1.9.77")
    query = AuditObject(ObjectKind.QUERY, "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d", content=b"<Query/>" * 60)
    done = Event(
        id="event-id",
        instant=START,
        call=Call("ITI-18", "request", "https://dmp.example/ihe", "urn:uuid:1", "192.0.2.7", "CN=1,O=TEST,C=FR"),
        outcome=Outcome.SUCCESS,
        action="TD3.1",
        requester=doctor,
        patient=PatientId("279035121518989", oids.INS_NIR_TEST),
        dossier="dossier",
        objects=(query,),
    )
    for number, (transaction, action, objects) in enumerate(
        (
            ("ITI-18", "TD3.1", (query,)),
            ("ITI-41", "TD2.1", (submission, document)),
            ("ITI-43", "TD3.2", (document,)),
            ("ITI-43", "TD3.2", (document, document)),
        )
    ):
        call = replace(done.call, transaction=transaction)
        yield replace(done, id=f"event-id-{number}", call=call, action=action, objects=objects)
