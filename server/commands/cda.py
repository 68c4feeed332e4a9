"""`dmp cda`: CDA documents in files, without a server."""

from __future__ import annotations

import typer

from server.commands.cda_validate import validate_files

app = typer.Typer(help="CDA R2 documents: validate.", no_args_is_help=True)
app.command("validate")(validate_files)


@app.callback()
def documents() -> None:
    """CDA R2 documents, in files."""
