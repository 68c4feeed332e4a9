"""`dmp audit`: what the audit log says of a patient's DMP, and of one event."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from audit.event import Call, Outcome
from audit.store import AuditRecord, AuditStore
from identities.requester import PatientId
from server.commands import (
    NOTHING_FOUND,
    Home,
    InsOid,
    Json,
    NotFoundError,
    UsageError,
    answering,
    audit_integrity,
    audit_proofs,
    audit_retention,
    opened,
    operator,
    patient_ids,
    show,
)
from server.commands.audit_integrity import ACT
from server.commands.audit_outlets import outlets
from server.house import House

app = typer.Typer(help="The audit log.", no_args_is_help=True)
app.command()(outlets)
for group in (audit_integrity, audit_proofs, audit_retention):
    group.add_to(app)

_OUTCOMES = {
    Outcome.SUCCESS: "fait",
    Outcome.MINOR_FAILURE: "refusé",
    Outcome.SERIOUS_FAILURE: "non authentifié",
    Outcome.MAJOR_FAILURE: "échec",
}
_NAMED = {"success": Outcome.SUCCESS, "refused": Outcome.MINOR_FAILURE, "unauthenticated": Outcome.SERIOUS_FAILURE}
_BY_NAME = {**_NAMED, "failed": Outcome.MAJOR_FAILURE}

Instant = Annotated[str | None, typer.Option(help="ISO 8601; UTC unless it says otherwise.", metavar="TIME")]


@app.command("list")
def list_events(
    patient: Annotated[
        str | None,
        typer.Option(help="INS of the patient, alone or as INS^^^&OID&ISO. Without it: of everybody.", metavar="INS"),
    ] = None,
    since: Instant = None,
    until: Instant = None,
    outcome: Annotated[str | None, typer.Option(help=f"{', '.join(_BY_NAME)}, or 0, 4, 8, 12.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most, the last ones.", min=1)] = 100,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List the events of a patient's DMP, or of all, newest first. Exit code 3 when there are none."""
    with answering(as_json), opened(home) as house:
        wide: dict[str, Any] = {"since": _instant(since), "until": _instant(until), "outcome": _outcome(outcome)}
        call = Call(transaction="operator", request_id=uuid.uuid4().hex)
        whose = patient_ids(house, patient, ins_oid) if patient is not None else (None,)
        for identifier in whose:
            with house.gate.operator(operator(), ACT, identifier, call):
                pass  # recorded first: who reads the log stands in it
        found = [
            record
            for identifier in whose
            for record in records_of(house, identifier, limit=limit, own_request=call.request_id, **wide)
        ]
        records = sorted(found, key=lambda record: record.sequence, reverse=True)[:limit]
        shown = print_events if patient is not None else print_events_of_all
        show(as_json, [_line(record) for record in records], lambda: shown(records))
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
        value = {**_line(record), "message": record.message.decode(errors="replace"), "leaf": record.leaf.hex()}
        show(as_json, value, lambda: _print_whole(value))


def records_of(
    house: House,
    patient: PatientId | None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    outcome: Outcome | None = None,
    limit: int = 100,
    own_request: str = "",
) -> list[AuditRecord]:
    """The last `limit` events of a DMP, and of those merged into it, newest first, without those of `own_request`.

    Without `patient`: of everybody, and of the server itself.
    """
    wide: dict[str, Any] = {"since": since, "until": until, "outcome": outcome, "limit": limit + 1}
    with house.rooms() as rooms:
        dossier = rooms.identities.dossier(patient) if patient else None
        lineage = rooms.identities.lineage(dossier.key) if dossier else ()
    with house.database.transaction() as connection:
        store = AuditStore(connection)
        found = {record.id: record for record in store.list(patient=patient, **wide)}
        for key in lineage:
            found |= {record.id: record for record in store.list(dossier=key, **wide)}
    events = [record for record in found.values() if record.request_id != own_request]
    return sorted(events, key=lambda record: record.sequence, reverse=True)[:limit]


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"time: expected ISO 8601 such as 2026-01-31T08:00, got {text}") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _outcome(text: str | None) -> Outcome | None:
    if text is None:
        return None
    known = {**_BY_NAME, **{str(each.value): each for each in Outcome}}
    if text not in known:
        raise UsageError(f"outcome: expected one of {', '.join(known)}, got {text}")
    return known[text]


def _line(record: AuditRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "instant": record.instant,
        "outcome": record.outcome.value,
        "transaction": record.transaction,
        "action": record.action,
        "requester_id": record.requester_id,
        "requester_name": record.requester_name,
        "profession": record.profession,
        "specialty": record.specialty,
        "structure_id": record.structure_id,
        "authentication": record.authentication,
        "mode_acces": record.mode_acces,
        "motif": record.motif,
        "operator": record.operator,
        "patient": str(record.patient) if record.patient else "",
        "documents": list(record.documents),
        "submission_sets": list(record.submission_sets),
        "rule": record.rule,
        "table": record.rule_table,
        "table_version": record.rule_version,
        "row": record.rule_row,
        "explanation": record.explanation,
        "client_address": record.client_address,
        "request_id": record.request_id,
        "sequence": record.sequence,
    }


def print_events_of_all(records: list[AuditRecord]) -> None:
    """As `print_events`, with whose DMP it was."""
    print_events(records, whose=True)


def print_events(records: list[AuditRecord], *, whose: bool = False) -> None:
    """One line for each event; why, below it, when something was not granted."""
    for record in records:
        who = record.requester_name or record.requester_id or record.operator or "inconnu"
        action = record.action or record.transaction
        outcome = _OUTCOMES[record.outcome]
        patient = f"{record.patient.value if record.patient else '':16} " if whose else ""
        typer.echo(f"{record.instant:%Y-%m-%d %H:%M:%S}  {outcome:16} {action:16} {who:24} {patient}{record.id}")
        if record.outcome is not Outcome.SUCCESS:
            row = f" [{record.rule_table}, {record.rule_row}]" if record.rule_table else ""
            typer.echo(f"{'':21}{record.rule} : {record.explanation}{row}")


def _print_whole(value: dict[str, Any]) -> None:
    for name, text in value.items():
        if text not in ("", []):
            typer.echo(f"{name:16} {', '.join(text) if isinstance(text, list) else text}")
