"""`dmp directory`: professionals and structures, as the operator loads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from server.commands import Home, Json, answering, opened, operator, show
from server.house import own_event
from server.people import read_people

app = typer.Typer(help="The directory of professionals and structures.", no_args_is_help=True)

ACT = "habilitations"  # who may act at all: a change of the security configuration, DICOM PS3.15 A.5.3.11


@app.command("import")
def import_people(
    file: Annotated[Path, typer.Argument(help="people.json: who there is, replaced where known already.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Add or replace professionals and structures, all or none."""
    with answering(as_json), opened(home) as house:
        people = read_people(file)
        with house.rooms() as rooms:
            quiet = as_json or len(people.professionals) < 1000
            for structure in people.structures:
                rooms.identities.save_structure(structure)
            for professional in track(people.professionals, "Annuaire", disable=quiet, console=Console(stderr=True)):
                rooms.identities.save_professional(professional)
            rooms.trail.append(own_event("operator", ACT, operator()))
        counts = {"professionals": len(people.professionals), "structures": len(people.structures)}
        text = f"{counts['professionals']} professionnels et {counts['structures']} structures enregistrés."
        show(as_json, counts, lambda: typer.echo(text))


@app.command("list")
def list_people(home: Home = None, as_json: Json = False) -> None:
    """Show the directory."""
    with answering(as_json), opened(home) as house:
        with house.rooms() as rooms:
            structures, professionals = rooms.identities.structures(), rooms.identities.professionals()
        table = Table("Identifiant", "Nom", "Profession", "Spécialité", "Structures / modes", box=None)
        for structure in structures:
            modes = ", ".join(sorted(mode.value for mode in structure.modes))
            table.add_row(structure.structure_id, structure.name, "structure", structure.sector, modes)
        for person in professionals:
            name = f"{person.family} {person.given}"
            table.add_row(person.id_nat, name, person.profession, person.specialty, ", ".join(person.structures))
        value = {"structures": structures, "professionals": professionals}
        show(as_json, value, lambda: Console(soft_wrap=True).print(table))
