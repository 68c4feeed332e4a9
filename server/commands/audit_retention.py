"""`dmp audit prune`: old records leave the database for sealed segments."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from audit.errors import AuditUnavailable
from audit.event import Call, Event, Outcome
from audit.heads import read_head
from audit.pruning import Segment, forget, forget_outgrown, next_segment, seal_away
from audit.sealing import HeadStore, TamperedError
from audit.store import AuditStore, instant_text
from audit.trail import AuditTrail
from identities.requester import PatientId
from identities.store import IdentitiesStore
from server.audit_cursors import everywhere
from server.commands import Home, Json, UsageError, answering, opened, operator, show
from server.commands.audit_integrity import signer_of
from server.durable import flush_folder
from server.house import House, now

FOLDER = "audit-archive"
YEAR = timedelta(days=365.25)


def add_to(app: typer.Typer) -> None:
    """Adds this command."""
    app.command("prune")(prune)


def prune(
    before: Annotated[
        str | None,
        typer.Option(
            "--before", help="Records of before that day. Default: audit_retention_years ago.", metavar="DATE"
        ),
    ] = None,
    archive: Annotated[
        Path | None, typer.Option("--archive", help=f"The folder for segments. Default: {FOLDER} in home.")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Seal old records into files, and take them out of the database.

    The log, its heads and proofs stay verifiable; the last hundred events of each DMP stay readable. What an audit
    repository of the settings does not have yet stays whole.
    """
    with answering(as_json), opened(home) as house:
        limit = _limit(house, before)
        folder = archive or house.settings.home / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        done = list(_prune(house, limit, folder))
        with house.database.transaction() as connection:
            forget_outgrown(connection, _Concerns(connection))
        show(as_json, {"before": limit, "segments": done}, lambda: _print(done))


def _limit(house: House, before: str | None) -> datetime:
    """Records from that instant on stay. Raises UsageError for less than a year: histories show it."""
    if before is None:
        return now() - house.settings.keeping.retention_years * YEAR
    try:
        limit = datetime.combine(date.fromisoformat(before), time(), UTC)
    except ValueError:
        raise UsageError(f"before: expected a date such as 2026-01-31, got {before}") from None
    if limit > now() - YEAR:
        raise UsageError(f"before: expected a day of more than a year ago, which histories show, got {before}")
    return limit


def _prune(house: House, limit: datetime, folder: Path) -> Iterator[dict[str, Any]]:
    signer = signer_of(house)
    while True:
        with house.database.snapshot() as connection:
            last = HeadStore(connection).covering(0)
            sealed = read_head(last, signer.verifier).size if last else 0
            arrived = everywhere(connection, [str(each) for each in house.settings.audit.repositories])
            segment = next_segment(connection, limit, arrived, sealed)
            if segment is None:
                return
            try:
                file, note = seal_away(connection, segment, folder, signer, instant_text(now()))
            except TamperedError as error:
                raise AuditUnavailable("a log that is as it was sealed (dmp audit verify)", str(error)) from error
        flush_folder(folder)
        with house.database.transaction() as connection:
            gone = forget(connection, segment, note, _Concerns(connection))
            AuditTrail(AuditStore(connection), house.source).append(_event(segment, file))
        yield {"first": segment.first, "last": segment.last, "file": str(file), "removed": gone}


class _Concerns:
    """Whether there still is a DMP."""

    def __init__(self, connection: sa.Connection) -> None:
        self._identities = IdentitiesStore(connection)

    def __call__(self, dossier: str, patient: PatientId | None) -> bool:
        if patient is not None:
            return self._identities.dossier(patient) is not None
        return self._identities.stands(dossier)


def _event(segment: Segment, file: Path) -> Event:
    return Event(
        id=str(uuid.uuid4()),
        instant=now(),
        call=Call(transaction="operator", request_id=uuid.uuid4().hex),
        outcome=Outcome.SUCCESS,
        action="audit/archivage",
        operator=operator(),
        explanation=f"Événements {segment.first} à {segment.last} archivés dans {file.name}.",
    )


def _print(done: list[dict[str, Any]]) -> None:
    for each in done:
        typer.echo(
            f"Événements {each['first']} à {each['last']} : {each['file']}, {each['removed']} retirés de la base."
        )
    if not done:
        typer.echo("Rien à archiver.")
