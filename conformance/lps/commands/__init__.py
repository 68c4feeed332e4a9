"""`dmp lps`: the simulated practice software at the command line, one command for each transaction of the DMP.

Exit codes: 0 done, 1 refused or failed by the server, 2 unusable arguments or files, 3 nothing found.
"""

from __future__ import annotations

import typer

from conformance.lps.commands import attributes, documents, dossiers, hl7, services, web

app = typer.Typer(
    help="Simulated practice software (LPS): every transaction of the DMP. Each command answers to the name of its "
    "transaction, too: `dmp lps td0.2` is `dmp lps existence`.",
    no_args_is_help=True,
)
for part in (documents, dossiers, services, attributes, web):
    app.registered_commands += part.app.registered_commands
app.add_typer(hl7.app, name="hl7")
