"""An event of the audit log in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from audit.event import Outcome
from audit.store import AuditRecord

ACT = "audit"  # reading the log is itself an event: DICOM PS3.15 A.5.3.2, Audit Log Used
_OUTCOMES = {
    Outcome.SUCCESS: "fait",
    Outcome.MINOR_FAILURE: "refusé",
    Outcome.SERIOUS_FAILURE: "non authentifié",
    Outcome.MAJOR_FAILURE: "échec",
}


def line(record: AuditRecord) -> dict[str, Any]:
    """What lists say of an event."""
    return {
        "id": record.id,
        "instant": record.instant,
        "origin": record.origin,
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


def print_events_of_all(records: Sequence[AuditRecord]) -> None:
    """As `print_events`, with whose DMP it was."""
    print_events(records, whose=True)


def print_events(records: Sequence[AuditRecord], *, whose: bool = False) -> None:
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
