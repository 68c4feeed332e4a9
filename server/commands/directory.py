"""`dmp directory`: professionals and structures, as the operator or the Annuaire Santé tells them."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from identities.professional import Activity, Exercice, Professional, Structure
from server.annuaire_sante import ACT, Report, import_extraction
from server.commands import FAILED, Home, Json, NotFoundError, answering, opened, operator, show
from server.directory_check import Trouble, troubles
from server.house import House, own_event
from server.people import read_people

app = typer.Typer(help="The directory of professionals and structures.", no_args_is_help=True)

_TOLD = 20  # refused lines that people are shown
_MOST_TROUBLES = 1000  # told one by one


class Format(StrEnum):
    """What a file says who there is in."""

    PEOPLE = "people"
    ANNUAIRE = "annuaire"


@app.command("import")
def import_people(
    file: Annotated[
        Path, typer.Argument(help="people.json; or an extraction of the Annuaire Santé: its file, ZIP or folder.")
    ],
    form: Annotated[
        Format | None, typer.Option("--format", help="Default: people for a .json file, else annuaire.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="An excerpt of an extraction: what it does not list goes on.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse lines of an extraction whose identifiers have a wrong key.")
    ] = False,
    end_many: Annotated[
        bool, typer.Option("--end-many", help="Take a full extraction although more than a tenth is missing from it.")
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Add or replace professionals and structures: of people.json all or none, of an extraction batch by batch.

    A full extraction ends what it lists no longer; nothing is deleted. Interrupted, it is imported again.
    """
    with answering(as_json), opened(home) as house:
        if (form or (Format.PEOPLE if file.suffix == ".json" else Format.ANNUAIRE)) is Format.PEOPLE:
            _import_file(house, file, as_json)
            return
        with Console(stderr=True, quiet=as_json).status("Annuaire Santé") as status:
            read = 0

            def progress(lines: int) -> None:
                nonlocal read
                read += lines
                status.update(f"Annuaire Santé : {read} lignes")

            report = import_extraction(
                house, file, operator(), partial=partial, strict=strict, end_many=end_many, progress=progress
            )
        show(as_json, report, lambda: _print(report))


def _import_file(house: House, file: Path, as_json: bool) -> None:
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


def _print(report: Report) -> None:
    for name, lines in report.lines.items():
        typer.echo(f"{name} : {lines} lignes")
    table = Table("", "Ajoutés", "Modifiés", "Terminés", "Inchangés", box=None)
    for label, tally in (
        ("Professionnels", report.professionals),
        ("Structures", report.structures),
        ("Liens", report.links),
    ):
        table.add_row(label, *map(str, (tally.added, tally.changed, tally.ended, tally.same)))
    Console(soft_wrap=True).print(table)
    typer.echo(f"Activités sans identifiant de structure : {report.without_structure}")
    typer.echo(f"Lignes refusées : {report.refused}")
    for refusal in report.refusals[:_TOLD]:
        typer.echo(f"  {refusal.file}, line {refusal.line}: expected {refusal.expected}, got {refusal.got}")
    typer.echo(f"{report.seconds:.1f} s, {report.lines_per_second} lignes/s")


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


@app.command("show")
def show_one(
    identifier: Annotated[str, typer.Argument(help="PS_IdNat of a professional or Struct_IdNat of a structure.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show what the directory knows of one professional or structure, what has ended included."""
    with answering(as_json), opened(home) as house:
        with house.rooms() as rooms:
            person, structure = rooms.identities.professional(identifier), rooms.identities.structure(identifier)
            activities = rooms.identities.activities(identifier)
        if person is None and structure is None:
            raise NotFoundError(f"directory: expected a professional or structure of it, got {identifier}")
        known = asdict(person) | {"activities": activities} if person else None
        value = {"professional": known, "structure": structure}
        show(as_json, value, lambda: _print_one(person, activities, structure))


def _print_one(person: Professional | None, activities: tuple[Activity, ...], structure: Structure | None) -> None:
    table = Table(box=None, show_header=False)
    if person:
        table.add_row("Professionnel", f"{person.family} {person.given} ({person.id_nat})", _state(person.active))
        for each in sorted(person.exercices) or [Exercice(person.profession, person.specialty)]:
            table.add_row("Profession", each.profession, each.savoir_faire)
        for activity in activities:
            when = f"terminée le {activity.ended:%Y-%m-%d}" if activity.ended else "en cours"
            table.add_row("Activité", activity.structure_id, " ".join(sorted(activity.sectors | activity.modes)), when)
    if structure:
        modes = ", ".join(sorted(mode.value for mode in structure.modes))
        table.add_row("Structure", f"{structure.name} ({structure.structure_id})", _state(structure.active))
        table.add_row("Secteur", structure.sector, modes)
    Console(soft_wrap=True).print(table)


def _state(active: bool) -> str:
    return "active" if active else "inactive"


@app.command("check")
def check(home: Home = None, as_json: Json = False) -> None:
    """Look for rows that no decision should rest on. Exit code 1 when there are errors, warnings or not."""
    with answering(as_json), opened(home) as house:
        counts = {"error": 0, "warning": 0}
        told: list[Trouble] = []
        for trouble in troubles(house):
            counts[trouble.severity] += 1
            if len(told) < _MOST_TROUBLES:
                told.append(trouble)
        value = {"errors": counts["error"], "warnings": counts["warning"], "troubles": told}
        show(as_json, value, lambda: _print_troubles(counts, told))
        if counts["error"]:
            raise typer.Exit(FAILED)


def _print_troubles(counts: dict[str, int], told: list[Trouble]) -> None:
    for each in told:
        typer.echo(f"{each.severity}: {each.identifier}: expected {each.expected}, got {each.got}")
    typer.echo(f"{counts['error']} erreurs, {counts['warning']} avertissements.")
