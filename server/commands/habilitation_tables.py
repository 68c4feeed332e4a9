"""`dmp habilitations check`, `diff` and `show`: the tables of rights themselves, before and while they decide."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from habilitations.comparison import Answer, Change, answers, changes, granted
from habilitations.decision import InForce, Tables
from habilitations.labels import document_types, professions, specialties, type_label, who_label
from habilitations.matrices import FOLDER, DroitsFonctionnels, Matrice, MatriceRow, Nature, load_matrice
from habilitations.table_file import MatriceError, read_day
from habilitations.versions import check, civil_date
from server.commands import FAILED, Home, Json, UsageError, answering, settings_of, show
from server.house import now

_NATURES = {Nature.PARTIELLE: "partielle", Nature.COMPLETE: "complète", Nature.SYNTHETIQUE: "synthétique"}

Table = Annotated[Path, typer.Argument(help="A matrix: a file, or the name of a shipped one.", show_default=False)]


def check_files(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Tables: functional rights where the name begins with droits_fonctionnels, else matrices.",
            show_default=False,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Check tables before they are dropped in: each by itself, and that no two have one date or one version.

    Exit code 1 when one is refused; file, line, what was expected and what came are said for each.
    """
    found = check(files)
    refused = any(isinstance(each, MatriceError) for each in found)
    value = {
        "sound": not refused,
        "files": [_checked(path, each) for path, each in zip(files, found, strict=True)],
    }
    show(as_json, value, lambda: _print_checked(files, found))
    if refused:
        raise typer.Exit(FAILED)


def diff_matrices(old: Table, new: Table, as_json: Json = False) -> None:
    """Show the cells whose answer changes from one matrix to another, by profession and document type.

    A cell without row is a no. Exit code 0, whether cells change or not.
    """
    with answering(as_json):
        before, after = load_matrice(_file(old)), load_matrice(_file(new))
        found = changes(before, after)
        value = {"old": _matrice(before), "new": _matrice(after), "changes": [_change(each) for each in found]}
        show(as_json, value, lambda: _print_changes(before, after, found))


