"""`dmp`, the one command.

Exit codes: 0 done, 1 failed or refused, 2 unusable settings or arguments, 3 nothing found.
"""

from __future__ import annotations

import typer

from conformance.lps.commands import app as lps
from server.commands import audit, demo, directory, habilitations, patients
from server.commands.migrate import migrate
from server.commands.serve import serve

app = typer.Typer(
    name="dmp",
    help="An open DMP: IHE XDS.b registry and repository under the French habilitation rules.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(serve)
app.command("migrate")(migrate)
app.command("demo")(demo.demo)
app.add_typer(patients.app, name="patients")
app.add_typer(directory.app, name="directory")
app.add_typer(audit.app, name="audit")
app.add_typer(habilitations.app, name="habilitations")
app.add_typer(lps, name="lps")


def main() -> None:
    """The entry point of the command."""
    app()


if __name__ == "__main__":
    main()
