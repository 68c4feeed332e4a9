"""What the commands of the audit log choose events by, and how they read them: a batch in a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from audit.event import Outcome
from audit.listing import AuditListings
from audit.selection import Period, Selection
from audit.store import AuditRecord, AuditStore
from audit.trace import About
from identities.requester import PatientId
from server.commands import UsageError
from server.house import House

BATCH = 500  # events read in one transaction: nobody waits for long to write
_NAMED = {"success": Outcome.SUCCESS, "refused": Outcome.MINOR_FAILURE, "unauthenticated": Outcome.SERIOUS_FAILURE}
OUTCOMES = {**_NAMED, "failed": Outcome.MAJOR_FAILURE}

OfPatient = Annotated[
    str | None,
    typer.Option(
        "--patient", help="INS of the patient, alone or as INS^^^&OID&ISO. Without it: of everybody.", metavar="INS"
    ),
]
OfRequester = Annotated[str, typer.Option("--requester", help="Identifier of who asked.", metavar="ID")]
OfStructure = Annotated[str, typer.Option("--structure", help="Struct_IdNat of their structure.", metavar="ID")]
OfTransaction = Annotated[
    str, typer.Option("--transaction", help="A transaction or an action: ITI-43, TD3.2 ...", metavar="NAME")
]
OfOutcome = Annotated[str | None, typer.Option("--outcome", help=f"{', '.join(OUTCOMES)}, or 0, 4, 8, 12.")]
OfRule = Annotated[str, typer.Option("--rule", help="Name of the rule that decided.", metavar="NAME")]
Since = Annotated[str | None, typer.Option("--since", help="ISO 8601; UTC unless it says otherwise.", metavar="TIME")]
Until = Annotated[str | None, typer.Option("--until", help="The same; it does not belong.", metavar="TIME")]


def about(house: House, patient: PatientId) -> About:
    """A patient by every identifier, with the DMPs that were merged into theirs."""
    with house.rooms() as rooms:
        dossier = rooms.identities.dossier(patient)
        if dossier is None:
            return About((), (patient,))
        return About(rooms.identities.lineage(dossier.key), tuple({patient, *dossier.identifiers}))


def newest(house: House, selection: Selection, *, limit: int) -> tuple[AuditRecord, ...]:
    """The last `limit` events, newest first."""
    with house.database.transaction() as connection:
        return AuditListings(connection).newest(selection, limit=limit)


def stream(house: House, selection: Selection) -> Iterator[AuditRecord]:
    """The events that there are now, oldest first, whatever is written meanwhile."""
    with house.database.transaction() as connection:
        last = AuditStore(connection).head().size
    after = 0
    while True:
        with house.database.transaction() as connection:
            batch = AuditListings(connection).following(selection, after=after, last=last, limit=BATCH)
        yield from batch
        if len(batch) < BATCH:
            return
        after = batch[-1].sequence


def narrowed(selection: Selection, since: str | None, until: str | None, outcome: str | None) -> Selection:
    """`selection` with what was typed of period and outcome. Raises UsageError."""
    period, wanted = Period(_instant(since), _instant(until)), _outcome(outcome)
    return replace(selection, happened=(period,), outcomes=None if wanted is None else frozenset({wanted}))


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
    known = {**OUTCOMES, **{str(each.value): each for each in Outcome}}
    if text not in known:
        raise UsageError(f"outcome: expected one of {', '.join(known)}, got {text}")
    return known[text]
