"""`dmp`, the one command.

Exit codes: 0 done, 1 failed or refused, 2 unusable settings or arguments, 3 nothing found.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable

import typer
from typer.exceptions import TyperException

HELP = "An open DMP: IHE XDS.b registry and repository under the French habilitation rules."
EXIT_CODES = "Exit codes: 0 done, 1 failed or refused, 2 unusable settings or arguments, 3 nothing found."
# What each name stands for: a module and the function or group of commands in it.
COMMANDS = {
    "serve": ("server.commands.serve", "serve"),
    "migrate": ("server.commands.migrate", "migrate"),
    "demo": ("server.commands.demo", "demo"),
    "patients": ("server.commands.patients", "app"),
    "directory": ("server.commands.directory", "app"),
    "audit": ("server.commands.audit", "app"),
    "documents": ("server.commands.documents", "app"),
    "habilitations": ("server.commands.habilitations", "app"),
    "cda": ("server.commands.cda", "app"),
    "schemas": ("server.commands.schemas", "app"),
    "xdm": ("server.commands.xdm", "app"),
    "hl7": ("conformance.lps.commands.hl7", "watching"),
    "lps": ("conformance.lps.commands", "app"),
}


def build(name: str | None = None) -> typer.Typer:
    """The command with everything under it, or with `name` only: importing the rest takes most of a short command."""
    app = typer.Typer(name="dmp", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
    app.callback(help=HELP, epilog=EXIT_CODES)(_dmp)
    for each in [name] if name in COMMANDS else COMMANDS:
        module, attribute = COMMANDS[each]
        found: typer.Typer | Callable[..., None] = getattr(importlib.import_module(module), attribute)
        if isinstance(found, typer.Typer):
            _say_exit_codes(found)
            app.add_typer(found, name=each, epilog=EXIT_CODES)
        else:
            app.command(each, epilog=EXIT_CODES)(found)
    return app


def _say_exit_codes(group: typer.Typer) -> None:
    for command in group.registered_commands:
        command.epilog = EXIT_CODES
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            _say_exit_codes(inner.typer_instance)


def _dmp() -> None:
    """Stands for the command without a subcommand, so that one subcommand alone is still called by its name."""


def main() -> None:
    """The entry point of the command. What it writes holds health data: nobody else on the machine reads it."""
    os.umask(0o077)
    arguments = sys.argv[1:]
    app = build(next(iter(arguments), None))
    if "--json" not in arguments:
        app()
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except TyperException as error:  # the arguments could not be read: whoever reads JSON is told in JSON
        said = {"status": error.exit_code, "code": "Usage", "context": error.format_message()}
        sys.stdout.write(json.dumps({"error": said}, ensure_ascii=False) + "\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
