"""`dmp audit`: what the audit log says of a patient's DMP, and of one event."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

import typer

from audit.event import Call
from audit.selection import Selection
from audit.store import AuditStore
from server.commands import (
    NOTHING_FOUND,
    Home,
    InsOid,
    Json,
    NotFoundError,
    answering,
    audit_integrity,
    audit_proofs,
    audit_retention,
    opened,
    operator,
    patient_ids,
    show,
)
from server.commands.audit_export import export_events
from server.commands.audit_line import ACT, line, print_events, print_events_of_all
from server.commands.audit_outlets import outlets
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
    newest,
)

app = typer.Typer(help="The audit log.", no_args_is_help=True)
app.command("export")(export_events)
app.command()(outlets)
for group in (audit_integrity, audit_proofs, audit_retention):
    group.add_to(app)


@app.command("list")
def list_events(
    patient: OfPatient = None,
    requester: OfRequester = "",
    structure: OfStructure = "",
    transaction: OfTransaction = "",
    outcome: OfOutcome = None,
    since: Since = None,
    until: Until = None,
    rule: OfRule = "",
    limit: Annotated[int, typer.Option(help="How many at most, the last ones.", min=1)] = 100,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List the events of a patient's DMP, or of all, newest first. Exit code 3 when there are none."""
    with answering(as_json), opened(home) as house:
        call = Call(transaction="operator", request_id=uuid.uuid4().hex)
        wanted = narrowed(
            Selection(requester=requester, structure=structure, transaction=transaction, rule=rule),
            since,
            until,
            outcome,
        )
        whose = patient_ids(house, patient, ins_oid) if patient is not None else (None,)
        for identifier in whose:
            with house.gate.operator(operator(), ACT, identifier, call):
                pass  # recorded first: who reads the log stands in it
        wanted = wanted.but(call.request_id)
        asked = [wanted.of(about(house, identifier)) if identifier else wanted for identifier in whose]
        found = {record.id: record for each in asked for record in newest(house, each, limit=limit)}
        records = sorted(found.values(), key=lambda record: record.sequence, reverse=True)[:limit]
        shown = print_events if patient is not None else print_events_of_all
        show(as_json, [line(record) for record in records], lambda: shown(records))
        if not records:
            raise typer.Exit(NOTHING_FOUND)


@app.command("show")
def show_event(
    event_id: Annotated[str, typer.Argument(help="Id of the event.", metavar="ID")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show one event whole, with its audit message (DICOM PS3.15)."""
    with answering(as_json), opened(home) as house:
        house.record("operator", ACT, operator())
        with house.database.transaction() as connection:
            record = AuditStore(connection).get(event_id)
        if record is None:
            raise NotFoundError(f"event: expected the id of an event, got {event_id}")
        value = {**line(record), "message": record.message.decode(errors="replace"), "leaf": record.leaf.hex()}
        show(as_json, value, lambda: _print_whole(value))


def _print_whole(value: dict[str, Any]) -> None:
    for name, text in value.items():
        if text not in ("", []):
            typer.echo(f"{name:16} {', '.join(text) if isinstance(text, list) else text}")
