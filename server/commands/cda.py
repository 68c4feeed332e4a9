"""`dmp cda`: CDA documents in files, without a server."""

from __future__ import annotations

import typer

from server.commands.cda_metadata import metadata
from server.commands.cda_render import render
from server.commands.cda_sign import sign, verify
from server.commands.cda_validate import validate_files
from server.commands.cda_wrap import wrap

app = typer.Typer(no_args_is_help=True, help="CDA documents in files, without a server.")
app.command("validate")(validate_files)
app.command("render")(render)
app.command("metadata")(metadata)
app.command("wrap")(wrap)
app.command("sign")(sign)
app.command("verify")(verify)
