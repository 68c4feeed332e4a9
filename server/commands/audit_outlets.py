"""`dmp audit outlets`: how far each audit repository has got."""

from __future__ import annotations

import typer

from server.audit_cursors import Cursors
from server.commands import NOTHING_FOUND, Home, Json, answering, opened, show


def outlets(home: Home = None, as_json: Json = False) -> None:
    """Say how far each repository of the settings has got, and what went wrong last. Exit code 3 when there is none."""
    with answering(as_json), opened(home) as house:
        cursors, lines = Cursors(house.database), []
        for repository in map(str, house.settings.audit.repositories):
            cursor = cursors.get(repository)
            _, last = cursors.after(cursor.sequence, 0)
            lag = max(0, last - cursor.sequence)
            told = {"confirmed": cursor.sequence, "lag": lag, "error": cursor.error, "tried": cursor.tried}
            lines.append({"destination": repository, **told})
        show(as_json, lines, lambda: _print(lines))
        if not lines:
            raise typer.Exit(NOTHING_FOUND)


def _print(lines: list[dict[str, object]]) -> None:
    for line in lines:
        typer.echo(f"{line['destination']:40} {line['confirmed']:>10} confirmés, {line['lag']:>8} en attente")
        if line["tried"]:
            typer.echo(f"{'':40} {line['tried']}  {line['error'] or 'ok'}")
