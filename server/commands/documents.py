"""`dmp documents`: the bytes of documents on this server's disk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

import typer

from server.commands import Home, Json, answering, opened, show
from server.house import House, now

app = typer.Typer(no_args_is_help=True, help="The bytes of documents on this server's disk.")

MIN_HOURS = 1.0  # longer than any request takes: what is younger may belong to one that is still under way


@app.callback()
def _documents() -> None:
    """Stands for the group, so that its one command is still called by its name."""


@app.command()
def sweep(
    home: Home = None,
    hours: Annotated[float, typer.Option(help="Spare what was written in the last hours.", min=MIN_HOURS)] = 24.0,
    as_json: Json = False,
) -> None:
    """Remove the bytes that belong to no document: uploads that a crash cut short, contents that nothing names.

    Can run at any time beside the server.
    """
    with answering(as_json), opened(home) as house:
        incoming, kept = swept(house, timedelta(hours=hours))
        show(as_json, {"incoming": incoming, "kept": kept}, lambda: _print(incoming, kept))


def swept(house: House, age: timedelta) -> tuple[int, int]:
    """Sweeps; how many uploads cut short and how many contents that nothing names were removed.

    The long part looks only; what it found is removed in a transaction that holds off whoever records documents, unless
    it was kept again meanwhile.
    """
    older_than = now() - age
    incoming = house.files.sweep(older_than)
    orphans = house.files.orphans(_addresses(house), older_than)
    if not orphans:
        return incoming, 0
    with house.rooms() as rooms:
        rooms.documents.hold()
        return incoming, house.files.sweep_kept(orphans, older_than)


def _addresses(house: House) -> Iterator[str]:
    """The SHA-256 of every document. One that is recorded meanwhile is too young to be swept."""
    last = ("", "")
    while True:
        with house.rooms() as rooms:
            page = rooms.documents.page(last)
        if not page:
            return
        yield from (address for _, _, address in page)
        last = page[-1][:2]


def _print(incoming: int, kept: int) -> None:
    typer.echo(f"{incoming} dépôt(s) interrompu(s) et {kept} contenu(s) sans document supprimés.")
