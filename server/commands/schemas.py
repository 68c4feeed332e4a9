"""`dmp schemas`: packages of schemas that an operator installs beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cda.official.installing import install, installed
from cda.official.package import Package, PackageError
from server.commands import FAILED, Home, Json, NotFoundError, UsageError, answering, settings_of, show

app = typer.Typer(help="Official packages of schemas: install, show.", no_args_is_help=True)


@app.callback()
def packages() -> None:
    """Official packages of schemas (ANS: XSD, XSLT 2 Schematron, value sets)."""


@app.command("install")
def install_package(
    source: Annotated[
        Path,
        typer.Argument(metavar="DIR|ZIP", help="The package as ANS publishes it (TestContenuCDA).", show_default=False),
    ],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Register a package below the home, in the place of the one before it.

    `dmp cda validate --official` then shows its verdicts beside ours.
    """
    with answering(as_json):
        folder = settings_of(home).home / "schemas"
        if not source.exists():
            raise UsageError(f"{source} : attendu un dossier ou un fichier ZIP")
        try:
            package = install(source, folder)
        except (PackageError, OSError) as error:
            _refuse(as_json, str(error))
        else:
            show(as_json, _value(package), lambda: _print(package))


@app.command("show")
def show_package(home: Home = None, as_json: Json = False) -> None:
    """Show the package that is registered. Exit code 3 when there is none."""
    with answering(as_json):
        package = installed(settings_of(home).home / "schemas")
        if package is None:
            raise NotFoundError("paquet : attendu un paquet installé (dmp schemas install), il n'y en a pas")
        show(as_json, _value(package), lambda: _print(package))


def _refuse(as_json: bool, text: str) -> None:
    said = {"error": {"status": FAILED, "code": "Failed", "context": text}}
    show(as_json, said, lambda: typer.echo(f"dmp: {text}", err=True))
    raise typer.Exit(FAILED)


def _value(package: Package) -> dict[str, object]:
    return {
        "digest": package.digest,
        "files": len(package.files),
        "schema": package.schema.name if package.schema else None,
        "schematrons": [path.name for path in package.schematrons],
        "value_sets": package.value_sets,
    }


def _print(package: Package) -> None:
    value = _value(package)
    typer.echo(f"paquet           {str(value['digest'])[:16]}, {value['files']} fichiers")
    typer.echo(f"XSD              {value['schema'] or 'aucun'}")
    typer.echo(f"schématrons      {len(package.schematrons)}")
    typer.echo(f"jeux de valeurs  {value['value_sets']}")
