"""`dmp audit export`: events to take away, one a line, however many there are."""

from __future__ import annotations

import base64
import csv
import io
import json
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from audit.audit_event import Record, audit_event
from audit.event import Call
from audit.selection import Selection
from audit.store import AuditRecord
from dmp.historique_export import as_cell
from server.commands import Home, InsOid, answering, opened, operator, patient_id
from server.commands.audit_line import ACT, line
from server.commands.audit_selection import (
    OfOutcome,
    OfPatient,
    OfRequester,
    OfRule,
    OfStructure,
    OfTransaction,
    Since,
    Until,
    about,
    narrowed,
    stream,
)


class Format(Enum):
    """How an event is written."""

    NDJSON = "ndjson"  # the audit message, exactly, in a JSON object
    FHIR = "fhir"  # the AuditEvent of the same record, in a line
    CSV = "csv"  # what lists show


def export_events(
    patient: OfPatient = None,
    requester: OfRequester = "",
    structure: OfStructure = "",
    transaction: OfTransaction = "",
    outcome: OfOutcome = None,
    since: Since = None,
    until: Until = None,
    rule: OfRule = "",
    form: Annotated[
        Format, typer.Option("--format", help="ndjson: audit messages (DICOM PS3.15); fhir: AuditEvents; csv.")
    ] = Format.NDJSON,
    output: Annotated[
        Path | None, typer.Option("--output", help="Write to that file. Default: standard output.", metavar="FILE")
    ] = None,
    ins_oid: InsOid = None,
    home: Home = None,
) -> None:
    """Write the events of a patient's DMP, or of all, oldest first, one a line."""
    with answering(False), opened(home) as house:
        call = Call(transaction="operator", request_id=uuid.uuid4().hex)
        wanted = narrowed(
            Selection(requester=requester, structure=structure, transaction=transaction, rule=rule),
            since,
            until,
            outcome,
        )
        identifier = patient_id(house, patient, ins_oid) if patient is not None else None
        with house.gate.operator(operator(), ACT, identifier, call):
            pass  # recorded first: who reads the log stands in it
        if identifier is not None:
            wanted = wanted.of(about(house, identifier))
        with _written(output) as file:
            file.writelines(WRITERS[form](stream(house, wanted.but(call.request_id))))


def as_ndjson(records: Iterable[AuditRecord]) -> Iterator[str]:
    """Each message in a JSON object, with what says whose it is; bytes that are no text in base64."""
    for record in records:
        said: dict[str, Any] = {
            "sequence": record.sequence,
            "id": record.id,
            "recorded": record.recorded.isoformat(),
            "origin": record.origin,
            "format": record.format,
            "leaf": base64.b64encode(record.leaf).decode(),
        }
        try:
            said["message"] = record.message.decode()
        except UnicodeDecodeError:
            said["message_base64"] = base64.b64encode(record.message).decode()
        yield json.dumps(said, ensure_ascii=False) + "\n"


def as_fhir(records: Iterable[AuditRecord]) -> Iterator[str]:
    """The AuditEvent of each, as ITI-81 gives it. Source: IHE BALP."""
    for each in records:
        event = audit_event(Record(each.id, each.message, each.format, each.origin, each.recorded))
        yield json.dumps(event, ensure_ascii=False) + "\n"


def as_csv(records: Iterable[AuditRecord]) -> Iterator[str]:
    """What lists show of each event; no cell is taken for a formula."""
    headed = False
    for record in records:
        shown = line(record)
        if not headed:
            yield _row(shown)
            headed = True
        yield _row(as_cell(_text(value)) for value in shown.values())


def _row(cells: Iterable[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(list(cells))
    return text.getvalue()


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


WRITERS: dict[Format, Callable[[Iterable[AuditRecord]], Iterator[str]]] = {
    Format.NDJSON: as_ndjson,
    Format.FHIR: as_fhir,
    Format.CSV: as_csv,
}


@contextmanager
def _written(output: Path | None) -> Iterator[TextIO]:
    """Where the events go: a file that only its owner reads, or standard output."""
    if output is None:
        yield sys.stdout
        return
    output.touch(mode=0o600)
    with output.open("w", encoding="utf-8", newline="") as file:
        yield file
