"""`dmp patients history`: who did what in a DMP, whole or as somebody sees it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from audit.event import Outcome
from dmp.historique import PAGE, RESULTS, Line, Wanted, operator_reads_history
from dmp.historique_export import as_csv, as_paper, described
from dmp.sentences import Kind
from identities.alerts import Party
from identities.representation import PARIS
from identities.requester import Requester
from server.commands import Home, InsOid, Json, PatientIns, UsageError, answering, opened, operator, patient_id, show
from server.commands.names import PeopleFile, requester_of
from server.house import House, now
from server.printing import print_history

_VIEWS = {"patient": Party.PATIENT, "representant": Party.REPRESENTANT}

Day = Annotated[str | None, typer.Option(help="ISO 8601; time of Paris unless it says otherwise.", metavar="TIME")]


def history(
    patient: PatientIns,
    seen_by: Annotated[
        str | None,
        typer.Option(
            "--as-seen-by",
            help="patient, representant (the first in office), or a professional: a name of people.json, or an "
            "identifier. Default: everything.",
            metavar="WHO",
        ),
    ] = None,
    since: Day = None,
    until: Day = None,
    person: Annotated[str, typer.Option(help="Only what the person of that identifier did.", metavar="ID")] = "",
    kinds: Annotated[list[Kind] | None, typer.Option("--kind", help="Only acts of that kind.")] = None,
    after: Annotated[str, typer.Option(help="From behind the line of that id.", metavar="ID")] = "",
    limit: Annotated[int, typer.Option(help="How many lines at most.", min=1)] = PAGE,
    every: Annotated[bool, typer.Option("--all", help="Every line that is on line.")] = False,
    results: Annotated[
        list[str] | None, typer.Option("--result", help=f"Only acts with that result: {', '.join(RESULTS.values())}.")
    ] = None,
    as_csv_: Annotated[bool, typer.Option("--csv", help="CSV on standard output.")] = False,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Write a PDF to that file.", metavar="FILE")] = None,
    people: PeopleFile = None,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show the access history of a DMP, newest first: a year of it, or the last hundred traces."""
    with answering(as_json), opened(home) as house:
        wanted = Wanted(_instant(since), _instant(until), person, frozenset(kinds or ()), _outcomes(results or ()))
        view = _view(house, seen_by, people)
        known = patient_id(house, patient, ins_oid)
        page = operator_reads_history(house.gate, operator(), known, view, wanted, after, None if every else limit)
        if as_csv_:
            typer.echo(as_csv(page.lines), nl=False)
            return
        if pdf is not None:
            pdf.write_bytes(print_history(as_paper(page, wanted, now())))
            return
        value = {"lines": [described(line) for line in page.lines], "following": page.following}
        show(as_json, value, lambda: _print(page.lines, page.following))


def _view(house: House, seen_by: str | None, people: Path | None) -> Requester | Party | None:
    if seen_by is None:
        return None
    return _VIEWS.get(seen_by) or requester_of(house, people, seen_by)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"time: expected ISO 8601 such as 2026-01-31T08:00, got {text}") from None
    return (instant if instant.tzinfo else instant.replace(tzinfo=PARIS)).astimezone(UTC)


def _outcomes(results: Sequence[str]) -> frozenset[Outcome]:
    for each in results:
        if each not in RESULTS.values():
            raise UsageError(f"result: expected one of {', '.join(RESULTS.values())}, got {each}")
    return frozenset(outcome for outcome, text in RESULTS.items() if text in results)


def _print(lines: tuple[Line, ...], following: str) -> None:
    for line in lines:
        who = ", ".join(filter(None, (line.name, line.profession, line.structure)))
        how = f" [{line.circumstances}]" if line.circumstances else ""
        typer.echo(f"{line.instant.astimezone(PARIS):%d/%m/%Y %H:%M:%S}  {line.result:10} {who} {line.act}{how}")
        for document in line.documents:
            typer.echo(f"{'':33}{document.type} : {document.title} ({document.unique_id})")
    if following:
        typer.echo(f"Suite : --after {following}")