def show_tables(
    profession: Annotated[
        str | None, typer.Option(help="Only this profession, a code of TRE_G15.", metavar="CODE")
    ] = None,
    type_code: Annotated[
        str | None, typer.Option("--type", help="Only what decides about this typeCode.", metavar="CODE")
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="The civil date of Paris, YYYY-MM-DD. Default: today.", metavar="DATE")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show which tables are known, which are in force at a date, and the cells of that matrix.

    A running server knows the tables that were there when it started.
    """
    with answering(as_json):
        day = _day(at)
        _known("profession", profession, professions())
        _known("type", type_code, document_types())
        settings = settings_of(home)
        tables = Tables.load(settings.matrice, folder=settings.habilitations)
        standing = tables.on(day)
        cells = answers(standing.matrice, profession, type_code)
        value = {
            "at": day,
            "in_force": _matrice(standing.matrice) if standing.matrice in tables.matrices else None,
            "versions": [_matrice(each) for each in tables.matrices],
            "functional_rights": _droits(standing.droits) if standing.droits in tables.droits else None,
            "functional_rights_versions": [_droits(each) for each in tables.droits],
            "cells": [_answer(each) for each in cells],
        }
        show(as_json, value, lambda: _print_tables(tables, standing, day, cells, everybody=profession is None))


def _day(text: str | None) -> date:
    if text is None:
        return civil_date(now())
    day = read_day(text)
    if day is None:
        raise UsageError(f"at : attendu une date AAAA-MM-JJ ; reçu {text or 'rien'}")
    return day


def _known(name: str, code: str | None, codes: Any) -> None:
    if code is not None and code not in codes:
        table = "de TRE_G15 (table subject_role)" if name == "profession" else "de la table type_document"
        raise UsageError(f"{name} : attendu un code {table} ; reçu {code or 'rien'}")


def _file(path: Path) -> Path:
    """The file meant: a shipped table when there is no such file here."""
    shipped = FOLDER / path.name
    return shipped if not path.exists() and path.parent == Path() and shipped.is_file() else path


def _matrice(matrice: Matrice) -> dict[str, Any]:
    return {
        "file": matrice.name,
        "version": matrice.version,
        "date": matrice.date,
        "nature": matrice.nature.value,
        "source": matrice.source,
        "professions": len({profession for profession, _ in matrice.rows}),
        "types": len({kind for rows in matrice.rows.values() for kind in rows}),
        "cells": sum(len(rows) for rows in matrice.rows.values()),
    }


def _droits(droits: DroitsFonctionnels) -> dict[str, Any]:
    return {"date": droits.date, "versions": dict(droits.versions)}


def _place(cell: Answer | Change) -> dict[str, Any]:
    return {
        "profession": cell.profession,
        "profession_label": professions().get(cell.profession, ""),
        "specialite": cell.specialite,
        "specialite_label": specialties().get(cell.specialite, ""),
        "type": cell.type_document,
        "type_label": type_label(cell.type_document),
    }


def _answer(cell: Answer) -> dict[str, Any]:
    row = cell.row
    said = {"row": row.type_document, "statut": row.statut.value, "source": row.source, "line": row.line} if row else {}
    return {**_place(cell), "consultation": _word(row), **said}


def _change(change: Change) -> dict[str, Any]:
    lines = {
        "old_line": change.before.line if change.before else 0,
        "new_line": change.after.line if change.after else 0,
    }
    return {**_place(change), "old": _word(change.before), "new": _word(change.after), **lines}


def _word(row: MatriceRow | None) -> str:
    if row is None:
        return "aucune ligne"
    return "oui" if granted(row) else "non"


def _checked(path: Path, found: Matrice | DroitsFonctionnels | MatriceError) -> dict[str, Any]:
    if isinstance(found, MatriceError):
        said = {"line": found.line, "expected": found.attendu, "got": found.recu, "message": found.french}
        return {"file": str(path), "sound": False, **said}
    if isinstance(found, Matrice):
        return {**_matrice(found), "file": str(path), "sound": True, "kind": "matrice"}
    return {**_droits(found), "file": str(path), "sound": True, "kind": "droits_fonctionnels"}


def _print_checked(files: Sequence[Path], found: Sequence[Matrice | DroitsFonctionnels | MatriceError]) -> None:
    for path, each in zip(files, found, strict=True):
        if isinstance(each, MatriceError):
            typer.echo(f"REFUSÉE  {each.french}")
        elif isinstance(each, Matrice):
            typer.echo(f"valide   {path.name} : {_described(each)}, {_matrice(each)['cells']} lignes")
        else:
            typer.echo(f"valide   {path.name} : droits fonctionnels {_sheets(each)}, en vigueur le {each.date}")


def _described(matrice: Matrice) -> str:
    return f"matrice {_NATURES[matrice.nature]} {matrice.version}, en vigueur le {matrice.date}"


def _sheets(droits: DroitsFonctionnels) -> str:
    return ", ".join(droits.versions.values())


def _print_changes(old: Matrice, new: Matrice, found: Sequence[Change]) -> None:
    typer.echo(f"- {old.name} : {_described(old)}\n+ {new.name} : {_described(new)}")
    for who, cells in groupby(found, key=lambda each: (each.profession, each.specialite)):
        typer.echo(f"\n{who_label(*who)}")
        for each in cells:
            label = f"{each.type_document:18} {type_label(each.type_document):60}"
            typer.echo(f"  {'+' if each.opens else '-'} {label} {_word(each.before)} -> {_word(each.after)}")
    opened = sum(each.opens for each in found)
    typer.echo(f"\nCellules qui changent : {len(found)} (ouvertes : {opened}, fermées : {len(found) - opened}).")


def _print_tables(tables: Tables, standing: InForce, day: date, cells: Sequence[Answer], *, everybody: bool) -> None:
    typer.echo(f"Tables connues (* : en vigueur le {day}, date civile de Paris)")
    for matrice in tables.matrices:
        mark = "*" if matrice is standing.matrice else " "
        typer.echo(f"{mark} {matrice.date}  matrice {_NATURES[matrice.nature]} {matrice.version} ({matrice.name})")
    for droits in tables.droits:
        mark = "*" if droits is standing.droits else " "
        typer.echo(f"{mark} {droits.date}  droits fonctionnels {_sheets(droits)}")
    if standing.matrice not in tables.matrices:
        typer.echo(f"\nAucune matrice n'est en vigueur le {day} : personne ne consulte rien.")
    for who, rows in groupby(cells, key=lambda each: (each.profession, each.specialite)):
        typer.echo(f"\n{who_label(*who)}")
        for each in rows:
            typer.echo(f"  {each.type_document:18} {type_label(each.type_document):72} {_why(each)}")
    if everybody:
        typer.echo("\nToute autre profession : aucune ligne, refus par défaut.")


def _why(cell: Answer) -> str:
    if cell.row is None:
        return "non  aucune ligne : refus par défaut"
    by = "" if cell.row.type_document == cell.type_document else f", ligne {cell.row.type_document}"
    return f"{_word(cell.row)}  {cell.row.statut.value}{by} (ligne {cell.row.line} du fichier)"
